/*
 * run/load.h - a file of weights into a network.
 */
#ifndef RUN_LOAD_H
#define RUN_LOAD_H

#include "plan/plan.h"

/* Fills the parameters of the plan's network from a file (&p->weights: the one that the
 * spec names); nothing if its path is NULL. Errors are those of weights_load(). */
status load_weights(const plan *p, const weight_source *from, model *m, diags *d);

#endif
