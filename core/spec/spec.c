#include "spec/spec.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "spec/language.h"
#include "util/files.h"
#include "util/mem.h"
#include "util/suggest.h"

/* ---- quant: sites, rules, plugins ---- */

static const char *const rule_keys[] = {"match",       "optional", "weights",
                                        "activations", "ste",      "packer"};

static bool read_bool(const schema_context *c, const yaml_node *n, const char *what) {
    bool yes = n->kind == YAML_SCALAR && strcmp(n->text, "true") == 0;
    bool no = n->kind == YAML_SCALAR && strcmp(n->text, "false") == 0;
    if (!yes && !no) diag_error_at(c->d, ERR_SPEC, &n->at, "%s must be true or false", what);
    return yes;
}

static void read_rule(const schema_context *c, const yaml_node *n, spec_rule *rule) {
    const char *where = "quant.rules";
    *rule = (spec_rule){.at = n->at};
    if (n->kind != YAML_MAP) {
        diag_error_at(c->d, ERR_SPEC, &n->at, "a rule must be a mapping, got %s",
                      yaml_kind_name(n->kind));
        return;
    }
    for (int i = 0; i < n->n; i++) {
        const char *key = n->keys[i]->text;
        const yaml_node *value = n->items[i];
        if (strcmp(key, "match") == 0)
            rule->match = value;
        else if (strcmp(key, "optional") == 0)
            rule->optional = read_bool(c, value, "optional");
        else if (strcmp(key, "weights") == 0)
            rule->weights = site_keys(c, value, "weights");
        else if (strcmp(key, "activations") == 0)
            rule->activations = site_keys(c, value, "activations");
        else if (strcmp(key, "ste") == 0)
            rule->ste = value;
        else if (strcmp(key, "packer") == 0)
            rule->packer = value;
        else
            schema_unknown_key(c, n->keys[i], where, rule_keys,
                               (int)(sizeof rule_keys / sizeof *rule_keys));
    }
    if (rule->match != NULL) return;
    diag_error_at(c->d, ERR_SPEC, &n->at, "missing key 'quant.rules.match'");
    diag_hint(c->d, "match: a pattern of layer names such as 'fc*', first, last, 'type: linear', "
                    "or a list of these");
}

static void read_rules(const schema_context *c, spec_quant *q) {
    const yaml_node *list = q->rules_node;
    if (list == NULL) return;
    if (list->kind != YAML_LIST) {
        diag_error_at(c->d, ERR_SPEC, &list->at, "quant.rules must be a list, got %s",
                      yaml_kind_name(list->kind));
        return;
    }
    q->rules = arena_alloc(c->a, (size_t)(list->n + 1) * sizeof *q->rules);
    for (int i = 0; i < list->n; i++) read_rule(c, list->items[i], &q->rules[q->n_rules++]);
}

static void read_quant(const schema_context *c, const registry *r, spec_quant *q) {
    q->weights = site_keys(c, q->weights_node, "quant.weights");
    q->activations = site_keys(c, q->activations_node, "quant.activations");
    read_rules(c, q);
    /* Typed once here for their errors; core/plan types what remains after the rules. */
    site_resolve(c, r, &q->weights, "quant.weights", false);
    site_resolve(c, r, &q->activations, "quant.activations", true);
    if (q->ste_node != NULL) plugin_resolve(c, r, QB_STE, q->ste_node, "quant.ste");
    if (q->packer_node != NULL) plugin_resolve(c, r, QB_PACKER, q->packer_node, "quant.packer");
    for (int i = 0; i < q->n_rules; i++) {
        const spec_rule *rule = &q->rules[i];
        site_spec w = site_merge(c->a, &q->weights, &rule->weights);
        site_spec x = site_merge(c->a, &q->activations, &rule->activations);
        site_resolve(c, r, &w, "weights", false);
        site_resolve(c, r, &x, "activations", true);
        if (rule->ste != NULL) plugin_resolve(c, r, QB_STE, rule->ste, "ste");
        if (rule->packer != NULL) plugin_resolve(c, r, QB_PACKER, rule->packer, "packer");
    }
}

/* ---- the whole file ---- */

static schema_context context_of(spec *s, diags *d) {
    return (schema_context){.a = &s->a, .d = d, .file = s->file, .top = &spec_schema};
}

/* The file's name without folder and suffix, with other letters as '-'. */
static const char *default_name(spec *s) {
    char *name = arena_strdup(&s->a, path_base(s->file));
    char *dot = strrchr(name, '.');
    if (dot != NULL && dot != name) *dot = '\0';
    if (strlen(name) > 64) name[64] = '\0';
    for (char *p = name; *p != '\0'; p++)
        if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", *p) == NULL)
            *p = '-';
    return name;
}

static void check_train(spec *s, const schema_context *c) {
    if (s->train.epochs > 0 && s->train.steps > 0) {
        const yaml_node *steps = yaml_get(yaml_get(s->root, "train"), "steps");
        diag_error_at(c->d, ERR_SPEC, &steps->at, "train has both epochs and steps");
        diag_hint(c->d, "keep one of the two");
    }
    if (s->train.epochs == 0 && s->train.steps == 0) s->train.epochs = 5;
}

static status apply_settings(spec *s, yaml_node *root, const char *const *settings, int n,
                             diags *d) {
    for (int i = 0; i < n; i++) {
        const char *path;
        yaml_node *value;
        status bad = yaml_parse_setting(&s->a, settings[i], d, &path, &value);
        if (bad) return bad;
        size_t taken = yaml_set(&s->a, root, path, value);
        if (taken == 0) continue;
        diag_error_at(d, ERR_SPEC, &value->at, "'%.*s' is no mapping in the spec", (int)taken,
                      path);
        diag_hint(d, "set all of it: --set '%.*s={%s: ...}'", (int)taken, path, path + taken + 1);
        return ERR_SPEC;
    }
    return OK;
}

static status check_top(spec *s, const yaml_node *root, diags *d) {
    if (root == NULL || yaml_is_null(root)) {
        diag_error(d, ERR_SPEC, "%s: empty spec", s->file);
        diag_hint(d, "experiments/ has examples; `quantbench help spec` has the language");
        return ERR_SPEC;
    }
    if (root->kind == YAML_MAP) return OK;
    return diag_error_at(d, ERR_SPEC, &root->at, "the top level must be a mapping, got %s",
                         yaml_kind_name(root->kind));
}

/* Checks the tree that was read; root NULL: nothing to go on with. */
static status check_tree(spec *s, yaml_node *root, const char *const *settings, int n_settings,
                         const registry *r, diags *d) {
    status bad = check_top(s, root, d);
    if (bad) return bad;
    bad = apply_settings(s, root, settings, n_settings, d);
    if (bad) return bad;
    s->root = root;
    schema_context c = context_of(s, d);
    schema_parse(&c, &spec_schema, root, "", s);
    if (s->name == NULL) s->name = default_name(s);
    check_train(s, &c);
    read_quant(&c, r, &s->quant);
    return diags_status(d);
}

status spec_load(spec *s, const char *path, const char *const *settings, int n_settings,
                 const registry *r, diags *d) {
    *s = (spec){0};
    s->file = arena_strdup(&s->a, path);
    yaml_node *root;
    status bad = yaml_read(&s->a, path, d, &root, &s->source);
    if (root == NULL && bad) return bad; /* duplicate keys leave a tree to go on with */
    return check_tree(s, root, settings, n_settings, r, d);
}

status spec_load_text(spec *s, const char *name, const char *text, const registry *r, diags *d) {
    *s = (spec){0};
    s->file = arena_strdup(&s->a, name);
    s->source = arena_strdup(&s->a, text);
    yaml_node *root;
    status bad = yaml_parse(&s->a, name, text, strlen(text), d, &root);
    return bad ? bad : check_tree(s, root, NULL, 0, r, d);
}

status spec_read_split(arena *a, const char *text, spec_split *out, diags *d) {
    yaml_node *value, *key = &(yaml_node){.kind = YAML_SCALAR, .text = "data"};
    *out = (spec_split){0};
    status bad = yaml_parse(a, "--data", text, strlen(text), d, &value);
    if (bad) return bad;
    yaml_node map = {.kind = YAML_MAP, .n = 1, .keys = &key, .items = &value};
    schema_context c = {.a = a, .d = d, .file = "--data", .top = &eval_schema};
    schema_parse(&c, &eval_schema, &map, "", out);
    return diags_status(d);
}

void spec_close(spec *s) { arena_fini(&s->a); }

bool spec_describes_layers(spec *s) {
    if (s->root == NULL || yaml_get(s->root, "data") == NULL || yaml_get(s->root, "model") == NULL)
        return false;
    diags quiet;
    diags_init(&quiet);
    schema_context c = context_of(s, &quiet);
    spec scratch = {0};
    for (int i = 0; i < spec_schema.n; i++) {
        const field *f = &spec_schema.fields[i];
        yaml_node *key = &(yaml_node){.kind = YAML_SCALAR, .text = f->key};
        yaml_node *value = yaml_get(s->root, f->key);
        if (strcmp(f->key, "data") != 0 && strcmp(f->key, "model") != 0) continue;
        yaml_node only = {.kind = YAML_MAP, .n = 1, .keys = &key, .items = &value};
        schema one = {f, 1};
        schema_parse(&c, &one, &only, "", &scratch);
    }
    bool fine = quiet.errors == 0;
    diags_fini(&quiet);
    return fine;
}

void spec_walk(spec *s, schema_visit_fn visit, void *arg) {
    diags none;
    diags_init(&none);
    schema_context c = context_of(s, &none);
    schema_walk(&c, &spec_schema, s, "", visit, arg);
    diags_fini(&none);
}

static void walk_node(spec *s, const yaml_node *n, const char *key,
                      void (*visit)(const char *key, const char *text, void *arg), void *arg) {
    if (n->kind == YAML_SCALAR) visit(key, n->text, arg);
    for (int i = 0; i < n->n; i++) {
        const char *child = n->kind == YAML_LIST ? arena_format(&s->a, "%s[%d]", key, i)
                            : *key == '\0'       ? n->keys[i]->text
                                           : arena_format(&s->a, "%s.%s", key, n->keys[i]->text);
        walk_node(s, n->items[i], child, visit, arg);
    }
}

void spec_walk_given(spec *s, void (*visit)(const char *key, const char *text, void *arg),
                     void *arg) {
    walk_node(s, s->root, "", visit, arg);
}

void spec_print_reference(strbuf *out) {
    schema_print_reference(&spec_schema, 0, out);
    strbuf_add(
        out,
        "\nKeys of a site (quant.weights, quant.activations), beside the scheme's parameters\n");
    schema_print_reference(&site_schema, 2, out);
}

int64_t spec_point_step(const schedule_point *p, int64_t steps_per_epoch, int64_t steps) {
    double of = p->unit == POINT_EPOCHS     ? (double)steps_per_epoch
                : p->unit == POINT_FRACTION ? (double)steps
                                            : 1;
    return (int64_t)floor(p->value * of + 0.5);
}
