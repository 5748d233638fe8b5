#include "run/pack_model.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "quant/packed_writer.h"
#include "util/mem.h"

static const char *const types[] = {"mlp", NULL};
static const char *const norms[] = {"none", "rmsnorm", NULL};

/* ---- writing ---- */

static void add_config(packed_writer *w, const plan *p) {
    const model_config *c = &p->model;
    json_t *o = json_object(), *hidden = json_array();
    for (int i = 0; i < c->n_hidden; i++) json_array_append_new(hidden, json_integer(c->hidden[i]));
    json_set_str(o, "type", types[c->type]);
    json_set_int(o, "inputs", c->inputs);
    json_object_set_new(o, "hidden", hidden);
    json_set_int(o, "outputs", c->outputs);
    json_set_str(o, "norm", norms[c->norm]);
    json_set_bool(o, "bias", c->bias);
    json_set_real(o, "input_mean", p->test.mean);
    json_set_real(o, "input_std", p->test.std);
    char *text = json_dumps(o, JSON_COMPACT);
    packed_add_text(w, "model", text);
    free(text);
    json_decref(o);
}

static status add_weights(packed_writer *w, const model_layer *l, const layer_quant *how,
                          diags *d) {
    const int64_t shape[] = {l->desc.out, l->desc.in};
    const quantizer *q = &l->weight_site.q;
    if (l->weight_site.meta == NULL) {
        packed_add_floats(w, l->weight->name, shape, 2, l->weight->x);
        return OK;
    }
    packing k;
    quant_packed o = {0};
    status bad = packing_open(&k, &how->packer, q->info.n_levels, q->info.zero_code, NULL, d);
    if (bad) return bad;
    bad = quant_packed_open(&o, q, &k, l->desc.out, false, d);
    if (!bad) bad = quant_pack(q, &k, l->weight->x, l->desc.out, 0, true, d, &o);
    if (!bad) packed_add_tensor(w, l->weight->name, shape, 2, q, &k, &o);
    quant_packed_close(&o);
    packing_close(&k);
    return bad;
}

status pack_model(model *m, const plan *p, const char *path, diags *d, char sha256[HASH_HEX],
                  int64_t *bytes) {
    packed_writer w = {0};
    status bad = OK;
    model_set_progress(m, 1);
    add_config(&w, p);
    for (int i = 0; i < m->n_layers && !bad; i++) {
        const model_layer *l = &m->layers[i];
        bad = add_weights(&w, l, &p->layers[i].quant, d);
        if (l->bias != NULL) packed_add_floats(&w, l->bias->name, &l->desc.out, 1, l->bias->x);
        if (l->input_site.meta != NULL) packed_add_site(&w, &l->input_site.q);
    }
    if (!bad) bad = packed_write(&w, path, (int)p->spec->output.save.parity, d, sha256, bytes);
    packed_writer_fini(&w);
    return bad;
}

/* ---- the configuration ---- */

typedef struct config_text {
    model_config c;
    double mean, std;
} config_text;

static const char *read_hidden(const json_t *list, model_config *c) {
    c->n_hidden = (int)json_array_size(list);
    if (json_array_size(list) > MODEL_MAX_HIDDEN) return "it has too many hidden layers";
    for (int i = 0; i < c->n_hidden; i++) {
        const json_t *v = json_array_get(list, (size_t)i);
        c->hidden[i] = json_integer_value(v);
        if (!json_is_integer(v) || c->hidden[i] < 1 || c->hidden[i] > INT32_MAX)
            return "bad width of a hidden layer";
    }
    return NULL;
}

/* why: what is wrong, or "". */
static bool read_config(const packed_file *file, config_text *out, char why[128]) {
    const char *text = tensor_file_text(&file->f, "model");
    json_trouble trouble;
    json_t *o = text != NULL ? json_read(text, strlen(text), &trouble) : NULL;
    json_fields f = json_fields_of(o);
    *out = (config_text){.c = {.type = (model_type)json_take_choice(&f, "type", types),
                               .inputs = json_take_int(&f, "inputs", 1, INT32_MAX),
                               .outputs = json_take_int(&f, "outputs", 1, INT32_MAX),
                               .norm = json_take_choice(&f, "norm", norms) == 1,
                               .bias = json_take_bool(&f, "bias")},
                         .mean = json_take_real(&f, "input_mean"),
                         .std = json_take_real(&f, "input_std")};
    const json_t *hidden = json_take_array(&f, "hidden");
    const char *bad = json_fields_end(&f) ? read_hidden(hidden, &out->c) : f.why;
    if (bad == NULL && !(out->std > 0)) bad = "'input_std' must be positive";
    snprintf(why, 128, "%s", bad != NULL ? bad : "");
    json_decref(o);
    return bad == NULL;
}

char *packed_model_describe(const packed_file *file) {
    config_text t;
    char why[128];
    strbuf b = {0};
    if (!read_config(file, &t, why)) return NULL;
    strbuf_addf(&b, "%s %" PRId64, types[t.c.type], t.c.inputs);
    for (int i = 0; i < t.c.n_hidden; i++) strbuf_addf(&b, "-%" PRId64, t.c.hidden[i]);
    strbuf_addf(&b, "-%" PRId64 ", %s, %s", t.c.outputs, t.c.norm ? "rmsnorm" : "no norm",
                t.c.bias ? "biases" : "no biases");
    return b.s;
}

/* ---- reading ---- */

typedef struct parts { /* of the layers, before there is a model */
    layer_desc desc[MODEL_MAX_LAYERS];
    layer_quant quant[MODEL_MAX_LAYERS];
    const packed_site *site[MODEL_MAX_LAYERS];
    float *weight[MODEL_MAX_LAYERS], *bias[MODEL_MAX_LAYERS];
    linear_matrix matrix[MODEL_MAX_LAYERS]; /* of weights that can be multiplied as integers */
    int n;
} parts;

static status refuse(const packed_model *o, const char *name, const char *why, diags *d) {
    return diag_error(d, ERR_INPUT, "%s: '%s': %s", o->file.f.path, name, why);
}

/* The tensor of a layer, decoded, after its shape was checked. */
static status read_tensor(packed_model *o, const char *name, int64_t rows, int64_t cols,
                          const registry *r, diags *d, float **x) {
    const packed_tensor *t = packed_find(&o->file, name);
    if (t == NULL) return refuse(o, name, "this tensor of the model is missing", d);
    bool fits = rows == 0 ? t->n_dims == 1 && t->n == cols
                          : t->n_dims == 2 && t->shape[0] == rows && t->shape[1] == cols;
    if (!fits) return refuse(o, name, "its shape is not that of the model's layer", d);
    if (rows > 0) o->weights += t->n, o->weight_bytes += t->bytes;
    return packed_floats(&o->file, t, r, d, x);
}

/* The weights of a layer as integers, if they are; decoding them has found no fault. */
static status read_matrix(const packed_model *o, const char *name, const registry *r, diags *d,
                          linear_matrix *m) {
    const packed_tensor *t = packed_find(&o->file, name);
    packed_codes c;
    if (t->plain != NULL) return OK;
    status bad = packed_read_codes(&o->file, t, r, d, &c);
    if (bad) return bad;
    if (linear_refuses_weights(&c.q) == NULL)
        bad = linear_open(m, &c.q, t->rows, c.code, c.meta, linear_form(c.q.info.n_levels), d);
    packed_codes_close(&c);
    return bad;
}

static status read_layer(packed_model *o, parts *p, int i, const registry *r, diags *d) {
    const layer_desc *l = &p->desc[i];
    char name[32];
    snprintf(name, sizeof name, "%s.weight", l->name);
    status bad = read_tensor(o, name, l->out, l->in, r, d, &p->weight[i]);
    if (!bad) bad = read_matrix(o, name, r, d, &p->matrix[i]);
    snprintf(name, sizeof name, "%s.bias", l->name);
    if (!bad && l->bias) bad = read_tensor(o, name, 0, l->out, r, d, &p->bias[i]);
    if (bad) return bad;
    snprintf(name, sizeof name, "%s.input", l->name);
    p->site[i] = packed_find_site(&o->file, name);
    if (p->site[i] == NULL) return OK;
    granularity g = p->site[i]->how.granularity;
    if (g != GRANULARITY_TOKEN && g != GRANULARITY_GROUP)
        return refuse(o, name, "an activation is quantized by token or group", d);
    return packed_config(&o->file, p->site[i]->name, &p->site[i]->how, r, d,
                         &p->quant[i].activations);
}

/* Nothing in the file that belongs to no layer. */
static status check_rest(const packed_model *o, const parts *p, diags *d) {
    int tensors = 0, sites = 0;
    for (int i = 0; i < p->n; i++) tensors += 1 + p->desc[i].bias, sites += p->site[i] != NULL;
    if (tensors == o->file.n && sites == o->file.n_sites) return OK;
    return diag_error(d, ERR_INPUT, "%s: it has tensors or quantizers that belong to no layer",
                      o->file.f.path);
}

static status build(packed_model *o, parts *p, int64_t batch, diags *d) {
    status bad = model_open(&o->m, &o->config, p->quant, batch, 0, d);
    if (bad) return bad == ERR_SPEC ? ERR_INPUT : bad;
    for (int i = 0; i < p->n && !bad; i++) {
        const model_layer *l = &o->m.layers[i];
        memcpy(l->weight->x, p->weight[i], (size_t)(l->desc.out * l->desc.in) * sizeof(float));
        if (l->bias != NULL) memcpy(l->bias->x, p->bias[i], (size_t)l->desc.out * sizeof(float));
        model_give_matrix(&o->m, i, &p->matrix[i]);
        if (p->site[i] != NULL)
            bad = packed_check_levels(&o->file, &p->site[i]->how, &l->input_site.q, d);
    }
    return bad;
}

status packed_model_open(packed_model *o, packed_file *file, const registry *r, int64_t batch,
                         diags *d) {
    config_text t;
    char why[128];
    *o = (packed_model){.file = *file};
    *file = (packed_file){0};
    parts *p = mem_calloc(1, sizeof *p);
    status bad = OK;
    if (tensor_file_text(&o->file.f, "model") == NULL) {
        bad = diag_error(d, ERR_INPUT, "%s: it has tensors but no model", o->file.f.path);
        diag_hint(d, "`quantbench inspect %s` lists them", o->file.f.path);
    } else if (!read_config(&o->file, &t, why)) {
        bad = refuse(o, "model", why, d);
    } else {
        o->config = t.c, o->mean = t.mean, o->std = t.std;
        p->n = model_layers(&o->config, p->desc);
    }
    for (int i = 0; i < p->n && !bad; i++) bad = read_layer(o, p, i, r, d);
    if (!bad) bad = check_rest(o, p, d);
    if (!bad) bad = build(o, p, batch, d);
    for (int i = 0; i < p->n; i++) {
        free(p->weight[i]);
        free(p->bias[i]);
        linear_close(&p->matrix[i]);
    }
    free(p);
    if (bad) packed_model_close(o);
    return bad;
}

void packed_model_close(packed_model *o) {
    if (o->m.n_layers > 0) model_close(&o->m);
    packed_close(&o->file);
    *o = (packed_model){0};
}
