#include "run/bench_pipeline.h"

#include <stdlib.h>

#include "util/mem.h"

/* ---- chunks ---- */

static int64_t chunk_codes(const packing *p, int64_t cols) {
    return p->info.chunk > 0 ? p->info.chunk : cols;
}

int64_t chunks_of(const packing *p, int64_t n, int64_t cols) {
    int64_t chunk = chunk_codes(p, cols);
    return (n + chunk - 1) / chunk;
}

int64_t chunks_pack(const packing *p, const uint8_t *code, int64_t n, int64_t cols, uint8_t *out,
                    int64_t *lengths) {
    int64_t chunk = chunk_codes(p, cols), end = 0;
    for (int64_t at = 0, i = 0; at < n; at += chunk, i++) {
        lengths[i] =
            p->table->pack(p->in.self, code + at, n - at < chunk ? n - at : chunk, out + end);
        end += lengths[i];
    }
    return end;
}

bool chunks_unpack(const packing *p, const uint8_t *bytes, const int64_t *lengths, int64_t n,
                   int64_t cols, uint8_t *code) {
    int64_t chunk = chunk_codes(p, cols);
    for (int64_t at = 0, i = 0; at < n; at += chunk, i++) {
        int64_t here = n - at < chunk ? n - at : chunk;
        if (p->table->unpack(p->in.self, bytes, lengths[i], here, code + at) != QB_OK) return false;
        bytes += lengths[i];
    }
    return true;
}

/* ---- tensors ---- */

status pipeline_open(pipeline *l, const quant_config *config, const plugin_choice *packer,
                     int64_t rows, int64_t cols, diags *d) {
    *l = (pipeline){.rows = rows};
    status bad = quantizer_open(&l->q, config, "bench", false, rows, cols, d);
    if (bad) return bad;
    params_set_live(&l->q.scheme.choice, l->q.scheme.self, 1);
    bad = packing_open(&l->p, packer, l->q.info.n_levels, l->q.info.zero_code, NULL, d);
    if (bad) return bad;
    return OK;
}

void pipeline_close(pipeline *l) {
    if (l->q.site != NULL) quantizer_close(&l->q);
    packing_close(&l->p);
    free(l->code);
    *l = (pipeline){0};
}

int64_t pipeline_bound(const pipeline *l) { return packing_bound(&l->p, l->rows, l->q.cols); }

int64_t pipeline_quantize(const pipeline *l, const float *x, float *meta, uint8_t *out) {
    quant_packed o = {.meta = meta, .bytes = out};
    diags d;
    diags_init(&d);
    status bad = quant_pack(&l->q, &l->p, x, l->rows, 0, false, &d, &o);
    diags_fini(&d);
    return bad ? -1 : o.n_bytes;
}

bool pipeline_dequantize(const pipeline *l, const float *meta, const uint8_t *bytes,
                         int64_t n_bytes, float *y) {
    int64_t at;
    return quant_unpack(&l->q, &l->p, bytes, n_bytes, l->rows, meta, y, &at) == NULL;
}

void pipeline_metrics(pipeline *l, const float *x, const float *meta, error_sums *sums) {
    if (l->code == NULL) {
        l->code = mem_aligned((size_t)(l->rows * l->q.cols));
        quantizer_encode(&l->q, x, l->rows, meta, 0, l->code);
    }
    quantizer_error(&l->q, x, l->code, l->rows, meta, sums);
}
