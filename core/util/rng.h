/*
 * util/rng.h - counter-based random numbers: Philox4x32-10 (Salmon, Moraes,
 * Dror, Shaw 2011, "Parallel random numbers: as easy as 1, 2, 3").
 *
 * A number is a function of (key, counter), so it does not depend on threads,
 * on the order of calls or on an interruption. Keys are derived, never shared:
 * every use (init, shuffle, noise of a site at a step) has its own.
 */
#ifndef UTIL_RNG_H
#define UTIL_RNG_H

#include <stdint.h>

/* What a key is for; part of the key. Append only: the values decide results. */
typedef enum rng_stream {
    RNG_INIT = 1,    /* weights of a layer: a = layer        */
    RNG_SHUFFLE = 2, /* order of an epoch: a = epoch         */
    RNG_SITE = 3,    /* a quantizer: a = site, b = step      */
    RNG_GLYPH = 4,   /* a sample of the embedded data set: a = sample */
    RNG_TENSOR = 5,  /* an element of a random tensor: a = element    */
} rng_stream;

uint64_t rng_key(uint64_t seed, rng_stream stream, uint64_t a, uint64_t b);

/* The four 32-bit numbers of block `counter`. */
void rng_block(uint64_t key, uint64_t counter, uint32_t out[4]);

/* Number i of the key's sequence: lane i % 4 of block i / 4. */
uint32_t rng_u32(uint64_t key, uint64_t i);
float rng_uniform(uint64_t key, uint64_t i); /* [0, 1), 24 bits */

/* order[0..n-1] = a permutation of 0..n-1 (Fisher-Yates, unbiased). */
void rng_permutation(uint64_t key, int64_t n, int64_t *order);

#endif
