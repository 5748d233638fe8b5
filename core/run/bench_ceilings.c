#include "run/bench_ceilings.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "simd/kernels.h"
#include "util/mem.h"

/* ---- the loops of a kind ---- */

typedef struct trial {
    const ceiling_loop *loop;
    const bench_streams *s; /* NULL: no bytes are moved */
} trial;

enum { OPERATIONS = 3 << 20, QUICK = 5 };

/* A copy reads half of the bytes and writes half. */
static int64_t moved(const bench_place *p, ceiling_kind kind) {
    return kind == CEILING_COPY ? p->call_bytes / 2 : p->call_bytes;
}

static void run_trial(void *arg, int64_t turn) {
    const trial *t = arg;
    if (t->s == NULL) {
        t->loop->run(NULL, NULL, OPERATIONS);
        return;
    }
    const bench_place *p = &t->s->place;
    int64_t from = bench_part(p, turn) * p->call_bytes;
    t->loop->run(t->s->src + from, t->s->dst + from, moved(p, t->loop->kind));
}

/* The fastest loop of a kind and its time. */
static const ceiling_loop *find_best(const bench_streams *s, ceiling_kind kind, int samples,
                                     bench_time *time) {
    trial trials[BENCH_CASES_MAX];
    bench_case cases[BENCH_CASES_MAX] = {0};
    bench_time times[BENCH_CASES_MAX];
    int n = 0, best = 0;
    for (int i = 0; i < ceiling_n_loops && n < BENCH_CASES_MAX; i++) {
        const ceiling_loop *l = &ceiling_loops[i];
        if (l->kind != kind || (l->needs & ~simd_features()) != 0) continue;
        trials[n] = (trial){l, s};
        cases[n] =
            (bench_case){run_trial, &trials[n], 1, s != NULL && bench_stays(&s->place), false};
        n++;
    }
    bench_measure(cases, n, samples, times);
    for (int i = 1; i < n; i++)
        if (times[i].median < times[best].median || isnan(times[best].median)) best = i;
    *time = times[best];
    return trials[best].loop;
}

/* ---- streams ---- */

void streams_open(bench_streams *s, const bench_place *p, const void *src, void *dst) {
    bench_time ignored;
    *s = (bench_streams){.place = *p, .src = src, .dst = dst};
    for (int k = 0; k < BENCH_STREAMS; k++)
        s->streams[k].loop = find_best(s, (ceiling_kind)k, QUICK, &ignored);
}

static void run_stream(void *arg, int64_t turn) {
    const struct bench_stream *b = arg;
    run_trial(&(trial){b->loop, b->of}, turn);
}

void streams_cases(bench_streams *s, bench_case cases[BENCH_STREAMS]) {
    for (int k = 0; k < BENCH_STREAMS; k++) {
        s->streams[k].of = s;
        cases[k] = (bench_case){run_stream, &s->streams[k], 1, bench_stays(&s->place), false};
    }
}

double streams_seconds(const bench_streams *s, const bench_time times[BENCH_STREAMS], double read,
                       double written) {
    double each[BENCH_STREAMS], both = fmin(read, written);
    for (int k = 0; k < BENCH_STREAMS; k++)
        each[k] = times[k].median / (double)moved(&s->place, (ceiling_kind)k);
    return both * each[CEILING_COPY] + (read - both) * each[CEILING_READ] +
           (written - both) * each[CEILING_WRITE];
}

double streams_sum_seconds(const bench_streams *s, const bench_time times[BENCH_STREAMS],
                           double bytes) {
    return times[CEILING_SUM].median * bytes / (double)s->place.call_bytes;
}

/* ---- rows ---- */

static const struct {
    const char *op, *unit;
} kind_names[CEILING_KINDS] = {
    {"read", "GB/s"},          {"write", "GB/s"},           {"copy", "GB/s"},
    {"add as double", "GB/s"}, {"float32 peak", "GFLOP/s"}, {"int8 peak", "GOP/s"},
};

double ceiling_peak(ceiling_kind kind, int samples) {
    bench_time t;
    find_best(NULL, kind, samples, &t);
    return OPERATIONS / t.median;
}

static void visit_best(const bench_options *o, const bench_streams *s, ceiling_kind kind) {
    bench_time t;
    const ceiling_loop *best = find_best(s, kind, o->samples, &t);
    bench_row row = bench_row_of(kind_names[kind].op, best->name, s != NULL ? s->place.name : "",
                                 kind_names[kind].unit);
    double bytes = s != NULL ? (double)moved(&s->place, kind) : OPERATIONS;
    if (kind == CEILING_COPY) bytes *= 2; /* read and written */
    row.isa = "";
    bench_row_rate(&row, &t, NULL, bytes * 1e-9);
    o->visit(&row, o->arg);
}

status bench_ceilings(const bench_options *o, diags *d) {
    for (int p = 0; p < BENCH_PLACES; p++) {
        bench_streams s = {.place = bench_place_of(p)};
        if (!o->places[p]) continue;
        size_t bytes = (size_t)s.place.set_bytes;
        char *src = mem_try_aligned(bytes), *dst = mem_try_aligned(bytes);
        status bad = OK;
        if (src == NULL || dst == NULL) {
            bad = bench_no_memory(2 * (int64_t)bytes, d);
        } else {
            s.src = memset(src, 1, bytes), s.dst = memset(dst, 0, bytes);
            for (int k = 0; k < BENCH_STREAMS; k++) visit_best(o, &s, (ceiling_kind)k);
        }
        free(src);
        free(dst);
        if (bad) return bad;
    }
    for (int k = BENCH_STREAMS; k < CEILING_KINDS; k++) visit_best(o, NULL, (ceiling_kind)k);
    return OK;
}
