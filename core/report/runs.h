/*
 * report/runs.h - runs as tables and as JSON: `ls`, `info` and what `run` prints
 * at its end.
 */
#ifndef REPORT_RUNS_H
#define REPORT_RUNS_H

#include "report/rows.h"
#include "store/store.h"

typedef struct report_filter {
    const char *experiment, *status; /* NULL: all */
    int64_t limit;                   /* 0: all, else the newest so many of these */
} report_filter;

/* Runs, the oldest first. */
status report_list(store *s, const report_filter *f, rows_format format, FILE *out, diags *d);

/* These runs (ids, -1 left out) under the labels they have here (a run that was done before
 * may have another), and mean and deviation where there are several. */
status report_results(store *s, const int64_t *runs, const char *const *labels, int n,
                      rows_format format, FILE *out, diags *d);

/* The quantized places of a run and their metrics, as text. */
status report_quantizers(store *s, int64_t run, FILE *out, diags *d);

/* Everything about one run. */
status report_info(store *s, int64_t run, bool json, FILE *out, diags *d);

#endif
