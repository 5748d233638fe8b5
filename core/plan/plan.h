/*
 * plan/plan.h - what one configuration comes to: the layers of its model with what the
 * rules make of each, sizes, steps and its key. Pure data; building
 * it opens plugins to ask for levels and sizes but trains nothing and writes
 * nothing.
 */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include "data/dataset.h"
#include "nn/model.h"
#include "nn/optim.h"
#include "nn/schedule.h"
#include "spec/spec.h"
#include "util/hash.h"

typedef struct plan_site { /* weights or input of a layer, for tables and the store */
    const char *scheme;    /* NULL: float */
    const char *label;     /* with parameters and granularity: "int bits=4 channel" */
    const char *params;    /* "bits=4" as used; "" for none */
    const char *granularity;
    int64_t group_size; /* 0: none */
    int n_levels;
    int64_t n_groups; /* weights; 0 for activations */
} plan_site;

typedef struct plan_layer {
    layer_desc desc;
    layer_quant quant;
    plan_site weights, input;
    const char *ste, *packer; /* names; packer NULL for float weights */
    int64_t weight_bytes;     /* as it will be stored: packed codes and metadata, or 4 a weight */
    double bits_per_weight;
    int rule_line; /* line of the last rule that matched, else of quant.weights; 0 */
} plan_layer;

typedef struct plan_rule {
    int line;
    const char *match;
    int n_layers; /* that it matched */
} plan_rule;

typedef struct plan {
    arena a;
    spec *spec; /* borrowed */
    data_source train, test;
    dataset_size train_size, test_size;
    char train_hash[HASH_HEX], test_hash[HASH_HEX];
    model_config model;
    plan_layer *layers;
    int n_layers;
    plan_rule *rules;
    int n_rules;
    optim_config optim;
    schedule lr;
    int64_t steps_per_epoch, steps, eval_every;
    int64_t params, macs;
    int64_t weight_bytes;   /* all weights as stored */
    double bits_per_weight; /* mean over all weights */
    int64_t memory_bytes;   /* estimate of what a run needs */
    char config_key[HASH_HEX];
    const plugin **plugins; /* used, each once */
    int n_plugins;
} plan;

/* Resolves the spec against its data and model. All errors go to d; after a
 * spec_check() that failed it adds those that need the layers, and fails too. data:
 * what is known of data sets already. plan_close() always. */
status plan_build(plan *p, spec *s, const registry *r, dataset_catalog *data, diags *d);
void plan_close(plan *p);

#endif
