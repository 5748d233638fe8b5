/*
 * io/gguf.h - GGUF files, versions 2 and 3, little endian (reading: tensor_file.h).
 * Format (ggml, docs/gguf.md): "GGUF", version, number of tensors and of values, the
 * values, the descriptions of the tensors, padding, data. Each tensor's data begins at a
 * multiple of `general.alignment` (32 without it). The file names the dimensions of a
 * tensor from the fastest one on; a tensor_entry has them in C order, as all others.
 *
 * The reader wants the tensors in the order of their data and without gaps, as the
 * reference reader does, and accepts a file without the padding behind its last one.
 */
#ifndef IO_GGUF_H
#define IO_GGUF_H

#include "io/tensor_file.h"
#include "util/json.h"
#include "util/str.h"

/* A typed value that stands beside the tensors ("metadata"): as many bytes as the file
 * has for it, checked. They belong to the file or to whoever made them. */
typedef struct gguf_value {
    char *key; /* owned by the file */
    uint32_t type;
    const uint8_t *data;
    int64_t n_bytes;
} gguf_value;

/* "u32", "string", "array of f32"; append to b. */
void gguf_value_type(const gguf_value *v, strbuf *b);
/* A number, a text, true or false; the value is no array. */
json_t *gguf_value_json(const gguf_value *v);
/* The same as JSON text, an array as a list of these: without memory for more than one of them. */
void gguf_value_print(const gguf_value *v, FILE *out);
/* "u32", "array of f32"; of an array of arrays the list of their types. */
json_t *gguf_type_json(const gguf_value *v);
/* The value that has this type and these elements, for a key that is borrowed; false: one does
 * not fit the other. What gguf_value_print() gives comes back as it was, but for numbers that are
 * not finite and strings that are no text. free((void *)out->data). */
bool gguf_value_of_json(char *key, const json_t *type, const json_t *v, gguf_value *out);
/* Frees the list and its keys. */
void gguf_values_free(gguf_value *values, int n);

/* A text as the value of a key, which is borrowed; free((void *)v.data). */
gguf_value gguf_text_value(char *key, const char *text);

/* Magic, version and counts of a file whose first bytes are there alone: f has path, bytes and
 * n_bytes, those of the whole file. */
status gguf_check_header(tensor_file *f, diags *d);

/* Can a tensor of this type be in a file? */
bool gguf_has_type(dtype t);

enum { GGUF_MAX_DIMS = 4, GGUF_MAX_NAME = 63, GGUF_MAX_KEY = 65535 };

/* Writes version 3 with values and tensors in the given order and nothing else: equal
 * content gives equal bytes. general.quantization_version is added if a tensor has blocks
 * and it is missing, as the format wants. A tensor without dimensions is written with
 * one. ERR_INPUT: names, dimensions, rows and types that the format cannot hold. */
status gguf_write(const char *path, const named_tensor *tensors, int n, const gguf_value *values,
                  int n_values, diags *d, int64_t *bytes);

/* What reader, values and writer share. */
enum {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
    GGUF_TYPES
};
enum { GGUF_ALIGNMENT = 32, GGUF_ALIGNMENT_MOST = 4096, GGUF_ARRAY_DEPTH = 4 };
const char *gguf_type_name(uint32_t type);
void gguf_add_int(strbuf *b, uint64_t v, int bytes); /* little endian */
int gguf_scalar_bytes(uint32_t type);                /* 0: no type of fixed size */
bool gguf_find_dtype(uint32_t id, dtype *t);         /* of the file's number for it */
uint32_t gguf_dtype_id(dtype t);
/* The alignment that the values ask for; 0: `general.alignment` is no power of two up to
 * 4096 of type u32. */
int64_t gguf_alignment(const gguf_value *values, int n);

#endif
