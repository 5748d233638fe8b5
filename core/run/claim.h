/*
 * run/claim.h - which runs are being made at this moment, over all processes.
 *
 * The process that makes a run holds a lock on a file in the run's folder. The system
 * drops the lock with the process, however that ends, so a row `running` whose file
 * is not locked belongs to nobody: it is recorded as interrupted.
 */
#ifndef RUN_CLAIM_H
#define RUN_CLAIM_H

#include "store/store.h"

/* Locks DIR/lock; before the run's row can be seen by others. */
status claim_take(const char *dir, diags *d, int *claim);
void claim_release(const char *dir, int claim);

/* Records the runs of dead processes as interrupted, and says so. */
status claim_recover(store *s, diags *d);

#endif
