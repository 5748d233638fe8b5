/*
 * run/bench_kernels.h - how fast each kernel is at each level that the CPU has.
 *
 * One thread; in L2 and out of cache; the levels and the scalar file without vectors take turns
 * with the streams that are their ceiling. A new kernel: its CALL in bench_kernels.c.
 */
#ifndef RUN_BENCH_KERNELS_H
#define RUN_BENCH_KERNELS_H

#include "run/bench_row.h"

/* A row for each kernel, place and level, "GB/s" of bytes read and written; then for each
 * place and other level than scalar the geometric mean of the ratios, of all kernels, op
 * "geometric mean". ERR_USAGE if there is no kernel o->only. */
status bench_kernels(const bench_options *o, diags *d);

#endif
