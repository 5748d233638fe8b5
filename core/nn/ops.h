/*
 * nn/ops.h - the layers as operations of a tape.
 */
#ifndef NN_OPS_H
#define NN_OPS_H

#include "nn/tape.h"
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
    uint64_t id;  /* for random numbers: its number in the model */
    float *meta;  /* of the last forward pass: (groups, n_meta)  */
    uint64_t key; /* of the last forward pass                    */
} quant_site;

/* The site is borrowed and outlives the tape. */
tape_value *op_quantize(tape *t, tape_value *x, quant_site *site);

/* ste->plugin NULL: a site that is evaluated but never trained. */
status quant_site_open(quant_site *s, const quant_config *config, const plugin_choice *ste,
                       const char *name, bool activation, int64_t rows, int64_t cols, uint64_t id,
                       diags *d);
void quant_site_close(quant_site *s);

#endif
