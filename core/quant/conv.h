/*
 * quant/conv.h - convolutions of packed weights with int8 images: im2col, which makes each
 * place of the output a row of what it sees, and the product of quant/linear.h.
 */
#ifndef QUANT_CONV_H
#define QUANT_CONV_H

#include "quant/linear.h"

/* Order of an image and of a filter: channels, rows, columns or rows, columns, channels. */
typedef enum conv_order { CONV_NCHW = 0, CONV_NHWC } conv_order;

/* Images (n, channels, height, width) in this order; filters (outputs, channels / groups,
 * kernel[0], kernel[1]) in the same. Group g of the outputs sees group g of the channels.
 * Pairs are vertical, horizontal. What lies outside of an image is its zero point. */
typedef struct conv_shape {
    conv_order order;
    int64_t n, channels, height, width, outputs, groups;
    int64_t kernel[2], stride[2], padding[2], dilation[2];
} conv_shape;

/* ERR_INPUT, naming `what`, if there is no such convolution, or its sizes overflow. */
status conv_check(const conv_shape *s, const char *what, diags *d);

int64_t conv_height(const conv_shape *s); /* of the output */
int64_t conv_width(const conv_shape *s);
int64_t conv_columns(const conv_shape *s); /* of a row: what one place sees in one group */

/* Rows (height, width of the output, conv_columns) of group g of one image x; zero: the
 * image's zero point, in -128..127. */
void conv_im2col(const conv_shape *s, int64_t g, const int8_t *x, int32_t zero, int8_t *out);

/* y (n, height, width, outputs) = the convolution + bias (outputs; may be NULL). m: the
 * filters as a matrix (outputs, conv_columns); x: s->n images, each with scale and zero
 * point, which is in -128..127. The shape was checked. */
void conv_multiply(const conv_shape *s, const linear_matrix *m, const linear_input *x,
                   const float *bias, float *y);
/* out (n, height, width, outputs, groups of m) = the sums of integers behind it. */
void conv_sums(const conv_shape *s, const linear_matrix *m, const linear_input *x, int32_t *out);

#endif
