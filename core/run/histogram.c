#include "run/histogram.h"

#include <math.h>
#include <stdlib.h>

#include "simd/kernels.h"
#include "util/mem.h"

static void widen(weight_histogram *h, const float *x, int64_t n) {
    float lo, hi;
    simd_kernels()->minmax(x, 1, n, &lo, &hi);
    if (lo < h->lo) h->lo = lo;
    if (hi > h->hi) h->hi = hi;
}

/* The last bin is closed. */
static void count(const weight_histogram *h, const float *x, int64_t n,
                  uint64_t bins[HISTOGRAM_BINS]) {
    simd_kernels()->histogram(x, n, h->lo, HISTOGRAM_BINS / (h->hi - h->lo), HISTOGRAM_BINS, bins);
}

status histogram_weights(const model_layer *l, diags *d, weight_histogram *h) {
    const quantizer *q = &l->weight_site.q;
    const float *x = l->weight->x;
    int64_t rows = l->desc.out, n = rows * l->desc.in;
    float *y = NULL;
    *h = (weight_histogram){.lo = INFINITY, .hi = -INFINITY};
    h->quantized = l->weight_site.meta != NULL;
    if (h->quantized) {
        int64_t groups = quantizer_groups(q, rows);
        float *meta = mem_floats(groups * q->info.n_meta + 1);
        y = mem_floats(n);
        status bad = quantizer_fake(q, x, rows, 0, meta, y, d);
        if (!bad && groups == 1) {
            h->n_levels = q->info.n_levels;
            quantizer_levels(q, meta, h->levels);
        }
        free(meta);
        if (bad) {
            free(y);
            return bad;
        }
        widen(h, y, n);
    }
    widen(h, x, n);
    if (!(h->hi > h->lo)) h->lo -= 0.5, h->hi += 0.5; /* all weights are equal */
    count(h, x, n, h->before);
    if (h->quantized) count(h, y, n, h->after);
    free(y);
    return OK;
}

void histogram_record(store *s, int64_t run, int layer, int64_t step, const weight_histogram *h) {
    store_histogram_row row = {.site = "weight",
                               .what = "before",
                               .step = step,
                               .lo = h->lo,
                               .hi = h->hi,
                               .counts = h->before,
                               .n = HISTOGRAM_BINS};
    store_histogram(s, run, layer, &row);
    if (!h->quantized) return;
    row.what = "after";
    row.counts = h->after;
    if (h->n_levels > 0) row.levels = h->levels, row.n_levels = h->n_levels;
    store_histogram(s, run, layer, &row);
}
