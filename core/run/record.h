/*
 * run/record.h - what every kind of run leaves of its network: layers, quantizers,
 * their metrics, the model's size, the file of its latent weights.
 */
#ifndef RUN_RECORD_H
#define RUN_RECORD_H

#include "quant/metrics.h"
#include "run/histogram.h"
#include "run/job.h"
#include "run/parity.h"

typedef struct record {
    tensor_metrics *measured;      /* of each layer; zeroed where its weights are float */
    weight_histogram *histograms;  /* of each layer */
    int64_t weights, packed_bytes; /* of the whole model */
    char sha256[HASH_HEX];         /* of the weights file */
    int64_t bytes;
    char packed_sha256[HASH_HEX]; /* of the packed model */
    int64_t packed_file_bytes;
    parity_result parity;
} record;

/* Quantizes x (rows, q->cols) and measures it, packed with the packer. */
status record_measure(const quantizer *q, const plugin_choice *packer, const float *x, int64_t rows,
                      diags *d, tensor_metrics *m);

/* Measures the network's weights, saves them as weights.safetensors and packed as
 * model.packed.safetensors, and has another process predict from the packed file what
 * `own` has. Slow, so before the transaction. record_close() always. */
status record_open(record *r, const run_job *j, model *m, const evaluation *own, diags *d);
void record_close(record *r);

/* After the rows are stored: ERR_FAILED where the other process predicted otherwise. */
status record_verdict(const record *r, const run_job *j, diags *d);

/* The rows, between store_begin() and store_commit(). */
void record_rows(const record *r, const run_job *j);

/* The rows of one quantized place: quantizer and, where m is not NULL, layer_metric. */
void record_quantizer(const run_job *j, int layer, const char *site, const plan_layer *pl,
                      const plan_site *p, const tensor_metrics *m);

/* The rows of the model's size. */
void record_size(const run_job *j, int64_t weights, int64_t packed_bytes);

#endif
