/*
 * util/hash.h - SHA-256 (FIPS 180-4), the one hash of the project: of weights,
 * data files, plugins and configurations.
 */
#ifndef UTIL_HASH_H
#define UTIL_HASH_H

#include <stddef.h>
#include <stdint.h>

enum { HASH_HEX = 65 }; /* 64 hex digits and the final NUL */

typedef struct hasher {
    uint32_t state[8];
    uint64_t bytes;
    uint8_t block[64];
} hasher;

void hash_init(hasher *h);
void hash_add(hasher *h, const void *data, size_t n);
void hash_end(hasher *h, char hex[HASH_HEX]);
void hash_bytes(const void *data, size_t n, char hex[HASH_HEX]);

#endif
