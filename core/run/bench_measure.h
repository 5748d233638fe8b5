/*
 * run/bench_measure.h - the clock of the benchmarks: what one call takes, of several cases
 * that are compared.
 *
 * The cases take turns, sample by sample, so that a machine which others use too slows all
 * of them alike. A sample is as many calls as fill a quarter of a millisecond. It counts only
 * if its thread had the CPU for at least 97.5 % of the time (with more threads: all of them
 * together); others are taken again, as long as that may help. Medians say what is typical,
 * their absolute deviation how sure.
 */
#ifndef RUN_BENCH_MEASURE_H
#define RUN_BENCH_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

enum { BENCH_SAMPLES_MIN = 31, BENCH_SAMPLES_MAX = 1000, BENCH_CASES_MAX = 32 };
#define BENCH_CPU_SHARE 0.975

typedef struct bench_case {
    /* One call. `turn` counts all calls of a measurement, so that calls on a set which is
     * larger than the caches can each take another part of it. */
    void (*call)(void *arg, int64_t turn);
    void *arg;
    int threads; /* that it keeps busy */
    bool warm;   /* each sample begins with a call outside the clock: its data are where that
                  * left them, not where the other cases did */
    bool scalar; /* with the kernels of level scalar in force; a few samples will do */
} bench_case;

/* Puts the kernels of a level in force and returns the one before. What plugins get
 * they get when they are opened. */
const char *bench_use_level(const char *level);

typedef struct bench_time {
    double median, mad; /* seconds of a call; NAN if no sample counts */
    int clean, total;   /* samples that count, of those that were taken */
} bench_time;

/* Measures n <= BENCH_CASES_MAX cases until each has `samples` that count, 5 the scalar ones.
 * Fewer, if the machine is too busy: it gives up after ten times as many; after three seconds, if
 * `samples` were taken or most of them do not count. */
void bench_measure(const bench_case *cases, int n, int samples, bench_time *out);

#endif
