/*
 * report/plot.h - the kinds of pictures: each takes its numbers from the store and
 * makes a figure of them.
 */
#ifndef REPORT_PLOT_H
#define REPORT_PLOT_H

#include "report/figure.h"

/* ERR_STORE, with what would make it, where the selection has nothing to draw.
 * figure_free() always. */
typedef status plot_fn(store *s, const selection *sel, const canvas *c, diags *d, figure *f);

plot_fn plot_training_curves, plot_pareto, plot_sensitivity_heatmap, plot_sqnr_bars,
    plot_weight_hist, plot_packers, plot_bench;

typedef struct plot_kind {
    const char *name;    /* "pareto" */
    const char *title;   /* of its section in a report */
    const char *summary; /* one line of help */
    plot_fn *make;
} plot_kind;

extern const plot_kind plot_kinds[];
extern const int plot_n_kinds;

/* NULL if there is none of this name. */
const plot_kind *plot_find(const char *name);

typedef struct plot_files {
    const char *out; /* F.svg or F.png; NULL: plots/KIND.svg beside the database */
    bool terminal;   /* print it instead */
    bool keep;       /* KIND.gp and KIND.tsv stay beside the picture */
} plot_files;

/* ERR_USAGE where the picture has neither suffix, or where the files would be the database `db`. */
status plot_check(const char *db, const plot_kind *k, const plot_files *files, diags *d);

/* Draws and writes what plot_check() found fine; prints where, or the picture itself. Without
 * gnuplot the data and the script are written and the error says how to get it. */
status plot_write(store *s, const selection *sel, const plot_kind *k, const plot_files *files,
                  FILE *out, diags *d);

#endif
