#include <stdlib.h>

#include "cli/answer.h"
#include "cli/study_args.h"
#include "report/runs.h"
#include "report/sensitivity.h"
#include "run/interrupt.h"
#include "util/mem.h"
#include "util/str.h"

/* The sensitivity of one configuration: the means of runs of several say nothing. Of a
 * sweep it is that of the float twins, whose layers the other points quantize. */
static status report_point(store *s, const study *t, int point, const int64_t *rows, FILE *out,
                           diags *d) {
    int64_t *own = mem_calloc((size_t)t->n_runs + 1, sizeof *own);
    int n = 0;
    for (int i = 0; i < t->n_runs; i++)
        if (t->runs[i].point == point && rows[i] >= 0) own[n++] = rows[i];
    if (t->n_points > 1 && t->points[point].s.sensitivity.candidates_node != NULL && n > 0)
        str_print_line(out, "%s", t->points[point].label);
    status bad = report_sensitivity(s, own, n, out, d);
    free(own);
    return bad;
}

/* What a kind is about, behind the table of its runs. */
static status report_details(store *s, const study *t, const int64_t *rows, FILE *out, diags *d) {
    status bad = OK;
    bool twins = false;
    for (int i = 0; i < t->n_points; i++) twins |= t->points[i].is_baseline;
    for (int i = 0; i < t->n_runs && t->points[0].s.kind == KIND_TENSORS && !bad; i++)
        bad = report_quantizers(s, rows[i], out, d);
    for (int i = 0; i < t->n_points && !bad; i++)
        if (t->points[i].is_baseline || !twins) bad = report_point(s, t, i, rows, out, d);
    return bad;
}

static status report_runs(store *s, const study *t, const int64_t *rows, rows_format f, FILE *out,
                          diags *d) {
    const char **labels = mem_calloc((size_t)t->n_runs + 1, sizeof *labels);
    for (int i = 0; i < t->n_runs; i++) labels[i] = t->points[t->runs[i].point].label;
    status bad = report_results(s, rows, labels, t->n_runs, f, out, d);
    free(labels);
    return bad;
}

/* Was any run begun, or done before? */
static bool has_rows(const study *t, const int64_t *rows) {
    for (int i = 0; i < t->n_runs; i++)
        if (rows[i] >= 0) return true;
    return false;
}

/* The table of the runs, and what they are about where all of them went well. */
static status print_results(const cli_args *a, store *s, const study *t, const int64_t *rows,
                            bool all_done) {
    bool json = cli_has(a, "--json");
    answer out;
    answer_open(&out);
    status bad = report_runs(s, t, rows, json ? ROWS_JSON : ROWS_TABLE, out.out, a->d);
    if (!bad && all_done && !json) bad = report_details(s, t, rows, out.out, a->d);
    return answer_close(&out, bad, a->d);
}

static status run_study(const cli_args *a, const study *t) {
    char *path;
    store *s = NULL;
    int64_t *rows = NULL;
    status bad = cli_db_path(a, true, &path);
    if (!bad) bad = store_open(path, false, a->d, &s);
    if (!bad) {
        bad = runner_run(t, s, cli_has(a, "--again"), a->d, &rows);
        status shown = OK;
        if (!bad || has_rows(t, rows)) shown = print_results(a, s, t, rows, !bad);
        if (!bad) bad = shown;
    }
    if (!bad) bad = store_finish(s, a->d);
    store_close(s);
    free(rows);
    free(path);
    return bad;
}

static status run(const cli_args *a) {
    study_args s;
    interrupt_watch();
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
    .text = "Results go to the database, weights and the packed model to runs/UID/ beside it. A "
            "run that is done already (same\n"
            "settings, seed, data, plugins and numeric version) is skipped and said so.\n",
    .options = {STUDY_SET_OPTION,
                {"--db", "FILE", "the results database"},
                {"--again", NULL, "run once more what is done, as a replica"},
                {"--json", NULL, "one JSON object for each run"}},
    .run = run,
};
