/*
 * run/bench_linear.h - how fast products of packed weights are: 4096 x 4096, by 1, 32 and 512
 * rows of int8, beside OpenBLAS on floats of the same shape.
 */
#ifndef RUN_BENCH_LINEAR_H
#define RUN_BENCH_LINEAR_H

#include "run/bench_row.h"

/* For each number of rows, on one thread and on all, a row for OpenBLAS and one for each form
 * and granularity of the weights: "GOP/s", a multiply and an add being two. Quantizing the
 * activations is not in the clock. */
status bench_linear(const bench_options *o, diags *d);

#endif
