/*
 * io/blocks.h - tensor types that are blocks: a few dozen quantized values and their
 * scale. Layouts and rounding are those of the reference quantizers of ggml, which
 * GGUF files have (methods.md H.2, H.3, K); all scales are binary16, little endian.
 *
 *   Q8_0   32 values, 34 bytes: scale d, 32 int8 q; q*d. d = absmax / 127
 *   Q4_0   32 values, 18 bytes: scale d, 16 bytes of two q, element j low and element
 *          16 + j high; (q - 8)*d. d = m / -8, m the value of largest magnitude
 *   TQ1_0  256 values, 54 bytes: 48 + 4 bytes of base-3 digits t + 1, scale d; t*d,
 *          d = absmax. Byte m < 32 has the elements m + 32 n, n = 0..4, the next 16
 *          the elements 160 + m + 16 n, the last 4 the elements 240 + m + 4 n, n =
 *          0..3. A byte is ceil(256 v / 243), v of five digits, first most significant
 *   TQ2_0  256 values, 66 bytes: 64 bytes of four t + 1, scale d. For each half of 128
 *          elements byte m has the elements m + 32 n at bit 2 n
 *
 * Encoding rounds x times 1/d, both in float32 and before d becomes binary16, to the
 * nearest integer, ties away from zero (Q4_0: truncates x/d + 8.5, at most 15).
 */
#ifndef IO_BLOCKS_H
#define IO_BLOCKS_H

#include <stdbool.h>
#include <stdint.h>

#include "io/dtype.h"

/* Element i of a block. The one invalid code, 3 in TQ2_0, is NaN. */
double block_value(dtype t, const uint8_t *block, int i);

/* Encodes dtype_block(t) finite values; false if the scale does not fit binary16. */
bool block_encode(dtype t, const float *x, uint8_t *block);

#endif
