/*
 * run/inspect_file.h - what is in a file of tensors.
 */
#ifndef RUN_INSPECT_FILE_H
#define RUN_INSPECT_FILE_H

#include "io/gguf.h"
#include "io/tensor_file.h"

typedef struct inspect_result {
    const tensor_entry *t;
    double min, max, mean, std; /* of the finite elements; NAN without any */
    bool known;                 /* false: elements of a type whose values cannot be read */
    int64_t zeros, non_finite;
} inspect_result;

/* Of a packed file: one tensor, or one activation of its model, as a user sees it. */
typedef struct inspect_packed {
    const char *name;
    const int64_t *shape; /* NULL for an activation */
    int n_dims;
    int64_t n, n_groups, bytes;                              /* bytes: codes and metadata */
    double bits_per_element;                                 /* NAN for an activation */
    const char *scheme, *params, *granularity, *scale_dtype; /* scheme NULL: float */
    const char *packer;                                      /* NULL: none */
    int64_t group_size;
    int n_levels;
} inspect_packed;

typedef struct inspect_visitor {
    void (*tensor)(const inspect_result *r, void *arg);
    void (*packed)(const inspect_packed *r, void *arg); /* instead, for a packed file */
    void (*model)(const char *line, void *arg);         /* of a packed file that has one */
    /* What stands beside the tensors of a file that is not packed, before them: a text, or the
     * value of a GGUF file, and the other is NULL. */
    void (*value)(const char *key, const char *type, const char *text, const gguf_value *v,
                  void *arg);
    void *arg;
} inspect_visitor;

/* A packed file needs none of its plugins for this. */
status inspect_file(const char *path, const inspect_visitor *v, diags *d);

#endif
