/*
 * io/safetensors.h - writing safetensors files (reading: tensor_file.h).
 * Format: 8 bytes header length, a JSON header, the data of the tensors without
 * gaps (github.com/huggingface/safetensors). Texts stand in the header as
 * `__metadata__`.
 */
#ifndef IO_SAFETENSORS_H
#define IO_SAFETENSORS_H

#include "io/tensor_file.h"

/* Writes tensors in the order of their names and texts in that of their keys (the
 * arrays are sorted), with nothing else in the file: equal content gives equal
 * bytes. Names are UTF-8; two equal ones are ERR_INPUT. sha256: of the file. */
status safetensors_write_tensors(const char *path, named_tensor *tensors, int n, named_text *texts,
                                 int n_texts, diags *d, char sha256[65], int64_t *bytes);

/* The same with checks and `parity` blocks of parity a stripe, 0 .. 32, as one more
 * tensor, __integrity__, the last one (io/integrity.h). */
status safetensors_write_checked(const char *path, named_tensor *tensors, int n, named_text *texts,
                                 int n_texts, int parity, diags *d, char sha256[65],
                                 int64_t *bytes);

/* The same, without, for float32 tensors alone. */
typedef struct named_floats {
    const char *name;
    int n_dims;
    int64_t shape[TENSOR_MAX_DIMS];
    const float *data; /* product of shape */
} named_floats;
status safetensors_write(const char *path, const named_floats *tensors, int n, diags *d,
                         char sha256[65], int64_t *bytes);

#endif
