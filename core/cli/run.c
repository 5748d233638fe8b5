#include <stdlib.h>

#include "cli/study_args.h"
#include "report/runs.h"
#include "report/sensitivity.h"

/* What a kind is about, behind the table of its runs. */
static status report_details(store *s, const study *t, const int64_t *rows, diags *d) {
    status bad = OK;
    for (int i = 0; i < t->n_runs && t->points[0].s.kind == KIND_TENSORS && !bad; i++)
        bad = report_quantizers(s, rows[i], stdout, d);
    return bad ? bad : report_sensitivity(s, rows, t->n_runs, stdout, d);
}

static status run_study(const cli_args *a, const study *t) {
    char *path;
    store *s = NULL;
    int64_t *rows = NULL;
    status bad = cli_db_path(a, true, &path);
    if (!bad) bad = store_open(path, false, a->d, &s);
    if (!bad) {
        bad = runner_run(t, s, cli_has(a, "--again"), a->d, &rows);
        status shown = report_results(s, rows, t->n_runs,
                                      cli_has(a, "--json") ? ROWS_JSON : ROWS_TABLE, stdout, a->d);
        if (!bad) bad = shown;
        if (!bad && !cli_has(a, "--json")) bad = report_details(s, t, rows, a->d);
    }
    store_close(s);
    free(rows);
    free(path);
    return bad;
}

static status run(const cli_args *a) {
    study_args s;
    status bad = study_args_open(&s, a);
    if (!bad) bad = run_study(a, &s.t);
    study_args_close(&s);
    return bad;
}

const verb verb_run = {
    .name = "run",
    .words = "SPEC",
    .min_words = 1,
    .max_words = 1,
    .summary = "run an experiment: every run of the spec that is not done",
    .text = "Results go to the database, weights to runs/UID/ beside it. A run that is done "
            "already (same\n"
            "settings, seed, data, plugins and numeric version) is skipped and said so.\n",
    .options = {STUDY_SET_OPTION,
                {"--db", "FILE", "the results database"},
                {"--again", NULL, "run once more what is done, as a replica"},
                {"--json", NULL, "one JSON object for each run"}},
    .run = run,
};
