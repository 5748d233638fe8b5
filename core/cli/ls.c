#include <stdlib.h>

#include "cli/answer.h"
#include "cli/cli.h"
#include "report/runs.h"

static status run(const cli_args *a) {
    static const char *const statuses[] = {"running", "done", "failed", "interrupted", NULL};
    char *path;
    store *s = NULL;
    rows_format format;
    report_filter f = {cli_value(a, "--experiment"), cli_value(a, "--status"), 0};
    status bad = cli_int(a, "--limit", 0, 1000000000, 0, &f.limit);
    if (!bad) bad = cli_one_of(a, "--status", statuses);
    if (!bad) bad = cli_format(a, &format);
    if (bad) return bad;
    bad = cli_db_path(a, false, &path);
    if (!bad) bad = store_open(path, true, a->d, &s);
    if (!bad && f.experiment != NULL) bad = store_find_experiment(s, f.experiment, a->d);
    answer out;
    answer_open(&out);
    if (!bad) bad = report_list(s, &f, format, out.out, a->d);
    bad = answer_close(&out, bad, a->d);
    store_close(s);
    free(path);
    return bad;
}

const verb verb_ls = {
    .name = "ls",
    .words = "",
    .summary = "list the runs of the results database",
    .options = {{"--db", "FILE", "the results database"},
                {"--experiment", "NAME", "only the runs of this experiment"},
                {"--status", "STATUS", "only running, done, failed or interrupted ones"},
                {"--limit", "N", "only the newest N"},
                CLI_FORMAT_OPTION,
                CLI_FORMAT_JSON_OPTION},
    .run = run,
};
