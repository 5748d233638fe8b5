/*
 * plan/sensitivity.h - `sensitivity` of a spec meets the layers.
 */
#ifndef PLAN_SENSITIVITY_H
#define PLAN_SENSITIVITY_H

#include "plan/plan.h"

/* Sets p->sensitivity if the spec has one; opens every candidate at every layer for
 * what only its quantizer knows. Errors go to d. */
void plan_sensitivity_make(plan *p, const registry *r, diags *d);

#endif
