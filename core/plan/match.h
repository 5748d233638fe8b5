/*
 * plan/match.h - which layers a pattern of a spec means.
 *
 *   fc*  blk.?.{q,k}   a glob on layer names     first, last
 *   type: linear       or {type: linear}         re:^fc[12]$   a POSIX ERE
 * or a list of these.
 */
#ifndef PLAN_MATCH_H
#define PLAN_MATCH_H

#include "nn/model.h"
#include "spec/yaml.h"

/* Sets hit[i] for each layer that n matches; returns how many. A malformed pattern is an
 * error at its place, and so is, each on its own, a pattern that matches nothing; what:
 * "rule", "quant.skip" ..., NULL: they may match nothing. The arena is for messages. */
int match_layers(arena *a, const yaml_node *n, const layer_desc *layers, int n_layers,
                 const char *what, diags *d, bool hit[MODEL_MAX_LAYERS]);

/* The pattern as text, for messages; in the arena. */
const char *match_text(arena *a, const yaml_node *n);

#endif
