#include "nn/layers.h"

#include <math.h>
#include <stdlib.h>

#include "nn/gemm.h"
#include "simd/kernels.h"
#include "util/parallel.h"

/* Sizes of the tasks that the work is cut into. */
enum { TASK_ROWS = 16, TASK_FLOATS = 8192 };

typedef struct job {
    float *out;
    const float *a, *b, *c;
    float *rinv;
    double *loss;
    const int32_t *label;
    int64_t B, C;
} job;

/* Rows [*from, *to) of task i. */
static void rows_of(const job *j, int64_t i, int64_t *from, int64_t *to) {
    *from = i * TASK_ROWS;
    *to = *from + TASK_ROWS < j->B ? *from + TASK_ROWS : j->B;
}

static int64_t row_tasks(int64_t B) { return (B + TASK_ROWS - 1) / TASK_ROWS; }

/* ---- bias ---- */

/* Sums of `n` columns from `col` on over the shards [from, from + shards) by the
 * tree; `free` is scratch, BIAS_COLS for each depth. */
enum { BIAS_COLS = 64, BIAS_DEPTH = 64 };

static void bias_tree(const job *j, int64_t col, int64_t n, int64_t from, int64_t shards,
                      double *out, double *free) {
    if (shards > 1) {
        int64_t left = shard_split(shards);
        bias_tree(j, col, n, from, left, out, free);
        bias_tree(j, col, n, from + left, shards - left, free, free + BIAS_COLS);
        for (int64_t c = 0; c < n; c++) out[c] += free[c];
        return;
    }
    int64_t end = (from + 1) * SHARD < j->B ? (from + 1) * SHARD : j->B;
    for (int64_t c = 0; c < n; c++) out[c] = 0;
    for (int64_t r = from * SHARD; r < end; r++)
        for (int64_t c = 0; c < n; c++) out[c] += j->a[r * j->C + col + c];
}

static void bias_cols(int64_t i, void *arg) {
    const job *j = arg;
    double sum[BIAS_COLS], free[BIAS_DEPTH * BIAS_COLS];
    int64_t col = i * BIAS_COLS, n = j->C - col < BIAS_COLS ? j->C - col : BIAS_COLS;
    bias_tree(j, col, n, 0, shard_count(j->B), sum, free);
    for (int64_t c = 0; c < n; c++) j->out[col + c] = (float)sum[c];
}

void bias_backward(float *db, const float *dy, int64_t B, int64_t O) {
    job j = {.out = db, .a = dy, .B = B, .C = O};
    parallel_for((O + BIAS_COLS - 1) / BIAS_COLS, bias_cols, &j);
}

/* ---- RMSNorm ---- */

static void rmsnorm_forward_rows(int64_t i, void *arg) {
    const job *j = arg;
    int64_t from, to;
    for (rows_of(j, i, &from, &to); from < to; from++) {
        const float *x = j->a + from * j->C;
        double square;
        simd_kernels()->sum_sq(x, 1, j->C, &square);
        float r = (float)(1.0 / sqrt(square / (double)j->C + RMSNORM_EPS));
        for (int64_t c = 0; c < j->C; c++) j->out[from * j->C + c] = x[c] * r;
        j->rinv[from] = r;
    }
}

void rmsnorm_forward(float *y, float *rinv, const float *x, int64_t B, int64_t C) {
    job j = {.out = y, .a = x, .rinv = rinv, .B = B, .C = C};
    parallel_for(row_tasks(B), rmsnorm_forward_rows, &j);
}

static void rmsnorm_backward_rows(int64_t i, void *arg) {
    const job *j = arg;
    int64_t from, to;
    for (rows_of(j, i, &from, &to); from < to; from++) {
        const float *dy = j->a + from * j->C, *y = j->b + from * j->C;
        float mean = (float)(simd_kernels()->dot(dy, y, j->C) / (double)j->C);
        float r = j->c[from], *dx = j->out + from * j->C;
        for (int64_t c = 0; c < j->C; c++) dx[c] = (dy[c] - y[c] * mean) * r;
    }
}

void rmsnorm_backward(float *dx, const float *dy, const float *y, const float *rinv, int64_t B,
                      int64_t C) {
    job j = {.out = dx, .a = dy, .b = y, .c = rinv, .B = B, .C = C};
    parallel_for(row_tasks(B), rmsnorm_backward_rows, &j);
}

/* ---- ReLU ---- */

static int64_t float_tasks(int64_t n) { return (n + TASK_FLOATS - 1) / TASK_FLOATS; }

static void relu_forward_part(int64_t i, void *arg) {
    const job *j = arg;
    int64_t end = (i + 1) * TASK_FLOATS < j->C ? (i + 1) * TASK_FLOATS : j->C;
    for (int64_t k = i * TASK_FLOATS; k < end; k++) j->out[k] = j->a[k] < 0 ? 0 : j->a[k];
}

void relu_forward(float *y, const float *x, int64_t n) {
    job j = {.out = y, .a = x, .C = n};
    parallel_for(float_tasks(n), relu_forward_part, &j);
}

static void relu_backward_part(int64_t i, void *arg) {
    const job *j = arg;
    int64_t end = (i + 1) * TASK_FLOATS < j->C ? (i + 1) * TASK_FLOATS : j->C;
    int64_t at = i * TASK_FLOATS;
    simd_kernels()->pass_inside(j->b + at, j->a + at, end - at, 0x1p-149f, INFINITY, j->out + at);
}

void relu_backward(float *dx, const float *dy, const float *y, int64_t n) {
    job j = {.out = dx, .a = dy, .b = y, .C = n};
    parallel_for(float_tasks(n), relu_backward_part, &j);
}

/* ---- softmax and cross-entropy ---- */

static void softmax_row(float *prob, double *loss, const float *z, int32_t label, int64_t K) {
    float top = z[0];
    for (int64_t k = 1; k < K; k++) top = z[k] > top ? z[k] : top;
    for (int64_t k = 0; k < K; k++) prob[k] = z[k] - top;
    simd_kernels()->exp(prob, K, prob);
    double sum;
    simd_kernels()->sum(prob, 1, K, &sum);
    float log_sum, s = (float)sum, inv = (float)(1.0 / sum);
    simd_kernels()->log(&s, 1, &log_sum);
    *loss = (double)log_sum - ((double)z[label] - (double)top);
    for (int64_t k = 0; k < K; k++) prob[k] *= inv;
}

static void softmax_rows(int64_t i, void *arg) {
    const job *j = arg;
    int64_t from, to;
    for (rows_of(j, i, &from, &to); from < to; from++)
        softmax_row(j->out + from * j->C, j->loss + from, j->a + from * j->C, j->label[from], j->C);
}

void softmax_cross_entropy_forward(float *prob, double *loss, const float *logits,
                                   const int32_t *label, int64_t B, int64_t K) {
    job j = {.out = prob, .a = logits, .loss = loss, .label = label, .B = B, .C = K};
    parallel_for(row_tasks(B), softmax_rows, &j);
}

void softmax_cross_entropy_backward(float *dlogits, const float *prob, const int32_t *label,
                                    int64_t B, int64_t K) {
    float share = (float)(1.0 / (double)B);
    for (int64_t b = 0; b < B; b++)
        for (int64_t k = 0; k < K; k++)
            dlogits[b * K + k] = (prob[b * K + k] - (k == label[b] ? 1.0f : 0.0f)) * share;
}

static double tree_of_shards(const double *each, int64_t n, int64_t from, int64_t shards) {
    if (shards > 1) {
        int64_t left = shard_split(shards);
        return tree_of_shards(each, n, from, left) +
               tree_of_shards(each, n, from + left, shards - left);
    }
    double sum = 0;
    for (int64_t i = from * SHARD; i < (from + 1) * SHARD && i < n; i++) sum += each[i];
    return sum;
}

double shard_sum(const double *each, int64_t n) {
    return n > 0 ? tree_of_shards(each, n, 0, shard_count(n)) : 0;
}
