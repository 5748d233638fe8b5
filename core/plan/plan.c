#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

#include "plan/identity.h"
#include "plan/rules.h"
#include "quant/packing.h"
#include "quant/ste.h"

/* ---- data and model ---- */

static data_source source_of(const spec *s, const spec_split *split, glyph_split role) {
    return (data_source){.format = split->format == FORMAT_GLYPHS ? DATA_GLYPHS : DATA_IDX,
                         .split = role,
                         .seed = split->seed,
                         .n = split->n,
                         .images = split->images,
                         .labels = split->labels,
                         .limit = split->limit,
                         .mean = s->data.normalize.mean,
                         .std = s->data.normalize.std};
}

static status plan_data(plan *p, dataset_catalog *data, diags *d) {
    p->train = source_of(p->spec, &p->spec->data.train, GLYPHS_OF_TRAIN);
    p->test = source_of(p->spec, &p->spec->data.test, GLYPHS_OF_TEST);
    status bad = dataset_describe(data, &p->train, d, &p->train_size, p->train_hash);
    if (!bad) bad = dataset_describe(data, &p->test, d, &p->test_size, p->test_hash);
    if (bad) return bad;
    if (p->train_size.features != p->test_size.features)
        return diag_error(d, ERR_INPUT, "a training sample has %lld values, a test sample %lld",
                          (long long)p->train_size.features, (long long)p->test_size.features);
    if (p->test_size.classes > p->train_size.classes)
        return diag_error(d, ERR_INPUT, "the test set has %d classes, the training set %d",
                          p->test_size.classes, p->train_size.classes);
    return OK;
}

/* `norm: auto`: the BitLinear of the papers where its weights meet quantized
 * activations, nothing elsewhere. */
static bool wants_norm(const plan *p) {
    if (p->spec->model.norm != AUTO) return p->spec->model.norm == YES;
    for (int i = 0; i < p->n_layers; i++) {
        const plugin *w = p->layers[i].quant.weights.scheme.plugin;
        bool quantized = p->layers[i].quant.activations.scheme.plugin != NULL;
        if (w == NULL || !quantized) continue;
        if (strcmp(w->entry.name, "bitnet158") == 0 || strcmp(w->entry.name, "binary") == 0)
            return true;
    }
    return false;
}

static void list_layers(plan *p) {
    layer_desc desc[MODEL_MAX_LAYERS];
    p->n_layers = model_layers(&p->model, desc);
    if (p->layers == NULL) p->layers = arena_alloc(&p->a, (size_t)p->n_layers * sizeof *p->layers);
    p->params = p->macs = 0;
    for (int i = 0; i < p->n_layers; i++) {
        p->layers[i].desc = desc[i];
        p->params += desc[i].params;
        p->macs += desc[i].macs;
    }
}

static void start_model(plan *p) {
    const int_list *hidden = &p->spec->model.hidden;
    p->model = (model_config){.type = MODEL_MLP,
                              .inputs = p->train_size.features,
                              .outputs = p->train_size.classes,
                              .n_hidden = hidden->n};
    for (int i = 0; i < hidden->n; i++) p->model.hidden[i] = hidden->v[i];
    list_layers(p);
}

/* Norm and bias depend on the schemes, which depend on the layers' names. */
static void finish_model(plan *p) {
    p->model.norm = wants_norm(p);
    p->model.bias = p->spec->model.bias == AUTO ? !p->model.norm : p->spec->model.bias == YES;
    list_layers(p);
}

/* ---- training ---- */

static void plan_training(plan *p) {
    const spec *s = p->spec;
    static const optim_type types[] = {[OPTIMIZER_ADAMW] = OPTIM_ADAMW,
                                       [OPTIMIZER_SGD] = OPTIM_SGD,
                                       [OPTIMIZER_MOMENTUM] = OPTIM_MOMENTUM};
    optim_type type = types[s->optimizer.type];
    if (type == OPTIM_SGD && s->optimizer.momentum > 0) type = OPTIM_MOMENTUM;
    p->optim = (optim_config){.type = type,
                              .lr = s->optimizer.lr,
                              .momentum = s->optimizer.momentum,
                              .beta1 = s->optimizer.betas.v[0],
                              .beta2 = s->optimizer.betas.v[1],
                              .eps = s->optimizer.eps,
                              .weight_decay = s->optimizer.weight_decay};
    p->steps_per_epoch = (p->train_size.n + s->data.batch - 1) / s->data.batch;
    p->steps = s->train.steps > 0 ? s->train.steps : s->train.epochs * p->steps_per_epoch;
    p->lr =
        (schedule){.type = s->schedule.lr.type == LR_COSINE ? SCHEDULE_COSINE : SCHEDULE_CONSTANT,
                   .warmup = spec_point_step(&s->schedule.lr.warmup, p->steps_per_epoch, p->steps),
                   .final = s->schedule.lr.final};
    p->eval_every = spec_point_step(&s->train.eval_every, p->steps_per_epoch, p->steps);
    if (p->eval_every < 1) p->eval_every = 1;
}

/* ---- sizes ---- */

static void describe_site(plan *p, const quantizer *q, bool weights, plan_site *site) {
    char *label = quantizer_label(q);
    const plugin_choice *c = &q->scheme.choice;
    strbuf params = {0};
    strbuf_add(&params, "");
    for (int i = 0; i < c->plugin->n_params; i++) {
        strbuf_addf(&params, "%s%s=", i > 0 ? " " : "", c->plugin->params[i].name);
        params_print(c, i, &params);
    }
    *site = (plan_site){.scheme = c->plugin->entry.name,
                        .label = arena_strdup(&p->a, label),
                        .params = arena_strdup(&p->a, params.s),
                        .granularity = granularity_name(q->config.granularity),
                        .group_size = q->config.group_size,
                        .n_levels = q->info.n_levels,
                        .n_groups = weights ? quantizer_groups(q, q->rows_max) : 0};
    strbuf_fini(&params);
    free(label);
}

static status size_weights(plan *p, plan_layer *l, const quantizer *q, const registry *r,
                           diags *d) {
    packing k;
    status bad = packing_choose(r, q->info.n_levels, &l->quant.packer, d);
    if (!bad)
        bad = packing_open(&k, &l->quant.packer, q->info.n_levels, q->info.zero_code,
                           &l->quant.packer_at, d);
    if (bad) return bad;
    int64_t meta_bits = quantizer_groups(q, l->desc.out) * quantizer_meta_bits(q);
    l->packer = l->quant.packer.plugin->entry.name;
    l->weight_bytes = packing_bound(&k, l->desc.out, l->desc.in) + (meta_bits + 7) / 8;
    packing_close(&k);
    describe_site(p, q, true, &l->weights);
    return OK;
}

/* Would the estimator train this site? */
static status try_estimator(const plan_layer *l, const quantizer *q, diags *d) {
    estimator e;
    status bad = estimator_open(&e, &l->quant.ste, q, &l->quant.ste_at, d);
    if (!bad) estimator_close(&e);
    return bad;
}

static status plan_weights(plan *p, plan_layer *l, const registry *r, diags *d) {
    quantizer q;
    const char *site = arena_format(&p->a, "%s.weight", l->desc.name);
    status bad = quantizer_open(&q, &l->quant.weights, site, false, l->desc.out, l->desc.in, d);
    if (bad) return bad;
    bad = size_weights(p, l, &q, r, d);
    if (!bad) bad = try_estimator(l, &q, d);
    quantizer_close(&q);
    return bad;
}

static status plan_input(plan *p, plan_layer *l, diags *d) {
    quantizer q;
    const char *site = arena_format(&p->a, "%s.input", l->desc.name);
    status bad =
        quantizer_open(&q, &l->quant.activations, site, true, p->spec->data.batch, l->desc.in, d);
    if (bad) return bad;
    describe_site(p, &q, false, &l->input);
    bad = try_estimator(l, &q, d);
    quantizer_close(&q);
    return bad;
}

/* Opens the layer's quantizers and estimators for what only they know. */
static status plan_quantizers(plan *p, plan_layer *l, const registry *r, diags *d) {
    status bad = OK;
    int64_t weights = l->desc.out * l->desc.in;
    l->weight_bytes = weights * 4;
    if (l->quant.weights.scheme.plugin != NULL) bad = plan_weights(p, l, r, d);
    l->bits_per_weight = (double)l->weight_bytes * 8 / (double)weights;
    if (!bad && l->quant.activations.scheme.plugin != NULL) bad = plan_input(p, l, d);
    return bad;
}

static status plan_sizes(plan *p, const registry *r, diags *d) {
    int64_t weights = 0, activations = 0;
    status first = OK;
    for (int i = 0; i < p->n_layers; i++) {
        plan_layer *l = &p->layers[i];
        status bad = plan_quantizers(p, l, r, d);
        if (bad && !first) first = bad;
        l->ste = l->quant.ste.plugin != NULL ? l->quant.ste.plugin->entry.name : NULL;
        weights += l->desc.out * l->desc.in;
        activations += 4 * l->desc.in + 2 * l->desc.out;
        p->weight_bytes += l->weight_bytes;
    }
    p->bits_per_weight = (double)p->weight_bytes * 8 / (double)weights;
    int64_t data = (p->train_size.n + p->test_size.n) * p->train_size.features;
    p->memory_bytes = 4 * (data + 6 * p->params + p->spec->data.batch * activations);
    return first;
}

/* ---- all of it ---- */

status plan_build(plan *p, spec *s, const registry *r, dataset_catalog *data, diags *d) {
    *p = (plan){.spec = s};
    status bad = spec_describes_layers(s) ? plan_data(p, data, d) : diags_status(d);
    if (bad) return bad;
    start_model(p);
    rules_apply(p, r, d);
    bad = diags_status(d);
    if (bad) return bad;
    finish_model(p);
    plan_training(p);
    bad = plan_sizes(p, r, d);
    if (bad) return bad;
    identity_make(p);
    return OK;
}

void plan_close(plan *p) { arena_fini(&p->a); }
