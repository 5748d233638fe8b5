/*
 * tests/support/results.h - results databases made through the store, without
 * trainings.
 */
#ifndef TESTS_RESULTS_H
#define TESTS_RESULTS_H

#include "store/store.h"

enum { RESULT_SETTINGS = 6 };

typedef struct result {
    const char *experiment, *label, *config, *baseline; /* baseline NULL: none */
    int64_t sweep;
    uint64_t seed;
    double accuracy, bits;                    /* final metrics of a done run */
    const char *layers[3];                    /* names; none: one, of no interest */
    double loss;                              /* 0: not recorded */
    const char *settings[RESULT_SETTINGS][2]; /* key and value; of a sweep: swept */
    const char *error;                        /* not NULL: it failed */
} result;

/* Adds a run and returns its id. One that names its layers has what pictures show: points
 * of a training, histograms and, unless bits is 32, quantizers with their SQNR, and rows of
 * a benchmark. */
int64_t results_add(store *s, const result *r);

/* The study of the tests: experiment `study`, kind qat, one sweep of bits x lr.
 *
 *   label          accuracy of seeds 1, 2, 3       loss        bits
 *   float          0.98  0.97  0.99                1 - a       32
 *   bits=4 lr=0.1  0.97  0.97  0.98                1 - a       4.01
 *   bits=4 lr=0.2  0.95  0.96  0.97                1 - a       4.01
 *   bits=2 lr=0.1  0.90  0.92  0.94                1 - a       2.04
 *   bits=2 lr=0.2  0.80, seed 2 failed, no seed 3  1 - a       2.04
 */
void results_make_study(const char *path);

#endif
