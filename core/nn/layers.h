/*
 * nn/layers.h - the mathematics of the layers: plain functions on plain arrays,
 * forward and backward beside each other. The tape (tape.h) calls them.
 *
 * B rows (samples or tokens), C channels, O outputs, K classes. Matrix products are in
 * gemm.h.
 * Backward functions write, never add. All spread their work over the threads.
 */
#ifndef NN_LAYERS_H
#define NN_LAYERS_H

#include <stdint.h>

/* db (O) = dy summed over its B rows, by the tree over shards (gemm.h) */
void bias_backward(float *db, const float *dy, int64_t B, int64_t O);

/* y = x * rinv, rinv (B) = 1 / sqrt(mean(x^2) + eps): RMSNorm without gain
 * (Zhang, Sennrich 2019, arXiv:1910.07467). x, y (B, C) */
#define RMSNORM_EPS 1e-5
void rmsnorm_forward(float *y, float *rinv, const float *x, int64_t B, int64_t C);
/* dx = (dy - y * mean(dy * y)) * rinv */
void rmsnorm_backward(float *dx, const float *dy, const float *y, const float *rinv, int64_t B,
                      int64_t C);

/* y = max(x, 0); dx = dy where y > 0 */
void relu_forward(float *y, const float *x, int64_t n);
void relu_backward(float *dx, const float *dy, const float *y, int64_t n);

/* prob (B, K) = softmax(logits), loss (B) = -log prob[label]: cross-entropy, nats */
void softmax_cross_entropy_forward(float *prob, double *loss, const float *logits,
                                   const int32_t *label, int64_t B, int64_t K);
/* dlogits = (prob - one_hot(label)) / B: the gradient of the mean loss */
void softmax_cross_entropy_backward(float *dlogits, const float *prob, const int32_t *label,
                                    int64_t B, int64_t K);

/* The sum over samples by the tree over micro-shards (gemm.h). */
double shard_sum(const double *each, int64_t n);

#endif
