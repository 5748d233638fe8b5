#include "spec/site.h"

#include <stdlib.h>
#include <string.h>

#include "host/instance.h"
#include "host/presets.h"
#include "spec/field.h"
#include "spec/language.h"
#include "util/suggest.h"

/* ---- keys and merging ---- */

bool site_is_for_activations(const char *key) { return strcmp(key, "dynamic") == 0; }

bool site_is_host_key(const char *key) {
    for (int i = 0; i < site_schema.n; i++)
        if (strcmp(site_schema.fields[i].key, key) == 0) return true;
    return strcmp(key, "scheme") == 0;
}

static site_spec room_for(arena *a, int n) {
    return (site_spec){.keys = arena_alloc(a, (size_t)(n + 1) * sizeof(yaml_node *)),
                       .values = arena_alloc(a, (size_t)(n + 1) * sizeof(yaml_node *))};
}

static int find_key(const site_spec *s, const char *key) {
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->keys[i]->text, key) == 0) return i;
    return -1;
}

static void put_key(site_spec *s, const yaml_node *key, const yaml_node *value) {
    int i = find_key(s, key->text);
    if (i < 0) i = s->n++;
    s->keys[i] = key, s->values[i] = value;
}

site_spec site_keys(const schema_context *c, const yaml_node *n, const char *where) {
    if (n == NULL) return (site_spec){0};
    site_spec s = room_for(c->a, n->kind == YAML_MAP ? n->n : 1);
    s.given = n->kind != YAML_LIST, s.at = n->at;
    if (n->kind == YAML_LIST) {
        diag_error_at(c->d, ERR_SPEC, &n->at, "%s must be a scheme's name or a mapping, got a list",
                      where);
        diag_hint(c->d, "write the name alone, or {scheme: NAME, parameter: value}");
    } else if (n->kind == YAML_SCALAR) {
        yaml_node *key = arena_alloc(c->a, sizeof *key);
        *key = (yaml_node){.kind = YAML_SCALAR, .text = "scheme", .at = n->at};
        put_key(&s, key, n);
    } else {
        for (int i = 0; i < n->n; i++) put_key(&s, n->keys[i], n->items[i]);
    }
    return s;
}

const char *site_text(const site_spec *s, const char *key) {
    int i = find_key(s, key);
    return i >= 0 && s->values[i]->kind == YAML_SCALAR ? s->values[i]->text : NULL;
}

bool site_has_key(const site_spec *s, const char *key) { return find_key(s, key) >= 0; }

site_spec site_merge(arena *a, const site_spec *base, const site_spec *over) {
    const char *before = site_text(base, "scheme"), *after = site_text(over, "scheme");
    bool other = after != NULL && before != NULL && strcmp(before, after) != 0;
    site_spec s = room_for(a, base->n + over->n);
    s.given = base->given || over->given, s.at = base->given ? base->at : over->at;
    for (int i = 0; i < base->n; i++)
        if (!other || site_is_host_key(base->keys[i]->text))
            put_key(&s, base->keys[i], base->values[i]);
    for (int i = 0; i < over->n; i++) put_key(&s, over->keys[i], over->values[i]);
    return s;
}

/* ---- plugins by name ---- */

static const char *plural(qb_kind kind) {
    return kind == QB_SCHEME ? "schemes" : kind == QB_PACKER ? "packers" : "estimators";
}

static const char *kind_word(qb_kind kind) {
    return kind == QB_STE ? "estimator" : plugin_kind_name(kind);
}

/* NULL if there is none like it. */
static const char *nearest_preset(qb_kind kind, const yaml_node *name) {
    const char *names[8];
    int n = 0;
    for (; n < n_packer_presets && n < 8; n++) names[n] = packer_presets[n].name;
    return kind == QB_PACKER ? suggest_nearest(name->text, names, n) : NULL;
}

/* NULL and an error if there is no such plugin: a slip in the spec if one is like it, else one that
 * is not installed, an ERR_PLUGIN. */
static const plugin *find_plugin(const schema_context *c, const registry *r, qb_kind kind,
                                 const yaml_node *name, const char *where) {
    if (name->kind != YAML_SCALAR || yaml_is_null(name) || *name->text == '\0') {
        diag_error_at(c->d, ERR_SPEC, &name->at, "%s: the name of a%s %s is wanted", where,
                      kind == QB_STE ? "n" : "", kind_word(kind));
        diag_hint(c->d, "`quantbench plugins list` has them");
        return NULL;
    }
    if (strchr(name->text, '/') != NULL) {
        diag_error_at(c->d, ERR_SPEC, &name->at, "%s: '%s' is no name of a%s %s", where, name->text,
                      kind == QB_STE ? "n" : "", kind_word(kind));
        diag_hint(c->d, "files are found by QUANTBENCH_PLUGIN_PATH, plugins by name: `quantbench "
                        "plugins list`");
        return NULL;
    }
    const plugin *p = registry_find(r, kind, name->text);
    if (p != NULL) return p;
    const char *failure = registry_failure(r, name->text);
    if (failure != NULL) {
        diag_error_at(c->d, ERR_PLUGIN, &name->at, "%s '%s' could not be loaded", kind_word(kind),
                      name->text);
        diag_hint(c->d, "%s", failure);
        return NULL;
    }
    int n;
    const char **names = registry_names(r, kind, &n);
    const char *near = suggest_nearest(name->text, names, n), *preset = nearest_preset(kind, name);
    if (near == NULL) near = preset;
    static const char *const none[] = {"none"}; /* the name of no plugin */
    if (kind == QB_SCHEME && suggest_distance(name->text, *none) == 1) near = *none;
    strbuf list = {0};
    strbuf_add(&list, n > 0 ? "" : "none found");
    strbuf_join(&list, names, n);
    if (near != NULL) {
        diag_error_at(c->d, ERR_SPEC, &name->at, "unknown %s '%s'", kind_word(kind), name->text);
        diag_hint(c->d, "did you mean '%s'? (%s: %s; `quantbench plugins list`)", near,
                  plural(kind), list.s);
    } else {
        strbuf_add(&list, "; searched: ");
        strbuf_join(&list, (const char *const *)r->dirs, r->n_dirs);
        diag_error_at(c->d, ERR_PLUGIN, &name->at, "the %s '%s' is not installed", kind_word(kind),
                      name->text);
        diag_hint(c->d, "%s: %s", plural(kind), list.s);
    }
    strbuf_fini(&list);
    free(names);
    return NULL;
}

static void unknown_parameter(const schema_context *c, const plugin *p, const yaml_node *key,
                              const char *const *host_keys, int n_host) {
    const char *names[PLUGIN_MAX_PARAMS + 16];
    int n = 0;
    strbuf list = {0};
    for (int i = 0; i < p->n_params; i++) names[n++] = p->params[i].name;
    strbuf_join(&list, names, n);
    for (int i = 0; i < n_host; i++) names[n++] = host_keys[i];
    diag_error_at(c->d, ERR_SPEC, &key->at, "%s '%s' has no parameter '%s'",
                  kind_word(p->entry.kind), p->entry.name, key->text);
    const char *near = suggest_nearest(key->text, names, n);
    if (near != NULL)
        diag_hint(c->d, "did you mean '%s'? (`quantbench plugins show %s`)", near, p->entry.name);
    else if (p->n_params == 0)
        diag_hint(c->d, "%s has no parameters (`quantbench plugins show %s`)", p->entry.name,
                  p->entry.name);
    else
        diag_hint(c->d, "its parameters are %s (`quantbench plugins show %s`)", list.s,
                  p->entry.name);
    strbuf_fini(&list);
}

static void suggest_choice(const schema_context *c, const qb_param *p, const char *text) {
    static const char *const booleans[] = {"false", "true", NULL};
    const char *const *choices = p->type == QB_BOOL ? booleans : p->choices;
    const char *near = suggest_nearest(text, choices, field_count_choices(choices));
    if (near != NULL) diag_hint(c->d, "did you mean '%s'?", near);
}

static void set_parameter(const schema_context *c, plugin_choice *choice, int i,
                          const yaml_node *value) {
    if (value->kind != YAML_SCALAR) {
        diag_error_at(c->d, ERR_SPEC, &value->at, "%s of %s '%s' must be one value, got %s",
                      choice->plugin->params[i].name, kind_word(choice->plugin->entry.kind),
                      choice->plugin->entry.name, yaml_kind_name(value->kind));
        diag_hint(c->d, "%s: %s", choice->plugin->params[i].name, choice->plugin->params[i].doc);
        return;
    }
    char *why = params_set(choice, i, value->text);
    if (why == NULL) return;
    diag_error_at(c->d, ERR_SPEC, &value->at, "%s '%s': %s", kind_word(choice->plugin->entry.kind),
                  choice->plugin->entry.name, why);
    const qb_param *p = &choice->plugin->params[i];
    if (strcmp(p->name, "bits") == 0 && strcmp(value->text, "1.58") == 0)
        diag_hint(c->d, "1.58 bits are three levels: `scheme: bitnet158`");
    else
        diag_hint(c->d, "%s: %s", p->name, p->doc);
    if (p->type == QB_INT || p->type == QB_REAL) field_suggest_decimal(c, value->text);
    if (p->type == QB_ENUM || p->type == QB_BOOL) suggest_choice(c, p, value->text);
    free(why);
}

/* ---- from keys to a configuration ---- */

static bool is_none(const yaml_node *name) {
    return name->kind == YAML_SCALAR && strcmp(name->text, "none") == 0;
}

/* The scheme that the keys name. The parameters of one that is unknown are not checked: which it is
 * meant to be would be a guess, and a second error of the same slip. */
static plugin_choice choose_scheme(const schema_context *c, const registry *r,
                                   const yaml_node *name, const char *where) {
    const plugin *p = is_none(name) ? NULL : find_plugin(c, r, QB_SCHEME, name, where);
    return p != NULL ? params_defaults(p) : (plugin_choice){0};
}

/* `scheme: none` has no parameters; a key that no scheme could have is a slip. */
static void refuse_parameter_of_none(const schema_context *c, const yaml_node *key,
                                     const char *const *host_keys, int n_host) {
    diag_error_at(c->d, ERR_SPEC, &key->at, "scheme 'none' has no parameter '%s'", key->text);
    const char *near = suggest_nearest(key->text, host_keys, n_host);
    if (near != NULL)
        diag_hint(c->d, "did you mean '%s'?", near);
    else
        diag_hint(c->d, "`scheme: none` keeps float; remove the key or name a scheme");
}

static int list_host_keys(const char *keys[SITE_MAX_KEYS]) {
    for (int i = 0; i < site_schema.n; i++) keys[i] = site_schema.fields[i].key;
    keys[site_schema.n] = "scheme";
    return site_schema.n + 1;
}

static void set_parameters(const schema_context *c, const site_spec *s, bool none,
                           plugin_choice *choice) {
    const char *host_keys[SITE_MAX_KEYS];
    int n_host = list_host_keys(host_keys);
    for (int i = 0; i < s->n; i++) {
        if (site_is_host_key(s->keys[i]->text)) continue;
        if (none) refuse_parameter_of_none(c, s->keys[i], host_keys, n_host);
        if (choice->plugin == NULL) continue;
        int k = params_find(choice->plugin, s->keys[i]->text);
        if (k < 0)
            unknown_parameter(c, choice->plugin, s->keys[i], host_keys, n_host);
        else
            set_parameter(c, choice, k, s->values[i]);
    }
}

yaml_node site_host_keys(arena *a, const site_spec *s, const place *at) {
    yaml_node map = {.kind = YAML_MAP, .at = *at};
    map.keys = arena_alloc(a, (size_t)(s->n + 1) * sizeof *map.keys);
    map.items = arena_alloc(a, (size_t)(s->n + 1) * sizeof *map.items);
    for (int i = 0; i < s->n; i++) {
        if (!site_is_host_key(s->keys[i]->text) || strcmp(s->keys[i]->text, "scheme") == 0)
            continue;
        map.keys[map.n] = (yaml_node *)(uintptr_t)s->keys[i];
        map.items[map.n++] = (yaml_node *)(uintptr_t)s->values[i];
    }
    return map;
}

static void check_activations(const schema_context *c, const site_spec *s, const char *where,
                              int granularity) {
    if (granularity == SITE_TOKEN || granularity == SITE_GROUP) return;
    diag_error_at(c->d, ERR_SPEC, &s->values[find_key(s, "granularity")]->at,
                  "%s.granularity must be one of token, group", where);
    diag_hint(
        c->d,
        "a dynamic range comes from each token alone, so that no result depends on the batch");
}

/* No key is `scheme`: one of them may be meant for it. */
static void missing_scheme(const schema_context *c, const site_spec *s, const char *where) {
    const char *host_keys[SITE_MAX_KEYS];
    int n_host = list_host_keys(host_keys);
    for (int i = 0; i < s->n; i++) {
        const char *key = s->keys[i]->text, *near = suggest_nearest(key, host_keys, n_host);
        if (site_is_host_key(key) || near == NULL || strcmp(near, "scheme") != 0) continue;
        schema_unknown_key(c, s->keys[i], where, host_keys, n_host);
        return;
    }
    diag_error_at(c->d, ERR_SPEC, s->n > 0 ? &s->keys[0]->at : &s->at, "missing key '%s.scheme'",
                  where);
    diag_hint(c->d, "add `scheme: NAME`, or `scheme: none` to keep float");
}

site_config site_resolve(const schema_context *c, const registry *r, const site_spec *s,
                         const char *where, bool activations) {
    site_config out = {.granularity = activations ? SITE_TOKEN : SITE_OWN};
    if (!s->given) return out;
    int at = find_key(s, "scheme");
    if (at < 0) {
        missing_scheme(c, s, where);
        return out;
    }
    out.at = s->values[at]->at;
    out.scheme = choose_scheme(c, r, s->values[at], where);
    set_parameters(c, s, is_none(s->values[at]), &out.scheme);
    site_values v = {0};
    yaml_node host = site_host_keys(c->a, s, &out.at);
    schema_parse(c, &site_schema, &host, where, &v);
    if (v.granularity != SITE_OWN) out.granularity = v.granularity;
    if (activations) check_activations(c, s, where, out.granularity);
    for (int i = 0; i < s->n && !activations; i++) {
        if (!site_is_for_activations(s->keys[i]->text)) continue;
        diag_error_at(c->d, ERR_SPEC, &s->keys[i]->at, "unknown key '%s' in '%s'", s->keys[i]->text,
                      where);
        diag_hint(c->d, "it is for activations; weights are fitted anew after every step");
    }
    int group = find_key(s, "group_size");
    out.group_at = group >= 0 ? s->values[group]->at : out.at;
    out.group_size = v.group_size, out.ragged = v.ragged;
    out.scale_dtype = v.scale_dtype, out.round = v.round;
    return out;
}

/* `packer: balanced`: a plugin of that name comes first. plugin NULL: it is no preset. */
static plugin_choice choose_preset(const registry *r, const yaml_node *name) {
    const packer_preset *preset = name->kind == YAML_SCALAR ? preset_find(name->text) : NULL;
    if (preset == NULL || registry_find(r, QB_PACKER, name->text) != NULL)
        return (plugin_choice){0};
    return preset_choice(preset, r);
}

/* What a packer says of its parameters together: at the value of the one that it names. */
static void check_packer(const schema_context *c, const plugin_choice *choice, const yaml_node *n,
                         const yaml_node *name) {
    char *why = instance_refusal(choice);
    if (why == NULL) return;
    const plugin *p = choice->plugin;
    size_t word = strcspn(why, " ");
    int k = 0;
    while (k < p->n_params &&
           (strlen(p->params[k].name) != word || strncmp(p->params[k].name, why, word) != 0))
        k++;
    const yaml_node *value = k < p->n_params ? yaml_get(n, p->params[k].name) : NULL;
    if (value != NULL) {
        diag_error_at(c->d, ERR_SPEC, &value->at, "packer '%s': %s, got '%s'", p->entry.name, why,
                      value->text);
        diag_hint(c->d, "%s: %s", p->params[k].name, p->params[k].doc);
    } else {
        diag_error_at(c->d, ERR_SPEC, &name->at, "packer '%s': %s", p->entry.name, why);
        diag_hint(c->d, "`quantbench plugins show %s` has its parameters", p->entry.name);
    }
    free(why);
}

plugin_choice plugin_resolve(const schema_context *c, const registry *r, qb_kind kind,
                             const yaml_node *n, const char *where) {
    const yaml_node *name = n->kind == YAML_MAP ? yaml_get(n, "type") : n;
    static const char *const tag[] = {"type"};
    for (int i = 0; name == NULL && i < n->n; i++) {
        if (suggest_nearest(n->keys[i]->text, tag, 1) == NULL) continue;
        schema_unknown_key(c, n->keys[i], where, tag, 1);
        return (plugin_choice){0};
    }
    if (name == NULL) {
        diag_error_at(c->d, ERR_SPEC, &n->at, "missing key '%s.type'", where);
        diag_hint(c->d, "write the name alone, or {type: NAME, parameter: value}");
        return (plugin_choice){0};
    }
    plugin_choice choice = {0};
    if (kind == QB_PACKER) choice = choose_preset(r, name);
    if (choice.plugin == NULL) {
        const plugin *found = find_plugin(c, r, kind, name, where);
        if (found == NULL) return (plugin_choice){0};
        choice = params_defaults(found);
    }
    const plugin *p = choice.plugin;
    int errors = c->d->errors;
    for (int i = 0; n->kind == YAML_MAP && i < n->n; i++) {
        if (strcmp(n->keys[i]->text, "type") == 0) continue;
        int k = params_find(p, n->keys[i]->text);
        if (k < 0)
            unknown_parameter(c, p, n->keys[i], NULL, 0);
        else
            set_parameter(c, &choice, k, n->items[i]);
    }
    if (kind == QB_PACKER && n->kind == YAML_MAP && c->d->errors == errors)
        check_packer(c, &choice, n, name);
    return choice;
}
