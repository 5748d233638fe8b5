/*
 * util/float_bits.h - the bits of an IEEE binary32 number, and the number of bits.
 */
#ifndef UTIL_FLOAT_BITS_H
#define UTIL_FLOAT_BITS_H

#include <stdint.h>
#include <string.h>

static inline uint32_t float_bits(float x) {
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

static inline float float_from_bits(uint32_t u) {
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

#endif
