/*
 * plan/sizes.h - what only an opened quantizer knows of a place: its levels, groups,
 * granularity, and the bytes of its codes.
 */
#ifndef PLAN_SIZES_H
#define PLAN_SIZES_H

#include "plan/plan.h"

/* Fills the site from its quantizer; texts are in the plan's arena. */
void describe_site(plan *p, const quantizer *q, bool weights, plan_site *site);

/* Chooses the packer of l's weights, (q->rows_max, q->cols), where the spec did not,
 * and sets their bytes and description. */
status size_weights(plan *p, plan_layer *l, const quantizer *q, const registry *r, diags *d);

/* All layers, and the sums over them. */
status plan_sizes(plan *p, const registry *r, diags *d);

#endif
