/*
 * simd/avx512.c - the vectors of 16 in AVX-512 (F, BW, DQ, VL): one register holds 16
 * floats or numbers of 32 bits, two hold 16 doubles. The kernels are in vector.inc.
 */
#include "simd/kernels.h"

#include <immintrin.h>

#define LEVEL_NAME "avx512"
#define LEVEL_KERNELS kernels_avx512
#define LEVEL_FN(name) avx512_##name
#define V(operation) _mm512_##operation
#define Q(operation) _mm_##operation
#define HAS_PERMUTE 1

typedef __m128i bytes16;
typedef __m512 f32x16;
typedef __m512i i32x16;
typedef struct f64x16 {
    __m512d a, b;
} f64x16;
typedef __mmask16 mask16;

#define MAP1(f, x) f(x)
#define MAP2(f, x, y) f(x, y)
#define MAP1_WITH(f, x, arg) f(x, arg)
#define BOTH(f, arg) f(arg)
#define MAP1_PD(f, x)                                                                              \
    { f((x).a), f((x).b) }
#define MAP2_PD(f, x, y)                                                                           \
    { f((x).a, (y).a), f((x).b, (y).b) }
#define V_AND_BITS _mm512_and_si512
#define V_OR_BITS _mm512_or_si512
#define V_XOR_BITS _mm512_xor_si512
#define V_TO_BITS _mm512_castps_si512
#define V_TO_FLOAT _mm512_castsi512_ps
#define INLINE static inline __attribute__((always_inline))

INLINE __mmask16 first_bits(int64_t m) { return (__mmask16)((1u << m) - 1); }

INLINE f32x16 f_load(const float *p) { return _mm512_loadu_ps(p); }
INLINE void f_store(float *p, f32x16 x) { _mm512_storeu_ps(p, x); }
INLINE f32x16 f_load_first(const float *p, int64_t m) {
    return _mm512_maskz_loadu_ps(first_bits(m), p);
}
INLINE void f_store_first(float *p, int64_t m, f32x16 x) {
    _mm512_mask_storeu_ps(p, first_bits(m), x);
}
INLINE i32x16 i_load(const void *p) { return _mm512_loadu_si512(p); }
INLINE void i_store(void *p, i32x16 x) { _mm512_storeu_si512(p, x); }

INLINE mask16 f_less(f32x16 x, f32x16 y) { return _mm512_cmp_ps_mask(x, y, _CMP_LT_OQ); }
INLINE mask16 f_at_most(f32x16 x, f32x16 y) { return _mm512_cmp_ps_mask(x, y, _CMP_LE_OQ); }
INLINE mask16 m_first(int64_t m) { return first_bits(m); }
INLINE mask16 m_and(mask16 x, mask16 y) { return x & y; }
INLINE uint32_t m_bits(mask16 m) { return m; }
/* of the elements that are negative */
INLINE uint32_t i_sign_bits(i32x16 x) { return _mm512_movepi32_mask(x); }
#define HAS_TOGETHER 1 /* the elements of the mask, in order, first */
INLINE f32x16 f_together(mask16 m, f32x16 x) { return _mm512_maskz_compress_ps(m, x); }
INLINE f32x16 f_select(mask16 m, f32x16 x, f32x16 y) { return _mm512_mask_blend_ps(m, y, x); }
INLINE f32x16 f_keep(mask16 m, f32x16 x) { return _mm512_maskz_mov_ps(m, x); }
INLINE i32x16 i_add_where(mask16 m, i32x16 x, i32x16 y) {
    return _mm512_mask_add_epi32(x, m, x, y);
}

INLINE f32x16 f_floor(f32x16 x) { return _mm512_roundscale_ps(x, 9); }
INLINE f32x16 f_ceil(f32x16 x) { return _mm512_roundscale_ps(x, 10); }
INLINE f32x16 f_truncate(f32x16 x) { return _mm512_roundscale_ps(x, 11); }
INLINE float f_largest(f32x16 x) { return _mm512_reduce_max_ps(x); }
INLINE float f_smallest(f32x16 x) { return _mm512_reduce_min_ps(x); }
INLINE int32_t i_largest(i32x16 x) { return _mm512_reduce_max_epi32(x); }
INLINE int32_t i_total(i32x16 x) { return _mm512_reduce_add_epi32(x); }

INLINE f64x16 d_from_f(f32x16 x) {
    return (f64x16){_mm512_cvtps_pd(_mm512_castps512_ps256(x)),
                    _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1))};
}
INLINE f64x16 d_load_f(const float *p) {
    return (f64x16){_mm512_cvtps_pd(_mm256_loadu_ps(p)), _mm512_cvtps_pd(_mm256_loadu_ps(p + 8))};
}
INLINE f64x16 d_load(const double *p) {
    return (f64x16){_mm512_loadu_pd(p), _mm512_loadu_pd(p + 8)};
}
INLINE f64x16 d_set1(double v) { return (f64x16){_mm512_set1_pd(v), _mm512_set1_pd(v)}; }
INLINE double d_fold(f64x16 x) {
    __m512d s8 = _mm512_add_pd(x.a, x.b);
    __m256d s4 = _mm256_add_pd(_mm512_castpd512_pd256(s8), _mm512_extractf64x4_pd(s8, 1));
    __m128d s2 = _mm_add_pd(_mm256_castpd256_pd128(s4), _mm256_extractf128_pd(s4, 1));
    return _mm_cvtsd_f64(_mm_add_sd(s2, _mm_unpackhi_pd(s2, s2)));
}
#define HAS_RAW 1
INLINE i32x16 i_set1_wide(int64_t v) { return _mm512_set1_epi64(v); }
INLINE f64x16 d_join_bits(i32x16 even, i32x16 odd) {
    return (f64x16){_mm512_castsi512_pd(even), _mm512_castsi512_pd(odd)};
}
INLINE double d_fold_raw(f64x16 x) { /* lanes 0, 2 .. 14 and 1, 3 .. 15 */
    __m512d s8 =
        _mm512_add_pd(_mm512_shuffle_f64x2(x.a, x.b, 0x44), _mm512_shuffle_f64x2(x.a, x.b, 0xee));
    __m256d s4 = _mm256_add_pd(_mm512_castpd512_pd256(_mm512_permutex_pd(s8, 0x44)),
                               _mm512_castpd512_pd256(_mm512_permutex_pd(s8, 0xee)));
    __m256d t4 = _mm256_add_pd(_mm512_extractf64x4_pd(_mm512_permutex_pd(s8, 0x44), 1),
                               _mm512_extractf64x4_pd(_mm512_permutex_pd(s8, 0xee), 1));
    __m128d even = _mm256_castpd256_pd128(s4), odd = _mm256_castpd256_pd128(t4);
    __m128d s2 = _mm_add_pd(_mm_unpacklo_pd(even, odd), _mm_unpackhi_pd(even, odd));
    return _mm_cvtsd_f64(_mm_add_sd(s2, _mm_unpackhi_pd(s2, s2))) * 0x1p896;
}
/* Quarters of two vectors side by side, then halves of four and of eight: no step waits for
 * the one before. */
#define HAS_FOLD_8 1
INLINE __m512d add_quarters(__m512d a, __m512d b) {
    return _mm512_add_pd(_mm512_shuffle_f64x2(a, b, 0x88), _mm512_shuffle_f64x2(a, b, 0xdd));
}
INLINE __m512d add_pairs(__m512d a, __m512d b) {
    return _mm512_add_pd(_mm512_unpacklo_pd(a, b), _mm512_unpackhi_pd(a, b));
}
INLINE void d_fold_raw_8(const f64x16 v[8], double *out) {
    __m512d s[8];
    for (int k = 0; k < 8; k++)
        s[k] = _mm512_add_pd(_mm512_shuffle_f64x2(v[k].a, v[k].b, 0x44),
                             _mm512_shuffle_f64x2(v[k].a, v[k].b, 0xee));
    __m512d low = add_pairs(add_quarters(s[0], s[2]), add_quarters(s[1], s[3])),
            high = add_pairs(add_quarters(s[4], s[6]), add_quarters(s[5], s[7]));
    _mm512_storeu_pd(out, _mm512_mul_pd(add_quarters(low, high), _mm512_set1_pd(0x1p896)));
}
INLINE f32x16 f_from_d(f64x16 x) {
    return _mm512_insertf32x8(_mm512_castps256_ps512(_mm512_cvtpd_ps(x.a)), _mm512_cvtpd_ps(x.b),
                              1);
}
INLINE i32x16 i_from_d(f64x16 x) { /* the whole part */
    return _mm512_inserti32x8(_mm512_castsi256_si512(_mm512_cvttpd_epi32(x.a)),
                              _mm512_cvttpd_epi32(x.b), 1);
}
/* v where lo <= x <= hi, else 0 */
INLINE __m512d keep_inside_8(__m512d lo, __m512d x, __m512d hi, __m512d v) {
    __mmask8 above = _mm512_cmp_pd_mask(lo, x, _CMP_LE_OQ);
    return _mm512_maskz_mov_pd(_mm512_mask_cmp_pd_mask(above, x, hi, _CMP_LE_OQ), v);
}
INLINE f64x16 d_keep_inside(f64x16 lo, f64x16 x, f64x16 hi, f64x16 v) {
    return (f64x16){keep_inside_8(lo.a, x.a, hi.a, v.a), keep_inside_8(lo.b, x.b, hi.b, v.b)};
}
#define HAS_ADD_EXACT 1
/* the product is exact: fused or not, the bits are the same */
INLINE f64x16 d_add_exact(f64x16 sum, f64x16 x, f64x16 y) {
    return (f64x16){_mm512_fmadd_pd(x.a, y.a, sum.a), _mm512_fmadd_pd(x.b, y.b, sum.b)};
}
INLINE double d_largest(f64x16 x) { return _mm512_reduce_max_pd(_mm512_max_pd(x.a, x.b)); }
/* adds 1 where x is 0 */
INLINE f64x16 d_count_zeros(f64x16 n, f64x16 x) {
    const __m512d one = _mm512_set1_pd(1), zero = _mm512_setzero_pd();
    __mmask8 a = _mm512_cmp_pd_mask(x.a, zero, _CMP_EQ_OQ),
             b = _mm512_cmp_pd_mask(x.b, zero, _CMP_EQ_OQ);
    return (f64x16){_mm512_mask_add_pd(n.a, a, n.a, one), _mm512_mask_add_pd(n.b, b, n.b, one)};
}

INLINE i32x16 i_widen(__m128i bytes) { return _mm512_cvtepu8_epi32(bytes); }
INLINE __m128i i_narrow(i32x16 x) { return _mm512_cvtepi32_epi8(x); }
INLINE i32x16 i_widen16(const uint8_t *p) {
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)p));
}
INLINE void i_store_narrow16(uint8_t *p, i32x16 x) {
    _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi16_epi8(x));
}
INLINE i32x16 i_four(__m128i x) { return _mm512_broadcast_i32x4(x); }
/* four pieces of 16 bytes, `stride` bytes apart */
INLINE i32x16 i_load_pieces(const uint8_t *p, int64_t stride) {
    const __m128i *a = (const __m128i *)p, *b = (const __m128i *)(p + stride),
                  *c = (const __m128i *)(p + 2 * stride), *d = (const __m128i *)(p + 3 * stride);
    __m256i ab = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(a)),
                                         _mm_loadu_si128(b), 1),
            cd = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(c)),
                                         _mm_loadu_si128(d), 1);
    return _mm512_inserti64x4(_mm512_castsi256_si512(ab), cd, 1);
}
INLINE void i_store_pieces(uint8_t *p, int64_t stride, i32x16 x) {
    _mm_storeu_si128((__m128i *)p, _mm512_castsi512_si128(x));
    _mm_storeu_si128((__m128i *)(p + stride), _mm512_extracti32x4_epi32(x, 1));
    _mm_storeu_si128((__m128i *)(p + 2 * stride), _mm512_extracti32x4_epi32(x, 2));
    _mm_storeu_si128((__m128i *)(p + 3 * stride), _mm512_extracti32x4_epi32(x, 3));
}
INLINE i32x16 i_blend_odd(i32x16 even, i32x16 odd) {
    return _mm512_mask_blend_epi32(0xaaaa, even, odd);
}
INLINE uint64_t b_low_bits(i32x16 bytes) {
    return _mm512_test_epi8_mask(bytes, _mm512_set1_epi8(1));
}
INLINE i32x16 b_from_bits(uint64_t bits) { return _mm512_maskz_set1_epi8(bits, 1); }

/* 16 floats that are looked up by number */
typedef __m512 table16;
INLINE table16 table_load(const float *t) { return _mm512_loadu_ps(t); }
INLINE f32x16 table_bytes(table16 t, __m128i at) {
    return _mm512_permutexvar_ps(_mm512_cvtepu8_epi32(at), t);
}
INLINE f32x16 table_numbers(table16 t, i32x16 at) { return _mm512_permutexvar_ps(at, t); }
typedef struct table32 {
    __m512 low, high;
} table32;
INLINE table32 table32_load(const float *t) {
    return (table32){_mm512_loadu_ps(t), _mm512_loadu_ps(t + 16)};
}
INLINE f32x16 table32_numbers(table32 t, i32x16 at) {
    return _mm512_permutex2var_ps(t.low, at, t.high);
}

/* The largest (smallest) of each of 16 vectors: halves of two vectors side by side, then
 * quarters of four, and so on, so that no step waits for the one before. */
#define HAS_FOLD_16 1
#define FOLD_16(NAME, OP)                                                                          \
    INLINE f32x16 NAME(f32x16 v[16]) {                                                             \
        const __m512i order =                                                                      \
            _mm512_setr_epi32(0, 2, 1, 3, 8, 10, 9, 11, 4, 6, 5, 7, 12, 14, 13, 15);               \
        for (int i = 0; i < 8; i++)                                                                \
            v[i] = OP(_mm512_shuffle_f32x4(v[i], v[i + 8], 0x44),                                  \
                      _mm512_shuffle_f32x4(v[i], v[i + 8], 0xee));                                 \
        for (int i = 0; i < 4; i++)                                                                \
            v[i] = OP(_mm512_shuffle_f32x4(v[i], v[i + 4], 0x88),                                  \
                      _mm512_shuffle_f32x4(v[i], v[i + 4], 0xdd));                                 \
        for (int i = 0; i < 2; i++) {                                                              \
            __m512d a = _mm512_castps_pd(v[i]), b = _mm512_castps_pd(v[i + 2]);                    \
            v[i] = OP(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)),                                  \
                      _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));                                 \
        }                                                                                          \
        f32x16 all = OP(_mm512_shuffle_ps(v[0], v[1], 0x88), _mm512_shuffle_ps(v[0], v[1], 0xdd)); \
        return _mm512_permutexvar_ps(order, all);                                                  \
    }
FOLD_16(f_largest_16, _mm512_max_ps)
FOLD_16(f_smallest_16, _mm512_min_ps)

/* 64 numbers 0..255 as bytes */
#define HAS_NARROW_4 1
INLINE void store_narrow_4(uint8_t *p, i32x16 a, i32x16 b, i32x16 c, i32x16 d) {
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    __m512i x = _mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
    _mm512_storeu_si512(p, _mm512_permutexvar_epi32(order, x));
}

INLINE __mmask64 join_masks(__mmask16 a, __mmask16 b, __mmask16 c, __mmask16 d) {
    return _mm512_kunpackd(_mm512_kunpackw(d, c), _mm512_kunpackw(b, a));
}
/* doubles of 16 levels, looked up by codes */
#define HAS_TABLE_D 1
typedef struct table_d {
    __m512d low, high;
} table_d;
INLINE table_d table_d_of(f64x16 levels) { return (table_d){levels.a, levels.b}; }
INLINE f64x16 table_d_bytes(table_d t, __m128i at) {
    return (
        f64x16){_mm512_permutex2var_pd(t.low, _mm512_cvtepu8_epi64(at), t.high),
                _mm512_permutex2var_pd(t.low, _mm512_cvtepu8_epi64(_mm_srli_si128(at, 8)), t.high)};
}
/* v, or the number of its sign with the magnitude top where that is smaller */
#define HAS_CLAMP 1
INLINE f32x16 f_clamp(f32x16 v, f32x16 top) { return _mm512_range_ps(v, top, 2); }

/* 64 codes: how many of low <= x and high < x */
#define HAS_THREE_CODES 1
INLINE void store_three_codes(uint8_t *p, f32x16 a, f32x16 b, f32x16 c, f32x16 d, f32x16 low,
                              f32x16 high) {
    __mmask64 one =
        join_masks(f_at_most(low, a), f_at_most(low, b), f_at_most(low, c), f_at_most(low, d));
    __mmask64 two = join_masks(f_less(high, a), f_less(high, b), f_less(high, c), f_less(high, d));
    __m512i code = _mm512_maskz_set1_epi8(one, 1);
    _mm512_storeu_si512(p, _mm512_mask_sub_epi8(code, two, code, _mm512_set1_epi8(-1)));
}

/* As those of vector_rans.inc; 32 bytes are read and touched. */
#define HAS_WORDS 1
typedef struct word_places {
    char none;
} word_places;
static void fill_word_places(word_places *p) { p->none = 0; }
INLINE int64_t words_bytes(const word_places *p, uint32_t which) {
    (void)p;
    return 2 * __builtin_popcount(which);
}
INLINE i32x16 words_apart(const word_places *p, const uint8_t **src, i32x16 x) {
    __mmask16 which = _mm512_cmplt_epu32_mask(x, _mm512_set1_epi32(1 << 16));
    __m512i next = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)*src));
    *src += words_bytes(p, which);
    next = _mm512_maskz_expand_epi32(which, next);
    return _mm512_mask_or_epi32(x, which, _mm512_slli_epi32(x, 16), next);
}
INLINE uint8_t *words_together(const word_places *p, i32x16 x, uint32_t which, uint8_t *end) {
    const __m512i order = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    int64_t bytes = words_bytes(p, which);
    __m512i at = _mm512_add_epi32(order, _mm512_set1_epi32((int)(bytes / 2)));
    __m512i last = _mm512_permutexvar_epi32(at, _mm512_maskz_compress_epi32((__mmask16)which, x));
    _mm256_storeu_si256((__m256i *)(end - 32), _mm512_cvtepi32_epi16(last));
    return end - bytes;
}

#include "simd/vector.inc"
