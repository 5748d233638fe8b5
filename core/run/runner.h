/*
 * run/runner.h - a plan, run by run: what is done already is skipped, what fails
 * is recorded and does not stop the others.
 */
#ifndef RUN_RUNNER_H
#define RUN_RUNNER_H

#include "plan/plan.h"
#include "store/store.h"

/* Loads the spec and builds its plan; both open afterwards, also on failure. */
status runner_plan(const char *path, const char *const *settings, int n_settings, const registry *r,
                   spec *s, plan *p, diags *d);

/* Runs every point that is not done (all of them with `again`). runs: for each run
 * of the plan the row that has its numbers, -1 for none; free() it. A failed run
 * makes ERR_FAILED after the others; a signal makes ERR_INTERRUPTED. */
status runner_run(const plan *p, store *s, bool again, diags *d, int64_t **runs);

/* Which runs of a plan are done: their uids, "" for the others. */
void runner_done(const plan *p, store *s, char (*uids)[STORE_UID]);

#endif
