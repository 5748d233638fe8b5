#include "conformance/cases.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/rng.h"

/* ---- spans ---- */

enum { SPAN_LEVELS = 4 };
static const int level_counts[SPAN_LEVELS] = {3, 2, 16, 255};

/* Levels about 0 with a step of 1/4, the last of two kinds uneven, and what lies between. */
typedef struct staircase {
    int n;
    float levels[256], thresholds[255];
} staircase;

static void make_staircase(int kind, staircase *c) {
    c->n = level_counts[kind];
    for (int i = 0; i < c->n; i++) c->levels[i] = 0.25f * ((float)i - (float)(c->n - 1) / 2);
    if (kind == 2) c->levels[c->n - 1] += 0.5f;
    for (int i = 0; i + 1 < c->n; i++) c->thresholds[i] = (c->levels[i] + c->levels[i + 1]) / 2;
}

static float quantized(const staircase *c, float x) {
    int i = 0;
    while (i + 1 < c->n && x > c->thresholds[i]) i++;
    return c->levels[i];
}

static qb_ste_span span_of(const staircase *c, const subject *s, int64_t n, const float *x,
                           const float *y, const float *dy) {
    qb_ste_span p = {.size = sizeof p,
                     .n = n,
                     .x = x,
                     .y = y,
                     .dy = dy,
                     .lo = c->levels[0],
                     .hi = c->levels[c->n - 1],
                     .step = 0.25f,
                     .group = n,
                     .rng = {.key = 5, .offset = 40}};
    if (s->ste.wants_levels) p.levels = c->levels, p.thresholds = c->thresholds, p.n_levels = c->n;
    return p;
}

/* ---- the functions, watched ---- */

typedef struct bench {
    subject *s;
    staircase c, kept; /* the plugin sees the first */
    int64_t n;
    guard_edge edge;
    qb_ste_span span;
} bench;

static const float *in(const guard *g) { return (const float *)(const void *)g->r; }
static float *out(guard *g) { return (float *)(void *)g->w; }

static void put_floats(guard *g, int64_t n, guard_edge edge, uint8_t poison) {
    guard_place(g, (size_t)n * sizeof(float), sizeof(float), edge, poison);
}

/* x, its quantized values, a gradient, statistics and state. */
static void set_up(bench *b, subject *s, int kind, int64_t n, guard_edge edge) {
    checker *k = s->k;
    int levels = (int)((n + kind) % SPAN_LEVELS);
    *b = (bench){.s = s, .n = n, .edge = edge};
    make_staircase(levels, &b->c);
    memcpy(&b->kept, &b->c, sizeof b->c);
    checker_case(k, "n %" PRId64 ", %s, %d levels", n, data_names[kind], b->c.n);
    put_floats(&k->x, n, edge, 0), put_floats(&k->y, n, edge, 0), put_floats(&k->dy, n, edge, 0);
    data_fill(kind, k->seed, out(&k->x), 1, n);
    data_fill(0, k->seed + 9, out(&k->dy), 1, n);
    for (int64_t i = 0; i < n; i++) out(&k->y)[i] = quantized(&b->c, in(&k->x)[i]);
    guard_place(&k->stat, (size_t)s->ste.n_stat * sizeof(double), sizeof(double), edge, 0);
    guard_place(&k->state, (size_t)s->ste.n_state * sizeof(float), sizeof(float), edge, 0);
    b->span = span_of(&b->c, s, n, in(&k->x), in(&k->y), in(&k->dy));
    b->span.stat = (const double *)(const void *)k->stat.r;
    b->span.state = in(&k->state);
}

/* The end of a call that was given this span, which was a copy of `was`. */
static bool span_end(bench *b, const qb_ste_span *span, const qb_ste_span *was, guard *written) {
    checker *k = b->s->k;
    bool fine = CALL_END(k, written);
    if (memcmp(span, was, sizeof *span) == 0 && memcmp(&b->c, &b->kept, sizeof b->c) == 0)
        return fine;
    checker_fail_once(k, "span", "it writes to its span, or to levels or thresholds of it");
    memcpy(&b->c, &b->kept, sizeof b->c);
    return false;
}

static bool stats(bench *b, double start) {
    checker *k = b->s->k;
    if (k->p->ste.stats == NULL) return true;
    double *stat = (double *)(void *)k->stat.w;
    for (int i = 0; i < b->s->ste.n_stat; i++) stat[i] = start;
    qb_ste_span was;
    memcpy(&was, &b->span, sizeof was);
    call_begin(k, "stats()");
    k->p->ste.stats(b->s->r, &b->span, stat);
    return span_end(b, &b->span, &was, &k->stat);
}

/* dx of the span, in k->dx or, in place, over dy. */
static bool backward(bench *b, bool in_place, uint8_t poison) {
    checker *k = b->s->k;
    qb_ste_span span = b->span;
    put_floats(&k->dx, span.n, b->edge, poison);
    if (in_place) {
        memcpy(k->dx.w, k->dy.r, k->dx.n);
        span.dy = out(&k->dx);
    }
    qb_ste_span was;
    memcpy(&was, &span, sizeof was);
    call_begin(k, "backward()");
    k->p->ste.backward(b->s->r, &span, out(&k->dx));
    return span_end(b, &span, &was, &k->dx);
}

static bool is_finite_all(checker *k, const guard *g, const char *name) {
    for (size_t i = 0; i < g->n / sizeof(float) && !k->failed; i++)
        if (!isfinite(in(g)[i]))
            checker_fail(k, "%s[%zu] is %s", name, i, isnan(in(g)[i]) ? "NaN" : "infinite");
    return !k->failed;
}

/* The first element in which two results differ; -1: none. */
static int64_t first_difference(const float *a, const float *b, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (memcmp(&a[i], &b[i], sizeof *a) != 0) return i;
    return -1;
}

/* ---- the checks ---- */

typedef void (*span_check)(bench *b);

static void for_each_span(subject *s, bool few, span_check check) {
    int sizes = few ? data_n_small : data_n_sizes, kinds = few ? 4 : DATA_KINDS;
    bench b;
    for (int i = 0; i < sizes; i++)
        for (int kind = 0; kind < kinds; kind++)
            for (int edge = 0; edge < 2; edge++) {
                if (s->k->failed) return;
                set_up(&b, s, kind, data_sizes[i], (guard_edge)edge);
                if (stats(&b, 0) && !s->k->failed) check(&b);
            }
    if (few || s->k->failed) return;
    set_up(&b, s, 0, GROUP_MAX, GUARD_END);
    if (stats(&b, 0) && !s->k->failed) check(&b);
}

static void writes_case(bench *b) {
    checker *k = b->s->k;
    float *first = mem_floats(b->n);
    if (backward(b, false, 0x00)) {
        memcpy(first, k->dx.r, k->dx.n);
        if (backward(b, false, 0x4b)) { /* 0x4b4b4b4b is a number, too */
            int64_t at = first_difference(first, in(&k->dx), b->n);
            if (at >= 0)
                checker_fail(k, "dx[%" PRId64 "] is not written, or not the same the second time",
                             at);
            is_finite_all(k, &k->dx, "dx");
        }
    }
    free(first);
}

static void in_place_case(bench *b) {
    checker *k = b->s->k;
    float *first = mem_floats(b->n);
    if (backward(b, false, 0)) {
        memcpy(first, k->dx.r, k->dx.n);
        if (backward(b, true, 0)) {
            int64_t at = first_difference(first, in(&k->dx), b->n);
            if (at >= 0)
                checker_fail(k,
                             "dx[%" PRId64 "] is %g where dx is another buffer and %g where dx "
                             "is dy",
                             at, (double)first[at], (double)in(&k->dx)[at]);
        }
    }
    free(first);
}

static void zero_case(bench *b) {
    checker *k = b->s->k;
    memset(k->dy.w, 0, k->dy.n);
    if (!backward(b, false, 0xff)) return;
    for (int64_t i = 0; i < b->n && !k->failed; i++)
        if (!(in(&k->dx)[i] == 0))
            checker_fail(k, "dy is 0, but dx[%" PRId64 "] is %s", i,
                         isnan(in(&k->dx)[i]) ? "NaN, or not written" : "not");
}

static bool forward(bench *b, bool in_place, uint8_t poison) {
    checker *k = b->s->k;
    qb_ste_span span = b->span;
    span.dy = NULL;
    put_floats(&k->dx, span.n, b->edge, poison);
    if (in_place) {
        memcpy(k->dx.w, span.y, k->dx.n);
        span.y = out(&k->dx);
    }
    qb_ste_span was;
    memcpy(&was, &span, sizeof was);
    call_begin(k, "forward()");
    k->p->ste.forward(b->s->r, &span, out(&k->dx));
    return span_end(b, &span, &was, &k->dx);
}

static void forward_case(bench *b) {
    checker *k = b->s->k;
    if (k->p->ste.forward == NULL) return;
    float *first = mem_floats(b->n);
    if (forward(b, false, 0x00)) {
        memcpy(first, k->dx.r, k->dx.n);
        if (forward(b, false, 0x4b) && first_difference(first, in(&k->dx), b->n) >= 0)
            checker_fail(k, "y[%" PRId64 "] is not written, or not the same the second time",
                         first_difference(first, in(&k->dx), b->n));
        is_finite_all(k, &k->dx, "y");
    }
    free(first);
}

/* Pieces against the whole; statistics are those of the whole group. */
static void cuts_case(bench *b) {
    checker *k = b->s->k;
    int64_t n = b->n;
    float *whole = mem_floats(n), *x = mem_floats(n), *y = mem_floats(n), *dy = mem_floats(n);
    bool fine = backward(b, false, 0);
    memcpy(whole, k->dx.r, k->dx.n);
    memcpy(x, k->x.r, k->x.n), memcpy(y, k->y.r, k->y.n), memcpy(dy, k->dy.r, k->dy.n);
    for (int64_t at = 0, len; at < n && fine && !k->failed; at += len) {
        len = 1 + (int64_t)(rng_u32(k->seed, (uint64_t)(at + n)) % (uint32_t)(n / 3 + 1));
        if (len > n - at) len = n - at;
        put_floats(&k->x, len, b->edge, 0), put_floats(&k->y, len, b->edge, 0),
            put_floats(&k->dy, len, b->edge, 0);
        memcpy(k->x.w, x + at, k->x.n), memcpy(k->y.w, y + at, k->y.n);
        memcpy(k->dy.w, dy + at, k->dy.n);
        b->span.n = len, b->span.rng.offset = 40 + (uint64_t)at;
        b->span.x = in(&k->x), b->span.y = in(&k->y), b->span.dy = in(&k->dy);
        fine = backward(b, false, 0);
        int64_t wrong = fine ? first_difference(in(&k->dx), whole + at, len) : -1;
        if (wrong >= 0)
            checker_fail(k,
                         "dx[%" PRId64 "] depends on the cut: %g in the whole group, %g in a "
                         "piece from %" PRId64 " to %" PRId64,
                         at + wrong, (double)whole[at + wrong], (double)in(&k->dx)[wrong], at,
                         at + len);
    }
    free(whole), free(x), free(y), free(dy);
}

/* stats() adds; update() gives the same for the same, and finite numbers. */
static void statistics_case(bench *b) {
    checker *k = b->s->k;
    int n_stat = b->s->ste.n_stat, n_state = b->s->ste.n_state;
    double first[8];
    if (k->p->ste.stats != NULL) {
        memcpy(first, k->stat.r, k->stat.n);
        if (!stats(b, 64)) return;
        const double *stat = (const double *)(const void *)k->stat.r;
        for (int i = 0; i < n_stat && !k->failed; i++)
            if (!isfinite(first[i]))
                checker_fail(k, "stat[%d] is not finite", i);
            else if (fabs(stat[i] - 64 - first[i]) > 1e-9 * (64 + fabs(first[i])) * (double)b->n)
                checker_fail(k, "stat[%d] is not added to what was there", i);
    }
    if (k->failed || k->p->ste.update == NULL) return;
    float states[2][8] = {{0}};
    qb_ste_step step = {.size = sizeof step, .step = 3, .n = b->n, .flips = 1};
    step.stat = (const double *)(const void *)k->stat.r;
    for (int twice = 0; twice < 2; twice++) {
        memset(k->state.w, 0, k->state.n);
        call_begin(k, "update()");
        k->p->ste.update(b->s->r, &step, out(&k->state));
        if (!CALL_END(k, &k->state)) return;
        memcpy(states[twice], k->state.r, k->state.n);
        if (!is_finite_all(k, &k->state, "state")) return;
    }
    if (first_difference(states[0], states[1], n_state) >= 0)
        checker_fail(k, "the same step gives another state the second time");
}

#define CHECK(name)                                                                                \
    static void name##_of(subject *s, bool few) { for_each_span(s, few, name##_case); }            \
    static void check_##name(checker *k) { for_each_setting(k, name##_of); }
CHECK(writes)
CHECK(in_place)
CHECK(zero)
CHECK(forward)
CHECK(cuts)
CHECK(statistics)

/* ---- for the checks of all kinds ---- */

uint64_t ste_work(const subject *s, uint64_t seed, int i) {
    const qb_ste *f = &s->k->p->ste;
    int64_t n = data_sizes[i % (data_n_sizes - 1)];
    float *x = mem_floats(n), *y = mem_floats(n), *dy = mem_floats(n), *dx = mem_floats(n);
    float state[8] = {0};
    double stat[8] = {0};
    staircase c;
    make_staircase(i % SPAN_LEVELS, &c);
    data_fill(i % DATA_KINDS, seed + (uint64_t)i, x, 1, n);
    data_fill(0, seed + 99 + (uint64_t)i, dy, 1, n);
    for (int64_t k = 0; k < n; k++) y[k] = quantized(&c, x[k]);
    qb_ste_span span = span_of(&c, s, n, x, y, dy);
    span.state = state, span.stat = stat;
    if (f->stats != NULL) f->stats(s->r, &span, stat);
    f->backward(s->r, &span, dx);
    uint64_t h = digest(digest(0, stat, sizeof stat), dx, (size_t)n * sizeof *dx);
    span.dy = NULL;
    if (f->forward != NULL) {
        f->forward(s->r, &span, dx);
        h = digest(h, dx, (size_t)n * sizeof *dx);
    }
    free(x), free(y), free(dy), free(dx);
    return h;
}

const check_entry ste_checks[] = {
    CHECK_INIT,
    {"writes", "backward() writes all of dx, finite numbers", check_writes},
    {"in_place", "dx may be dy", check_in_place},
    {"zero", "no gradient stays none", check_zero},
    {"forward", "forward() writes all of y, finite numbers", check_forward},
    {"cuts", "whole or in pieces: the same bits", check_cuts},
    {"statistics", "stats() adds, update() is a function of its input", check_statistics},
    CHECKS_OF_ALL,
};
