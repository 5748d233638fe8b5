/*
 * run/job.h - one run of a plan, as each kind of experiment gets it.
 */
#ifndef RUN_JOB_H
#define RUN_JOB_H

#include "plan/plan.h"
#include "store/store.h"

typedef struct run_job {
    const plan *p;
    uint64_t seed;
    const dataset *train, *test; /* empty where the kind needs none */
    store *s;
    int64_t run;     /* its row, status `running` */
    const char *dir; /* exists; for its files */
    const char *rel; /* the same, relative to the database */
    bool talkative;  /* say each evaluation; else with --verbose only */
} run_job;

#endif
