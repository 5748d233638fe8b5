/*
 * nn/ops.h - the layers as operations of a tape.
 */
#ifndef NN_OPS_H
#define NN_OPS_H

#include "nn/tape.h"
#include "quant/linear.h"
#include "quant/quantizer.h"
#include "quant/ste.h"

tape_value *op_linear(tape *t, tape_value *x, tape_value *w,
                      tape_value *bias); /* bias may be NULL */
tape_value *op_rmsnorm(tape *t, tape_value *x);
tape_value *op_relu(tape *t, tape_value *x);

/* A quantizer and its estimator at work in a tape: fake quantization. */
typedef struct quant_site {
    quantizer q;
    estimator ste;
    uint64_t id;    /* for random numbers: its number in the model */
    float *meta;    /* of the last forward pass: (groups, n_meta)  */
    uint64_t key;   /* of the last forward pass                    */
    const float *x; /* what it quantized, and how many passes there were */
    int64_t passes;
} quant_site;

/* The site is borrowed and outlives the tape. */
tape_value *op_quantize(tape *t, tape_value *x, quant_site *site);

/* ste->plugin NULL: a site that is evaluated but never trained. */
status quant_site_open(quant_site *s, const quant_config *config, const plugin_choice *ste,
                       const char *name, bool activation, int64_t rows, int64_t cols, uint64_t id,
                       diags *d);
void quant_site_close(quant_site *s);

/* A linear layer whose input and weights are both integers with scales (quant/linear.h): in
 * evaluation it multiplies these, not their decoded values. Training does not. */
typedef struct integer_linear {
    const quant_site *input;
    const quant_site *weight; /* NULL: the matrix was given */
    linear_matrix matrix;
    int64_t made_at;  /* the pass of the weights that the matrix is of */
    int64_t products; /* forward passes with integers so far */
} integer_linear;

/* As op_linear(); x is the value of op_quantize() at s->input, w at s->weight. The state is
 * borrowed and outlives the tape. */
tape_value *op_linear_of_integers(tape *t, tape_value *x, tape_value *w, tape_value *bias,
                                  integer_linear *s);

#endif
