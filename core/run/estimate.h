/*
 * run/estimate.h - how long a run of a plan may take, from what the database knows.
 */
#ifndef RUN_ESTIMATE_H
#define RUN_ESTIMATE_H

#include "plan/plan.h"
#include "store/store.h"

/* The mean time of done runs of the same configuration; else from the multiply-adds
 * a second of the last trainings with as many threads; NAN if there is nothing to go by. */
double estimate_seconds(store *s, const plan *p);

#endif
