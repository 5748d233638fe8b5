#include <stdlib.h>

#include "cli/answer.h"
#include "cli/cli.h"
#include "report/query.h"
#include "store/query.h"
#include "util/str.h"
#include "util/suggest.h"

static const char *const parameters[] = {":experiment", ":metric", ":method", ":bucket"};

/* Finds the query that the first word names, and checks the words and options that
 * are for it. NULL: an error was said. */
static const named_query *find(const cli_args *a) {
    const char *name = a->words[0], *names[32];
    const named_query *q = query_find(name);
    if (q == NULL) {
        for (int i = 0; i < n_named_queries; i++) names[i] = named_queries[i].name;
        const char *near = suggest_nearest(name, names, n_named_queries);
        diag_error(a->d, ERR_USAGE, "no query '%s'", name);
        if (near != NULL)
            diag_hint(a->d, "did you mean '%s'? (`quantbench query --list`)", near);
        else
            diag_hint(a->d, "`quantbench query --list` has them; --sql takes a query of your own");
        return NULL;
    }
    if (a->n_words - 1 < q->min_words || a->n_words - 1 > q->max_words) {
        diag_error(a->d, ERR_USAGE, "query %s wants %s", name,
                   *q->words != '\0' ? q->words : "no words");
        return NULL;
    }
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++) {
        char option[32];
        snprintf(option, sizeof option, "--%s", parameters[i] + 1);
        if (!cli_has(a, option) || query_takes(q, parameters[i])) continue;
        diag_error(a->d, ERR_USAGE, "query %s has no option '%s'", name, option);
        return NULL;
    }
    return q;
}

static status read_bucket(const cli_args *a, double *bucket) {
    const char *text = cli_value(a, "--bucket");
    *bucket = 0.1;
    if (text == NULL || (str_to_real(text, bucket) && *bucket >= 0)) return OK;
    return diag_error(a->d, ERR_USAGE, "--bucket must be a number of bits of at least 0, got '%s'",
                      text);
}

static status read_all(const cli_args *a, const named_query *q, rows_format format,
                       int64_t seconds) {
    char *path;
    store *s = NULL;
    query_options o = {cli_value(a, "--experiment"), cli_value(a, "--metric"),
                       cli_value(a, "--method"), 0};
    status bad = read_bucket(a, &o.bucket);
    if (bad) return bad;
    bad = cli_db_path(a, false, &path);
    if (!bad) bad = store_open(path, true, a->d, &s);
    if (!bad) store_guard(s, (double)seconds, "--timeout SECONDS");
    answer out;
    answer_open(&out);
    if (!bad && q == NULL)
        bad = query_sql(s, cli_value(a, "--sql"), format, out.out, a->d);
    else if (!bad)
        bad = query_named(s, q, a->words + 1, a->n_words - 1, &o, format, out.out, a->d);
    bad = answer_close(&out, bad, a->d);
    store_close(s);
    free(path);
    return bad;
}

static status run(const cli_args *a) {
    rows_format format;
    int64_t seconds;
    const named_query *q = NULL;
    status bad = cli_format(a, &format);
    if (!bad) bad = cli_int(a, "--timeout", 1, 86400, 60, &seconds);
    if (bad) return bad;
    if (cli_has(a, "--sql") && a->n_words > 0)
        return diag_error(a->d, ERR_USAGE, "query takes a NAME or --sql, not both");
    if (cli_has(a, "--list") || (!cli_has(a, "--sql") && a->n_words == 0)) {
        query_list(format, stdout);
        return OK;
    }
    if (!cli_has(a, "--sql") && (q = find(a)) == NULL) return ERR_USAGE;
    return read_all(a, q, format, seconds);
}

const verb verb_query = {
    .name = "query",
    .words = "[NAME [RUN...]]",
    .max_words = 3,
    .summary = "ask the results database: a named query, or SQL of your own",
    .text = "Without words it lists the named queries; results/README.md says what each answers. "
            "RUN is the\n"
            "beginning of a uid, @last, @2 (the last but one), or an experiment's name (its last "
            "run).\n"
            "--sql reads only, on tables and views of core/store/schema.sql. Beside SQLite's own "
            "functions\n"
            "there are median(x), percentile(x, p) with p in [0, 100] (linear between values), "
            "stddev_samp(x).\n"
            "csv has a ' before a text that begins with = + - @ tab or CR, else spreadsheets would "
            "calculate it.\n",
    .options = {{"--db", "FILE", "the results database"},
                {"--list", NULL, "the named queries, their words and options"},
                {"--sql", "TEXT", "one SELECT"},
                CLI_FORMAT_OPTION,
                CLI_FORMAT_JSON_OPTION,
                {"--timeout", "SECONDS", "stop a query that takes longer; default 60"},
                {"--experiment", "NAME", "only this experiment's configurations"},
                {"--metric", "NAME", "the metric that decides; default accuracy"},
                {"--method", "NAME", "only this measure of sensitivity"},
                {"--bucket", "BITS", "width of a step of effective bits; default 0.1, 0: exact"}},
    .run = run,
};
