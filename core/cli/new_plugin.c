/*
 * cli/new_plugin.c - a plugin to begin with: one .c file that works and says what to change,
 * a Makefile and a spec that trains with it. What is written stands in cli/templates.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
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
                fill(b, marks[i].text, w);
            }
        if (skip == 0 && *line != '\0') strbuf_addn(b, line, skip = 1);
        line += skip;
    }
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

/* A name that is one for plugins, C and files alike. */
static bool is_name(const char *s) {
    static const char *const taken[] = {
        "auto",     "bool",     "break",    "case",   "char",   "const",    "continue", "default",
        "do",       "double",   "else",     "enum",   "extern", "float",    "for",      "goto",
        "if",       "inline",   "int",      "long",   "main",   "register", "restrict", "return",
        "short",    "signed",   "sizeof",   "static", "struct", "switch",   "typedef",  "union",
        "unsigned", "void",     "volatile", "while",  "init",   "fit",      "pack",     "unpack",
        "bound",    "backward", "params",   "table",  "exp",    "log",      "tanh"};
    if (*s < 'a' || *s > 'z' || strlen(s) > PLUGIN_MAX_NAME) return false;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (strcmp(s, taken[i]) == 0) return false;
    return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(s);
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
    char *program = program_path();
    const words w = {name, kinds[kind], program, uses[kind]};
    status bad = check_free(dir, files, a->d);
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
    if (!is_name(a->words[1])) {
        diag_error(a->d, ERR_USAGE, "'%s' cannot be the name of a plugin", a->words[1]);
        diag_hint(a->d, "[a-z][a-z0-9_]*, at most %d letters, no word of C", PLUGIN_MAX_NAME);
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
