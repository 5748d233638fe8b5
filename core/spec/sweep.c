#include "spec/sweep.h"

#include <inttypes.h>
#include <string.h>

#include "spec/language.h"
#include "spec/tree.h"
#include "util/suggest.h"

/* One axis: its alternatives, each of one or several settings. */
typedef struct axis {
    sweep_point *values; /* settings alone */
    int n;
} axis;

/* ---- values of an axis ---- */

static bool is_path(const char *key) {
    size_t n = strcspn(key, ".");
    for (int i = 0; i < spec_schema.n; i++)
        if (strlen(spec_schema.fields[i].key) == n &&
            strncmp(spec_schema.fields[i].key, key, n) == 0)
            return true;
    return false;
}

static bool are_maps(const yaml_node *list) {
    for (int i = 0; i < list->n; i++)
        if (list->items[i]->kind != YAML_MAP) return false;
    return true;
}

/* Is the key of an axis one of the spec that was written wrong? A name has no dots, and
 * mappings for values. */
static bool refuse_slip(const schema_context *c, const yaml_node *key, const yaml_node *value) {
    const char *known[64];
    int n = 0;
    for (; n < spec_schema.n && n < 64; n++) known[n] = spec_schema.fields[n].key;
    yaml_node first = *key;
    first.text = arena_strndup(c->a, key->text, strcspn(key->text, "."));
    bool dotted = strchr(key->text, '.') != NULL, slip = dotted;
    for (int i = 0; i < n && !slip; i++) slip = suggest_distance(first.text, known[i]) == 1;
    if (is_path(key->text) || !slip || (!dotted && value->kind == YAML_LIST && are_maps(value)))
        return false;
    schema_unknown_key(c, &first, "", known, n);
    return true;
}

yaml_node *sweep_range(const schema_context *c, const yaml_node *n) {
    const yaml_node *r = n->kind == YAML_MAP && n->n == 1 ? yaml_get(n, "range") : NULL;
    int64_t v[2], a, b;
    if (r == NULL) return NULL;
    const yaml_node *wrong = r->kind != YAML_LIST || r->n != 2 ? r : NULL;
    for (int i = 0; i < 2 && wrong == NULL; i++)
        if (r->items[i]->kind != YAML_SCALAR || !str_to_int(r->items[i]->text, &v[i]))
            wrong = r->items[i];
    if (wrong == NULL && (v[1] <= v[0] || (uint64_t)v[1] - (uint64_t)v[0] > SWEEP_MAX_POINTS))
        wrong = r;
    if (wrong != NULL) {
        diag_error_at(c->d, ERR_SPEC, &wrong->at,
                      "range must be two integers [from, to), from < to");
        diag_hint(c->d, "{range: [0, 5]} is 0, 1, 2, 3, 4");
        return NULL;
    }
    a = v[0], b = v[1];
    yaml_node *list = arena_alloc(c->a, sizeof *list);
    *list = (yaml_node){.kind = YAML_LIST, .at = r->at, .n = (int)(b - a)};
    list->items = arena_alloc(c->a, (size_t)list->n * sizeof *list->items);
    for (int i = 0; i < list->n; i++) {
        list->items[i] = arena_alloc(c->a, sizeof **list->items);
        *list->items[i] = (yaml_node){.kind = YAML_SCALAR,
                                      .at = r->at,
                                      .text = arena_format(c->a, "%lld", (long long)(a + i))};
    }
    return list;
}

/* The list of values of an axis; NULL after an error. */
static yaml_node *values_of(const schema_context *c, const yaml_node *key, yaml_node *n) {
    int errors = c->d->errors;
    yaml_node *range = sweep_range(c, n);
    if (range != NULL || c->d->errors > errors) return range;
    if (n->kind == YAML_LIST && n->n > 0) return n;
    static const char *const keys[] = {"range"};
    if (n->kind == YAML_MAP && n->n == 1 && suggest_nearest(n->keys[0]->text, keys, 1) != NULL) {
        schema_unknown_key(c, n->keys[0], key->text, keys, 1);
        return NULL;
    }
    diag_error_at(c->d, ERR_SPEC, &n->at, "axis '%s' must be a list of values, got %s", key->text,
                  n->kind == YAML_LIST ? "an empty one" : yaml_kind_name(n->kind));
    diag_hint(c->d, "%s: [value, value], or {range: [0, 5]}", key->text);
    return NULL;
}

static void add_value(const schema_context *c, axis *x, const setting *settings, int n) {
    if ((x->n & (x->n - 1)) == 0) {
        sweep_point *room = arena_alloc(c->a, (size_t)(x->n > 0 ? 2 * x->n : 1) * sizeof *room);
        for (int i = 0; i < x->n; i++) room[i] = x->values[i];
        x->values = room;
    }
    sweep_point *p = &x->values[x->n++];
    *p = (sweep_point){.settings = arena_alloc(c->a, (size_t)n * sizeof *settings), .n = n};
    for (int i = 0; i < n; i++) p->settings[i] = settings[i];
}

/* A value of a dotted key: itself, or all combinations of the lists in it. */
static void add_alternatives(const schema_context *c, axis *x, const yaml_node *key,
                             yaml_node *value) {
    yaml_node **v;
    int n;
    if (setting_alternatives(c, key->text, value, SWEEP_MAX_POINTS, &v, &n)) return;
    for (int i = 0; i < n; i++)
        add_value(c, x, &(setting){.path = key->text, .at = key->at, .value = v[i]}, 1);
}

/* A value of a named axis: keys that change together. */
static void add_zipped(const schema_context *c, axis *x, const yaml_node *name,
                       const yaml_node *value) {
    if (value->kind != YAML_MAP || value->n == 0) {
        diag_error_at(c->d, ERR_SPEC, &value->at,
                      "axis '%s' is no key of the spec, so each of its values must be a mapping",
                      name->text);
        diag_hint(c->d,
                  "%s: [{quant.weights.bits: 2, optimizer.lr: 1e-3}, ...], or a dotted key such "
                  "as quant.weights.bits",
                  name->text);
        return;
    }
    setting *all = arena_alloc(c->a, (size_t)value->n * sizeof *all);
    for (int i = 0; i < value->n; i++)
        all[i] = (setting){value->keys[i]->text, value->keys[i]->at, value->items[i]};
    add_value(c, x, all, value->n);
}

static axis read_axis(const schema_context *c, const yaml_node *key, yaml_node *n) {
    axis x = {0};
    if (refuse_slip(c, key, n)) return x;
    const yaml_node *list = values_of(c, key, n);
    int errors = c->d->errors; /* the first value that is wrong speaks for all */
    if (list != NULL) setting_unique(c, key->text, list);
    for (int i = 0; list != NULL && i < list->n && c->d->errors == errors; i++) {
        if (is_path(key->text))
            add_alternatives(c, &x, key, list->items[i]);
        else
            add_zipped(c, &x, key, list->items[i]);
    }
    return x;
}

static bool has_seed(const sweep *s, uint64_t seed) {
    for (int i = 0; i < s->n_seeds; i++)
        if (s->seeds[i] == seed) return true;
    return false;
}

static void read_seeds(const schema_context *c, const yaml_node *root, const yaml_node *key,
                       yaml_node *n, sweep *out) {
    const yaml_node *list = values_of(c, key, n), *repeats = yaml_get(root, "repeats");
    if (list == NULL) return;
    if (repeats != NULL) {
        diag_error_at(c->d, ERR_SPEC, &repeats->at, "both `repeats` and a seed axis");
        diag_hint(c->d, "keep one of the two");
    }
    out->seeds = arena_alloc(c->a, (size_t)list->n * sizeof *out->seeds);
    for (int i = 0; i < list->n; i++) {
        const yaml_node *v = list->items[i];
        if (v->kind == YAML_SCALAR && str_to_uint(v->text, &out->seeds[out->n_seeds])) {
            if (has_seed(out, out->seeds[out->n_seeds]))
                diag_error_at(c->d, ERR_SPEC, &v->at, "seed %s is there twice", v->text);
            out->n_seeds++;
            continue;
        }
        diag_error_at(c->d, ERR_SPEC, &v->at, "seed must be an integer in [0, 2^64-1]");
        diag_hint(c->d, "seed: [1, 2, 3] or seed: {range: [1, 4]}");
    }
}

/* ---- labels ---- */

static bool is_quant(const setting *s) { return strncmp(s->path, "quant.", 6) == 0; }

/* "int bits=4": the scheme, then what else is set. */
static void add_map_label(const yaml_node *map, const char *tag, strbuf *b) {
    const yaml_node *name = yaml_get(map, tag);
    const char *space = "";
    if (name != NULL && name->kind == YAML_SCALAR) strbuf_add(b, name->text), space = " ";
    for (int i = 0; i < map->n; i++) {
        if (strcmp(map->keys[i]->text, tag) == 0) continue;
        strbuf_addf(b, "%s%s=", space, map->keys[i]->text);
        tree_print(map->items[i], b);
        space = " ";
    }
}

static void add_setting_label(const setting *s, strbuf *b) {
    const field *f = schema_find(&spec_schema, s->path);
    const char *dot = strrchr(s->path, '.'), *last = dot != NULL ? dot + 1 : s->path;
    bool weights = strcmp(s->path, "quant.weights") == 0;
    if (b->len > 0) strbuf_add(b, " ");
    if (!weights && strcmp(s->path, "quant.weights.scheme") != 0)
        strbuf_addf(b, "%s=", strcmp(last, "activations") == 0 ? "act" : last);
    if (s->value->kind == YAML_MAP && f != NULL && f->tag != NULL)
        add_map_label(s->value, f->tag, b);
    else if (weights && s->value->kind == YAML_SCALAR && strcmp(s->value->text, "none") == 0)
        strbuf_add(b, "float");
    else
        tree_print(s->value, b);
}

const char *sweep_label(const schema_context *c, const sweep_point *p, bool with_quant) {
    strbuf b = {0};
    strbuf_add(&b, "");
    for (int i = 0; i < p->n; i++)
        if (with_quant || !is_quant(&p->settings[i])) add_setting_label(&p->settings[i], &b);
    const char *label = arena_strdup(c->a, b.s);
    strbuf_fini(&b);
    return label;
}

/* ---- points ---- */

/* Does every key of the entry have its value (or one of a list) at this point? */
static bool is_excluded(const yaml_node *entry, const yaml_node *root) {
    for (int i = 0; i < entry->n; i++) {
        const yaml_node *want = entry->items[i], *have = setting_get(root, entry->keys[i]->text);
        bool same = have != NULL && tree_equal(want, have);
        for (int k = 0; have != NULL && want->kind == YAML_LIST && k < want->n; k++)
            same |= tree_equal(want->items[k], have);
        if (!same) return false;
    }
    return entry->n > 0;
}

static void check_exclude(const schema_context *c, const yaml_node *list) {
    for (int i = 0; list != NULL && i < (list->kind == YAML_LIST ? list->n : 1); i++) {
        const yaml_node *n = list->kind == YAML_LIST ? list->items[i] : list;
        if (list->kind == YAML_LIST && n->kind == YAML_MAP && n->n > 0) continue;
        diag_error_at(c->d, ERR_SPEC, &n->at, "sweep.exclude must be a list of mappings");
        diag_hint(c->d, "exclude: [{quant.weights.scheme: binary, quant.ste: tanh}]");
    }
}

static int count_keys(const yaml_node *exclude) {
    int n = 0;
    for (int i = 0; exclude != NULL && i < exclude->n; i++) n += exclude->items[i]->n;
    return n;
}

/* Which keys of the entries have a value at this point. */
static void note_keys(const yaml_node *exclude, const yaml_node *root, bool *set) {
    for (int i = 0; exclude != NULL && i < exclude->n; i++)
        for (int k = 0; k < exclude->items[i]->n; k++, set++)
            *set |= setting_get(root, exclude->items[i]->keys[k]->text) != NULL;
}

/* Can the key that no point sets be none of the spec? What another --set leaves without a
 * point can be one. */
static bool is_slip(const schema_context *c, const char *path, const char *const *swept, int n) {
    const char *dot = strrchr(path, '.');
    for (int i = 0; i < n; i++)
        if (suggest_distance(path, swept[i]) == 1) return true;
    if (dot == NULL) return schema_find(&spec_schema, path) == NULL;
    const field *f = schema_find(&spec_schema, arena_strndup(c->a, path, (size_t)(dot - path)));
    if (f == NULL) return true;
    if (f->tag != NULL && strcmp(dot + 1, f->tag) == 0) return false;
    if (f->type == FIELD_NODE) return f->tag != NULL && suggest_distance(dot + 1, f->tag) == 1;
    return schema_find(&spec_schema, path) == NULL;
}

static status refuse_keys(const schema_context *c, const yaml_node *exclude, const axis *axes,
                          int n_axes, const bool *set) {
    const char *paths[64];
    int n = 0, errors = c->d->errors;
    for (int i = 0; i < n_axes; i++)
        for (int k = 0; k < axes[i].values[0].n && n < 64; k++)
            paths[n++] = axes[i].values[0].settings[k].path;
    for (int i = 0; exclude != NULL && i < exclude->n; i++)
        for (int k = 0; k < exclude->items[i]->n; k++) {
            const yaml_node *key = exclude->items[i]->keys[k];
            if (*set++ || !is_slip(c, key->text, paths, n)) continue;
            const char *near = suggest_nearest(key->text, paths, n);
            diag_error_at(c->d, ERR_SPEC, &key->at, "no point of the sweep has '%s'", key->text);
            if (near != NULL)
                diag_hint(c->d, "did you mean '%s'?", near);
            else
                diag_hint(c->d, "exclude compares values that the spec or an axis gives");
        }
    return c->d->errors > errors ? ERR_SPEC : OK;
}

static bool keep(const yaml_node *exclude, const yaml_node *root, bool *used) {
    bool kept = true;
    for (int i = 0; exclude != NULL && i < exclude->n; i++) {
        bool hit = is_excluded(exclude->items[i], root);
        used[i] |= hit;
        kept &= !hit;
    }
    return kept;
}

/* Point i of the grid: digit k of i is the value of axis k. */
static sweep_point grid_point(const schema_context *c, const axis *axes, int n_axes, int i) {
    sweep_point p = {.settings = arena_alloc(c->a, 1)};
    for (int k = n_axes - 1; k >= 0; k--) {
        const sweep_point *v = &axes[k].values[i % axes[k].n];
        setting *all = arena_alloc(c->a, (size_t)(p.n + v->n) * sizeof *all);
        for (int s = 0; s < v->n; s++) all[s] = v->settings[s];
        for (int s = 0; s < p.n; s++) all[v->n + s] = p.settings[s];
        p.settings = all, p.n += v->n;
        i /= axes[k].n;
    }
    return p;
}

static status make_points(const schema_context *c, const yaml_node *root, const axis *axes,
                          int n_axes, sweep *out) {
    const yaml_node *exclude = tree_get(root, "sweep.exclude");
    int64_t total = 1;
    for (int i = 0; i < n_axes; i++)
        if (__builtin_mul_overflow(total, axes[i].n, &total)) total = INT64_MAX;
    if (total > SWEEP_MAX_POINTS) {
        diag_error_at(c->d, ERR_SPEC, &tree_get(root, "sweep.axes")->at,
                      "the sweep has %s%" PRId64 " points, more than %d",
                      total == INT64_MAX ? "at least " : "", total, SWEEP_MAX_POINTS);
        diag_hint(c->d, "shorten an axis, or make several specs of it");
        return ERR_SPEC;
    }
    bool *used = arena_alloc(c->a, (size_t)(exclude != NULL ? exclude->n : 0) + 1);
    bool *set = arena_alloc(c->a, (size_t)count_keys(exclude) + 1);
    out->points = arena_alloc(c->a, (size_t)total * sizeof *out->points);
    for (int i = 0; i < total; i++) {
        sweep_point p = grid_point(c, axes, n_axes, i);
        p.root = tree_copy_map(c->a, root);
        for (int k = 0; k < p.n; k++)
            if (setting_put(c, p.root, &p.settings[k])) return ERR_SPEC;
        note_keys(exclude, p.root, set);
        if (!keep(exclude, p.root, used)) continue;
        p.label = sweep_label(c, &p, true);
        out->points[out->n++] = p;
    }
    if (refuse_keys(c, exclude, axes, n_axes, set)) return ERR_SPEC;
    for (int i = 0; exclude != NULL && i < exclude->n; i++)
        if (!used[i])
            diag_warning_at(c->d, &exclude->items[i]->at,
                            "this entry of sweep.exclude excludes nothing");
    if (out->n > 0) return OK;
    return diag_error_at(c->d, ERR_SPEC, &exclude->at, "sweep.exclude leaves no point");
}

status sweep_expand(const schema_context *c, const yaml_node *root, sweep *out) {
    const yaml_node *map = tree_get(root, "sweep.axes");
    int errors = c->d->errors, n = 0;
    *out = (sweep){0};
    if (map != NULL && map->kind != YAML_MAP) {
        diag_error_at(c->d, ERR_SPEC, &map->at, "sweep.axes must be a mapping, got %s",
                      yaml_kind_name(map->kind));
        diag_hint(c->d, "axes: {quant.weights.bits: [2, 4, 8]}");
        return ERR_SPEC;
    }
    axis *axes = arena_alloc(c->a, (size_t)(map != NULL ? map->n : 0) * sizeof *axes + 1);
    for (int i = 0; map != NULL && i < map->n; i++) {
        if (strcmp(map->keys[i]->text, "seed") == 0)
            read_seeds(c, root, map->keys[i], map->items[i], out);
        else
            axes[n++] = read_axis(c, map->keys[i], map->items[i]);
    }
    check_exclude(c, tree_get(root, "sweep.exclude"));
    if (c->d->errors > errors) return ERR_SPEC;
    if (n > 0) {
        strbuf b = {0};
        tree_print(map, &b);
        out->axes = arena_strdup(c->a, b.s);
        strbuf_fini(&b);
    }
    return make_points(c, root, axes, n, out);
}

/* ---- the baseline ---- */

yaml_node *sweep_baseline(const schema_context *c, const yaml_node *root, const sweep_point *p,
                          const char *norm) {
    const yaml_node *keys = tree_get(root, "sweep.baseline");
    if (keys == NULL) return NULL;
    if (keys->kind != YAML_MAP) {
        diag_error_at(c->d, ERR_SPEC, &keys->at, "sweep.baseline must be a mapping, got %s",
                      yaml_kind_name(keys->kind));
        diag_hint(c->d, "baseline: {quant.weights.scheme: none, quant.activations.scheme: none}");
        return NULL;
    }
    yaml_node *twin = tree_copy_map(c->a, p->root);
    for (int i = 0; i < p->n; i++)
        if (is_quant(&p->settings[i])) tree_remove(c->a, twin, p->settings[i].path);
    yaml_node *text = arena_alloc(c->a, sizeof *text);
    *text = (yaml_node){.kind = YAML_SCALAR, .text = norm, .at = keys->at};
    setting model_norm = {"model.norm", keys->at, text};
    status bad = setting_put(c, twin, &model_norm);
    for (int i = 0; i < keys->n && !bad; i++)
        bad = setting_put(c, twin,
                          &(setting){keys->keys[i]->text, keys->keys[i]->at, keys->items[i]});
    return bad ? NULL : twin;
}
