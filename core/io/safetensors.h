/*
 * io/safetensors.h - writing safetensors files (reading: tensor_file.h).
 * Format: 8 bytes header length, a JSON header, the data of the tensors without
 * gaps (github.com/huggingface/safetensors). Texts stand in the header as
 * `__metadata__`.
 */
#ifndef IO_SAFETENSORS_H
#define IO_SAFETENSORS_H

#include "io/tensor_file.h"

/* What reader and writer share. */
enum {
    SAFETENSORS_MAX_HEADER = 16 << 20, /* bytes */
    SAFETENSORS_MAX_TENSORS = 65536,
    SAFETENSORS_MAX_TEXTS = 65536,
    SAFETENSORS_MAX_NAME = 1024 /* bytes */
};

/* Bytes that a file should have by its header, of which `n` are there; 0: it does not say.
 * *least: the header itself is cut off, there would be more. */
int64_t safetensors_size(const char *bytes, int64_t n, bool *least);

/* Names of the tensors of such a file, in its header's order, that have bytes behind `n`; free()
 * each and the list. The header itself is there. */
char **safetensors_behind(const char *bytes, int64_t n, int *count);

/* Can so many tensors be written? */
status safetensors_check_count(const char *path, int64_t n, diags *d);

/* Bytes that the header would have, without its padding; 0: a name or a text is not UTF-8. */
int64_t safetensors_header_bytes(const named_tensor *tensors, int n, const named_text *texts,
                                 int n_texts);

/* Writes tensors in the order of their names and texts in that of their keys, with nothing else
 * in the file: equal content gives equal bytes. Names are UTF-8; two equal ones, and more than is
 * read, are ERR_INPUT before anything is written. sha256: of the file. */
status safetensors_write_tensors(const char *path, const named_tensor *tensors, int n,
                                 const named_text *texts, int n_texts, diags *d, char sha256[65],
                                 int64_t *bytes);

/* The same with checks and `parity` blocks of parity a stripe, 0 .. 32, as one more
 * tensor, __integrity__, the last one (io/integrity.h). */
status safetensors_write_checked(const char *path, const named_tensor *tensors, int n,
                                 const named_text *texts, int n_texts, int parity, diags *d,
                                 char sha256[65], int64_t *bytes);

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
