#include "quant/packed.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/blame.h"
#include "quant/pipeline.h"
#include "util/mem.h"

/* More codes in one tensor are taken for damage. */
static const int64_t CODES_LIMIT = (int64_t)1 << 40;

static const char *const granularity_list[] = {"own", "tensor", "channel", "group", "token", NULL};
static const char *const rounding_list[] = {"even",  "away", "up",         "down",
                                            "floor", "ceil", "stochastic", NULL};
static const char *const scale_dtype_list[] = {"f32", "f16", NULL};
static const char *const ragged_list[] = {"error", "short", NULL};
const char *const *const packed_granularities = granularity_list;
const char *const *const packed_roundings = rounding_list;
const char *const *const packed_scale_dtypes = scale_dtype_list;
const char *const *const packed_raggeds = ragged_list;

static status refuse(const packed_file *p, const char *name, const char *why, diags *d) {
    return diag_error(d, ERR_INPUT, "%s: '%s': %s", p->f.path, name, why);
}

/* ---- descriptions ---- */

/* The text as an object; NULL if it is none. Owned by the file. */
static const json_t *parse(packed_file *p, const char *text) {
    json_trouble why;
    json_t *o = json_read(text, strlen(text), &why);
    if (o == NULL) return NULL;
    p->descriptions[p->n_descriptions++] = o;
    return o;
}

static packed_plugin take_plugin(json_fields *f, const char *name, const char *version,
                                 const char *params) {
    return (packed_plugin){.name = json_take_text(f, name),
                           .version = json_take_text(f, version),
                           .params = json_take_object(f, params)};
}

static packed_quantizer take_quantizer(json_fields *f) {
    packed_quantizer q = {.scheme = take_plugin(f, "scheme", "scheme_version", "params"),
                          .granularity =
                              (granularity)json_take_choice(f, "granularity", granularity_list),
                          .group_size = json_take_int(f, "group_size", 0, CODES_LIMIT),
                          .ragged_short = json_take_choice(f, "ragged", ragged_list) == 1,
                          .scale_dtype =
                              (scale_dtype)json_take_choice(f, "scale_dtype", scale_dtype_list),
                          .round = (rounding)json_take_choice(f, "round", rounding_list),
                          .n_levels = (int)json_take_int(f, "n_levels", 2, 256)};
    q.zero_code = (int)json_take_int(f, "zero_code", -1, q.n_levels - 1);
    if (*f->why == '\0' && (q.granularity == GRANULARITY_GROUP) != (q.group_size > 0))
        snprintf(f->why, sizeof f->why, "granularity and group_size do not fit together");
    return q;
}

/* NULL or what is wrong. */
static const char *read_shape(const json_t *list, packed_tensor *t) {
    if (json_array_size(list) > TENSOR_MAX_DIMS) return "more than 8 dimensions";
    t->n_dims = (int)json_array_size(list);
    for (int i = 0; i < t->n_dims; i++) {
        const json_t *v = json_array_get(list, (size_t)i);
        t->shape[i] = json_integer_value(v);
        if (!json_is_integer(v) || t->shape[i] < 1) return "bad dimension in shape";
    }
    tensor_entry matrix = {.n_dims = t->n_dims};
    memcpy(matrix.shape, t->shape, sizeof matrix.shape);
    if (!tensor_count(t->shape, t->n_dims, &matrix.n) || matrix.n > CODES_LIMIT)
        return "element count overflows";
    t->n = matrix.n;
    tensor_entry_matrix(&matrix, &t->rows, &t->cols);
    return NULL;
}

/* ---- which tensors there are ---- */

/* The physical tensor NAME.PART, which nothing has claimed yet. */
static const tensor_entry *claim(const packed_file *p, const char *name, const char *part,
                                 bool *claimed) {
    char *full = str_format("%s.%s", name, part);
    const tensor_entry *e = tensor_file_find(&p->f, full);
    free(full);
    if (e == NULL || claimed[e - p->f.tensors]) return NULL;
    claimed[e - p->f.tensors] = true;
    return e;
}

static bool form_fits(const char *form, dtype type) {
    if (form == NULL) return false;
    if (strcmp(form, "f32") == 0) return type == DTYPE_F32;
    if (strcmp(form, "f16") == 0) return type == DTYPE_F16;
    return type == DTYPE_U8 && (strcmp(form, "u8") == 0 || strcmp(form, "e8m0") == 0);
}

/* Codes and metadata are there with the right types and sizes. */
static const char *find_parts(const packed_file *p, packed_tensor *t, bool *claimed) {
    const char *name;
    json_t *form;
    layout l = layout_of(t->how.granularity, t->how.group_size, t->rows, t->cols);
    t->n_groups = layout_groups(&l);
    t->codes = claim(p, t->name, "codes", claimed);
    if (t->codes == NULL) return "its codes are missing";
    if (t->codes->type != DTYPE_U8 || t->codes->n_dims != 1) return "its codes are no U8 vector";
    t->bytes = t->codes->n;
    json_object_foreach((json_t *)(uintptr_t)t->meta, name, form) {
        const tensor_entry *e = claim(p, t->name, name, claimed);
        if (e == NULL) return "one of its metadata is missing";
        if (!form_fits(json_string_value(form), e->type) || e->n_dims != 2 ||
            e->shape[0] != l.rows || e->n != t->n_groups)
            return "one of its metadata has the wrong type or shape";
        t->bytes += tensor_entry_bytes(e);
    }
    return NULL;
}

static status add_quantized(packed_file *p, const char *name, const char *text, bool *claimed,
                            diags *d) {
    packed_tensor *t = &p->tensors[p->n++];
    *t = (packed_tensor){.name = name};
    json_fields f = json_fields_of(parse(p, text));
    const json_t *shape = json_take_array(&f, "shape");
    t->how = take_quantizer(&f);
    t->meta = json_take_object(&f, "meta");
    t->packer = take_plugin(&f, "packer", "packer_version", "packer_params");
    if (!json_fields_end(&f)) return refuse(p, name, f.why, d);
    const char *why = read_shape(shape, t);
    if (why == NULL && (t->how.granularity == GRANULARITY_OWN)) why = "granularity is not resolved";
    if (why == NULL) why = find_parts(p, t, claimed);
    return why != NULL ? refuse(p, name, why, d) : OK;
}

static status add_plain(packed_file *p, const tensor_entry *e, diags *d) {
    packed_tensor *t = &p->tensors[p->n++];
    *t = (packed_tensor){.name = e->name, .n_dims = e->n_dims, .n = e->n, .plain = e};
    memcpy(t->shape, e->shape, sizeof t->shape);
    tensor_entry_matrix(e, &t->rows, &t->cols);
    t->bytes = tensor_entry_bytes(e);
    if (e->type == DTYPE_F32) return OK;
    return refuse(p, e->name, "it belongs to no quantized tensor and is not F32", d);
}

static status add_site(packed_file *p, const char *name, const char *text, diags *d) {
    json_fields f = json_fields_of(parse(p, text));
    p->sites[p->n_sites++] = (packed_site){name, take_quantizer(&f)};
    return json_fields_end(&f) ? OK : refuse(p, name, f.why, d);
}

/* What follows the prefix, or NULL. */
static const char *behind(const char *key, const char *prefix) {
    size_t n = strlen(prefix);
    return strncmp(key, prefix, n) == 0 ? key + n : NULL;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const packed_tensor *)a)->name, ((const packed_tensor *)b)->name);
}

static status list_content(packed_file *p, diags *d) {
    size_t all = (size_t)(p->f.n + p->f.n_texts + 1);
    bool *claimed = mem_calloc(all, sizeof *claimed);
    p->tensors = mem_calloc(all, sizeof *p->tensors);
    p->sites = mem_calloc(all, sizeof *p->sites);
    p->descriptions = mem_calloc(all, sizeof *p->descriptions);
    status bad = OK;
    for (int i = 0; i < p->f.n_texts && !bad; i++) {
        const named_text *t = &p->f.texts[i];
        const char *tensor = behind(t->key, PACKED_TENSOR),
                   *site = behind(t->key, PACKED_QUANTIZER);
        if (tensor != NULL) bad = add_quantized(p, tensor, t->value, claimed, d);
        if (site != NULL) bad = add_site(p, site, t->value, d);
    }
    for (int i = 0; i < p->f.n && !bad; i++)
        if (!claimed[i]) bad = add_plain(p, &p->f.tensors[i], d);
    free(claimed);
    qsort(p->tensors, (size_t)p->n, sizeof *p->tensors, by_name);
    for (int i = 1; i < p->n && !bad; i++)
        if (strcmp(p->tensors[i - 1].name, p->tensors[i].name) == 0)
            bad = refuse(p, p->tensors[i].name, "it is there twice", d);
    return bad;
}

bool packed_is(const tensor_file *f) {
    const char *format = tensor_file_text(f, "format");
    return format != NULL && strcmp(format, PACKED_FORMAT) == 0;
}

static status check_version(const packed_file *p, diags *d) {
    const char *text = tensor_file_text(&p->f, "version");
    int64_t version;
    if (!packed_is(&p->f))
        return diag_error(d, ERR_INPUT, "%s: not a packed file: its metadata does not say so",
                          p->f.path);
    if (text == NULL || !str_to_int(text, &version) || version < 1)
        return diag_error(d, ERR_INPUT, "%s: its metadata has no version", p->f.path);
    if (version > PACKED_VERSION)
        return diag_error(d, ERR_INPUT,
                          "%s: version %" PRId64 " of the format, this program reads %d", p->f.path,
                          version, PACKED_VERSION);
    return OK;
}

status packed_read(packed_file *p, tensor_file *f, diags *d) {
    *p = (packed_file){.f = *f};
    *f = (tensor_file){0};
    status bad = check_version(p, d);
    if (!bad) bad = list_content(p, d);
    if (bad) packed_close(p);
    return bad;
}

void packed_close(packed_file *p) {
    for (int i = 0; i < p->n_descriptions; i++) json_decref(p->descriptions[i]);
    free(p->descriptions);
    free(p->tensors);
    free(p->sites);
    tensor_file_close(&p->f);
    *p = (packed_file){0};
}

const packed_tensor *packed_find(const packed_file *p, const char *name) {
    for (int i = 0; i < p->n; i++)
        if (strcmp(p->tensors[i].name, name) == 0) return &p->tensors[i];
    return NULL;
}

const packed_site *packed_find_site(const packed_file *p, const char *name) {
    for (int i = 0; i < p->n_sites; i++)
        if (strcmp(p->sites[i].name, name) == 0) return &p->sites[i];
    return NULL;
}

/* ---- plugins ---- */

static status no_plugin(const packed_file *p, const char *name, qb_kind kind,
                        const packed_plugin *g, const char *installed, const registry *r,
                        diags *d) {
    const char *failure = registry_failure(r, g->name);
    diag_error(d, ERR_PLUGIN, "%s: '%s' was written by %s '%s' %s, %s%s", p->f.path, name,
               plugin_kind_name(kind), g->name, g->version,
               installed != NULL ? "installed is " : "which is not installed",
               installed != NULL ? installed : "");
    if (failure != NULL)
        diag_hint(d, "%s", failure);
    else
        diag_hint(d,
                  "name the folder of %s.so %s in QUANTBENCH_PLUGIN_PATH; `quantbench plugins "
                  "list` says which are searched",
                  g->name, g->version);
    return ERR_PLUGIN;
}

/* Plugins of one major version read what each other wrote. */
static bool same_major(const char *a, const char *b) {
    size_t n = strcspn(a, ".");
    return n == strcspn(b, ".") && strncmp(a, b, n) == 0;
}

static status choose(const packed_file *p, const char *name, qb_kind kind, const packed_plugin *g,
                     const registry *r, diags *d, plugin_choice *c) {
    const plugin *found = registry_find(r, kind, g->name);
    const char *key, *installed = found != NULL ? found->entry.version : NULL;
    json_t *value;
    if (found == NULL || !same_major(installed, g->version))
        return no_plugin(p, name, kind, g, installed, r, d);
    *c = params_defaults(found);
    json_object_foreach((json_t *)(uintptr_t)g->params, key, value) {
        int i = params_find(found, key);
        const char *text = json_string_value(value);
        if (i < 0 || text == NULL)
            return diag_error(d, ERR_INPUT, "%s: '%s': %s '%s' has no parameter '%s'", p->f.path,
                              name, plugin_kind_name(kind), g->name, key);
        char *why = params_set(c, i, text);
        if (why == NULL) continue;
        refuse(p, name, why, d);
        free(why);
        return ERR_INPUT;
    }
    return OK;
}

status packed_config(const packed_file *p, const char *name, const packed_quantizer *how,
                     const registry *r, diags *d, quant_config *config) {
    *config = (quant_config){.granularity = how->granularity,
                             .group_size = how->group_size,
                             .ragged_short = how->ragged_short,
                             .scale_dtype = how->scale_dtype,
                             .round = how->round};
    return choose(p, name, QB_SCHEME, &how->scheme, r, d, &config->scheme);
}

status packed_check_levels(const packed_file *p, const packed_quantizer *how, const quantizer *q,
                           diags *d) {
    if (q->info.n_levels == how->n_levels && q->info.zero_code == how->zero_code) return OK;
    return diag_error(d, ERR_INPUT,
                      "%s: '%s' has %d levels and the zero code %d, scheme '%s' makes %d and %d",
                      p->f.path, q->site, how->n_levels, how->zero_code, how->scheme.name,
                      q->info.n_levels, q->info.zero_code);
}

/* ---- decoding ---- */

static const char *read_component(const packed_file *p, const packed_tensor *t, const quantizer *q,
                                  int k, float *meta) {
    const qb_meta *m = &q->info.meta[k];
    scale_dtype form = q->config.scale_dtype;
    char *full = str_format("%s.%s", t->name, m->name);
    const tensor_entry *e = tensor_file_find(&p->f, full);
    free(full);
    for (int64_t g = 0; g < t->n_groups; g++) {
        float v = stored_get(m, form, e->data + g * (stored_bits(m, form) / 8)), rounded = v;
        bool fine = isfinite(v) && !(m->role == QB_SCALE && v < 0);
        if (!fine || !stored_round(m, form, &rounded) || rounded != v)
            return "a number of its metadata is none that can be stored";
        meta[g * q->info.n_meta + k] = v;
    }
    return NULL;
}

/* meta: (groups, n_meta); what is not stored is 0, as decoding does not need it. */
static const char *read_meta(const packed_file *p, const packed_tensor *t, const quantizer *q,
                             float *meta) {
    size_t stored = 0;
    for (int k = 0; k < q->info.n_meta; k++) {
        const qb_meta *m = &q->info.meta[k];
        const char *form = stored_name(m, q->config.scale_dtype);
        const char *has = json_string_value(json_object_get(t->meta, m->name));
        if (form == NULL) continue;
        if (has == NULL || strcmp(form, has) != 0)
            return "its metadata are not those of its scheme";
        const char *why = read_component(p, t, q, k, meta);
        if (why != NULL) return why;
        stored++;
    }
    return stored == json_object_size(t->meta) ? NULL : "its metadata are not those of its scheme";
}

/* Into c->code, or decoded into x if that is not NULL. */
static status read_codes(const packed_file *p, const packed_tensor *t, const packing *k, diags *d,
                         packed_codes *c, float *x) {
    const quantizer *q = &c->q;
    const char *why = packing_check_size(k, t->rows, t->cols, t->codes->n);
    if (why != NULL) return refuse(p, t->name, why, d);
    int64_t at = -1, floats;
    if (!size_mul(t->n_groups, q->info.n_meta, &floats) || floats > CODES_LIMIT)
        return refuse(p, t->name, "its metadata overflows", d);
    if (x == NULL) c->code = mem_try_aligned((size_t)t->n);
    if (x == NULL && c->code == NULL)
        return diag_error(d, ERR_RESOURCE, "%s: no memory for the codes of '%s'", p->f.path,
                          t->name);
    c->meta = mem_floats(floats + 1);
    why = read_meta(p, t, q, c->meta);
    const uint8_t *bytes = t->codes->data;
    if (why == NULL && x == NULL)
        why = packing_unpack(k, bytes, t->codes->n, t->rows, t->cols, c->code, &at);
    else if (why == NULL)
        why = quant_unpack(q, k, bytes, t->codes->n, t->rows, c->meta, x, &at);
    if (why == NULL) return blame_check(d);
    if (at < 0) return refuse(p, t->name, why, d);
    return diag_error(d, ERR_INPUT, "%s: '%s': %s (code %" PRId64 ")", p->f.path, t->name, why, at);
}

/* What a plugin's init() refuses of a file is the file's error, with its name. */
static status as_input(const packed_file *p, const char *name, status st, const diags *why,
                       diags *d) {
    if (st == ERR_SPEC) st = ERR_INPUT;
    return diag_error(d, st, "%s: '%s': %s", p->f.path, name,
                      why->n > 0 ? why->list[0].message : "cannot be opened");
}

static status open_and_read(const packed_file *p, const packed_tensor *t,
                            const quant_config *config, const plugin_choice *packer, diags *d,
                            packed_codes *c, float *x) {
    packing k = {0};
    diags own;
    diags_init(&own);
    status bad = quantizer_open(&c->q, config, t->name, false, t->rows, t->cols, &own);
    if (bad) {
        bad = as_input(p, t->name, bad, &own, d);
        diags_fini(&own);
        return bad;
    }
    bad = packed_check_levels(p, &t->how, &c->q, d);
    if (!bad) {
        bad = packing_open(&k, packer, c->q.info.n_levels, c->q.info.zero_code, NULL, &own);
        if (bad) bad = as_input(p, t->name, bad, &own, d);
    }
    if (!bad) bad = read_codes(p, t, &k, d, c, x);
    packing_close(&k);
    diags_fini(&own);
    if (bad) packed_codes_close(c);
    return bad;
}

static status choose_and_read(const packed_file *p, const packed_tensor *t, const registry *r,
                              diags *d, packed_codes *c, float *x) {
    quant_config config;
    plugin_choice packer;
    *c = (packed_codes){0};
    status bad = packed_config(p, t->name, &t->how, r, d, &config);
    if (!bad) bad = choose(p, t->name, QB_PACKER, &t->packer, r, d, &packer);
    return bad ? bad : open_and_read(p, t, &config, &packer, d, c, x);
}

status packed_read_codes(const packed_file *p, const packed_tensor *t, const registry *r, diags *d,
                         packed_codes *c) {
    return choose_and_read(p, t, r, d, c, NULL);
}

void packed_codes_close(packed_codes *c) {
    if (c->q.site != NULL) quantizer_close(&c->q);
    free(c->code);
    free(c->meta);
    *c = (packed_codes){0};
}

status packed_floats(const packed_file *p, const packed_tensor *t, const registry *r, diags *d,
                     float **x) {
    bool rounded = false;
    packed_codes c;
    if (t->plain != NULL) return tensor_entry_floats(&p->f, t->plain, d, x, &rounded);
    *x = mem_try_aligned((size_t)t->n * sizeof **x);
    if (*x == NULL)
        return diag_error(d, ERR_RESOURCE, "%s: no memory for '%s'", p->f.path, t->name);
    status bad = choose_and_read(p, t, r, d, &c, *x);
    if (!bad) {
        packed_codes_close(&c);
        return OK;
    }
    free(*x);
    *x = NULL;
    return bad;
}

void packed_print_params(const packed_plugin *g, strbuf *b) {
    const char *key;
    json_t *value;
    bool first = true;
    strbuf_add(b, "");
    json_object_foreach((json_t *)(uintptr_t)g->params, key, value) {
        const char *text = json_string_value(value);
        strbuf_addf(b, "%s%s=%s", first ? "" : " ", key, text != NULL ? text : "?");
        first = false;
    }
}
