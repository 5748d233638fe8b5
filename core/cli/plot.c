#include <stdlib.h>

#include "cli/cli.h"
#include "report/plot.h"
#include "util/suggest.h"

static status find_kind(const cli_args *a, const plot_kind **k) {
    *k = plot_find(a->words[0]);
    if (*k != NULL) return OK;
    const char *names[8];
    for (int i = 0; i < plot_n_kinds; i++) names[i] = plot_kinds[i].name;
    const char *near = suggest_nearest(a->words[0], names, plot_n_kinds);
    diag_error(a->d, ERR_USAGE, "there is no plot '%s'", a->words[0]);
    if (near != NULL)
        diag_hint(a->d, "did you mean '%s'? (`quantbench help plot` lists them)", near);
    else
        diag_hint(a->d, "`quantbench help plot` lists them");
    return ERR_USAGE;
}

static status run(const cli_args *a) {
    char *path = NULL;
    store *s = NULL;
    selection sel = {0};
    const plot_kind *k;
    plot_files files = {cli_value(a, "--output"), cli_has(a, "--term"), cli_has(a, "--keep")};
    status bad = find_kind(a, &k);
    if (!bad) bad = cli_db_path(a, false, &path);
    if (!bad) bad = plot_check(path, k, &files, a->d);
    if (!bad) bad = store_open(path, true, a->d, &s);
    if (!bad) bad = selection_find(s, a->n_words > 1 ? a->words[1] : NULL, a->d, &sel);
    if (!bad) bad = plot_write(s, &sel, k, &files, stdout, a->d);
    selection_free(&sel);
    store_close(s);
    free(path);
    return bad;
}

const verb verb_plot = {
    .name = "plot",
    .words = "KIND [SELECTOR]",
    .min_words = 1,
    .max_words = 2,
    .summary = "draw a picture of results: svg, png, or text in the terminal",
    .text = "kinds\n"
            "  pareto               accuracy against effective bits a weight, with its front\n"
            "  training_curves      loss and accuracy while training, mean over seeds with a band\n"
            "  sqnr_bars            signal over quantization noise of each layer's weights\n"
            "  sensitivity_heatmap  what each layer costs at each candidate scheme\n"
            "  weight_hist          each layer's weights before and after quantization\n"
            "  packers              bits a weight against the share of zeros, for each packer\n"
            "  bench                throughput of a benchmark's operations, with their ceilings\n\n"
            "SELECTOR is the name of an experiment or a run (@last, a uid or its beginning);\n"
            "without it: what was worked on last, a sweep or a run. The picture goes to\n"
            "plots/KIND.svg beside the database unless -o names a file. Needs gnuplot.\n",
    .options = {{"--output", "FILE", "F.svg or F.png (-o)"},
                {"--term", NULL, "print it as text, as wide as the terminal"},
                {"--keep", NULL, "leave KIND.gp and KIND.tsv beside the picture"},
                {"--db", "FILE", "the results database"}},
    .run = run,
};
