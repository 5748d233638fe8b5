#include "plan/sizes.h"

#include <stdlib.h>

#include "quant/packing.h"
#include "quant/ste.h"

void describe_site(plan *p, const quantizer *q, bool weights, plan_site *site) {
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

status size_weights(plan *p, plan_layer *l, const quantizer *q, const registry *r, diags *d) {
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
    if (l->quant.ste.plugin == NULL) return OK; /* nothing is trained */
    status bad = estimator_open(&e, &l->quant.ste, q, &l->quant.ste_at, d);
    if (!bad) estimator_close(&e);
    return bad;
}

static status plan_weights_site(plan *p, plan_layer *l, const registry *r, diags *d) {
    quantizer q;
    const char *site = arena_format(&p->a, "%s.weight", l->desc.name);
    status bad = quantizer_open(&q, &l->quant.weights, site, false, l->desc.out, l->desc.in, d);
    if (bad) return bad;
    bad = size_weights(p, l, &q, r, d);
    if (!bad) bad = try_estimator(l, &q, d);
    quantizer_close(&q);
    return bad;
}

static status plan_input_site(plan *p, plan_layer *l, diags *d) {
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
    if (l->quant.weights.scheme.plugin != NULL) bad = plan_weights_site(p, l, r, d);
    l->bits_per_weight = (double)l->weight_bytes * 8 / (double)weights;
    if (!bad && l->quant.activations.scheme.plugin != NULL) bad = plan_input_site(p, l, d);
    return bad;
}

status plan_sizes(plan *p, const registry *r, diags *d) {
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
    bool trains = p->spec->kind == KIND_QAT;
    int64_t samples = (trains ? p->train_size.n : 0) + p->test_size.n;
    int64_t copies = (trains ? 6 : 3) + p->sensitivity.n; /* of the parameters */
    p->memory_bytes = 4 * (samples * p->train_size.features + copies * p->params +
                           p->spec->data.batch * activations);
    return first;
}
