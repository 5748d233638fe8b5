/*
 * report/runs.h - runs as tables and as JSON: `ls`, `info` and what `run` prints
 * at its end.
 */
#ifndef REPORT_RUNS_H
#define REPORT_RUNS_H

#include "store/store.h"

/* All runs, the oldest first; limit 0: all, else the newest so many. */
status report_list(store *s, int64_t limit, bool json, FILE *out, diags *d);

/* These runs (ids, -1 left out), and mean and deviation where there are several. */
status report_results(store *s, const int64_t *runs, int n, bool json, FILE *out, diags *d);

/* The quantized places of a run and their metrics, as text. */
status report_quantizers(store *s, int64_t run, FILE *out, diags *d);

/* Everything about one run. */
status report_info(store *s, int64_t run, bool json, FILE *out, diags *d);

#endif
