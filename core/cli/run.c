#include <stdlib.h>

#include "cli/cli.h"
#include "report/runs.h"
#include "run/runner.h"

static status run_plan(const cli_args *a, const plan *p) {
    char *path;
    store *s = NULL;
    int64_t *runs = NULL;
    status bad = cli_db_path(a, true, &path);
    if (!bad) bad = store_open(path, false, a->d, &s);
    if (!bad) {
        bad = runner_run(p, s, cli_has(a, "--again"), a->d, &runs);
        status shown = report_results(s, runs, p->n_runs, cli_has(a, "--json"), stdout, a->d);
        if (!bad) bad = shown;
    }
    store_close(s);
    free(runs);
    free(path);
    return bad;
}

static status run(const cli_args *a) {
    const char *settings[CLI_MAX_ARGS];
    int n = cli_values(a, "--set", settings);
    registry r;
    spec s;
    plan p;
    registry_scan(&r);
    status bad = runner_plan(a->words[0], settings, n, &r, &s, &p, a->d);
    if (!bad) bad = run_plan(a, &p);
    plan_close(&p);
    spec_close(&s);
    registry_fini(&r);
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
    .options = {{"--set", "KEY=VALUE", "override a value of the spec; may be repeated"},
                {"--db", "FILE", "the results database"},
                {"--again", NULL, "run once more what is done, as a replica"},
                {"--json", NULL, "one JSON object for each run"}},
    .run = run,
};
