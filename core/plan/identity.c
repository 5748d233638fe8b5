#include "plan/identity.h"

#include <inttypes.h>
#include <string.h>

static void add_setting(const schema_value *v, void *arg) {
    if (!v->not_identity && !v->is_default) strbuf_addf(arg, "%s=%s\n", v->key, v->value);
}

/* "int bits=4": the parameters that differ from their defaults. */
static void add_choice(strbuf *b, const plugin_choice *c) {
    plugin_choice plain = params_defaults(c->plugin);
    strbuf_add(b, c->plugin->entry.name);
    for (int i = 0; i < c->plugin->n_params; i++) {
        strbuf own = {0}, dflt = {0};
        strbuf_add(&own, ""), strbuf_add(&dflt, "");
        params_print(c, i, &own);
        params_print(&plain, i, &dflt);
        if (strcmp(own.s, dflt.s) != 0) strbuf_addf(b, " %s=%s", c->plugin->params[i].name, own.s);
        strbuf_fini(&own), strbuf_fini(&dflt);
    }
}

static void add_site(strbuf *b, const char *layer, const char *what, const quant_config *c,
                     const plan_site *site) {
    if (c->scheme.plugin == NULL) return;
    strbuf_addf(b, "%s.%s=", layer, what);
    add_choice(b, &c->scheme);
    strbuf_addf(b, " %s", site->granularity); /* as resolved: the scheme's own or the spec's */
    if (site->group_size > 0) strbuf_addf(b, " %" PRId64, site->group_size);
    if (c->scale_dtype != SCALE_F32)
        strbuf_addf(b, " scale_dtype=%s", scale_dtype_name(c->scale_dtype));
    if (c->round != ROUND_EVEN) strbuf_addf(b, " round=%d", (int)c->round);
    strbuf_add(b, "\n");
}

static void add_layer(strbuf *b, const plan_layer *l) {
    add_site(b, l->desc.name, "weights", &l->quant.weights, &l->weights);
    add_site(b, l->desc.name, "activations", &l->quant.activations, &l->input);
    if (l->quant.ste.plugin != NULL) {
        strbuf_addf(b, "%s.ste=", l->desc.name);
        add_choice(b, &l->quant.ste);
        strbuf_add(b, "\n");
    }
    if (l->quant.packer.plugin != NULL) {
        strbuf_addf(b, "%s.packer=", l->desc.name);
        add_choice(b, &l->quant.packer);
        strbuf_add(b, "\n");
    }
}

static void use_plugin(plan *p, const plugin *g) {
    if (g == NULL) return;
    for (int i = 0; i < p->n_plugins; i++)
        if (p->plugins[i] == g) return;
    p->plugins[p->n_plugins++] = g;
}

static void list_plugins(plan *p) {
    const plan_sensitivity *s = &p->sensitivity;
    p->plugins = arena_alloc(&p->a, (size_t)(p->n_layers * 4 + s->n) * sizeof *p->plugins);
    for (int i = 0; i < s->n; i++) {
        bool weights = s->candidates[i].site[0].scheme != NULL;
        use_plugin(p, s->candidates[i].config[weights ? 0 : 1].scheme.plugin);
    }
    for (int i = 0; i < p->n_layers; i++) {
        const layer_quant *q = &p->layers[i].quant;
        use_plugin(p, q->weights.scheme.plugin);
        use_plugin(p, q->activations.scheme.plugin);
        use_plugin(p, q->ste.plugin);
        use_plugin(p, q->packer.plugin);
    }
}

/* A file of weights by its content and by what the renames make of it. */
static void add_weights(strbuf *b, const plan *p) {
    if (p->weights.path == NULL) return;
    strbuf_addf(b, "model.weights=%s\n", p->weights_hash);
    for (int i = 0; i < p->weights.n_renames; i++) {
        const weight_rename *r = &p->weights.renames[i];
        strbuf_addf(b, "model.rename.%s", r->from);
        if (r->sliced) strbuf_addf(b, "[%" PRId64 ":%" PRId64 "]", r->lo, r->hi);
        strbuf_addf(b, "=%s\n", r->to);
    }
}

static void add_sensitivity(strbuf *b, const plan *p) {
    const plan_sensitivity *s = &p->sensitivity;
    for (int i = 0; i < s->n; i++) {
        const plan_candidate *c = &s->candidates[i];
        for (int k = 0; k < 2; k++)
            if (c->site[k].scheme != NULL)
                add_site(b, "sensitivity", k == 0 ? "weights" : "activations", &c->config[k],
                         &c->site[k]);
    }
    for (int i = 0; i < p->n_layers && s->n > 0; i++)
        if (s->layer[i]) strbuf_addf(b, "sensitivity.layer=%s\n", p->layers[i].desc.name);
}

static void add_data(strbuf *b, const plan *p) {
    if (p->spec->kind == KIND_TENSORS) {
        strbuf_addf(b, "data.source=%s\n", p->source_hash);
        return;
    }
    if (p->has_train) strbuf_addf(b, "data.train=%s\n", p->train_hash);
    strbuf_addf(b, "data.test=%s\n", p->test_hash);
    if (p->model.norm) strbuf_add(b, "model.norm=rmsnorm\n");
    if (!p->model.bias) strbuf_add(b, "model.bias=false\n");
}

static void make_config_key(plan *p) {
    strbuf b = {0};
    spec_walk(p->spec, add_setting, &b);
    add_data(&b, p);
    add_weights(&b, p);
    add_sensitivity(&b, p);
    for (int i = 0; i < p->n_layers; i++) add_layer(&b, &p->layers[i]);
    hash_bytes(b.s, b.len, p->config_key);
    strbuf_fini(&b);
}

void identity_cache_key(const plan *p, int numeric_version, uint64_t seed, char key[HASH_HEX]) {
    strbuf b = {0};
    strbuf_addf(&b, "%s\nseed %" PRIu64 "\nnumeric version %d\n", p->config_key, seed,
                numeric_version);
    for (int i = 0; i < p->n_plugins; i++) strbuf_addf(&b, "plugin %s\n", p->plugins[i]->sha256);
    hash_bytes(b.s, b.len, key);
    strbuf_fini(&b);
}

void identity_make(plan *p) {
    list_plugins(p);
    make_config_key(p);
}
