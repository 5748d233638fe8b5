/*
 * plan/weights.h - model.weights: the file that a network starts from.
 */
#ifndef PLAN_WEIGHTS_H
#define PLAN_WEIGHTS_H

#include "plan/plan.h"

/* Sets slots, weights and weights_hash, and checks the file against the model; errors
 * go to d. */
void plan_weights(plan *p, dataset_catalog *data, diags *d);

#endif
