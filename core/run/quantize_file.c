#include "run/quantize_file.h"

#include <stdlib.h>
#include <string.h>

#include "io/npy.h"
#include "io/safetensors.h"
#include "plan/rules.h"
#include "quant/packed_writer.h"
#include "spec/language.h"
#include "spec/tree.h"
#include "util/hash.h"
#include "util/log.h"
#include "util/mem.h"

/* ---- the command line's keys as a site of a spec ---- */

static yaml_node *scalar(arena *a, const char *text, const char *option) {
    yaml_node *n = arena_alloc(a, sizeof *n);
    const char *line = arena_format(a, "%s %s", option, text);
    *n = (yaml_node){.kind = YAML_SCALAR,
                     .text = text,
                     .at = {option, 1, (int)strlen(option) + 2, str_chars(text, strlen(text)),
                            line}};
    if (n->at.width < 1) n->at.width = 1;
    return n;
}

/* The map of a site or a packer: `tag` is the key of its name, and the option that has it. */
typedef struct named_map {
    const char *tag, *name, *option, *set_option;
    const char *const *settings;
    int n;
} named_map;

/* The name has an option of its own, and so has the packer. */
static status check_key(const named_map *m, const char *key, const yaml_node *value, diags *d) {
    bool packer = strcmp(key, "packer") == 0 || strncmp(key, "packer.", 7) == 0;
    if (packer && strcmp(m->tag, "scheme") == 0) {
        diag_error_at(d, ERR_SPEC, &value->at, "%s %s: the packer is no key of the tensor",
                      m->set_option, key);
        diag_hint(d, "--packer NAME, and its parameters with --packer-set KEY=VALUE");
        return ERR_SPEC;
    }
    if (strcmp(key, m->tag) != 0 || value->kind != YAML_SCALAR || strcmp(value->text, m->name) == 0)
        return OK;
    return diag_error_at(d, ERR_SPEC, &value->at, "%s %s and %s %s=%s", m->option, m->name,
                         m->set_option, m->tag, value->text);
}

static status read_settings(const named_map *m, arena *a, yaml_node *map, diags *d) {
    *map = (yaml_node){.kind = YAML_MAP};
    yaml_node *name = scalar(a, m->name, m->option);
    map->at = name->at;
    tree_set(a, map, m->tag, &name->at, name);
    for (int i = 0; i < m->n; i++) {
        const char *key;
        yaml_node *value;
        status bad = yaml_parse_setting(a, m->set_option, m->settings[i], d, &key, &value);
        if (!bad) bad = check_key(m, key, value, d);
        if (bad) return bad;
        if (tree_set(a, map, key, &value->at, value) > 0)
            return diag_error_at(d, ERR_SPEC, &value->at, "no such key: '%s'", key);
    }
    return OK;
}

typedef struct choice {
    quant_config config;
    plugin_choice packer; /* plugin NULL: by the number of levels */
    place packer_at;      /* where it was named */
} choice;

/* A map of a spec has no place on the command line. */
static status check_packer_name(const char *text, diags *d) {
    if (text == NULL || strpbrk(text, "{:=") == NULL) return OK;
    diag_error(d, ERR_USAGE, "--packer %s: the name of a packer or a preset is wanted", text);
    diag_hint(d, "its parameters go with --packer-set KEY=VALUE");
    return ERR_USAGE;
}

static status read_choice(const quantize_job *j, const registry *r, arena *a, diags *d,
                          choice *out) {
    const named_map scheme = {"scheme", j->scheme, "--scheme", "--set", j->settings, j->n_settings};
    const named_map packer = {"type",         j->packer,          "--packer",
                              "--packer-set", j->packer_settings, j->n_packer_settings};
    yaml_node map, packer_map;
    status bad = check_packer_name(j->packer, d);
    if (!bad) bad = read_settings(&scheme, a, &map, d);
    if (!bad && j->packer != NULL) bad = read_settings(&packer, a, &packer_map, d);
    if (bad) return bad;
    schema_context c = {.a = a, .d = d, .file = "--set", .top = &site_schema};
    site_spec keys = site_keys(&c, &map, "weights");
    site_config site = site_resolve(&c, r, &keys, "weights", false);
    *out = (choice){.config = quant_config_of(&site)};
    if (j->packer != NULL) {
        out->packer_at = packer_map.at;
        out->packer = plugin_resolve(&c, r, QB_PACKER, &packer_map, "packer");
    }
    bad = diags_status(d);
    if (!bad && site.scheme.plugin == NULL)
        bad = diag_error(d, ERR_USAGE, "--scheme none quantizes nothing");
    return bad;
}

/* ---- one tensor ---- */

typedef struct work {
    const quantize_job *j;
    const choice *c;
    const registry *r;
    quantize_visit_fn visit;
    void *arg;
    diags *d;
    packed_writer *packed;
} work;

static status write_decoded(const work *w, const tensor_entry *t, const quantizer *q, int64_t rows,
                            const quant_packed *o) {
    float *y = mem_try_aligned((size_t)t->n * sizeof *y);
    if (y == NULL)
        return diag_error(w->d, ERR_RESOURCE, "no memory to decode tensor '%s'", t->name);
    quantizer_decode(q, o->code, rows, o->meta, y);
    status bad = npy_write(w->j->dequant_path, DTYPE_F32, t->shape, t->n_dims, y, w->d);
    free(y);
    return bad;
}

static status write_outputs(const work *w, const tensor_entry *t, const quantizer *q,
                            int64_t groups, int64_t rows, const quant_packed *o) {
    const quantize_job *j = w->j;
    int64_t meta_shape[] = {groups, q->info.n_meta};
    status bad = OK;
    if (j->codes_path != NULL)
        bad = npy_write(j->codes_path, DTYPE_U8, t->shape, t->n_dims, o->code, w->d);
    if (!bad && j->meta_path != NULL)
        bad = npy_write(j->meta_path, DTYPE_F32, meta_shape, 2, o->meta, w->d);
    if (!bad && j->dequant_path != NULL) bad = write_decoded(w, t, q, rows, o);
    return bad;
}

static status quantize(const work *w, const tensor_entry *t, quantizer *q, const packing *k,
                       const float *x, int64_t rows) {
    int64_t groups = quantizer_groups(q, rows);
    quant_packed o;
    char sha256[HASH_HEX];
    status bad = quant_packed_open(&o, q, k, rows, true, w->d);
    if (bad) return bad;
    bad = quant_pack(q, k, x, rows, 0, true, w->d, &o);
    if (!bad) bad = write_outputs(w, t, q, groups, rows, &o);
    if (!bad) {
        tensor_metrics m = tensor_metrics_of(q, x, &o, rows);
        hash_bytes(o.code, (size_t)t->n, sha256);
        w->visit(&(quantize_result){.tensor = t->name,
                                    .shape = t->shape,
                                    .n_dims = t->n_dims,
                                    .q = q,
                                    .packer = k->in.choice.plugin->entry.name,
                                    .n_groups = groups,
                                    .m = &m,
                                    .codes_sha256 = sha256},
                 w->arg);
        if (w->j->packed_path != NULL)
            packed_add_tensor(w->packed, t->name, t->shape, t->n_dims, q, k, &o);
    }
    quant_packed_close(&o);
    return bad;
}

static status open_and_quantize(const work *w, const tensor_entry *t, const float *x) {
    int64_t rows, cols;
    tensor_entry_matrix(t, &rows, &cols);
    quantizer q;
    packing k;
    status bad = quantizer_open(&q, &w->c->config, t->name, false, rows, cols, w->d);
    if (bad) return bad;
    params_set_live(&q.scheme.choice, q.scheme.self, 1); /* as in evaluation */
    plugin_choice packer = w->c->packer;
    bad = packing_choose(w->r, q.info.n_levels, &packer, w->d);
    if (!bad)
        bad = packing_open(&k, &packer, q.info.n_levels, q.info.zero_code,
                           w->c->packer.plugin != NULL ? &w->c->packer_at : NULL, w->d);
    if (!bad) {
        bad = quantize(w, t, &q, &k, x, rows);
        packing_close(&k);
    }
    quantizer_close(&q);
    return bad;
}

static status one_tensor(const work *w, const tensor_file *f, const tensor_entry *t) {
    float *x;
    bool rounded = false;
    if (t->n == 0) {
        log_info("tensor '%s' has no elements, left out", t->name);
        return OK;
    }
    status bad = tensor_entry_floats(f, t, w->d, &x, &rounded);
    if (bad) return bad;
    if (rounded)
        log_info("tensor '%s': %s values rounded to float32", t->name, dtype_name(t->type));
    bad = open_and_quantize(w, t, x);
    free(x);
    return bad;
}

/* ---- the file ---- */

static bool chosen(const quantize_job *j, const tensor_entry *t) {
    return j->tensors == NULL || str_glob(j->tensors, t->name);
}

static status check_selection(const quantize_job *j, const tensor_file *f, diags *d) {
    int n = 0;
    for (int i = 0; i < f->n; i++) n += chosen(j, &f->tensors[i]);
    if (n == 0) {
        diag_error(d, ERR_INPUT, "%s: no tensor matches '%s'", f->path,
                   j->tensors != NULL ? j->tensors : "*");
        diag_hint(d, "`quantbench inspect %s` lists them", f->path);
        return ERR_INPUT;
    }
    status bad = j->packed_path != NULL ? safetensors_check_count(j->packed_path, n, d) : OK;
    if (bad) return bad;
    bool writes = j->codes_path != NULL || j->meta_path != NULL || j->dequant_path != NULL;
    if (!writes || n == 1) return OK;
    diag_error(d, ERR_USAGE, "--codes, --meta and --dequant want exactly one tensor, %d are chosen",
               n);
    diag_hint(d, "choose one with --tensor NAME");
    return ERR_USAGE;
}

static status quantize_tensors(const quantize_job *j, const choice *c, const registry *r,
                               quantize_visit_fn visit, void *arg, diags *d) {
    tensor_file f;
    status bad = tensor_file_open(&f, j->path, d);
    if (bad) return bad;
    packed_writer packed = {0};
    work w = {j, c, r, visit, arg, d, &packed};
    bad = check_selection(j, &f, d);
    for (int i = 0; i < f.n && !bad; i++)
        if (chosen(j, &f.tensors[i])) bad = one_tensor(&w, &f, &f.tensors[i]);
    if (!bad && j->packed_path != NULL) {
        char sha256[HASH_HEX];
        int64_t bytes;
        bad = packed_write(&packed, j->packed_path, j->parity, d, sha256, &bytes);
    }
    packed_writer_fini(&packed);
    tensor_file_close(&f);
    return bad;
}

status quantize_file(const quantize_job *j, const registry *r, quantize_visit_fn visit, void *arg,
                     diags *d) {
    arena a = {0};
    choice c;
    const char *why = j->tensors != NULL ? str_glob_check(j->tensors) : NULL;
    if (why != NULL) return diag_error(d, ERR_USAGE, "--tensor '%s': %s", j->tensors, why);
    status bad = read_choice(j, r, &a, d, &c);
    if (!bad) bad = quantize_tensors(j, &c, r, visit, arg, d);
    arena_fini(&a);
    return bad == ERR_SPEC ? ERR_USAGE : bad; /* the command line stands for the spec */
}
