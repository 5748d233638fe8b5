/*
 * simd/neon_dotprod.c - packed products with arm64's dot product: sdot adds four products of
 * signed bytes to each of four sums, and nothing saturates.
 *
 * Rows of one group are read as they are packed, x in planes (vector_linear.inc). Codes below 128
 * are signed bytes. What takes the whole byte is read less 128, which 128 times the sum of x makes
 * up for: codes of 8 bits, and in base 3 t_n = byte * 3^n mod 256, of which a digit is
 * (3 t_n - t_(n+1)) / 256, so that the sums of t_n x_n and t_(n+1) x_n suffice.
 */
#include "simd/kernels.h"

#include <arm_neon.h>
#include <stdbool.h>

#include "simd/linear.h"

#define INLINE static inline __attribute__((always_inline))

INLINE int8x16_t less_128(uint8x16_t x) { return (int8x16_t)veorq_u8(x, vdupq_n_u8(128)); }
INLINE uint8x16_t three_times(uint8x16_t x) { return vaddq_u8(vaddq_u8(x, x), x); }

/* ---- row by row: what planes do not take ---- */

static int32_t linear_dot(const uint8_t *code, const int8_t *x, int64_t n) {
    const int8x16_t one = vdupq_n_s8(1);
    int32x4_t acc = vdupq_n_s32(0), sum = acc;
    uint32_t last = 0;
    int64_t k = 0;
    for (; k + 16 <= n; k += 16) {
        int8x16_t a = vld1q_s8(x + k);
        acc = vdotq_s32(acc, less_128(vld1q_u8(code + k)), a);
        sum = vdotq_s32(sum, one, a);
    }
    for (; k < n; k++) last += (uint32_t)(code[k] * x[k]);
    return (int32_t)((uint32_t)vaddvq_s32(acc) + 128 * (uint32_t)vaddvq_s32(sum) + last);
}

#define LINEAR_CODES kernels_neon
#define LINEAR_DOT(code, x, n, form) linear_dot(code, x, n)
#include "simd/linear_rows.inc"

/* ---- rows of one group ---- */

enum { TOKENS = 4, WAYS = 2, LINE = 64 };

/* Sums for each of TOKENS rows of x: those of t_n and, in base 3, of t_(n+1); a lane gets every
 * eighth column, so that 256 times its sum of 2^18 columns fits. */
typedef struct sums {
    int32x4_t now[WAYS], next[WAYS];
} sums;

INLINE void planes_line(int32_t form, const uint8x16_t c[4], const int8_t *x, int64_t stride,
                        int tokens, sums *s) {
    const uint8x16_t mask = vdupq_n_u8((uint8_t)((1 << form) - 1));
    const int8x16_t down = vdupq_n_s8((int8_t)-form);
    for (int i = 0; i < 4; i++) {
        uint8x16_t rest = c[i];
        for (int p = 0; p < linear_planes(form); p++) {
            int8x16_t code = form == 8 ? less_128(rest) : (int8x16_t)vandq_u8(rest, mask);
            for (int t = 0; t < tokens; t++)
                s[t].now[i % WAYS] = vdotq_s32(s[t].now[i % WAYS], code,
                                               vld1q_s8(x + t * stride + LINE * p + 16 * i));
            rest = vshlq_u8(rest, down);
        }
    }
}

INLINE void trits_line(const uint8x16_t c[4], const int8_t *x, int64_t stride, int tokens,
                       sums *s) {
    for (int i = 0; i < 4; i++) {
        uint8x16_t now = c[i];
        for (int p = 0; p < 5; p++) {
            uint8x16_t next = three_times(now);
            for (int t = 0; t < tokens; t++) {
                int8x16_t a = vld1q_s8(x + t * stride + LINE * p + 16 * i);
                s[t].now[i % WAYS] = vdotq_s32(s[t].now[i % WAYS], less_128(now), a);
                s[t].next[i % WAYS] = vdotq_s32(s[t].next[i % WAYS], less_128(next), a);
            }
            now = next;
        }
    }
}

/* 64 bytes of a row of W; what lies behind `bytes` is 0. */
INLINE void line_load(const uint8_t *row, int64_t at, int64_t bytes, uint8x16_t c[4]) {
    uint8_t last[LINE] = {0};
    const uint8_t *from = bytes - at >= LINE ? row + at : last;
    if (from == last) memcpy(last, row + at, (size_t)(bytes - at));
    for (int i = 0; i < 4; i++) c[i] = vld1q_u8(from + 16 * i);
}

/* sum: of x. What does not fit 32 bits on the way is gone at the end. */
INLINE int32_t sum_of_codes(int32_t form, const sums *s, uint32_t sum) {
    int32x4_t v = vaddq_s32(s->now[0], s->now[1]);
    if (form == LINEAR_BASE3) {
        for (int i = 0; i < WAYS; i++) {
            int32x4_t d = vsubq_s32(vmulq_n_s32(s->now[i], 3), s->next[i]);
            v = i == 0 ? vshrq_n_s32(d, 8) : vaddq_s32(v, vshrq_n_s32(d, 8));
        }
        return (int32_t)((uint32_t)vaddvq_s32(v) + sum);
    }
    return (int32_t)((uint32_t)vaddvq_s32(v) + (form == 8 ? 128 * sum : 0));
}

/* Row r of W by the rows [first, first + tokens) of x. */
INLINE void planar_row(const linear_job *j, const int8_t *planes, int32_t form, int64_t r,
                       int64_t first, int tokens) {
    const linear_weights *w = j->w;
    const int64_t bytes = linear_row_bytes(form, w->cols),
                  stride = linear_up(bytes, LINE) * linear_planes(form);
    const uint8_t *row = w->bytes + r * w->row_bytes;
    const int8_t *x = planes + first * stride;
    const int32x4_t none = vdupq_n_s32(0);
    sums s[TOKENS];
    for (int t = 0; t < tokens; t++) s[t] = (sums){{none, none}, {none, none}};
    for (int64_t at = 0; at < bytes; at += LINE, x += LINE * linear_planes(form)) {
        uint8x16_t c[4];
        line_load(row, at, bytes, c);
        if (form == LINEAR_BASE3)
            trits_line(c, x, stride, tokens, s);
        else
            planes_line(form, c, x, stride, tokens, s);
    }
    for (int t = 0; t < tokens; t++) {
        int64_t at = first + t;
        uint32_t zeros = (uint32_t)linear_zero(j->x, at) * (uint32_t)w->cols;
        int32_t v = sum_of_codes(form, &s[t], (uint32_t)j->sum[at] + zeros);
        linear_finish(j, r, at, linear_add(j, r, 0, at, v, 0));
    }
}

INLINE void planar_form(const linear_job *j, const int8_t *planes, int32_t form) {
    for (int64_t r = j->from; r < j->to; r++) {
        int64_t t = 0;
        for (; t + TOKENS <= j->x->n; t += TOKENS) planar_row(j, planes, form, r, t, TOKENS);
        for (; t < j->x->n; t++) planar_row(j, planes, form, r, t, 1);
    }
}

/* ---- the kernels ---- */

static bool is_planar(const linear_weights *w) { return w->groups == 1 && w->form != 3; }

static void dotprod_linear_arrange(const linear_weights *w, const linear_input *x, void *room) {
    linear_input_sums(w, x, room);
    if (is_planar(w)) linear_into_planes(w, w->form, x, (int8_t *)room + linear_sums_bytes(w, x));
}

static void run(const linear_job *j, const void *room) {
    const int8_t *planes = (const int8_t *)room + linear_sums_bytes(j->w, j->x);
    if (!is_planar(j->w)) {
        linear_by_rows(j);
        return;
    }
    switch (j->w->form) {
    case 1: planar_form(j, planes, 1); break;
    case 2: planar_form(j, planes, 2); break;
    case 4: planar_form(j, planes, 4); break;
    case 8: planar_form(j, planes, 8); break;
    default: planar_form(j, planes, LINEAR_BASE3);
    }
}

LINEAR_KERNELS(dotprod_linear_sums, dotprod_linear_product, run)

const kernels kernels_neon_dotprod = {.level = "neon_dotprod",
                                      .linear_arrange = dotprod_linear_arrange,
                                      .linear_sums = dotprod_linear_sums,
                                      .linear_product = dotprod_linear_product};
