/*
 * run/inspect_file.h - what is in a file of tensors.
 */
#ifndef RUN_INSPECT_FILE_H
#define RUN_INSPECT_FILE_H

#include "io/tensor_file.h"

typedef struct inspect_result {
    const tensor_entry *t;
    double min, max, mean, std; /* of the finite elements; NAN without any */
    int64_t zeros, non_finite;
} inspect_result;

typedef void (*inspect_visit_fn)(const inspect_result *r, void *arg);

status inspect_file(const char *path, inspect_visit_fn visit, void *arg, diags *d);

#endif
