/*
 * spec/sweep.h - `sweep:` of a spec: the points of a grid, as settings.
 *
 * An axis is a dotted key with a list of values, or a name whose values are maps of
 * dotted keys, which change together. The first axis changes slowest. `seed` is no
 * axis of the grid: it says which seeds each point is run with.
 */
#ifndef SPEC_SWEEP_H
#define SPEC_SWEEP_H

#include "spec/settings.h"

enum { SWEEP_MAX_POINTS = 10000, SWEEP_MAX_SEEDS = 10000 };

typedef struct sweep_point {
    setting *settings;
    int n;
    yaml_node *root;   /* the spec with them */
    const char *label; /* "int bits=4 ste=tanh"; "" without axes */
} sweep_point;

typedef struct sweep {
    sweep_point *points; /* at least one */
    int n;
    uint64_t *seeds; /* of a seed axis */
    int n_seeds;
    const char *axes; /* as one line of YAML; NULL without axes */
} sweep;

/* Expands the tree of a spec. All errors go to c->d. Everything is in c->a. */
status sweep_expand(const schema_context *c, const yaml_node *root, sweep *out);

/* {range: [a, b]}: the integers a .. b - 1, as nodes. NULL after an error or for no range. */
yaml_node *sweep_range(const schema_context *c, const yaml_node *n);

/* The settings of a point in words, "int bits=4 lr=1e-3"; also without those of quant. */
const char *sweep_label(const schema_context *c, const sweep_point *p, bool with_quant);

/* The twin that a point is compared with: its swept keys of `quant` removed, those of
 * `sweep.baseline` set, `model.norm` as `norm`. NULL: the spec names none. */
yaml_node *sweep_baseline(const schema_context *c, const yaml_node *root, const sweep_point *p,
                          const char *norm);

#endif
