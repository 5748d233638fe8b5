#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/plugins_check.h"
#include "host/params.h"
#include "host/presets.h"
#include "host/registry.h"
#include "report/table.h"
#include "util/json.h"
#include "util/suggest.h"

/* ---- list ---- */

static void list_text(const registry *r) {
    static const char *const heads[] = {"kind", "name", "version", "summary", NULL};
    table t;
    table_open(&t, heads);
    for (int i = 0; i < r->n; i++) {
        const qb_plugin *e = &r->plugins[i]->entry;
        table_add(&t, "%s", plugin_kind_name(e->kind));
        table_add(&t, "%s", e->name);
        table_add(&t, "%s", e->version);
        table_add(&t, "%s", e->summary);
    }
    for (int i = 0; i < n_packer_presets; i++) {
        table_add(&t, "preset");
        table_add(&t, "%s", packer_presets[i].name);
        table_add(&t, "-");
        table_add(&t, "packer %s: %s", packer_presets[i].packer, packer_presets[i].summary);
    }
    table_print(&t, stdout);
    table_close(&t);
}

static json_t *preset_json(const packer_preset *preset) {
    json_t *o = json_object();
    json_set_str(o, "kind", "preset");
    json_set_str(o, "name", preset->name);
    json_set_str(o, "summary", preset->summary);
    json_set_str(o, "packer", preset->packer);
    return o;
}

static void list_json(const registry *r) {
    for (int i = 0; i < r->n; i++) {
        const plugin *p = r->plugins[i];
        json_t *o = json_object();
        json_set_str(o, "kind", plugin_kind_name(p->entry.kind));
        json_set_str(o, "name", p->entry.name);
        json_set_str(o, "version", p->entry.version);
        json_set_str(o, "summary", p->entry.summary);
        json_set_str(o, "path", p->path);
        json_set_str(o, "sha256", p->sha256);
        json_print_line(o, stdout);
    }
    for (int i = 0; i < n_packer_presets; i++) {
        json_t *o = preset_json(&packer_presets[i]);
        json_set_str(o, "settings", packer_presets[i].settings);
        json_print_line(o, stdout);
    }
}

/* A file that does not load is reported, the others are listed all the same. */
static status list(const cli_args *a, registry *r) {
    if (cli_has(a, "--json"))
        list_json(r);
    else
        list_text(r);
    for (int i = 0; i < r->failures.n; i++)
        diag_error(a->d, ERR_PLUGIN, "%s", r->failures.list[i].message);
    if (r->n > 0 || r->failures.n > 0) return r->failures.n > 0 ? ERR_PLUGIN : OK;
    diag_error(a->d, ERR_PLUGIN, "no plugins found");
    strbuf dirs = {0};
    strbuf_add(&dirs, "");
    strbuf_join(&dirs, (const char *const *)r->dirs, r->n_dirs);
    diag_hint(a->d, "searched: %s; QUANTBENCH_PLUGIN_PATH adds folders",
              dirs.len > 0 ? dirs.s : "no folder exists");
    strbuf_fini(&dirs);
    return ERR_PLUGIN;
}

/* ---- show ---- */

static void default_text(const plugin *p, int i, strbuf *b) {
    plugin_choice c = params_defaults(p);
    params_print(&c, i, b);
}

static void show_text(const plugin *p) {
    const qb_plugin *e = &p->entry;
    printf("%s %s %s - %s\n", plugin_kind_name(e->kind), e->name, e->version, e->summary);
    if (e->cite != NULL) printf("  from: %s\n", e->cite);
    if (e->example != NULL) printf("  example: %s\n", e->example);
    for (int i = 0; i < p->n_params; i++) {
        const qb_param *q = &p->params[i];
        strbuf domain = {0}, dflt = {0};
        params_print_domain(q, &domain);
        default_text(p, i, &dflt);
        printf("  %-14s %s%s%s, default %s\n", q->name, domain.s,
               q->unit != NULL && *q->unit != '\0' ? " " : "", q->unit != NULL ? q->unit : "",
               dflt.s);
        printf("  %-14s %s\n", "", q->doc);
        strbuf_fini(&domain);
        strbuf_fini(&dflt);
    }
    if (p->n_params == 0) printf("  no parameters\n");
    if (e->doc != NULL) printf("\n%s\n", e->doc);
    str_print_line(stdout, "  file: %s", p->path);
    printf("  sha256: %s, ABI %d.%d\n", p->sha256, e->abi_major, e->abi_minor);
}

static void show_json(const plugin *p) {
    const qb_plugin *e = &p->entry;
    json_t *o = json_object(), *params = json_array();
    json_set_str(o, "kind", plugin_kind_name(e->kind));
    json_set_str(o, "name", e->name);
    json_set_str(o, "version", e->version);
    json_set_str(o, "summary", e->summary);
    json_set_str(o, "cite", e->cite);
    json_set_str(o, "example", e->example);
    for (int i = 0; i < p->n_params; i++) {
        json_t *q = json_object();
        strbuf domain = {0}, dflt = {0};
        params_print_domain(&p->params[i], &domain);
        default_text(p, i, &dflt);
        json_set_str(q, "name", p->params[i].name);
        json_set_str(q, "domain", domain.s);
        json_set_str(q, "default", dflt.s);
        json_set_str(q, "unit", p->params[i].unit);
        json_set_str(q, "doc", p->params[i].doc);
        json_set_bool(q, "live", (p->params[i].flags & QB_LIVE) != 0);
        json_array_append_new(params, q);
        strbuf_fini(&domain);
        strbuf_fini(&dflt);
    }
    json_object_set_new(o, "params", params);
    json_set_str(o, "path", p->path);
    json_set_str(o, "sha256", p->sha256);
    json_print_line(o, stdout);
}

/* c->plugin NULL: the packer is not installed. */
static void preset_text(const packer_preset *preset, const plugin_choice *c) {
    strbuf b = {0};
    strbuf_addf(&b, "{type: %s", preset->packer);
    for (int i = 0; c->plugin != NULL && i < c->plugin->n_params; i++) {
        strbuf_addf(&b, ", %s: ", c->plugin->params[i].name);
        params_print(c, i, &b);
    }
    printf("packer preset %s - %s\n  is packer: %s}%s\n", preset->name, preset->summary, b.s,
           c->plugin == NULL ? ", which is not installed" : "");
    strbuf_fini(&b);
}

static void show_preset_json(const packer_preset *preset, const plugin_choice *c) {
    json_t *o = preset_json(preset), *params = json_array();
    json_set_bool(o, "installed", c->plugin != NULL);
    for (int i = 0; c->plugin != NULL && i < c->plugin->n_params; i++) {
        json_t *q = json_object();
        strbuf b = {0};
        params_print(c, i, &b);
        json_set_str(q, "name", c->plugin->params[i].name);
        json_set_str(q, "value", b.s);
        json_array_append_new(params, q);
        strbuf_fini(&b);
    }
    json_object_set_new(o, "params", params);
    json_print_line(o, stdout);
}

static bool show_preset(const char *name, const registry *r, bool json) {
    const packer_preset *preset = preset_find(name);
    if (preset == NULL) return false;
    plugin_choice c = preset_choice(preset, r);
    if (json)
        show_preset_json(preset, &c);
    else
        preset_text(preset, &c);
    return true;
}

static status show(const cli_args *a, const registry *r) {
    if (a->n_words < 2) {
        diag_error(a->d, ERR_USAGE, "plugins show wants a NAME");
        diag_hint(a->d, "`quantbench plugins list` has them");
        return ERR_USAGE;
    }
    const char *name = a->words[1], **names = calloc((size_t)r->n + 1, sizeof *names);
    bool json = cli_has(a, "--json"), found = show_preset(name, r, json);
    for (int i = 0; i < r->n; i++) {
        if (names != NULL) names[i] = r->plugins[i]->entry.name;
        if (strcmp(r->plugins[i]->entry.name, name) != 0) continue;
        found = true;
        if (json)
            show_json(r->plugins[i]);
        else
            show_text(r->plugins[i]);
    }
    const char *near = names != NULL ? suggest_nearest(name, names, r->n) : NULL;
    const char *failure = registry_failure(r, name);
    if (!found && failure != NULL)
        diag_error(a->d, ERR_PLUGIN, "%s", failure);
    else if (!found) {
        diag_error(a->d, ERR_USAGE, "no plugin '%s'", name);
        if (near != NULL)
            diag_hint(a->d, "did you mean '%s'? (`quantbench plugins list`)", near);
        else
            diag_hint(a->d, "`quantbench plugins list` has them");
    }
    free(names);
    return found ? OK : failure != NULL ? ERR_PLUGIN : ERR_USAGE;
}

static status run(const cli_args *a) {
    const char *what = a->words[0];
    bool lists = strcmp(what, "list") == 0, shows = strcmp(what, "show") == 0;
    if (strcmp(what, "check") == 0) return plugins_check(a);
    if (!lists && !shows) {
        diag_error(a->d, ERR_USAGE, "plugins wants list, show or check, got '%s'", what);
        diag_hint(a->d, "`quantbench help plugins`");
        return ERR_USAGE;
    }
    if (a->n_words > 2)
        return diag_error(a->d, ERR_USAGE, "plugins %s: too many words: '%s'", what, a->words[2]);
    registry r;
    registry_scan(&r);
    status bad = lists ? list(a, &r) : show(a, &r);
    registry_fini(&r);
    return bad;
}

const verb verb_plugins = {
    .name = "plugins",
    .words = "list | show NAME | check [FILE.so | NAME]...",
    .min_words = 1,
    .max_words = CLI_MAX_ARGS,
    .summary = "the plugins that are found, the parameters of one, and whether they keep the "
               "contract",
    .text =
        "list and show read the tables of the plugins; no plugin function runs. Searched are the "
        "folders of\n"
        "QUANTBENCH_PLUGIN_PATH, `plugins` beside the program, ../lib/quantbench/plugins and\n"
        "quantbench/plugins in the user's data folder, with their subfolders schemes, packers, "
        "ste.\n"
        "A preset is a packer with its parameters: `packer: balanced` in a spec, "
        "`quantize --packer balanced`.\n"
        "\n"
        "check calls every function of a plugin with hard cases, in a child process with limits: "
        "sizes from 0 on,\n"
        "groups of zeros, outliers, subnormal numbers, all ends of its parameters and random "
        "values, whole and\n"
        "cut, again, on 8 threads, on memory whose edges are watched, damaged bytes. Without a "
        "FILE or NAME it\n"
        "checks all plugins that are found. What fails is named with plugin, function, case and "
        "the command that\n"
        "repeats it; exit 5.\n"
        "\n"
        "A file that was not seen before is loaded in a child process first; one that crashed, "
        "hung or exited\n"
        "there is not loaded again before it changes or `plugins check --retry FILE` was "
        "typed. Files and folders\n"
        "that others can write to are refused.\n",
    .options = {{"--json", NULL, "one JSON object for each plugin and preset"},
                {"--case", "NAME", "check: this one alone, as a failure names it"},
                {"--seed", "N", "check: of the random cases, default 1"},
                {"--settings", "N", "check: random settings of the parameters, default 64"},
                {"--retry", NULL, "check: load again what crashed when it was first seen"}},
    .run = run,
};
