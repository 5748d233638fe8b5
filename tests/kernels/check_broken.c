/*
 * Kernels that are wrong on purpose, each in a way that a faster one goes wrong: the
 * harness must find every one of them.
 */
#include "kernels/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const kernels *right = &kernels_scalar;

/* ---- ends of vectors ---- */

static void sum_without_tail(const float *x, int64_t groups, int64_t n, double *out) {
    for (int64_t g = 0; g < groups; g++) right->sum(x + g * n, 1, n > 16 ? n - n % 16 : n, &out[g]);
}

static void absmax_reads_behind(const float *x, int64_t groups, int64_t n, float *out) {
    volatile float behind = x[groups * n];
    (void)behind;
    right->absmax(x, groups, n, out);
}

static void absmax_passes_nan(const float *x, int64_t groups, int64_t n, float *out) {
    for (int64_t g = 0; g < groups; g++, x += n) {
        out[g] = 0;
        for (int64_t i = 0; i < n; i++) out[g] = fabsf(x[i]) > out[g] ? fabsf(x[i]) : out[g];
    }
}

static void sum_abs_takes_raw_infinity(const float *x, int64_t groups, int64_t n, double *out) {
    right->sum_abs(x, groups, n, out);
    for (int64_t g = 0; g < groups; g++) out[g] = isinf(out[g]) ? 0x1p128 : out[g];
}

static int64_t find_reads_before(const float *x, int64_t n) {
    volatile float before = x[-1];
    (void)before;
    return right->find_nonfinite(x, n);
}

static void exp_writes_behind(const float *x, int64_t n, float *y) {
    right->exp(x, n, y);
    if (n % 4 == 3) y[n] = 0;
}

static void decode_writes_before(const uint8_t *code, int64_t groups, int64_t n, const scaling *s,
                                 float lowest, float *y) {
    right->decode_affine(code, groups, n, s, lowest, y);
    if (n > 100) y[-1] = 0;
}

static void unpack_writes_whole_bytes(const uint8_t *src, int64_t n, int32_t bits, uint8_t *code) {
    int64_t whole = (n * bits + 7) / 8 * 8 / bits;
    uint8_t one[8] = {0};
    right->unpack_bits(src, n, bits, code);
    for (int64_t i = n; i < whole && i < n + 7; i++) code[i] = one[0];
}

static void tanh_not_in_place(const float *x, int64_t n, float *y) {
    for (int64_t i = 0; i < n; i++) y[i] = 0;
    right->tanh(x, n, y);
}

/* ---- arithmetic ---- */

static void decode_fused(const uint8_t *code, int64_t groups, int64_t n, const scaling *s,
                         float lowest, float *y) {
    for (int64_t i = 0; i < groups * n; i++) {
        float level = lowest - (s->zero != NULL ? s->zero[i / n] : 0) + (float)code[i];
        y[i] = fmaf(level, s->scale != NULL ? s->scale[i / n] : 1,
                    s->offset != NULL ? s->offset[i / n] : 0);
    }
}

static void sum_folds_neighbours(const float *x, int64_t groups, int64_t n, double *out) {
    for (int64_t g = 0; g < groups; g++, x += n) {
        double lane[16] = {0}, total = 0;
        for (int64_t b = 0; b < n; b += KERNEL_BLOCK) {
            memset(lane, 0, sizeof lane);
            for (int64_t i = b; i < n && i < b + KERNEL_BLOCK; i++) lane[(i - b) % 16] += x[i];
            for (int half = 1; half < 16; half *= 2)
                for (int j = 0; j < 16; j += 2 * half) lane[j] += lane[j + half];
            total += lane[0];
        }
        out[g] = total;
    }
}

static void sum_of_8_lanes(const float *x, int64_t groups, int64_t n, double *out) {
    for (int64_t g = 0; g < groups; g++, x += n) {
        double lane[8] = {0};
        for (int64_t i = 0; i < n; i++) lane[i % 8] += x[i];
        for (int half = 4; half > 0; half /= 2)
            for (int j = 0; j < half; j++) lane[j] += lane[j + half];
        out[g] = lane[0];
    }
}

static double fold_16(double *lane) {
    for (int half = 8; half > 0; half /= 2)
        for (int j = 0; j < half; j++) lane[j] += lane[j + half];
    return lane[0];
}

static void sum_sq_without_blocks(const float *x, int64_t groups, int64_t n, double *out) {
    for (int64_t g = 0; g < groups; g++, x += n) {
        double lane[16] = {0};
        for (int64_t i = 0; i < n; i++) lane[i % 16] += (double)x[i] * x[i];
        out[g] = fold_16(lane);
    }
}

static double dot_in_float(const float *x, const float *y, int64_t n) {
    double lane[16] = {0};
    if (n > KERNEL_BLOCK) return right->dot(x, y, n);
    for (int64_t i = 0; i < n; i++) lane[i % 16] += x[i] * y[i];
    return fold_16(lane);
}

static void errors_in_float(const float *x, const float *y, int64_t n, error_sums *out) {
    double lane[16] = {0};
    right->error_sums(x, y, n, out);
    for (int64_t i = 0; i < n; i++) {
        float product = x[i] * y[i];
        lane[i % 16] += (double)product;
    }
    if (n <= KERNEL_BLOCK) out->xy = fold_16(lane);
}

/* Of one group. The errors of floats have exact squares, those of levels have not. */
static void errors_fused(const float *x, const uint8_t *code, int64_t groups, int64_t n,
                         const scaling *s, const float *levels, int32_t n_levels, error_sums *out) {
    double lane[16] = {0}, scale = s->scale != NULL ? s->scale[0] : 1;
    right->error_levels(x, code, groups, n, s, levels, n_levels, out);
    for (int64_t i = 0; i < n; i++) {
        double zero = s->zero != NULL ? s->zero[0] : 0;
        double e =
            x[i] - ((levels[code[i]] - zero) * scale + (s->offset != NULL ? s->offset[0] : 0));
        lane[i % 16] = fma(e, e, lane[i % 16]);
    }
    if (groups == 1 && n <= KERNEL_BLOCK) out->ee = fold_16(lane);
}

static void errors_without_negative_zero(const float *x, const float *y, int64_t n,
                                         error_sums *out) {
    right->error_sums(x, y, n, out);
    out->zeros = 0;
    for (int64_t i = 0; i < n; i++) out->zeros += y[i] == 0 && !signbit(y[i]);
}

static void errors_group_by_group(const float *x, const uint8_t *code, int64_t groups, int64_t n,
                                  const scaling *m, const float *levels, int32_t n_levels,
                                  error_sums *out) {
    *out = (error_sums){0};
    for (int64_t g = 0; g < groups; g++) {
        const scaling one = {m->scale != NULL ? m->scale + g : NULL,
                             m->zero != NULL ? m->zero + g : NULL,
                             m->offset != NULL ? m->offset + g : NULL};
        error_sums s;
        right->error_levels(x + g * n, code + g * n, 1, n, &one, levels, n_levels, &s);
        out->xx += s.xx, out->yy += s.yy, out->xy += s.xy, out->ee += s.ee, out->abs_e += s.abs_e;
        out->zeros += s.zeros, out->max_e = fmax(out->max_e, s.max_e);
    }
}

/* As the float that a decoder gives. */
static void errors_after_rounding(const float *x, const uint8_t *code, int64_t groups, int64_t n,
                                  const scaling *s, const float *levels, int32_t n_levels,
                                  error_sums *out) {
    static float y[1 << 20];
    right->error_levels(x, code, groups, n, s, levels, n_levels, out);
    if (groups * n > 1 << 20) return;
    right->decode_scaled(code, groups, n, s, levels, n_levels, y);
    right->error_sums(x, y, groups * n, out);
}

static void inside_without_edges(const float *x, const float *dy, int64_t n, float lo, float hi,
                                 float *dx) {
    for (int64_t i = 0; i < n; i++) dx[i] = x[i] > lo && x[i] < hi ? dy[i] : 0;
}

static void log_without_subnormals(const float *x, int64_t n, float *y) {
    for (int64_t i = 0; i < n; i++) {
        float v = fabsf(x[i]) < 0x1p-126f ? copysignf(0, x[i]) : x[i];
        right->log(&v, 1, &y[i]);
    }
}

static void exp_of_libm(const float *x, int64_t n, float *y) {
    for (int64_t i = 0; i < n; i++) y[i] = expf(x[i]);
}

static void uniform_by_blocks(uint64_t key, uint64_t offset, int64_t n, float *u) {
    right->uniform(key, offset & ~(uint64_t)3, n, u);
}

static void uniform_without_carry(uint64_t key, uint64_t offset, int64_t n, float *u) {
    for (int64_t i = 0; i < n; i++) {
        uint64_t at = offset + (uint64_t)i,
                 block = (offset / 4 & ~(uint64_t)UINT32_MAX) | ((uint32_t)(at / 4));
        right->uniform(key, block * 4 + at % 4, 1, &u[i]);
    }
}

/* ---- signs, ties, edges ---- */

static void minmax_keeps_negative_zero(const float *x, int64_t groups, int64_t n, float *lo,
                                       float *hi) {
    right->minmax(x, groups, n, lo, hi);
    for (int64_t g = 0; g < groups; g++)
        if (lo[g] == 0) lo[g] = x[g * n];
}

static void above_or_equal(const float *x, int64_t groups, int64_t n, const float *t, double *sum,
                           int64_t *count) {
    for (int64_t g = 0; g < groups; g++) {
        float below = nextafterf(t[g], -INFINITY);
        right->sum_abs_above(x + g * n, 1, n, &below, &sum[g], &count[g]);
    }
}

static void above_counts_padding(const float *x, int64_t groups, int64_t n, const float *t,
                                 double *sum, int64_t *count) {
    right->sum_abs_above(x, groups, n, t, sum, count);
    for (int64_t g = 0; g < groups; g++)
        if (t[g] < 0) count[g] = (n + 15) / 16 * 16;
}

static int64_t find_last(const float *x, int64_t n) {
    for (int64_t i = n; i > 0; i--)
        if (!isfinite(x[i - 1])) return i - 1;
    return n;
}

#define ENCODE_AFFINE(name)                                                                        \
    static void name(const float *x, int64_t groups, int64_t n, const scaling *s, float lowest,    \
                     float highest, rounding round, const float *u, uint8_t *code)

ENCODE_AFFINE(ties_away) {
    right->encode_affine(x, groups, n, s, lowest, highest, round == ROUND_EVEN ? ROUND_AWAY : round,
                         u, code);
}

ENCODE_AFFINE(without_offset) {
    const scaling t = {s->scale, s->zero, NULL};
    right->encode_affine(x, groups, n, &t, lowest, highest, round, u, code);
}

ENCODE_AFFINE(without_clamp) {
    right->encode_affine(x, groups, n, s, lowest, highest < lowest + 255 ? highest + 1 : highest,
                         round, u, code);
}

ENCODE_AFFINE(scale_of_the_first) {
    const scaling t = {NULL, s->zero, s->offset};
    float scale[64];
    for (int64_t g = 0; s->scale != NULL && g < groups; g++) scale[g] = s->scale[0];
    right->encode_affine(x, groups, n, s->scale != NULL ? &(scaling){scale, t.zero, t.offset} : s,
                         lowest, highest, round, u, code);
}

/* The threshold of three codes in the domain of x, not stepped to the last float. */
ENCODE_AFFINE(threshold_of_a_division) {
    right->encode_affine(x, groups, n, s, lowest, highest, round, u, code);
    if (highest - lowest != 2 || round != ROUND_EVEN || s->offset != NULL || s->zero != NULL)
        return;
    for (int64_t i = 0; i < groups * n; i++) {
        float scale = s->scale != NULL ? s->scale[i / n] : 1, t = scale * 0.5f;
        code[i] = (uint8_t)((x[i] >= -t) + (x[i] > t));
    }
}

static void steps_strictly(const float *x, int64_t groups, int64_t n, const scaling *s,
                           const float *steps, int32_t n_steps, uint8_t *code) {
    right->encode_steps(x, groups, n, s, steps, n_steps, code);
    for (int64_t i = 0; i < groups * n && s->scale == NULL && s->offset == NULL; i++) {
        code[i] = 0;
        for (int32_t k = 0; k < n_steps; k++) code[i] = (uint8_t)(code[i] + (steps[k] < x[i]));
    }
}

static void steps_by_division(const float *x, int64_t groups, int64_t n, const scaling *s,
                              const float *steps, int32_t n_steps, uint8_t *code) {
    right->encode_steps(x, groups, n, s, steps, n_steps, code);
    for (int64_t i = 0; i < groups * n && s->scale != NULL && s->offset == NULL; i++) {
        if (s->scale[i / n] == 0) continue;
        code[i] = 0;
        for (int32_t k = 0; k < n_steps; k++)
            code[i] = (uint8_t)(code[i] + (steps[k] <= x[i] / s->scale[i / n]));
    }
}

static void threshold_from_below(const float *x, int64_t groups, int64_t n, const float *t,
                                 uint8_t *code) {
    for (int64_t i = 0; i < groups * n; i++)
        code[i] = (uint8_t)((x[i] > -t[i / n]) + (x[i] > t[i / n]));
}

static void floats_ties_away(const float *x, int64_t groups, int64_t n, const float *scale,
                             const small_float *f, uint8_t *code) {
    for (int64_t i = 0; i < groups * n; i++) {
        float beyond = x[i] * 1.0000002f;
        right->encode_float(&beyond, 1, 1, &scale[i / n], f, &code[i]);
    }
}

static void floats_without_subnormals(const uint8_t *code, int64_t groups, int64_t n,
                                      const float *scale, const small_float *f, float *y) {
    right->decode_float(code, groups, n, scale, f, y);
    for (int64_t i = 0; i < groups * n; i++)
        if (abs(code[i] - f->top) < 1 << f->mantissa) y[i] = 0;
}

static void scaled_keeps_negative_zero(const uint8_t *code, int64_t groups, int64_t n,
                                       const scaling *s, const float *levels, int32_t n_levels,
                                       float *y) {
    right->decode_scaled(code, groups, n, s, levels, n_levels, y);
    for (int64_t i = 0; i < groups * n; i++) {
        float level = levels[code[i] < n_levels ? code[i] : n_levels - 1];
        float v = s->scale != NULL ? level * s->scale[i / n] : level;
        if (s->zero == NULL && s->offset == NULL) y[i] = v;
    }
}

static void levels_ties_up(const float *x, int64_t n, const float *levels, int32_t n_levels,
                           uint8_t *code) {
    for (int64_t i = 0; i < n; i++) {
        code[i] = 0;
        for (int32_t k = 0; k + 1 < n_levels; k++)
            code[i] = (uint8_t)(code[i] + (((double)levels[k] + levels[k + 1]) / 2 <= x[i]));
    }
}

static void levels_middle_in_float(const float *x, int64_t n, const float *levels, int32_t n_levels,
                                   uint8_t *code) {
    for (int64_t i = 0; i < n; i++) {
        code[i] = 0;
        for (int32_t k = 0; k + 1 < n_levels; k++)
            code[i] = (uint8_t)(code[i] + ((levels[k] + levels[k + 1]) / 2 < x[i]));
    }
}

static void levels_wrap(const uint8_t *code, int64_t n, const float *levels, int32_t n_levels,
                        float *y) {
    for (int64_t i = 0; i < n; i++) y[i] = levels[code[i] % n_levels];
}

/* ---- codes and bytes ---- */

static void counts_anew(const uint8_t *code, int64_t n, int64_t counts[256]) {
    memset(counts, 0, 256 * sizeof *counts);
    right->count_codes(code, n, counts);
}

static void pack_leaves_last_bits(const uint8_t *code, int64_t n, int32_t bits, uint8_t *dst) {
    right->pack_bits(code, n, bits, dst);
    if (n * bits % 8 != 0) dst[n * bits / 8] |= 0x80;
}

static void pack_high_bits_first(const uint8_t *code, int64_t n, int32_t bits, uint8_t *dst) {
    right->pack_bits(code, n, bits, dst);
    for (int64_t i = 0; bits == 4 && i < n / 2; i++) dst[i] = (uint8_t)(dst[i] << 4 | dst[i] >> 4);
}

static void base3_fills_with_0(const uint8_t *code, int64_t n, uint8_t *dst) {
    uint8_t last[5] = {0};
    right->pack_base3(code, n, dst);
    if (n % 5 == 0) return;
    memcpy(last, code + n / 5 * 5, (size_t)(n % 5));
    right->pack_base3(last, 5, dst + n / 5);
}

static int64_t base3_takes_any(const uint8_t *src, int64_t n, uint8_t *code) {
    for (int64_t i = 0; i < n; i++) {
        uint8_t b = src[i / 5];
        for (int64_t k = 0; k < i % 5; k++) b = (uint8_t)(b * 3);
        code[i] = (uint8_t)(b * 3 >> 8);
    }
    return -1;
}

static int64_t base3_writes_the_bad_byte(const uint8_t *src, int64_t n, uint8_t *code) {
    int64_t bad = right->unpack_base3(src, n, code);
    if (bad >= 0) code[bad * 5] = 0;
    return bad;
}

static int64_t mark_leaves_last_bits(const uint8_t *code, int64_t n, uint8_t value, uint8_t *bits) {
    int64_t others = right->mark_other(code, n, value, bits);
    if (n % 8 != 0) bits[n / 8] |= 0x80;
    return others;
}

static int64_t mark_counts_padding(const uint8_t *code, int64_t n, uint8_t value, uint8_t *bits) {
    int64_t others = right->mark_other(code, n, value, bits);
    return n % 64 != 0 && value != 0 ? others + 64 - n % 64 : others;
}

/* Each register for itself: the run goes on in the next one. */
static void ends_of_each_64(const uint8_t *code, int64_t n, uint8_t *bits) {
    for (int64_t i = 0; i < n; i += 64)
        right->mark_ends(code + i, n - i < 64 ? n - i : 64, bits + i / 8);
}

static void ends_without_the_last(const uint8_t *code, int64_t n, uint8_t *bits) {
    right->mark_ends(code, n, bits);
    if (n > 0) bits[(n - 1) / 8] &= (uint8_t) ~(1 << (n - 1) % 8);
}

static int64_t gather_leaves_the_rest(const uint8_t *code, int64_t n, uint8_t value, uint8_t *dst) {
    int64_t m = 0;
    for (int64_t i = 0; i < n; i++)
        if (code[i] != value) dst[m++] = code[i];
    return m;
}

static int64_t scatter_takes_all_bits(const uint8_t *from, const uint8_t *bits, int64_t n,
                                      uint8_t value, uint8_t *code) {
    int64_t m = right->scatter_other(from, bits, n, value, code);
    for (int64_t i = n; i < (n + 7) / 8 * 8; i++) m += bits[i / 8] >> i % 8 & 1;
    return m;
}

/* Words in the order in which they are made, that of the last code first. */
static int64_t rans_words_upwards(const uint8_t *code, int64_t n, const uint16_t f[256],
                                  uint32_t state[RANS_STATES], uint8_t *end, int64_t room) {
    int64_t bytes = right->rans_encode(code, n, f, state, end, room);
    for (int64_t i = 0; end != NULL && i < bytes / 2; i += 2) {
        uint8_t first[2], *low = end - bytes + i, *high = end - 2 - i;
        memcpy(first, low, 2), memcpy(low, high, 2), memcpy(high, first, 2);
    }
    return bytes;
}

/* The state keeps what was left over by a quotient that was 1 too small. */
static int64_t rans_quotient_below(const uint8_t *code, int64_t n, const uint16_t f[256],
                                   uint32_t state[RANS_STATES], uint8_t *end, int64_t room) {
    int64_t bytes = right->rans_encode(code, n, f, state, end, room);
    for (int i = 0; i < RANS_STATES && i < n && bytes >= 0; i++)
        if (f[code[i]] == 1 && state[i] >= 1u << 31) state[i] -= (1 << RANS_LOG) - 1;
    return bytes;
}

static int64_t rans_reads_beyond(const uint8_t *words, int64_t bytes, const uint16_t f[256],
                                 uint32_t state[RANS_STATES], int64_t n, uint8_t *code) {
    volatile uint8_t behind = words[bytes];
    (void)behind;
    return right->rans_decode(words, bytes, f, state, n, code);
}

/* The codes end with the first that never comes. */
static int64_t rans_codes_without_gaps(const uint8_t *words, int64_t bytes, const uint16_t f[256],
                                       uint32_t state[RANS_STATES], int64_t n, uint8_t *code) {
    uint16_t first[256] = {0};
    int32_t s = 0, sum = 0;
    while (s < 256 && f[s] == 0) s++;
    for (; s < 256 && f[s] > 0; s++) first[s] = f[s], sum += f[s];
    first[s - 1] = (uint16_t)(first[s - 1] + (1 << RANS_LOG) - sum);
    return right->rans_decode(words, bytes, first, state, n, code);
}

static int64_t rans_never_short(const uint8_t *words, int64_t bytes, const uint16_t f[256],
                                uint32_t state[RANS_STATES], int64_t n, uint8_t *code) {
    int64_t read = right->rans_decode(words, bytes, f, state, n, code);
    return read < 0 ? bytes : read;
}

static uint8_t largest_signed(const uint8_t *code, int64_t n) {
    int8_t largest = 0;
    for (int64_t i = 0; i < n; i++) largest = (int8_t)code[i] > largest ? (int8_t)code[i] : largest;
    return (uint8_t)largest;
}

static void planes_sign_of_the_upper(const uint8_t *code, int64_t n, uint8_t *mask, uint8_t *sign) {
    right->pack_planes(code, n, mask, sign);
    for (int64_t i = 0; i < (n + 7) / 8; i++) sign[i] ^= mask[i];
}

static void planes_without_mask(const uint8_t *mask, const uint8_t *sign, int64_t n,
                                uint8_t *code) {
    right->unpack_planes(mask, sign, n, code);
    for (int64_t i = 0; i < n; i++)
        if (sign[i / 8] >> i % 8 & 1) code[i] = 0;
}

/* ---- packed products ---- */

static int32_t code_at(const linear_weights *w, int64_t r, int64_t k) {
    const uint8_t *row = w->bytes + r * w->row_bytes;
    uint8_t code[8];
    if (w->form != LINEAR_BASE3) {
        int64_t unit = k / 8;
        right->unpack_bits(row + unit * w->form, k % 8 + 1, w->form, code);
        return code[k % 8];
    }
    uint8_t b = row[k / 5];
    for (int64_t i = 0; i < k % 5; i++) b = (uint8_t)(b * 3);
    return b * 3 >> 8;
}

/* The right sums of one group, and what is made of them one way or the other. */
static int32_t group_sum(const linear_weights *w, const linear_input *x, int64_t t, int64_t r,
                         int64_t g) {
    int64_t to = (g + 1) * w->group < w->cols ? (g + 1) * w->group : w->cols;
    int32_t s = 0, zero = x->zero != NULL ? x->zero[t] : 0;
    for (int64_t k = g * w->group; k < to; k++)
        s += (w->step * code_at(w, r, k) + w->shift[r * w->groups + g]) *
             (x->x[t * w->cols + k] - zero);
    return s;
}

static void arrange_without_zero(const linear_weights *w, const linear_input *x, void *room) {
    linear_input without = *x;
    without.zero = NULL;
    right->linear_arrange(w, &without, room);
}

static void sums_saturate(const linear_weights *w, const linear_input *x, const void *room,
                          int64_t from, int64_t to, int32_t *out) {
    right->linear_sums(w, x, room, from, to, out);
    for (int64_t t = 0; t < x->n; t++)
        for (int64_t r = from; r < to && w->groups == 1 && w->form == 8; r++)
            for (int64_t k = 0; k + 1 < w->cols; k += 2) {
                const int8_t *v = x->x + t * w->cols + k;
                int32_t pair = code_at(w, r, k) * v[0] + code_at(w, r, k + 1) * v[1];
                int32_t held = pair > 32767 ? 32767 : pair < -32768 ? -32768 : pair;
                out[t * w->rows + r] += w->step * (held - pair);
            }
}

static void sums_without_tail(const linear_weights *w, const linear_input *x, const void *room,
                              int64_t from, int64_t to, int32_t *out) {
    right->linear_sums(w, x, room, from, to, out);
    for (int64_t t = 0; t < x->n; t++)
        for (int64_t r = from; r < to && w->groups == 1; r++)
            for (int64_t k = w->cols / 64 * 64; k < w->cols; k++)
                out[t * w->rows + r] -= w->step * code_at(w, r, k) * x->x[t * w->cols + k];
}

static void sums_of_first_group(const linear_weights *w, const linear_input *x, const void *room,
                                int64_t from, int64_t to, int32_t *out) {
    const int32_t *sum = room;
    right->linear_sums(w, x, room, from, to, out);
    for (int64_t t = 0; t < x->n; t++)
        for (int64_t r = from; r < to; r++)
            for (int64_t g = 1; g < w->groups; g++) {
                const int32_t *shift = w->shift + r * w->groups;
                out[(t * w->rows + r) * w->groups + g] +=
                    (shift[0] - shift[g]) * sum[t * w->groups + g];
            }
}

/* The outputs with another arithmetic: 1 fused, 2 groups backwards, 3 scales first. */
static void product_by(int way, const linear_weights *w, const linear_input *x, int64_t from,
                       int64_t to, float *y) {
    for (int64_t t = 0; t < x->n; t++)
        for (int64_t r = from; r < to; r++) {
            float total = 0;
            for (int64_t i = 0; i < w->groups; i++) {
                int64_t g = way == 2 ? w->groups - 1 - i : i;
                float v = (float)group_sum(w, x, t, r, g), scale = w->scale[r * w->groups + g];
                if (way == 3) scale *= x->scale[t];
                total = way == 1 && i > 0 ? fmaf(v, scale, total)
                        : i > 0           ? total + v * scale
                                          : v * scale;
            }
            if (way != 3) total *= x->scale[t];
            y[t * w->rows + r] = w->bias != NULL ? total + w->bias[r] : total;
        }
}

#define PRODUCT_BY(name, way)                                                                      \
    static void name(const linear_weights *w, const linear_input *x, const void *room,             \
                     int64_t from, int64_t to, float *y) {                                         \
        if (w->offset != NULL)                                                                     \
            right->linear_product(w, x, room, from, to, y);                                        \
        else                                                                                       \
            product_by(way, w, x, from, to, y);                                                    \
    }
PRODUCT_BY(product_fused, 1)
PRODUCT_BY(product_groups_backwards, 2)
PRODUCT_BY(product_scales_first, 3)

static void product_reads_behind(const linear_weights *w, const linear_input *x, const void *room,
                                 int64_t from, int64_t to, float *y) {
    volatile uint8_t behind = w->bytes[w->rows * w->row_bytes];
    (void)behind;
    right->linear_product(w, x, room, from, to, y);
}

static void product_of_all_rows(const linear_weights *w, const linear_input *x, const void *room,
                                int64_t from, int64_t to, float *y) {
    (void)from, (void)to;
    right->linear_product(w, x, room, 0, w->rows, y);
}

#include "kernels/check_broken_training.inc"

#define BROKEN(kernel, function, what)                                                             \
    static void put_##function(kernels *k) { k->kernel = function; }
#include "kernels/check_broken.def"
#undef BROKEN

const broken_kernel broken_kernels[] = {
#define BROKEN(kernel, function, what) {what, #kernel, put_##function},
#include "kernels/check_broken.def"
#undef BROKEN
};
const int n_broken_kernels = sizeof broken_kernels / sizeof *broken_kernels;
