/*
 * simd/scalar.c - the definition of every kernel, written to be read.
 *
 * A faster level must give the same bits (tests/kernels). The order of every
 * addition below is therefore part of the definition; it was chosen so that
 * vectors of 2 to 16 lanes can follow it.
 */
#include "simd/kernels.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "util/float_bits.h"
#include "util/rng.h"

enum { LANES = 16 };

/* ---- reductions ---- */

static double fold(const double lane[LANES]) {
    double s[LANES];
    memcpy(s, lane, sizeof s);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int j = 0; j < half; j++) s[j] += s[j + half];
    return s[0];
}

/* Defines NAME(x, n): the sum of TERM over one block, where v is an element as
 * double. Lane j takes the elements j, j + 16, ... in order. */
#define BLOCK_SUM(NAME, TERM)                                                                      \
    static double NAME(const float *x, int64_t n) {                                                \
        double lane[LANES] = {0};                                                                  \
        int64_t i = 0;                                                                             \
        for (; i + LANES <= n; i += LANES)                                                         \
            for (int j = 0; j < LANES; j++) {                                                      \
                double v = x[i + j];                                                               \
                lane[j] += TERM;                                                                   \
            }                                                                                      \
        for (int j = 0; i + j < n; j++) {                                                          \
            double v = x[i + j];                                                                   \
            lane[j] += TERM;                                                                       \
        }                                                                                          \
        return fold(lane);                                                                         \
    }

BLOCK_SUM(block_sum, v)
BLOCK_SUM(block_sum_abs, fabs(v))
BLOCK_SUM(block_sum_sq, v *v)

/* One result for each group; a long group is the sum of its blocks in order. */
static void sum_groups(double (*block)(const float *x, int64_t n), const float *x, int64_t groups,
                       int64_t n, double *out) {
    for (int64_t g = 0; g < groups; g++) {
        double s = 0;
        for (int64_t i = 0; i < n; i += KERNEL_BLOCK)
            s += block(x + g * n + i, n - i < KERNEL_BLOCK ? n - i : KERNEL_BLOCK);
        out[g] = s;
    }
}

static void scalar_sum(const float *x, int64_t groups, int64_t n, double *out) {
    sum_groups(block_sum, x, groups, n, out);
}

static void scalar_sum_abs(const float *x, int64_t groups, int64_t n, double *out) {
    sum_groups(block_sum_abs, x, groups, n, out);
    for (int64_t g = 0; g < groups; g++) out[g] = isfinite(out[g]) ? out[g] : (double)INFINITY;
}

static void scalar_sum_sq(const float *x, int64_t groups, int64_t n, double *out) {
    sum_groups(block_sum_sq, x, groups, n, out);
}

static int32_t magnitude_bits(float x) { return (int32_t)(float_bits(x) & 0x7fffffff); }

/* Magnitudes as integers, which are in the order of the floats, with NaN above infinity. A
 * maximum does not depend on the order; lanes let the compiler use vectors. */
static void scalar_absmax(const float *x, int64_t groups, int64_t n, float *out) {
    const int32_t infinite = 0x7f800000;
    for (int64_t g = 0; g < groups; g++, x += n) {
        int32_t lane[LANES] = {0}, m = 0;
        int64_t i = 0;
        for (; i + LANES <= n; i += LANES)
            for (int j = 0; j < LANES; j++) {
                int32_t a = magnitude_bits(x[i + j]);
                lane[j] = a > lane[j] ? a : lane[j];
            }
        for (int j = 0; i + j < n; j++) {
            int32_t a = magnitude_bits(x[i + j]);
            lane[j] = a > lane[j] ? a : lane[j];
        }
        for (int j = 0; j < LANES; j++) m = lane[j] > m ? lane[j] : m;
        out[g] = float_from_bits((uint32_t)(m < infinite ? m : infinite));
    }
}

static void scalar_minmax(const float *x, int64_t groups, int64_t n, float *lo, float *hi) {
    for (int64_t g = 0; g < groups; g++, x += n) {
        float low[LANES], high[LANES], min = x[0], max = x[0];
        int64_t i = 0;
        for (int j = 0; j < LANES; j++) low[j] = high[j] = x[0];
        for (; i + LANES <= n; i += LANES)
            for (int j = 0; j < LANES; j++) {
                low[j] = x[i + j] < low[j] ? x[i + j] : low[j];
                high[j] = x[i + j] > high[j] ? x[i + j] : high[j];
            }
        for (; i < n; i++) min = x[i] < min ? x[i] : min, max = x[i] > max ? x[i] : max;
        for (int j = 0; j < LANES; j++) {
            min = low[j] < min ? low[j] : min;
            max = high[j] > max ? high[j] : max;
        }
        /* + 0 makes one zero of the two: which of them came first must not matter */
        lo[g] = min + 0.0f;
        hi[g] = max + 0.0f;
    }
}

/* Stretch by stretch, what is not above t is taken for 0: loops that a compiler can
 * vectorize, with the additions of each lane in their order. */
static double block_sum_abs_above(const float *x, int64_t n, float t, int64_t *count) {
    enum { STRETCH = 64 * LANES };
    double lane[LANES] = {0};
    float a[STRETCH];
    for (int64_t at = 0; at < n; at += STRETCH) {
        int64_t here = n - at < STRETCH ? n - at : STRETCH, i = 0;
        int32_t above = 0;
        for (int64_t k = 0; k < here; k++) {
            float v = fabsf(x[at + k]);
            a[k] = v > t ? v : 0;
            above += v > t;
        }
        *count += above;
        for (; i + LANES <= here; i += LANES)
            for (int j = 0; j < LANES; j++) lane[j] += (double)a[i + j];
        for (int j = 0; i + j < here; j++) lane[j] += (double)a[i + j];
    }
    return fold(lane);
}

static void scalar_sum_abs_above(const float *x, int64_t groups, int64_t n, const float *t,
                                 double *sum, int64_t *count) {
    for (int64_t g = 0; g < groups; g++, x += n) {
        sum[g] = 0, count[g] = 0;
        for (int64_t i = 0; i < n; i += KERNEL_BLOCK)
            sum[g] += block_sum_abs_above(x + i, n - i < KERNEL_BLOCK ? n - i : KERNEL_BLOCK, t[g],
                                          &count[g]);
    }
}

static double block_dot(const float *x, const float *y, int64_t n) {
    double lane[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int j = 0; j < LANES; j++) lane[j] += (double)x[i + j] * (double)y[i + j];
    for (int j = 0; i + j < n; j++) lane[j] += (double)x[i + j] * (double)y[i + j];
    return fold(lane);
}

static double scalar_dot(const float *x, const float *y, int64_t n) {
    double s = 0;
    for (int64_t i = 0; i < n; i += KERNEL_BLOCK)
        s += block_dot(x + i, y + i, n - i < KERNEL_BLOCK ? n - i : KERNEL_BLOCK);
    return s;
}

/* NaN and infinity have all exponent bits set: shifted left by one, they are the
 * numbers from 0xff000000 on. */
static int64_t scalar_find_nonfinite(const float *x, int64_t n) {
    enum { STRETCH = 1024 };
    for (int64_t i = 0; i < n; i += STRETCH) {
        int64_t end = n - i < STRETCH ? n : i + STRETCH;
        uint32_t largest = 0;
        for (int64_t k = i; k < end; k++) {
            uint32_t u =
                float_bits(x[k]) << 1 >> 1; /* signed compare is cheaper without the sign */
            largest = (int32_t)u > (int32_t)largest ? u : largest;
        }
        if (largest < 0x7f800000) continue;
        for (int64_t k = i; k < end; k++)
            if (!isfinite(x[k])) return k;
    }
    return n;
}

typedef struct error_lanes {
    double xx[LANES], yy[LANES], xy[LANES], ee[LANES], abs_e[LANES], max_e[LANES];
} error_lanes;

static void add_error(error_lanes *s, int j, double x, double y) {
    double e = x - y, a = fabs(e);
    s->xx[j] += x * x;
    s->yy[j] += y * y;
    s->xy[j] += x * y;
    s->ee[j] += e * e;
    s->abs_e[j] += a;
    s->max_e[j] = a > s->max_e[j] ? a : s->max_e[j];
}

static void add_error_lanes(const error_lanes *s, error_sums *out) {
    out->xx += fold(s->xx), out->yy += fold(s->yy), out->xy += fold(s->xy);
    out->ee += fold(s->ee), out->abs_e += fold(s->abs_e);
    for (int j = 0; j < LANES; j++)
        out->max_e = s->max_e[j] > out->max_e ? s->max_e[j] : out->max_e;
}

static void add_error_block(const float *x, const float *y, int64_t n, error_sums *out) {
    error_lanes s = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int j = 0; j < LANES; j++) add_error(&s, j, x[i + j], y[i + j]);
    for (int j = 0; i + j < n; j++) add_error(&s, j, x[i + j], y[i + j]);
    add_error_lanes(&s, out);
    for (i = 0; i < n; i++) out->zeros += y[i] == 0;
}

static void scalar_error_sums(const float *x, const float *y, int64_t n, error_sums *out) {
    *out = (error_sums){0};
    for (int64_t i = 0; i < n; i += KERNEL_BLOCK)
        add_error_block(x + i, y + i, n - i < KERNEL_BLOCK ? n - i : KERNEL_BLOCK, out);
}

static void scalar_error_levels(const float *x, const uint8_t *code, int64_t groups, int64_t n,
                                const scaling *s, const float *levels, int32_t n_levels,
                                error_sums *out) {
    error_lanes lanes = {0};
    *out = (error_sums){0};
    (void)n_levels;
    for (int64_t i = 0; i < groups * n; i++) {
        double scale = s->scale != NULL ? s->scale[i / n] : 1;
        double zero = s->zero != NULL ? s->zero[i / n] : 0;
        double offset = s->offset != NULL ? s->offset[i / n] : 0;
        double y = (levels[code[i]] - zero) * scale + offset;
        add_error(&lanes, (int)(i % LANES), x[i], y);
        out->zeros += y == 0;
        if (i % KERNEL_BLOCK != KERNEL_BLOCK - 1 && i != groups * n - 1) continue;
        add_error_lanes(&lanes, out);
        lanes = (error_lanes){0};
    }
}

static void scalar_count_codes(const uint8_t *code, int64_t n, int64_t counts[256]) {
    for (int64_t i = 0; i < n; i++) counts[code[i]]++;
}

/* ---- elementwise ---- */

/* Rounds |v| < 2^22 to the nearest integer, ties to even: adding 1.5 * 2^23 leaves
 * no bits for a fraction. */
static float round_even(float v) { return (v + 0x1.8p23f) - 0x1.8p23f; }

/* exp, log and tanh are those of the Cephes library (Moshier 1992, expf.c, logf.c,
 * tanhf.c), at most 2 ulp from the truth; exp gives 0 where the result would not
 * be a normal number. */
static float exp_one(float x) {
    if (x < -87.33654f) return 0;
    if (x > 88.72283f) return HUGE_VALF;
    float n = round_even(x * 1.44269504088896341f);
    float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    float y = (p * (r * r) + r) + 1.0f;
    /* n is in -126..128, and 2^128 is no float: two factors */
    int half = (int)n / 2, rest = (int)n - half;
    return y * float_from_bits((uint32_t)(half + 127) << 23) *
           float_from_bits((uint32_t)(rest + 127) << 23);
}

static float log_one(float x) {
    if (x <= 0) return x == 0 ? -HUGE_VALF : NAN;
    int exponent = 0;
    if (x < 0x1p-126f) x *= 0x1p23f, exponent = -23;
    uint32_t u = float_bits(x);
    exponent += (int)(u >> 23) - 126;
    float m = float_from_bits((u & 0x007fffff) | 0x3f000000); /* [0.5, 1) */
    if (m < 0.707106781186547524f) exponent--, m += m;
    m -= 1.0f;
    float z = m * m, e = (float)exponent;
    float p = 7.0376836292e-2f;
    p = p * m + -1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m + -1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m + -1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m + -2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    float y = (p * m) * z;
    y += e * -2.12194440e-4f;
    y += -0.5f * z;
    return (m + y) + e * 0.693359375f;
}

static float tanh_one(float x) {
    float a = fabsf(x);
    if (a >= 0.625f) {
        float t = 1.0f - 2.0f / (exp_one(a + a) + 1.0f);
        return x < 0 ? -t : t;
    }
    float z = x * x;
    float p = -5.70498872745e-3f;
    p = p * z + 2.06390887954e-2f;
    p = p * z + -5.37397155531e-2f;
    p = p * z + 1.33314422036e-1f;
    p = p * z + -3.33332819422e-1f;
    return (p * z) * x + x;
}

static void scalar_exp(const float *x, int64_t n, float *y) {
    for (int64_t i = 0; i < n; i++) y[i] = exp_one(x[i]);
}

static void scalar_log(const float *x, int64_t n, float *y) {
    for (int64_t i = 0; i < n; i++) y[i] = log_one(x[i]);
}

static void scalar_tanh(const float *x, int64_t n, float *y) {
    for (int64_t i = 0; i < n; i++) y[i] = tanh_one(x[i]);
}

static void scalar_pass_inside(const float *x, const float *dy, int64_t n, float lo, float hi,
                               float *dx) {
    for (int64_t i = 0; i < n; i++) dx[i] = x[i] >= lo && x[i] <= hi ? dy[i] : 0;
}

static void scalar_uniform(uint64_t key, uint64_t offset, int64_t n, float *u) {
    for (int64_t i = 0; i < n; i++) u[i] = key == 0 ? 0.5f : rng_uniform(key, offset + (uint64_t)i);
}

/* ---- levels and codes ---- */

static float floor_small(float v) {
    float r = round_even(v);
    return r > v ? r - 1.0f : r;
}

static float ceil_small(float v) {
    float r = round_even(v);
    return r < v ? r + 1.0f : r;
}

static float round_away(float v) {
    float toward_zero = v < 0 ? ceil_small(v) : floor_small(v);
    if (fabsf(v - toward_zero) < 0.5f) return toward_zero;
    return v < 0 ? toward_zero - 1.0f : toward_zero + 1.0f;
}

static float round_up(float v) {
    float f = floor_small(v);
    return v - f >= 0.5f ? f + 1.0f : f;
}

static float round_down(float v) {
    float f = floor_small(v);
    return v - f > 0.5f ? f + 1.0f : f;
}

/* The metadata of one group; lo and hi: the outer levels less the zero. */
typedef struct affine {
    float scale, inv, zero, offset;
    float lo, hi;
} affine;

static affine affine_of(const scaling *s, int64_t g, float lowest, float highest) {
    affine a = {.scale = s->scale != NULL ? s->scale[g] : 1,
                .zero = s->zero != NULL ? s->zero[g] : 0,
                .offset = s->offset != NULL ? s->offset[g] : 0};
    a.inv = a.scale >= FLT_MIN ? 1.0f / a.scale : 0;
    a.lo = lowest - a.zero, a.hi = highest - a.zero;
    return a;
}

/* Clamping before rounding gives what clamping after it would, as lo and hi are
 * integers, and keeps v small enough for round_even. */
static float scaled(float x, const affine *a) {
    float v = (x - a->offset) * a->inv;
    v = v > a->lo ? v : a->lo;
    return v < a->hi ? v : a->hi;
}

#define ENCODE_WITH(ROUND)                                                                         \
    for (int64_t i = 0; i < n; i++) code[i] = (uint8_t)(int32_t)(ROUND(scaled(x[i], a)) - a->lo)

static void encode_group(const float *x, int64_t n, const affine *a, rounding round, const float *u,
                         uint8_t *code) {
    switch (round) {
    case ROUND_EVEN: ENCODE_WITH(round_even); break;
    case ROUND_AWAY: ENCODE_WITH(round_away); break;
    case ROUND_UP: ENCODE_WITH(round_up); break;
    case ROUND_DOWN: ENCODE_WITH(round_down); break;
    case ROUND_FLOOR: ENCODE_WITH(floor_small); break;
    case ROUND_CEIL: ENCODE_WITH(ceil_small); break;
    case ROUND_STOCHASTIC:
        for (int64_t i = 0; i < n; i++) {
            float v = scaled(x[i], a), f = floor_small(v);
            code[i] = (uint8_t)(int32_t)((u[i] < v - f ? f + 1.0f : f) - a->lo);
        }
    }
}

static void scalar_encode_affine(const float *x, int64_t groups, int64_t n, const scaling *s,
                                 float lowest, float highest, rounding round, const float *u,
                                 uint8_t *code) {
    for (int64_t g = 0; g < groups; g++) {
        affine a = affine_of(s, g, lowest, highest);
        encode_group(x + g * n, n, &a, round, u != NULL ? u + g * n : NULL, code + g * n);
    }
}

static void scalar_decode_affine(const uint8_t *code, int64_t groups, int64_t n, const scaling *s,
                                 float lowest, float *y) {
    for (int64_t g = 0; g < groups; g++, code += n, y += n) {
        affine a = affine_of(s, g, lowest, 0);
        for (int64_t i = 0; i < n; i++) y[i] = (a.lo + (float)code[i]) * a.scale + a.offset;
    }
}

/* How many steps are not above v: by counting where they are few, since a search that
 * the processor cannot foresee costs more. Steps ascend, so both give the same. */
static void count_steps(const float *v, int64_t n, const float *steps, int32_t n_steps,
                        uint8_t *code) {
    memset(code, 0, (size_t)n);
    for (int32_t s = 0; s < n_steps; s++)
        for (int64_t i = 0; i < n; i++) code[i] = (uint8_t)(code[i] + (steps[s] <= v[i]));
}

static void find_steps(const float *v, int64_t n, const float *steps, int32_t n_steps,
                       uint8_t *code) {
    for (int64_t i = 0; i < n; i++) {
        int32_t lo = 0, hi = n_steps; /* steps below lo are <= v, steps from hi on are > v */
        while (lo < hi) {
            int32_t mid = (lo + hi) / 2;
            if (steps[mid] <= v[i])
                lo = mid + 1;
            else
                hi = mid;
        }
        code[i] = (uint8_t)lo;
    }
}

static void steps_of_group(const float *x, int64_t n, float inv, float offset, const float *steps,
                           int32_t n_steps, uint8_t *code) {
    enum { STRETCH = 256, FEW = 32 };
    float v[STRETCH];
    for (int64_t at = 0; at < n; at += STRETCH) {
        int64_t here = n - at < STRETCH ? n - at : STRETCH;
        for (int64_t i = 0; i < here; i++) v[i] = (x[at + i] - offset) * inv;
        if (n_steps <= FEW)
            count_steps(v, here, steps, n_steps, code + at);
        else
            find_steps(v, here, steps, n_steps, code + at);
    }
}

static void scalar_encode_steps(const float *x, int64_t groups, int64_t n, const scaling *s,
                                const float *steps, int32_t n_steps, uint8_t *code) {
    for (int64_t g = 0; g < groups; g++) {
        affine a = affine_of(s, g, 0, 0);
        steps_of_group(x + g * n, n, a.inv, a.offset, steps, n_steps, code + g * n);
    }
}

static void scalar_encode_threshold(const float *x, int64_t groups, int64_t n, const float *t,
                                    uint8_t *code) {
    for (int64_t g = 0; g < groups; g++, x += n, code += n)
        for (int64_t i = 0; i < n; i++) code[i] = (uint8_t)((x[i] >= -t[g]) + (x[i] > t[g]));
}

/* What lies under the smallest normal number is a multiple of the smallest one; above it the
 * bits of a float, rounded after the mantissa. */
static int32_t magnitude_of(float a, const small_float *f) {
    float least = ldexpf(1, f->least);
    int32_t drop = 23 - f->mantissa, m;
    if (a < least) {
        m = (int32_t)round_even(a * ldexpf(1, f->mantissa - f->least));
    } else {
        uint32_t bits = float_bits(a), even = (1u << (drop - 1)) - 1 + (bits >> drop & 1);
        m = (int32_t)((bits + even) >> drop) - ((126 + f->least) << f->mantissa);
    }
    return m < f->top ? m : f->top;
}

static float value_of(int32_t magnitude, const small_float *f) {
    if (magnitude < 1 << f->mantissa) return ldexpf((float)magnitude, f->least - f->mantissa);
    return float_from_bits((uint32_t)(magnitude + ((126 + f->least) << f->mantissa))
                           << (23 - f->mantissa));
}

static void scalar_encode_float(const float *x, int64_t groups, int64_t n, const float *scale,
                                const small_float *f, uint8_t *code) {
    for (int64_t i = 0; i < groups * n; i++) {
        float inv = scale[i / n] >= FLT_MIN ? 1.0f / scale[i / n] : 0, v = x[i] * inv;
        int32_t m = magnitude_of(fabsf(v), f);
        code[i] = (uint8_t)(v < 0 ? f->top - m : f->top + m);
    }
}

static void scalar_decode_float(const uint8_t *code, int64_t groups, int64_t n, const float *scale,
                                const small_float *f, float *y) {
    for (int64_t i = 0; i < groups * n; i++) {
        int32_t m = code[i] - f->top;
        float level = value_of(m < 0 ? -m : m, f);
        y[i] = (m < 0 ? -level : level) * scale[i / n] + 0.0f;
    }
}

static void scalar_decode_scaled(const uint8_t *code, int64_t groups, int64_t n, const scaling *s,
                                 const float *levels, int32_t n_levels, float *y) {
    for (int64_t g = 0; g < groups; g++, code += n, y += n) {
        affine a = affine_of(s, g, 0, 0);
        for (int64_t i = 0; i < n; i++) {
            float level = levels[code[i] < n_levels ? code[i] : n_levels - 1];
            y[i] = (level - a.zero) * a.scale + a.offset;
        }
    }
}

static void scalar_encode_levels(const float *x, int64_t n, const float *levels, int32_t n_levels,
                                 uint8_t *code) {
    for (int64_t i = 0; i < n; i++) {
        int32_t lo = 0, hi = n_levels - 1;
        while (lo < hi) {
            int32_t mid = (lo + hi) / 2;
            double middle = ((double)levels[mid] + (double)levels[mid + 1]) / 2;
            if (x[i] > middle)
                lo = mid + 1;
            else
                hi = mid;
        }
        code[i] = (uint8_t)lo;
    }
}

static void scalar_decode_levels(const uint8_t *code, int64_t n, const float *levels,
                                 int32_t n_levels, float *y) {
    for (int64_t i = 0; i < n; i++) y[i] = levels[code[i] < n_levels ? code[i] : n_levels - 1];
}

/* ---- packing ---- */

static void scalar_pack_bits(const uint8_t *code, int64_t n, int32_t bits, uint8_t *dst) {
    uint32_t pending = 0; /* bits not written yet, the oldest lowest */
    int32_t have = 0;
    for (int64_t i = 0; i < n; i++) {
        pending |= (uint32_t)code[i] << have;
        for (have += bits; have >= 8; have -= 8, pending >>= 8) *dst++ = (uint8_t)pending;
    }
    if (have > 0) *dst = (uint8_t)pending;
}

static void scalar_unpack_bits(const uint8_t *src, int64_t n, int32_t bits, uint8_t *code) {
    uint32_t pending = 0;
    int32_t have = 0;
    for (int64_t i = 0; i < n; i++) {
        if (have < bits) pending |= (uint32_t)*src++ << have, have += 8;
        code[i] = (uint8_t)(pending & ((1u << bits) - 1));
        pending >>= bits, have -= bits;
    }
}

static uint8_t base3_byte(const uint8_t *code, int64_t n) {
    uint32_t v = 0;
    for (int64_t k = 0; k < 5; k++) v = v * 3 + (k < n ? code[k] : 1);
    return (uint8_t)((v * 256 + 242) / 243);
}

static void scalar_pack_base3(const uint8_t *code, int64_t n, uint8_t *dst) {
    for (int64_t i = 0; i < n; i += 5) *dst++ = base3_byte(code + i, n - i);
}

static int64_t scalar_unpack_base3(const uint8_t *src, int64_t n, uint8_t *code) {
    for (int64_t i = 0; i < n; i += 5) {
        uint8_t digits[5], b = src[i / 5];
        for (int k = 0; k < 5; k++, b = (uint8_t)(b * 3)) digits[k] = (uint8_t)(b * 3u >> 8);
        int64_t here = n - i < 5 ? n - i : 5;
        if (base3_byte(digits, here) != src[i / 5]) return i / 5;
        memcpy(code + i, digits, (size_t)here);
    }
    return -1;
}

/* ---- places of codes ---- */

static int bit_of(const uint8_t *bits, int64_t i) { return bits[i / 8] >> i % 8 & 1; }
static void put_bit(uint8_t *bits, int64_t i, int bit) { bits[i / 8] |= (uint8_t)(bit << i % 8); }

static int64_t scalar_mark_other(const uint8_t *code, int64_t n, uint8_t value, uint8_t *bits) {
    int64_t others = 0;
    memset(bits, 0, (size_t)((n + 7) / 8));
    for (int64_t i = 0; i < n; i++) {
        put_bit(bits, i, code[i] != value);
        others += code[i] != value;
    }
    return others;
}

static void scalar_mark_ends(const uint8_t *code, int64_t n, uint8_t *bits) {
    memset(bits, 0, (size_t)((n + 7) / 8));
    for (int64_t i = 0; i < n; i++) put_bit(bits, i, i == n - 1 || code[i + 1] != code[i]);
}

static int64_t scalar_gather_other(const uint8_t *code, int64_t n, uint8_t value, uint8_t *dst) {
    int64_t m = 0;
    for (int64_t i = 0; i < n; i++) {
        dst[m] = code[i]; /* no branch: it would be a coin toss */
        m += code[i] != value;
    }
    memset(dst + m, 0, (size_t)(n - m));
    return m;
}

static int64_t scalar_scatter_other(const uint8_t *from, const uint8_t *bits, int64_t n,
                                    uint8_t value, uint8_t *code) {
    int64_t m = 0;
    for (int64_t i = 0; i < n; i++) {
        code[i] = bit_of(bits, i) ? from[m] : value;
        m += bit_of(bits, i);
    }
    return m;
}

static uint8_t scalar_largest_code(const uint8_t *code, int64_t n) {
    uint8_t largest = 0;
    for (int64_t i = 0; i < n; i++) largest = code[i] > largest ? code[i] : largest;
    return largest;
}

static void scalar_pack_planes(const uint8_t *code, int64_t n, uint8_t *mask, uint8_t *sign) {
    memset(mask, 0, (size_t)((n + 7) / 8));
    memset(sign, 0, (size_t)((n + 7) / 8));
    for (int64_t i = 0; i < n; i++) {
        put_bit(mask, i, code[i] != 1);
        put_bit(sign, i, code[i] == 0);
    }
}

static void scalar_unpack_planes(const uint8_t *mask, const uint8_t *sign, int64_t n,
                                 uint8_t *code) {
    for (int64_t i = 0; i < n; i++) {
        int m = bit_of(mask, i), s = bit_of(sign, i);
        code[i] = (uint8_t)(1 - m + 2 * (m ^ s));
    }
}

/* ---- entropy coding ---- */

#include "simd/rans_codes.inc"

static int64_t scalar_rans_encode(const uint8_t *code, int64_t n, const uint16_t *f,
                                  uint32_t *state, uint8_t *end, int64_t room) {
    uint32_t c[RANS_CODES + 1];
    rans_writer w = {end, room};
    rans_sums(f, c);
    return rans_put(f, c, code, 0, n, state, &w) ? room - w.room : -1;
}

static int64_t scalar_rans_decode(const uint8_t *words, int64_t bytes, const uint16_t *f,
                                  uint32_t *state, int64_t n, uint8_t *code) {
    uint8_t level[RANS_ONE];
    uint32_t c[RANS_CODES + 1];
    rans_reader r = {words, bytes};
    rans_sums(f, c);
    rans_levels(f, c, level);
    return rans_take(f, c, level, 0, n, state, &r, code) ? bytes - r.bytes : -1;
}

#include "simd/scalar_select.inc"

#include "simd/scalar_training.inc"

#include "simd/scalar_linear.inc"

#ifndef SCALAR_KERNELS /* scalar_plain.c has names of its own */
#define SCALAR_KERNELS kernels_scalar
#define SCALAR_NAME "scalar"
#endif

const kernels SCALAR_KERNELS = {
    .level = SCALAR_NAME,
#define KERNEL(result, name, parameters) .name = scalar_##name,
#include "simd/kernels.def"
#undef KERNEL
};
