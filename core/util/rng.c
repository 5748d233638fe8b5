#include "util/rng.h"

static void round_once(uint32_t c[4], uint32_t k0, uint32_t k1) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c[0], p1 = (uint64_t)0xCD9E8D57u * c[2];
    uint32_t a = (uint32_t)(p1 >> 32) ^ c[1] ^ k0, b = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
    c[0] = a, c[1] = (uint32_t)p1, c[2] = b, c[3] = (uint32_t)p0;
}

void rng_block(uint64_t key, uint64_t counter, uint32_t out[4]) {
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    out[0] = (uint32_t)counter, out[1] = (uint32_t)(counter >> 32), out[2] = 0, out[3] = 0;
    for (int i = 0; i < 10; i++) {
        round_once(out, k0, k1);
        k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    }
}

/* One step of splitmix64 (Steele, Lea, Flood 2014): a good mixer of 64 bits. */
static uint64_t mix(uint64_t z) {
    z += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

uint64_t rng_key(uint64_t seed, rng_stream stream, uint64_t a, uint64_t b) {
    uint64_t key = mix(mix(mix(mix(seed) ^ (uint64_t)stream) ^ a) ^ b);
    return key != 0 ? key : 1; /* key 0 means evaluation */
}

uint32_t rng_u32(uint64_t key, uint64_t i) {
    uint32_t out[4];
    rng_block(key, i / 4, out);
    return out[i % 4];
}

float rng_uniform(uint64_t key, uint64_t i) { return (float)(rng_u32(key, i) >> 8) * 0x1p-24f; }

/* A number below n without bias: the last, incomplete run of n numbers below 2^64
 * is rejected. Each try takes the next 64-bit number of this key. */
static uint64_t below(uint64_t key, uint64_t *at, uint64_t n) {
    uint64_t rejected = (0 - n) % n; /* 2^64 mod n */
    for (;;) {
        uint32_t out[4];
        rng_block(key, (*at)++, out);
        uint64_t x = (uint64_t)out[0] << 32 | out[1];
        if (x >= rejected) return x % n;
    }
}

void rng_permutation(uint64_t key, int64_t n, int64_t *order) {
    uint64_t at = 0;
    for (int64_t i = 0; i < n; i++) order[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = (int64_t)below(key, &at, (uint64_t)i + 1);
        int64_t swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
}
