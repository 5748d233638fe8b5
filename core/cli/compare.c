#include <stdlib.h>

#include "cli/answer.h"
#include "cli/cli.h"
#include "report/compare.h"
#include "store/query.h"

static status run(const cli_args *a) {
    char *path;
    store *s = NULL;
    rows_format format;
    status bad = cli_format(a, &format);
    if (bad) return bad;
    bad = cli_db_path(a, false, &path);
    if (!bad) bad = store_open(path, true, a->d, &s);
    if (!bad) store_guard(s, 60, NULL);
    answer out;
    answer_open(&out);
    if (!bad)
        bad = compare_print(s, a->words, a->n_words, cli_value(a, "--experiment"), format, out.out,
                            a->d);
    bad = answer_close(&out, bad, a->d);
    store_close(s);
    free(path);
    return bad;
}

const verb verb_compare = {
    .name = "compare",
    .words = "A [B...]",
    .min_words = 1,
    .max_words = CLI_MAX_ARGS,
    .summary = "configurations beside each other: mean and deviation over seeds, differences",
    .text = "A, B are labels of points in the last sweep, experiments (all configurations of their "
            "last sweep,\n"
            "the float baseline first), or runs (uid, @last, @2), which stand for all seeds of "
            "their settings.\n"
            "Differences are to the first configuration, between runs of the same seed. There are "
            "no tests of\n"
            "significance yet.\n",
    .options = {{"--db", "FILE", "the results database"},
                {"--experiment", "NAME", "whose last sweep has the labels; default the newest"},
                CLI_FORMAT_OPTION,
                CLI_FORMAT_JSON_OPTION},
    .run = run,
};
