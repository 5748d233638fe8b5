#include "quant/metrics.h"

#include <stdlib.h>

#include "util/mem.h"
#include "util/parallel.h"

typedef struct error_job {
    const float *x, *y;
    int64_t n;
    error_sums *part; /* of each block */
} error_job;

static void error_block(int64_t i, void *arg) {
    const error_job *j = arg;
    int64_t at = i * KERNEL_BLOCK, left = j->n - at;
    simd_kernels()->error_sums(j->x + at, j->y + at, left < KERNEL_BLOCK ? left : KERNEL_BLOCK,
                               &j->part[i]);
}

void tensor_error_sums(const float *x, const float *y, int64_t n, error_sums *out) {
    int64_t blocks = (n + KERNEL_BLOCK - 1) / KERNEL_BLOCK;
    error_job j = {.x = x, .y = y, .n = n};
    j.part = mem_calloc((size_t)blocks + 1, sizeof *j.part);
    parallel_for(blocks, error_block, &j);
    *out = (error_sums){0};
    for (int64_t i = 0; i < blocks; i++) { /* in index order, as the kernel itself does */
        const error_sums *p = &j.part[i];
        out->xx += p->xx, out->yy += p->yy, out->xy += p->xy;
        out->ee += p->ee, out->abs_e += p->abs_e, out->zeros += p->zeros;
        out->max_e = p->max_e > out->max_e ? p->max_e : out->max_e;
    }
    free(j.part);
}

static double entropy_bits(const int64_t counts[256], int64_t n) {
    double h = 0;
    for (int i = 0; i < 256; i++) {
        double share = (double)counts[i] / (double)n;
        if (counts[i] > 0) h -= share * log2(share);
    }
    return h > 0 ? h : 0; /* one code only gives -0 */
}

status tensor_metrics_measure(const quantizer *q, const packing *p, const float *x, const float *y,
                              const uint8_t *code, int64_t rows, diags *d, tensor_metrics *m) {
    int64_t n = rows * q->cols, payload, counts[256] = {0};
    status bad = packing_measure(p, q->site, code, rows, q->cols, d, &payload);
    if (bad) return bad;
    error_sums s;
    double count = (double)n;
    tensor_error_sums(x, y, n, &s);
    simd_kernels()->count_codes(code, n, counts);
    int64_t meta_bits = quantizer_groups(q, rows) * quantizer_meta_bits(q);
    *m = (tensor_metrics){
        .n = n,
        .mse = s.ee / count,
        .mae = s.abs_e / count,
        .max_abs_error = s.max_e,
        .sqnr_db = 10 * log10(s.xx / s.ee), /* e = 0: infinite; both 0: NaN */
        .cosine = s.xy / (sqrt(s.xx) * sqrt(s.yy)),
        .sparsity = (double)s.zeros / count,
        .code_entropy = entropy_bits(counts, n),
        .nominal_bits = log2(q->info.n_levels),
        .packed_bytes = payload + (meta_bits + 7) / 8,
    };
    if (m->cosine > 1) m->cosine = 1; /* by rounding */
    if (m->cosine < -1) m->cosine = -1;
    m->bits_per_weight = (double)m->packed_bytes * 8 / count;
    m->vs_f32 = count * 4 / (double)m->packed_bytes;
    m->vs_i8 = count / (double)m->packed_bytes;
    return OK;
}
