/*
 * run/bench_ceilings.h - the ceilings: what this machine can do at most, measured in turns
 * with what is compared to it.
 */
#ifndef RUN_BENCH_CEILINGS_H
#define RUN_BENCH_CEILINGS_H

#include "run/bench_row.h"
#include "simd/ceiling.h"

/* The streams of a place: read, write, copy, and adding floats up as doubles. */
enum { BENCH_STREAMS = CEILING_SUM + 1 };

typedef struct bench_streams {
    bench_place place;
    const char *src;
    char *dst;
    struct bench_stream {
        const struct bench_streams *of;
        const ceiling_loop *loop; /* the fastest here */
    } streams[BENCH_STREAMS];
} bench_streams;

/* Finds the fastest loop of each kind. src and dst: p->set_bytes each, borrowed, dst is
 * overwritten; they may be the buffers that the cases beside the streams work on. */
void streams_open(bench_streams *s, const bench_place *p, const void *src, void *dst);

/* As cases that take turns with others; they borrow s. */
void streams_cases(bench_streams *s, bench_case cases[BENCH_STREAMS]);

/* From the times of these cases: the seconds in which so many bytes can be read and written,
 * if as much is copied as can be and the rest is read or written alone. */
double streams_seconds(const bench_streams *s, const bench_time times[BENCH_STREAMS], double read,
                       double written);

/* The seconds in which so many bytes of floats can be added up in double precision. */
double streams_sum_seconds(const bench_streams *s, const bench_time times[BENCH_STREAMS],
                           double bytes);

/* Operations in a second on one thread: CEILING_FP32, CEILING_INT8. NAN: no clean sample. */
double ceiling_peak(ceiling_kind kind, int samples);

/* A row for each kind and place. */
status bench_ceilings(const bench_options *o, diags *d);

#endif
