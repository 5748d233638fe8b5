/*
 * simd/avx512_vbmi.c - packing beside avx512, for CPUs with VBMI, VBMI2 and VNNI (Ice Lake,
 * Zen 4 and later): permutes of bytes across a register, fields of bits at any place.
 *
 * Ends of buffers are loaded and stored under a mask, so nothing is touched that is not
 * theirs.
 */
#include "simd/kernels.h"

#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

enum { STEP = 64 }; /* bytes of a register */

/* The first m of 64, m >= 0; all of them from 64 on. */
INLINE __mmask64 first(int64_t m) { return m >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << m) - 1; }

INLINE __m512i load(const void *p) { return _mm512_loadu_si512(p); }
INLINE void store(void *p, __m512i x) { _mm512_storeu_si512(p, x); }
INLINE __m512i load_first(const void *p, int64_t m) { return _mm512_maskz_loadu_epi8(first(m), p); }
INLINE void store_first(void *p, int64_t m, __m512i x) { _mm512_mask_storeu_epi8(p, first(m), x); }

/* ---- b bits a code: 8 codes are b bytes, and one element of 64 bits ---- */

/* Byte k of each result: byte b * (k / 8) + k % 8 of the packed 64 codes, and back. */
INLINE __m512i bytes_of_lanes(int32_t b) {
    uint8_t at[STEP];
    for (int32_t k = 0; k < STEP; k++) at[k] = (uint8_t)(k % 8 < b ? b * (k / 8) + k % 8 : 0);
    return load(at);
}
INLINE __m512i lanes_together(int32_t b) {
    uint8_t at[STEP];
    for (int32_t k = 0; k < STEP; k++) at[k] = (uint8_t)(k < 8 * b ? k / b * 8 + k % b : 0);
    return load(at);
}
INLINE __m512i fields(int32_t b) {
    uint8_t at[STEP];
    for (int32_t k = 0; k < STEP; k++) at[k] = (uint8_t)(k % 8 * b);
    return load(at);
}

typedef struct packed_order {
    __m512i pairs, fours, low, together;
} packed_order;

INLINE packed_order order_of(int32_t b) {
    const uint64_t low = ((uint64_t)1 << 4 * b) - 1;
    return (
        packed_order){_mm512_set1_epi32((int32_t)(0x00010001u | 1u << (b + 8) | 1u << (b + 24))),
                      _mm512_set1_epi32(1 | 1 << (2 * b + 16)), _mm512_set1_epi64((int64_t)low),
                      lanes_together(b)};
}

/* 64 codes to the first 8 b bytes. */
INLINE __m512i pack_64(__m512i code, int32_t b, const packed_order *o) {
    __m512i fours = _mm512_madd_epi16(_mm512_maddubs_epi16(o->pairs, code), o->fours);
    __m512i high = _mm512_srli_epi64(fours, (unsigned)(32 - 4 * b)); /* b < 8 */
    __m512i lanes = _mm512_ternarylogic_epi64(o->low, fours, high, 0xca);
    return _mm512_permutexvar_epi8(o->together, lanes);
}

/* Whole registers while they belong to dst: what is too much is written again. */
INLINE void pack_loop(const uint8_t *code, int64_t n, int32_t b, uint8_t *dst) {
    const packed_order o = order_of(b);
    const uint8_t *end = dst + (n * b + 7) / 8;
    int64_t i = 0;
    for (; end - dst >= STEP; i += STEP, dst += 8 * b) store(dst, pack_64(load(code + i), b, &o));
    for (; i < n; i += STEP, dst += 8 * b) {
        int64_t here = n - i < STEP ? n - i : STEP;
        store_first(dst, (here * b + 7) / 8, pack_64(load_first(code + i, here), b, &o));
    }
}

INLINE __m512i unpack_64(__m512i src, __m512i order, __m512i field, __m512i low) {
    return _mm512_and_si512(_mm512_multishift_epi64_epi8(field,
                                                         _mm512_permutexvar_epi8(order, src)),
                            low);
}

INLINE void unpack_loop(const uint8_t *src, int64_t n, int32_t b, uint8_t *code) {
    const __m512i order = bytes_of_lanes(b), field = fields(b),
                  low = _mm512_set1_epi8((char)((1 << b) - 1));
    const uint8_t *end = src + (n * b + 7) / 8;
    int64_t i = 0;
    for (; end - src >= STEP; i += STEP, src += 8 * b)
        store(code + i, unpack_64(load(src), order, field, low));
    for (; i < n; i += STEP, src += 8 * b) {
        int64_t here = n - i < STEP ? n - i : STEP;
        store_first(code + i, here,
                    unpack_64(load_first(src, (here * b + 7) / 8), order, field, low));
    }
}

/* The widths that divide 8 are narrowed at once by the level's own. */
static void vbmi_pack_bits(const uint8_t *code, int64_t n, int32_t bits, uint8_t *dst) {
    switch (bits) {
    case 3: pack_loop(code, n, 3, dst); break;
    case 5: pack_loop(code, n, 5, dst); break;
    case 6: pack_loop(code, n, 6, dst); break;
    case 7: pack_loop(code, n, 7, dst); break;
    default: kernels_avx512.pack_bits(code, n, bits, dst);
    }
}

static void vbmi_unpack_bits(const uint8_t *src, int64_t n, int32_t bits, uint8_t *code) {
    switch (bits) {
    case 1: unpack_loop(src, n, 1, code); break;
    case 2: unpack_loop(src, n, 2, code); break;
    case 3: unpack_loop(src, n, 3, code); break;
    case 4: unpack_loop(src, n, 4, code); break;
    case 5: unpack_loop(src, n, 5, code); break;
    case 6: unpack_loop(src, n, 6, code); break;
    case 7: unpack_loop(src, n, 7, code); break;
    default: memcpy(code, src, (size_t)n);
    }
}

/* ---- base 3: 320 codes are 64 bytes ---- */

enum { TRITS = 5 * STEP, PARTS = 5 };

/* f(0), f(1), ... f(255) */
#define ROW_OF_4(f, b) f(b), f((b) + 1), f((b) + 2), f((b) + 3)
#define ROW_OF_16(f, b)                                                                            \
    ROW_OF_4(f, b), ROW_OF_4(f, (b) + 4), ROW_OF_4(f, (b) + 8), ROW_OF_4(f, (b) + 12)
#define ROW_OF_64(f, b)                                                                            \
    ROW_OF_16(f, b), ROW_OF_16(f, (b) + 16), ROW_OF_16(f, (b) + 32), ROW_OF_16(f, (b) + 48)
#define ROW_OF_256(f)                                                                              \
    { ROW_OF_64(f, 0), ROW_OF_64(f, 64), ROW_OF_64(f, 128), ROW_OF_64(f, 192) }

/* What a byte means, in 16 bits: its five codes, 2 bits each, the first lowest, and bit 15
 * where it is none that pack_base3 writes. The tables have the low and the high bytes. */
#define DIGIT(b, power) (((b) * (power) % 256 * 3) >> 8)
#define FOUR_DIGITS(b) (DIGIT(b, 1) | DIGIT(b, 3) << 2 | DIGIT(b, 9) << 4 | DIGIT(b, 27) << 6)
#define FIFTH_DIGIT(b) (DIGIT(b, 81) | ((b)*243 % 256 >= 243) << 7)
/* The byte of five digits that are the number v; those from 243 on are not used. */
#define BYTE_OF(v) (((v)*256 + 242) / 243 & 255)

static const uint8_t four_digits[256] = ROW_OF_256(FOUR_DIGITS),
                     fifth_digit[256] = ROW_OF_256(FIFTH_DIGIT), byte_of[256] = ROW_OF_256(BYTE_OF);

typedef struct table256 {
    __m512i a, b, c, d;
} table256;

INLINE table256 table_load(const uint8_t t[256]) {
    return (table256){load(t), load(t + STEP), load(t + 2 * STEP), load(t + 3 * STEP)};
}
/* Under a mask vpermi2b leaves the other bytes of its index as they are, for the second. */
INLINE __m512i look_up(const table256 *t, __m512i at) {
    const __mmask64 upper = _mm512_movepi8_mask(at);
    at = _mm512_mask2_permutex2var_epi8(t->a, at, ~upper, t->b);
    return _mm512_mask2_permutex2var_epi8(t->c, at, upper, t->d);
}

/* For part j of the codes of 64 bytes, codes 64 j to 64 j + 63: each 8 of them come from up
 * to three bytes, whose 16 bits are brought together in one element of 64 bits. */
INLINE void trit_orders(__m512i bytes[PARTS], __m512i field[PARTS]) {
    for (int32_t j = 0; j < PARTS; j++) {
        uint8_t at[STEP], bit[STEP];
        for (int32_t k = 0; k < STEP; k++) {
            int32_t from = (STEP * j + k / 8 * 8) / 5, code = STEP * j + k, byte = from + k % 8 / 2;
            at[k] = (uint8_t)((byte < STEP ? byte : 0) + k % 2 * STEP);
            bit[k] = (uint8_t)(16 * (code / 5 - from) + 2 * (code % 5));
        }
        bytes[j] = load(at), field[j] = load(bit);
    }
}

typedef struct trit_reader {
    table256 four, fifth;
    __m512i bytes[PARTS], field[PARTS], low;
} trit_reader;

/* 16 bits for each of 64 bytes; returns a bit for each that pack_base3 does not write. */
INLINE uint64_t read_bytes(const trit_reader *r, __m512i x, __m512i *lower, __m512i *upper) {
    *lower = look_up(&r->four, x), *upper = look_up(&r->fifth, x);
    return _mm512_movepi8_mask(*upper);
}

INLINE __m512i part_of(const trit_reader *r, __m512i lower, __m512i upper, int32_t j) {
    __m512i y = _mm512_permutex2var_epi8(lower, r->bytes[j], upper);
    return _mm512_and_si512(_mm512_multishift_epi64_epi8(r->field[j], y), r->low);
}

/* Up to 64 bytes, of which one may be wrong: its number, or -1. */
INLINE int64_t read_some(const trit_reader *r, const uint8_t *src, int64_t bytes, uint8_t *code) {
    __m512i lower, upper;
    uint64_t bad = read_bytes(r, load_first(src, bytes), &lower, &upper);
    int64_t fine = bad == 0 ? bytes : __builtin_ctzll(bad);
    for (int32_t j = 0; j < PARTS && 5 * fine > STEP * j; j++)
        store_first(code + STEP * j, 5 * fine - STEP * j, part_of(r, lower, upper, j));
    return bad == 0 ? -1 : fine;
}

static int64_t vbmi_unpack_base3(const uint8_t *src, int64_t n, uint8_t *code) {
    trit_reader r = {table_load(four_digits), table_load(fifth_digit), .low = _mm512_set1_epi8(3)};
    const int64_t whole = n / 5;
    int64_t i = 0, bad;
    trit_orders(r.bytes, r.field);
    __asm__("" : "+v"(r.low));                     /* else gcc makes it anew each time */
    for (; i + 2 * STEP <= whole; i += 2 * STEP) { /* two at once: one branch for both */
        __m512i lower[2], upper[2];
        uint64_t wrong = read_bytes(&r, load(src + i), &lower[0], &upper[0]);
        wrong |= read_bytes(&r, load(src + i + STEP), &lower[1], &upper[1]);
        if (wrong != 0) break;
        for (int32_t j = 0; j < 2 * PARTS; j++)
            store(code + 5 * i + STEP * j,
                  part_of(&r, lower[j / PARTS], upper[j / PARTS], j % PARTS));
    }
    for (; i < whole; i += STEP) {
        bad = read_some(&r, src + i, whole - i < STEP ? whole - i : STEP, code + 5 * i);
        if (bad >= 0) return i + bad;
    }
    if (n % 5 == 0) return -1;
    bad = kernels_scalar.unpack_base3(src + whole, n % 5, code + 5 * whole);
    return bad < 0 ? bad : whole;
}

/* Of 80 codes 16 numbers in base 3: bytes 5 k to 5 k + 3 and, apart, 5 k + 4. */
typedef struct number_order {
    __m512i four, fifth, weights;
} number_order;

INLINE __m512i numbers_of_80(const uint8_t *code, const number_order *o) {
    __m512i low = load(code),
            high = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(code + STEP)));
    __m512i four = _mm512_permutex2var_epi8(low, o->four, high),
            fifth = _mm512_maskz_permutex2var_epi8(0x1111111111111111, low, o->fifth, high);
    return _mm512_dpbusd_epi32(fifth, four, o->weights);
}

INLINE number_order number_order_of(void) {
    uint8_t four[STEP], fifth[STEP];
    for (int32_t k = 0; k < STEP; k++)
        four[k] = (uint8_t)(k / 4 * 5 + k % 4), fifth[k] = (uint8_t)(k / 4 * 5 + 4);
    return (number_order){load(four), load(fifth),
                          _mm512_set1_epi32(81 | 27 << 8 | 9 << 16 | 3 << 24)};
}

/* The bytes of 320 codes. */
INLINE __m512i pack_320(const uint8_t *code, const number_order *o, const table256 *byte) {
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512i ab = _mm512_packus_epi32(numbers_of_80(code, o), numbers_of_80(code + 80, o)),
            cd = _mm512_packus_epi32(numbers_of_80(code + 160, o), numbers_of_80(code + 240, o));
    __m512i v = _mm512_permutexvar_epi32(order, _mm512_packus_epi16(ab, cd));
    return look_up(byte, v);
}

static void vbmi_pack_base3(const uint8_t *code, int64_t n, uint8_t *dst) {
    const number_order o = number_order_of();
    const table256 byte = table_load(byte_of);
    int64_t i = 0;
    for (; i + TRITS <= n; i += TRITS, dst += STEP) store(dst, pack_320(code + i, &o, &byte));
    if (i == n) return;
    uint8_t last[TRITS];
    memset(last, 1, sizeof last);
    memcpy(last, code + i, (size_t)(n - i));
    store_first(dst, (n - i + 4) / 5, pack_320(last, &o, &byte));
}

/* ---- codes that are not one value ---- */

static int64_t vbmi_gather_other(const uint8_t *code, int64_t n, uint8_t value, uint8_t *dst) {
    const __m512i v = _mm512_set1_epi8((char)value);
    int64_t i = 0, m = 0;
    for (; i + STEP <= n; i += STEP) { /* dst + m is not beyond dst + i */
        __m512i x = load(code + i);
        __mmask64 other = _mm512_cmpneq_epi8_mask(x, v);
        store(dst + m, _mm512_maskz_compress_epi8(other, x));
        m += __builtin_popcountll(other);
    }
    if (i < n) {
        __m512i x = load_first(code + i, n - i);
        __mmask64 other = _mm512_mask_cmpneq_epi8_mask(first(n - i), x, v);
        store_first(dst + m, n - m, _mm512_maskz_compress_epi8(other, x));
        m += __builtin_popcountll(other);
    }
    memset(dst + m, 0, (size_t)(n - m));
    return m;
}

static int64_t vbmi_scatter_other(const uint8_t *from, const uint8_t *bits, int64_t n,
                                  uint8_t value, uint8_t *code) {
    const __m512i v = _mm512_set1_epi8((char)value);
    int64_t i = 0, m = 0;
    for (; i + STEP <= n; i += STEP, bits += 8) { /* from + m is not beyond from + i */
        uint64_t other;
        memcpy(&other, bits, sizeof other);
        store(code + i, _mm512_mask_expand_epi8(v, other, load(from + m)));
        m += __builtin_popcountll(other);
    }
    if (i == n) return m;
    uint64_t other = 0;
    memcpy(&other, bits, (size_t)((n - i + 7) / 8));
    other &= first(n - i);
    store_first(code + i, n - i, _mm512_mask_expand_epi8(v, other, load_first(from + m, n - m)));
    return m + __builtin_popcountll(other);
}

const kernels kernels_avx512_vbmi = {
    .pack_bits = vbmi_pack_bits,
    .unpack_bits = vbmi_unpack_bits,
    .pack_base3 = vbmi_pack_base3,
    .unpack_base3 = vbmi_unpack_base3,
    .gather_other = vbmi_gather_other,
    .scatter_other = vbmi_scatter_other,
};
