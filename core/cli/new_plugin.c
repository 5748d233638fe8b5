/*
 * cli/new_plugin.c - a plugin to begin with: one .c file that works and says what to change,
 * a Makefile and a spec that trains with it. What is written stands in cli/templates.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "host/presets.h"
#include "host/registry.h"
#include "util/files.h"
#include "util/mem.h"
#include "util/str.h"

static const char *const scheme_lines[] = {
#include "cli/scheme.c.inc"
    NULL};
static const char *const packer_lines[] = {
#include "cli/packer.c.inc"
    NULL};
static const char *const ste_lines[] = {
#include "cli/ste.c.inc"
    NULL};
static const char *const makefile_lines[] = {
#include "cli/Makefile.in.inc"
    NULL};
static const char *const spec_lines[] = {
#include "cli/spec.yaml.inc"
    NULL};

static const char *const kinds[] = {"scheme", "packer", "ste", NULL};
static const char *const *const sources[] = {scheme_lines, packer_lines, ste_lines};
static const char *const uses[] = {
    "weights: {scheme: @NAME@}",
    "weights: bitnet158\n  packer: @NAME@",
    "weights: bitnet158\n  ste: @NAME@",
};

/* ---- filling in ---- */

typedef struct words {
    const char *name, *kind, *program, *use;
} words;

/* Marks that stand in what is filled in stay as they are: it may be the user's. */
static void fill(strbuf *b, const char *line, const words *w) {
    const struct {
        const char *mark, *text;
    } marks[] = {{"@NAME@", w->name},
                 {"@KIND@", w->kind},
                 {"@PROGRAM@", w->program},
                 {"@USE@", w->use}};
    while (*line != '\0') {
        size_t n = strcspn(line, "@"), skip = 0;
        strbuf_addn(b, line, n);
        line += n;
        for (size_t i = 0; i < sizeof marks / sizeof *marks && skip == 0; i++)
            if (strncmp(line, marks[i].mark, strlen(marks[i].mark)) == 0) {
                skip = strlen(marks[i].mark);
                strbuf_add(b, marks[i].text);
            }
        if (skip == 0 && *line != '\0') strbuf_addn(b, line, skip = 1);
        line += skip;
    }
}

/* A path as the value of a variable of make: free() */
static char *make_value(const char *path) {
    strbuf b = {0};
    strbuf_add(&b, "");
    for (size_t slashes = 0; *path != '\0'; path++) {
        for (size_t i = 0; *path == '#' && i <= slashes; i++) strbuf_add(&b, "\\");
        strbuf_add(&b, *path == '$' ? "$" : "");
        strbuf_addn(&b, path, 1);
        slashes = *path == '\\' ? slashes + 1 : 0;
    }
    return b.s;
}

static status write_one(const char *dir, const char *file, const char *const *lines, const words *w,
                        diags *d) {
    strbuf b = {0};
    char *path = path_join(dir, file);
    for (; *lines != NULL; lines++) fill(&b, *lines, w);
    status bad = file_write(path, b.s, b.len, d);
    strbuf_fini(&b);
    free(path);
    return bad;
}

/* ---- checking what was asked for ---- */

/* A name for a plugin, which is one for files, too. Specs know "none" as no plugin, "null" as
 * no text, and presets as packers. */
static bool is_name(const char *s, qb_kind kind) {
    return params_is_name(s) && strcmp(s, "none") != 0 && strcmp(s, "null") != 0 &&
           (kind != QB_PACKER || preset_find(s) == NULL);
}

static status check_free(const char *dir, const char *const *files, diags *d) {
    for (int i = 0; i < 3; i++) {
        char *path = path_join(dir, files[i]);
        bool there = access(path, F_OK) == 0;
        if (there) {
            diag_error(d, ERR_USAGE, "%s is there already: nothing was written", path);
            diag_hint(d, "another NAME, or another folder behind it");
        }
        free(path);
        if (there) return ERR_USAGE;
    }
    return OK;
}

/* The program by the way that it was found; absolute. */
static char *program_path(void) {
    char *dir = path_of_program(), *path = path_join(dir, "quantbench");
    free(dir);
    return path;
}

static status write_all(const cli_args *a, int kind, const char *dir) {
    const char *name = a->words[1];
    char *source = str_format("%s.c", name), *spec = str_format("%s.yaml", name);
    const char *files[] = {source, "Makefile", spec};
    char *path = program_path(), *program = make_value(path);
    strbuf use = {0};
    fill(&use, uses[kind], &(words){name, kinds[kind], "", ""});
    const words w = {name, kinds[kind], program, use.s};
    status bad = check_free(dir, files, a->d);
    if (!bad && strchr(path, '\n') != NULL)
        bad = diag_error(a->d, ERR_USAGE, "%s: a Makefile has no way to name this program", path);
    if (!bad) bad = dir_make(dir, a->d);
    if (!bad) bad = write_one(dir, source, sources[kind], &w, a->d);
    if (!bad) bad = write_one(dir, "Makefile", makefile_lines, &w, a->d);
    if (!bad) bad = write_one(dir, spec, spec_lines, &w, a->d);
    if (!bad)
        str_print_line(stdout, "%s/%s: the %s; it works as it is, and says what to change", dir,
                       source, kinds[kind]);
    if (!bad) str_print_line(stdout, "%s/%s: a short training with it", dir, spec);
    if (!bad) str_print_line(stdout, "next: cd %s && make check && make test", dir);
    free(source);
    free(spec);
    free(program);
    free(path);
    strbuf_fini(&use);
    return bad;
}

static status run(const cli_args *a) {
    int kind = 0;
    while (kinds[kind] != NULL && strcmp(kinds[kind], a->words[0]) != 0) kind++;
    if (kinds[kind] == NULL) {
        diag_error(a->d, ERR_USAGE, "new-plugin wants scheme, packer or ste, got '%s'",
                   a->words[0]);
        diag_hint(a->d, "`quantbench new-plugin scheme mine`");
        return ERR_USAGE;
    }
    if (!is_name(a->words[1], (qb_kind)(QB_SCHEME + kind))) {
        diag_error(a->d, ERR_USAGE, "'%s' cannot be the name of a plugin", a->words[1]);
        diag_hint(a->d, "[a-z][a-z0-9_]*, at most %d letters, not none, null or a preset",
                  PLUGIN_MAX_NAME);
        return ERR_USAGE;
    }
    registry r;
    registry_scan(&r);
    const plugin *taken = registry_find(&r, (qb_kind)(QB_SCHEME + kind), a->words[1]);
    status bad = OK;
    if (taken != NULL) {
        bad = diag_error(a->d, ERR_USAGE, "there is a %s '%s' already: %s", kinds[kind],
                         a->words[1], taken->path);
        diag_hint(a->d, "another NAME: the specs know plugins by their names");
    }
    registry_fini(&r);
    if (bad) return bad;
    return write_all(a, kind, a->n_words > 2 ? a->words[2] : a->words[1]);
}

const verb verb_new_plugin = {
    .name = "new-plugin",
    .words = "scheme|packer|ste NAME [DIR]",
    .min_words = 2,
    .max_words = 3,
    .summary = "begin a plugin: a file that works, a Makefile, a spec to try it",
    .text = "Writes NAME.c, Makefile and NAME.yaml to DIR, ./NAME if it is not said; nothing that "
            "is there is\n"
            "overwritten. In that folder `make check` builds the plugin and tries to break it, "
            "`make test` trains\n"
            "a small network with it, `make install` puts it where every quantbench of the user "
            "finds it.\n",
    .options = {{NULL, NULL, NULL}},
    .run = run,
};
