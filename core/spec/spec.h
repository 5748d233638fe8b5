/*
 * spec/spec.h - an experiment spec: a YAML file as typed values. It knows plugins
 * and their parameters; it knows no layer (core/plan does).
 */
#ifndef SPEC_SPEC_H
#define SPEC_SPEC_H

#include "host/registry.h"
#include "spec/rename.h"
#include "spec/schema.h"
#include "spec/site.h"

typedef enum spec_kind {
    KIND_QAT = 0,
    KIND_PTQ,
    KIND_SENSITIVITY,
    KIND_TENSORS,
} spec_kind;

typedef enum spec_format {
    FORMAT_GLYPHS = 0,
    FORMAT_IDX,
    FORMAT_NPY,
    FORMAT_NPZ,
    FORMAT_CSV
} spec_format;

typedef struct spec_split {
    int format; /* spec_format; -1: there is none */
    int64_t n, limit;
    uint64_t seed;
    const char *images, *labels; /* files of idx, npy  */
    const char *path;            /* the file of npz, csv */
    const char *x, *y;           /* names in npz       */
    const char *label;           /* a column of csv    */
} spec_split;

typedef enum spec_source_format {
    SOURCE_RANDOM = 0,
    SOURCE_NPY,
    SOURCE_NPZ,
    SOURCE_SAFETENSORS,
    SOURCE_GGUF
} spec_source_format;

/* Tensors of kind: tensors. */
typedef struct spec_source {
    int format;     /* spec_source_format */
    int dist;       /* random: gauss, laplace, uniform, student */
    int_list shape; /* random: [rows, columns] or [columns] */
    int64_t dof;
    double outliers, outlier_factor;
    const char *path, *match;
} spec_source;

typedef enum spec_auto { AUTO = 0, NO, YES } spec_auto;

typedef struct spec_model {
    int type; /* 0: mlp */
    int_list hidden;
    int norm;            /* spec_auto */
    int bias;            /* spec_auto */
    const char *weights; /* file; NULL: drawn */
    const yaml_node *rename_node;
    spec_rename *renames;
    int n_renames;
    int strict;
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

typedef enum spec_on_failure { ON_FAILURE_CONTINUE = 0, ON_FAILURE_STOP } spec_on_failure;

typedef struct spec_quant {
    const yaml_node *weights_node, *activations_node, *skip_node, *rules_node, *ste_node,
        *packer_node;
    site_spec weights, activations;
    spec_rule *rules;
    int n_rules;
} spec_quant;

enum { SPEC_WEIGHTS = 1, SPEC_ACTIVATIONS = 2 }; /* bits of sites */
typedef enum spec_mode { LEAVE_ONE_IN = 0, LEAVE_ONE_OUT } spec_mode;

/* The scores of a sensitivity, in the order of their bits. */
typedef enum spec_score {
    SCORE_SQNR_OUT = 0,
    SCORE_KL_LOGITS,
    SCORE_LOSS_DELTA,
    SCORE_ACCURACY_DELTA,
    SCORES
} spec_score;

typedef struct spec_sensitivity {
    const yaml_node *candidates_node; /* NULL: nothing is to be measured */
    const yaml_node *layers_node;     /* NULL: all */
    site_spec *candidates;            /* without lists: each is one site */
    int n_candidates;
    unsigned sites, metrics; /* SPEC_WEIGHTS ...; 1 << SCORE_SQNR_OUT ... */
    int mode;                /* spec_mode */
    int64_t samples;         /* 0: all */
} spec_sensitivity;

typedef struct spec {
    arena a;
    const char *file;
    const char *source; /* the text */
    const yaml_node *root;
    const found_file *files;  /* that it names: what it extends, data, weights; the last first */
    const registry *registry; /* borrowed */
    int64_t version;
    int kind;          /* spec_kind */
    unsigned kind_bit; /* 1 << kind; 0: it was not said */
    const char *name, *description;
    uint64_t seed;
    int64_t repeats;
    struct {
        spec_split train, test;
        struct {
            double mean, std;
        } normalize;
        int64_t batch;
        spec_source source;
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
    spec_sensitivity sensitivity;
    struct {
        int sampler;
        const yaml_node *axes_node, *exclude_node, *baseline_node; /* spec/sweep.h */
        int on_failure;                                            /* spec_on_failure */
    } sweep;
    struct {
        int metric; /* of spec_compare_metrics */
        int split;  /* of compare_splits in language.c */
    } compare;
    struct {
        double baseline_accuracy; /* 0: not asked for */
        struct {
            int64_t samples; /* 0: all */
            double tolerance;
        } packed_parity;
    } verify;
    struct {
        struct {
            int64_t parity; /* blocks of parity a stripe: io/integrity.h */
        } save;
    } output;
    const yaml_node *extends_node; /* always NULL: resolved before the tree is typed */
} spec;

/* Reads a file, what it extends and the --set settings as a tree: `root`, NULL where
 * there is nothing to go on with. spec_close() always. */
status spec_read(spec *s, const char *path, const char *const *settings, int n_settings, diags *d);

/* The same for a text in memory; without extends and settings. */
status spec_read_text(spec *s, const char *name, const char *text, diags *d);

/* A spec with another tree (a point of a sweep), of the same file. Borrows from base. */
void spec_fork(spec *s, const spec *base, const yaml_node *root);

/* Types the tree and checks everything that does not need the layers. All errors go
 * to d; the status is that of the first. */
status spec_check(spec *s, const registry *r, diags *d);

void spec_close(spec *s);

/* For the functions of sweep.h and settings.h. */
schema_context spec_context(spec *s, diags *d);

/* The keys of data.test alone, as a YAML map: "{format: glyphs, n: 100}", and the files that
 * they name. Strings are in the arena. */
status spec_read_split(arena *a, const char *text, spec_split *out, const found_file **files,
                       diags *d);

/* After spec_check() failed: are `data` and `model` right, so that the errors which
 * need the layers can be found as well? */
bool spec_describes_layers(spec *s);

/* Visits every value with where it comes from (spec/walk.c). */
void spec_walk(spec *s, schema_visit_fn visit, void *arg);

/* The language as text, from its tables. */
void spec_print_reference(strbuf *out);

/* A moment of the training as a step. */
int64_t spec_point_step(const schedule_point *p, int64_t steps_per_epoch, int64_t steps);

#endif
