/*
 * run/sensitivity.h - which layers of a network bear quantization.
 *
 * One place (a site of a layer) at a time is compared in two networks that differ in
 * nothing else: F, where it is float, and Q, where a candidate quantizes it.
 *
 *   leave_one_in   everything else is float
 *   leave_one_out  the same site of all chosen layers is quantized with the candidate
 *
 *   sqnr_out        10 log10(sum y_F^2 / sum (y_F - y_Q)^2), y the layer's output
 *   kl_logits       mean over the samples of KL(softmax(z_F) || softmax(z_Q)), nats
 *   loss_delta      mean loss of Q - mean loss of F
 *   accuracy_delta  accuracy of Q - accuracy of F
 *
 * Standard errors are over the samples, of the differences; sqnr_out has none.
 */
#ifndef RUN_SENSITIVITY_H
#define RUN_SENSITIVITY_H

#include "nn/model.h"
#include "run/job.h"

typedef struct sensitivity_cell {
    double score[SCORES], standard_error[SCORES]; /* NAN: none */
} sensitivity_cell;

typedef struct sensitivity {
    const plan *p;
    sensitivity_cell *cells; /* [site][candidate][layer] */
} sensitivity;

/* Measures what the plan wants (nothing if it wants nothing) of a network with the
 * parameters of `trained`; its own quantizers play no part. The float network runs once
 * a batch, and behind a changed layer only what follows it. Results do not depend on the
 * number of threads. ERR_INTERRUPTED by a signal. sensitivity_free() always. */
status sensitivity_measure(sensitivity *s, const plan *p, const model *trained, const dataset *test,
                           diags *d);
void sensitivity_free(sensitivity *s);

/* site: 0 weights, 1 activations */
const sensitivity_cell *sensitivity_at(const sensitivity *s, int site, int candidate, int layer);

/* The rows, between store_begin() and store_commit(), behind those of the layers. */
void sensitivity_rows(const sensitivity *s, const run_job *j);

#endif
