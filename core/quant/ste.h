/*
 * quant/ste.h - a straight-through estimator at one site: the gradient of the
 * quantized value becomes that of the latent value.
 */
#ifndef QUANT_STE_H
#define QUANT_STE_H

#include "quant/quantizer.h"

typedef struct estimator {
    instance in;
    qb_ste_info info;
    const qb_ste *table;
} estimator;

/* A refusal is ERR_SPEC at `at` (may be NULL), where the spec names the estimator. */
status estimator_open(estimator *e, const plugin_choice *c, const quantizer *q, const place *at,
                      diags *d);
void estimator_close(estimator *e);

/* Live parameters at `progress` in [0, 1] of the training; main thread. */
void estimator_set_progress(estimator *e, double progress);

/* dx = the estimate of dL/dx. x, y = its quantized value, dy, dx: (rows, q->cols);
 * dx may be dy. meta and key are those of the forward pass. */
void estimator_backward(const estimator *e, const quantizer *q, const float *x, const float *y,
                        int64_t rows, const float *meta, uint64_t key, const float *dy, float *dx);

/* While training, replaces y by what the estimator's forward() wants; nothing if
 * it has none. */
void estimator_forward(const estimator *e, const quantizer *q, const float *x, int64_t rows,
                       const float *meta, uint64_t key, float *y);

#endif
