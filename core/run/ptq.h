/*
 * run/ptq.h - kinds ptq and sensitivity: the network of a file of weights, quantized
 * as it is.
 */
#ifndef RUN_PTQ_H
#define RUN_PTQ_H

#include "run/job.h"

/* Measures the network in float and quantized, its sensitivity if the spec wants it,
 * and writes the run's final rows (not its status) in one transaction. */
status ptq_run(const run_job *j, diags *d);

#endif
