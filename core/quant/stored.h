/*
 * quant/stored.h - the form in which a packed file keeps metadata. fit() computes
 * in float; what follows (encode, decode, training) sees the stored number.
 */
#ifndef QUANT_STORED_H
#define QUANT_STORED_H

#include <stdbool.h>

#include <quantbench/plugin.h>

/* What `scale_dtype` of a spec names; for metadata that is QB_AS_SPEC. */
typedef enum scale_dtype { SCALE_F32 = 0, SCALE_F16 } scale_dtype;

const char *scale_dtype_name(scale_dtype t);

int stored_bits(const qb_meta *m, scale_dtype t);

/* Rounds *v to its stored form. A scale below FLT_MIN becomes 0. False if the
 * number is too large for the form (or, for QB_U8, not an integer 0..255). */
bool stored_round(const qb_meta *m, scale_dtype t, float *v);

#endif
