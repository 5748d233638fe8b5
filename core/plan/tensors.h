/*
 * plan/tensors.h - kind: tensors. Each tensor of the source stands where a network has
 * a layer.
 */
#ifndef PLAN_TENSORS_H
#define PLAN_TENSORS_H

#include "plan/plan.h"

/* Sets source, source_hash, layers and sizes; all errors go to d. */
status plan_tensors(plan *p, const registry *r, diags *d);

#endif
