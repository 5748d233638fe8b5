/*
 * run/eval_model.h - a network on a data set, in evaluation: the one loop that
 * training, `eval` and the parity check go through, so that equal weights give
 * equal logits bit for bit.
 */
#ifndef RUN_EVAL_MODEL_H
#define RUN_EVAL_MODEL_H

#include "data/dataset.h"
#include "nn/model.h"
#include "util/hash.h"

enum { EVAL_ROWS = 256 }; /* of a pass; the model's batch is at least that */

typedef struct evaluation {
    double accuracy, loss; /* share, mean */
    int64_t n, classes;
    int32_t *prediction; /* (n): the class of the largest logit, the first of equals */
    float *logits;       /* (n, classes) */
} evaluation;            /* zeroed is empty */

/* Fills e, whose buffers are used again. The data has the model's features and none
 * but its classes. */
status eval_model(model *m, const dataset *data, evaluation *e, diags *d);
void evaluation_free(evaluation *e);

/* SHA-256 of the first n predictions as int32 and logits as float32, little endian,
 * in the order of the samples. */
void evaluation_hash(const evaluation *e, int64_t n, char predictions[HASH_HEX],
                     char logits[HASH_HEX]);

#endif
