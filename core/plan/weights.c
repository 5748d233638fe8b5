#include "plan/weights.h"

static void add_slot(plan *p, const char *layer, const char *what, int64_t rows, int64_t cols) {
    p->slots[p->n_slots++] = (weight_slot){arena_format(&p->a, "%s.%s", layer, what), rows, cols};
}

static void list_slots(plan *p) {
    p->slots = arena_alloc(&p->a, (size_t)p->n_layers * 2 * sizeof *p->slots);
    for (int i = 0; i < p->n_layers; i++) {
        const layer_desc *l = &p->layers[i].desc;
        add_slot(p, l->name, "weight", l->out, l->in);
        if (l->bias) add_slot(p, l->name, "bias", 1, l->out);
    }
}

static weight_source source_of(plan *p) {
    const spec_model *m = &p->spec->model;
    weight_rename *renames = arena_alloc(&p->a, (size_t)(m->n_renames + 1) * sizeof *renames);
    for (int i = 0; i < m->n_renames; i++) {
        const spec_rename *r = &m->renames[i];
        renames[i] = (weight_rename){r->from, r->to, r->sliced, r->lo, r->hi, r->at};
    }
    const yaml_node *at = yaml_get(yaml_get(p->spec->root, "model"), "weights");
    return (weight_source){.path = m->weights,
                           .at = at->at,
                           .renames = renames,
                           .n_renames = m->n_renames,
                           .strict = m->strict};
}

void plan_weights(plan *p, dataset_catalog *data, diags *d) {
    list_slots(p);
    if (p->spec->model.weights == NULL) return;
    p->weights = source_of(p);
    if (dataset_file_hash(data, p->weights.path, d, p->weights_hash)) return;
    weights_check(&p->weights, p->slots, p->n_slots, d);
}
