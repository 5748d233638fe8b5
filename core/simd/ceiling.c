#include "simd/ceiling.h"

#include <string.h>

#include "simd/cpu.h"

#define USED(v) __asm__ volatile("" : : "r"(v) : "memory")

/* ---- any machine: as the compiler vectorizes it ---- */

static void read_plain(const void *src, void *dst, int64_t n) {
    (void)dst;
    const uint64_t *x = src;
    uint64_t all = 0;
    for (int64_t i = 0; i < n / 8; i++) all |= x[i];
    USED(all);
}

static void write_plain(const void *src, void *dst, int64_t n) {
    (void)src;
    memset(dst, 0, (size_t)n);
    USED(dst);
}

static void copy_plain(const void *src, void *dst, int64_t n) {
    memcpy(dst, src, (size_t)n);
    USED(dst);
}

enum { CHAINS = 32 };

static void sum_plain(const void *src, void *dst, int64_t n) {
    (void)dst;
    const float *x = src;
    double sum[CHAINS] = {0};
    for (int64_t i = 0; i < n / 4; i += CHAINS)
        for (int k = 0; k < CHAINS; k++) sum[k] += x[i + k];
    USED(sum);
}

static void fp32_plain(const void *src, void *dst, int64_t n) {
    (void)src, (void)dst;
    float sum[CHAINS] = {0};
    for (int64_t i = 0; i < n; i += 2 * CHAINS)
        for (int k = 0; k < CHAINS; k++) sum[k] = sum[k] * 0.5f + 0.5f;
    USED(sum);
}

static void int8_plain(const void *src, void *dst, int64_t n) {
    (void)src, (void)dst;
    int32_t sum[CHAINS] = {0};
    int8_t x[CHAINS] = {1}, y[CHAINS] = {1};
    for (int64_t i = 0; i < n; i += 2 * CHAINS) {
        USED(x);
        for (int k = 0; k < CHAINS; k++) sum[k] += x[k] * y[k];
    }
    USED(sum);
}

#ifdef __x86_64__

#include <immintrin.h>

/* The function is compiled for these instructions, this file is not. */
#define FOR(instructions) __attribute__((target(instructions))) static void

enum { NEAR = 0, AHEAD = 8192 }; /* bytes that are prefetched ahead, into L2 */

#define VECTORS_USED(a, b, c, d) __asm__ volatile("" : : "x"(a), "x"(b), "x"(c), "x"(d))

/* 256 bytes in an iteration; V: a vector, of `wide` bytes */
#define READ_LOOP(name, instructions, V, wide, zero, load, or, ahead)                              \
    FOR(instructions) name(const void *src, void *dst, int64_t n) {                                \
        (void)dst;                                                                                 \
        const char *p = src;                                                                       \
        V a = zero(), b = a, c = a, d = a;                                                         \
        for (int64_t i = 0; i < n; i += 256) {                                                     \
            for (int k = 0; k < 256 && ahead > 0; k += 64)                                         \
                _mm_prefetch(p + i + ahead + k, _MM_HINT_T1);                                      \
            for (int k = 0; k < 256; k += 4 * wide) {                                              \
                a = or (a, load((const void *)(p + i + k)));                                       \
                b = or (b, load((const void *)(p + i + k + wide)));                                \
                c = or (c, load((const void *)(p + i + k + 2 * wide)));                            \
                d = or (d, load((const void *)(p + i + k + 3 * wide)));                            \
            }                                                                                      \
        }                                                                                          \
        VECTORS_USED(a, b, c, d);                                                                  \
    }

/* From four places at once. */
FOR("avx512f") read_512_four(const void *src, void *dst, int64_t n) {
    (void)dst;
    const char *p = src;
    __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
    for (int64_t i = 0, q = n / 4; i < q; i += 64) {
        a = _mm512_or_si512(a, _mm512_load_si512(p + i));
        b = _mm512_or_si512(b, _mm512_load_si512(p + q + i));
        c = _mm512_or_si512(c, _mm512_load_si512(p + 2 * q + i));
        d = _mm512_or_si512(d, _mm512_load_si512(p + 3 * q + i));
    }
    VECTORS_USED(a, b, c, d);
}

FOR("avx2") read_256_four(const void *src, void *dst, int64_t n) {
    (void)dst;
    const char *p = src;
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    for (int64_t i = 0, q = n / 4; i < q; i += 32) {
        a = _mm256_or_si256(a, _mm256_load_si256((const void *)(p + i)));
        b = _mm256_or_si256(b, _mm256_load_si256((const void *)(p + q + i)));
        c = _mm256_or_si256(c, _mm256_load_si256((const void *)(p + 2 * q + i)));
        d = _mm256_or_si256(d, _mm256_load_si256((const void *)(p + 3 * q + i)));
    }
    VECTORS_USED(a, b, c, d);
}

#define WRITE_LOOP(name, instructions, V, wide, zero, store)                                       \
    FOR(instructions) name(const void *src, void *dst, int64_t n) {                                \
        (void)src;                                                                                 \
        char *q = dst;                                                                             \
        V a = zero();                                                                              \
        for (int64_t i = 0; i < n; i += 256)                                                       \
            for (int k = 0; k < 256; k += wide) store((void *)(q + i + k), a);                     \
        _mm_sfence();                                                                              \
    }

#define COPY_LOOP(name, instructions, wide, load, store, ahead)                                    \
    FOR(instructions) name(const void *src, void *dst, int64_t n) {                                \
        const char *p = src;                                                                       \
        char *q = dst;                                                                             \
        for (int64_t i = 0; i < n; i += 256) {                                                     \
            for (int k = 0; k < 256 && ahead > 0; k += 64)                                         \
                _mm_prefetch(p + i + ahead + k, _MM_HINT_T1);                                      \
            for (int k = 0; k < 256; k += wide)                                                    \
                store((void *)(q + i + k), load((const void *)(p + i + k)));                       \
        }                                                                                          \
        _mm_sfence();                                                                              \
    }

READ_LOOP(read_256, "avx2", __m256i, 32, _mm256_setzero_si256, _mm256_load_si256, _mm256_or_si256,
          NEAR)
READ_LOOP(read_256_ahead, "avx2", __m256i, 32, _mm256_setzero_si256, _mm256_load_si256,
          _mm256_or_si256, AHEAD)
READ_LOOP(read_512, "avx512f", __m512i, 64, _mm512_setzero_si512, _mm512_load_si512,
          _mm512_or_si512, NEAR)
READ_LOOP(read_512_ahead, "avx512f", __m512i, 64, _mm512_setzero_si512, _mm512_load_si512,
          _mm512_or_si512, AHEAD)
WRITE_LOOP(write_256, "avx2", __m256i, 32, _mm256_setzero_si256, _mm256_store_si256)
WRITE_LOOP(write_256_past, "avx2", __m256i, 32, _mm256_setzero_si256, _mm256_stream_si256)
WRITE_LOOP(write_512, "avx512f", __m512i, 64, _mm512_setzero_si512, _mm512_store_si512)
WRITE_LOOP(write_512_past, "avx512f", __m512i, 64, _mm512_setzero_si512, _mm512_stream_si512)
COPY_LOOP(copy_256, "avx2", 32, _mm256_load_si256, _mm256_store_si256, NEAR)
COPY_LOOP(copy_256_past, "avx2", 32, _mm256_load_si256, _mm256_stream_si256, AHEAD)
COPY_LOOP(copy_512, "avx512f", 64, _mm512_load_si512, _mm512_store_si512, NEAR)
COPY_LOOP(copy_512_ahead, "avx512f", 64, _mm512_load_si512, _mm512_store_si512, AHEAD)
COPY_LOOP(copy_512_past, "avx512f", 64, _mm512_load_si512, _mm512_stream_si512, AHEAD)

/* Sums of their own, in registers: no addition waits for another. Twelve hide the latency of
 * two products in a cycle. */
#define EIGHT(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define TWELVE(X) EIGHT(X) X(8) X(9) X(10) X(11)
#define USE_SUM(k) __asm__ volatile("" : : "x"(s##k));

#define SUM_LOOP(name, instructions, V, lanes, zero, load, convert, add)                           \
    FOR(instructions) name(const void *src, void *dst, int64_t n) {                                \
        (void)dst;                                                                                 \
        const float *x = src;                                                                      \
        V s0 = zero(), s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0;              \
        for (int64_t i = 0; i < n / 4; i += 8 * lanes) {                                           \
            _mm_prefetch((const char *)(x + i) + AHEAD, _MM_HINT_T1);                              \
            if (lanes == 8) _mm_prefetch((const char *)(x + i) + AHEAD + 64, _MM_HINT_T1);         \
            if (lanes == 8) _mm_prefetch((const char *)(x + i) + AHEAD + 128, _MM_HINT_T1);        \
            if (lanes == 8) _mm_prefetch((const char *)(x + i) + AHEAD + 192, _MM_HINT_T1);        \
            s0 = add(s0, convert(load(x + i))), s1 = add(s1, convert(load(x + i + lanes)));        \
            s2 = add(s2, convert(load(x + i + 2 * lanes)));                                        \
            s3 = add(s3, convert(load(x + i + 3 * lanes)));                                        \
            s4 = add(s4, convert(load(x + i + 4 * lanes)));                                        \
            s5 = add(s5, convert(load(x + i + 5 * lanes)));                                        \
            s6 = add(s6, convert(load(x + i + 6 * lanes)));                                        \
            s7 = add(s7, convert(load(x + i + 7 * lanes)));                                        \
        }                                                                                          \
        EIGHT(USE_SUM)                                                                             \
    }

SUM_LOOP(sum_256, "avx2", __m256d, 4, _mm256_setzero_pd, _mm_load_ps, _mm256_cvtps_pd,
         _mm256_add_pd)
SUM_LOOP(sum_512, "avx512f", __m512d, 8, _mm512_setzero_pd, _mm256_load_ps, _mm512_cvtps_pd,
         _mm512_add_pd)

/* On twelve sums from `first` on: STEP(k) for each, `operations` in all. */
#define PEAK_LOOP(name, instructions, V, first, x_is, STEP, operations)                            \
    FOR(instructions) name(const void *src, void *dst, int64_t n) {                                \
        (void)src, (void)dst;                                                                      \
        V x = x_is, s0 = first, s1 = s0, s2 = s0, s3 = s0, s4 = s0, s5 = s0, s6 = s0, s7 = s0,     \
          s8 = s0, s9 = s0, s10 = s0, s11 = s0;                                                    \
        for (int64_t i = 0; i < n; i += operations) {                                              \
            TWELVE(STEP)                                                                           \
        }                                                                                          \
        TWELVE(USE_SUM)                                                                            \
    }

/* In assembler: compilers would merge sums that are equal; and gcc 12 copies those of the
 * intrinsic of vpdpbusd. */
#define FUSED(k) __asm__ volatile("vfmadd231ps %1, %1, %0" : "+x"(s##k) : "x"(x));
#define DOT(k) __asm__ volatile("vpdpbusd %1, %1, %0" : "+x"(s##k) : "x"(x));

PEAK_LOOP(fp32_256, "avx2,fma", __m256, _mm256_setzero_ps(), _mm256_set1_ps(0.5f), FUSED,
          2 * 12 * 8)
PEAK_LOOP(fp32_512, "avx512f", __m512, _mm512_setzero_ps(), _mm512_set1_ps(0.5f), FUSED,
          2 * 12 * 16)
PEAK_LOOP(int8_256_vnni, "avx512f,avx512vl,avx512vnni", __m256i, _mm256_setzero_si256(),
          _mm256_set1_epi8(1), DOT, 2 * 12 * 32)
PEAK_LOOP(int8_512_vnni, "avx512f,avx512vl,avx512vnni", __m512i, _mm512_setzero_si512(),
          _mm512_set1_epi8(1), DOT, 2 * 12 * 64)

FOR("avx2") int8_256(const void *src, void *dst, int64_t n) {
    (void)src, (void)dst;
    __m256i x = _mm256_set1_epi8(1), one = _mm256_set1_epi16(1), s0 = one, s1 = one, s2 = one;
    for (int64_t i = 0; i < n; i += 3 * 64) {
#define PAIRS(k)                                                                                   \
    __asm__ volatile("" : "+x"(x)); /* each product is computed */                                 \
    s##k = _mm256_add_epi32(s##k, _mm256_madd_epi16(_mm256_maddubs_epi16(x, x), one));
        PAIRS(0) PAIRS(1) PAIRS(2)
    }
    VECTORS_USED(s0, s1, s2, x);
}

#endif

const ceiling_loop ceiling_loops[] = {
    {"plain C", CEILING_READ, 0, read_plain},
    {"memset", CEILING_WRITE, 0, write_plain},
    {"memcpy", CEILING_COPY, 0, copy_plain},
    {"plain C", CEILING_SUM, 0, sum_plain},
    {"plain C", CEILING_FP32, 0, fp32_plain},
    {"plain C", CEILING_INT8, 0, int8_plain},
#ifdef __x86_64__
    {"256 bits", CEILING_READ, CPU_AVX2, read_256},
    {"256 bits, prefetched", CEILING_READ, CPU_AVX2, read_256_ahead},
    {"512 bits", CEILING_READ, CPU_AVX512, read_512},
    {"512 bits, prefetched", CEILING_READ, CPU_AVX512, read_512_ahead},
    {"256 bits, four places", CEILING_READ, CPU_AVX2, read_256_four},
    {"512 bits, four places", CEILING_READ, CPU_AVX512, read_512_four},
    {"256 bits", CEILING_WRITE, CPU_AVX2, write_256},
    {"256 bits, non-temporal", CEILING_WRITE, CPU_AVX2, write_256_past},
    {"512 bits", CEILING_WRITE, CPU_AVX512, write_512},
    {"512 bits, non-temporal", CEILING_WRITE, CPU_AVX512, write_512_past},
    {"256 bits", CEILING_COPY, CPU_AVX2, copy_256},
    {"256 bits, non-temporal", CEILING_COPY, CPU_AVX2, copy_256_past},
    {"512 bits", CEILING_COPY, CPU_AVX512, copy_512},
    {"512 bits, prefetched", CEILING_COPY, CPU_AVX512, copy_512_ahead},
    {"512 bits, non-temporal", CEILING_COPY, CPU_AVX512, copy_512_past},
    {"256 bits", CEILING_SUM, CPU_AVX2, sum_256},
    {"512 bits", CEILING_SUM, CPU_AVX512, sum_512},
    {"256 bits", CEILING_FP32, CPU_AVX512, fp32_256}, /* which has FMA; AVX2 alone may not */
    {"512 bits", CEILING_FP32, CPU_AVX512, fp32_512},
    {"vpmaddubsw, 256 bits", CEILING_INT8, CPU_AVX2, int8_256},
    {"vpdpbusd, 256 bits", CEILING_INT8, CPU_AVX512 | CPU_VNNI, int8_256_vnni},
    {"vpdpbusd, 512 bits", CEILING_INT8, CPU_AVX512 | CPU_VNNI, int8_512_vnni},
#endif
};
const int ceiling_n_loops = sizeof ceiling_loops / sizeof *ceiling_loops;
