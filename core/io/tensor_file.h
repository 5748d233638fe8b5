/*
 * io/tensor_file.h - named tensors in a file: .safetensors, .gguf, .npz and .npy.
 *
 * A file is read whole; `data` of a tensor points into it. Nothing a file
 * declares is believed before the bytes for it are known to be there. All errors
 * are ERR_INPUT and name file and tensor. A safetensors file with checks
 * (io/integrity.h) is compared with them first, and refused if it is damaged; where only
 * parity or checks are, and the rest is proven whole, that is a warning.
 */
#ifndef IO_TENSOR_FILE_H
#define IO_TENSOR_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "io/dtype.h"
#include "util/err.h"

enum { TENSOR_MAX_DIMS = 8 };

typedef struct tensor_entry {
    char *name;
    dtype type;
    int n_dims;
    int64_t shape[TENSOR_MAX_DIMS];
    int64_t n;           /* elements; 1 for n_dims 0       */
    const uint8_t *data; /* dtype_size(type, n) bytes, unaligned */
    bool fortran;        /* the first index runs fastest   */
    bool big_endian;
} tensor_entry;

/* A text that stands beside the tensors: __metadata__ of safetensors. */
typedef struct named_text {
    const char *key, *value;
} named_text;

typedef struct tensor_file {
    char *path;
    const char *format; /* "safetensors", "gguf", "npz", "npy", "idx" */
    char *bytes;        /* of the file; of .npz: of its members, inflated */
    int64_t n_bytes;
    tensor_entry *tensors; /* in the file's order */
    int n;
    int *by_name;      /* their indices, sorted by name; NULL: not yet */
    named_text *texts; /* owned, also the strings */
    int n_texts;
    struct gguf_value *values; /* of .gguf: what stands beside the tensors (io/gguf.h) */
    int n_values;
} tensor_file;

/* A tensor to be written. */
typedef struct named_tensor {
    const char *name;
    dtype type;
    int n_dims;
    int64_t shape[TENSOR_MAX_DIMS];
    const void *data; /* product of shape, host order (little endian) */
} named_tensor;
int64_t named_tensor_count(const named_tensor *t); /* elements */
int64_t named_tensor_bytes(const named_tensor *t);

status tensor_file_open(tensor_file *f, const char *path, diags *d);
/* The same of a file that is in memory: f has path, bytes and n_bytes, which stay its own. */
status tensor_file_parse(tensor_file *f, diags *d);

/* Of a large file (64 MiB), before it is read: parses its first n bytes, f->n_bytes being that of
 * the whole file, as gigabytes behind a header that lies need not be read. */
typedef status tensor_file_parser(tensor_file *f, diags *d);
status tensor_file_check_head(const char *path, size_t n, tensor_file_parser *parse, diags *d);
void tensor_file_close(tensor_file *f);

/* NULL if the file has none of this name. */
const tensor_entry *tensor_file_find(const tensor_file *f, const char *name);
const char *tensor_file_text(const tensor_file *f, const char *key);

/* A matrix (R, C): R the first dimension, C the product of the others; one
 * dimension is one row, none is one element. */
void tensor_entry_matrix(const tensor_entry *t, int64_t *rows, int64_t *cols);

/* The tensor as float32 in C order, rounded to nearest if it was float64 (then
 * *rounded is set where a value changed). Only floating-point types, blocks among them; a value
 * that is NaN, infinite or too large is an error that names its index. free(*out) */
status tensor_entry_floats(const tensor_file *f, const tensor_entry *t, diags *d, float **out,
                           bool *rounded);

/* Element i of the stored order as a number: dtype_value(). */
double tensor_entry_value(const tensor_entry *t, int64_t i);
/* The same of C order. */
double tensor_entry_at(const tensor_entry *t, int64_t i);
int64_t tensor_entry_bytes(const tensor_entry *t);
/* The elements in C and host order; tensor_entry_bytes(t) of them. */
void tensor_entry_copy(const tensor_entry *t, uint8_t *out);

/* "(512, 784)" */
char *tensor_shape_text(const int64_t *shape, int n_dims);

/* Product of the dimensions; false if one is negative or the product too large. */
bool tensor_count(const int64_t *shape, int n_dims, int64_t *n);

/* The readers, for tensor_file_open(): fill tensors from bytes. */
status npy_parse(tensor_file *f, diags *d);
status npz_parse(tensor_file *f, diags *d); /* bytes become those of the members */
status safetensors_parse(tensor_file *f, diags *d);
status gguf_parse(tensor_file *f, diags *d);
/* One array in NPY's format as the tensor of this name (taken); `where` names file and
 * member in messages, `bytes` outlives the entry. */
status npy_parse_array(tensor_file *f, char *name, const char *where, const char *bytes, size_t n,
                       diags *d);
/* Appends an entry; takes name. */
tensor_entry *tensor_file_add(tensor_file *f, char *name);

#endif
