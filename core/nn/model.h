/*
 * nn/model.h - networks: what layers a model of the spec has, and the model in
 * memory with its quantizers.
 */
#ifndef NN_MODEL_H
#define NN_MODEL_H

#include "nn/ops.h"

enum { MODEL_MAX_LAYERS = 32, MODEL_MAX_HIDDEN = MODEL_MAX_LAYERS - 1, LAYER_NAME = 128 };

typedef enum model_type { MODEL_MLP = 0 } model_type;

typedef struct model_config {
    model_type type;
    int64_t inputs;  /* features of the data */
    int64_t outputs; /* classes */
    int64_t hidden[MODEL_MAX_HIDDEN];
    int n_hidden;
    bool norm; /* an RMSNorm before every linear layer */
    bool bias;
} model_config;

/* A layer with weights. */
typedef struct layer_desc {
    char name[LAYER_NAME]; /* "fc1" */
    const char *type;      /* "linear" */
    int64_t out, in;       /* weights (out, in) */
    bool bias;
    int64_t params, macs; /* multiply-adds of one sample */
} layer_desc;

/* Fills the table; returns how many. Layers of an mlp: fc1, fc2, ... */
int model_layers(const model_config *c, layer_desc layers[MODEL_MAX_LAYERS]);

/* What of a layer is quantized, and how. */
typedef struct layer_quant {
    quant_config weights, activations; /* scheme.plugin NULL: float */
    plugin_choice ste, packer;
    place ste_at, packer_at; /* of their names, for messages; file NULL: none */
} layer_quant;

typedef struct model_layer {
    layer_desc desc;
    tape_value *weight, *bias;          /* bias may be NULL */
    int node;                           /* the operation of the tape that uses them */
    quant_site weight_site, input_site; /* meta NULL: not quantized */
    integer_linear integers;            /* input NULL: this layer multiplies floats */
} model_layer;

typedef struct model {
    tape t;
    model_layer layers[MODEL_MAX_LAYERS];
    int n_layers;
    tape_value *input, *logits;
    float *prob;   /* (batch, classes) */
    double *loss;  /* (batch) */
    int64_t batch; /* most rows of a pass */
} model;

/* Builds the network and draws its weights: uniform in +-1 / sqrt(inputs of the
 * layer), weights and biases (what PyTorch's Linear does). */
status model_open(model *m, const model_config *c, const layer_quant *quant, int64_t batch,
                  uint64_t seed, diags *d);
void model_close(model *m);

/* Logits of rows <= batch samples that stand in m->input->x; then probabilities,
 * the loss of each in m->loss, and their sum in *loss_sum. */
status model_forward(model *m, const tape_pass *p, const int32_t *label, double *loss_sum,
                     diags *d);
/* Gradients of the mean loss, after model_forward() of the same pass. */
void model_backward(model *m, const tape_pass *p, const int32_t *label);

/* Evaluates layer i with these weights as integers, if its input is quantized to integers;
 * takes the matrix, or frees it. Its parameter keeps the decoded values. */
void model_give_matrix(model *m, int i, linear_matrix *matrix);

/* Live parameters of schemes and estimators at `progress` in [0, 1]. */
void model_set_progress(model *m, double progress);

/* Parameters, in the order in which they were made. Returns how many. */
int model_params(const model *m, tape_value *params[2 * MODEL_MAX_LAYERS]);

#endif
