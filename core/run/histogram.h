/*
 * run/histogram.h - the weights of a layer, counted before and after quantization.
 */
#ifndef RUN_HISTOGRAM_H
#define RUN_HISTOGRAM_H

#include "nn/model.h"
#include "store/store.h"

enum { HISTOGRAM_BINS = 128 };

/* Both of a layer, over the same bins: n equal ones from the smallest to the largest
 * value of either. Counts are whole numbers, so they do not depend on the threads. */
typedef struct weight_histogram {
    double lo, hi;
    uint64_t before[HISTOGRAM_BINS], after[HISTOGRAM_BINS];
    bool quantized; /* else `after` is empty */
    int n_levels;   /* 0: groups have levels of their own */
    float levels[256];
} weight_histogram;

/* before: the latent weights; after: what decoding gives. Fails as the quantizer does. */
status histogram_weights(const model_layer *l, diags *d, weight_histogram *h);

/* Adds the rows; inside a transaction. */
void histogram_record(store *s, int64_t run, int layer, int64_t step, const weight_histogram *h);

#endif
