/*
 * run/evaluate.h - a network on a data set, in evaluation: the one loop that training,
 * `eval` and the parity check go through, so that equal weights give equal logits bit
 * for bit.
 */
#ifndef RUN_EVALUATE_H
#define RUN_EVALUATE_H

#include "data/dataset.h"
#include "nn/model.h"
#include "util/hash.h"

/* Rows of a pass in evaluation, at most; a model for it has at least these. */
enum { EVALUATE_ROWS = 256 };

typedef struct evaluation {
    double accuracy, loss; /* share, mean */
    int64_t n, classes;
    int32_t *prediction; /* (n): the class of the largest logit, the first of equals */
    float *logits;       /* (n, classes) */
} evaluation;            /* zeroed is empty */

/* Fills e, whose buffers are used again. The data has the model's features and none
 * but its classes. A loss that is not finite is ERR_FAILED. */
status evaluate(model *m, const dataset *data, evaluation *e, diags *d);
void evaluation_free(evaluation *e);

/* SHA-256 of the first n predictions as int32 and logits as float32, little endian,
 * in the order of the samples. */
void evaluation_hash(const evaluation *e, int64_t n, char predictions[HASH_HEX],
                     char logits[HASH_HEX]);

/* Puts samples [from, from + n) at the model's input, n <= EVALUATE_ROWS; returns n,
 * which is smaller for the last batch of the set. */
int64_t evaluate_batch(model *m, const dataset *data, int64_t from, int32_t label[EVALUATE_ROWS]);

/* The class of the largest logit, the first of equals. logits (classes) */
int32_t evaluate_class(const float *logits, int64_t classes);

#endif
