/*
 * io/erasure.h - CRC32C and Reed-Solomon codes of blocks, both by ISA-L.
 *
 * CRC32C is that of RFC 3720 (polynomial 0x1EDC6F41, reflected, start and end
 * inverted): it finds every change of up to 3 bits and every burst of up to 32 bits in
 * a block of any length here, and misses any other with probability 2^-32.
 *
 * The code is systematic over GF(2^8) with the polynomial 0x11D. Parity block r of n
 * data blocks is the sum of 1 / ((n + r) xor j) times data block j: a Cauchy matrix,
 * whose square parts can all be inverted, so that any `parity` lost blocks come back.
 */
#ifndef IO_ERASURE_H
#define IO_ERASURE_H

#include <stdbool.h>
#include <stdint.h>

enum { ERASURE_DATA = 128, ERASURE_PARITY = 32 }; /* the most blocks of a stripe */

uint32_t crc32c(const void *data, int64_t n);

/* Makes the parity blocks of `n` data blocks; all have `bytes` bytes. */
void erasure_encode(uint8_t *const *data, int n, uint8_t *const *out, int parity, int bytes);

/* block: n data blocks, then the parity blocks; lost: which of them are to be taken for
 * damaged. Makes the lost data blocks again, in place (parity: erasure_encode). False,
 * with nothing changed, if more blocks are lost than there is parity. */
bool erasure_restore(uint8_t *const *block, const bool *lost, int n, int parity, int bytes);

#endif
