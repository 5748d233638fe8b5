/*
 * quant/quantizer.h - one scheme at one site of a model: the place where plugins
 * meet tensors. Fake quantization in training, post-training quantization and
 * packing all come through here.
 *
 * A tensor is a matrix (rows, cols) of floats in C order. Metadata is
 * (groups, n_meta), codes are (rows, cols) bytes. Calls cut the work into tiles
 * and spread them over the threads; results do not depend on either.
 */
#ifndef QUANT_QUANTIZER_H
#define QUANT_QUANTIZER_H

#include "host/instance.h"
#include "quant/layout.h"
#include "quant/stored.h"
#include "simd/kernels.h"

/* What a spec says of a site. */
typedef struct quant_config {
    plugin_choice scheme; /* plugin NULL: the site stays float */
    granularity granularity;
    int64_t group_size; /* 0: the scheme's own, else 128 */
    bool ragged_short;  /* a row's last group may be shorter; else that is an error */
    scale_dtype scale_dtype;
    rounding round;
    place at; /* of the scheme's name, for messages; file NULL: none */
} quant_config;

typedef enum level_kind {
    LEVELS_AFFINE,    /* consecutive integers                   */
    LEVELS_THRESHOLD, /* three, by a threshold in units of x    */
    LEVELS_FLOAT,     /* those of a small float, to the nearest */
    LEVELS_STEPS,     /* any ascending numbers                  */
    LEVELS_OWN,       /* the plugin has its own encode, decode  */
} level_kind;

typedef struct quantizer {
    char *site; /* "fc1.weight" */
    bool activation;
    instance scheme;
    qb_scheme_info info;
    quant_config config; /* granularity and group_size resolved */
    const qb_scheme *table;
    int64_t rows_max, cols;
    level_kind kind;
    int scale_at, zero_at, offset_at, threshold_at; /* in a metadata row; -1: absent */
    float median_gap;                               /* of two neighbouring levels, in level units */
    small_float floats; /* LEVELS_FLOAT                                     */
    float steps[255];   /* LEVELS_STEPS without a zero: where the next code begins */
    status data_error;  /* what a NaN or an unstorable scale is: ERR_INPUT, ERR_FAILED */
} quantizer;

/* `rows` is the most that a call will have (activations: tokens of a batch). */
status quantizer_open(quantizer *q, const quant_config *config, const char *site, bool activation,
                      int64_t rows, int64_t cols, diags *d);
void quantizer_close(quantizer *q);

layout quantizer_layout(const quantizer *q, int64_t rows);
int64_t quantizer_groups(const quantizer *q, int64_t rows);
/* Bits of stored metadata for each group. */
int quantizer_meta_bits(const quantizer *q);

/* Metadata of x, rounded to its stored form. Fails, naming site and element, on
 * NaN and infinity, on metadata that is not finite or cannot be stored, and, naming
 * the group, on levels that decode to infinity (values near FLT_MAX). */
status quantizer_fit(const quantizer *q, const float *x, int64_t rows, float *meta, diags *d);
void quantizer_encode(const quantizer *q, const float *x, int64_t rows, const float *meta,
                      uint64_t key, uint8_t *code);
void quantizer_decode(const quantizer *q, const uint8_t *code, int64_t rows, const float *meta,
                      float *y);
/* y = decode(encode(x)) with fresh metadata, tile by tile. key 0: evaluation. */
status quantizer_fake(const quantizer *q, const float *x, int64_t rows, uint64_t key, float *meta,
                      float *y, diags *d);

/* Sums over x and its decoded codes. The decoded values are taken before their
 * rounding to float (of a scheme with its own decode(): after it), so that the
 * error is the quantizer's alone. */
void quantizer_error(const quantizer *q, const float *x, const uint8_t *code, int64_t rows,
                     const float *meta, error_sums *out);

/* The decoded levels [n_levels] under one metadata row. */
void quantizer_levels(const quantizer *q, const float *meta, float *levels);
/* Where clipping starts, and the median gap of two levels. */
void quantizer_bounds(const quantizer *q, const float *meta, float *lo, float *hi, float *step);

/* "int4 channel" style name for tables: scheme with the parameters that were given. */
char *quantizer_label(const quantizer *q);

#endif
