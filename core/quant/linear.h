/*
 * quant/linear.h - products of packed weights with rows of int8: y = x W^T, sums in int32.
 *
 * A quantizer whose levels are evenly spaced integers (or that has two levels) makes weights
 * v * scale + offset with integers v; one of tokens makes rows of int8 with a scale and a zero
 * point each. Their sums of products are exact, so neither threads nor the level of the
 * kernels nor the other rows of a batch change a bit of y (simd/kernels.def says in which
 * order the floats are added).
 */
#ifndef QUANT_LINEAR_H
#define QUANT_LINEAR_H

#include "quant/quantizer.h"

/* A packed matrix and what its product needs. Zeroed is empty. */
typedef struct linear_matrix {
    linear_weights w; /* w.rows 0: empty; w.bias is not used */
    void *buffers[5]; /* bookkeeping */
} linear_matrix;

/* NULL, or why the weights of q (as a matrix of q->cols columns) cannot be multiplied as
 * integers: their levels, or sums that could pass int32. */
const char *linear_refuses_weights(const quantizer *q);
/* The same of activations: scales must be those of tokens or of the tensor. */
const char *linear_refuses_input(const quantizer *q);

/* The form of simd/kernels.h for so many levels: the fewest of 1, 2, 4, 8 bits. */
int32_t linear_form(int n_levels);

/* code (rows, q->cols), meta (groups, n_meta) are copied. ERR_INPUT if q is refused, or if the
 * form holds fewer levels than q has. */
status linear_open(linear_matrix *m, const quantizer *q, int64_t rows, const uint8_t *code,
                   const float *meta, int32_t form, diags *d);
void linear_close(linear_matrix *m);

/* x (rows, q->cols) as integers with the metadata of quantizer_fit; q is not refused.
 * out (rows, q->cols); scale, zero (rows): x = (out - zero) * scale. */
void linear_quantize(const quantizer *q, const float *x, int64_t rows, const float *meta,
                     int8_t *out, float *scale, int32_t *zero);

/* y (x->n, rows) = x W^T + bias; bias (rows) may be NULL. x has w.cols columns. */
void linear_multiply(const linear_matrix *m, const linear_input *x, const float *bias, float *y);
/* out (x->n, rows, groups) = the sums of v * (x - zero) that y is made of. */
void linear_multiply_sums(const linear_matrix *m, const linear_input *x, int32_t *out);

/* The same for the rows [from, to) of W alone; what else there is in y or out stays. */
void linear_multiply_rows(const linear_matrix *m, const linear_input *x, int64_t from, int64_t to,
                          const float *bias, float *y);
void linear_sums_rows(const linear_matrix *m, const linear_input *x, int64_t from, int64_t to,
                      int32_t *out);

#endif
