/*
 * spec/schema_walk.c - what tables print: the values of a filled struct, and the reference.
 */
#include <string.h>

#include "spec/field.h"
#include "spec/tree.h"

/* ---- values ---- */

static bool is_default(const schema_context *c, const field *f, const char *value) {
    union {
        int_list list;
        real_pair pair;
        schedule_point point;
        double real;
        unsigned set;
        const char *text;
    } own = {.text = NULL};
    if (f->dflt == NULL) return *value == '\0' || strcmp(value, "0") == 0; /* not given */
    field here = *f;
    here.offset = 0;
    schema_default(c, &here, &own);
    strbuf b = {0};
    strbuf_add(&b, "");
    field_print(&here, &own, &b);
    bool same = strcmp(b.s, value) == 0;
    strbuf_fini(&b);
    return same;
}

/* A part of the tree that is typed elsewhere: as it was written. */
static void walk_node(schema_value *v, schema_visit_fn visit, void *arg) {
    strbuf b = {0};
    if (v->given == NULL) return;
    strbuf_add(&b, "");
    tree_print(v->given, &b);
    v->value = b.s, v->not_identity = true;
    visit(v, arg);
    strbuf_fini(&b);
}

static void walk(const schema_context *c, const field *f, const void *base, const yaml_node *n,
                 const char *where, schema_visit_fn visit, void *arg) {
    const void *at = (const char *)base + f->offset;
    schema_value v = {.key = field_path(c, where, f->key),
                      .given = n,
                      .no_default = f->dflt == NULL,
                      .not_identity = f->not_identity};
    if (!field_is_legal(c, f)) return;
    if (f->type == FIELD_NODE) {
        walk_node(&v, visit, arg);
        return;
    }
    if (f->type == FIELD_MAP) {
        schema_walk(c, f->map, at, n, v.key, visit, arg);
        return;
    }
    if (f->type == FIELD_VARIANT) {
        int k;
        const char *path = v.key;
        memcpy(&k, at, sizeof k);
        if (k < 0) return;
        v.key = field_path(c, path, f->tag), v.value = f->choices[k];
        v.is_default = f->dflt != NULL && strcmp(f->dflt, f->choices[k]) == 0;
        if (n != NULL && n->kind == YAML_MAP) v.given = yaml_get(n, f->tag);
        visit(&v, arg);
        schema_walk(c, &f->map[k], at, n, path, visit, arg);
        return;
    }
    strbuf b = {0};
    strbuf_add(&b, "");
    field_print(f, at, &b);
    v.value = b.s, v.is_default = is_default(c, f, b.s);
    visit(&v, arg);
    strbuf_fini(&b);
}

void schema_walk(const schema_context *c, const schema *s, const void *base, const yaml_node *map,
                 const char *where, schema_visit_fn visit, void *arg) {
    for (int i = 0; i < s->n; i++)
        walk(c, &s->fields[i], base, map != NULL ? yaml_get(map, s->fields[i].key) : NULL, where,
             visit, arg);
}

/* ---- the reference ---- */

static void reference_line(int indent, const char *key, const field *f, const char *const *kinds,
                           strbuf *out) {
    strbuf domain = {0};
    field_print_domain(f, &domain);
    strbuf_addf(out, "%*s%-*s %s\n", indent, "", 18 - indent, key, f->doc);
    strbuf_addf(out, "%*s%s", 21, "", domain.s);
    if (f->dflt != NULL) strbuf_addf(out, "; default %s", *f->dflt != '\0' ? f->dflt : "''");
    if (f->required) strbuf_add(out, "; required");
    if (f->kinds != 0) strbuf_add(out, "; kind "), field_print_set(kinds, f->kinds, out);
    if (f->required_for == f->kinds && f->kinds != 0) {
        strbuf_add(out, "; required");
    } else if (f->required_for != 0) {
        strbuf_add(out, "; required for kind ");
        field_print_set(kinds, f->required_for, out);
    }
    strbuf_add(out, "\n");
    strbuf_fini(&domain);
}

void schema_print_reference(const schema *s, const char *const *kinds, int indent, strbuf *out) {
    for (int i = 0; i < s->n; i++) {
        const field *f = &s->fields[i];
        reference_line(indent, f->key, f, kinds, out);
        if (f->type == FIELD_MAP) schema_print_reference(f->map, kinds, indent + 2, out);
        for (int k = 0; f->type == FIELD_VARIANT && f->choices[k] != NULL; k++) {
            strbuf_addf(out, "%*s%s: %s\n", indent + 2, "", f->tag, f->choices[k]);
            schema_print_reference(&f->map[k], kinds, indent + 4, out);
        }
    }
}
