/*
 * tests/plugins/matrix.h - a matrix through a scheme, in one call.
 */
#ifndef TESTS_PLUGINS_MATRIX_H
#define TESTS_PLUGINS_MATRIX_H

#include "quant/quantizer.h"
#include "support/support.h"

/* A scheme with some of its parameters: {"int", "bits=4"}. */
typedef struct form {
    const char *name, *settings;
} form;

/* Plugins keep the address of their qb_host, so an open quantizer must not move. */
typedef struct result {
    quantizer *q;
    int64_t rows, cols;
    float *meta, *y;
    uint8_t *code;
} result;

/* group: elements, ragged; 0: the whole tensor. */
quant_config config_of(const form *f, int64_t group, scale_dtype dtype);

/* Metadata, codes and decoded values of x (rows, cols); drop() */
result quantize_as(const quant_config *c, const float *x, int64_t rows, int64_t cols);
result quantize(const form *f, int64_t group, scale_dtype dtype, const float *x, int64_t rows,
                int64_t cols);
void drop(result *r);

/* Kinds of numbers: 0 normal, 1 heavy tails, 2 of one sign, 3 few magnitudes, 4 two
 * magnitudes and zeros, 5 one outlier. */
enum { KINDS = 6 };
void draw(int kind, uint64_t seed, float *x, int64_t n);

#endif
