/*
 * simd/sse4.c - the vectors of 16 in SSE4.1 (and SSSE3): four registers hold 16 floats or
 * numbers of 32 bits, eight hold 16 doubles. The kernels are in vector.inc.
 */
#include "simd/kernels.h"

#include <smmintrin.h>

#define LEVEL_NAME "sse4"
#define LEVEL_KERNELS kernels_sse4
#define LEVEL_FN(name) sse4_##name
#define V(operation) _mm_##operation
#define Q(operation) _mm_##operation
#define HAS_PERMUTE 0

typedef __m128i bytes16;
typedef struct f32x16 {
    __m128 a, b, c, d;
} f32x16;
typedef struct i32x16 {
    __m128i a, b, c, d;
} i32x16;
typedef struct f64x16 {
    __m128d a, b, c, d, e, f, g, h;
} f64x16;
typedef f32x16 mask16; /* all bits of an element, or none */

#include "simd/four_registers.inc"
#define V_AND_BITS _mm_and_si128
#define V_OR_BITS _mm_or_si128
#define V_XOR_BITS _mm_xor_si128
#define V_TO_BITS _mm_castps_si128
#define V_TO_FLOAT _mm_castsi128_ps
#define INLINE static inline __attribute__((always_inline))

INLINE f32x16 f_load(const float *p) {
    return (f32x16){_mm_loadu_ps(p), _mm_loadu_ps(p + 4), _mm_loadu_ps(p + 8),
                    _mm_loadu_ps(p + 12)};
}
INLINE void f_store(float *p, f32x16 x) {
    _mm_storeu_ps(p, x.a);
    _mm_storeu_ps(p + 4, x.b);
    _mm_storeu_ps(p + 8, x.c);
    _mm_storeu_ps(p + 12, x.d);
}
INLINE f32x16 f_load_first(const float *p, int64_t m) {
    float t[16] = {0};
    for (int64_t i = 0; i < m; i++) t[i] = p[i];
    return f_load(t);
}
INLINE void f_store_first(float *p, int64_t m, f32x16 x) {
    float t[16];
    f_store(t, x);
    for (int64_t i = 0; i < m; i++) p[i] = t[i];
}
INLINE i32x16 i_load(const void *p) {
    const __m128i *q = p;
    return (i32x16){_mm_loadu_si128(q), _mm_loadu_si128(q + 1), _mm_loadu_si128(q + 2),
                    _mm_loadu_si128(q + 3)};
}
INLINE void i_store(void *p, i32x16 x) {
    __m128i *q = p;
    _mm_storeu_si128(q, x.a);
    _mm_storeu_si128(q + 1, x.b);
    _mm_storeu_si128(q + 2, x.c);
    _mm_storeu_si128(q + 3, x.d);
}

INLINE mask16 f_less(f32x16 x, f32x16 y) { return (mask16)MAP2(_mm_cmplt_ps, x, y); }
INLINE mask16 f_at_most(f32x16 x, f32x16 y) { return (mask16)MAP2(_mm_cmple_ps, x, y); }
INLINE __m128 first_of_4(int64_t m) {
    return _mm_castsi128_ps(_mm_cmpgt_epi32(_mm_set1_epi32((int)m), _mm_setr_epi32(0, 1, 2, 3)));
}
INLINE mask16 m_first(int64_t m) {
    return (mask16){first_of_4(m), first_of_4(m - 4), first_of_4(m - 8), first_of_4(m - 12)};
}
INLINE mask16 m_and(mask16 x, mask16 y) { return (mask16)MAP2(_mm_and_ps, x, y); }
INLINE uint32_t m_bits(mask16 m) {
    return (uint32_t)(_mm_movemask_ps(m.a) | _mm_movemask_ps(m.b) << 4 | _mm_movemask_ps(m.c) << 8 |
                      _mm_movemask_ps(m.d) << 12);
}
/* of the elements that are negative */
INLINE uint32_t i_sign_bits(i32x16 x) { return m_bits((mask16)MAP1(V_TO_FLOAT, x)); }
INLINE f32x16 f_select(mask16 m, f32x16 x, f32x16 y) {
    return (f32x16)MAP3(_mm_blendv_ps, y, x, m);
}
INLINE f32x16 f_keep(mask16 m, f32x16 x) { return (f32x16)MAP2(_mm_and_ps, m, x); }
INLINE __m128i add_where_4(__m128 m, __m128i x, __m128i y) {
    return _mm_add_epi32(x, _mm_and_si128(_mm_castps_si128(m), y));
}
INLINE i32x16 i_add_where(mask16 m, i32x16 x, i32x16 y) {
    return (i32x16)MAP3(add_where_4, m, x, y);
}

INLINE f32x16 f_floor(f32x16 x) { return (f32x16)MAP1_WITH(_mm_round_ps, x, 9); }
INLINE f32x16 f_ceil(f32x16 x) { return (f32x16)MAP1_WITH(_mm_round_ps, x, 10); }
INLINE f32x16 f_truncate(f32x16 x) { return (f32x16)MAP1_WITH(_mm_round_ps, x, 11); }

#define FOLD_FLOATS(x, op)                                                                         \
    __m128 s4 = op(op((x).a, (x).c), op((x).b, (x).d));                                            \
    __m128 s2 = op(s4, _mm_movehl_ps(s4, s4));                                                     \
    return _mm_cvtss_f32(op(s2, _mm_shuffle_ps(s2, s2, 1)))
#define FOLD_INTS(x, op)                                                                           \
    __m128i s4 = op(op((x).a, (x).c), op((x).b, (x).d));                                           \
    __m128i s2 = op(s4, _mm_shuffle_epi32(s4, 0x4e));                                              \
    return _mm_cvtsi128_si32(op(s2, _mm_shuffle_epi32(s2, 0xb1)))

INLINE float f_largest(f32x16 x) { FOLD_FLOATS(x, _mm_max_ps); }
INLINE float f_smallest(f32x16 x) { FOLD_FLOATS(x, _mm_min_ps); }
INLINE int32_t i_largest(i32x16 x) { FOLD_INTS(x, _mm_max_epi32); }
INLINE int32_t i_total(i32x16 x) { FOLD_INTS(x, _mm_add_epi32); }

INLINE __m128d upper(__m128 x) { return _mm_cvtps_pd(_mm_movehl_ps(x, x)); }
INLINE f64x16 d_from_f(f32x16 x) {
    return (f64x16){_mm_cvtps_pd(x.a), upper(x.a), _mm_cvtps_pd(x.b), upper(x.b),
                    _mm_cvtps_pd(x.c), upper(x.c), _mm_cvtps_pd(x.d), upper(x.d)};
}
INLINE f64x16 d_load_f(const float *p) { return d_from_f(f_load(p)); }
INLINE f64x16 d_load(const double *p) {
    return (f64x16){_mm_loadu_pd(p),      _mm_loadu_pd(p + 2), _mm_loadu_pd(p + 4),
                    _mm_loadu_pd(p + 6),  _mm_loadu_pd(p + 8), _mm_loadu_pd(p + 10),
                    _mm_loadu_pd(p + 12), _mm_loadu_pd(p + 14)};
}
INLINE f64x16 d_set1(double v) {
    __m128d x = _mm_set1_pd(v);
    return (f64x16){x, x, x, x, x, x, x, x};
}
INLINE double d_fold(f64x16 x) {
    __m128d a = _mm_add_pd(x.a, x.e), b = _mm_add_pd(x.b, x.f), c = _mm_add_pd(x.c, x.g),
            d = _mm_add_pd(x.d, x.h);
    __m128d s2 = _mm_add_pd(_mm_add_pd(a, c), _mm_add_pd(b, d));
    return _mm_cvtsd_f64(_mm_add_sd(s2, _mm_unpackhi_pd(s2, s2)));
}
#define HAS_RAW 1
INLINE i32x16 i_set1_wide(int64_t v) {
    __m128i x = _mm_set1_epi64x(v);
    return (i32x16){x, x, x, x};
}
INLINE f64x16 d_join_bits(i32x16 even, i32x16 odd) {
    return (f64x16){_mm_castsi128_pd(even.a), _mm_castsi128_pd(even.b), _mm_castsi128_pd(even.c),
                    _mm_castsi128_pd(even.d), _mm_castsi128_pd(odd.a),  _mm_castsi128_pd(odd.b),
                    _mm_castsi128_pd(odd.c),  _mm_castsi128_pd(odd.d)};
}
INLINE double d_fold_raw(f64x16 x) { /* lanes 0, 2 .. 14 and 1, 3 .. 15 */
    __m128d e4 = _mm_add_pd(_mm_add_pd(x.a, x.c), _mm_add_pd(x.b, x.d)),
            o4 = _mm_add_pd(_mm_add_pd(x.e, x.g), _mm_add_pd(x.f, x.h));
    __m128d s2 = _mm_add_pd(_mm_unpacklo_pd(e4, o4), _mm_unpackhi_pd(e4, o4));
    return _mm_cvtsd_f64(_mm_add_sd(s2, _mm_unpackhi_pd(s2, s2))) * 0x1p896;
}
INLINE __m128 from_d_4(__m128d low, __m128d high) {
    return _mm_movelh_ps(_mm_cvtpd_ps(low), _mm_cvtpd_ps(high));
}
INLINE f32x16 f_from_d(f64x16 x) {
    return (f32x16){from_d_4(x.a, x.b), from_d_4(x.c, x.d), from_d_4(x.e, x.f), from_d_4(x.g, x.h)};
}
INLINE __m128i whole_4(__m128d low, __m128d high) {
    return _mm_unpacklo_epi64(_mm_cvttpd_epi32(low), _mm_cvttpd_epi32(high));
}
INLINE i32x16 i_from_d(f64x16 x) { /* the whole part */
    return (i32x16){whole_4(x.a, x.b), whole_4(x.c, x.d), whole_4(x.e, x.f), whole_4(x.g, x.h)};
}
/* v where lo <= x <= hi, else 0 */
INLINE f64x16 d_keep_inside(f64x16 lo, f64x16 x, f64x16 hi, f64x16 v) {
    f64x16 above = (f64x16)MAP2_PD(_mm_cmple_pd, lo, x),
           below = (f64x16)MAP2_PD(_mm_cmple_pd, x, hi);
    f64x16 both = (f64x16)MAP2_PD(_mm_and_pd, above, below);
    return (f64x16)MAP2_PD(_mm_and_pd, both, v);
}
INLINE double d_largest(f64x16 x) {
    __m128d a = _mm_max_pd(x.a, x.e), b = _mm_max_pd(x.b, x.f), c = _mm_max_pd(x.c, x.g),
            d = _mm_max_pd(x.d, x.h);
    __m128d m2 = _mm_max_pd(_mm_max_pd(a, c), _mm_max_pd(b, d));
    return _mm_cvtsd_f64(_mm_max_sd(m2, _mm_unpackhi_pd(m2, m2)));
}
/* adds 1 where x is 0 */
INLINE __m128d count_zeros_2(__m128d n, __m128d x) {
    return _mm_add_pd(n, _mm_and_pd(_mm_cmpeq_pd(x, _mm_setzero_pd()), _mm_set1_pd(1)));
}
INLINE f64x16 d_count_zeros(f64x16 n, f64x16 x) { return (f64x16)MAP2_PD(count_zeros_2, n, x); }

INLINE i32x16 i_widen(__m128i x) {
    return (i32x16){_mm_cvtepu8_epi32(x), _mm_cvtepu8_epi32(_mm_srli_si128(x, 4)),
                    _mm_cvtepu8_epi32(_mm_srli_si128(x, 8)),
                    _mm_cvtepu8_epi32(_mm_srli_si128(x, 12))};
}
INLINE __m128i i_narrow(i32x16 x) { /* numbers 0..255 */
    return _mm_packus_epi16(_mm_packs_epi32(x.a, x.b), _mm_packs_epi32(x.c, x.d));
}
INLINE i32x16 i_widen16(const uint8_t *p) {
    __m128i x = _mm_loadu_si128((const __m128i *)p), y = _mm_loadu_si128((const __m128i *)(p + 16)),
            zero = _mm_setzero_si128();
    return (i32x16){_mm_unpacklo_epi8(x, zero), _mm_unpackhi_epi8(x, zero),
                    _mm_unpacklo_epi8(y, zero), _mm_unpackhi_epi8(y, zero)};
}
INLINE void i_store_narrow16(uint8_t *p, i32x16 x) { /* numbers 0..255 */
    _mm_storeu_si128((__m128i *)p, _mm_packus_epi16(x.a, x.b));
    _mm_storeu_si128((__m128i *)(p + 16), _mm_packus_epi16(x.c, x.d));
}
INLINE i32x16 i_four(__m128i x) { return (i32x16){x, x, x, x}; }
/* four pieces of 16 bytes, `stride` bytes apart */
INLINE i32x16 i_load_pieces(const uint8_t *p, int64_t stride) {
    return (i32x16){_mm_loadu_si128((const __m128i *)p),
                    _mm_loadu_si128((const __m128i *)(p + stride)),
                    _mm_loadu_si128((const __m128i *)(p + 2 * stride)),
                    _mm_loadu_si128((const __m128i *)(p + 3 * stride))};
}
INLINE void i_store_pieces(uint8_t *p, int64_t stride, i32x16 x) {
    _mm_storeu_si128((__m128i *)p, x.a);
    _mm_storeu_si128((__m128i *)(p + stride), x.b);
    _mm_storeu_si128((__m128i *)(p + 2 * stride), x.c);
    _mm_storeu_si128((__m128i *)(p + 3 * stride), x.d);
}
INLINE i32x16 i_blend_odd(i32x16 even, i32x16 odd) {
    return (i32x16){_mm_blend_epi16(even.a, odd.a, 0xcc), _mm_blend_epi16(even.b, odd.b, 0xcc),
                    _mm_blend_epi16(even.c, odd.c, 0xcc), _mm_blend_epi16(even.d, odd.d, 0xcc)};
}
INLINE uint64_t low_bits_16(__m128i x) { return (uint64_t)_mm_movemask_epi8(_mm_slli_epi16(x, 7)); }
INLINE uint64_t b_low_bits(i32x16 x) {
    return low_bits_16(x.d) << 48 | low_bits_16(x.c) << 32 | low_bits_16(x.b) << 16 |
           low_bits_16(x.a);
}
INLINE __m128i from_bits_16(uint64_t bits) {
    const __m128i source = _mm_set_epi64x(0x0101010101010101, 0),
                  bit = _mm_set1_epi64x((long long)0x8040201008040201);
    __m128i x = _mm_shuffle_epi8(_mm_cvtsi32_si128((int)(bits & 0xffff)), source);
    x = _mm_cmpeq_epi8(_mm_and_si128(x, bit), bit);
    return _mm_and_si128(x, _mm_set1_epi8(1));
}
INLINE i32x16 b_from_bits(uint64_t bits) {
    return (i32x16){from_bits_16(bits), from_bits_16(bits >> 16), from_bits_16(bits >> 32),
                    from_bits_16(bits >> 48)};
}

INLINE f32x16 f_from_pieces(__m128i a, __m128i b, __m128i c, __m128i d) {
    return (f32x16){_mm_castsi128_ps(a), _mm_castsi128_ps(b), _mm_castsi128_ps(c),
                    _mm_castsi128_ps(d)};
}

#include "simd/vector.inc"
