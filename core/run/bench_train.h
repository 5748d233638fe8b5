/*
 * run/bench_train.h - how fast a network trains, and where the time goes.
 *
 * Networks are measured in turns of 20 steps within one process, so that a machine
 * which others use too slows all of them alike. Everything that a step of a run
 * does is in the clock (gathering the batch, quantizers, optimizer); loading or
 * drawing the data is not.
 */
#ifndef RUN_BENCH_TRAIN_H
#define RUN_BENCH_TRAIN_H

#include "run/trainer.h"

typedef struct bench_train_row {
    const char *name;
    int64_t batch, steps, params;
    double ms_median, ms_mad;     /* of a step; mad: median absolute deviation */
    double samples_per_second;    /* batch / median */
    double overall;               /* samples / all seconds, slow steps included */
    double ratio_scalar;          /* to the same steps with the kernels of level scalar */
    double phase_ms[STEP_PHASES]; /* mean of a step */
} bench_train_row;

typedef void (*bench_train_visit_fn)(const bench_train_row *row, void *arg);

/* The kernels of level scalar train a twin of each network, two steps in a turn.
 * path: a spec of kind qat without a sweep. NULL: 784-512-512-10 at batch 128 on 60,000 glyphs, in
 * float and as bitnet158 with int8 activations. seconds: about how long for each network. */
status bench_train(const char *path, const char *const *settings, int n_settings, double seconds,
                   const registry *r, bench_train_visit_fn visit, void *arg, diags *d);

#endif
