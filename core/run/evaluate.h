/*
 * run/evaluate.h - a network on a data set, without training.
 */
#ifndef RUN_EVALUATE_H
#define RUN_EVALUATE_H

#include "data/dataset.h"
#include "nn/model.h"

/* Rows of a pass in evaluation, at most; a model for it has at least these. */
enum { EVALUATE_ROWS = 256 };

/* Puts samples [from, from + n) at the model's input, n <= EVALUATE_ROWS; returns n,
 * which is smaller for the last batch of the set. */
int64_t evaluate_batch(model *m, const dataset *data, int64_t from, int32_t label[EVALUATE_ROWS]);

/* Is the label the class of the largest logit, the first of equals? logits (classes) */
bool evaluate_is_right(const float *logits, int64_t classes, int32_t label);

/* Accuracy and mean loss. A loss that is not finite is ERR_FAILED. */
status evaluate(model *m, const dataset *data, double *accuracy, double *loss, diags *d);

#endif
