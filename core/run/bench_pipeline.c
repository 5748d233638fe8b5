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
    l->code = mem_aligned((size_t)(rows * cols));
    l->lengths = mem_calloc((size_t)chunks_of(&l->p, rows * cols, cols), sizeof *l->lengths);
    return OK;
}

void pipeline_close(pipeline *l) {
    if (l->q.site != NULL) quantizer_close(&l->q);
    packing_close(&l->p);
    free(l->code);
    free(l->lengths);
    *l = (pipeline){0};
}

int64_t pipeline_bound(const pipeline *l) { return packing_bound(&l->p, l->rows, l->q.cols); }

int64_t pipeline_quantize(pipeline *l, const float *x, float *meta, uint8_t *out) {
    diags d;
    diags_init(&d);
    status bad = quantizer_fit(&l->q, x, l->rows, meta, &d);
    diags_fini(&d);
    if (bad) return -1;
    quantizer_encode(&l->q, x, l->rows, meta, 0, l->code);
    return chunks_pack(&l->p, l->code, l->rows * l->q.cols, l->q.cols, out, l->lengths);
}

bool pipeline_dequantize(pipeline *l, const float *meta, const uint8_t *bytes, float *y) {
    int64_t n = l->rows * l->q.cols;
    if (!chunks_unpack(&l->p, bytes, l->lengths, n, l->q.cols, l->code)) return false;
    quantizer_decode(&l->q, l->code, l->rows, meta, y);
    return true;
}

void pipeline_metrics(const pipeline *l, const float *x, const float *meta, error_sums *sums) {
    quantizer_error(&l->q, x, l->code, l->rows, meta, sums);
}
