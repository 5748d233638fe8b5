/*
 * io/npy.h - writing NumPy's .npy, version 1.0 (reading: tensor_file.h).
 * Format: numpy.lib.format.
 */
#ifndef IO_NPY_H
#define IO_NPY_H

#include "io/tensor_file.h"

/* Writes DTYPE_F32, DTYPE_I32 or DTYPE_U8 data in C order; data is host order (little endian). */
status npy_write(const char *path, dtype type, const int64_t *shape, int n_dims, const void *data,
                 diags *d);

#endif
