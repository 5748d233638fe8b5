#include "quant/pipeline.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "quant/levels.h"
#include "quant/work.h"
#include "util/mem.h"
#include "util/parallel.h"

/* ---- memory ---- */

status quant_packed_open(quant_packed *o, const quantizer *q, const packing *p, int64_t rows,
                         bool with_codes, diags *d) {
    *o = (quant_packed){
        .meta = mem_floats(quantizer_groups(q, rows) * q->info.n_meta + 1),
        .bytes = mem_try_aligned((size_t)packing_bound(p, rows, q->cols) + 1),
        .code = with_codes ? mem_try_aligned((size_t)(rows * q->cols) + 1) : NULL,
    };
    if (o->bytes != NULL && (o->code != NULL || !with_codes)) return OK;
    quant_packed_close(o);
    return diag_error(d, ERR_RESOURCE, "no memory to quantize %s", q->site);
}

void quant_packed_close(quant_packed *o) {
    free(o->meta);
    free(o->bytes);
    free(o->code);
    *o = (quant_packed){0};
}

/* ---- there ---- */

typedef struct pack_work {
    quant_work w;
    bool fits;     /* the metadata is not there yet */
    uint8_t *code; /* NULL: not wanted */
} pack_work;

/* Pieces of [at, end) of few chunks that are long: on all threads. */
enum { SPREAD = 16 * PIECE_MAX };

typedef struct span {
    const pack_work *o;
    int64_t at, end;
    uint8_t *code;
} span;

static void encode_span(const quant_work *w, int64_t at, int64_t end, uint8_t *code) {
    while (at < end) {
        tile t = layout_next(&w->l, at, end);
        for (int64_t i = 0; i < tile_pieces(&t); i++) {
            tile p = tile_piece(&t, i);
            work_encode(w, &p, code);
            code += p.groups * p.n;
        }
        at += t.groups * t.n;
    }
}

static void span_task(int64_t i, void *arg) {
    const span *s = arg;
    int64_t at = s->at + i * SPREAD, end = at + SPREAD < s->end ? at + SPREAD : s->end;
    encode_span(&s->o->w, at, end, s->code + i * SPREAD);
}

/* Whole groups: fitted and encoded while they are in the cache. */
static bool fit_and_encode(quant_work *w, int64_t at, int64_t end, uint8_t *code) {
    while (at < end) {
        tile t = layout_next(&w->l, at, end);
        int64_t n = t.groups * t.n;
        if (!work_check_and_fit(w, &t)) return false;
        encode_span(w, at, at + n, code);
        at += n, code += n;
    }
    return true;
}

static bool read_codes(void *arg, int64_t at, int64_t n, uint8_t *code) {
    pack_work *o = arg;
    if (o->fits) {
        if (!fit_and_encode(&o->w, at, at + n, code)) return false;
    } else {
        span s = {o, at, at + n, code};
        parallel_for((n + SPREAD - 1) / SPREAD, span_task, &s);
    }
    if (o->code != NULL) memcpy(o->code + at, code, (size_t)n);
    return true;
}

/* Chunks are whole groups, and short enough to stay in the cache. */
static bool fits_by_chunks(const packing *p, const layout *l, int64_t cols) {
    return p->info.chunk == 0 && l->cols == cols && cols <= SPREAD;
}

status quant_pack(const quantizer *q, const packing *p, const float *x, int64_t rows, uint64_t key,
                  bool check, diags *d, quant_packed *o) {
    pack_work work = {.code = o->code};
    work_open(&work.w, q, x, rows, o->meta, key);
    work.fits = fits_by_chunks(p, &work.w.l, q->cols);
    status bad = work.fits ? OK : quantizer_fit(q, x, rows, o->meta, d);
    if (bad) return bad;
    code_source from = {read_codes, &work};
    bad = packing_pack_from(p, q->site, from, rows, q->cols, check, d, o->bytes, &o->n_bytes);
    return bad ? bad : work_verdict(&work.w, d);
}

/* ---- and back ---- */

typedef struct unpack_work {
    quant_work w;
    float *y;
    bool finite;          /* all levels decode to finite numbers */
    _Atomic bool damaged; /* an element did not */
} unpack_work;

static void write_codes(void *arg, int64_t at, int64_t n, const uint8_t *code) {
    unpack_work *o = arg;
    for (int64_t end = at + n; at < end;) {
        tile t = layout_next(&o->w.l, at, end);
        for (int64_t i = 0; i < tile_pieces(&t); i++) {
            tile p = tile_piece(&t, i);
            int64_t here = p.groups * p.n;
            work_decode(&o->w, &p, code, o->y + p.at);
            if (!o->finite && simd_kernels()->find_nonfinite(o->y + p.at, here) < here)
                atomic_store(&o->damaged, true);
            code += here;
        }
        at += t.groups * t.n;
    }
}

const char *quant_unpack(const quantizer *q, const packing *p, const uint8_t *bytes,
                         int64_t n_bytes, int64_t rows, const float *meta, float *y, int64_t *at) {
    unpack_work work = {.y = y,
                        .finite = q->kind != LEVELS_OWN &&
                                  levels_are_finite(q, meta, quantizer_groups(q, rows))};
    work_open(&work.w, q, NULL, rows, meta, 0);
    const char *why =
        packing_unpack_to(p, bytes, n_bytes, rows, q->cols, (code_sink){write_codes, &work}, at);
    if (why != NULL || !atomic_load(&work.damaged)) return why;
    *at = -1;
    return "its codes decode to infinity";
}
