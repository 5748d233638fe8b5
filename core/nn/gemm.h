/*
 * nn/gemm.h - float matrix products of the training, on fixed tiles.
 *
 * Each tile is one single-threaded OpenBLAS call; tiles are spread over the
 * threads. Rows are cut into micro-shards of 64 samples, and a sum over samples
 * is a fixed tree over the shards. So results do not depend on the number of
 * threads, and will not on the number of processes.
 */
#ifndef NN_GEMM_H
#define NN_GEMM_H

#include <stdint.h>

enum { SHARD = 64 }; /* samples (rows) of a micro-shard */

/* Address space that the products take beside their operands. */
int64_t gemm_buffer_bytes(void);

int64_t shard_count(int64_t rows);
/* Where the tree over n >= 2 shards splits: the largest power of two below n. */
int64_t shard_split(int64_t n);

/* y (B, O) = x (B, I) w^T, w (O, I); b (O) is added unless NULL. The bits of a row do
 * not depend on the other rows, nor on how many there are: a partial shard costs as
 * much as a full one. */
void gemm_forward(float *y, const float *x, const float *w, const float *b, int64_t B, int64_t I,
                  int64_t O);
/* dx (B, I) = dy (B, O) w */
void gemm_backward_input(float *dx, const float *dy, const float *w, int64_t B, int64_t I,
                         int64_t O);
/* dw (O, I) = dy^T x, summed over the shards of B by the tree */
void gemm_backward_weight(float *dw, const float *dy, const float *x, int64_t B, int64_t I,
                          int64_t O);

/* y (B, O) = x (B, I) w^T in one call of OpenBLAS on that many threads of its own: what the
 * benchmarks compare with, no part of a training. Not inside a task. */
void gemm_whole(float *y, const float *x, const float *w, int64_t B, int64_t I, int64_t O,
                int threads);

/* "OpenBLAS 0.3.21 ... Cooperlake", for the environment of a run */
void gemm_describe(char out[128]);

#endif
