#include "quant/work.h"

#include <float.h>
#include <inttypes.h>
#include <stdatomic.h>

#include "host/blame.h"
#include "quant/levels.h"
#include "util/float_bits.h"

void work_open(quant_work *w, const quantizer *q, const float *x, int64_t rows, const float *meta,
               uint64_t key) {
    *w = (quant_work){.q = q,
                      .l = quantizer_layout(q, rows),
                      .x = x,
                      .meta = (float *)(uintptr_t)meta,
                      .key = key,
                      .bad_element = INT64_MAX,
                      .bad_meta = INT64_MAX,
                      .bad_group = INT64_MAX};
}

void note_first(_Atomic int64_t *first, int64_t i) {
    int64_t seen = atomic_load(first);
    while (i < seen && !atomic_compare_exchange_weak(first, &seen, i)) {
    }
}

static float *meta_row(const quant_work *w, int64_t group) {
    return w->meta + group * w->q->info.n_meta;
}

bool work_is_finite(quant_work *w, int64_t at, int64_t n) {
    int64_t bad = simd_kernels()->find_nonfinite(w->x + at, n);
    if (bad < n) note_first(&w->bad_element, at + bad);
    return bad == n;
}

/* ---- metadata in its stored form ---- */

static bool round_meta(quant_work *w, const tile *t) {
    const quantizer *q = w->q;
    int n = q->info.n_meta;
    bool all = true;
    for (int64_t i = t->group * n; i < (t->group + t->groups) * n; i++) {
        const qb_meta *m = &q->info.meta[i % n];
        float v = w->meta[i];
        bool fine = isfinite(v) && !(m->role == QB_SCALE && v < 0);
        if (fine && stored_round(m, q->config.scale_dtype, &v))
            w->meta[i] = v;
        else
            all = false, note_first(&w->bad_meta, i); /* which keeps what fit() said */
    }
    for (int64_t g = t->group; g < t->group + t->groups && q->kind != LEVELS_OWN; g++)
        if (!levels_are_finite(q, meta_row(w, g), 1)) all = false, note_first(&w->bad_group, g);
    return all;
}

/* False if one of the numbers is none or cannot be kept as it is. `step` is known where this
 * is inlined, so that the compiler makes vectors of it. */
static inline bool keep_numbers(float *v, int64_t rows, const int64_t step, float outer, bool power,
                                bool scale) {
    const uint32_t fraction = power ? 0x7fffff : 0;
    const float lowest = scale ? 0 : -FLT_MAX, least = scale ? FLT_MIN : -FLT_MAX;
    int bad = 0;
    for (int64_t g = 0; g < rows; g++) {
        float a = v[g * step];
        bad |= !(fabsf(a) * outer <= FLT_MAX) | !(a >= lowest) | ((float_bits(a) & fraction) != 0);
    }
    if (bad) return false;
    for (int64_t g = 0; g < rows; g++) v[g * step] = v[g * step] < least ? 0 : v[g * step];
    return true;
}

/* Entry k of all rows, if its form is float32 or none, or a power of two that it already is;
 * false if there is something to be said, or it is another form. */
static bool round_column(const quantizer *q, int k, float *v, int64_t rows) {
    const qb_meta *m = &q->info.meta[k];
    const bool power = m->store == QB_E8M0, scale = m->role == QB_SCALE;
    if (!power && m->store != QB_F32 && m->store != QB_NOT_STORED &&
        (m->store != QB_AS_SPEC || q->config.scale_dtype != SCALE_F32))
        return false;
    float outer = 1; /* the largest level: it must stay finite */
    if (scale && q->kind != LEVELS_OWN) outer = levels_outermost(q);
    if (q->info.n_meta == 1) return keep_numbers(v, rows, 1, outer, power, scale);
    return keep_numbers(v, rows, q->info.n_meta, outer, power, scale);
}

/* As most schemes have it, all groups at once. */
static bool round_columns(quant_work *w, const tile *t) {
    const quantizer *q = w->q;
    bool all = q->zero_at < 0 && q->offset_at < 0; /* else the levels are another matter */
    for (int k = 0; k < q->info.n_meta && all; k++)
        all = round_column(q, k, meta_row(w, t->group) + k, t->groups);
    return all;
}

static bool meta_is_finite(const quant_work *w, const tile *t) {
    int64_t n = t->groups * w->q->info.n_meta;
    return simd_kernels()->find_nonfinite(meta_row(w, t->group), n) == n;
}

bool work_fit(quant_work *w, const tile *t) {
    w->q->table->fit(w->q->scheme.self, w->x + t->at, t->groups, t->n, meta_row(w, t->group));
    if (round_columns(w, t)) return true;
    bool look = w->q->info.flags & QB_SHOWS_NONFINITE && !meta_is_finite(w, t);
    return (!look || work_is_finite(w, t->at, t->groups * t->n)) && round_meta(w, t);
}

bool work_check_and_fit(quant_work *w, const tile *t) {
    bool look = !(w->q->info.flags & QB_SHOWS_NONFINITE);
    return (!look || work_is_finite(w, t->at, t->groups * t->n)) && work_fit(w, t);
}

/* ---- codes ---- */

void work_encode(const quant_work *w, const tile *p, uint8_t *code) {
    const quantizer *q = w->q;
    const float *x = w->x + p->at;
    if (q->kind == LEVELS_OWN) {
        qb_rng rng = {.key = w->key, .offset = (uint64_t)p->at};
        q->table->encode(q->scheme.self, meta_row(w, p->group), x, p->groups, p->n, rng, code);
        return;
    }
    float u[PIECE_MAX];
    if (q->info.round == QB_STOCHASTIC)
        simd_kernels()->uniform(w->key, (uint64_t)p->at, p->groups * p->n, u);
    levels_encode(q, meta_row(w, p->group), x, p->groups, p->n, u, code);
}

void work_decode(const quant_work *w, const tile *p, const uint8_t *code, float *y) {
    const quantizer *q = w->q;
    if (q->kind == LEVELS_OWN)
        q->table->decode(q->scheme.self, meta_row(w, p->group), code, p->groups, p->n, y);
    else
        levels_decode(q, meta_row(w, p->group), code, p->groups, p->n, y);
}

void work_fake(const quant_work *w, const tile *p, float *y) {
    const quantizer *q = w->q;
    float u[PIECE_MAX];
    if (q->kind == LEVELS_OWN) {
        uint8_t code[PIECE_MAX];
        work_encode(w, p, code);
        work_decode(w, p, code, y);
        return;
    }
    if (q->info.round == QB_STOCHASTIC)
        simd_kernels()->uniform(w->key, (uint64_t)p->at, p->groups * p->n, u);
    levels_fake(q, meta_row(w, p->group), w->x + p->at, p->groups, p->n, u, y);
}

/* ---- what is wrong ---- */

/* Entry `at` of the metadata cannot be kept: the user's matter if a sound number is
 * only too large for the form that the spec chose, else the plugin's. */
static status meta_verdict(const quantizer *q, float v, int64_t at, diags *d) {
    const qb_meta *m = &q->info.meta[at % q->info.n_meta];
    int64_t group = at / q->info.n_meta;
    const plugin *p = q->scheme.choice.plugin;
    if (!isfinite(v) || m->store != QB_AS_SPEC || (m->role == QB_SCALE && v < 0))
        return diag_error(d, ERR_PLUGIN,
                          "%s: fit() of scheme '%s' gave %s %g for group %" PRId64 " of %s",
                          p->path, p->entry.name, m->name, (double)v, group, q->site);
    diag_error(d, q->data_error, "%s: the %s of group %" PRId64 ", %g, is too large for %s",
               q->site, m->name, group, (double)v, scale_dtype_name(q->config.scale_dtype));
    diag_hint(d, "set `scale_dtype: f32`");
    return q->data_error;
}

status work_verdict(const quant_work *w, diags *d) {
    const quantizer *q = w->q;
    int64_t element = atomic_load(&w->bad_element), meta = atomic_load(&w->bad_meta);
    int64_t group = atomic_load(&w->bad_group);
    if (element != INT64_MAX)
        return diag_error(d, q->data_error, "%s: element (%" PRId64 ", %" PRId64 ") is %s", q->site,
                          element / q->cols, element % q->cols,
                          isnan(w->x[element]) ? "NaN" : "infinite");
    if (meta != INT64_MAX) return meta_verdict(q, w->meta[meta], meta, d);
    if (group == INT64_MAX) return blame_check(d); /* what a plugin did beside */
    return diag_error(d, q->data_error,
                      "%s: the outer levels of group %" PRId64 " decode to infinity: its values "
                      "are too near the largest float32",
                      q->site, group);
}
