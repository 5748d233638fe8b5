/*
 * report/sensitivity.h - which layers bear quantization, as a ranked table.
 */
#ifndef REPORT_SENSITIVITY_H
#define REPORT_SENSITIVITY_H

#include "store/store.h"

/* For each candidate and site the layers, the most sensitive first: by the first of
 * kl_logits, loss_delta, accuracy_delta, sqnr_out that was measured. The numbers are
 * means over those of the runs (ids, -1 left out) that have them; of one run with
 * standard errors over its samples. Prints nothing where nothing was measured. */
status report_sensitivity(store *s, const int64_t *runs, int n, FILE *out, diags *d);

#endif
