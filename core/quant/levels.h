/*
 * quant/levels.h - from a scheme's levels to the numbers that its kernels want:
 * the short way of plugin.h.
 */
#ifndef QUANT_LEVELS_H
#define QUANT_LEVELS_H

#include "quant/quantizer.h"

/* Sets kind, *_at, median_gap, steps and info.zero_code from info; NULL or what
 * is wrong with it (the plugin's fault). */
const char *levels_prepare(quantizer *q);

/* The median gap of n >= 2 ascending levels; the lower median, so that it is one of
 * the gaps. */
float levels_median_gap(const float *levels, int n);

/* The largest magnitude among the levels. Not for LEVELS_OWN. */
float levels_outermost(const quantizer *q);

/* Do all levels decode to finite numbers under each of these rows? Not for LEVELS_OWN. */
bool levels_are_finite(const quantizer *q, const float *meta, int64_t groups);

/* Groups of a tile or a piece of one, for every kind but LEVELS_OWN. u: groups * n
 * numbers in [0, 1), read for ROUND_STOCHASTIC only. */
void levels_encode(const quantizer *q, const float *meta, const float *x, int64_t groups, int64_t n,
                   const float *u, uint8_t *code);
void levels_decode(const quantizer *q, const float *meta, const uint8_t *code, int64_t groups,
                   int64_t n, float *y);

/* What the codes of x are decoded to, at most PIECE_MAX elements. y may be x. */
void levels_fake(const quantizer *q, const float *meta, const float *x, int64_t groups, int64_t n,
                 const float *u, float *y);

/* Sums over x and its decoded codes before their rounding to float: what the error metrics
 * are measured on. At most PIECE_MAX elements. */
void levels_error(const quantizer *q, const float *meta, const float *x, const uint8_t *code,
                  int64_t groups, int64_t n, error_sums *out);

#endif
