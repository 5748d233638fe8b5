/*
 * run/parity.h - does another process that sees only the packed file predict what the
 * run predicted?
 */
#ifndef RUN_PARITY_H
#define RUN_PARITY_H

#include "run/evaluate.h"

typedef struct parity_job {
    const char *packed;      /* the file */
    const char *dir;         /* for the other's predictions, while it lives */
    const data_source *test; /* of the run */
    const evaluation *own;   /* of the run, on all of it */
    int64_t samples;         /* to compare, from the first on; 0: all */
} parity_job;

typedef struct parity_result {
    int64_t samples, differences; /* predictions that differ */
    bool logits_equal;            /* bit for bit */
} parity_result;

/* Evaluates the file with `quantbench eval` in a process of its own, with our threads
 * and kernels. ERR_FAILED if that process does not manage to (with what it said), or
 * ERR_PEER if it died. What differs is only counted. */
status parity_measure(const parity_job *j, parity_result *out, diags *d);

/* ERR_FAILED if more predictions than the share `tolerance` differ; with tolerance 0
 * also if logits do. */
status parity_verdict(const parity_result *r, double tolerance, diags *d);

#endif
