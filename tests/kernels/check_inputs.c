/*
 * One generator for each line of kernels.def: it takes the buffers, fills the inputs and
 * calls the kernel. `variant` chooses among the ways to call it.
 */
#include "kernels/check.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "simd/linear.h"
#include "util/float_bits.h"

#define GENERATOR(name, ...)                                                                       \
    static const check_generator name##_inputs = {.run = run_##name, __VA_ARGS__}

/* ---- numbers ---- */

static float one_float(check_call *c, float equal) {
    uint32_t r = check_draw(c);
    switch (c->c->data) {
    case DATA_UNIFORM: return (float)(int32_t)r * 0x1p-31f;
    case DATA_DYADIC: return (float)((int32_t)(r >> 8) % 65 - 32) * 0.125f;
    case DATA_TIES: return (float)((int32_t)(r >> 8) % 41 - 20) * 0.5f;
    case DATA_EXTREME: return float_from_bits((r & 0x807fffff) | (97 + (r >> 23 & 255) % 61) << 23);
    case DATA_ZEROS: return r % 11 == 0 ? (float)(r >> 8 & 3) - 1.5f : r & 256 ? -0.0f : 0.0f;
    default: return equal;
    }
}

static float *floats_of(check_call *c, int64_t n, float *x) {
    static const float equal[] = {0.3f, -0.3f, 0.0f, -0.0f, 1e-45f, -7.5f};
    float e = equal[check_draw(c) % 6];
    for (int64_t i = 0; i < n; i++) x[i] = one_float(c, e);
    return x;
}

static const float *floats(check_call *c, int64_t n) {
    return floats_of(c, n, check_in(c, n, sizeof(float)));
}

/* Codes below n_levels. */
static uint8_t *codes(check_call *c, int64_t n, uint32_t n_levels) {
    uint8_t *code = check_in(c, n, 1);
    uint32_t one = check_draw(c) % n_levels;
    for (int64_t i = 0; i < n; i++) {
        uint32_t r = check_draw(c) >> 8;
        bool rare = c->c->data == DATA_ZEROS && r % 8 != 0;
        code[i] = (uint8_t)(c->c->data == DATA_EQUAL || rare ? one : r % n_levels);
    }
    return code;
}

/* ---- reductions: variant 0 is one group, 1 three groups, or 18 small ones ---- */

static int64_t groups_of(const check_call *c) {
    return c->c->variant == 0 ? 1 : c->c->n < 200 && c->c->seed % 2 ? 18 : 3;
}

/* One of n elements becomes a NaN or an infinity, or the largest finite number. */
static void put_odd(check_call *c, int64_t n, float *x) {
    static const uint32_t odd[] = {0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0x7f7fffff};
    x[check_draw(c) % (uint32_t)n] = float_from_bits(odd[check_draw(c) % 5]);
}

#define GROUP_INPUTS(NAME, TYPE)                                                                   \
    static void run_##NAME(check_call *c) {                                                        \
        int64_t g = groups_of(c);                                                                  \
        const float *x = floats(c, g * c->c->n);                                                   \
        c->k->NAME(x, g, c->c->n, check_out(c, g, sizeof(TYPE)));                                  \
    }

/* Groups with a NaN or an infinity now and then. */
#define ODD_GROUP_INPUTS(NAME, TYPE)                                                               \
    static void run_##NAME(check_call *c) {                                                        \
        int64_t g = groups_of(c), all = g * c->c->n;                                               \
        float *x = floats_of(c, all, check_in(c, all, sizeof *x));                                 \
        for (int i = 0; i < 3 && c->c->seed % 4 == 0 && all > 0; i++) put_odd(c, all, x);          \
        c->k->NAME(x, g, c->c->n, check_out(c, g, sizeof(TYPE)));                                  \
    }

ODD_GROUP_INPUTS(absmax, float)
GENERATOR(absmax, .variants = 2);
GROUP_INPUTS(sum, double)
GENERATOR(sum, .variants = 2, .blocks = true);
ODD_GROUP_INPUTS(sum_abs, double)
GENERATOR(sum_abs, .variants = 2, .blocks = true);
GROUP_INPUTS(sum_sq, double)
GENERATOR(sum_sq, .variants = 2, .blocks = true);

static void run_minmax(check_call *c) {
    int64_t g = groups_of(c);
    const float *x = floats(c, g * c->c->n);
    float *lo = check_out(c, g, sizeof *lo), *hi = check_out(c, g, sizeof *hi);
    c->k->minmax(x, g, c->c->n, lo, hi);
}
GENERATOR(minmax, .variants = 2);

static void run_sum_abs_above(check_call *c) {
    static const float bounds[] = {0, 0.5f, 1, 0.3f, -1, 1000};
    int64_t g = groups_of(c);
    const float *x = floats(c, g * c->c->n);
    float *t = check_in(c, g, sizeof *t);
    for (int64_t i = 0; i < g; i++) t[i] = bounds[check_draw(c) % 6];
    double *sum = check_out(c, g, sizeof *sum);
    int64_t *count = check_out(c, g, sizeof *count);
    c->k->sum_abs_above(x, g, c->c->n, t, sum, count);
}
GENERATOR(sum_abs_above, .variants = 2, .blocks = true);

static void run_dot(check_call *c) {
    const float *x = floats(c, c->c->n), *y = floats(c, c->c->n);
    double *out = check_out(c, 1, sizeof *out);
    *out = c->k->dot(x, y, c->c->n);
}
GENERATOR(dot, .variants = 1, .blocks = true);

/* Finite numbers, or some that are not. */
static void run_find_nonfinite(check_call *c) {
    float *x = floats_of(c, c->c->n, check_in(c, c->c->n, sizeof *x));
    for (int i = 0; i < c->c->variant && c->c->n > 0; i++) put_odd(c, c->c->n, x);
    int64_t *out = check_out(c, 1, sizeof *out);
    *out = c->k->find_nonfinite(x, c->c->n);
}
GENERATOR(find_nonfinite, .variants = 3, .blocks = true);

static void run_error_sums(check_call *c) {
    const float *x = floats(c, c->c->n);
    float *y = check_in(c, c->c->n, sizeof *y);
    for (int64_t i = 0; i < c->c->n; i++)
        y[i] = check_draw(c) % 4 == 0 ? (check_draw(c) & 1 ? 0.0f : -0.0f) : rintf(x[i] * 7) / 7;
    error_sums *out = check_out(c, 1, sizeof *out);
    c->k->error_sums(x, y, c->c->n, out);
}
GENERATOR(error_sums, .variants = 1, .blocks = true);

/* variant 0: any codes, 1: up to four, as few bits as they need */
static void run_count_codes(check_call *c) {
    const uint8_t *code = codes(c, c->c->n, c->c->variant == 0 ? 256 : 4);
    int64_t *counts = check_out(c, 256, sizeof *counts);
    for (int i = 0; i < 256; i++) counts[i] = i;
    c->k->count_codes(code, c->c->n, counts);
}
GENERATOR(count_codes, .variants = 2);

/* ---- elementwise: variants 0, 2 into another buffer, 1, 3 in place; 2, 3 within the
 * range of exp and, for all, around the ends of ranges ---- */

static void elementwise(check_call *c, void (*f)(const float *x, int64_t n, float *y)) {
    static const float edges[] = {-87.33654f, 88.72283f, -87.4f,  88.73f, 0.625f, 0.70710677f,
                                  1e-45f,     FLT_MIN,   -1e-45f, 1e-39f, 3e38f,  0.0f};
    bool in_place = c->c->variant & 1;
    float *y = in_place ? check_out(c, c->c->n, sizeof *y) : NULL;
    float *x = in_place ? y : check_in(c, c->c->n, sizeof *x);
    floats_of(c, c->c->n, x);
    for (int64_t i = 0; c->c->variant >= 2 && i < c->c->n; i++) {
        uint32_t r = check_draw(c);
        x[i] = r % 5 == 0 ? edges[(r >> 8) % 12] : (float)(int32_t)r * 0x1p-31f * 90;
    }
    if (!in_place) y = check_out(c, c->c->n, sizeof *y);
    f(x, c->c->n, y);
}

static void run_exp(check_call *c) { elementwise(c, c->k->exp); }
GENERATOR(exp, .variants = 4);
static void run_log(check_call *c) { elementwise(c, c->k->log); }
GENERATOR(log, .variants = 4);
static void run_tanh(check_call *c) { elementwise(c, c->k->tanh); }
GENERATOR(tanh, .variants = 4);

/* variant 1: in place */
static void run_pass_inside(check_call *c) {
    float *x = floats_of(c, c->c->n, check_in(c, c->c->n, sizeof *x)), lo = -0.5f, hi = 0.5f;
    bool in_place = c->c->variant == 1;
    float *dx = in_place ? check_out(c, c->c->n, sizeof *dx) : NULL;
    float *dy = floats_of(c, c->c->n, in_place ? dx : check_in(c, c->c->n, sizeof *dy));
    if (!in_place) dx = check_out(c, c->c->n, sizeof *dx);
    if (check_draw(c) % 3 == 0) lo = x[check_draw(c) % (uint32_t)c->c->n];
    if (check_draw(c) % 3 == 0) hi = x[check_draw(c) % (uint32_t)c->c->n];
    c->k->pass_inside(x, dy, c->c->n, lo, hi, dx);
}
GENERATOR(pass_inside, .variants = 2);

/* variants: key 0; offsets 0..3 beside a multiple of 4; a counter that passes 2^32 */
static void run_uniform(check_call *c) {
    uint64_t key = (uint64_t)check_draw(c) << 32 | check_draw(c), offset = check_draw(c);
    if (c->c->variant == 0) key = 0;
    offset = offset * 4 + (uint64_t)c->c->variant;
    if (c->c->variant == 5) offset = (UINT64_C(1) << 34) - 1 - (uint64_t)c->c->n / 2;
    float *u = check_out(c, c->c->n, sizeof *u);
    c->k->uniform(key, offset, c->c->n, u);
}
GENERATOR(uniform, .variants = 6);

/* ---- levels and codes ---- */

/* Metadata of g groups; each kind may be absent. Scales with all bits, and those that
 * stand for 0. */
typedef struct range {
    float lowest, highest;
} range;
static const range ranges[] = {{-1, 1}, {-8, 7}, {0, 255}, {-127, 127}, {0, 1}, {-255, 0}, {0, 15}};

static const float *numbers(check_call *c, int64_t g, const float *some, uint32_t n) {
    if (check_draw(c) % 2) return NULL;
    float *t = check_in(c, g, sizeof *t);
    for (int64_t i = 0; i < g; i++) t[i] = some[check_draw(c) % n];
    return t;
}

static const float *scales(check_call *c, int64_t g) {
    static const float some[] = {1, 0.5f, 0.1f, 0.007f, 3.3f, 0, FLT_MIN, 1e-39f, 3e38f};
    if (check_draw(c) % 4 == 0) return NULL;
    float *t = check_in(c, g, sizeof *t);
    for (int64_t i = 0; i < g; i++) {
        uint32_t r = check_draw(c);
        t[i] = r % 2 ? some[(r >> 8) % 9]
                     : float_from_bits((r >> 8 & 0x7fffff) | (110 + r % 32) << 23);
    }
    return t;
}

/* Whole zero points that keep 0 inside. */
static const float *zeros(check_call *c, int64_t g, const range *r) {
    if (check_draw(c) % 2) return NULL;
    float *t = check_in(c, g, sizeof *t);
    for (int64_t i = 0; i < g; i++)
        t[i] = r->lowest + (float)(check_draw(c) % (uint32_t)(r->highest - r->lowest + 1));
    return t;
}

/* One group, three, or more than are worked at a time. */
static int64_t some_groups(const check_call *c) {
    return c->c->seed % 4 == 0 ? 1 : c->c->seed % 4 == 1 && c->c->n < 300 ? 37 : 3;
}

/* Puts some of x where v is half an integer, and beside it. */
static void meet_halves(check_call *c, float *x, int64_t g, const float *scale) {
    for (int64_t i = 0; i < g * c->c->n; i += 2) {
        uint32_t r = check_draw(c);
        float v = ((float)(int32_t)(r % 5) - 2.5f) * (scale != NULL ? scale[i / c->c->n] : 1);
        if (r & 256) v *= 0.2f; /* the inner two */
        int32_t ulps = (int32_t)(r >> 16) % 7 - 3;
        x[i] = v != 0 ? float_from_bits(float_bits(v) + (uint32_t)ulps) : v;
        if (!isfinite(x[i])) x[i] = 0;
    }
}

/* variant: the rounding */
static void run_encode_affine(check_call *c) {
    static const float offsets[] = {0.37f, 0, -2};
    rounding round = (rounding)c->c->variant;
    int64_t g = some_groups(c);
    const range *r = &ranges[check_draw(c) % 3 == 0 ? 0 : check_draw(c) % 7];
    float *x = floats_of(c, g * c->c->n, check_in(c, g * c->c->n, sizeof *x));
    scaling s = {.scale = scales(c, g), .zero = zeros(c, g, r)};
    s.offset = numbers(c, g, offsets, 3);
    if (check_draw(c) % 2) meet_halves(c, x, g, s.scale);
    float *u = round == ROUND_STOCHASTIC ? check_in(c, g * c->c->n, sizeof *u) : NULL;
    for (int64_t i = 0; u != NULL && i < g * c->c->n; i++)
        u[i] = (float)(check_draw(c) >> 8) * 0x1p-24f;
    c->k->encode_affine(x, g, c->c->n, &s, r->lowest, r->highest, round, u,
                        check_out(c, g * c->c->n, 1));
}
GENERATOR(encode_affine, .variants = 7);

static void run_decode_affine(check_call *c) {
    static const float offsets[] = {0.37f, 0, -2};
    int64_t g = some_groups(c);
    const range *r = &ranges[check_draw(c) % 7];
    const uint8_t *code = codes(c, g * c->c->n, (uint32_t)(r->highest - r->lowest) + 1);
    scaling s = {.scale = scales(c, g), .zero = zeros(c, g, r)};
    s.offset = numbers(c, g, offsets, 3);
    float *y = check_out(c, g * c->c->n, sizeof *y);
    c->k->decode_affine(code, g, c->c->n, &s, r->lowest, y);
}
GENERATOR(decode_affine, .variants = 1);

static void run_encode_threshold(check_call *c) {
    static const float bounds[] = {0, 0.5f, 1, 0.3f, -1, FLT_MAX};
    int64_t g = some_groups(c);
    const float *x = floats(c, g * c->c->n);
    float *t = check_in(c, g, sizeof *t);
    for (int64_t i = 0; i < g; i++) t[i] = bounds[check_draw(c) % 6];
    c->k->encode_threshold(x, g, c->c->n, t, check_out(c, g * c->c->n, 1));
}
GENERATOR(encode_threshold, .variants = 1);

/* Groups of all sizes, also those that end within a vector; variant: how many levels, and
 * whether they are consecutive. */
static void run_error_levels(check_call *c) {
    static const float zero[] = {0, 3}, offsets[] = {0, -0.3f, 1e-3f};
    static const int32_t counts[] = {3, 16, 17, 255, 200};
    int32_t n_levels = counts[c->c->variant];
    int64_t groups = c->c->seed % 3 == 0 ? 1 : c->c->n > 1000 ? 3 : 11;
    const float *x = floats(c, groups * c->c->n);
    const uint8_t *code = codes(c, groups * c->c->n, (uint32_t)n_levels);
    float *levels = check_in(c, n_levels, sizeof *levels);
    for (int32_t i = 0; i < n_levels; i++)
        levels[i] = c->c->variant % 2 ? (float)(i * i % 97) / 7 - 3 : (float)(i - n_levels / 2);
    scaling s = {.scale = scales(c, groups), .zero = numbers(c, groups, zero, 2)};
    s.offset = numbers(c, groups, offsets, 3);
    error_sums *out = check_out(c, 1, sizeof *out);
    c->k->error_levels(x, code, groups, c->c->n, &s, levels, n_levels, out);
}
GENERATOR(error_levels, .variants = 5, .blocks = true);

/* Numbers of levels for variants: the few, the many, and what lies between. */
static const int32_t level_counts[] = {2, 3, 4, 5, 8, 16, 17, 100, 256};
enum { LEVEL_COUNTS = sizeof level_counts / sizeof *level_counts };

/* n ascending numbers, on which values of the data fall. */
static float *ascending(check_call *c, int32_t n) {
    float *t = check_in(c, n, sizeof *t), gap = check_draw(c) % 2 ? 0.125f : 0.37f;
    if (c->c->data == DATA_EXTREME) {
        for (int32_t i = 0; i < n; i++) /* from -2^30 to 2^30 */
            t[i] = ldexpf(2 * i < n ? -1.0f : 1.0f,
                          (int)(60.0f * fabsf(2 * (float)i / (float)n - 1)) - 30) *
                   (1 + (2 * i < n ? -1.0f : 1.0f) * (float)i / 1024);
        return t;
    }
    for (int32_t i = 0; i < n; i++) t[i] = ((float)i - (float)(n / 2)) * gap;
    return t;
}

/* Puts some of x on the middles of neighbours in t, and beside them. */
static void meet(check_call *c, float *x, const float *t, int32_t n) {
    for (int64_t i = 0; i < c->c->n && n > 1; i += 3) {
        uint32_t r = check_draw(c), k = (r >> 8) % (uint32_t)(n - 1);
        float middle = (float)(((double)t[k] + t[k + 1]) / 2);
        x[i] = r % 4 == 0   ? nextafterf(middle, -INFINITY)
               : r % 4 == 1 ? nextafterf(middle, INFINITY)
               : r % 4 == 2 ? t[k]
                            : middle;
    }
}

static void run_encode_steps(check_call *c) {
    static const float offsets[] = {0.25f, 0};
    int32_t n = level_counts[c->c->variant] - 1;
    int64_t g = some_groups(c);
    float *x = floats_of(c, g * c->c->n, check_in(c, g * c->c->n, sizeof *x)),
          *steps = ascending(c, n);
    for (int64_t k = 0; k < g; k++) meet(c, x + k * c->c->n, steps, n);
    scaling s = {.scale = check_draw(c) % 2 ? scales(c, g) : NULL};
    s.offset = numbers(c, g, offsets, 2);
    c->k->encode_steps(x, g, c->c->n, &s, steps, n, check_out(c, g * c->c->n, 1));
}
GENERATOR(encode_steps, .variants = LEVEL_COUNTS);

/* variant: e2m1, e2m3, e3m2, e4m3, e5m2, the int8 of MX */
static const small_float small_floats[] = {{1, 0, 7},    {3, 0, 31},    {2, -2, 31},
                                           {3, -6, 126}, {2, -14, 123}, {7, 1, 127}};

/* Middles of neighbours, neighbours of those, and what is beyond the largest. */
static void run_encode_float(check_call *c) {
    const small_float *f = &small_floats[c->c->variant];
    int64_t g = some_groups(c), n = g * c->c->n;
    float *x = floats_of(c, n, check_in(c, n, sizeof *x)), *scale = check_in(c, g, sizeof *scale);
    for (int64_t i = 0; i < g; i++)
        scale[i] = check_draw(c) % 8 == 0 ? 0 : ldexpf(1, (int)(check_draw(c) % 9) - 4);
    for (int64_t i = 0; i < n; i += 2) {
        uint8_t pair[] = {(uint8_t)(check_draw(c) % (uint32_t)(2 * f->top)), 0};
        float y[2], one = 1;
        pair[1] = (uint8_t)(pair[0] + 1);
        kernels_scalar.decode_float(pair, 1, 2, &one, f, y);
        uint32_t r = check_draw(c);
        float v = (float)(((double)y[0] + y[1]) / 2) * scale[i / c->c->n];
        if (r % 2) x[i] = r & 2 ? v : nextafterf(v, r & 4 ? INFINITY : -INFINITY);
    }
    c->k->encode_float(x, g, c->c->n, scale, f, check_out(c, n, 1));
}
GENERATOR(encode_float, .variants = 6);

static void run_decode_float(check_call *c) {
    const small_float *f = &small_floats[c->c->variant];
    int64_t g = some_groups(c);
    const uint8_t *code = codes(c, g * c->c->n, (uint32_t)(2 * f->top + 1));
    float *scale = check_in(c, g, sizeof *scale);
    for (int64_t i = 0; i < g; i++) scale[i] = check_draw(c) % 4 ? 0.37f : 0;
    c->k->decode_float(code, g, c->c->n, scale, f, check_out(c, g * c->c->n, sizeof(float)));
}
GENERATOR(decode_float, .variants = 6);

/* codes beyond the last level too */
static void run_decode_scaled(check_call *c) {
    static const float offsets[] = {0.25f, 0, -0.0f}, zero[] = {0, 3, 0.5f};
    int32_t n = level_counts[c->c->variant];
    int64_t g = some_groups(c);
    const uint8_t *code = codes(c, g * c->c->n, check_draw(c) % 2 ? 256 : (uint32_t)n);
    const float *levels = ascending(c, n);
    scaling s = {.scale = scales(c, g), .zero = numbers(c, g, zero, 3)};
    s.offset = numbers(c, g, offsets, 3);
    float *y = check_out(c, g * c->c->n, sizeof *y);
    c->k->decode_scaled(code, g, c->c->n, &s, levels, n, y);
}
GENERATOR(decode_scaled, .variants = LEVEL_COUNTS);

static void run_encode_levels(check_call *c) {
    int32_t n = level_counts[c->c->variant];
    float *x = floats_of(c, c->c->n, check_in(c, c->c->n, sizeof *x)), *levels = ascending(c, n);
    meet(c, x, levels, n);
    c->k->encode_levels(x, c->c->n, levels, n, check_out(c, c->c->n, 1));
}
GENERATOR(encode_levels, .variants = LEVEL_COUNTS);

/* codes beyond the last level too */
static void run_decode_levels(check_call *c) {
    int32_t n = level_counts[c->c->variant];
    const uint8_t *code = codes(c, c->c->n, check_draw(c) % 2 ? 256 : (uint32_t)n);
    const float *levels = ascending(c, n);
    c->k->decode_levels(code, c->c->n, levels, n, check_out(c, c->c->n, sizeof(float)));
}
GENERATOR(decode_levels, .variants = LEVEL_COUNTS);

/* ---- packing: variant is the width - 1 ---- */

static void run_pack_bits(check_call *c) {
    int32_t bits = c->c->variant + 1;
    const uint8_t *code = codes(c, c->c->n, 1u << bits);
    c->k->pack_bits(code, c->c->n, bits, check_out(c, (c->c->n * bits + 7) / 8, 1));
}
GENERATOR(pack_bits, .variants = 8, .may_be_empty = true);

static void run_unpack_bits(check_call *c) {
    int32_t bits = c->c->variant + 1;
    const uint8_t *src = codes(c, (c->c->n * bits + 7) / 8, 256);
    c->k->unpack_bits(src, c->c->n, bits, check_out(c, c->c->n, 1));
}
GENERATOR(unpack_bits, .variants = 8, .may_be_empty = true);

static void run_pack_base3(check_call *c) {
    const uint8_t *code = codes(c, c->c->n, 3);
    c->k->pack_base3(code, c->c->n, check_out(c, (c->c->n + 4) / 5, 1));
}
GENERATOR(pack_base3, .variants = 1);

/* variant 0: bytes that were packed; 1: with one that may be none; 2: any bytes */
static void run_unpack_base3(check_call *c) {
    int64_t bytes = (c->c->n + 4) / 5;
    uint8_t *src = check_in(c, bytes, 1);
    for (int64_t i = 0; i < bytes; i++) {
        uint32_t v = check_draw(c) >> 8;
        int64_t here = c->c->n - 5 * i < 5 ? c->c->n - 5 * i : 5;
        uint8_t code[5];
        for (int64_t k = 0; k < here; k++, v /= 3) code[k] = (uint8_t)(v % 3);
        kernels_scalar.pack_base3(code, here, &src[i]);
        if (c->c->variant == 2) src[i] = (uint8_t)(v * 37 + check_draw(c) / 7);
    }
    if (c->c->variant == 1 && bytes > 0)
        src[check_draw(c) % (uint32_t)bytes] = (uint8_t)(check_draw(c) >> 8);
    uint8_t *code = check_out(c, c->c->n, 1);
    int64_t *bad = check_out(c, 1, sizeof *bad);
    *bad = c->k->unpack_base3(src, c->c->n, code);
}
GENERATOR(unpack_base3, .variants = 3);

/* ---- entropy coding: variant is how many codes there are ---- */

static const int32_t rans_counts[] = {1, 2, 3, 4, 6, 8, 9, 15, 16, 17, 40, 256};
enum { RANS_COUNTS = sizeof rans_counts / sizeof *rans_counts };

/* The number of the s-th code that is used: in some cases every other one never comes. */
static int rans_code(const check_call *c, int s) {
    return c->c->seed % 3 == 0 && rans_counts[c->c->variant] <= 128 ? 2 * s + 1 : s;
}

/* Each of the codes that are used has at least 1. */
static const uint16_t *frequencies(check_call *c) {
    const int32_t count = rans_counts[c->c->variant];
    uint16_t *f = check_in(c, 256, sizeof *f);
    int32_t left = (1 << RANS_LOG) - count;
    memset(f, 0, 256 * sizeof *f);
    for (int32_t s = 0; s < count; s++) {
        int32_t more = (int32_t)(check_draw(c) % (uint32_t)(left + 1));
        if (s == count - 1) more = left;
        f[rans_code(c, s)] = (uint16_t)(1 + more), left -= more;
    }
    return f;
}

static uint32_t *states(check_call *c) {
    uint32_t *state = check_out(c, RANS_STATES, sizeof *state);
    for (int i = 0; i < RANS_STATES; i++) {
        uint32_t x = check_draw(c);
        state[i] = x % 4 == 0 ? 1 << 16 : x < 1 << 16 ? x | 1 << 16 : x;
    }
    return state;
}

/* In room for all words, as many as there are, too few, or counted. */
static void run_rans_encode(check_call *c) {
    uint8_t *code = codes(c, c->c->n, (uint32_t)rans_counts[c->c->variant]);
    for (int64_t i = 0; i < c->c->n; i++) code[i] = (uint8_t)rans_code(c, code[i]);
    const uint16_t *f = frequencies(c);
    uint32_t *state = states(c), again[RANS_STATES];
    int64_t *bytes = check_out(c, 1, sizeof *bytes), most = 2 * c->c->n, room = most;
    int how = (int)(check_draw(c) >> 8) % 4;
    memcpy(again, state, sizeof again);
    if (how > 0) room = kernels_scalar.rans_encode(code, c->c->n, f, again, NULL, most);
    if (how > 1) room -= (int64_t)(check_draw(c) % 200);
    if (room < 0) room = 0;
    uint8_t *words = check_room(c, room, 1);
    bool counts = how == 3;
    *bytes = c->k->rans_encode(code, c->c->n, f, state, counts ? NULL : words + room, room);
    if (*bytes >= 0 && !counts)
        memcpy(check_out(c, *bytes, 1), words + room - *bytes, (size_t)*bytes);
}
GENERATOR(rans_encode, .variants = RANS_COUNTS, .may_be_empty = true);

/* Any words; of some cases too few. */
static void run_rans_decode(check_call *c) {
    const uint16_t *f = frequencies(c);
    int64_t all = c->c->n % 3 == 0 ? c->c->n / 8 * 2 : 2 * c->c->n + c->c->n % 2;
    const uint8_t *words = codes(c, all, 256);
    uint32_t *state = states(c);
    int64_t *bytes = check_out(c, 1, sizeof *bytes);
    *bytes = c->k->rans_decode(words, all, f, state, c->c->n, check_out(c, c->c->n, 1));
}
GENERATOR(rans_decode, .variants = RANS_COUNTS, .may_be_empty = true);

/* ---- places of codes: variant is how many levels there are - 2, or 256 ---- */

static const uint8_t *some_codes(check_call *c) {
    return codes(c, c->c->n, c->c->variant == 3 ? 256 : (uint32_t)c->c->variant + 2);
}

static void run_mark_other(check_call *c) {
    const uint8_t *code = some_codes(c);
    uint8_t value = (uint8_t)(check_draw(c) % 3);
    uint8_t *bits = check_out(c, (c->c->n + 7) / 8, 1);
    int64_t *count = check_out(c, 1, sizeof *count);
    *count = c->k->mark_other(code, c->c->n, value, bits);
}
GENERATOR(mark_other, .variants = 4, .may_be_empty = true);

static void run_mark_ends(check_call *c) {
    const uint8_t *code = some_codes(c);
    c->k->mark_ends(code, c->c->n, check_out(c, (c->c->n + 7) / 8, 1));
}
GENERATOR(mark_ends, .variants = 4, .may_be_empty = true);

static void run_gather_other(check_call *c) {
    const uint8_t *code = some_codes(c);
    uint8_t value = (uint8_t)(check_draw(c) % 3);
    uint8_t *dst = check_out(c, c->c->n, 1);
    int64_t *count = check_out(c, 1, sizeof *count);
    *count = c->k->gather_other(code, c->c->n, value, dst);
}
GENERATOR(gather_other, .variants = 4, .may_be_empty = true);

static void run_scatter_other(check_call *c) {
    const uint8_t *from = some_codes(c), *bits = codes(c, (c->c->n + 7) / 8, 256);
    uint8_t value = (uint8_t)(check_draw(c) % 3);
    uint8_t *code = check_out(c, c->c->n, 1);
    int64_t *count = check_out(c, 1, sizeof *count);
    *count = c->k->scatter_other(from, bits, c->c->n, value, code);
}
GENERATOR(scatter_other, .variants = 4, .may_be_empty = true);

static void run_largest_code(check_call *c) {
    const uint8_t *code = some_codes(c);
    uint8_t *out = check_out(c, 1, 1);
    *out = c->k->largest_code(code, c->c->n);
}
GENERATOR(largest_code, .variants = 4, .may_be_empty = true);

static void run_pack_planes(check_call *c) {
    const uint8_t *code = codes(c, c->c->n, 3);
    uint8_t *mask = check_out(c, (c->c->n + 7) / 8, 1), *sign = check_out(c, (c->c->n + 7) / 8, 1);
    c->k->pack_planes(code, c->c->n, mask, sign);
}
GENERATOR(pack_planes, .variants = 1, .may_be_empty = true);

static void run_unpack_planes(check_call *c) {
    const uint8_t *mask = codes(c, (c->c->n + 7) / 8, 256),
                  *sign = codes(c, (c->c->n + 7) / 8, 256);
    c->k->unpack_planes(mask, sign, c->c->n, check_out(c, c->c->n, 1));
}
GENERATOR(unpack_planes, .variants = 1, .may_be_empty = true);

/* ---- packed products: n columns; all else is drawn ---- */

static const int32_t forms[] = {1, 2, 3, 4, 8, LINEAR_BASE3};

/* The bytes of a row; whatever stands behind its last code. */
static void packed_row(check_call *c, int32_t form, uint8_t *row, int64_t bytes) {
    for (int64_t i = 0; i < bytes; i++) {
        uint32_t r = check_draw(c) >> 8;
        if (c->c->data == DATA_EQUAL) r = UINT32_MAX / 243 * 243 - 1;
        if (c->c->data == DATA_ZEROS && r % 8 != 0) r = 0;
        row[i] = (uint8_t)(form == LINEAR_BASE3 ? (r % 243 * 256 + 242) / 243 : r);
        if (form != LINEAR_BASE3 && c->c->data == DATA_EQUAL) row[i] = 255;
    }
}

static void fill_last_byte(uint8_t *row, int64_t cols) {
    uint8_t digits[5], b = row[cols / 5];
    for (int k = 0; k < 5; k++, b = (uint8_t)(b * 3)) digits[k] = (uint8_t)(b * 3u >> 8);
    kernels_scalar.pack_base3(digits, cols % 5, &row[cols / 5]);
}

static const uint8_t *packed_rows(check_call *c, const linear_weights *w, int32_t *code_sum) {
    uint8_t *bytes = check_in(c, w->rows * w->row_bytes, 1), code[8192];
    for (int64_t r = 0; r < w->rows; r++) {
        uint8_t *row = bytes + r * w->row_bytes;
        packed_row(c, w->form, row, w->row_bytes);
        if (w->form == LINEAR_BASE3 && w->cols % 5 != 0) fill_last_byte(row, w->cols);
        if (w->form == LINEAR_BASE3)
            kernels_scalar.unpack_base3(row, w->cols, code);
        else
            kernels_scalar.unpack_bits(row, w->cols, w->form, code);
        for (int64_t g = 0; g < w->groups; g++) code_sum[r * w->groups + g] = 0;
        for (int64_t k = 0; k < w->cols; k++) code_sum[r * w->groups + k / w->group] += code[k];
    }
    return bytes;
}

static linear_weights some_weights(check_call *c) {
    static const int64_t groups[] = {0, 0, 1, 7, 10, 32, 40, 64, 128, 192};
    linear_weights w = {.rows = 1 + check_draw(c) % (check_draw(c) % 4 == 0 ? 40 : 14),
                        .cols = c->c->n,
                        .form = forms[check_draw(c) % 6],
                        .step = 1 + (int32_t)(check_draw(c) % 2)};
    int64_t group = groups[check_draw(c) % 10];
    if (group == 1 && w.cols > 200) group = 100; /* buffers have an end */
    w.group = group == 0 || group > w.cols ? w.cols : group;
    w.groups = (w.cols + w.group - 1) / w.group;
    w.row_bytes = linear_row_bytes(w.form, w.cols) + check_draw(c) % 3;
    int64_t all = w.rows * w.groups;
    int32_t *shift = check_in(c, all, sizeof *shift), *code_sum = check_in(c, all, sizeof *shift);
    for (int64_t i = 0; i < all; i++) shift[i] = -(int32_t)(check_draw(c) % 256);
    w.shift = shift, w.code_sum = code_sum;
    w.bytes = packed_rows(c, &w, code_sum);
    w.scale = floats(c, all);
    if (check_draw(c) % 3 == 0) w.offset = floats(c, all);
    if (check_draw(c) % 2 == 0) w.bias = floats(c, w.rows);
    return w;
}

static linear_input some_rows(check_call *c, int64_t cols) {
    static const int64_t counts[] = {1, 1, 2, 4, 5, 11, 12, 16, 17, 33, 40, 130};
    int64_t n = counts[check_draw(c) % (cols < 500 ? 12 : 9)];
    int8_t *x = check_in(c, n * cols, 1);
    uint32_t one = check_draw(c) % 3, r = 0;
    for (int64_t i = 0; i < n * cols; i++, r >>= 8) {
        if (i % 4 == 0) r = check_draw(c);
        x[i] = (int8_t)(r & 255);
        if (c->c->data == DATA_EQUAL) x[i] = one == 0 ? -128 : one == 1 ? 127 : 0;
        if (c->c->data == DATA_ZEROS && r % 16 != 0) x[i] = 0;
    }
    linear_input out = {.x = x, .n = n};
    if (check_draw(c) % 2 == 0) {
        int32_t *zero = check_in(c, n, sizeof *zero);
        for (int64_t t = 0; t < n; t++) zero[t] = (int32_t)(check_draw(c) % 256) - 128;
        out.zero = zero;
    }
    return out;
}

static void linear(check_call *c, bool sums) {
    linear_weights w = some_weights(c);
    linear_input x = some_rows(c, w.cols);
    int64_t from = check_draw(c) % 2 ? check_draw(c) % w.rows : 0,
            to = check_draw(c) % 2 ? from + check_draw(c) % (w.rows - from + 1) : w.rows;
    if (!sums) x.scale = floats_of(c, x.n, check_in(c, x.n, sizeof(float)));
    void *room = check_room(c, linear_room(&w, x.n) / 64, 64);
    c->k->linear_arrange(&w, &x, room);
    if (sums)
        c->k->linear_sums(&w, &x, room, from, to, check_out(c, x.n * w.rows * w.groups, 4));
    else
        c->k->linear_product(&w, &x, room, from, to, check_out(c, x.n * w.rows, sizeof(float)));
}

static void run_linear_arrange(check_call *c) { linear(c, c->c->seed % 2); }
GENERATOR(linear_arrange, .variants = 1);
static void run_linear_sums(check_call *c) { linear(c, true); }
GENERATOR(linear_sums, .variants = 2);
static void run_linear_product(check_call *c) { linear(c, false); }
GENERATOR(linear_product, .variants = 2);

#include "kernels/check_training.inc"

/* ---- the list ---- */

const check_kernel check_kernels[] = {
#define KERNEL(result, name, parameters) {#name, &name##_inputs},
#include "simd/kernels.def"
#undef KERNEL
};
const int check_n_kernels = sizeof check_kernels / sizeof *check_kernels;
