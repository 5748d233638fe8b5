/*
 * io/safetensors.h - writing safetensors files (reading: tensor_file.h).
 * Format: 8 bytes header length, a JSON header, the data of the tensors without
 * gaps (github.com/huggingface/safetensors).
 */
#ifndef IO_SAFETENSORS_H
#define IO_SAFETENSORS_H

#include "io/tensor_file.h"

typedef struct named_floats {
    const char *name;
    int n_dims;
    int64_t shape[TENSOR_MAX_DIMS];
    const float *data; /* product of shape */
} named_floats;

/* Writes float32 tensors in the order of their names (the array is sorted), with
 * nothing else in the file: equal tensors give equal bytes. sha256: of the file. */
status safetensors_write(const char *path, named_floats *tensors, int n, diags *d, char sha256[65],
                         int64_t *bytes);

#endif
