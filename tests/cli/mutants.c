#include "cli/mutants.h"

#include <stdlib.h>
#include <string.h>

#include "spec/language.h"
#include "spec/site.h"
#include "spec/spec.h"
#include "spec/tree.h"
#include "support/support.h"
#include "util/str.h"

/* ---- which keys and values there are ---- */

typedef struct finding {
    arena *a;
    const registry *r;
    const yaml_node *root;
    unsigned kind;
    target_list *out;
} finding;

static void name(name_set *s, const char *text) {
    cr_assert(s->n < MUTANT_MAX_NAMES);
    s->v[s->n++] = text;
}

static void names(name_set *s, const char *const *list) {
    for (int i = 0; list != NULL && list[i] != NULL; i++) name(s, list[i]);
}

static name_set plugin_names(const finding *f, qb_kind kind) {
    name_set s = {.n = 0};
    for (int i = 0; i < f->r->n; i++)
        if (f->r->plugins[i]->entry.kind == kind) name(&s, f->r->plugins[i]->entry.name);
    if (kind == QB_SCHEME) name(&s, "none");
    return s;
}

static level *enter(const finding *f, const yaml_node *map, const level *up) {
    level *l = arena_alloc(f->a, sizeof *l);
    *l = (level){.map = map, .up = up};
    return l;
}

static target *add(const finding *f, const level *in, const yaml_node *owner, int i,
                   value_kind kind) {
    cr_assert(f->out->n < (int)(sizeof f->out->v / sizeof *f->out->v));
    target *t = &f->out->v[f->out->n++];
    *t = (target){.in = in, .owner = owner, .i = i, .kind = kind};
    return t;
}

static void find_map(const finding *f, const schema *s, const char *tag, bool tag_required,
                     const name_set *tags, const yaml_node *map, const level *up);
static void find_at_path(const finding *f, const char *path, const level *in,
                         const yaml_node *owner, int i);

/* ---- plugins and sites ---- */

static void find_param(const finding *f, const qb_param *p, const level *in, const yaml_node *owner,
                       int i) {
    static const char *const booleans[] = {"false", "true", NULL};
    bool number = p->type == QB_INT || p->type == QB_REAL;
    const yaml_node *value = owner->items[i];
    if (value->kind == YAML_LIST) { /* a product */
        add(f, in, owner, i, VALUE_TREE);
        for (int k = 0; k < value->n; k++) find_param(f, p, in, value, k);
        return;
    }
    target *t = add(f, in, owner, i, number ? VALUE_NUMBER : VALUE_NAME);
    if (p->type == QB_STR) t->kind = VALUE_FREE;
    names(&t->choices, p->type == QB_BOOL ? booleans : p->choices);
    if (p->type != QB_STR) name(&t->choices, "auto");
}

static void find_field_value(const finding *f, const field *d, const level *in,
                             const yaml_node *owner, int i);

static void find_host_key(const finding *f, const field *d, const level *in, const yaml_node *owner,
                          int i) {
    const yaml_node *value = owner->items[i];
    if (value->kind != YAML_LIST) {
        find_field_value(f, d, in, owner, i);
        return;
    }
    add(f, in, owner, i, VALUE_TREE);
    for (int k = 0; k < value->n; k++) find_field_value(f, d, in, value, k);
}

/* The plugin that a site or {type: ...} names; `otherwise` where it names none. */
static const plugin *named_in(const finding *f, qb_kind kind, const yaml_node *n, const char *tag,
                              const plugin *otherwise) {
    const yaml_node *named = n->kind == YAML_MAP ? yaml_get(n, tag) : n;
    return named != NULL ? registry_find(f->r, kind, named->text) : otherwise;
}

static const plugin *scheme_of_all(const finding *f, const char *path) {
    const yaml_node *n = tree_get(f->root, path);
    return n != NULL ? named_in(f, QB_SCHEME, n, "scheme", NULL) : NULL;
}

/* A plugin with its parameters; of a scheme also the host's keys. */
static void find_plugin(const finding *f, qb_kind kind, const plugin *otherwise, bool required,
                        const level *in, const yaml_node *owner, int i) {
    const char *tag = kind == QB_SCHEME ? "scheme" : "type";
    const yaml_node *n = owner->items[i];
    target *t = add(f, in, owner, i, n->kind == YAML_MAP ? VALUE_MAP : VALUE_NAME);
    t->choices = plugin_names(f, kind);
    if (n->kind != YAML_MAP) return;
    const plugin *p = named_in(f, kind, n, tag, otherwise);
    level *l = enter(f, n, in);
    name(&l->keys, tag);
    for (int k = 0; kind == QB_SCHEME && k < site_schema.n; k++)
        name(&l->keys, site_schema.fields[k].key);
    for (int k = 0; p != NULL && k < p->n_params; k++) name(&l->keys, p->params[k].name);
    for (int k = 0; k < n->n; k++) {
        const char *key = n->keys[k]->text;
        int param = p != NULL ? params_find(p, key) : -1;
        if (strcmp(key, tag) == 0) {
            t = add(f, l, n, k, VALUE_NAME);
            t->choices = plugin_names(f, kind), t->required = required;
        } else if (param >= 0) {
            find_param(f, &p->params[param], l, n, k);
        } else {
            find_host_key(f, schema_find(&site_schema, key), l, n, k);
        }
    }
}

/* ---- lists of patterns, of sites; rules ---- */

static void find_patterns(const finding *f, const level *in, const yaml_node *owner, int i) {
    const yaml_node *n = owner->items[i];
    target *t = add(f, in, owner, i, n->kind == YAML_LIST ? VALUE_LIST : VALUE_NAME);
    static const char *const words[] = {"first", "last", "fc1", "fc2", "fc3", NULL};
    if (n->kind == YAML_SCALAR && strpbrk(n->text, "*?[{") == NULL)
        names(&t->choices, words);
    else
        t->kind = VALUE_TREE;
    for (int k = 0; n->kind == YAML_LIST && k < n->n; k++) find_patterns(f, in, n, k);
}

static void find_rule(const finding *f, const level *in, const yaml_node *list, int i) {
    static const char *const keys[] = {"match", "optional", "weights", "activations",
                                       "ste",   "packer",   NULL};
    static const char *const booleans[] = {"false", "true", NULL};
    const yaml_node *rule = list->items[i];
    level *l = enter(f, rule, in);
    add(f, in, list, i, VALUE_MAP);
    names(&l->keys, keys);
    for (int k = 0; k < rule->n; k++) {
        const char *key = rule->keys[k]->text;
        int before = f->out->n;
        if (strcmp(key, "match") == 0)
            find_patterns(f, l, rule, k), f->out->v[before].required = true;
        else if (strcmp(key, "weights") == 0)
            find_plugin(f, QB_SCHEME, scheme_of_all(f, "quant.weights"), false, l, rule, k);
        else if (strcmp(key, "activations") == 0)
            find_plugin(f, QB_SCHEME, scheme_of_all(f, "quant.activations"), false, l, rule, k);
        else if (strcmp(key, "optional") == 0)
            names(&add(f, l, rule, k, VALUE_NAME)->choices, booleans);
        else
            find_plugin(f, strcmp(key, "ste") == 0 ? QB_STE : QB_PACKER, NULL, true, l, rule, k);
    }
}

/* ---- sweeps: dotted keys ---- */

/* Every item is a value of the path; ranges are {range: [a, b]}. */
static void find_axis(const finding *f, const char *path, const level *in, const yaml_node *owner,
                      int i) {
    const yaml_node *n = owner->items[i];
    add(f, in, owner, i, VALUE_LIST);
    if (n->kind == YAML_MAP) { /* a range */
        level *l = enter(f, n, in);
        name(&l->keys, "range");
        add(f, l, n, 0, VALUE_LIST);
        for (int k = 0; k < n->items[0]->n; k++) add(f, l, n->items[0], k, VALUE_NUMBER);
        return;
    }
    for (int k = 0; k < n->n; k++) {
        if (strchr(path, '.') != NULL || strcmp(path, "seed") == 0) {
            find_at_path(f, path, in, n, k);
            continue;
        }
        level *l = enter(f, n->items[k], in); /* a name: each value sets several keys */
        add(f, in, n, k, VALUE_MAP);
        for (int p = 0; p < l->map->n; p++) find_at_path(f, l->map->keys[p]->text, l, l->map, p);
    }
}

static void find_dotted(const finding *f, const yaml_node *map, const level *up, bool axes) {
    level *l = enter(f, map, up);
    for (int k = 0; k < map->n; k++)
        if (axes)
            find_axis(f, map->keys[k]->text, l, map, k);
        else
            find_at_path(f, map->keys[k]->text, l, map, k);
}

/* The value of a dotted key. */
static void find_at_path(const finding *f, const char *path, const level *in,
                         const yaml_node *owner, int i) {
    const char *last = strrchr(path, '.') != NULL ? strrchr(path, '.') + 1 : path;
    const field *d = schema_find(&spec_schema, path);
    char *parent = arena_strndup(f->a, path, (size_t)(last - path) - (last > path));
    if (strcmp(path, "quant.weights") == 0 || strcmp(path, "quant.activations") == 0) {
        find_plugin(f, QB_SCHEME, NULL, true, in, owner, i);
    } else if (strcmp(path, "quant.ste") == 0 || strcmp(path, "quant.packer") == 0) {
        find_plugin(f, strcmp(last, "ste") == 0 ? QB_STE : QB_PACKER, NULL, true, in, owner, i);
    } else if (d != NULL) {
        find_field_value(f, d, in, owner, i);
    } else if (strcmp(last, "scheme") == 0) {
        add(f, in, owner, i, VALUE_NAME)->choices = plugin_names(f, QB_SCHEME);
    } else if (site_is_host_key(last)) {
        find_host_key(f, schema_find(&site_schema, last), in, owner, i);
    } else {
        const plugin *p = scheme_of_all(f, parent);
        cr_assert(p != NULL && params_find(p, last) >= 0, "%s", path);
        find_param(f, &p->params[params_find(p, last)], in, owner, i);
    }
}

/* ---- fields ---- */

static void find_node(const finding *f, const field *d, const level *in, const yaml_node *map,
                      int i) {
    const yaml_node *n = map->items[i];
    const char *key = d->key;
    if (d->tag != NULL) {
        qb_kind kind = strcmp(key, "ste") == 0      ? QB_STE
                       : strcmp(key, "packer") == 0 ? QB_PACKER
                                                    : QB_SCHEME;
        find_plugin(f, kind, NULL, true, in, map, i);
    } else if (strcmp(key, "skip") == 0 || strcmp(key, "layers") == 0) {
        find_patterns(f, in, map, i);
    } else if (strcmp(key, "rules") == 0) {
        add(f, in, map, i, VALUE_LIST);
        for (int k = 0; k < n->n; k++) find_rule(f, in, n, k);
    } else if (strcmp(key, "candidates") == 0) {
        add(f, in, map, i, VALUE_LIST);
        for (int k = 0; k < n->n; k++) find_plugin(f, QB_SCHEME, NULL, true, in, n, k);
    } else if (strcmp(key, "axes") == 0 || strcmp(key, "baseline") == 0) {
        add(f, in, map, i, VALUE_MAP);
        find_dotted(f, n, in, strcmp(key, "axes") == 0);
    } else if (strcmp(key, "exclude") == 0) {
        add(f, in, map, i, VALUE_LIST);
        for (int k = 0; k < n->n; k++) {
            add(f, in, n, k, VALUE_MAP);
            find_dotted(f, n->items[k], in, false);
        }
    } else if (strcmp(key, "rename") == 0) {
        level *l = enter(f, n, in);
        l->free = true;
        add(f, in, map, i, VALUE_MAP);
        for (int k = 0; k < n->n; k++) add(f, l, n, k, VALUE_FREE);
    } else {
        cr_assert_fail("a key that this test does not know: %s", key);
    }
}

static void find_field_value(const finding *f, const field *d, const level *in,
                             const yaml_node *owner, int i) {
    const yaml_node *n = owner->items[i];
    name_set tags = {.n = 0};
    target *t;
    names(&tags, d->choices);
    switch (d->type) {
    case FIELD_NODE: find_node(f, d, in, owner, i); return;
    case FIELD_MAP:
        add(f, in, owner, i, VALUE_MAP);
        find_map(f, d->map, NULL, false, NULL, n, in);
        return;
    case FIELD_VARIANT:
        t = add(f, in, owner, i, n->kind == YAML_MAP ? VALUE_MAP : VALUE_NAME);
        t->choices = tags;
        if (n->kind != YAML_MAP) return;
        const yaml_node *chosen = yaml_get(n, d->tag);
        int k = 0; /* a part of a spec may leave the choice to another file */
        while (chosen != NULL && strcmp(d->choices[k], chosen->text) != 0) k++;
        find_map(f, &d->map[k], d->tag, d->dflt == NULL, &tags, n, in);
        return;
    case FIELD_INTS:
    case FIELD_REALS:
    case FIELD_ENUMS:
        add(f, in, owner, i, VALUE_LIST);
        for (int item = 0; item < n->n; item++) {
            t = add(f, in, n, item, d->choices != NULL ? VALUE_NAME : VALUE_NUMBER);
            t->choices = tags;
        }
        return;
    default: {
        bool text = d->type == FIELD_TEXT || d->type == FIELD_NAME || d->type == FIELD_PATH;
        t = add(f, in, owner, i,
                text                    ? VALUE_FREE
                : d->type == FIELD_ENUM ? VALUE_NAME
                                        : VALUE_NUMBER);
        t->choices = tags;
    }
    }
}

static bool is_legal(const finding *f, const field *d) {
    return d->kinds == 0 || (d->kinds & f->kind) != 0;
}

static void find_map(const finding *f, const schema *s, const char *tag, bool tag_required,
                     const name_set *tags, const yaml_node *map, const level *up) {
    level *l = enter(f, map, up);
    if (tag != NULL) name(&l->keys, tag);
    for (int k = 0; k < s->n; k++)
        if (is_legal(f, &s->fields[k])) name(&l->keys, s->fields[k].key);
    for (int i = 0; i < map->n; i++) {
        const char *key = map->keys[i]->text;
        if (tag != NULL && strcmp(key, tag) == 0) {
            target *t = add(f, l, map, i, VALUE_NAME);
            t->required = tag_required, t->choices = *tags;
            continue;
        }
        const field *d = NULL;
        for (int k = 0; k < s->n; k++)
            if (strcmp(s->fields[k].key, key) == 0) d = &s->fields[k];
        cr_assert(d != NULL, "%s", key);
        int first = f->out->n;
        find_field_value(f, d, l, map, i);
        f->out->v[first].required = d->required || (d->required_for & f->kind) != 0;
    }
}

void targets_find(arena *a, const registry *r, const yaml_node *root, unsigned kind,
                  target_list *out) {
    finding f = {a, r, root, kind, out};
    out->n = 0;
    find_map(&f, &spec_schema, NULL, false, NULL, root, NULL);
}

/* ---- printing ---- */

typedef struct printer {
    strbuf b;
    mutation m;
    const target *t;
    const char *text;
    int line, bol; /* the line, and where it begins */
    stretch *where;
} printer;

static void newline(printer *p, int indent) {
    strbuf_addf(&p->b, "\n%*s", indent, "");
    p->line++, p->bol = (int)p->b.len - indent;
}

static int column(const printer *p) {
    return str_chars(p->b.s + p->bol, p->b.len - (size_t)p->bol) + 1;
}

static void begin(printer *p) { *p->where = (stretch){p->line, column(p), 0}; }
static void end(printer *p) { p->where->to = column(p); }

static bool is_target(const printer *p, const yaml_node *owner, int i) {
    return p->t != NULL && p->t->owner == owner && p->t->i == i;
}

static void print_value(printer *p, const yaml_node *n, int indent);

static void print_item(printer *p, const yaml_node *owner, int i, int indent) {
    bool other = p->m == OTHER_VALUE && is_target(p, owner, i);
    if (other) begin(p), strbuf_add(&p->b, p->text), end(p);
    if (!other) print_value(p, owner->items[i], indent);
}

/* A key and its value; block: mappings below it may have lines of their own. */
static void print_pair(printer *p, const yaml_node *map, int i, int indent) {
    const yaml_node *key = map->keys[i], *value = map->items[i];
    bool own = is_target(p, map, i), changed = own && p->m == OTHER_KEY;
    bool moved = own && p->m == MOVED_UP;
    if (changed || moved) begin(p);
    if (changed)
        strbuf_add(&p->b, p->text);
    else
        tree_print(key, &p->b);
    if (changed) end(p);
    strbuf_add(&p->b, ":");
    bool lines = indent >= 0 && value->kind == YAML_MAP && value->n > 0 &&
                 !(own && p->m == OTHER_VALUE) && !moved;
    if (lines)
        newline(p, indent + 2);
    else
        strbuf_add(&p->b, " ");
    print_item(p, map, i, lines ? indent + 2 : -1);
    if (moved) end(p);
}

/* Does pair i of the map stay where it is? */
static bool stays(const printer *p, const yaml_node *map, int i) {
    return !((p->m == WITHOUT || p->m == MOVED_UP) && is_target(p, map, i));
}

/* indent -1: in braces */
static void print_map(printer *p, const yaml_node *n, int indent) {
    bool here = p->m == WITHOUT && p->t->in->map == n && p->t->owner == n;
    bool gets = p->m == MOVED_UP && p->t->in->up->map == n;
    int printed = 0;
    if (n->n == 1 && !stays(p, n, 0) && !gets) indent = -1; /* nothing is left of it */
    if (here) begin(p);
    if (indent < 0) strbuf_add(&p->b, "{");
    for (int i = 0; i < n->n; i++) {
        if (!stays(p, n, i)) continue;
        if (printed++ > 0 && indent >= 0) newline(p, indent);
        if (printed > 1 && indent < 0) strbuf_add(&p->b, ", ");
        print_pair(p, n, i, indent);
        if (here && printed == 1 && indent >= 0) end(p);
    }
    if (gets) {
        if (printed > 0 && indent >= 0) newline(p, indent);
        if (printed > 0 && indent < 0) strbuf_add(&p->b, ", ");
        print_pair(p, p->t->owner, p->t->i, -1);
    }
    if (indent < 0) strbuf_add(&p->b, "}");
    if (here && indent < 0) end(p);
}

static void print_value(printer *p, const yaml_node *n, int indent) {
    if (n->kind == YAML_MAP) {
        print_map(p, n, indent);
    } else if (n->kind == YAML_LIST) {
        strbuf_add(&p->b, "[");
        for (int i = 0; i < n->n; i++) {
            if (i > 0) strbuf_add(&p->b, ", ");
            print_item(p, n, i, -1);
        }
        strbuf_add(&p->b, "]");
    } else {
        tree_print(n, &p->b);
    }
}

char *mutant_print(const yaml_node *root, mutation m, const target *t, const char *text,
                   stretch *where) {
    printer p = {.m = m, .t = t, .text = text, .line = 1, .where = where};
    *where = (stretch){0, 0, 0};
    strbuf_add(&p.b, "");
    print_map(&p, root, 0);
    strbuf_add(&p.b, "\n");
    return p.b.s;
}
