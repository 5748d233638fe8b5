#include "run/sensitivity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/layers.h"
#include "run/evaluate.h"
#include "run/interrupt.h"
#include "spec/language.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/parallel.h"

/* ---- what is collected over the samples ---- */

/* Mean and sum of squared deviations, sample by sample (Welford 1962). */
typedef struct moments {
    int64_t n;
    double mean, squares;
} moments;

static void moments_add(moments *m, double v) {
    double before = v - m->mean;
    m->n++;
    m->mean += before / (double)m->n;
    m->squares += before * (v - m->mean);
}

static double moments_error(const moments *m) {
    return m->n > 1 ? sqrt(m->squares / (double)(m->n - 1) / (double)m->n) : (double)NAN;
}

typedef struct tally {
    double signal, noise; /* of the layer's output */
    moments kl, loss, right;
    int64_t more_right; /* exact: as many gained as lost is 0, and ties are ties */
} tally;

/* The predictions of one network for the samples of a batch. */
typedef struct predictions {
    double loss[EVALUATE_ROWS];
    bool right[EVALUATE_ROWS];
    double *log_prob; /* (rows, classes) */
} predictions;

/* ---- the study ---- */

/* A candidate at one layer. */
typedef struct tool {
    float *weight;   /* the layer's weights, quantized */
    quantizer input; /* of its input */
    bool open;
} tool;

typedef struct work {
    const plan *p;
    const plan_sensitivity *c;
    const dataset *test;
    model m;       /* in float */
    tool *tools;   /* [candidate][layer] */
    float *input;  /* a quantized input */
    float *meta;   /* of it */
    float *output; /* of a layer in the base network */
    int32_t label[EVALUATE_ROWS];
    predictions base, variant;
    double signal[EVALUATE_ROWS], noise[EVALUATE_ROWS], kl[EVALUATE_ROWS]; /* of each sample */
    tally *tallies; /* [site][candidate][layer] */
} work;

enum { FLOAT_LAYER = -1 };

static int cell_index(const plan *p, int site, int candidate, int layer) {
    return (site * p->sensitivity.n + candidate) * p->n_layers + layer;
}

static tool *tool_of(const work *w, int candidate, int layer) {
    return &w->tools[candidate * w->p->n_layers + layer];
}

/* ---- opening ---- */

static status open_weight(work *w, int candidate, int layer, diags *d) {
    const model_layer *l = &w->m.layers[layer];
    tool *t = tool_of(w, candidate, layer);
    const quant_config *config = &w->c->candidates[candidate].config[0];
    quantizer q;
    status bad = quantizer_open(&q, config, l->weight->name, false, l->desc.out, l->desc.in, d);
    if (bad) return bad;
    q.data_error = ERR_FAILED;
    params_set_live(&q.scheme.choice, q.scheme.self, 1);
    int64_t n = l->desc.out * l->desc.in;
    float *meta = mem_floats(quantizer_groups(&q, l->desc.out) * q.info.n_meta + 1);
    t->weight = mem_try_aligned((size_t)n * sizeof *t->weight);
    if (t->weight == NULL)
        bad = diag_error(d, ERR_RESOURCE, "no memory for %d candidates", w->c->n);
    if (!bad) bad = quantizer_fake(&q, l->weight->x, l->desc.out, 0, meta, t->weight, d);
    free(meta);
    quantizer_close(&q);
    return bad;
}

static status open_input(work *w, int candidate, int layer, diags *d) {
    const model_layer *l = &w->m.layers[layer];
    tool *t = tool_of(w, candidate, layer);
    char name[LAYER_NAME + 16];
    snprintf(name, sizeof name, "%s.input", l->desc.name);
    status bad = quantizer_open(&t->input, &w->c->candidates[candidate].config[1], name, true,
                                EVALUATE_ROWS, l->desc.in, d);
    if (bad) return bad;
    t->open = true;
    t->input.data_error = ERR_FAILED;
    params_set_live(&t->input.scheme.choice, t->input.scheme.self, 1);
    return OK;
}

static status open_tools(work *w, diags *d) {
    status bad = OK;
    w->tools = mem_calloc((size_t)(w->c->n * w->p->n_layers), sizeof *w->tools);
    for (int k = 0; k < w->c->n; k++)
        for (int i = 0; i < w->p->n_layers && !bad; i++) {
            if (!w->c->layer[i]) continue;
            if (w->c->sites & SPEC_WEIGHTS) bad = open_weight(w, k, i, d);
            if (!bad && (w->c->sites & SPEC_ACTIVATIONS)) bad = open_input(w, k, i, d);
        }
    return bad;
}

static void open_buffers(work *w) {
    int64_t widest = 0, meta = 0;
    for (int i = 0; i < w->m.n_layers; i++) {
        const layer_desc *l = &w->m.layers[i].desc;
        if (l->in > widest) widest = l->in;
        if (l->out > widest) widest = l->out;
        for (int k = 0; k < w->c->n; k++) {
            const tool *t = tool_of(w, k, i);
            int64_t n =
                t->open ? quantizer_groups(&t->input, EVALUATE_ROWS) * t->input.info.n_meta : 0;
            if (n > meta) meta = n;
        }
    }
    w->input = mem_floats(EVALUATE_ROWS * widest);
    w->output = mem_floats(EVALUATE_ROWS * widest);
    w->meta = mem_floats(meta + 1);
    int64_t logits = EVALUATE_ROWS * w->m.logits->cols;
    w->base.log_prob = mem_calloc((size_t)logits, sizeof(double));
    w->variant.log_prob = mem_calloc((size_t)logits, sizeof(double));
    w->tallies = mem_calloc((size_t)(2 * w->c->n * w->p->n_layers), sizeof *w->tallies);
}

static status open_work(work *w, const model *trained, diags *d) {
    const layer_quant none[MODEL_MAX_LAYERS] = {0};
    tape_value *from[2 * MODEL_MAX_LAYERS], *to[2 * MODEL_MAX_LAYERS];
    status bad = model_open(&w->m, &w->p->model, none, EVALUATE_ROWS, 0, d);
    if (bad) return bad;
    int n = model_params(trained, from);
    model_params(&w->m, to);
    for (int i = 0; i < n; i++)
        memcpy(to[i]->x, from[i]->x, (size_t)(from[i]->rows * from[i]->cols) * sizeof(float));
    bad = open_tools(w, d);
    if (!bad) open_buffers(w);
    return bad;
}

static void close_work(work *w) {
    for (int i = 0; w->tools != NULL && i < w->c->n * w->p->n_layers; i++) {
        free(w->tools[i].weight);
        if (w->tools[i].open) quantizer_close(&w->tools[i].input);
    }
    model_close(&w->m);
    free(w->tools);
    free(w->input);
    free(w->meta);
    free(w->output);
    free(w->base.log_prob);
    free(w->variant.log_prob);
    free(w->tallies);
}

/* ---- running a network ---- */

/* The operation of one layer; candidate: what quantizes the site, or FLOAT_LAYER. */
static status run_layer(work *w, int layer, int site, int candidate, const tape_pass *p, diags *d) {
    int node = w->m.layers[layer].node;
    tape_value *x = w->m.t.nodes[node]->in[0], *weight = w->m.t.nodes[node]->in[1];
    float *own_x = x->x, *own_weight = weight->x;
    status bad = OK;
    if (candidate != FLOAT_LAYER) {
        const tool *t = tool_of(w, candidate, layer);
        if (site == 0) {
            weight->x = t->weight;
        } else {
            bad = quantizer_fake(&t->input, x->x, p->rows, 0, w->meta, w->input, d);
            x->x = w->input;
        }
    }
    if (!bad) bad = tape_forward_part(&w->m.t, node, node + 1, p, d);
    x->x = own_x, weight->x = own_weight;
    return bad;
}

/* The network from layer `from` on, layer i quantized with candidate[i]. What comes
 * before the layer must stand in the tape. */
static status run_from(work *w, int from, int site, const int *candidate, const tape_pass *p,
                       diags *d) {
    status bad = OK;
    for (int i = from; i < w->m.n_layers && !bad; i++) {
        bool last = i == w->m.n_layers - 1;
        int node = w->m.layers[i].node, next = last ? w->m.t.n_nodes : w->m.layers[i + 1].node;
        bad = run_layer(w, i, site, candidate[i], p, d);
        if (!bad) bad = tape_forward_part(&w->m.t, node + 1, next, p, d);
    }
    return bad;
}

/* log softmax in double: what a float softmax rounds to 0 still counts. */
static void log_softmax(const float *z, int64_t classes, double *out) {
    double top = z[0], sum = 0;
    for (int64_t k = 1; k < classes; k++) top = z[k] > top ? z[k] : top;
    for (int64_t k = 0; k < classes; k++) sum += exp(z[k] - top);
    for (int64_t k = 0; k < classes; k++) out[k] = z[k] - top - log(sum);
}

static void predict(work *w, const tape_pass *p, predictions *out) {
    const float *z = w->m.logits->x;
    int64_t K = w->m.logits->cols;
    softmax_cross_entropy_forward(w->m.prob, w->m.loss, z, w->label, p->rows, K);
    for (int64_t i = 0; i < p->rows; i++) {
        out->loss[i] = w->m.loss[i];
        out->right[i] = evaluate_class(z + i * K, K) == w->label[i];
        log_softmax(z + i * K, K, out->log_prob + i * K);
    }
}

/* ---- comparing two ---- */

typedef struct compare_job {
    work *w;
    const float *y_float, *y_quantized; /* outputs of the layer */
    const predictions *f, *q;
    int64_t cols;
} compare_job;

static void compare_sample(int64_t i, void *arg) {
    const compare_job *j = arg;
    int64_t K = j->w->m.logits->cols;
    double signal = 0, noise = 0, kl = 0;
    for (int64_t k = i * j->cols; k < (i + 1) * j->cols; k++) {
        double y = j->y_float[k], e = y - j->y_quantized[k];
        signal += y * y, noise += e * e;
    }
    for (int64_t k = i * K; k < (i + 1) * K; k++)
        kl += exp(j->f->log_prob[k]) * (j->f->log_prob[k] - j->q->log_prob[k]);
    j->w->signal[i] = signal, j->w->noise[i] = noise;
    j->w->kl[i] = kl > 0 ? kl : 0; /* by rounding */
}

static void compare(work *w, const compare_job *j, int64_t rows, tally *t) {
    compare_job copy = *j;
    parallel_for(rows, compare_sample, &copy);
    for (int64_t i = 0; i < rows; i++) {
        t->signal += w->signal[i], t->noise += w->noise[i];
        moments_add(&t->kl, w->kl[i]);
        moments_add(&t->loss, j->q->loss[i] - j->f->loss[i]);
        moments_add(&t->right, (double)j->q->right[i] - (double)j->f->right[i]);
        t->more_right += j->q->right[i] - j->f->right[i];
    }
}

/* The base network stands in the tape up to this layer, its output there is in
 * w->output. Runs the variant that differs in this layer and compares. */
static status try_variant(work *w, int layer, int site, int candidate, const int *base,
                          const tape_pass *p, diags *d) {
    bool in = w->c->mode == LEAVE_ONE_IN;
    int variant[MODEL_MAX_LAYERS];
    memcpy(variant, base, sizeof variant);
    variant[layer] = in ? candidate : FLOAT_LAYER;
    status bad = run_from(w, layer, site, variant, p, d);
    if (bad) return bad;
    predict(w, p, &w->variant);
    const tape_value *y = w->m.t.nodes[w->m.layers[layer].node]->out;
    compare_job j = {.w = w,
                     .y_float = in ? w->output : y->x,
                     .y_quantized = in ? y->x : w->output,
                     .f = in ? &w->base : &w->variant,
                     .q = in ? &w->variant : &w->base,
                     .cols = y->cols};
    compare(w, &j, p->rows, &w->tallies[cell_index(w->p, site, candidate, layer)]);
    return OK;
}

static void keep_output(work *w, int layer, const tape_pass *p) {
    const tape_value *y = w->m.t.nodes[w->m.layers[layer].node]->out;
    memcpy(w->output, y->x, (size_t)(p->rows * y->cols) * sizeof *y->x);
}

static status run_base(work *w, int site, const int *base, const tape_pass *p, diags *d) {
    status bad = tape_forward_part(&w->m.t, 0, w->m.layers[0].node, p, d);
    if (!bad) bad = run_from(w, 0, site, base, p, d);
    if (!bad) predict(w, p, &w->base);
    return bad;
}

/* Layers from the last to the first: a variant changes nothing before its layer. */
static status leave_one_in(work *w, const tape_pass *p, diags *d) {
    int base[MODEL_MAX_LAYERS];
    for (int i = 0; i < MODEL_MAX_LAYERS; i++) base[i] = FLOAT_LAYER;
    status bad = run_base(w, 0, base, p, d);
    for (int i = w->m.n_layers - 1; i >= 0 && !bad; i--) {
        if (!w->c->layer[i]) continue;
        keep_output(w, i, p);
        for (int site = 0; site < 2; site++)
            for (int k = 0; k < w->c->n && !bad && (w->c->sites & 1u << site); k++)
                bad = try_variant(w, i, site, k, base, p, d);
    }
    return bad;
}

static status leave_one_out(work *w, int site, int candidate, const tape_pass *p, diags *d) {
    int base[MODEL_MAX_LAYERS];
    for (int i = 0; i < MODEL_MAX_LAYERS; i++) base[i] = w->c->layer[i] ? candidate : FLOAT_LAYER;
    status bad = run_base(w, site, base, p, d);
    for (int i = w->m.n_layers - 1; i >= 0 && !bad; i--) {
        if (!w->c->layer[i]) continue;
        keep_output(w, i, p);
        bad = try_variant(w, i, site, candidate, base, p, d);
    }
    return bad;
}

static status study_batch(work *w, const tape_pass *p, diags *d) {
    if (w->c->mode == LEAVE_ONE_IN) return leave_one_in(w, p, d);
    status bad = OK;
    for (int site = 0; site < 2; site++)
        for (int k = 0; k < w->c->n && !bad && (w->c->sites & 1u << site); k++)
            bad = leave_one_out(w, site, k, p, d);
    return bad;
}

static status study(work *w, diags *d) {
    status bad = OK;
    for (int64_t from = 0; from < w->c->samples && !bad; from += EVALUATE_ROWS) {
        if (interrupt_seen()) return diag_error(d, ERR_INTERRUPTED, "interrupted in sensitivity");
        int64_t rows = evaluate_batch(&w->m, w->test, from, w->label);
        if (rows > w->c->samples - from) rows = w->c->samples - from;
        bad = study_batch(w, &(tape_pass){.rows = rows}, d);
    }
    return bad;
}

/* ---- results ---- */

static sensitivity_cell cell_of(const tally *t, unsigned scores) {
    sensitivity_cell c = {.score = {10 * log10(t->signal / t->noise), t->kl.mean, t->loss.mean,
                                    (double)t->more_right / (double)t->right.n},
                          .standard_error = {(double)NAN, moments_error(&t->kl),
                                             moments_error(&t->loss), moments_error(&t->right)}};
    for (int i = 0; i < SCORES; i++)
        if (!(scores & 1u << i)) c.score[i] = c.standard_error[i] = (double)NAN;
    return c;
}

status sensitivity_measure(sensitivity *s, const plan *p, const model *trained, const dataset *test,
                           diags *d) {
    *s = (sensitivity){.p = p};
    if (p->sensitivity.n == 0) return OK;
    work *w = mem_calloc(1, sizeof *w);
    w->p = p, w->c = &p->sensitivity, w->test = test;
    status bad = open_work(w, trained, d);
    int layers = 0;
    for (int i = 0; i < p->n_layers; i++) layers += p->sensitivity.layer[i];
    log_info("  sensitivity: %d candidate%s, %d layer%s", p->sensitivity.n,
             p->sensitivity.n == 1 ? "" : "s", layers, layers == 1 ? "" : "s");
    if (!bad) bad = study(w, d);
    int cells = 2 * p->sensitivity.n * p->n_layers;
    if (!bad) s->cells = mem_calloc((size_t)cells, sizeof *s->cells);
    for (int i = 0; i < cells && !bad; i++) s->cells[i] = cell_of(&w->tallies[i], w->c->scores);
    close_work(w);
    free(w);
    return bad;
}

void sensitivity_free(sensitivity *s) {
    free(s->cells);
    *s = (sensitivity){0};
}

const sensitivity_cell *sensitivity_at(const sensitivity *s, int site, int candidate, int layer) {
    return &s->cells[cell_index(s->p, site, candidate, layer)];
}

static void place_rows(const sensitivity *s, const run_job *j, int site, int candidate, int layer) {
    const sensitivity_cell *c = sensitivity_at(s, site, candidate, layer);
    for (int k = 0; k < SCORES; k++)
        if (s->p->sensitivity.scores & 1u << k)
            store_sensitivity(j->s, j->run, layer, site == 0 ? "weight" : "input", candidate,
                              spec_scores[k], c->score[k], c->standard_error[k]);
}

void sensitivity_rows(const sensitivity *s, const run_job *j) {
    if (s->cells == NULL) return;
    const plan_sensitivity *c = &s->p->sensitivity;
    for (int k = 0; k < c->n; k++) {
        const plan_candidate *one = &c->candidates[k];
        const plan_site *site = &one->site[one->site[0].scheme != NULL ? 0 : 1];
        store_candidate(j->s, j->run, k, one->label, site->scheme, site->params, one->nominal_bits);
        for (int where = 0; where < 2; where++)
            for (int i = 0; i < s->p->n_layers && (c->sites & 1u << where); i++)
                if (c->layer[i]) place_rows(s, j, where, k, i);
    }
}
