/*
 * report/selection.h - what a plot or report is about: configurations, each with
 * its seeds and its float twin.
 *
 * Numbers are those of the view v_done: of each configuration and seed the newest done
 * run that is no replica. Of a sweep, labels and twins are those of v_sweep_point,
 * whichever sweep the runs began in.
 */
#ifndef REPORT_SELECTION_H
#define REPORT_SELECTION_H

#include "store/store.h"
#include "util/str.h"
#include "util/summary.h"

typedef struct report_seed {
    int64_t run, seed;
    char uid[STORE_UID];
    double accuracy, loss, bits; /* NAN: none; accuracy of test, a fraction */
    double delta;                /* accuracy less that of the twin of this seed; NAN: no twin */
    double seconds;
} report_seed;

typedef struct report_config {
    char *config_key, *baseline_key; /* the second NULL: no twin is known */
    char *label;                     /* no two alike in a selection */
    char *experiment;
    bool is_baseline;
    int position; /* in the order of the sweep, or of the first runs */
    int twin;     /* its twin among the configurations, -1: none */
    report_seed *seeds;
    int n_seeds;
    summary accuracy, loss, bits, delta; /* over the seeds */
} report_config;

typedef enum report_column {
    COLUMN_ACCURACY,
    COLUMN_LOSS,
    COLUMN_BITS,
    COLUMN_DELTA,
} report_column;

/* What is done of one configuration, perhaps nothing; selection_config_free(). */
report_config selection_config(store *s, const char *config_key);
void selection_config_free(report_config *c);

/* a less b in the seeds that both have; ahead: in how many a has more. */
summary selection_paired(const report_config *a, const report_config *b, report_column which,
                         int *ahead);

typedef struct selection {
    char *title;    /* name of the experiment */
    int64_t sweep;  /* 0: not one sweep */
    int64_t newest; /* the newest of its runs */
    int64_t chosen; /* the run that was named; 0: none */
    report_config *configs;
    int n;
} selection;

/* selector: the name of an experiment (the sweep of it that was started last, or all that
 * is done of it) or a run (@last, a uid or its beginning): its repeats and their twin.
 * NULL: what was worked on last, a sweep or a run. ERR_STORE if there is nothing that is done.
 * selection_free() always. */
status selection_find(store *s, const char *selector, diags *d, selection *out);
void selection_free(selection *sel);

/* The sweep that was started last: of an experiment (NULL: of all), in one of its kinds
 * (NULL: in any). 0: none. */
int64_t selection_last_sweep(store *s, const char *experiment, const char *kind);

/* The query behind the numbers, for readers. */
extern const char selection_sql[];

#endif
