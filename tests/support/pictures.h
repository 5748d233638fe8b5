/*
 * tests/support/pictures.h - runs with all that pictures and reports show: curves,
 * layers, histograms.
 */
#ifndef TESTS_PICTURES_H
#define TESTS_PICTURES_H

#include "store/store.h"

typedef struct picture_run {
    const char *experiment, *label, *config, *baseline; /* baseline NULL: none */
    int64_t sweep;
    uint64_t seed;
    double accuracy, bits;
    const char *layers[3]; /* names; NULL ends; quantized unless bits is 32 */
} picture_run;

/* A done run with final metrics, points of a training, layers, quantizers, SQNR and
 * histograms. Returns its id. */
int64_t pictures_add(store *s, const picture_run *r);

#endif
