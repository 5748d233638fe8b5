/*
 * run/qat.h - kind: qat. Trains a network of the plan for one seed and records it.
 */
#ifndef RUN_QAT_H
#define RUN_QAT_H

#include "plan/plan.h"
#include "store/store.h"

typedef struct qat_job {
    const plan *p;
    uint64_t seed;
    const dataset *train, *test;
    store *s;
    int64_t run;     /* its row, status `running` */
    const char *dir; /* exists; for its files */
    const char *rel; /* the same, relative to the database */
    bool talkative;  /* say each evaluation; else with --verbose only */
} qat_job;

/* Trains, measures, saves the weights and writes the run's final rows (not its
 * status) in one transaction. ERR_FAILED: diverged; ERR_INTERRUPTED: by a signal. */
status qat_run(const qat_job *j, diags *d);

#endif
