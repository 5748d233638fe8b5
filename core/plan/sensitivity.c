#include "plan/sensitivity.h"

#include <math.h>

#include "plan/match.h"
#include "plan/rules.h"
#include "plan/sizes.h"
#include "spec/candidates.h"
#include "spec/language.h"

static void choose_layers(plan *p, diags *d) {
    const yaml_node *n = p->spec->sensitivity.layers_node;
    layer_desc desc[MODEL_MAX_LAYERS];
    for (int i = 0; i < p->n_layers; i++) {
        desc[i] = p->layers[i].desc;
        p->sensitivity.layer[i] = n == NULL;
    }
    if (n == NULL) return;
    match_layers(&p->a, n, desc, p->n_layers, "sensitivity.layers", d, p->sensitivity.layer);
}

/* Opens the candidate's quantizer at each chosen layer; describes that of the first. */
static void try_layers(plan *p, plan_candidate *c, int site, diags *d) {
    for (int i = 0; i < p->n_layers; i++) {
        const layer_desc *l = &p->layers[i].desc;
        if (!p->sensitivity.layer[i]) continue;
        const char *name = arena_format(&p->a, "%s.%s", l->name, site == 0 ? "weight" : "input");
        int64_t rows = site == 0 ? l->out : p->spec->data.batch;
        quantizer q;
        if (quantizer_open(&q, &c->config[site], name, site == 1, rows, l->in, d)) return;
        if (c->site[site].scheme == NULL) {
            describe_site(p, &q, site == 0, &c->site[site]);
            c->nominal_bits = log2(q.info.n_levels);
        }
        quantizer_close(&q);
    }
}

static void make_candidate(plan *p, const registry *r, const site_spec *s, plan_candidate *c,
                           diags *d) {
    schema_context k = {.a = &p->a, .d = d, .file = p->spec->file, .top = &spec_schema};
    c->label = candidate_label(&p->a, s);
    for (int site = 0; site < 2; site++) {
        if (!(p->sensitivity.sites & 1u << site)) continue;
        site_config typed = site_resolve(&k, r, s, "sensitivity.candidates", site == 1);
        c->config[site] = quant_config_of(&typed);
        if (typed.scheme.plugin != NULL) try_layers(p, c, site, d);
    }
}

void plan_sensitivity_make(plan *p, const registry *r, diags *d) {
    const spec_sensitivity *s = &p->spec->sensitivity;
    if (s->candidates_node == NULL) return;
    p->sensitivity = (plan_sensitivity){
        .candidates = arena_alloc(&p->a, (size_t)(s->n_candidates + 1) * sizeof(plan_candidate)),
        .n = s->n_candidates,
        .sites = s->sites,
        .scores = s->metrics,
        .mode = (spec_mode)s->mode,
        .samples = s->samples > 0 && s->samples < p->test_size.n ? s->samples : p->test_size.n};
    choose_layers(p, d);
    for (int i = 0; i < s->n_candidates; i++)
        make_candidate(p, r, &s->candidates[i], &p->sensitivity.candidates[i], d);
}
