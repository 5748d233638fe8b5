/*
 * io/idx.h - the IDX format of MNIST, plain or gzip-compressed.
 * Format: yann.lecun.com/exdb/mnist, big endian; elements are bytes (unsigned, signed), int16,
 * int32, float32 or float64.
 */
#ifndef IO_IDX_H
#define IO_IDX_H

#include "io/tensor_file.h"

enum { IDX_MAX_DIMS = 4 };

/* Reads a whole file as a file of one tensor; errors are ERR_INPUT. tensor_file_close() */
status idx_read(const char *path, diags *d, tensor_file *f);
/* The same of a file that is in memory: f->path and f->bytes, which become those of the elements
 * where they were compressed. */
status idx_parse(tensor_file *f, diags *d);

#endif
