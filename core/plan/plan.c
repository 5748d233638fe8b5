#include "plan/plan.h"

#include <string.h>

#include "plan/identity.h"
#include "plan/rules.h"
#include "plan/sensitivity.h"
#include "plan/sizes.h"
#include "plan/tensors.h"
#include "plan/weights.h"

/* ---- data and model ---- */

data_source plan_source(const spec_split *split, glyph_split role, double mean, double std) {
    static const data_format formats[] = {DATA_GLYPHS, DATA_IDX, DATA_NPY, DATA_NPZ, DATA_CSV};
    bool csv = split->format == FORMAT_CSV;
    return (data_source){.format = formats[split->format],
                         .split = role,
                         .seed = split->seed,
                         .n = split->n,
                         .images = split->path != NULL ? split->path : split->images,
                         .labels = split->labels,
                         .x = split->x,
                         .y = csv ? split->label : split->y,
                         .limit = split->limit,
                         .mean = mean,
                         .std = std};
}

/* The default is cut to what there is; a batch that was asked for is not. */
static status check_batch(const plan *p, diags *d) {
    const yaml_node *n = yaml_get(yaml_get(p->spec->root, "data"), "batch");
    if (n == NULL || p->spec->kind != KIND_QAT || p->spec->data.batch <= p->train_size.n) return OK;
    diag_error_at(d, ERR_SPEC, &n->at,
                  "data.batch is %lld, more than the %lld samples of the training set",
                  (long long)p->spec->data.batch, (long long)p->train_size.n);
    diag_hint(d, "write %lld or less, or take more samples", (long long)p->train_size.n);
    return ERR_SPEC;
}

/* The file to look into; what is drawn has none. */
static const char *samples_of(const data_source *s) {
    return s->images != NULL ? s->images : "the glyphs";
}

static const char *labels_of(const data_source *s) {
    return s->labels != NULL ? s->labels : samples_of(s);
}

static status check_pair(const plan *p, diags *d) {
    if (p->train_size.features != p->test_size.features)
        return diag_error(d, ERR_INPUT,
                          "%s: a training sample has %lld values, a test sample of %s %lld",
                          samples_of(&p->train), (long long)p->train_size.features,
                          samples_of(&p->test), (long long)p->test_size.features);
    if (p->test_size.classes > p->train_size.classes)
        return diag_error(d, ERR_INPUT, "%s: the test set has %d classes, the training set %s %d",
                          labels_of(&p->test), p->test_size.classes, labels_of(&p->train),
                          p->train_size.classes);
    return OK;
}

/* What trains nothing can do without a training set; its classes and features are then
 * those of the test set. */
static status plan_data(plan *p, dataset_catalog *data, diags *d) {
    p->has_train = p->spec->data.train.format >= 0;
    double mean = p->spec->data.normalize.mean, std = p->spec->data.normalize.std;
    p->test = plan_source(&p->spec->data.test, GLYPHS_OF_TEST, mean, std);
    status bad = dataset_describe(data, &p->test, d, &p->test_size, p->test_hash);
    if (bad) return bad;
    p->train_size = p->test_size, p->train_size.n = 0;
    if (!p->has_train) return OK;
    p->train = plan_source(&p->spec->data.train, GLYPHS_OF_TRAIN, mean, std);
    bad = dataset_describe(data, &p->train, d, &p->train_size, p->train_hash);
    if (!bad) bad = check_pair(p, d);
    return bad ? bad : check_batch(p, d);
}

/* `norm: auto`: the BitLinear of the papers where its weights meet quantized
 * activations, nothing elsewhere. A network that was trained before is as it is. */
static bool wants_norm(const plan *p) {
    if (p->spec->model.norm != AUTO) return p->spec->model.norm == YES;
    if (p->spec->kind != KIND_QAT) return false;
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

/* ---- all of it ---- */

static status plan_network(plan *p, const registry *r, dataset_catalog *data, diags *d) {
    status bad = plan_data(p, data, d);
    if (bad) return bad;
    start_model(p);
    rules_apply(p, r, d);
    plan_sensitivity_make(p, r, d);
    bad = diags_status(d);
    if (bad) return bad;
    finish_model(p);
    if (p->spec->kind == KIND_QAT) plan_training(p);
    plan_weights(p, data, d);
    bad = diags_status(d);
    return bad ? bad : plan_sizes(p, r, d);
}

status plan_build(plan *p, spec *s, const registry *r, dataset_catalog *data, diags *d) {
    *p = (plan){.spec = s};
    if (!spec_describes_layers(s)) return diags_status(d);
    status bad = s->kind == KIND_TENSORS ? plan_tensors(p, r, d) : plan_network(p, r, data, d);
    if (bad) return bad;
    identity_make(p);
    return OK;
}

void plan_close(plan *p) { arena_fini(&p->a); }
