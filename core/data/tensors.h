/*
 * data/tensors.h - tensors without a network: those of a file, or random ones.
 */
#ifndef DATA_TENSORS_H
#define DATA_TENSORS_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

typedef enum tensor_dist {
    DIST_GAUSS = 0, /* variance 1                                     */
    DIST_LAPLACE,   /* density exp(-|x|) / 2                          */
    DIST_UNIFORM,   /* in [-1, 1)                                     */
    DIST_STUDENT,   /* Student's t with `dof` degrees of freedom      */
    DISTS
} tensor_dist;

extern const char *const tensor_dist_name[DISTS];

typedef struct tensor_source {
    const char *path;  /* NULL: random */
    const char *match; /* of a file: only names that match this glob */
    tensor_dist dist;
    int64_t rows, cols, dof;
    double outliers, outlier_factor; /* share of the elements that are enlarged, by this */
} tensor_source;

typedef struct tensor_set tensor_set;

/* Opens the source; ERR_INPUT if nothing matches. tensor_set_close() */
status tensor_set_open(const tensor_source *s, diags *d, tensor_set **out);
void tensor_set_close(tensor_set *t); /* NULL is fine */

int tensor_set_count(const tensor_set *t);
const char *tensor_set_format(
    const tensor_set *t); /* "random", "npy", "npz", "safetensors", "gguf" */
/* Name, and the tensor as a matrix (tensor_entry_matrix()). */
const char *tensor_set_shape(const tensor_set *t, int i, int64_t *rows, int64_t *cols);

/* The values, float32 in C order; random ones depend on seed and index alone. Only
 * finite floating-point values: others are an ERR_INPUT. free(*x) */
status tensor_set_floats(const tensor_set *t, int i, uint64_t seed, diags *d, float **x);

#endif
