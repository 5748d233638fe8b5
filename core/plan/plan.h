/*
 * plan/plan.h - what one configuration comes to: the layers of its model with what the
 * rules make of each, sizes, steps and its key. Pure data; building
 * it opens plugins to ask for levels and sizes but trains nothing and writes
 * nothing.
 */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include "data/dataset.h"
#include "data/tensors.h"
#include "data/weights.h"
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

/* What each layer is tried with. */
typedef struct plan_candidate {
    const char *label;      /* "int bits=4 channel": as it was given */
    quant_config config[2]; /* of weights, of activations */
    plan_site site[2];      /* the same of the first layer; scheme NULL: not a site of the spec */
    double nominal_bits;
} plan_candidate;

typedef struct plan_sensitivity { /* n 0: nothing is measured */
    plan_candidate *candidates;
    int n;
    bool layer[MODEL_MAX_LAYERS]; /* that is measured */
    unsigned sites, scores;       /* SPEC_WEIGHTS ..., 1 << SCORE_SQNR_OUT ... */
    spec_mode mode;
    int64_t samples; /* of the test set */
} plan_sensitivity;

typedef struct plan {
    arena a;
    spec *spec; /* borrowed */
    bool has_train;
    data_source train, test;
    dataset_size train_size, test_size;
    char train_hash[HASH_HEX], test_hash[HASH_HEX];
    model_config model;
    weight_source weights;       /* to start from; path NULL: none */
    char weights_hash[HASH_HEX]; /* of that file */
    weight_slot *slots;          /* the parameters, in the order of model_params() */
    int n_slots;
    tensor_source source; /* kind: tensors; its tensors are the layers */
    char source_hash[HASH_HEX];
    plan_sensitivity sensitivity;
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
