/*
 * run/bench_packers.h - how fast each packer packs and unpacks, and how small.
 *
 * One thread, through the packer's own functions, in the chunks that the container would cut;
 * in L2 and out of cache; packing, unpacking and the streams take turns.
 */
#ifndef RUN_BENCH_PACKERS_H
#define RUN_BENCH_PACKERS_H

#include "run/bench_row.h"

/* Two rows, "NAME, pack" and "NAME, unpack", for each packer, place, number of levels and, where
 * the rate depends on the codes, share of zeros: "Gcodes/s". ERR_USAGE if there is no packer
 * o->only. */
status bench_packers(const bench_options *o, diags *d);

#endif
