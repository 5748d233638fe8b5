#include "cli/cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "run/environment.h"
#include "util/files.h"
#include "util/mem.h"
#include "util/outputs.h"
#include "util/str.h"
#include "util/suggest.h"

const verb *const cli_verbs[] = {
    &verb_run,      &verb_plan,    &verb_check,   &verb_show,   &verb_ls,      &verb_info,
    &verb_compare,  &verb_doctor,  &verb_query,   &verb_plot,   &verb_report,  &verb_eval,
    &verb_quantize, &verb_inspect, &verb_export,  &verb_verify, &verb_plugins, &verb_new_plugin,
    &verb_bench,    &verb_help,    &verb_version,
};
const int cli_n_verbs = sizeof cli_verbs / sizeof *cli_verbs;

/* What every verb takes. */
static const cli_option common[] = {
    {"--threads", "N", "threads to use, 1..1024; default OMP_NUM_THREADS, else the CPUs there are"},
    {"--simd", "LEVEL", "force a level of the kernels, default the best; this build has: "},
    {"--quiet", NULL, "say nothing but errors (-q)"},
    {"--verbose", NULL, "say more (-v)"},
    {"--help", NULL, "print this help (-h)"},
};
enum { N_COMMON = sizeof common / sizeof *common };

static const struct {
    const char *letter, *name;
} short_names[] = {{"-q", "--quiet"}, {"-v", "--verbose"}, {"-h", "--help"}, {"-o", "--output"}};

const verb *cli_find_verb(const char *name) {
    for (int i = 0; i < cli_n_verbs; i++)
        if (strcmp(cli_verbs[i]->name, name) == 0) return cli_verbs[i];
    return NULL;
}

/* ---- help ---- */

static void print_option(const cli_option *o, FILE *out) {
    char left[40];
    snprintf(left, sizeof left, "%s%s%s", o->name, o->value != NULL ? " " : "",
             o->value != NULL ? o->value : "");
    fprintf(out, "  %-22s %s\n", left, o->doc);
}

/* Which levels there are depends on the machine that the program was built for. */
static void print_common(const cli_option *o, FILE *out) {
    char doc[160];
    const char *levels = strcmp(o->name, "--simd") == 0 ? environment_simd_levels() : "";
    snprintf(doc, sizeof doc, "%s%s", o->doc, levels);
    print_option(&(cli_option){o->name, o->value, doc}, out);
}

void cli_print_help(const verb *v, FILE *out) {
    fprintf(out, "usage: quantbench %s%s%s [options]\n\n%s\n", v->name,
            *v->words != '\0' ? " " : "", v->words, v->summary);
    if (v->text != NULL) fprintf(out, "\n%s", v->text);
    fprintf(out, "\noptions\n");
    for (int i = 0; i < CLI_MAX_OPTIONS && v->options[i].name != NULL; i++)
        print_option(&v->options[i], out);
    for (int i = 0; i < N_COMMON; i++) print_common(&common[i], out);
}

void cli_print_verbs(FILE *out) {
    fprintf(out, "usage: quantbench VERB [words] [options]\n\nverbs\n");
    for (int i = 0; i < cli_n_verbs; i++)
        fprintf(out, "  %-10s %s\n", cli_verbs[i]->name, cli_verbs[i]->summary);
    fprintf(out, "\n`quantbench help VERB` says more; `quantbench help spec` is the reference of "
                 "the spec language.\n");
}

/* ---- parsing ---- */

static const cli_option *find_option(const verb *v, const char *name) {
    for (size_t i = 0; i < sizeof short_names / sizeof *short_names; i++)
        if (strcmp(short_names[i].letter, name) == 0) name = short_names[i].name;
    for (int i = 0; i < CLI_MAX_OPTIONS && v->options[i].name != NULL; i++)
        if (strcmp(v->options[i].name, name) == 0) return &v->options[i];
    for (int i = 0; i < N_COMMON; i++)
        if (strcmp(common[i].name, name) == 0) return &common[i];
    return NULL;
}

static status unknown_option(const verb *v, const char *name, diags *d) {
    const char *names[CLI_MAX_OPTIONS + N_COMMON];
    int n = 0;
    for (int i = 0; i < CLI_MAX_OPTIONS && v->options[i].name != NULL; i++)
        names[n++] = v->options[i].name;
    for (int i = 0; i < N_COMMON; i++) names[n++] = common[i].name;
    const char *near = suggest_nearest(name, names, n);
    diag_error(d, ERR_USAGE, "%s has no option '%s'", v->name, name);
    if (near != NULL)
        diag_hint(d, "did you mean '%s'? (`quantbench help %s`)", near, v->name);
    else
        diag_hint(d, "`quantbench help %s` lists them", v->name);
    return ERR_USAGE;
}

/* argv[i] is an option; *i moves on to its value. */
static status parse_option(cli_args *a, int argc, char **argv, int *i) {
    const char *text = argv[*i], *equals = strncmp(text, "--", 2) == 0 ? strchr(text, '=') : NULL;
    char *name = equals != NULL ? mem_strndup(text, (size_t)(equals - text)) : mem_strdup(text);
    const cli_option *o = find_option(a->verb, name);
    status bad = OK;
    const char *value = equals != NULL ? equals + 1 : NULL;
    if (o == NULL)
        bad = unknown_option(a->verb, name, a->d);
    else if (o->value != NULL && cli_has(a, o->name) && strcmp(o->value, "KEY=VALUE") != 0)
        bad = diag_error(a->d, ERR_USAGE, "%s is there twice", o->name);
    else if (o->value == NULL && value != NULL)
        bad = diag_error(a->d, ERR_USAGE, "%s takes no value", name);
    else if (o->value != NULL && value == NULL && *i + 1 == argc)
        bad = diag_error(a->d, ERR_USAGE, "%s wants a value: %s %s", name, name, o->value);
    else if (o->value != NULL && value == NULL)
        value = argv[++*i];
    if (!bad) {
        a->given[a->n_given].option = o;
        a->given[a->n_given++].value = value;
    }
    free(name);
    return bad;
}

static status check_words(const cli_args *a) {
    const verb *v = a->verb;
    if (a->n_words >= v->min_words && a->n_words <= v->max_words) return OK;
    if (a->n_words > v->max_words)
        diag_error(a->d, ERR_USAGE, "%s: one word too many: '%s'", v->name, a->words[v->max_words]);
    else
        diag_error(a->d, ERR_USAGE, "%s wants %s", v->name, v->words);
    diag_hint(a->d, "`quantbench help %s`", v->name);
    return ERR_USAGE;
}

status cli_parse(cli_args *a, const verb *v, int argc, char **argv, diags *d) {
    *a = (cli_args){.verb = v, .d = d};
    if (argc > CLI_MAX_ARGS) return diag_error(d, ERR_USAGE, "more than %d words", CLI_MAX_ARGS);
    bool options = true;
    for (int i = 0; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && argv[i][0] == '-' && argv[i][1] != '\0') {
            status bad = parse_option(a, argc, argv, &i);
            if (bad) return bad;
        } else {
            a->words[a->n_words++] = argv[i];
        }
    }
    return cli_has(a, "--help") ? OK : check_words(a);
}

/* ---- values ---- */

const char *cli_value(const cli_args *a, const char *name) {
    for (int i = a->n_given - 1; i >= 0; i--)
        if (strcmp(a->given[i].option->name, name) == 0)
            return a->given[i].value != NULL ? a->given[i].value : "";
    return NULL;
}

bool cli_has(const cli_args *a, const char *name) { return cli_value(a, name) != NULL; }

int cli_values(const cli_args *a, const char *name, const char *values[CLI_MAX_ARGS]) {
    int n = 0;
    for (int i = 0; i < a->n_given; i++)
        if (strcmp(a->given[i].option->name, name) == 0) values[n++] = a->given[i].value;
    return n;
}

status cli_int(const cli_args *a, const char *name, int64_t lo, int64_t hi, int64_t otherwise,
               int64_t *out) {
    const char *text = cli_value(a, name);
    *out = otherwise;
    if (text == NULL) return OK;
    if (str_to_int(text, out) && *out >= lo && *out <= hi) return OK;
    return diag_error(a->d, ERR_USAGE,
                      "%s must be an integer in [%" PRId64 ", %" PRId64 "], got '%s'", name, lo, hi,
                      text);
}

status cli_one_of(const cli_args *a, const char *option, const char *const *names) {
    const char *text = cli_value(a, option);
    int n = 0;
    strbuf all = {0};
    for (; names[n] != NULL; n++) {
        if (text != NULL && strcmp(names[n], text) == 0) text = NULL;
        strbuf_addf(&all, "%s%s", n > 0 ? ", " : "", names[n]);
    }
    if (text != NULL) {
        const char *near = suggest_nearest(text, names, n);
        diag_error(a->d, ERR_USAGE, "%s is one of %s, got '%s'", option, all.s, text);
        if (near != NULL) diag_hint(a->d, "did you mean '%s'?", near);
    }
    strbuf_fini(&all);
    return text != NULL ? ERR_USAGE : OK;
}

status cli_format(const cli_args *a, rows_format *f) {
    const char *text = cli_value(a, "--format");
    *f = cli_has(a, "--json") ? ROWS_JSON : ROWS_TABLE;
    if (text == NULL) return OK;
    if (cli_has(a, "--json"))
        return diag_error(a->d, ERR_USAGE, "--json and --format exclude one another");
    status bad = cli_one_of(a, "--format", rows_format_names);
    if (!bad) rows_format_find(text, f);
    return bad;
}

/* ---- the database ---- */

static status user_db(bool create, diags *d, char **path) {
    char *dir = path_of_user_data();
    if (dir == NULL) {
        diag_error(d, ERR_USAGE,
                   "where is the results database? there is no ./results and no HOME");
        diag_hint(d, "name it with --db FILE");
        return ERR_USAGE;
    }
    status bad = create ? dir_make(dir, d) : OK;
    *path = path_join(dir, "quantbench.db");
    free(dir);
    return bad;
}

status cli_check_outputs(const cli_args *a, const char *input, const char *const *options) {
    output list[CLI_MAX_OPTIONS];
    int n = 0;
    for (; options[n] != NULL; n++) list[n] = (output){cli_value(a, options[n]), options[n]};
    status bad = outputs_spare(list, n, input, a->d);
    return bad ? bad : outputs_differ(list, n, a->d);
}

/* SQLite has names of its own for what is no file. */
static status check_db_name(const char *name, diags *d) {
    bool empty = *name == '\0', special = *name == ':' || strncmp(name, "file:", 5) == 0;
    if (!empty && !special) return OK;
    diag_error(d, ERR_USAGE, "--db wants a file, got '%s'", name);
    if (special) diag_hint(d, "a file of this name is ./%s", name);
    return ERR_USAGE;
}

status cli_db_path(const cli_args *a, bool create, char **path) {
    const char *given = cli_value(a, "--db"), *wish = getenv("QUANTBENCH_DB");
    *path = NULL;
    if (given == NULL && wish != NULL && *wish != '\0') given = wish;
    if (given != NULL) {
        status bad = check_db_name(given, a->d);
        if (bad) return bad;
        *path = mem_strdup(given);
        char *dir = path_dir(given);
        bool there = dir_exists(dir);
        free(dir);
        return there ? OK : diag_error(a->d, ERR_STORE, "%s: its folder does not exist", given);
    }
    if (dir_exists("results")) {
        *path = mem_strdup("results/quantbench.db");
        return OK;
    }
    return user_db(create, a->d, path);
}
