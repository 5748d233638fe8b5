#include "nn/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "nn/layers.h"
#include "util/mem.h"
#include "util/rng.h"

int model_layers(const model_config *c, layer_desc layers[MODEL_MAX_LAYERS]) {
    int64_t in = c->inputs;
    for (int i = 0; i <= c->n_hidden; i++) {
        layer_desc *l = &layers[i];
        int64_t out = i < c->n_hidden ? c->hidden[i] : c->outputs;
        *l = (layer_desc){.type = "linear",
                          .out = out,
                          .in = in,
                          .bias = c->bias,
                          .params = out * in + (c->bias ? out : 0),
                          .macs = out * in};
        snprintf(l->name, sizeof l->name, "fc%d", i + 1);
        in = out;
    }
    return c->n_hidden + 1;
}

static void draw_weights(tape_value *v, uint64_t key, int64_t fan_in) {
    float bound = (float)(1.0 / sqrt((double)fan_in));
    for (int64_t i = 0; i < v->rows * v->cols; i++)
        v->x[i] = bound * (2.0f * rng_uniform(key, (uint64_t)i) - 1.0f);
}

/* The state of a layer that may multiply integers; NULL if it cannot, or has weights that stay
 * as they are. */
static integer_linear *integers_of(model_layer *l) {
    bool has_weights = l->weight_site.meta != NULL;
    if (l->input_site.meta == NULL || linear_refuses_input(&l->input_site.q) != NULL) return NULL;
    if (has_weights && linear_refuses_weights(&l->weight_site.q) != NULL) return NULL;
    l->integers =
        (integer_linear){.input = &l->input_site, .weight = has_weights ? &l->weight_site : NULL};
    return &l->integers;
}

/* norm -> quantized input -> linear with quantized weights */
static status add_layer(model *m, int i, const model_config *c, const layer_quant *q,
                        tape_value **x, diags *d) {
    model_layer *l = &m->layers[i];
    char name[LAYER_NAME + 16];
    if (c->norm) *x = op_rmsnorm(&m->t, *x);
    if (q->activations.scheme.plugin != NULL) {
        snprintf(name, sizeof name, "%s.input", l->desc.name);
        status bad = quant_site_open(&l->input_site, &q->activations, &q->ste, name, true, m->batch,
                                     l->desc.in, (uint64_t)i * 2 + 1, d);
        if (bad) return bad;
        *x = op_quantize(&m->t, *x, &l->input_site);
    }
    snprintf(name, sizeof name, "%s.weight", l->desc.name);
    l->weight = tape_param(&m->t, name, l->desc.out, l->desc.in, true);
    tape_value *w = l->weight;
    if (q->weights.scheme.plugin != NULL) {
        status bad = quant_site_open(&l->weight_site, &q->weights, &q->ste, name, false,
                                     l->desc.out, l->desc.in, (uint64_t)i * 2, d);
        if (bad) return bad;
        w = op_quantize(&m->t, w, &l->weight_site);
    }
    snprintf(name, sizeof name, "%s.bias", l->desc.name);
    if (l->desc.bias) l->bias = tape_param(&m->t, name, 1, l->desc.out, false);
    l->node = m->t.n_nodes;
    *x = op_linear_of_integers(&m->t, *x, w, l->bias, integers_of(l));
    return OK;
}

status model_open(model *m, const model_config *c, const layer_quant *quant, int64_t batch,
                  uint64_t seed, diags *d) {
    layer_desc desc[MODEL_MAX_LAYERS];
    *m = (model){.batch = batch, .n_layers = model_layers(c, desc)};
    tape_open(&m->t, batch);
    m->input = tape_input(&m->t, c->inputs);
    tape_value *x = m->input;
    for (int i = 0; i < m->n_layers; i++) {
        m->layers[i].desc = desc[i];
        if (i > 0) x = op_relu(&m->t, x);
        status bad = add_layer(m, i, c, &quant[i], &x, d);
        if (bad) {
            model_close(m);
            return bad;
        }
    }
    m->logits = x;
    tape_finish(&m->t);
    for (int i = 0; i < m->n_layers; i++) {
        const model_layer *l = &m->layers[i];
        draw_weights(l->weight, rng_key(seed, RNG_INIT, (uint64_t)i, 0), l->desc.in);
        if (l->bias != NULL)
            draw_weights(l->bias, rng_key(seed, RNG_INIT, (uint64_t)i, 1), l->desc.in);
    }
    m->prob = mem_floats(batch * c->outputs);
    m->loss = mem_calloc((size_t)batch, sizeof *m->loss);
    return OK;
}

void model_give_matrix(model *m, int i, linear_matrix *matrix) {
    integer_linear *s = &m->layers[i].integers;
    if (s->input == NULL || s->weight != NULL) {
        linear_close(matrix);
        return;
    }
    linear_close(&s->matrix);
    s->matrix = *matrix;
    *matrix = (linear_matrix){0};
}

void model_close(model *m) {
    tape_close(&m->t);
    for (int i = 0; i < m->n_layers; i++) {
        quant_site_close(&m->layers[i].weight_site);
        quant_site_close(&m->layers[i].input_site);
        linear_close(&m->layers[i].integers.matrix);
    }
    free(m->prob);
    free(m->loss);
    *m = (model){0};
}

status model_forward(model *m, const tape_pass *p, const int32_t *label, double *loss_sum,
                     diags *d) {
    status bad = tape_forward(&m->t, p, d);
    if (bad) return bad;
    softmax_cross_entropy_forward(m->prob, m->loss, m->logits->x, label, p->rows, m->logits->cols);
    *loss_sum = shard_sum(m->loss, p->rows);
    return OK;
}

void model_backward(model *m, const tape_pass *p, const int32_t *label) {
    softmax_cross_entropy_backward(m->logits->grad, m->prob, label, p->rows, m->logits->cols);
    tape_backward(&m->t, p);
}

static void set_progress(quant_site *s, double progress) {
    if (s->meta == NULL) return;
    params_set_live(&s->q.scheme.choice, s->q.scheme.self, progress);
    if (s->ste.table != NULL) estimator_set_progress(&s->ste, progress);
}

void model_set_progress(model *m, double progress) {
    for (int i = 0; i < m->n_layers; i++) {
        set_progress(&m->layers[i].weight_site, progress);
        set_progress(&m->layers[i].input_site, progress);
    }
}

int model_params(const model *m, tape_value *params[2 * MODEL_MAX_LAYERS]) {
    int n = 0;
    for (int i = 0; i < m->n_layers; i++) {
        params[n++] = m->layers[i].weight;
        if (m->layers[i].bias != NULL) params[n++] = m->layers[i].bias;
    }
    return n;
}
