/*
 * simd/neon.c - the vectors of 16 in NEON (arm64): four registers hold 16 floats or numbers
 * of 32 bits, eight hold 16 doubles. The kernels are in vector.inc.
 */
#include "simd/kernels.h"

#include <arm_neon.h>

#define LEVEL_NAME "neon"
#define LEVEL_KERNELS kernels_neon
#define LEVEL_FN(name) neon_##name
#define V(operation) neon_##operation
#define Q(operation) neon_##operation
#define HAS_PERMUTE 0
#define INLINE static inline __attribute__((always_inline))

#include "simd/neon_operations.inc"

typedef struct f32x16 {
    float32x4_t a, b, c, d;
} f32x16;
typedef struct i32x16 {
    bytes16 a, b, c, d;
} i32x16;
typedef struct f64x16 {
    float64x2_t a, b, c, d, e, f, g, h;
} f64x16;
typedef struct mask16 {
    uint32x4_t a, b, c, d; /* all bits of an element, or none */
} mask16;

#include "simd/four_registers.inc"
#define V_AND_BITS neon_and_si128
#define V_OR_BITS neon_or_si128
#define V_XOR_BITS neon_xor_si128
#define V_TO_BITS neon_castps_si128
#define V_TO_FLOAT neon_castsi128_ps

INLINE f32x16 f_load(const float *p) {
    return (f32x16){vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)};
}
INLINE void f_store(float *p, f32x16 x) {
    vst1q_f32(p, x.a);
    vst1q_f32(p + 4, x.b);
    vst1q_f32(p + 8, x.c);
    vst1q_f32(p + 12, x.d);
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

INLINE mask16 f_less(f32x16 x, f32x16 y) { return (mask16)MAP2(vcltq_f32, x, y); }
INLINE mask16 f_at_most(f32x16 x, f32x16 y) { return (mask16)MAP2(vcleq_f32, x, y); }
INLINE uint32x4_t first_of_4(int64_t m) {
    return vcgtq_s32(vdupq_n_s32((int32_t)m), (int32x4_t){0, 1, 2, 3});
}
INLINE mask16 m_first(int64_t m) {
    return (mask16){first_of_4(m), first_of_4(m - 4), first_of_4(m - 8), first_of_4(m - 12)};
}
INLINE mask16 m_and(mask16 x, mask16 y) { return (mask16)MAP2(vandq_u32, x, y); }
INLINE uint32_t bits_of_4(uint32x4_t m, uint32x4_t bit) { return vaddvq_u32(vandq_u32(m, bit)); }
INLINE uint32_t m_bits(mask16 m) {
    const uint32x4_t bit = {1, 2, 4, 8};
    return bits_of_4(m.a, bit) | bits_of_4(m.b, bit) << 4 | bits_of_4(m.c, bit) << 8 |
           bits_of_4(m.d, bit) << 12;
}
/* of the elements that are negative */
INLINE uint32_t i_sign_bits(i32x16 x) { return m_bits((mask16)MAP1(vcltzq_s32, x)); }
INLINE f32x16 f_select(mask16 m, f32x16 x, f32x16 y) { return (f32x16)MAP3(vbslq_f32, m, x, y); }
INLINE float32x4_t keep_4(uint32x4_t m, float32x4_t x) {
    return (float32x4_t)vandq_u32(m, (uint32x4_t)x);
}
INLINE f32x16 f_keep(mask16 m, f32x16 x) { return (f32x16)MAP2(keep_4, m, x); }
INLINE bytes16 add_where_4(uint32x4_t m, bytes16 x, bytes16 y) {
    return vaddq_s32(x, vandq_s32((int32x4_t)m, y));
}
INLINE i32x16 i_add_where(mask16 m, i32x16 x, i32x16 y) {
    return (i32x16)MAP3(add_where_4, m, x, y);
}

INLINE f32x16 f_floor(f32x16 x) { return (f32x16)MAP1(vrndmq_f32, x); }
INLINE f32x16 f_ceil(f32x16 x) { return (f32x16)MAP1(vrndpq_f32, x); }
INLINE f32x16 f_truncate(f32x16 x) { return (f32x16)MAP1(vrndq_f32, x); }

/* The floats are numbers, and of two zeros any will do: vmaxvq and vminvq may choose. */
INLINE float f_largest(f32x16 x) {
    return vmaxvq_f32(vmaxq_f32(vmaxq_f32(x.a, x.c), vmaxq_f32(x.b, x.d)));
}
INLINE float f_smallest(f32x16 x) {
    return vminvq_f32(vminq_f32(vminq_f32(x.a, x.c), vminq_f32(x.b, x.d)));
}
INLINE int32_t i_largest(i32x16 x) {
    return vmaxvq_s32(vmaxq_s32(vmaxq_s32(x.a, x.c), vmaxq_s32(x.b, x.d)));
}
INLINE int32_t i_total(i32x16 x) {
    return vaddvq_s32(vaddq_s32(vaddq_s32(x.a, x.c), vaddq_s32(x.b, x.d)));
}

INLINE float64x2_t lower(float32x4_t x) { return vcvt_f64_f32(vget_low_f32(x)); }
INLINE f64x16 d_from_f(f32x16 x) {
    return (f64x16){lower(x.a), vcvt_high_f64_f32(x.a), lower(x.b), vcvt_high_f64_f32(x.b),
                    lower(x.c), vcvt_high_f64_f32(x.c), lower(x.d), vcvt_high_f64_f32(x.d)};
}
INLINE f64x16 d_load_f(const float *p) { return d_from_f(f_load(p)); }
INLINE f64x16 d_load(const double *p) {
    return (f64x16){vld1q_f64(p),     vld1q_f64(p + 2),  vld1q_f64(p + 4),  vld1q_f64(p + 6),
                    vld1q_f64(p + 8), vld1q_f64(p + 10), vld1q_f64(p + 12), vld1q_f64(p + 14)};
}
INLINE f64x16 d_set1(double v) {
    float64x2_t x = vdupq_n_f64(v);
    return (f64x16){x, x, x, x, x, x, x, x};
}
INLINE double d_fold(f64x16 x) {
    float64x2_t a = vaddq_f64(x.a, x.e), b = vaddq_f64(x.b, x.f), c = vaddq_f64(x.c, x.g),
                d = vaddq_f64(x.d, x.h);
    return vpaddd_f64(vaddq_f64(vaddq_f64(a, c), vaddq_f64(b, d)));
}
INLINE float32x4_t from_d_4(float64x2_t low, float64x2_t high) {
    return vcvt_high_f32_f64(vcvt_f32_f64(low), high);
}
INLINE f32x16 f_from_d(f64x16 x) {
    return (f32x16){from_d_4(x.a, x.b), from_d_4(x.c, x.d), from_d_4(x.e, x.f), from_d_4(x.g, x.h)};
}
INLINE bytes16 whole_4(float64x2_t low, float64x2_t high) {
    return vmovn_high_s64(vmovn_s64(vcvtq_s64_f64(low)), vcvtq_s64_f64(high));
}
INLINE i32x16 i_from_d(f64x16 x) { /* the whole part */
    return (i32x16){whole_4(x.a, x.b), whole_4(x.c, x.d), whole_4(x.e, x.f), whole_4(x.g, x.h)};
}
INLINE float64x2_t at_most_2(float64x2_t x, float64x2_t y) { return (float64x2_t)vcleq_f64(x, y); }
/* v where lo <= x <= hi, else 0 */
INLINE f64x16 d_keep_inside(f64x16 lo, f64x16 x, f64x16 hi, f64x16 v) {
    f64x16 above = (f64x16)MAP2_PD(at_most_2, lo, x), below = (f64x16)MAP2_PD(at_most_2, x, hi);
    f64x16 both = (f64x16)MAP2_PD(neon_and_pd, above, below);
    return (f64x16)MAP2_PD(neon_and_pd, both, v);
}
INLINE double d_largest(f64x16 x) { /* of numbers, as f_largest */
    float64x2_t a = vmaxq_f64(x.a, x.e), b = vmaxq_f64(x.b, x.f), c = vmaxq_f64(x.c, x.g),
                d = vmaxq_f64(x.d, x.h);
    return vmaxvq_f64(vmaxq_f64(vmaxq_f64(a, c), vmaxq_f64(b, d)));
}
/* adds 1 where x is 0 */
INLINE float64x2_t count_zeros_2(float64x2_t n, float64x2_t x) {
    return vaddq_f64(n, (float64x2_t)vandq_u64(vceqzq_f64(x), (uint64x2_t)vdupq_n_f64(1)));
}
INLINE f64x16 d_count_zeros(f64x16 n, f64x16 x) { return (f64x16)MAP2_PD(count_zeros_2, n, x); }

/* four pieces of 16 bytes, `stride` bytes apart */
INLINE i32x16 i_load_pieces(const uint8_t *p, int64_t stride) {
    return (i32x16){neon_loadu_si128(p), neon_loadu_si128(p + stride),
                    neon_loadu_si128(p + 2 * stride), neon_loadu_si128(p + 3 * stride)};
}
INLINE void i_store_pieces(uint8_t *p, int64_t stride, i32x16 x) {
    neon_storeu_si128(p, x.a);
    neon_storeu_si128(p + stride, x.b);
    neon_storeu_si128(p + 2 * stride, x.c);
    neon_storeu_si128(p + 3 * stride, x.d);
}
INLINE i32x16 i_load(const void *p) { return i_load_pieces(p, 16); }
INLINE void i_store(void *p, i32x16 x) { i_store_pieces(p, 16, x); }

INLINE bytes16 narrow_to_16(bytes16 low, bytes16 high) {
    return (bytes16)vuzp1q_u16((uint16x8_t)low, (uint16x8_t)high);
}
INLINE bytes16 narrow_to_8(bytes16 low, bytes16 high) {
    return (bytes16)vuzp1q_u8((uint8x16_t)low, (uint8x16_t)high);
}
INLINE i32x16 i_widen(bytes16 x) {
    const bytes16 zero = vdupq_n_s32(0);
    bytes16 low = neon_unpacklo_epi8(x, zero), high = neon_unpackhi_epi8(x, zero);
    return (i32x16){neon_unpacklo_epi16(low, zero), neon_unpackhi_epi16(low, zero),
                    neon_unpacklo_epi16(high, zero), neon_unpackhi_epi16(high, zero)};
}
INLINE bytes16 i_narrow(i32x16 x) { /* numbers 0..255 */
    return narrow_to_8(narrow_to_16(x.a, x.b), narrow_to_16(x.c, x.d));
}
INLINE i32x16 i_widen16(const uint8_t *p) {
    const bytes16 x = neon_loadu_si128(p), y = neon_loadu_si128(p + 16), zero = vdupq_n_s32(0);
    return (i32x16){neon_unpacklo_epi8(x, zero), neon_unpackhi_epi8(x, zero),
                    neon_unpacklo_epi8(y, zero), neon_unpackhi_epi8(y, zero)};
}
INLINE void i_store_narrow16(uint8_t *p, i32x16 x) { /* numbers 0..255 */
    neon_storeu_si128(p, narrow_to_8(x.a, x.b));
    neon_storeu_si128(p + 16, narrow_to_8(x.c, x.d));
}
INLINE i32x16 i_four(bytes16 x) { return (i32x16){x, x, x, x}; }
INLINE bytes16 blend_odd_4(bytes16 even, bytes16 odd) {
    return vbslq_s32((uint32x4_t){0, UINT32_MAX, 0, UINT32_MAX}, odd, even);
}
INLINE i32x16 i_blend_odd(i32x16 even, i32x16 odd) { return (i32x16)MAP2(blend_odd_4, even, odd); }

INLINE uint64_t low_bits_16(bytes16 x) {
    return (uint64_t)neon_movemask_epi8((bytes16)vshlq_n_u8((uint8x16_t)x, 7));
}
INLINE uint64_t b_low_bits(i32x16 x) {
    return low_bits_16(x.d) << 48 | low_bits_16(x.c) << 32 | low_bits_16(x.b) << 16 |
           low_bits_16(x.a);
}
INLINE bytes16 from_bits_16(uint64_t bits) {
    const uint8x16_t bit = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t x = vcombine_u8(vdup_n_u8((uint8_t)bits), vdup_n_u8((uint8_t)(bits >> 8)));
    return (bytes16)vandq_u8(vtstq_u8(x, bit), vdupq_n_u8(1));
}
INLINE i32x16 b_from_bits(uint64_t bits) {
    return (i32x16){from_bits_16(bits), from_bits_16(bits >> 16), from_bits_16(bits >> 32),
                    from_bits_16(bits >> 48)};
}

INLINE f32x16 f_from_pieces(bytes16 a, bytes16 b, bytes16 c, bytes16 d) {
    return (f32x16){(float32x4_t)a, (float32x4_t)b, (float32x4_t)c, (float32x4_t)d};
}

#include "simd/vector.inc"
