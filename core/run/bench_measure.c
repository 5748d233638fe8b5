#include "run/bench_measure.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "simd/kernels.h"
#include "util/clock.h"
#include "util/mem.h"
#include "util/summary.h"

enum { SCALAR_SAMPLES = 5, TAKEN_MIN = 3, TAKEN_MAX = 10 /* times the samples that are wanted */ };
static const double sample_seconds = 250e-6, patience_seconds = 3;

typedef struct measured {
    int64_t calls; /* of a sample */
    double *seconds;
    bench_time time;
} measured;

/* Of CPU; of each thread on average. */
static double cpu_seconds(const bench_case *c) {
    return c->threads > 1 ? clock_cpu_seconds() / c->threads : clock_thread_seconds();
}

const char *bench_use_level(const char *level) {
    const char *before = simd_kernels()->level;
    status bad = simd_force("bench", level, NULL);
    assert(!bad);
    (void)bad;
    return before;
}

/* Seconds of a call; *clean: whether they count. */
static double take(const bench_case *c, int64_t calls, int64_t *turn, int *clean) {
    const char *level = c->scalar ? bench_use_level("scalar") : NULL;
    if (c->warm) c->call(c->arg, (*turn)++);
    double cpu = cpu_seconds(c), start = clock_seconds();
    for (int64_t i = 0; i < calls; i++) c->call(c->arg, (*turn)++);
    double wall = clock_seconds() - start;
    *clean = cpu_seconds(c) - cpu >= BENCH_CPU_SHARE * wall;
    if (level != NULL) bench_use_level(level);
    return wall / (double)calls;
}

static int samples_of(const bench_case *c, int samples) {
    return c->scalar ? SCALAR_SAMPLES : samples;
}

/* The first calls also warm up: caches, pages, threads. */
static int64_t calls_of(const bench_case *c, int64_t *turn) {
    int ignored;
    double least = take(c, 1, turn, &ignored);
    for (int64_t calls = 1; least * (double)calls < sample_seconds / 2;) {
        calls *= 4;
        least = fmin(least, take(c, calls, turn, &ignored));
    }
    return least > sample_seconds ? 1 : (int64_t)(sample_seconds / least) + 1;
}

/* Does another sample make sense? Not for long where most do not count. */
static bool wants_more(const bench_time *t, int samples, double started) {
    if (t->clean == samples || t->total == TAKEN_MAX * samples) return false;
    if (t->total < TAKEN_MIN || clock_seconds() - started < patience_seconds) return true;
    return t->total < samples && 2 * t->clean >= t->total;
}

void bench_measure(const bench_case *cases, int n, int samples, bench_time *out) {
    assert(n <= BENCH_CASES_MAX);
    measured m[BENCH_CASES_MAX] = {0};
    int64_t turn = 0;
    for (int i = 0; i < n; i++) {
        m[i].calls = calls_of(&cases[i], &turn);
        m[i].seconds = mem_calloc((size_t)samples, sizeof *m[i].seconds);
    }
    double started = clock_seconds();
    for (int more = 1; more;) {
        more = 0;
        for (int i = 0; i < n; i++) {
            bench_time *t = &m[i].time;
            if (!wants_more(t, samples_of(&cases[i], samples), started)) continue;
            int clean;
            double seconds = take(&cases[i], m[i].calls, &turn, &clean);
            if (clean) m[i].seconds[t->clean++] = seconds;
            t->total++;
            more = 1;
        }
    }
    for (int i = 0; i < n; i++) {
        out[i] = m[i].time;
        out[i].median = summary_median(m[i].seconds, out[i].clean);
        out[i].mad = summary_mad(m[i].seconds, out[i].clean, out[i].median);
        free(m[i].seconds);
    }
}
