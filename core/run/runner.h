/*
 * run/runner.h - a study, run by run: what is done already is skipped, what fails is
 * recorded and (unless `sweep.on_failure: stop`) does not stop the others.
 */
#ifndef RUN_RUNNER_H
#define RUN_RUNNER_H

#include "plan/study.h"
#include "store/store.h"

/* study_open() with this program's numeric version. */
status runner_study(study *t, const char *path, const char *const *settings, int n_settings,
                    const registry *r, diags *d);

/* Makes every run that is not done (all of them with `again`). rows: for each run of
 * the study the row that has its numbers, -1 for none; free() it. A failed run makes
 * ERR_FAILED after the others; a signal makes ERR_INTERRUPTED. */
status runner_run(const study *t, store *s, bool again, diags *d, int64_t **rows);

/* Which runs of a study are done: their uids, "" for the others. */
status runner_done(const study *t, store *s, char (*uids)[STORE_UID], diags *d);

#endif
