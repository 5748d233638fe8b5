/*
 * tests/plugins/tensors.h - tensors that are kind and unkind, and the ways to cut them.
 */
#ifndef TESTS_PLUGINS_TENSORS_H
#define TESTS_PLUGINS_TENSORS_H

#include "plugins/matrix.h"

enum { R = 24, C = 200, N = R * C };

typedef enum tensor_kind {
    GAUSS,
    LAPLACE,
    HEAVY,
    UNIFORM,
    OUTLIER,
    CONSTANT,
    ZERO,
    DYADIC,
    TIES,
    TINY,
    TENSOR_KINDS
} tensor_kind;

void fill(tensor_kind kind, float *x); /* (R, C) */

typedef struct cut {
    granularity g;
    int64_t size; /* of a group */
} cut;

enum { CUTS = 7 };
extern const cut cuts[CUTS];

quant_config config_of_cut(const char *scheme, const char *settings, const cut *c,
                           scale_dtype dtype);

#endif
