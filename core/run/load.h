/*
 * run/load.h - model.weights into a network.
 */
#ifndef RUN_LOAD_H
#define RUN_LOAD_H

#include "plan/plan.h"

/* Fills the parameters from the plan's file of weights; nothing if it names none. */
status load_weights(const plan *p, model *m, diags *d);

#endif
