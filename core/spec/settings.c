#include "spec/settings.h"

#include <string.h>

#include "spec/field.h"
#include "spec/language.h"
#include "spec/site.h"
#include "spec/sweep.h"
#include "spec/tree.h"

/* The field at the first n bytes of a path. */
static const field *field_at(const char *path, size_t n) {
    char part[256];
    if (n >= sizeof part) return NULL;
    memcpy(part, path, n);
    part[n] = '\0';
    return schema_find(&spec_schema, part);
}

/* Does the language want a list at this path? A list elsewhere is several values. */
static bool wants_list(const char *path) {
    for (size_t n = strcspn(path, ".");; n += 1 + strcspn(path + n + 1, ".")) {
        const field *f = field_at(path, n);
        if (f == NULL) return false;
        if (f->type == FIELD_INTS || f->type == FIELD_REALS || f->type == FIELD_ENUMS || f->list)
            return true;
        if (path[n] == '\0') return false;
    }
}

const yaml_node *setting_get(const yaml_node *root, const char *path) {
    const yaml_node *n = tree_get(root, path);
    const char *dot = strrchr(path, '.');
    if (n != NULL || dot == NULL) return n;
    const field *f = field_at(path, (size_t)(dot - path));
    if (f == NULL || f->tag == NULL || strcmp(f->tag, dot + 1) != 0) return NULL;
    char parent[256];
    snprintf(parent, sizeof parent, "%.*s", (int)(dot - path), path);
    n = tree_get(root, parent);
    return n != NULL && n->kind == YAML_SCALAR ? n : NULL;
}

/* `weights: int` as {scheme: int} on the way to a key below it. */
static void open_bare_names(const schema_context *c, yaml_node *root, const char *path) {
    for (const char *dot = strchr(path, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        char *part = arena_strndup(c->a, path, (size_t)(dot - path));
        const yaml_node *n = tree_get(root, part);
        const field *f = schema_find(&spec_schema, part);
        if (n == NULL || n->kind != YAML_SCALAR || yaml_is_null(n) || f == NULL || f->tag == NULL)
            continue;
        yaml_node *map = arena_alloc(c->a, sizeof *map);
        *map = (yaml_node){.kind = YAML_MAP, .at = n->at};
        tree_set(c->a, map, f->tag, &n->at, (yaml_node *)(uintptr_t)n);
        tree_set(c->a, root, part, &n->at, map);
    }
}

/* Another scheme or type: the parameters of the old one go. */
static void drop_parameters(const schema_context *c, yaml_node *root, const setting *s) {
    const char *dot = strrchr(s->path, '.');
    if (dot == NULL || s->value->kind != YAML_SCALAR) return;
    char *parent = arena_strndup(c->a, s->path, (size_t)(dot - s->path));
    const field *f = schema_find(&spec_schema, parent);
    const yaml_node *map = tree_get(root, parent), *old = tree_get(root, s->path);
    if (f == NULL || f->tag == NULL || strcmp(f->tag, dot + 1) != 0 || old == NULL ||
        old->kind != YAML_SCALAR || strcmp(old->text, s->value->text) == 0)
        return;
    bool site = strcmp(f->tag, "scheme") == 0;
    for (int i = 0; i < map->n; i++) {
        const char *key = map->keys[i]->text;
        if (strcmp(key, f->tag) == 0 || (site && site_is_host_key(key))) continue;
        tree_remove(c->a, root, arena_format(c->a, "%s.%s", parent, key));
    }
}

/* A key with nothing behind it, on the way to one below it. */
static const yaml_node *empty_on_the_way(const schema_context *c, const yaml_node *root,
                                         const char *path, const field **f, const char **where) {
    for (const char *dot = strchr(path, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        char *part = arena_strndup(c->a, path, (size_t)(dot - path));
        const yaml_node *n = tree_get(root, part);
        *f = schema_find(&spec_schema, part);
        if (n == NULL || !yaml_is_null(n) || *f == NULL) continue;
        char *last = strrchr(part, '.');
        if (last != NULL) *last = '\0';
        *where = last != NULL ? part : "";
        return n;
    }
    return NULL;
}

status setting_put(const schema_context *c, yaml_node *root, const setting *s) {
    const field *f;
    const char *where;
    const yaml_node *empty = empty_on_the_way(c, root, s->path, &f, &where);
    if (empty != NULL) {
        field_wrong(c, f, empty, where);
        return ERR_SPEC;
    }
    open_bare_names(c, root, s->path);
    drop_parameters(c, root, s);
    size_t taken = tree_set(c->a, root, s->path, &s->at, s->value);
    if (taken == 0) return OK;
    diag_error_at(c->d, ERR_SPEC, &s->at, "'%.*s' is no mapping in the spec", (int)taken, s->path);
    diag_hint(c->d, "set all of it: '%.*s={%s: ...}'", (int)taken, s->path, s->path + taken + 1);
    return ERR_SPEC;
}

/* ---- alternatives ---- */

typedef struct growing {
    yaml_node **v;
    int n, max;
} growing;

static status add(const schema_context *c, growing *g, const yaml_node *at, yaml_node *v) {
    if (g->n == g->max)
        return diag_error_at(c->d, ERR_SPEC, &at->at, "more than %d combinations", g->max);
    if ((g->n & (g->n - 1)) == 0) { /* full at powers of two */
        yaml_node **room = arena_alloc(c->a, (size_t)(g->n > 0 ? 2 * g->n : 1) * sizeof *room);
        for (int i = 0; i < g->n; i++) room[i] = g->v[i];
        g->v = room;
    }
    g->v[g->n++] = v;
    return OK;
}

static status expand(const schema_context *c, const char *path, yaml_node *value, growing *out);

status setting_unique(const schema_context *c, const char *path, const yaml_node *list) {
    for (int i = 1; i < list->n; i++) {
        int k = 0;
        while (k < i && !tree_equal(list->items[k], list->items[i])) k++;
        if (k == i) continue;
        strbuf value = {0};
        tree_print(list->items[i], &value);
        diag_error_at(c->d, ERR_SPEC, &list->items[i]->at, "%s has the value %s twice", path,
                      value.s);
        diag_hint(c->d, "keep one of the two");
        strbuf_fini(&value);
        return ERR_SPEC;
    }
    return OK;
}

static status expand_list(const schema_context *c, const char *path, const yaml_node *list,
                          growing *out) {
    if (list->n == 0) {
        diag_error_at(c->d, ERR_SPEC, &list->at, "%s: a list of values is empty", path);
        diag_hint(c->d, "write the values to try, or leave the key out for its default");
        return ERR_SPEC;
    }
    status bad = setting_unique(c, path, list);
    for (int i = 0; i < list->n && !bad; i++) bad = expand(c, path, list->items[i], out);
    return bad;
}

/* Key by key: every map so far with every value of the next key. */
static status expand_map(const schema_context *c, const char *path, yaml_node *map, growing *out) {
    growing maps = {.max = out->max};
    status bad = add(c, &maps, map, map);
    for (int i = 0; i < map->n && !bad; i++) {
        growing values = {.max = out->max}, next = {.max = out->max};
        bad = expand(c, arena_format(c->a, "%s.%s", path, map->keys[i]->text), map->items[i],
                     &values);
        if (bad || values.n == 1) continue;
        for (int m = 0; m < maps.n && !bad; m++)
            for (int k = 0; k < values.n && !bad; k++) {
                yaml_node *own = tree_copy_map(c->a, maps.v[m]);
                own->items[i] = values.v[k];
                bad = add(c, &next, map, own);
            }
        maps = next;
    }
    for (int m = 0; m < maps.n && !bad; m++) bad = add(c, out, map, maps.v[m]);
    return bad;
}

static status expand(const schema_context *c, const char *path, yaml_node *value, growing *out) {
    if (wants_list(path)) return add(c, out, value, value);
    if (value->kind == YAML_LIST) return expand_list(c, path, value, out);
    if (value->kind == YAML_MAP) return expand_map(c, path, value, out);
    return add(c, out, value, value);
}

status setting_alternatives(const schema_context *c, const char *path, yaml_node *value, int max,
                            yaml_node ***out, int *n) {
    growing g = {.max = max};
    status bad = expand(c, path, value, &g);
    *out = g.v, *n = g.n;
    return bad;
}

/* ---- --set ---- */

/* Puts a key with dots in it into sweep.axes; value NULL takes it out. */
static void set_axis(const schema_context *c, yaml_node *root, const setting *s, yaml_node *value) {
    const yaml_node *old = tree_get(root, "sweep.axes");
    yaml_node empty = {.kind = YAML_MAP, .at = s->at};
    yaml_node *axes = tree_copy_map(c->a, old != NULL && old->kind == YAML_MAP ? old : &empty);
    yaml_node *key = arena_alloc(c->a, sizeof *key);
    *key = (yaml_node){.kind = YAML_SCALAR, .at = s->at, .text = s->path};
    int n = 0;
    for (int i = 0; i < axes->n; i++) {
        if (strcmp(axes->keys[i]->text, s->path) == 0) continue;
        axes->keys[n] = axes->keys[i], axes->items[n++] = axes->items[i];
    }
    if (value != NULL) axes->keys[n] = key, axes->items[n++] = value;
    axes->n = n;
    if (old != NULL || value != NULL) tree_set(c->a, root, "sweep.axes", &s->at, axes);
}

/* The axis whose values replace what stands at the path; NULL for none. */
static const yaml_node *axis_above(const yaml_node *root, const char *path) {
    const yaml_node *axes = tree_get(root, "sweep.axes");
    for (int i = 0; axes != NULL && axes->kind == YAML_MAP && i < axes->n; i++) {
        size_t n = strlen(axes->keys[i]->text);
        if (strncmp(axes->keys[i]->text, path, n) == 0 && path[n] == '.') return axes->keys[i];
    }
    return NULL;
}

/* A list or range where one value is wanted is an axis; what --set says replaces an axis. */
static status apply_setting(const schema_context *c, yaml_node *root, setting *s) {
    yaml_node **values;
    int n;
    const yaml_node *axis = axis_above(root, s->path);
    if (axis != NULL) {
        diag_error_at(c->d, ERR_SPEC, &s->at, "the axis '%s' of the sweep replaces this value",
                      axis->text);
        diag_hint(c->d, "set the axis: --set '%s=[...]'", axis->text);
        return ERR_SPEC;
    }
    int errors = c->d->errors;
    yaml_node *range = sweep_range(c, s->value);
    if (c->d->errors > errors) return ERR_SPEC;
    if (range != NULL) s->value = range;
    status bad = setting_alternatives(c, s->path, s->value, SWEEP_MAX_POINTS, &values, &n);
    if (bad) return bad;
    set_axis(c, root, s, NULL);
    if (strcmp(s->path, "repeats") == 0) set_axis(c, root, &(setting){"seed", s->at, NULL}, NULL);
    if (n == 1) {
        s->value = values[0];
        return setting_put(c, root, s);
    }
    if (strcmp(s->path, "seed") == 0) tree_remove(c->a, root, "repeats");
    if (s->value->kind != YAML_LIST) {
        yaml_node *list = arena_alloc(c->a, sizeof *list);
        *list = (yaml_node){.kind = YAML_LIST, .at = s->value->at, .n = n, .items = values};
        s->value = list;
    }
    set_axis(c, root, s, s->value);
    return OK;
}

status settings_apply(const schema_context *c, yaml_node *root, const char *const *settings,
                      int n) {
    status first = OK;
    for (int i = 0; i < n; i++) {
        setting one = {0};
        status bad = yaml_parse_setting(c->a, "--set", settings[i], c->d, &one.path, &one.value);
        if (!bad && strcmp(one.path, "extends") == 0) { /* files are read before settings */
            bad = diag_error_at(c->d, ERR_SPEC, &one.value->at, "extends cannot be set");
            diag_hint(c->d, "write it into the spec");
        } else if (!bad && root != NULL) {
            one.at = one.value->at;
            bad = apply_setting(c, root, &one);
        }
        if (bad && !first) first = bad;
    }
    return first;
}
