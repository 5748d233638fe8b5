/*
 * run/run_row.h - the rows of a run that do not depend on what it does: its place in
 * the study, settings, plugins, inputs, environment, and how it ended.
 */
#ifndef RUN_RUN_ROW_H
#define RUN_RUN_ROW_H

#include "plan/study.h"
#include "store/store.h"

typedef struct run_row {
    int64_t id;
    char uid[STORE_UID];
    char *dir, *rel; /* of its files; rel: relative to the database */
    int claim;
    double start, start_cpu;
} run_row;

/* Makes row, folder and claim of run i of the study. */
status run_row_begin(run_row *row, const study *t, int i, int64_t sweep_row, store *s, diags *d);

/* Records the sweep of a study with its points; *sweep_row 0: it has none. */
status run_row_sweep(const study *t, store *s, int64_t *sweep_row, diags *d);

/* Records how it ended; why: its errors, the first one is kept. Frees the row. */
status run_row_end(run_row *row, store *s, status result, const diags *why, diags *d);

#endif
