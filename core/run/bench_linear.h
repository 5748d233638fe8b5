/*
 * run/bench_linear.h - how fast matrix products are, weights of 4096 x 4096: float by OpenBLAS.
 */
#ifndef RUN_BENCH_LINEAR_H
#define RUN_BENCH_LINEAR_H

#include "run/bench_row.h"

/* A row for 1, 32 and 512 rows of activations, on one thread and on all: "GOP/s", a multiply and
 * an add being two. */
status bench_linear(const bench_options *o, diags *d);

#endif
