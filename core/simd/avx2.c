/*
 * simd/avx2.c - the vectors of 16 in AVX2: two registers hold 16 floats or numbers of 32
 * bits, four hold 16 doubles. The kernels are in vector.inc.
 */
#include "simd/kernels.h"

#include <immintrin.h>

#define LEVEL_NAME "avx2"
#define LEVEL_KERNELS kernels_avx2
#define LEVEL_FN(name) avx2_##name
#define V(operation) _mm256_##operation
#define Q(operation) _mm_##operation
#define HAS_PERMUTE 0

typedef __m128i bytes16;
typedef struct f32x16 {
    __m256 a, b;
} f32x16;
typedef struct i32x16 {
    __m256i a, b;
} i32x16;
typedef struct f64x16 {
    __m256d a, b, c, d;
} f64x16;
typedef f32x16 mask16; /* all bits of an element, or none */

#define MAP1(f, x)                                                                                 \
    { f((x).a), f((x).b) }
#define MAP2(f, x, y)                                                                              \
    { f((x).a, (y).a), f((x).b, (y).b) }
#define MAP1_WITH(f, x, arg)                                                                       \
    { f((x).a, arg), f((x).b, arg) }
#define BOTH(f, arg)                                                                               \
    { f(arg), f(arg) }
#define MAP1_PD(f, x)                                                                              \
    { f((x).a), f((x).b), f((x).c), f((x).d) }
#define MAP2_PD(f, x, y)                                                                           \
    { f((x).a, (y).a), f((x).b, (y).b), f((x).c, (y).c), f((x).d, (y).d) }
#define V_AND_BITS _mm256_and_si256
#define V_OR_BITS _mm256_or_si256
#define V_XOR_BITS _mm256_xor_si256
#define V_TO_BITS _mm256_castps_si256
#define V_TO_FLOAT _mm256_castsi256_ps
#define INLINE static inline __attribute__((always_inline))

/* All bits of the first m of 8 elements. */
INLINE __m256i first_of_8(int64_t m) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)m), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

INLINE f32x16 f_load(const float *p) {
    return (f32x16){_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}
INLINE void f_store(float *p, f32x16 x) {
    _mm256_storeu_ps(p, x.a);
    _mm256_storeu_ps(p + 8, x.b);
}
INLINE f32x16 f_load_first(const float *p, int64_t m) {
    return (f32x16){_mm256_maskload_ps(p, first_of_8(m)),
                    m > 8 ? _mm256_maskload_ps(p + 8, first_of_8(m - 8)) : _mm256_setzero_ps()};
}
INLINE void f_store_first(float *p, int64_t m, f32x16 x) {
    _mm256_maskstore_ps(p, first_of_8(m), x.a);
    if (m > 8) _mm256_maskstore_ps(p + 8, first_of_8(m - 8), x.b);
}
INLINE i32x16 i_load(const void *p) {
    const __m256i *q = p;
    return (i32x16){_mm256_loadu_si256(q), _mm256_loadu_si256(q + 1)};
}
INLINE void i_store(void *p, i32x16 x) {
    __m256i *q = p;
    _mm256_storeu_si256(q, x.a);
    _mm256_storeu_si256(q + 1, x.b);
}

INLINE mask16 f_less(f32x16 x, f32x16 y) {
    return (mask16){_mm256_cmp_ps(x.a, y.a, _CMP_LT_OQ), _mm256_cmp_ps(x.b, y.b, _CMP_LT_OQ)};
}
INLINE mask16 f_at_most(f32x16 x, f32x16 y) {
    return (mask16){_mm256_cmp_ps(x.a, y.a, _CMP_LE_OQ), _mm256_cmp_ps(x.b, y.b, _CMP_LE_OQ)};
}
INLINE mask16 m_first(int64_t m) {
    return (mask16){_mm256_castsi256_ps(first_of_8(m)), _mm256_castsi256_ps(first_of_8(m - 8))};
}
INLINE mask16 m_and(mask16 x, mask16 y) { return (mask16)MAP2(_mm256_and_ps, x, y); }
INLINE uint32_t m_bits(mask16 m) {
    return (uint32_t)(_mm256_movemask_ps(m.a) | _mm256_movemask_ps(m.b) << 8);
}
/* of the elements that are negative */
INLINE uint32_t i_sign_bits(i32x16 x) { return m_bits((mask16)MAP1(V_TO_FLOAT, x)); }
INLINE f32x16 f_select(mask16 m, f32x16 x, f32x16 y) {
    return (f32x16){_mm256_blendv_ps(y.a, x.a, m.a), _mm256_blendv_ps(y.b, x.b, m.b)};
}
INLINE f32x16 f_keep(mask16 m, f32x16 x) { return (f32x16)MAP2(_mm256_and_ps, m, x); }
INLINE i32x16 i_add_where(mask16 m, i32x16 x, i32x16 y) {
    return (i32x16){
        _mm256_add_epi32(x.a, _mm256_and_si256(_mm256_castps_si256(m.a), y.a)),
        _mm256_add_epi32(x.b, _mm256_and_si256(_mm256_castps_si256(m.b), y.b)),
    };
}

INLINE f32x16 f_floor(f32x16 x) { return (f32x16)MAP1_WITH(_mm256_round_ps, x, 9); }
INLINE f32x16 f_ceil(f32x16 x) { return (f32x16)MAP1_WITH(_mm256_round_ps, x, 10); }
INLINE f32x16 f_truncate(f32x16 x) { return (f32x16)MAP1_WITH(_mm256_round_ps, x, 11); }

#define FOLD_FLOATS(x, f256, f128)                                                                 \
    __m256 s8 = f256((x).a, (x).b);                                                                \
    __m128 s4 = f128(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));                    \
    __m128 s2 = f128(s4, _mm_movehl_ps(s4, s4));                                                   \
    return _mm_cvtss_f32(f128(s2, _mm_shuffle_ps(s2, s2, 1)))
#define FOLD_INTS(x, f256, f128)                                                                   \
    __m256i s8 = f256((x).a, (x).b);                                                               \
    __m128i s4 = f128(_mm256_castsi256_si128(s8), _mm256_extracti128_si256(s8, 1));                \
    __m128i s2 = f128(s4, _mm_shuffle_epi32(s4, 0x4e));                                            \
    return _mm_cvtsi128_si32(f128(s2, _mm_shuffle_epi32(s2, 0xb1)))

INLINE float f_largest(f32x16 x) { FOLD_FLOATS(x, _mm256_max_ps, _mm_max_ps); }
INLINE float f_smallest(f32x16 x) { FOLD_FLOATS(x, _mm256_min_ps, _mm_min_ps); }
INLINE int32_t i_largest(i32x16 x) { FOLD_INTS(x, _mm256_max_epi32, _mm_max_epi32); }
INLINE int32_t i_total(i32x16 x) { FOLD_INTS(x, _mm256_add_epi32, _mm_add_epi32); }

INLINE f64x16 d_from_f(f32x16 x) {
    return (f64x16){_mm256_cvtps_pd(_mm256_castps256_ps128(x.a)),
                    _mm256_cvtps_pd(_mm256_extractf128_ps(x.a, 1)),
                    _mm256_cvtps_pd(_mm256_castps256_ps128(x.b)),
                    _mm256_cvtps_pd(_mm256_extractf128_ps(x.b, 1))};
}
INLINE f64x16 d_load_f(const float *p) {
    return (f64x16){_mm256_cvtps_pd(_mm_loadu_ps(p)), _mm256_cvtps_pd(_mm_loadu_ps(p + 4)),
                    _mm256_cvtps_pd(_mm_loadu_ps(p + 8)), _mm256_cvtps_pd(_mm_loadu_ps(p + 12))};
}
INLINE f64x16 d_load(const double *p) {
    return (f64x16){_mm256_loadu_pd(p), _mm256_loadu_pd(p + 4), _mm256_loadu_pd(p + 8),
                    _mm256_loadu_pd(p + 12)};
}
INLINE f64x16 d_set1(double v) {
    __m256d x = _mm256_set1_pd(v);
    return (f64x16){x, x, x, x};
}
INLINE double d_fold(f64x16 x) {
    __m256d s4 = _mm256_add_pd(_mm256_add_pd(x.a, x.c), _mm256_add_pd(x.b, x.d));
    __m128d s2 = _mm_add_pd(_mm256_castpd256_pd128(s4), _mm256_extractf128_pd(s4, 1));
    return _mm_cvtsd_f64(_mm_add_sd(s2, _mm_unpackhi_pd(s2, s2)));
}
#define HAS_RAW 1
INLINE i32x16 i_set1_wide(int64_t v) { return (i32x16)BOTH(_mm256_set1_epi64x, v); }
INLINE f64x16 d_join_bits(i32x16 even, i32x16 odd) {
    return (f64x16){_mm256_castsi256_pd(even.a), _mm256_castsi256_pd(even.b),
                    _mm256_castsi256_pd(odd.a), _mm256_castsi256_pd(odd.b)};
}
INLINE double d_fold_raw(f64x16 x) { /* lanes 0, 2 .. 14 and 1, 3 .. 15 */
    __m256d e8 = _mm256_add_pd(x.a, x.b), o8 = _mm256_add_pd(x.c, x.d);
    __m128d e4 = _mm_add_pd(_mm256_castpd256_pd128(e8), _mm256_extractf128_pd(e8, 1)),
            o4 = _mm_add_pd(_mm256_castpd256_pd128(o8), _mm256_extractf128_pd(o8, 1));
    __m128d s2 = _mm_add_pd(_mm_unpacklo_pd(e4, o4), _mm_unpackhi_pd(e4, o4));
    return _mm_cvtsd_f64(_mm_add_sd(s2, _mm_unpackhi_pd(s2, s2))) * 0x1p896;
}
INLINE f32x16 f_from_d(f64x16 x) {
    return (f32x16){_mm256_set_m128(_mm256_cvtpd_ps(x.b), _mm256_cvtpd_ps(x.a)),
                    _mm256_set_m128(_mm256_cvtpd_ps(x.d), _mm256_cvtpd_ps(x.c))};
}
INLINE i32x16 i_from_d(f64x16 x) { /* the whole part */
    return (i32x16){_mm256_set_m128i(_mm256_cvttpd_epi32(x.b), _mm256_cvttpd_epi32(x.a)),
                    _mm256_set_m128i(_mm256_cvttpd_epi32(x.d), _mm256_cvttpd_epi32(x.c))};
}
/* v where lo <= x <= hi, else 0 */
INLINE __m256d keep_inside_4(__m256d lo, __m256d x, __m256d hi, __m256d v) {
    __m256d above = _mm256_cmp_pd(lo, x, _CMP_LE_OQ), below = _mm256_cmp_pd(x, hi, _CMP_LE_OQ);
    return _mm256_and_pd(_mm256_and_pd(above, below), v);
}
INLINE f64x16 d_keep_inside(f64x16 lo, f64x16 x, f64x16 hi, f64x16 v) {
    return (f64x16){keep_inside_4(lo.a, x.a, hi.a, v.a), keep_inside_4(lo.b, x.b, hi.b, v.b),
                    keep_inside_4(lo.c, x.c, hi.c, v.c), keep_inside_4(lo.d, x.d, hi.d, v.d)};
}
INLINE double d_largest(f64x16 x) {
    __m256d m4 = _mm256_max_pd(_mm256_max_pd(x.a, x.c), _mm256_max_pd(x.b, x.d));
    __m128d m2 = _mm_max_pd(_mm256_castpd256_pd128(m4), _mm256_extractf128_pd(m4, 1));
    return _mm_cvtsd_f64(_mm_max_sd(m2, _mm_unpackhi_pd(m2, m2)));
}
/* adds 1 where x is 0 */
INLINE __m256d count_zeros_4(__m256d n, __m256d x) {
    __m256d is = _mm256_cmp_pd(x, _mm256_setzero_pd(), _CMP_EQ_OQ);
    return _mm256_add_pd(n, _mm256_and_pd(is, _mm256_set1_pd(1)));
}
INLINE f64x16 d_count_zeros(f64x16 n, f64x16 x) { return (f64x16)MAP2_PD(count_zeros_4, n, x); }

INLINE i32x16 i_widen(__m128i bytes) {
    return (i32x16){_mm256_cvtepu8_epi32(bytes), _mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))};
}
INLINE __m128i i_narrow(i32x16 x) { /* numbers 0..255 */
    __m256i s = _mm256_permute4x64_epi64(_mm256_packs_epi32(x.a, x.b), 0xd8);
    return _mm_packus_epi16(_mm256_castsi256_si128(s), _mm256_extracti128_si256(s, 1));
}
/* 64 numbers 0..255 as bytes */
#define HAS_NARROW_4 1
INLINE __m256i narrow_32(i32x16 a, i32x16 b) {
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i x = _mm256_packus_epi16(_mm256_packs_epi32(a.a, a.b), _mm256_packs_epi32(b.a, b.b));
    return _mm256_permutevar8x32_epi32(x, order);
}
INLINE void store_narrow_4(uint8_t *p, i32x16 a, i32x16 b, i32x16 c, i32x16 d) {
    _mm256_storeu_si256((__m256i *)p, narrow_32(a, b));
    _mm256_storeu_si256((__m256i *)(p + 32), narrow_32(c, d));
}
INLINE i32x16 i_widen16(const uint8_t *p) {
    return (i32x16){_mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)p)),
                    _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(p + 16)))};
}
INLINE void i_store_narrow16(uint8_t *p, i32x16 x) { /* numbers 0..255 */
    _mm256_storeu_si256((__m256i *)p,
                        _mm256_permute4x64_epi64(_mm256_packus_epi16(x.a, x.b), 0xd8));
}
INLINE i32x16 i_four(__m128i x) { return (i32x16)BOTH(_mm256_broadcastsi128_si256, x); }
/* four pieces of 16 bytes, `stride` bytes apart */
INLINE __m256i two_pieces(const uint8_t *p, int64_t stride) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)p)),
                                   _mm_loadu_si128((const __m128i *)(p + stride)), 1);
}
INLINE i32x16 i_load_pieces(const uint8_t *p, int64_t stride) {
    return (i32x16){two_pieces(p, stride), two_pieces(p + 2 * stride, stride)};
}
INLINE void i_store_pieces(uint8_t *p, int64_t stride, i32x16 x) {
    _mm_storeu_si128((__m128i *)p, _mm256_castsi256_si128(x.a));
    _mm_storeu_si128((__m128i *)(p + stride), _mm256_extracti128_si256(x.a, 1));
    _mm_storeu_si128((__m128i *)(p + 2 * stride), _mm256_castsi256_si128(x.b));
    _mm_storeu_si128((__m128i *)(p + 3 * stride), _mm256_extracti128_si256(x.b, 1));
}
INLINE i32x16 i_blend_odd(i32x16 even, i32x16 odd) {
    return (i32x16){_mm256_blend_epi32(even.a, odd.a, 0xaa),
                    _mm256_blend_epi32(even.b, odd.b, 0xaa)};
}
INLINE uint64_t b_low_bits(i32x16 x) {
    uint32_t a = (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(x.a, 7)),
             b = (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(x.b, 7));
    return (uint64_t)b << 32 | a;
}
INLINE __m256i from_bits_32(uint32_t bits) {
    const __m256i source = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202,
                                              0x0303030303030303),
                  bit = _mm256_set1_epi64x((long long)0x8040201008040201);
    __m256i x = _mm256_shuffle_epi8(_mm256_set1_epi32((int)bits), source);
    x = _mm256_cmpeq_epi8(_mm256_and_si256(x, bit), bit);
    return _mm256_and_si256(x, _mm256_set1_epi8(1));
}
INLINE i32x16 b_from_bits(uint64_t bits) {
    return (i32x16){from_bits_32((uint32_t)bits), from_bits_32((uint32_t)(bits >> 32))};
}

INLINE f32x16 f_from_pieces(__m128i a, __m128i b, __m128i c, __m128i d) {
    return (f32x16){_mm256_castsi256_ps(_mm256_set_m128i(b, a)),
                    _mm256_castsi256_ps(_mm256_set_m128i(d, c))};
}

#include "simd/vector.inc"
