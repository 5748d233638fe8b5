/*
 * run/eval_file.h - a file of a model on the test set of some data: `quantbench eval`.
 */
#ifndef RUN_EVAL_FILE_H
#define RUN_EVAL_FILE_H

#include "host/registry.h"
#include "run/evaluate.h"

typedef struct eval_job {
    /* a packed model, or float or latent weights: for these the spec says the model */
    const char *model;
    const char *data; /* a spec file, or "{...}": the keys of data.test */
    const char *const *settings;
    int n_settings;                             /* of --set, for a spec file */
    const char *predictions_path, *logits_path; /* .npy to write; NULL: not */
    const char *expect_logits;                  /* SHA-256 that they must have; NULL: any */
} eval_job;

typedef struct eval_result {
    const char *format; /* "packed", "weights" */
    double accuracy, loss, bits_per_weight;
    int64_t samples, classes;
    char predictions_sha256[HASH_HEX], logits_sha256[HASH_HEX];
    double seconds; /* loading and evaluating */
} eval_result;

/* ERR_FAILED if the logits are not those expected: *out is filled then as well
 * (out->format is NULL as long as it is not). */
status eval_file(const eval_job *j, const registry *r, eval_result *out, diags *d);

#endif
