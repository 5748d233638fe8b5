/*
 * run/bench_pipeline.h - what the benchmarks measure of core/quant: the one place where they
 * call it.
 */
#ifndef RUN_BENCH_PIPELINE_H
#define RUN_BENCH_PIPELINE_H

#include "quant/pipeline.h"

/* ---- codes through a packer, chunk by chunk as the container cuts them ---- */

/* How many chunks n codes are; cols: of a row. */
int64_t chunks_of(const packing *p, int64_t n, int64_t cols);

/* Packs n codes, one chunk behind the other; returns the bytes, and those of each chunk. */
int64_t chunks_pack(const packing *p, const uint8_t *code, int64_t n, int64_t cols, uint8_t *out,
                    int64_t *lengths);
/* Back; false if the packer says that they are damaged. */
bool chunks_unpack(const packing *p, const uint8_t *bytes, const int64_t *lengths, int64_t n,
                   int64_t cols, uint8_t *code);

/* ---- a tensor (rows, q.cols) through scheme and packer ---- */

typedef struct pipeline {
    quantizer q;
    packing p;
    int64_t rows;  /* of a call */
    uint8_t *code; /* of the metrics; NULL: not asked for yet */
} pipeline;

/* ERR_SPEC, ERR_PLUGIN: the scheme does not want it so. Not to be moved once it is open.
 * pipeline_close() always. */
status pipeline_open(pipeline *l, const quant_config *config, const plugin_choice *packer,
                     int64_t rows, int64_t cols, diags *d);
void pipeline_close(pipeline *l);

/* The most bytes that the packed codes need. */
int64_t pipeline_bound(const pipeline *l);

/* Fit, encode, pack: metadata and bytes of x; returns how many, -1 if x does not go. What was
 * packed is not unpacked again, as a file's is. */
int64_t pipeline_quantize(const pipeline *l, const float *x, float *meta, uint8_t *out);
/* Unpack, decode. */
bool pipeline_dequantize(const pipeline *l, const float *meta, const uint8_t *bytes,
                         int64_t n_bytes, float *y);

/* The sums of all metrics of x and its codes, which the first call makes. */
void pipeline_metrics(pipeline *l, const float *x, const float *meta, error_sums *sums);

#endif
