#include "spec/schema.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "spec/tree.h"
#include "util/files.h"
#include "util/mem.h"
#include "util/suggest.h"

/* ---- small helpers ---- */

static int count_choices(const char *const *choices) {
    int n = 0;
    while (choices[n] != NULL) n++;
    return n;
}

static int find_choice(const char *const *choices, const char *text) {
    for (int i = 0; choices[i] != NULL; i++)
        if (strcmp(choices[i], text) == 0) return i;
    return -1;
}

static const char *join_path(const schema_context *c, const char *where, const char *key) {
    return *where == '\0' ? key : arena_format(c->a, "%s.%s", where, key);
}

static bool in_range(const field *f, double v) {
    const char *ends = f->ends != NULL ? f->ends : "[]";
    return (ends[0] == '(' ? v > f->min : v >= f->min) &&
           (ends[1] == ')' ? v < f->max : v <= f->max);
}

static void print_range(const field *f, strbuf *out) {
    char lo[32], hi[32];
    str_real(lo, f->min);
    str_real(hi, f->max);
    const char *ends = f->ends != NULL ? f->ends : "[]";
    if (f->max > 1e15)
        strbuf_addf(out, "%c%s, ...)", ends[0], lo);
    else
        strbuf_addf(out, "%c%s, %s%c", ends[0], lo, hi, ends[1]);
}

static void print_choices(const char *const *choices, strbuf *out) {
    strbuf_join(out, choices, count_choices(choices));
}

/* Does this kind of experiment have the key? */
static bool is_legal(const schema_context *c, const field *f) {
    return f->kinds == 0 || c->kind == 0 || (f->kinds & c->kind) != 0;
}

static bool is_required(const schema_context *c, const field *f) {
    return f->required || (f->required_for & c->kind) != 0;
}

/* The names of a set, bit i for names[i]: "qat, ptq" */
static void print_set(const char *const *names, unsigned set, strbuf *out) {
    bool first = true;
    for (int i = 0; names != NULL && names[i] != NULL; i++) {
        if (!(set & 1u << i)) continue;
        strbuf_addf(out, "%s%s", first ? "" : ", ", names[i]);
        first = false;
    }
}

/* What may stand at a field, in words. */
static void print_domain(const field *f, strbuf *out) {
    switch (f->type) {
    case FIELD_INT:
        strbuf_add(out, "an integer in ");
        print_range(f, out);
        break;
    case FIELD_SEED: strbuf_add(out, "an integer in [0, 2^64-1]"); break;
    case FIELD_REAL:
        strbuf_add(out, "a number in ");
        print_range(f, out);
        break;
    case FIELD_TEXT: strbuf_add(out, "text"); break;
    case FIELD_NAME: strbuf_add(out, "1 to 64 letters of A-Z a-z 0-9 . _ -"); break;
    case FIELD_PATH: strbuf_add(out, "a path"); break;
    case FIELD_ENUM:
        strbuf_add(out, "one of ");
        print_choices(f->choices, out);
        break;
    case FIELD_ENUMS:
        strbuf_add(out, "a list of ");
        print_choices(f->choices, out);
        break;
    case FIELD_POINT:
        strbuf_add(out, "steps (1500), epochs (15ep) or a fraction of the training (0.5)");
        break;
    case FIELD_INTS:
        strbuf_add(out, "a list of integers in ");
        print_range(f, out);
        break;
    case FIELD_REALS:
        strbuf_add(out, "a list of two numbers in ");
        print_range(f, out);
        break;
    case FIELD_VARIANT:
        strbuf_addf(out, "a mapping with %s: ", f->tag);
        print_choices(f->choices, out);
        break;
    case FIELD_NODE: strbuf_add(out, f->ends); break;
    default: strbuf_add(out, "a mapping"); break;
    }
}

static void wrong(const schema_context *c, const field *f, const yaml_node *n, const char *where) {
    strbuf domain = {0};
    print_domain(f, &domain);
    const char *path = join_path(c, where, f->key);
    if (n->kind == YAML_SCALAR)
        diag_error_at(c->d, ERR_SPEC, &n->at, "%s must be %s, got '%s'", path, domain.s, n->text);
    else
        diag_error_at(c->d, ERR_SPEC, &n->at, "%s must be %s, got %s", path, domain.s,
                      yaml_kind_name(n->kind));
    diag_hint(c->d, "%s: %s", f->key, f->doc);
    strbuf_fini(&domain);
}

/* ---- scalars ---- */

bool schema_parse_point(const char *text, schedule_point *p) {
    int64_t steps;
    size_t n = strlen(text);
    if (n > 2 && strcmp(text + n - 2, "ep") == 0) {
        char *number = mem_strndup(text, n - 2);
        bool fine = str_to_real(number, &p->value) && p->value > 0;
        free(number);
        p->unit = POINT_EPOCHS;
        return fine;
    }
    if (str_to_int(text, &steps)) {
        p->unit = POINT_STEPS, p->value = (double)steps;
        return steps >= 0;
    }
    p->unit = POINT_FRACTION;
    return str_to_real(text, &p->value) && p->value >= 0 && p->value <= 1;
}

static bool is_name(const char *s) {
    size_t n = strlen(s);
    if (n < 1 || n > 64 || strcmp(s, ".") == 0 || strcmp(s, "..") == 0) return false;
    return strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

static bool has_control(const char *s) {
    for (; *s != '\0'; s++)
        if ((unsigned char)*s < 0x20 && *s != '\n' && *s != '\t') return true;
    return false;
}

const char *schema_find_file(const schema_context *c, const yaml_node *n) {
    bool set = strcmp(n->at.file, "--set") == 0;
    char *dir = set ? mem_strdup(".") : path_dir(n->at.file);
    char *beside = path_join(dir, n->text);
    const char *data = getenv("QUANTBENCH_DATA");
    char *there =
        data != NULL && *data != '\0' && n->text[0] != '/' ? path_join(data, n->text) : NULL;
    const char *found = NULL;
    if (file_exists(beside)) {
        found = arena_strdup(c->a, strncmp(beside, "./", 2) == 0 ? beside + 2 : beside);
    } else if (there != NULL && file_exists(there)) {
        found = arena_strdup(c->a, there);
    } else {
        diag_error_at(c->d, ERR_INPUT, &n->at, "no such file: '%s'", n->text);
        if (n->text[0] == '/')
            diag_hint(c->d, "looked for %s", beside);
        else if (there != NULL)
            diag_hint(c->d, "looked for %s and %s", beside, there);
        else
            diag_hint(c->d, "looked for %s; set QUANTBENCH_DATA to the folder of your data",
                      beside);
    }
    free(dir);
    free(beside);
    free(there);
    return found;
}

/* Sets the field from a scalar; false if the text is not of its type. */
static bool parse_scalar(const field *f, const yaml_node *n, void *to) {
    int64_t i;
    double r;
    switch (f->type) {
    case FIELD_INT:
        if (!str_to_int(n->text, &i) || !in_range(f, (double)i)) return false;
        memcpy(to, &i, sizeof i);
        return true;
    case FIELD_SEED: return str_to_uint(n->text, to);
    case FIELD_REAL:
        if (!str_to_real(n->text, &r) || !in_range(f, r)) return false;
        memcpy(to, &r, sizeof r);
        return true;
    case FIELD_NAME:
    case FIELD_TEXT:
        if (f->type == FIELD_NAME ? !is_name(n->text) : has_control(n->text)) return false;
        memcpy(to, &n->text, sizeof n->text);
        return true;
    case FIELD_ENUM: {
        int k = find_choice(f->choices, n->text);
        if (k >= 0) memcpy(to, &k, sizeof k);
        return k >= 0;
    }
    case FIELD_POINT: return schema_parse_point(n->text, to);
    default: return false;
    }
}

static void suggest_choice(const schema_context *c, const field *f, const yaml_node *n) {
    if (f->choices == NULL || n->kind != YAML_SCALAR) return;
    const char *near = suggest_nearest(n->text, f->choices, count_choices(f->choices));
    if (near != NULL) diag_hint(c->d, "did you mean '%s'?", near);
}

/* ---- lists ---- */

static void parse_ints(const schema_context *c, const field *f, const yaml_node *n,
                       const char *where, int_list *to) {
    if (n->kind != YAML_LIST) {
        wrong(c, f, n, where);
        diag_hint(c->d, "write [512, 512], or [] for none");
        return;
    }
    to->n = 0;
    if (n->n > f->list_max) {
        diag_error_at(c->d, ERR_SPEC, &n->at, "%s has %d entries, at most %d are allowed",
                      join_path(c, where, f->key), n->n, f->list_max);
        diag_hint(c->d, "%s: %s", f->key, f->doc);
        return;
    }
    for (int i = 0; i < n->n; i++) {
        const yaml_node *item = n->items[i];
        int64_t v;
        if (item->kind == YAML_SCALAR && str_to_int(item->text, &v) && in_range(f, (double)v))
            to->v[to->n++] = v;
        else
            wrong(c, f, item, where);
    }
}

static void parse_reals(const schema_context *c, const field *f, const yaml_node *n,
                        const char *where, real_pair *to) {
    if (n->kind != YAML_LIST || n->n != 2) {
        wrong(c, f, n, where);
        return;
    }
    for (int i = 0; i < 2; i++) {
        double v;
        const yaml_node *item = n->items[i];
        if (item->kind == YAML_SCALAR && str_to_real(item->text, &v) && in_range(f, v))
            to->v[i] = v;
        else
            wrong(c, f, item, where);
    }
}

static void parse_enums(const schema_context *c, const field *f, const yaml_node *n,
                        const char *where, unsigned *to) {
    if (n->kind != YAML_LIST || n->n == 0) {
        wrong(c, f, n, where);
        if (n->kind == YAML_SCALAR) diag_hint(c->d, "write [%s]", n->text);
        return;
    }
    *to = 0;
    for (int i = 0; i < n->n; i++) {
        const yaml_node *item = n->items[i];
        int k = item->kind == YAML_SCALAR ? find_choice(f->choices, item->text) : -1;
        if (k >= 0) {
            *to |= 1u << k;
        } else {
            wrong(c, f, item, where);
            suggest_choice(c, f, item);
        }
    }
}

/* ---- maps ---- */

/* How many maps a field leads to: variants have one for each choice. */
static int n_maps(const field *f) {
    return f->type == FIELD_MAP ? 1 : f->type == FIELD_VARIANT ? count_choices(f->choices) : 0;
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
            const char *found = where_legal(c, &f->map[k], join_path(c, where, f->key), key);
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
    print_set(c->kinds, kinds, &names);
    diag_error_at(c->d, ERR_SPEC, &key->at, "'%s' is no key of kind: %s",
                  join_path(c, where, key->text), kind_text(c, c->kinds));
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
        if (is_legal(c, &s->fields[i])) known[n++] = s->fields[i].key;
    for (int i = 0; i < map->n; i++) {
        const char *key = map->keys[i]->text;
        const field *f = find_field(s, key);
        if (f != NULL && !is_legal(c, f))
            schema_other_kind(c, map->keys[i], where, f->kinds);
        else if (f == NULL && (tag == NULL || strcmp(key, tag) != 0))
            schema_unknown_key(c, map->keys[i], where, known, n);
    }
}

static void missing_key(const schema_context *c, const yaml_node *map, const char *where,
                        const field *f, const char *key) {
    diag_error_at(c->d, ERR_SPEC, &map->at, "missing key '%s'", join_path(c, where, key));
    strbuf domain = {0};
    print_domain(f, &domain);
    diag_hint(c->d, "%s: %s", f->doc, domain.s);
    strbuf_fini(&domain);
}

/* The choice of a variant; -1 after an error. A bare name is a map of nothing else. */
static int choose(const schema_context *c, const field *f, const yaml_node *n, const char *where) {
    const yaml_node *name = n;
    if (n != NULL && n->kind == YAML_MAP) name = yaml_get(n, f->tag);
    if (name == NULL && f->dflt != NULL) return find_choice(f->choices, f->dflt);
    if (name == NULL) {
        missing_key(c, n, join_path(c, where, f->key), f, f->tag);
        return -1;
    }
    int k = name->kind == YAML_SCALAR ? find_choice(f->choices, name->text) : -1;
    if (k >= 0) return k;
    if (name->kind != YAML_SCALAR) {
        wrong(c, f, name, where);
        return -1;
    }
    diag_error_at(c->d, ERR_SPEC, &name->at, "unknown %s '%s' of %s", f->tag, name->text,
                  join_path(c, where, f->key));
    const char *near = suggest_nearest(name->text, f->choices, count_choices(f->choices));
    strbuf list = {0};
    print_choices(f->choices, &list);
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
    const char *path = join_path(c, where, f->key);
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
    case FIELD_INTS: parse_ints(c, f, n, where, to); return;
    case FIELD_REALS: parse_reals(c, f, n, where, to); return;
    case FIELD_ENUMS: parse_enums(c, f, n, where, to); return;
    case FIELD_VARIANT: parse_variant(c, f, n, where, to); return;
    case FIELD_MAP:
        if (n->kind == YAML_MAP)
            schema_parse(c, f->map, n, join_path(c, where, f->key), to);
        else
            wrong(c, f, n, where);
        return;
    case FIELD_PATH:
        if (n->kind == YAML_SCALAR && *n->text != '\0') {
            const char *found = schema_find_file(c, n);
            memcpy(to, &found, sizeof found);
        } else {
            wrong(c, f, n, where);
        }
        return;
    default:
        if (n->kind == YAML_SCALAR && parse_scalar(f, n, to)) return;
        wrong(c, f, n, where);
        suggest_choice(c, f, n);
    }
}

/* The default, by way of the same parsers. */
static void set_default(const schema_context *c, const field *f, void *base) {
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
    if (quiet.n > 0) diags_print(&quiet, stderr), abort(); /* our table is wrong */
    diags_fini(&quiet);
}

/* map NULL: the defaults, and nothing is missing. */
static void parse_fields(const schema_context *c, const schema *s, const yaml_node *map,
                         const char *where, void *base) {
    for (int i = 0; i < s->n; i++) {
        const field *f = &s->fields[i];
        bool legal = is_legal(c, f);
        const yaml_node *n = map != NULL && legal ? yaml_get(map, f->key) : NULL;
        set_default(c, f, base);
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

/* ---- printing ---- */

static void print_point(const schedule_point *p, strbuf *out) {
    char number[32];
    str_real(number, p->value);
    strbuf_addf(out, "%s%s", number, p->unit == POINT_EPOCHS ? "ep" : "");
    if (p->unit == POINT_FRACTION && strpbrk(number, ".e") == NULL) strbuf_add(out, ".0");
}

/* What stands between the brackets of a list. */
static void print_items(const field *f, const void *at, strbuf *out) {
    const int_list *l = at;
    const real_pair *p = at;
    char number[32];
    unsigned set;
    switch (f->type) {
    case FIELD_ENUMS:
        memcpy(&set, at, sizeof set);
        print_set(f->choices, set, out);
        break;
    case FIELD_INTS:
        for (int k = 0; k < l->n; k++) strbuf_addf(out, "%s%" PRId64, k > 0 ? ", " : "", l->v[k]);
        break;
    default:
        for (int k = 0; k < 2; k++) {
            str_real(number, p->v[k]);
            strbuf_addf(out, "%s%s", k == 0 ? "" : ", ", number);
        }
    }
}

/* The value of a scalar or list as a user would write it. */
static void print_value(const field *f, const void *at, strbuf *out) {
    char number[32];
    int64_t i;
    uint64_t u;
    double r;
    const char *text;
    int k;
    switch (f->type) {
    case FIELD_INT:
        memcpy(&i, at, sizeof i);
        strbuf_addf(out, "%" PRId64, i);
        break;
    case FIELD_SEED:
        memcpy(&u, at, sizeof u);
        strbuf_addf(out, "%" PRIu64, u);
        break;
    case FIELD_REAL:
        memcpy(&r, at, sizeof r);
        str_real(number, r);
        strbuf_add(out, number);
        break;
    case FIELD_TEXT:
    case FIELD_NAME:
    case FIELD_PATH:
        memcpy(&text, at, sizeof text);
        strbuf_add(out, text != NULL ? text : "");
        break;
    case FIELD_ENUM:
        memcpy(&k, at, sizeof k);
        strbuf_add(out, f->choices[k]);
        break;
    case FIELD_POINT: print_point(at, out); break;
    case FIELD_ENUMS:
    case FIELD_INTS:
    case FIELD_REALS:
        strbuf_add(out, "[");
        print_items(f, at, out);
        strbuf_add(out, "]");
        break;
    default: break;
    }
}

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
    set_default(c, &here, &own);
    strbuf b = {0};
    strbuf_add(&b, "");
    print_value(&here, &own, &b);
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
    schema_value v = {.key = join_path(c, where, f->key),
                      .given = n,
                      .no_default = f->dflt == NULL,
                      .not_identity = f->not_identity};
    if (!is_legal(c, f)) return;
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
        v.key = join_path(c, path, f->tag), v.value = f->choices[k];
        v.is_default = f->dflt != NULL && strcmp(f->dflt, f->choices[k]) == 0;
        if (n != NULL && n->kind == YAML_MAP) v.given = yaml_get(n, f->tag);
        visit(&v, arg);
        schema_walk(c, &f->map[k], at, n, path, visit, arg);
        return;
    }
    strbuf b = {0};
    strbuf_add(&b, "");
    print_value(f, at, &b);
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

static void reference_line(int indent, const char *key, const field *f, const char *const *kinds,
                           strbuf *out) {
    strbuf domain = {0};
    print_domain(f, &domain);
    strbuf_addf(out, "%*s%-*s %s\n", indent, "", 18 - indent, key, f->doc);
    strbuf_addf(out, "%*s%s", 21, "", domain.s);
    if (f->dflt != NULL) strbuf_addf(out, "; default %s", *f->dflt != '\0' ? f->dflt : "''");
    if (f->required) strbuf_add(out, "; required");
    if (f->kinds != 0) strbuf_add(out, "; kind "), print_set(kinds, f->kinds, out);
    if (f->required_for == f->kinds && f->kinds != 0) {
        strbuf_add(out, "; required");
    } else if (f->required_for != 0) {
        strbuf_add(out, "; required for kind ");
        print_set(kinds, f->required_for, out);
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
