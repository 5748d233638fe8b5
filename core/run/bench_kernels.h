/*
 * run/bench_kernels.h - how fast each kernel is at each level that the CPU has.
 *
 * One thread, a working set of 1 MiB (source and destination together, in L2 on most
 * machines). The levels take turns within one process, so that a machine which others use
 * too slows all of them alike.
 */
#ifndef RUN_BENCH_KERNELS_H
#define RUN_BENCH_KERNELS_H

#include <stdint.h>

#include "simd/kernels.h"

enum { BENCH_SAMPLES_MIN = 31, BENCH_SAMPLES_MAX = 1000 };

typedef struct bench_kernels_row {
    const char *kernel, *level;
    int64_t bytes;          /* read and written by a call             */
    double gb_per_second;   /* bytes / median                         */
    double us_median;       /* of a call                              */
    double us_mad;          /* median absolute deviation              */
    double ratio_to_scalar; /* of the medians; above 1 is faster      */
} bench_kernels_row;

typedef void (*bench_kernels_visit_fn)(const bench_kernels_row *row, void *arg);

/* only: a kernel's name, NULL for all. ERR_USAGE if there is none of that name. */
status bench_kernels(const char *only, int samples, bench_kernels_visit_fn visit, void *arg,
                     diags *d);

#endif
