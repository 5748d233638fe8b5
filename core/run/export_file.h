/*
 * run/export_file.h - tensors of a file as a file of another format or type.
 */
#ifndef RUN_EXPORT_FILE_H
#define RUN_EXPORT_FILE_H

#include "host/registry.h"
#include "io/tensor_file.h"

typedef enum export_format {
    EXPORT_SAFETENSORS,
    EXPORT_GGUF,
    EXPORT_NPZ,
    EXPORT_NPY,
    EXPORT_CSV,
} export_format;
extern const char *const export_formats[]; /* their names, which are suffixes; NULL at the end */

typedef struct export_job {
    const char *path, *out;
    const char *tensors; /* glob; NULL: all */
    export_format format;
    const dtype *type; /* of the floating-point tensors; NULL: as they are stored */
} export_job;

/* One tensor as it was written. Borrowed during the call. */
typedef struct export_result {
    const named_tensor *t;
    const char *from; /* a type, or the scheme of a packed tensor */
} export_result;

/* A tensor keeps its type where the format has it, else it becomes F32; so elements of the
 * type that is wanted are copied. Packed tensors are their decoded values. Into blocks go
 * the tensors with whole blocks in a row, vectors only if there is no matrix; the others
 * become F32. NPY and CSV hold one tensor. Metadata goes along between GGUF and safetensors
 * (run/export_metadata.h). Nothing is written unless all can be; visit is called for each
 * tensor after that. */
status export_file(const export_job *j, const registry *r,
                   void (*visit)(const export_result *r, void *arg), void *arg, diags *d);

#endif
