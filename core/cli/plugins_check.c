#include "cli/plugins_check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/conformance.h"
#include "host/registry.h"
#include "host/verdicts.h"
#include "util/files.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/suggest.h"

/* ---- what is to be checked ---- */

typedef struct files {
    char **paths;
    int n;
} files;

static void add_file(files *f, const char *path) {
    for (int i = 0; i < f->n; i++)
        if (strcmp(f->paths[i], path) == 0) return;
    f->paths = mem_realloc(f->paths, (size_t)(f->n + 1) * sizeof *f->paths);
    f->paths[f->n++] = mem_strdup(path);
}

/* All plugins of this name, or all; also files that did not load. */
static bool add_found(files *f, const registry *r, const char *name) {
    int before = f->n;
    char *file = str_format("%s.so", name != NULL ? name : "");
    for (int i = 0; i < r->n; i++)
        if (name == NULL || strcmp(r->plugins[i]->entry.name, name) == 0)
            add_file(f, r->plugins[i]->path);
    for (int i = 0; i < r->n_failed; i++)
        if (name == NULL || strcmp(path_base(r->failed[i]), file) == 0) add_file(f, r->failed[i]);
    free(file);
    return f->n > before;
}

static bool is_path(const char *word) {
    return strchr(word, '/') != NULL || path_has_suffix(word, ".so");
}

static status no_such(const cli_args *a, const registry *r, const char *name) {
    const char **names = mem_calloc((size_t)r->n + 1, sizeof *names);
    for (int i = 0; i < r->n; i++) names[i] = r->plugins[i]->entry.name;
    const char *near = suggest_nearest(name, names, r->n);
    diag_error(a->d, ERR_USAGE, "no plugin '%s'", name);
    if (near != NULL)
        diag_hint(a->d, "did you mean '%s'? (`quantbench plugins list`)", near);
    else
        diag_hint(a->d, "a name of `quantbench plugins list`, or a file: ./%s.so", name);
    free(names);
    return ERR_USAGE;
}

static status find_files(const cli_args *a, files *f) {
    registry r = {0};
    bool scanned = false;
    status bad = OK;
    for (int i = 1; i < a->n_words && !bad; i++) {
        if (is_path(a->words[i])) {
            add_file(f, a->words[i]);
            continue;
        }
        if (!scanned) registry_scan(&r), scanned = true;
        if (!add_found(f, &r, a->words[i])) bad = no_such(a, &r, a->words[i]);
    }
    if (a->n_words == 1) {
        registry_scan(&r), scanned = true;
        if (!add_found(f, &r, NULL)) {
            diag_error(a->d, ERR_PLUGIN, "no plugins found");
            diag_hint(a->d, "name the file; QUANTBENCH_PLUGIN_PATH adds folders");
            bad = ERR_PLUGIN;
        }
    }
    if (scanned) registry_fini(&r);
    return bad;
}

/* ---- what is said ---- */

static void print_json(const check_report *r, const check_options *o) {
    json_t *j = json_object(), *list = json_array();
    json_set_str(j, "path", r->path);
    json_set_str(j, "kind", r->kind);
    json_set_str(j, "name", r->name);
    json_set_str(j, "version", r->version);
    json_set_bool(j, "passed", r->failed == 0);
    json_set_int(j, "checks", r->checks);
    json_set_int(j, "failed", r->failed);
    json_set_int(j, "not_run", r->not_run);
    json_set_int(j, "cases", r->cases);
    json_set_seed(j, "seed", o->seed);
    json_set_int(j, "settings", o->settings);
    json_set_real(j, "seconds", r->seconds);
    for (int i = 0; i < r->n; i++) {
        const check_finding *f = &r->findings[i];
        json_t *e = json_object();
        char *command = conformance_command(r, f, o);
        json_set_str(e, "severity", f->warning ? "warning" : "error");
        json_set_str(e, "check", f->check);
        json_set_str(e, "slot", f->slot);
        json_set_str(e, "case", f->with);
        json_set_str(e, "message", f->message);
        json_set_str(e, "command", command);
        json_array_append_new(list, e);
        free(command);
    }
    json_object_set_new(j, "findings", list);
    json_print_line(j, stdout);
}

static void print_line(const check_report *r) {
    char name[80] = "", rest[64] = "";
    if (r->kind != NULL) snprintf(name, sizeof name, "%s %s %s", r->kind, r->name, r->version);
    if (r->not_run > 0) snprintf(rest, sizeof rest, ", %d not run", r->not_run);
    str_print_line(stdout, "%s %-28s %2d checks, %d failed%s, %" PRId64 " cases, %.1f s  %s",
                   r->failed == 0 ? "ok  " : "FAIL", name, r->checks, r->failed, rest, r->cases,
                   r->seconds, r->path);
    fflush(stdout);
}

/* "FILE: scheme 'int': check codes: encode(): what is wrong (case; seed 1)" */
static void tell(const cli_args *a, const check_report *r, const check_options *o) {
    for (int i = 0; i < r->n; i++) {
        const check_finding *f = &r->findings[i];
        char *who = r->kind != NULL ? str_format("%s '%s': ", r->kind, r->name) : mem_strdup("");
        bool has = *f->with != '\0', said = strstr(f->message, f->slot) != NULL;
        char *what = str_format("%s: %scheck %s: %s%s%s (%s%sseed %" PRIu64 ")", r->path, who,
                                f->check, said ? "" : f->slot, said ? "" : ": ", f->message,
                                has ? f->with : "", has ? "; " : "", o->seed);
        if (f->warning) {
            diag_warning_at(a->d, NULL, "%s", what);
        } else {
            char *command = conformance_command(r, f, o);
            diag_error(a->d, ERR_PLUGIN, "%s", what);
            diag_hint(a->d, "repeat: %s", command);
            free(command);
        }
        free(who);
        free(what);
    }
}

static void forget(const files *f) {
    verdicts v;
    verdicts_read(&v);
    for (int i = 0; i < f->n; i++) verdicts_forget(&v, f->paths[i]);
    verdicts_close(&v);
}

static status read_options(const cli_args *a, check_options *o) {
    int64_t settings = CHECK_SETTINGS, seed = 1;
    status bad = cli_int(a, "--settings", 0, 100000, CHECK_SETTINGS, &settings);
    if (!bad) bad = cli_int(a, "--seed", 0, INT64_MAX, 1, &seed);
    if (bad) return bad;
    *o = (check_options){.only = cli_value(a, "--case"),
                         .seed = (uint64_t)seed,
                         .settings = (int)settings};
    int n;
    const char **names = conformance_names(&n),
               **closed = mem_calloc((size_t)n + 1, sizeof *closed);
    memcpy(closed, names, (size_t)n * sizeof *names);
    if (o->only != NULL) bad = cli_one_of(a, "--case", closed);
    free(names);
    free(closed);
    return bad;
}

status plugins_check(const cli_args *a) {
    check_options o;
    files f = {0};
    status bad = read_options(a, &o);
    if (!bad && cli_has(a, "--retry") && a->n_words > 1) {
        for (int i = 1; i < a->n_words; i++)
            if (is_path(a->words[i])) add_file(&f, a->words[i]);
        forget(&f);
    }
    if (!bad) bad = find_files(a, &f);
    if (!bad && cli_has(a, "--retry")) forget(&f);
    int64_t cases = 0;
    int checks = 0, failed = 0, sound = 0;
    for (int i = 0; i < f.n && !bad; i++) {
        check_report r;
        bad = conformance_check(f.paths[i], &o, a->d, &r);
        if (!bad && cli_has(a, "--json")) print_json(&r, &o);
        if (!bad && !cli_has(a, "--json")) print_line(&r);
        tell(a, &r, &o);
        cases += r.cases, checks += r.checks, failed += r.failed, sound += r.failed == 0;
        conformance_free(&r);
    }
    if (!bad && !cli_has(a, "--json"))
        printf("%d plugins: %d passed, %d failed; %d checks, %d failed, %" PRId64 " cases\n", f.n,
               sound, f.n - sound, checks, failed, cases);
    for (int i = 0; i < f.n; i++) free(f.paths[i]);
    free(f.paths);
    return bad ? bad : sound < f.n ? ERR_PLUGIN : OK;
}
