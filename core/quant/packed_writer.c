#include "quant/packed_writer.h"

#include <stdlib.h>

#include "quant/packed.h"
#include "util/mem.h"

/* ---- what stands in the texts ---- */

/* The value that evaluation uses: a live parameter holds its end. */
static void print_used(const plugin_choice *c, int i, strbuf *b) {
    const qb_param *p = &c->plugin->params[i];
    char number[32];
    strbuf_add(b, "");
    if (!(p->flags & QB_LIVE) || c->values[i].given) {
        params_print(c, i, b);
        return;
    }
    str_real(number, p->dflt_end);
    strbuf_add(b, number);
}

static json_t *params_of(const plugin_choice *c) {
    json_t *o = json_object();
    for (int i = 0; i < c->plugin->n_params; i++) {
        strbuf value = {0};
        print_used(c, i, &value);
        json_set_str(o, c->plugin->params[i].name, value.s);
        strbuf_fini(&value);
    }
    return o;
}

static void describe_quantizer(const quantizer *q, json_t *o) {
    const plugin_choice *c = &q->scheme.choice;
    json_set_str(o, "scheme", c->plugin->entry.name);
    json_set_str(o, "scheme_version", c->plugin->entry.version);
    json_object_set_new(o, "params", params_of(c));
    json_set_str(o, "granularity", packed_granularities[q->config.granularity]);
    json_set_int(o, "group_size", q->config.group_size);
    json_set_str(o, "ragged", packed_raggeds[q->config.ragged_short]);
    json_set_str(o, "scale_dtype", packed_scale_dtypes[q->config.scale_dtype]);
    json_set_str(o, "round", packed_roundings[q->config.round]);
    json_set_int(o, "n_levels", q->info.n_levels);
    json_set_int(o, "zero_code", q->info.zero_code);
}

static void describe_packer(const packing *k, json_t *o) {
    const plugin_choice *c = &k->in.choice;
    json_set_str(o, "packer", c->plugin->entry.name);
    json_set_str(o, "packer_version", c->plugin->entry.version);
    json_object_set_new(o, "packer_params", params_of(c));
}

static void add_json(packed_writer *w, const char *prefix, const char *name, json_t *o) {
    char *text = json_dumps(o, JSON_COMPACT);
    packed_add_text(w, arena_format(&w->a, "%s%s", prefix, name), text != NULL ? text : "");
    free(text);
    json_decref(o);
}

/* ---- tensors ---- */

static named_tensor *add(packed_writer *w, const char *name, dtype type, const int64_t *shape,
                         int n_dims, const void *data) {
    w->tensors = mem_realloc(w->tensors, (size_t)(w->n_tensors + 1) * sizeof *w->tensors);
    named_tensor *t = &w->tensors[w->n_tensors++];
    *t = (named_tensor){.name = arena_strdup(&w->a, name),
                        .type = type,
                        .n_dims = n_dims,
                        .data = data};
    for (int i = 0; i < n_dims; i++) t->shape[i] = shape[i];
    return t;
}

static void own(packed_writer *w, void *data) {
    w->owned = mem_realloc(w->owned, (size_t)(w->n_owned + 1) * sizeof *w->owned);
    w->owned[w->n_owned++] = data;
}

static dtype dtype_of(const qb_meta *m, scale_dtype t) {
    int bits = stored_bits(m, t);
    return bits == 8 ? DTYPE_U8 : bits == 16 ? DTYPE_F16 : DTYPE_F32;
}

/* One kind of metadata of all groups: (rows of groups, groups of a row). */
static void add_meta(packed_writer *w, const char *name, const quantizer *q, int k, int64_t rows,
                     const float *meta) {
    layout l = quantizer_layout(q, rows);
    const qb_meta *m = &q->info.meta[k];
    int64_t groups = layout_groups(&l), each = stored_bits(m, q->config.scale_dtype) / 8;
    const int64_t shape[] = {l.rows, groups / l.rows};
    uint8_t *bytes = mem_aligned((size_t)(groups * each) + 1);
    for (int64_t g = 0; g < groups; g++)
        stored_put(m, q->config.scale_dtype, meta[g * q->info.n_meta + k], bytes + g * each);
    own(w, bytes);
    add(w, arena_format(&w->a, "%s.%s", name, m->name), dtype_of(m, q->config.scale_dtype), shape,
        2, bytes);
}

void packed_add_tensor(packed_writer *w, const char *name, const int64_t *shape, int n_dims,
                       const quantizer *q, const packing *k, quant_packed *packed) {
    tensor_entry matrix = {.n_dims = n_dims, .n = 1};
    for (int i = 0; i < n_dims; i++) matrix.shape[i] = shape[i], matrix.n *= shape[i];
    int64_t rows, cols;
    tensor_entry_matrix(&matrix, &rows, &cols);
    own(w, packed->bytes);
    add(w, arena_format(&w->a, "%s.codes", name), DTYPE_U8, &packed->n_bytes, 1, packed->bytes);
    packed->bytes = NULL;
    json_t *o = json_object(), *dims = json_array(), *forms = json_object();
    for (int i = 0; i < n_dims; i++) json_array_append_new(dims, json_integer(shape[i]));
    for (int i = 0; i < q->info.n_meta; i++) {
        const qb_meta *m = &q->info.meta[i];
        if (m->store == QB_NOT_STORED) continue;
        json_set_str(forms, m->name, stored_name(m, q->config.scale_dtype));
        add_meta(w, name, q, i, rows, packed->meta);
    }
    json_object_set_new(o, "shape", dims);
    describe_quantizer(q, o);
    json_object_set_new(o, "meta", forms);
    describe_packer(k, o);
    add_json(w, PACKED_TENSOR, name, o);
}

void packed_add_floats(packed_writer *w, const char *name, const int64_t *shape, int n_dims,
                       const float *x) {
    add(w, name, DTYPE_F32, shape, n_dims, x);
}

void packed_add_site(packed_writer *w, const quantizer *q) {
    json_t *o = json_object();
    describe_quantizer(q, o);
    add_json(w, PACKED_QUANTIZER, q->site, o);
}

void packed_add_text(packed_writer *w, const char *key, const char *value) {
    w->texts = mem_realloc(w->texts, (size_t)(w->n_texts + 1) * sizeof *w->texts);
    w->texts[w->n_texts++] = (named_text){arena_strdup(&w->a, key), arena_strdup(&w->a, value)};
}

status packed_write(packed_writer *w, const char *path, int parity, diags *d, char sha256[65],
                    int64_t *bytes) {
    packed_add_text(w, "format", PACKED_FORMAT);
    packed_add_text(w, "version", arena_format(&w->a, "%d", PACKED_VERSION));
    if (parity == PACKED_UNCHECKED)
        return safetensors_write_tensors(path, w->tensors, w->n_tensors, w->texts, w->n_texts, d,
                                         sha256, bytes);
    return safetensors_write_checked(path, w->tensors, w->n_tensors, w->texts, w->n_texts, parity,
                                     d, sha256, bytes);
}

void packed_writer_fini(packed_writer *w) {
    for (int i = 0; i < w->n_owned; i++) free(w->owned[i]);
    free(w->owned);
    free(w->tensors);
    free(w->texts);
    arena_fini(&w->a);
    *w = (packed_writer){0};
}
