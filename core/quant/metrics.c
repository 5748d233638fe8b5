#include "quant/metrics.h"

#include <math.h>

static double entropy_bits(const int64_t counts[256], int64_t n) {
    double h = 0;
    for (int i = 0; i < 256; i++) {
        double share = (double)counts[i] / (double)n;
        if (counts[i] > 0) h -= share * log2(share);
    }
    return h > 0 ? h : 0; /* one code only gives -0 */
}

tensor_metrics tensor_metrics_of(const quantizer *q, const float *x, const quant_packed *o,
                                 int64_t rows) {
    int64_t n = rows * q->cols, counts[256] = {0};
    error_sums s;
    double count = (double)n;
    quantizer_error(q, x, o->code, rows, o->meta, &s);
    simd_kernels()->count_codes(o->code, n, counts);
    int64_t meta_bits = quantizer_groups(q, rows) * quantizer_meta_bits(q);
    tensor_metrics m = {
        .n = n,
        .mse = s.ee / count,
        .mae = s.abs_e / count,
        .max_abs_error = s.max_e,
        .sqnr_db = 10 * log10(s.xx / s.ee), /* e = 0: infinite; both 0: NaN */
        .cosine = s.xy / (sqrt(s.xx) * sqrt(s.yy)),
        .sparsity = (double)s.zeros / count,
        .code_entropy = entropy_bits(counts, n),
        .nominal_bits = log2(q->info.n_levels),
        .packed_bytes = o->n_bytes + (meta_bits + 7) / 8,
    };
    if (m.cosine > 1) m.cosine = 1; /* by rounding */
    if (m.cosine < -1) m.cosine = -1;
    m.bits_per_weight = (double)m.packed_bytes * 8 / count;
    m.vs_f32 = count * 4 / (double)m.packed_bytes;
    m.vs_i8 = count / (double)m.packed_bytes;
    return m;
}
