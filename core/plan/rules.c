#include "plan/rules.h"

#include <inttypes.h>
#include <string.h>

#include "plan/match.h"
#include "spec/language.h"

_Static_assert((int)SITE_OWN == (int)GRANULARITY_OWN &&
                   (int)SITE_TENSOR == (int)GRANULARITY_TENSOR &&
                   (int)SITE_CHANNEL == (int)GRANULARITY_CHANNEL &&
                   (int)SITE_GROUP == (int)GRANULARITY_GROUP &&
                   (int)SITE_TOKEN == (int)GRANULARITY_TOKEN,
               "the spec and the quantizer number granularities alike");

typedef struct work {
    plan *p;
    const registry *r;
    schema_context c;
    layer_desc desc[MODEL_MAX_LAYERS];
    bool (*hit)[MODEL_MAX_LAYERS]; /* [rule][layer] */
} work;

/* ---- which layers ---- */

static void match_rules(work *w) {
    const spec_quant *q = &w->p->spec->quant;
    w->hit = arena_alloc(&w->p->a, (size_t)(q->n_rules + 1) * sizeof *w->hit);
    w->p->rules = arena_alloc(&w->p->a, (size_t)(q->n_rules + 1) * sizeof *w->p->rules);
    for (int i = 0; i < q->n_rules; i++) {
        const spec_rule *rule = &q->rules[i];
        if (rule->match == NULL) continue;
        int n = match_layers(w->c.a, rule->match, w->desc, w->p->n_layers,
                             rule->optional ? NULL : "rule", w->c.d, w->hit[i]);
        w->p->rules[w->p->n_rules++] = (plan_rule){.line = rule->at.line,
                                                   .match = match_text(&w->p->a, rule->match),
                                                   .n_layers = n};
    }
}

static void match_skip(work *w, bool skipped[MODEL_MAX_LAYERS]) {
    const yaml_node *n = w->p->spec->quant.skip_node;
    if (n != NULL) match_layers(w->c.a, n, w->desc, w->p->n_layers, "quant.skip", w->c.d, skipped);
}

/* ---- rules that change nothing ---- */

static const site_spec *site_of(const spec_rule *rule, bool activations) {
    return activations ? &rule->activations : &rule->weights;
}

/* The scheme that a layer has before rule `end`; NULL for none. */
static const char *scheme_before(const work *w, int layer, int end, bool activations) {
    const spec_quant *q = &w->p->spec->quant;
    const char *name = site_text(activations ? &q->activations : &q->weights, "scheme");
    for (int i = 0; i < end; i++) {
        const char *own = site_text(site_of(&q->rules[i], activations), "scheme");
        if (w->hit[i][layer] && own != NULL) name = own;
    }
    return name;
}

/* Does the later rule undo all that the earlier one says of a site? By setting the
 * same keys, or by naming another scheme, which drops the parameters of the old one. */
static bool covers_site(const work *w, int layer, int later, int earlier, bool activations) {
    const spec_quant *q = &w->p->spec->quant;
    const site_spec *over = site_of(&q->rules[later], activations);
    const site_spec *under = site_of(&q->rules[earlier], activations);
    const char *before = scheme_before(w, layer, later, activations);
    const char *named = site_text(over, "scheme");
    bool other = named != NULL && before != NULL && strcmp(named, before) != 0;
    for (int i = 0; i < under->n; i++) {
        const char *key = under->keys[i]->text;
        bool dropped = other && !site_is_host_key(key);
        if (!dropped && !site_has_key(over, key)) return false;
    }
    return true;
}

static bool covers(const work *w, int layer, int later, int earlier) {
    const spec_rule *over = &w->p->spec->quant.rules[later];
    const spec_rule *under = &w->p->spec->quant.rules[earlier];
    return covers_site(w, layer, later, earlier, false) &&
           covers_site(w, layer, later, earlier, true) &&
           (under->ste == NULL || over->ste != NULL) &&
           (under->packer == NULL || over->packer != NULL);
}

static bool is_shadowed(const work *w, int rule) {
    int matched = 0;
    for (int layer = 0; layer < w->p->n_layers; layer++) {
        if (!w->hit[rule][layer]) continue;
        matched++;
        bool covered = false;
        for (int later = rule + 1; later < w->p->spec->quant.n_rules; later++)
            covered |= w->hit[later][layer] && covers(w, layer, later, rule);
        if (!covered) return false;
    }
    return matched > 0;
}

static void warn_of_shadowed(work *w) {
    const spec_quant *q = &w->p->spec->quant;
    for (int i = 0; i < q->n_rules; i++) {
        if (!is_shadowed(w, i)) continue;
        diag_warning_at(w->c.d, &q->rules[i].at,
                        "this rule has no effect: later rules set all that it sets");
        diag_hint(w->c.d, "later rules win, key by key");
    }
}

/* ---- what a layer gets ---- */

quant_config quant_config_of(const site_config *s) {
    return (quant_config){.scheme = s->scheme,
                          .granularity = (granularity)s->granularity,
                          .group_size = s->group_size,
                          .ragged_short = s->ragged,
                          .scale_dtype = s->scale_dtype ? SCALE_F16 : SCALE_F32,
                          .round = (rounding)s->round,
                          .at = s->at};
}

static plugin_choice default_ste(work *w) {
    const plugin *p = registry_find(w->r, QB_STE, "identity");
    if (p != NULL) return params_defaults(p);
    diag_error(w->c.d, ERR_PLUGIN, "the default estimator 'identity' is not installed");
    diag_hint(w->c.d, "`quantbench plugins list` says which folders were searched");
    return (plugin_choice){0};
}

static plugin_choice pick(work *w, qb_kind kind, const yaml_node *n, const char *where) {
    if (n != NULL) return plugin_resolve(&w->c, w->r, kind, n, where);
    return kind == QB_STE ? default_ste(w) : (plugin_choice){0};
}

/* The line of a place in the spec itself, 0 for one in --set. */
static int line_in_spec(const work *w, const place *at) {
    return at->file != NULL && strcmp(at->file, w->p->spec->file) == 0 ? at->line : 0;
}

/* Where the spec names it; without a word of the spec, where the scheme is named. */
static place place_of(const yaml_node *n, const place *otherwise) {
    if (n == NULL) return *otherwise;
    const yaml_node *name = n->kind == YAML_MAP ? yaml_get(n, "type") : n;
    return name != NULL ? name->at : n->at;
}

typedef struct merged {
    site_spec weights, activations;
    const yaml_node *ste, *packer;
    int line;
} merged;

static merged merge_rules(work *w, int layer) {
    const spec_quant *q = &w->p->spec->quant;
    merged m = {q->weights, q->activations, q->ste_node, q->packer_node,
                q->weights_node != NULL ? line_in_spec(w, &q->weights_node->at) : 0};
    for (int i = 0; i < q->n_rules; i++) {
        const spec_rule *rule = &q->rules[i];
        if (!w->hit[i][layer]) continue;
        m.weights = site_merge(w->c.a, &m.weights, &rule->weights);
        m.activations = site_merge(w->c.a, &m.activations, &rule->activations);
        if (rule->ste != NULL) m.ste = rule->ste;
        if (rule->packer != NULL) m.packer = rule->packer;
        m.line = line_in_spec(w, &rule->at);
    }
    return m;
}

/* A group size that divides no row: one error for all layers of one place. */
static void check_groups(work *w, const site_config *sites, bool skipped[MODEL_MAX_LAYERS]) {
    for (int i = 0; i < w->p->n_layers; i++) {
        const site_config *s = &sites[i];
        const char *list = "";
        int n = 0;
        for (int k = 0; k < w->p->n_layers; k++) {
            const site_config *other = &sites[k];
            int64_t cols = w->desc[k].in, size = other->group_size;
            bool bad = other->scheme.plugin != NULL && other->granularity == SITE_GROUP &&
                       size > 0 && !other->ragged && cols % size != 0 && !skipped[k];
            if (!bad || other->group_at.line != s->group_at.line ||
                other->group_at.col != s->group_at.col)
                continue;
            if (k < i) break; /* reported with the first of them */
            list = arena_format(w->c.a, "%s%s%s (%" PRId64 ")", list, n > 0 ? ", " : "",
                                w->desc[k].name, cols);
            n++;
        }
        if (n == 0) continue;
        diag_error_at(w->c.d, ERR_SPEC, &s->group_at,
                      "group_size %" PRId64 " does not divide the rows of %d of %d layers: %s",
                      s->group_size, n, w->p->n_layers, list);
        diag_hint(w->c.d, "set `ragged: short`, or add a rule for these layers");
    }
}

void rules_apply(plan *p, const registry *r, diags *d) {
    work w = {.p = p,
              .r = r,
              .c = {.a = &p->a, .d = d, .file = p->spec->file, .top = &spec_schema}};
    bool skipped[MODEL_MAX_LAYERS] = {false};
    site_config weights[MODEL_MAX_LAYERS], activations[MODEL_MAX_LAYERS];
    for (int i = 0; i < p->n_layers; i++) w.desc[i] = p->layers[i].desc;
    match_rules(&w);
    match_skip(&w, skipped);
    warn_of_shadowed(&w);
    for (int i = 0; i < p->n_layers; i++) {
        merged m = merge_rules(&w, i);
        layer_quant *q = &p->layers[i].quant;
        weights[i] = site_resolve(&w.c, r, &m.weights, "quant.weights", false);
        activations[i] = site_resolve(&w.c, r, &m.activations, "quant.activations", true);
        p->layers[i].rule_line = skipped[i] ? 0 : m.line;
        if (skipped[i]) continue;
        q->weights = quant_config_of(&weights[i]);
        q->activations = quant_config_of(&activations[i]);
        bool has_weights = q->weights.scheme.plugin != NULL;
        const place *scheme_at = has_weights ? &q->weights.at : &q->activations.at;
        bool quantized = has_weights || q->activations.scheme.plugin != NULL;
        if (quantized && p->spec->kind == KIND_QAT) q->ste = pick(&w, QB_STE, m.ste, "quant.ste");
        if (has_weights) q->packer = pick(&w, QB_PACKER, m.packer, "quant.packer");
        q->ste_at = place_of(m.ste, scheme_at);
        q->packer_at = place_of(m.packer, scheme_at);
    }
    check_groups(&w, weights, skipped);
    check_groups(&w, activations, skipped);
}
