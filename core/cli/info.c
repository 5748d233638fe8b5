#include <stdlib.h>

#include "cli/answer.h"
#include "cli/cli.h"
#include "report/runs.h"

static status run(const cli_args *a) {
    char *path;
    store *s = NULL;
    int64_t id;
    status bad = cli_db_path(a, false, &path);
    if (!bad) bad = store_open(path, true, a->d, &s);
    if (!bad) bad = store_find_run(s, a->words[0], a->d, &id);
    answer out;
    answer_open(&out);
    if (!bad) bad = report_info(s, id, cli_has(a, "--json"), out.out, a->d);
    bad = answer_close(&out, bad, a->d);
    store_close(s);
    free(path);
    return bad;
}

const verb verb_info = {
    .name = "info",
    .words = "RUN",
    .min_words = 1,
    .max_words = 1,
    .summary = "everything about one run: metrics, quantizers, settings, plugins, files",
    .text = "RUN is the beginning of a uid, @last, @2 (the last but one), or an experiment's name "
            "(its last run).\n",
    .options = {{"--db", "FILE", "the results database"}, {"--json", NULL, "one JSON object"}},
    .run = run,
};
