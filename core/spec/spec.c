#include "spec/spec.h"

#include <math.h>
#include <string.h>

#include "spec/candidates.h"
#include "spec/extends.h"
#include "spec/language.h"
#include "spec/settings.h"
#include "spec/tree.h"
#include "util/files.h"
#include "util/suggest.h"

/* ---- quant: sites, rules, plugins ---- */

static const char *const rule_keys[] = {"match",       "optional", "weights",
                                        "activations", "ste",      "packer"};

static bool read_optional(const schema_context *c, const yaml_node *n) {
    bool yes = n->kind == YAML_SCALAR && strcmp(n->text, "true") == 0;
    bool no = n->kind == YAML_SCALAR && strcmp(n->text, "false") == 0;
    if (yes || no) return yes;
    if (n->kind == YAML_SCALAR)
        diag_error_at(c->d, ERR_SPEC, &n->at, "optional must be true or false, got '%s'", n->text);
    else
        diag_error_at(c->d, ERR_SPEC, &n->at, "optional must be true or false, got %s",
                      yaml_kind_name(n->kind));
    diag_hint(c->d, "optional: may the rule match no layer");
    static const char *const booleans[] = {"false", "true"};
    const char *near = n->kind == YAML_SCALAR ? suggest_nearest(n->text, booleans, 2) : NULL;
    if (near != NULL) diag_hint(c->d, "did you mean '%s'?", near);
    return false;
}

static void read_rule(const schema_context *c, const yaml_node *n, spec_rule *rule) {
    const char *where = "quant.rules";
    *rule = (spec_rule){.at = n->at};
    if (n->kind != YAML_MAP) {
        diag_error_at(c->d, ERR_SPEC, &n->at, "a rule must be a mapping, got %s",
                      yaml_kind_name(n->kind));
        diag_hint(c->d, "for example {match: first, weights: {bits: 8}}");
        return;
    }
    for (int i = 0; i < n->n; i++) {
        const char *key = n->keys[i]->text;
        const yaml_node *value = n->items[i];
        if (strcmp(key, "match") == 0)
            rule->match = value;
        else if (strcmp(key, "optional") == 0)
            rule->optional = read_optional(c, value);
        else if (strcmp(key, "weights") == 0)
            rule->weights = site_keys(c, value, "weights");
        else if (strcmp(key, "activations") == 0)
            rule->activations = site_keys(c, value, "activations");
        else if (strcmp(key, "ste") == 0 && (c->kind & ~(1u << KIND_QAT)) != 0)
            schema_other_kind(c, n->keys[i], "", 1u << KIND_QAT);
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
        diag_hint(c->d, "every rule begins with '- match: PATTERN'");
        return;
    }
    q->rules = arena_alloc(c->a, (size_t)(list->n + 1) * sizeof *q->rules);
    for (int i = 0; i < list->n; i++) read_rule(c, list->items[i], &q->rules[q->n_rules++]);
}

static void read_quant(const schema_context *c, const registry *r, spec_quant *q) {
    q->weights = site_keys(c, q->weights_node, "quant.weights");
    q->activations = site_keys(c, q->activations_node, "quant.activations");
    read_rules(c, q);
    /* Typed once here for their errors; core/plan types what remains after the rules.
     * A rule that names no scheme has keys for whatever scheme its layers have: only
     * the plan knows. */
    site_resolve(c, r, &q->weights, "quant.weights", false);
    site_resolve(c, r, &q->activations, "quant.activations", true);
    if (q->ste_node != NULL) plugin_resolve(c, r, QB_STE, q->ste_node, "quant.ste");
    if (q->packer_node != NULL) plugin_resolve(c, r, QB_PACKER, q->packer_node, "quant.packer");
    for (int i = 0; i < q->n_rules; i++) {
        const spec_rule *rule = &q->rules[i];
        if (site_has_key(&rule->weights, "scheme"))
            site_resolve(c, r, &rule->weights, "quant.weights", false);
        if (site_has_key(&rule->activations, "scheme"))
            site_resolve(c, r, &rule->activations, "quant.activations", true);
        if (rule->ste != NULL) plugin_resolve(c, r, QB_STE, rule->ste, "quant.ste");
        if (rule->packer != NULL) plugin_resolve(c, r, QB_PACKER, rule->packer, "quant.packer");
    }
}

/* ---- model.rename, sensitivity ---- */

static void read_renames(const schema_context *c, spec_model *m) {
    m->n_renames = rename_read(c, m->rename_node, &m->renames);
    if (m->n_renames == 0 || m->weights != NULL || c->d->errors > 0) return;
    diag_error_at(c->d, ERR_SPEC, &m->rename_node->at, "model.rename without model.weights");
    diag_hint(c->d, "it is about the names in a file of weights");
}

static void check_candidate(const schema_context *c, const registry *r, const site_spec *s,
                            unsigned wanted) {
    for (int i = 0; i < s->n; i++) {
        const yaml_node *v = s->values[i];
        if (strcmp(s->keys[i]->text, "scheme") != 0 || v->kind != YAML_SCALAR) continue;
        if (strcmp(v->text, "none") != 0) continue;
        diag_error_at(c->d, ERR_SPEC, &v->at, "a candidate must quantize");
        diag_hint(c->d, "float is what candidates are compared with");
        return;
    }
    if (wanted & SPEC_WEIGHTS) site_resolve(c, r, s, "sensitivity.candidates", false);
    if (wanted & SPEC_ACTIVATIONS) site_resolve(c, r, s, "sensitivity.candidates", true);
}

static void read_sensitivity(const schema_context *c, const registry *r, spec_sensitivity *s) {
    s->n_candidates = candidates_read(c, s->candidates_node, &s->candidates);
    for (int i = 0; i < s->n_candidates; i++) check_candidate(c, r, &s->candidates[i], s->sites);
}

/* ---- the whole file ---- */

schema_context spec_context(spec *s, diags *d) {
    return (schema_context){.a = &s->a,
                            .d = d,
                            .file = s->file,
                            .top = &spec_schema,
                            .kind = s->kind_bit,
                            .found = &s->files,
                            .kinds = spec_kinds,
                            .kind_notes = spec_kind_notes};
}

/* Which keys there are depends on the kind, so it is read first; after a slip the
 * keys are checked against the nearest one. */
static unsigned read_kind(const yaml_node *root) {
    const yaml_node *n = yaml_get(root, "kind");
    int known = 0;
    while (spec_kinds[known] != NULL) known++;
    const char *near =
        n != NULL && n->kind == YAML_SCALAR ? suggest_nearest(n->text, spec_kinds, known) : NULL;
    for (int i = 0; near != NULL && i < known; i++)
        if (strcmp(near, spec_kinds[i]) == 0) return 1u << i;
    return 0;
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

static status check_top(spec *s, const yaml_node *root, diags *d) {
    if (root == NULL || yaml_is_null(root)) {
        diag_error_at(d, ERR_SPEC, &(place){.file = s->file}, "empty spec");
        diag_hint(d, "experiments/ has examples; `quantbench help spec` has the language");
        return ERR_SPEC;
    }
    if (root->kind == YAML_MAP) return OK;
    diag_error_at(d, ERR_SPEC, &root->at, "the top level must be a mapping, got %s",
                  yaml_kind_name(root->kind));
    diag_hint(d, "begin with `version: 1`; `quantbench help spec` has the language");
    return ERR_SPEC;
}

status spec_read(spec *s, const char *path, const char *const *settings, int n_settings, diags *d) {
    *s = (spec){0};
    s->file = arena_strdup(&s->a, path);
    schema_context c = spec_context(s, d);
    yaml_node *root;
    status bad = yaml_read(&s->a, path, d, &root, &s->source);
    if (root == NULL && bad) { /* duplicate keys leave a tree to go on with */
        settings_apply(&c, NULL, settings, n_settings);
        return bad;
    }
    status wrong = check_top(s, root, d);
    if (wrong) return wrong;
    strbuf sources = {0};
    strbuf_add(&sources, s->source);
    status base = extends_resolve(&c, path, &root, &sources);
    s->source = arena_strdup(&s->a, sources.s);
    strbuf_fini(&sources);
    root = tree_copy_map(&s->a, root); /* --set changes the top level in place */
    status set = settings_apply(&c, root, settings, n_settings);
    s->root = root;
    return bad ? bad : base ? base : set;
}

void spec_fork(spec *s, const spec *base, const yaml_node *root) {
    *s = (spec){.file = base->file, .source = base->source, .root = root};
}

status spec_check(spec *s, const registry *r, diags *d) {
    s->kind_bit = read_kind(s->root);
    s->registry = r;
    schema_context c = spec_context(s, d);
    schema_parse(&c, &spec_schema, s->root, "", s);
    for (int k = 0; s->kind_bit != 0; k++) /* after a slip that which was meant */
        if (s->kind_bit == 1u << k) {
            s->kind = k;
            break;
        }
    if (s->name == NULL) s->name = default_name(s);
    check_train(s, &c);
    read_quant(&c, r, &s->quant);
    read_renames(&c, &s->model);
    read_sensitivity(&c, r, &s->sensitivity);
    return diags_status(d);
}

status spec_read_text(spec *s, const char *name, const char *text, diags *d) {
    *s = (spec){0};
    s->file = arena_strdup(&s->a, name);
    s->source = arena_strdup(&s->a, text);
    yaml_node *root;
    status bad = yaml_parse(&s->a, name, text, strlen(text), d, &root);
    if (!bad) bad = check_top(s, root, d);
    if (!bad) s->root = root;
    return bad;
}

status spec_read_split(arena *a, const char *text, spec_split *out, const found_file **files,
                       diags *d) {
    yaml_node *value, *key = &(yaml_node){.kind = YAML_SCALAR, .text = "data"};
    *out = (spec_split){0};
    *files = NULL;
    status bad = yaml_parse(a, "--data", text, strlen(text), d, &value);
    if (bad) return bad;
    yaml_node map = {.kind = YAML_MAP, .n = 1, .keys = &key, .items = &value};
    schema_context c = {.a = a, .d = d, .file = "--data", .top = &eval_schema, .found = files};
    schema_parse(&c, &eval_schema, &map, "", out);
    return diags_status(d);
}

void spec_close(spec *s) { arena_fini(&s->a); }

bool spec_describes_layers(spec *s) {
    if (s->root == NULL) return false;
    bool tensors = s->kind_bit == 1u << KIND_TENSORS;
    if (!tensors && (yaml_get(s->root, "data") == NULL || yaml_get(s->root, "model") == NULL))
        return false;
    diags quiet;
    diags_init(&quiet);
    schema_context c = spec_context(s, &quiet);
    spec scratch = {0};
    for (int i = 0; i < spec_schema.n; i++) {
        const field *f = &spec_schema.fields[i];
        yaml_node *key = &(yaml_node){.kind = YAML_SCALAR, .text = f->key};
        yaml_node *value = yaml_get(s->root, f->key);
        bool describes = strcmp(f->key, "data") == 0 || strcmp(f->key, "model") == 0;
        if (!describes || value == NULL) continue;
        yaml_node only = {.kind = YAML_MAP, .n = 1, .keys = &key, .items = &value};
        schema one = {f, 1};
        schema_parse(&c, &one, &only, "", &scratch);
    }
    bool fine = quiet.errors == 0;
    diags_fini(&quiet);
    return fine;
}

void spec_print_reference(strbuf *out) {
    schema_print_reference(&spec_schema, spec_kinds, 0, out);
    strbuf_add(
        out,
        "\nKeys of a site (quant.weights, quant.activations), beside the scheme's parameters\n");
    schema_print_reference(&site_schema, spec_kinds, 2, out);
}

int64_t spec_point_step(const schedule_point *p, int64_t steps_per_epoch, int64_t steps) {
    double of = p->unit == POINT_EPOCHS     ? (double)steps_per_epoch
                : p->unit == POINT_FRACTION ? (double)steps
                                            : 1;
    return (int64_t)floor(p->value * of + 0.5);
}
