/*
 * run/tensors.h - kind: tensors. A scheme on tensors without a network.
 */
#ifndef RUN_TENSORS_H
#define RUN_TENSORS_H

#include "run/job.h"

/* Quantizes and measures each tensor of the plan's source and writes the run's rows:
 * a tensor as a layer, and mse and sqnr_db over all. */
status tensors_run(const run_job *j, diags *d);

#endif
