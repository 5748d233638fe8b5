/*
 * cli/cli.h - verbs and their options, as data: one table parses the command line
 * and prints the help.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdbool.h>
#include <stdint.h>

#include "report/rows.h"
#include "util/err.h"

enum { CLI_MAX_ARGS = 1024, CLI_MAX_OPTIONS = 24 };

typedef struct cli_option {
    const char *name;  /* "--set" */
    const char *value; /* "KEY=VALUE"; NULL: a switch */
    const char *doc;
} cli_option;

typedef struct verb verb;

typedef struct cli_args {
    const verb *verb;
    const char *words[CLI_MAX_ARGS]; /* what is no option */
    int n_words;
    struct {
        const cli_option *option;
        const char *value;
    } given[CLI_MAX_ARGS];
    int n_given;
    diags *d;
} cli_args;

struct verb {
    const char *name;
    const char *words; /* "SPEC", "" for none */
    int min_words, max_words;
    const char *summary;                 /* one line */
    const char *text;                    /* more, may be NULL */
    cli_option options[CLI_MAX_OPTIONS]; /* beside those of all verbs */
    status (*run)(const cli_args *a);
};

extern const verb *const cli_verbs[];
extern const int cli_n_verbs;

const verb *cli_find_verb(const char *name);
void cli_print_help(const verb *v, FILE *out);
void cli_print_verbs(FILE *out);

/* Parses what follows the verb. ERR_USAGE. */
status cli_parse(cli_args *a, const verb *v, int argc, char **argv, diags *d);

bool cli_has(const cli_args *a, const char *name);
const char *cli_value(const cli_args *a, const char *name); /* the last; NULL */
/* All values of an option that may be repeated; returns how many. */
int cli_values(const cli_args *a, const char *name, const char *values[CLI_MAX_ARGS]);

/* An integer option in [lo, hi]; `otherwise` if it is not given. */
status cli_int(const cli_args *a, const char *name, int64_t lo, int64_t hi, int64_t otherwise,
               int64_t *out);

/* One of the names (NULL-terminated); ERR_USAGE with a suggestion. */
status cli_one_of(const cli_args *a, const char *option, const char *const *names);

/* ERR_USAGE where a file that one of the options (NULL-terminated) names to write is `input`, or
 * that of another one. */
status cli_check_outputs(const cli_args *a, const char *input, const char *const *options);

/* --format, or JSON for --json; a table if there is neither. */
status cli_format(const cli_args *a, rows_format *f);
#define CLI_FORMAT_OPTION                                                                          \
    { "--format", "FORMAT", "table (default), markdown, csv or json: one object a line" }
#define CLI_FORMAT_JSON_OPTION                                                                     \
    { "--json", NULL, "the same as --format json" }

/* The database: --db, else QUANTBENCH_DB, else results/quantbench.db where ./results
 * exists, else in the user's data folder (made with `create`). free() */
status cli_db_path(const cli_args *a, bool create, char **path);

/* One file for each verb. */
extern const verb verb_bench, verb_check, verb_compare, verb_doctor, verb_eval, verb_export,
    verb_help, verb_info, verb_inspect, verb_ls, verb_new_plugin, verb_plan, verb_plot,
    verb_plugins, verb_quantize, verb_query, verb_report, verb_run, verb_show, verb_verify,
    verb_version;

#endif
