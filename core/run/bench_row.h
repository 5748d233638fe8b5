/*
 * run/bench_row.h - one line of a benchmark, and what every benchmark is told.
 */
#ifndef RUN_BENCH_ROW_H
#define RUN_BENCH_ROW_H

#include <stdbool.h>

#include "host/registry.h"
#include "run/bench_measure.h"
#include "util/err.h"

/* Where the data of a call are: in L2 (source and destination together 1 MiB, or half of an L2
 * that has less than 2 MiB), or far out of the caches: each call takes the next part of buffers
 * of 64M floats. */
typedef struct bench_place {
    const char *name;
    int64_t call_bytes; /* that a call reads and writes, about         */
    int64_t set_bytes;  /* of a buffer: as many parts of call_bytes    */
} bench_place;

enum { BENCH_L2, BENCH_DRAM, BENCH_PLACES };
bench_place bench_place_of(int i);

/* Below this share of its ceiling a kernel is slow, and it is said why. */
#define BENCH_SLOW 0.4

/* Whether all calls take the same part, which then stays where it is. */
bool bench_stays(const bench_place *p);
/* The part of the buffers that a call takes. */
int64_t bench_part(const bench_place *p, int64_t turn);

/* Texts are borrowed while the row is visited. Numbers that do not apply are NAN. */
typedef struct bench_row {
    const char *op;    /* "absmax", "bitnet158, quantize"                         */
    const char *shape; /* what it works on; "" where op says all                  */
    const char *isa;   /* the level of the kernels                                */
    const char *place; /* "L2", "DRAM"; "" where it is neither                    */
    const char *unit;  /* "GB/s": more is faster                                  */
    int threads;
    double median, mad;  /* in the unit; mad: median absolute deviation           */
    int clean, total;    /* samples (run/bench_measure.h)                         */
    double ratio_scalar; /* to the level scalar, as gcc -O3 vectorizes it         */
    double ratio_plain;  /* to the level plain: the same file, not vectorized     */
    double ratio_sgemm;  /* to OpenBLAS at the same shape                         */
    double ceiling;      /* in the unit, measured in turns with the row           */
    double bits;         /* of a weight, packed                                   */
    const char *why;     /* it is far below its ceiling, if that is known         */
} bench_row;

typedef struct bench_options {
    const char *only; /* a name, NULL: all           */
    bool places[BENCH_PLACES];
    int samples; /* BENCH_SAMPLES_MIN .. _MAX   */
    const registry *plugins;
    void (*visit)(const bench_row *row, void *arg);
    void *arg;
} bench_options;

/* A row without numbers. */
bench_row bench_row_of(const char *op, const char *shape, const char *where, const char *unit);

/* The rate of `amount` units of work in the time of a call; what the level scalar takes for
 * it is NULL where it was not measured. */
void bench_row_rate(bench_row *row, const bench_time *t, const bench_time *scalar, double amount);

/* ERR_USAGE, with a suggestion, if o->only names no plugin of this kind. */
status bench_check_plugin(const bench_options *o, qb_kind kind, diags *d);

/* ERR_RESOURCE: the buffers of a benchmark do not fit in memory. */
status bench_no_memory(int64_t bytes, diags *d);

#endif
