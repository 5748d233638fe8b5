/*
 * spec/spec.h - an experiment spec: a YAML file as typed values. It knows plugins
 * and their parameters; it knows no layer (core/plan does).
 */
#ifndef SPEC_SPEC_H
#define SPEC_SPEC_H

#include "host/registry.h"
#include "spec/schema.h"
#include "spec/site.h"

typedef enum spec_kind { KIND_QAT = 0 } spec_kind;

typedef enum spec_format { FORMAT_GLYPHS = 0, FORMAT_IDX } spec_format;

typedef struct spec_split {
    int format; /* spec_format */
    int64_t n, limit;
    uint64_t seed;
    const char *images, *labels;
} spec_split;

typedef enum spec_auto { AUTO = 0, NO, YES } spec_auto;

typedef struct spec_model {
    int type; /* 0: mlp */
    int_list hidden;
    int norm; /* spec_auto */
    int bias; /* spec_auto */
} spec_model;

typedef enum spec_optimizer_type {
    OPTIMIZER_ADAMW = 0,
    OPTIMIZER_SGD,
    OPTIMIZER_MOMENTUM
} spec_optimizer_type;

typedef struct spec_optimizer {
    int type;
    double lr, momentum, eps, weight_decay;
    real_pair betas;
} spec_optimizer;

typedef enum spec_schedule_type { LR_CONSTANT = 0, LR_COSINE } spec_schedule_type;

typedef struct spec_schedule {
    int type;
    double final;
    schedule_point warmup;
} spec_schedule;

/* A rule of quant.rules: which layers, and what it says of them. */
typedef struct spec_rule {
    const yaml_node *match; /* a pattern or a list of patterns */
    bool optional;
    site_spec weights, activations;
    const yaml_node *ste, *packer; /* NULL: not said */
    place at;
} spec_rule;

typedef struct spec_quant {
    const yaml_node *weights_node, *activations_node, *skip_node, *rules_node, *ste_node,
        *packer_node;
    site_spec weights, activations;
    spec_rule *rules;
    int n_rules;
} spec_quant;

typedef struct spec {
    arena a;
    const char *file;
    const char *source; /* the text */
    const yaml_node *root;
    int64_t version;
    int kind; /* spec_kind */
    const char *name, *description;
    uint64_t seed;
    int64_t repeats;
    struct {
        spec_split train, test;
        struct {
            double mean, std;
        } normalize;
        int64_t batch;
    } data;
    spec_model model;
    int loss; /* 0: cross_entropy */
    spec_quant quant;
    spec_optimizer optimizer;
    struct {
        spec_schedule lr;
    } schedule;
    struct {
        int64_t epochs, steps; /* 0: not given; one of the two is */
        schedule_point eval_every;
    } train;
    struct {
        struct {
            int64_t samples; /* 0: all */
            double tolerance;
        } packed_parity;
    } verify;
} spec;

/* Reads, applies the --set settings and checks everything that does not need the
 * layers. All errors go to d; the status is that of the first. spec_close() always. */
status spec_load(spec *s, const char *path, const char *const *settings, int n_settings,
                 const registry *r, diags *d);
void spec_close(spec *s);

/* The same for a text in memory. */
status spec_load_text(spec *s, const char *name, const char *text, const registry *r, diags *d);

/* The keys of data.test alone, as a YAML map: "{format: glyphs, n: 100}". Strings are
 * in the arena. */
status spec_read_split(arena *a, const char *text, spec_split *out, diags *d);

/* After spec_load() failed: are `data` and `model` right, so that the errors which
 * need the layers can be found as well? */
bool spec_describes_layers(spec *s);

/* Visits the values (not those of `quant`) for hashes and records. */
void spec_walk(spec *s, schema_visit_fn visit, void *arg);

/* Visits the scalars of the file and of --set as written: "quant.rules[0].match". */
void spec_walk_given(spec *s, void (*visit)(const char *key, const char *text, void *arg),
                     void *arg);

/* The language as text, from its tables. */
void spec_print_reference(strbuf *out);

/* A moment of the training as a step. */
int64_t spec_point_step(const schedule_point *p, int64_t steps_per_epoch, int64_t steps);

#endif
