/*
 * run/qat.h - kind: qat. Trains a network of the plan for one seed and records it.
 */
#ifndef RUN_QAT_H
#define RUN_QAT_H

#include "run/job.h"

/* Trains, measures, saves the weights and writes the run's final rows (not its
 * status) in one transaction. ERR_FAILED: diverged; ERR_INTERRUPTED: by a signal. */
status qat_run(const run_job *j, diags *d);

#endif
