/*
 * spec/walk.c - every value of a typed spec with where it comes from: what `show`
 * prints, what the store records and what a configuration is hashed from.
 */
#include <string.h>

#include "spec/language.h"
#include "spec/spec.h"

typedef struct walking {
    schema_context c;
    spec *s;
    schema_visit_fn visit;
    void *arg;
    bool activations; /* of the site that is visited */
} walking;

static void visit_text(const walking *w, const char *key, const char *value, const yaml_node *given,
                       bool moves) {
    schema_value v = {.key = key,
                      .value = value,
                      .given = given,
                      .is_default = given == NULL,
                      .moves = moves,
                      .not_identity = true}; /* quant is hashed as its layers have it */
    w->visit(&v, w->arg);
}

/* The name of a plugin and its parameters. n: as given, a name or a mapping. */
static void visit_plugin(const walking *w, const char *where, const char *tag,
                         const plugin_choice *choice, const yaml_node *n) {
    const yaml_node *name = n->kind == YAML_MAP ? yaml_get(n, tag) : n;
    visit_text(w, arena_format(w->c.a, "%s.%s", where, tag),
               choice->plugin != NULL ? choice->plugin->entry.name : "none", name, false);
    for (int i = 0; choice->plugin != NULL && i < choice->plugin->n_params; i++) {
        const qb_param *p = &choice->plugin->params[i];
        strbuf b = {0};
        strbuf_add(&b, "");
        params_print(choice, i, &b);
        visit_text(w, arena_format(w->c.a, "%s.%s", where, p->name), b.s,
                   n->kind == YAML_MAP ? yaml_get(n, p->name) : NULL,
                   (p->flags & QB_LIVE) != 0 && !choice->values[i].given);
        strbuf_fini(&b);
    }
}

static void visit_quant_value(const schema_value *v, void *arg) {
    const walking *w = arg;
    schema_value own = *v;
    if (!w->activations && site_is_for_activations(strrchr(v->key, '.') + 1)) return;
    own.not_identity = true;
    w->visit(&own, w->arg);
}

static void visit_site(const walking *w, const char *where, const yaml_node *n,
                       const site_spec *keys, bool activations) {
    if (n == NULL) return;
    site_config config = site_resolve(&w->c, w->s->registry, keys, where, activations);
    visit_plugin(w, where, "scheme", &config.scheme, n);
    if (config.scheme.plugin == NULL) return;
    site_values v = {0};
    yaml_node host = site_host_keys(w->c.a, keys, &n->at);
    schema_parse(&w->c, &site_schema, &host, where, &v);
    if (activations && v.granularity == SITE_OWN) v.granularity = SITE_TOKEN;
    walking here = *w;
    here.activations = activations;
    schema_walk(&w->c, &site_schema, &v, &host, where, visit_quant_value, &here);
}

static void visit_named(const walking *w, const char *where, qb_kind kind, const yaml_node *n) {
    plugin_choice c = plugin_resolve(&w->c, w->s->registry, kind, n, where);
    if (c.plugin != NULL) visit_plugin(w, where, "type", &c, n);
}

/* What the schema leaves to the plugins' own tables is opened here. */
static void visit(const schema_value *v, void *arg) {
    const walking *w = arg;
    const spec_quant *q = &w->s->quant;
    bool absent = w->s->sensitivity.candidates_node == NULL;
    if (absent && strncmp(v->key, "sensitivity.", 12) == 0) return; /* there is none */
    if (v->given != NULL && v->given == q->weights_node)
        visit_site(w, v->key, v->given, &q->weights, false);
    else if (v->given != NULL && v->given == q->activations_node)
        visit_site(w, v->key, v->given, &q->activations, true);
    else if (v->given != NULL && v->given == q->ste_node)
        visit_named(w, v->key, QB_STE, v->given);
    else if (v->given != NULL && v->given == q->packer_node)
        visit_named(w, v->key, QB_PACKER, v->given);
    else
        w->visit(v, w->arg);
}

void spec_walk(spec *s, schema_visit_fn visit_fn, void *arg) {
    diags none;
    diags_init(&none);
    walking w = {.c = spec_context(s, &none), .s = s, .visit = visit_fn, .arg = arg};
    schema_walk(&w.c, &spec_schema, s, s->root, "", visit, &w);
    diags_fini(&none);
}
