/*
 * plan/rules.h - rules meet layers: what quant.weights, quant.skip and quant.rules
 * make of each layer.
 */
#ifndef PLAN_RULES_H
#define PLAN_RULES_H

#include "plan/plan.h"

/* Sets quant and rule_line of every layer and p->rules; all errors go to d. */
void rules_apply(plan *p, const registry *r, diags *d);

/* The quantizer configuration that a typed site of a spec means. */
quant_config quant_config_of(const site_config *s);

#endif
