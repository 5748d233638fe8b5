#include <stdlib.h>

#include "cli/cli.h"
#include "report/runs.h"

static status run(const cli_args *a) {
    char *path;
    store *s = NULL;
    int64_t limit;
    status bad = cli_int(a, "--limit", 0, 1000000000, 0, &limit);
    if (bad) return bad;
    bad = cli_db_path(a, false, &path);
    if (!bad) bad = store_open(path, true, a->d, &s);
    if (!bad) bad = report_list(s, limit, cli_has(a, "--json"), stdout, a->d);
    store_close(s);
    free(path);
    return bad;
}

const verb verb_ls = {
    .name = "ls",
    .words = "",
    .summary = "list the runs of the results database",
    .options = {{"--db", "FILE", "the results database"},
                {"--limit", "N", "only the newest N"},
                {"--json", NULL, "one JSON object for each run"}},
    .run = run,
};
