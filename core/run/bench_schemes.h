/*
 * run/bench_schemes.h - how fast tensors become packed bytes, and floats again: fit, encode and
 * pack, unpack and decode, through scheme and packer.
 *
 * One thread, rows of 4096; in L2 and out of cache. A whole tensor with one scale out of cache
 * is 64M floats in one call.
 */
#ifndef RUN_BENCH_SCHEMES_H
#define RUN_BENCH_SCHEMES_H

#include "run/bench_row.h"

/* Rows "quantize ...", "dequantize ..." and, where a row of the tensor is a group, "metrics
 * ..." for each scheme, granularity and packer of the list in bench_schemes.c whose plugins are
 * installed; "GB/s" of floats (4 bytes an element; metrics: and 1 for its code). ERR_USAGE if
 * there is no scheme o->only. */
status bench_schemes(const bench_options *o, diags *d);

#endif
