/*
 * simd/avx2_bmi2.c - beside avx2, for CPUs with BMI2 (Haswell, Zen 3 and later; older AMD
 * CPUs have it too, slowly): 8 codes in 64 bits are moved together and apart at once.
 */
#include "simd/kernels.h"

#include <immintrin.h>
#include <string.h>

enum { STEP = 32 };

static uint64_t load_8(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* All bits of byte k where bit k is 1. */
static uint64_t bytes_of(uint32_t bits) { return _pdep_u64(bits & 255, 0x0101010101010101) * 255; }

static int64_t bmi2_gather_other(const uint8_t *code, int64_t n, uint8_t value, uint8_t *dst) {
    const __m256i v = _mm256_set1_epi8((char)value);
    int64_t i = 0, m = 0;
    for (; i + STEP <= n; i += STEP) { /* dst + m is not beyond dst + i */
        __m256i x = _mm256_loadu_si256((const __m256i *)(code + i));
        uint32_t other = ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(x, v));
        for (int k = 0; k < STEP; k += 8, other >>= 8) {
            uint64_t together = _pext_u64(load_8(code + i + k), bytes_of(other));
            memcpy(dst + m, &together, sizeof together);
            m += __builtin_popcount(other & 255);
        }
    }
    for (; i < n; i++)
        if (code[i] != value) dst[m++] = code[i];
    memset(dst + m, 0, (size_t)(n - m));
    return m;
}

static int64_t bmi2_scatter_other(const uint8_t *from, const uint8_t *bits, int64_t n,
                                  uint8_t value, uint8_t *code) {
    const uint64_t v = value * 0x0101010101010101u;
    int64_t i = 0, m = 0;
    for (; i + 8 <= n; i += 8) { /* from + m is not beyond from + i */
        uint64_t other = bytes_of(bits[i / 8]);
        uint64_t apart = _pdep_u64(load_8(from + m), other) | (v & ~other);
        memcpy(code + i, &apart, sizeof apart);
        m += __builtin_popcount(bits[i / 8]);
    }
    for (; i < n; i++) code[i] = bits[i / 8] >> i % 8 & 1 ? from[m++] : value;
    return m;
}

const kernels kernels_avx2_bmi2 = {
    .gather_other = bmi2_gather_other,
    .scatter_other = bmi2_scatter_other,
};
