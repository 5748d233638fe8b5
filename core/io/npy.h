/*
 * io/npy.h - writing NumPy's .npy, version 1.0, and .npz (reading: tensor_file.h).
 * Format: numpy.lib.format. bfloat16 and blocks are no types of it.
 */
#ifndef IO_NPY_H
#define IO_NPY_H

#include "io/tensor_file.h"
#include "util/str.h"

bool npy_has_type(dtype t);
const char *npy_type_name(dtype t); /* "f4"; NULL: it has not */

/* Writes data in C order; data is host order (little endian). */
status npy_write(const char *path, dtype type, const int64_t *shape, int n_dims, const void *data,
                 diags *d);

/* What stands before the data of an array in the file; append to b. */
void npy_add_header(strbuf *b, dtype type, const int64_t *shape, int n_dims);

/* What reader and writer of .npz share. */
enum { NPZ_MAX_MEMBERS = 4096, NPZ_MAX_NAME = 1024 };
/* The record that ends the directory, and the bytes among which it stands. */
enum { NPZ_END = 22, NPZ_TAIL = NPZ_END + 65535 };
/* Does the archive with these last NPZ_TAIL bytes have a directory? */
status npz_check_tail(const char *path, const char *tail, diags *d);
/* What is wrong with the name of a member, NULL if nothing is. */
const char *npz_check_name(const char *member);

/* Writes the tensors as members NAME.npy, not compressed, in the given order; equal content
 * gives equal bytes. Names are unique. ERR_INPUT: more or other names than are read. */
status npz_write(const char *path, const named_tensor *tensors, int n, diags *d);

#endif
