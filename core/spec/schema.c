#include "spec/schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "spec/field.h"
#include "util/files.h"
#include "util/mem.h"
#include "util/suggest.h"

const char *schema_find_file(const schema_context *c, const yaml_node *n) {
    bool set = strcmp(n->at.file, "--set") == 0;
    char *dir = set ? mem_strdup(".") : path_dir(n->at.file);
    char *beside = strcmp(dir, ".") == 0 ? mem_strdup(n->text) : path_join(dir, n->text);
    const char *data = getenv("QUANTBENCH_DATA");
    char *there =
        data != NULL && *data != '\0' && n->text[0] != '/' ? path_join(data, n->text) : NULL;
    const char *found = NULL;
    bool is = file_exists(beside);
    int why = errno;
    if (is) {
        found = arena_strdup(c->a, beside);
    } else if (there != NULL && file_exists(there)) {
        found = arena_strdup(c->a, there);
    } else {
        if (why == ENOENT || why == ENOTDIR)
            diag_error_at(c->d, ERR_INPUT, &n->at, "no such file: '%s'", n->text);
        else
            diag_error_at(c->d, ERR_INPUT, &n->at, "'%.200s': %s", n->text, strerror(why));
        if (n->text[0] == '/')
            diag_hint(c->d, "looked for %s", beside);
        else if (there != NULL)
            diag_hint(c->d, "looked for %s and %s", beside, there);
        else
            diag_hint(c->d, "looked for %s; set QUANTBENCH_DATA to the folder of your data",
                      beside);
    }
    if (found != NULL && c->found != NULL) {
        found_file *f = arena_alloc(c->a, sizeof *f);
        *f = (found_file){found, *c->found};
        *c->found = f;
    }
    free(dir);
    free(beside);
    free(there);
    return found;
}

/* ---- keys ---- */

/* How many maps a field leads to: variants have one for each choice. */
static int n_maps(const field *f) {
    return f->type == FIELD_MAP       ? 1
           : f->type == FIELD_VARIANT ? field_count_choices(f->choices)
                                      : 0;
}

const field *schema_find(const schema *s, const char *path) {
    size_t n = strcspn(path, ".");
    for (int i = 0; i < s->n; i++) {
        const field *f = &s->fields[i];
        if (strlen(f->key) != n || strncmp(f->key, path, n) != 0) continue;
        if (path[n] == '\0') return f;
        for (int k = 0; k < n_maps(f); k++) {
            const field *found = schema_find(&f->map[k], path + n + 1);
            if (found != NULL) return found;
        }
    }
    return NULL;
}

/* The dotted paths at which `key` is legal somewhere in the language; the first. */
static const char *where_legal(const schema_context *c, const schema *s, const char *where,
                               const char *key) {
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->fields[i].key, key) == 0) return *where != '\0' ? where : "the top level";
    for (int i = 0; i < s->n; i++) {
        const field *f = &s->fields[i];
        for (int k = 0; k < n_maps(f); k++) {
            const char *found = where_legal(c, &f->map[k], field_path(c, where, f->key), key);
            if (found != NULL) return found;
        }
    }
    return NULL;
}

void schema_unknown_key(const schema_context *c, const yaml_node *key, const char *where,
                        const char *const *known, int n_known) {
    if (*where == '\0')
        diag_error_at(c->d, ERR_SPEC, &key->at, "unknown key '%s'", key->text);
    else
        diag_error_at(c->d, ERR_SPEC, &key->at, "unknown key '%s' in '%s'", key->text, where);
    const char *near = suggest_nearest(key->text, known, n_known);
    const char *home = where_legal(c, c->top, "", key->text);
    strbuf list = {0};
    strbuf_join(&list, known, n_known);
    if (strchr(key->text, ':') != NULL)
        diag_hint(c->d, "a space is missing behind the ':'");
    else if (near != NULL)
        diag_hint(c->d, "did you mean '%s'? (keys here: %s)", near, list.s);
    else if (home != NULL)
        diag_hint(c->d, "it belongs to %s", home);
    else
        diag_hint(c->d, "keys here: %s", list.s != NULL ? list.s : "none");
    strbuf_fini(&list);
}

static const field *find_field(const schema *s, const char *key) {
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->fields[i].key, key) == 0) return &s->fields[i];
    return NULL;
}

static const char *kind_text(const schema_context *c, const char *const *texts) {
    int i = 0;
    while (c->kind != 1u << i) i++;
    return texts[i];
}

void schema_other_kind(const schema_context *c, const yaml_node *key, const char *where,
                       unsigned kinds) {
    strbuf names = {0};
    field_print_set(c->kinds, kinds, &names);
    diag_error_at(c->d, ERR_SPEC, &key->at, "'%s' is no key of kind: %s",
                  field_path(c, where, key->text), kind_text(c, c->kinds));
    diag_hint(c->d, "%s; the key is for kind: %s", kind_text(c, c->kind_notes), names.s);
    strbuf_fini(&names);
}

/* tag: the key of a variant that chooses, NULL for a plain map */
static void check_keys(const schema_context *c, const schema *s, const char *tag,
                       const yaml_node *map, const char *where) {
    const char *known[64];
    int n = 0;
    if (tag != NULL) known[n++] = tag;
    for (int i = 0; i < s->n; i++)
        if (field_is_legal(c, &s->fields[i])) known[n++] = s->fields[i].key;
    for (int i = 0; i < map->n; i++) {
        const char *key = map->keys[i]->text;
        const field *f = find_field(s, key);
        if (f != NULL && !field_is_legal(c, f))
            schema_other_kind(c, map->keys[i], where, f->kinds);
        else if (f == NULL && (tag == NULL || strcmp(key, tag) != 0))
            schema_unknown_key(c, map->keys[i], where, known, n);
    }
}

static bool is_required(const schema_context *c, const field *f) {
    return f->required || (f->required_for & c->kind) != 0;
}

static void missing_key(const schema_context *c, const yaml_node *map, const char *where,
                        const field *f, const char *key) {
    diag_error_at(c->d, ERR_SPEC, &map->at, "missing key '%s'", field_path(c, where, key));
    strbuf domain = {0};
    field_print_domain(f, &domain);
    diag_hint(c->d, "%s: %s", f->doc, domain.s);
    strbuf_fini(&domain);
}

/* ---- maps ---- */

/* No key is the one that chooses: one of them may be meant for it. */
static bool refuse_slip(const schema_context *c, const field *f, const yaml_node *map,
                        const char *where) {
    const char *known[64] = {f->tag};
    int n = 1;
    for (int k = 0; f->choices[k] != NULL; k++)
        for (int i = 0; i < f->map[k].n && n < 64; i++) known[n++] = f->map[k].fields[i].key;
    for (int i = 0; i < map->n; i++) {
        const char *near = suggest_nearest(map->keys[i]->text, known, n);
        if (near != f->tag) continue;
        schema_unknown_key(c, map->keys[i], where, known, 1);
        return true;
    }
    return false;
}

/* The choice of a variant; -1 after an error. A bare name is a map of nothing else. */
static int choose(const schema_context *c, const field *f, const yaml_node *n, const char *where) {
    const yaml_node *name = n;
    if (n != NULL && n->kind == YAML_MAP) name = yaml_get(n, f->tag);
    if (name == NULL && f->dflt != NULL) return field_find_choice(f->choices, f->dflt);
    if (name == NULL) {
        if (!refuse_slip(c, f, n, field_path(c, where, f->key)))
            missing_key(c, n, field_path(c, where, f->key), f, f->tag);
        return -1;
    }
    int k = name->kind == YAML_SCALAR ? field_find_choice(f->choices, name->text) : -1;
    if (k >= 0) return k;
    if (name->kind != YAML_SCALAR) {
        field_wrong(c, f, name, where);
        return -1;
    }
    diag_error_at(c->d, ERR_SPEC, &name->at, "unknown %s '%s' of %s", f->tag, name->text,
                  field_path(c, where, f->key));
    const char *near = suggest_nearest(name->text, f->choices, field_count_choices(f->choices));
    strbuf list = {0};
    strbuf_join(&list, f->choices, field_count_choices(f->choices));
    if (near != NULL)
        diag_hint(c->d, "did you mean '%s'? (%s)", near, list.s);
    else
        diag_hint(c->d, "known: %s", list.s);
    strbuf_fini(&list);
    return -1;
}

static void parse_fields(const schema_context *c, const schema *s, const yaml_node *map,
                         const char *where, void *base);

static void parse_variant(const schema_context *c, const field *f, const yaml_node *n,
                          const char *where, void *to) {
    int k = choose(c, f, n, where);
    if (k < 0) return;
    memcpy(to, &k, sizeof k);
    const char *path = field_path(c, where, f->key);
    yaml_node none = {.kind = YAML_MAP};
    if (n != NULL) none.at = n->at;
    if (n != NULL && n->kind == YAML_MAP) check_keys(c, &f->map[k], f->tag, n, path);
    parse_fields(c, &f->map[k], n == NULL || n->kind == YAML_MAP ? n : &none, path, to);
}

static void parse_field(const schema_context *c, const field *f, const yaml_node *n,
                        const char *where, void *base) {
    void *to = (char *)base + f->offset;
    switch (f->type) {
    case FIELD_NODE: memcpy(to, &n, sizeof n); return;
    case FIELD_VARIANT: parse_variant(c, f, n, where, to); return;
    case FIELD_MAP:
        if (n->kind == YAML_MAP)
            schema_parse(c, f->map, n, field_path(c, where, f->key), to);
        else
            field_wrong(c, f, n, where);
        return;
    case FIELD_PATH:
        if (n->kind == YAML_SCALAR && *n->text != '\0') {
            const char *found = schema_find_file(c, n);
            memcpy(to, &found, sizeof found);
        } else {
            field_wrong(c, f, n, where);
        }
        return;
    default: field_parse(c, f, n, where, to);
    }
}

void schema_default(const schema_context *c, const field *f, void *base) {
    void *to = (char *)base + f->offset;
    if (f->type == FIELD_MAP)
        schema_parse(c, f->map, NULL, "", to);
    else if (f->type == FIELD_VARIANT && f->dflt != NULL)
        parse_variant(c, f, NULL, "", to);
    else if (f->type == FIELD_VARIANT)
        memcpy(to, &(int){-1}, sizeof(int));
    if (f->dflt == NULL || f->type == FIELD_VARIANT) return;
    yaml_node *n;
    diags quiet;
    diags_init(&quiet);
    schema_context own = *c;
    own.d = &quiet;
    if (yaml_parse(c->a, "default", f->dflt, strlen(f->dflt), &quiet, &n) == OK)
        parse_field(&own, f, n, "", base);
    if (diags_status(&quiet) == ERR_RESOURCE) mem_exhausted(strlen(f->dflt));
    if (quiet.n > 0) diags_print(&quiet, stderr), abort(); /* our table is wrong */
    diags_fini(&quiet);
}

/* map NULL: the defaults, and nothing is missing. */
static void parse_fields(const schema_context *c, const schema *s, const yaml_node *map,
                         const char *where, void *base) {
    for (int i = 0; i < s->n; i++) {
        const field *f = &s->fields[i];
        bool legal = field_is_legal(c, f);
        const yaml_node *n = map != NULL && legal ? yaml_get(map, f->key) : NULL;
        schema_default(c, f, base);
        if (n != NULL)
            parse_field(c, f, n, where, base);
        else if (is_required(c, f) && map != NULL && legal)
            missing_key(c, map, where, f, f->key);
    }
}

void schema_parse(const schema_context *c, const schema *s, const yaml_node *map, const char *where,
                  void *base) {
    if (map != NULL) check_keys(c, s, NULL, map, where);
    parse_fields(c, s, map, where, base);
}
