/*
 * quant/metrics.h - the metrics of one quantized tensor.
 */
#ifndef QUANT_METRICS_H
#define QUANT_METRICS_H

#include "quant/pipeline.h"

/* e = x - y, y the decoded x before its rounding to float (quantizer_error()): the
 * error of the quantizer, without that of float32. Not finite where undefined (JSON:
 * null). */
typedef struct tensor_metrics {
    int64_t n;
    double mse;             /* mean e^2                                  */
    double mae;             /* mean |e|                                  */
    double max_abs_error;   /* max |e|                                   */
    double sqnr_db;         /* 10 log10(sum x^2 / sum e^2); inf if e = 0 */
    double cosine;          /* of x and y                                */
    double sparsity;        /* share of y that is 0                      */
    double code_entropy;    /* bits for each code, plug-in estimate      */
    double nominal_bits;    /* log2 of the number of levels              */
    double bits_per_weight; /* packed_bytes * 8 / n                      */
    int64_t packed_bytes;   /* payload, the packer's own bytes, metadata */
    double vs_f32, vs_i8;   /* bytes as float32 or int8 / packed_bytes   */
} tensor_metrics;

/* Metrics of a (rows, q->cols) tensor x and what quant_pack() made of it, codes included. */
tensor_metrics tensor_metrics_of(const quantizer *q, const float *x, const quant_packed *o,
                                 int64_t rows);

#endif
