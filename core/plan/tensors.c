#include "plan/tensors.h"

#include <stdio.h>
#include <string.h>

#include "plan/rules.h"
#include "plan/sizes.h"
#include "spec/language.h"
#include "util/files.h"

enum { TENSORS_MAX = 4096 };

static tensor_source source_of(const spec_source *s) {
    int64_t rows = s->shape.n == 2 ? s->shape.v[0] : 1;
    return (tensor_source){.path = s->format == SOURCE_RANDOM ? NULL : s->path,
                           .match = s->match,
                           .dist = (tensor_dist)s->dist,
                           .rows = rows,
                           .cols = s->shape.n > 0 ? s->shape.v[s->shape.n - 1] : 1,
                           .dof = s->dof,
                           .outliers = s->outliers,
                           .outlier_factor = s->outlier_factor};
}

/* The spec says what the file is, so that it can be read aloud; the file decides. */
static status check_format(const spec *s, const tensor_set *t, diags *d) {
    static const char *const names[] = {"random", "npy", "npz", "safetensors", "gguf"};
    const char *said = names[s->data.source.format], *is = tensor_set_format(t);
    if (strcmp(said, is) == 0) return OK;
    const yaml_node *source = yaml_get(yaml_get(s->root, "data"), "source");
    diag_error_at(d, ERR_SPEC, &yaml_get(source, "format")->at, "'%s' is a file of format %s",
                  s->data.source.path, is);
    diag_hint(d, "write `format: %s`", is);
    return ERR_SPEC;
}

static status add_tensor(plan *p, const tensor_set *t, int i, const layer_quant *quant,
                         const registry *r, diags *d) {
    plan_layer *l = &p->layers[p->n_layers];
    int64_t rows, cols;
    const char *name = tensor_set_shape(t, i, &rows, &cols);
    if (strlen(name) >= LAYER_NAME)
        return diag_error(d, ERR_INPUT, "the name of tensor '%s' is longer than %d bytes", name,
                          LAYER_NAME - 1);
    l->desc = (layer_desc){.type = "tensor", .out = rows, .in = cols, .params = rows * cols};
    snprintf(l->desc.name, sizeof l->desc.name, "%s", name);
    l->quant = *quant;
    l->weight_bytes = l->desc.params * 4;
    l->bits_per_weight = 32;
    p->n_layers++, p->params += l->desc.params;
    if (quant->weights.scheme.plugin == NULL) return OK;
    quantizer q;
    status bad = quantizer_open(&q, &quant->weights, name, false, rows, cols, d);
    if (bad) return bad;
    bad = size_weights(p, l, &q, r, d);
    quantizer_close(&q);
    l->bits_per_weight = (double)l->weight_bytes * 8 / (double)l->desc.params;
    return bad;
}

static status add_tensors(plan *p, const tensor_set *t, const registry *r, diags *d) {
    const spec_quant *s = &p->spec->quant;
    schema_context c = {.a = &p->a, .d = d, .file = p->spec->file, .top = &spec_schema};
    site_config site = site_resolve(&c, r, &s->weights, "quant.weights", false);
    layer_quant quant = {.weights = quant_config_of(&site)};
    if (s->packer_node != NULL)
        quant.packer = plugin_resolve(&c, r, QB_PACKER, s->packer_node, "quant.packer");
    status bad = diags_status(d);
    int n = tensor_set_count(t);
    if (!bad && n > TENSORS_MAX) {
        bad = diag_error(d, ERR_INPUT, "%d tensors, more than %d", n, TENSORS_MAX);
        diag_hint(d, "choose with data.source.match");
    }
    if (bad) return bad;
    p->layers = arena_alloc(&p->a, (size_t)n * sizeof *p->layers);
    int64_t largest = 0;
    for (int i = 0; i < n && !bad; i++) {
        bad = add_tensor(p, t, i, &quant, r, d);
        plan_layer *l = &p->layers[i];
        l->rule_line = s->weights_node->at.line;
        p->weight_bytes += l->weight_bytes;
        if (l->desc.params > largest) largest = l->desc.params;
    }
    p->memory_bytes = largest * 9; /* values, their codes, values again */
    p->bits_per_weight = (double)p->weight_bytes * 8 / (double)p->params;
    return bad;
}

status plan_tensors(plan *p, const registry *r, diags *d) {
    status bad = diags_status(d);
    if (bad) return bad;
    p->source = source_of(&p->spec->data.source);
    if (p->source.path != NULL) bad = file_hash(p->source.path, ERR_INPUT, d, p->source_hash);
    tensor_set *t = NULL;
    if (!bad) bad = tensor_set_open(&p->source, d, &t);
    if (!bad) bad = check_format(p->spec, t, d);
    if (!bad) bad = add_tensors(p, t, r, d);
    tensor_set_close(t);
    return bad;
}
