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

/* The stored form in bytes: F32 and F16 little endian; U8; E8M0 the exponent + 127,
 * 255 for 0. Each has stored_bits() / 8 bytes; QB_NOT_STORED has none. v is what
 * stored_round() gave. */
void stored_put(const qb_meta *m, scale_dtype t, float v, uint8_t *to);
float stored_get(const qb_meta *m, scale_dtype t, const uint8_t *from);

/* The name of a stored form in files: "f32", "f16", "u8", "e8m0"; NULL: not stored. */
const char *stored_name(const qb_meta *m, scale_dtype t);

#endif
