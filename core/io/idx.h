/*
 * io/idx.h - the IDX format of MNIST, plain or gzip-compressed.
 * Format: yann.lecun.com/exdb/mnist, big endian.
 */
#ifndef IO_IDX_H
#define IO_IDX_H

#include <stdint.h>

#include "util/err.h"

enum { IDX_MAX_DIMS = 4 };

typedef struct idx_array {
    int n_dims;
    int64_t shape[IDX_MAX_DIMS];
    int64_t n;     /* elements */
    uint8_t *data; /* unsigned bytes; the other element types are not read */
} idx_array;

/* Reads the header alone: shape and n, no data. */
status idx_read_shape(const char *path, diags *d, idx_array *a);

/* Reads a whole file; errors are ERR_INPUT. idx_free() */
status idx_read(const char *path, diags *d, idx_array *a);
void idx_free(idx_array *a);

#endif
