/*
 * Shipped schemes on tensors against an independent implementation in double that
 * is given the stored metadata, on tensors that are kind and unkind.
 */
#include "support/support.h"

#include <float.h>

#include "quant/levels.h"
#include "quant/metrics.h"
#include "quant/ste.h"
#include "util/half.h"
#include "util/mem.h"
#include "util/parallel.h"

/* ---- tensors ---- */

enum { R = 24, C = 200, N = R * C };

typedef enum tensor_kind {
    GAUSS,
    LAPLACE,
    HEAVY,
    UNIFORM,
    OUTLIER,
    CONSTANT,
    ZERO,
    DYADIC,
    TIES,
    TINY,
    KINDS
} tensor_kind;

static void fill(tensor_kind kind, float *x) {
    static float u[2 * N];
    fill_gauss(11, x, N, 0.02f);
    fill_uniform(12, u, 2 * N, 0, 1);
    for (int i = 0; i < N; i++) {
        double v = u[i] - 0.5;
        switch (kind) {
        case LAPLACE: x[i] = (float)(v < 0 ? log1p(2 * v + 1e-9) : -log1p(-2 * v + 1e-9)); break;
        case HEAVY: x[i] = (float)(x[i] / sqrt(u[N + i] + 1e-4)); break;
        case UNIFORM: x[i] = (float)v; break;
        case OUTLIER: x[i] = i % C == 7 ? x[i] * 1000 : x[i]; break;
        case CONSTANT: x[i] = -0.375f; break;
        case ZERO: x[i] = 0; break;
        case DYADIC:
            x[i] = (float)((i * 37) % 257 - 128) / 16;
            break; /* absmax 8: scales are powers of two or n/Q */
        case TIES: x[i] = (float)((i * 37) % 15 - 7) * 0.5f * 0.3f; break;
        case TINY: x[i] *= 1e-38f; break;
        default: break;
        }
    }
    if (kind == DYADIC) x[0] = 8;
}

/* ---- the reference ---- */

typedef struct rule {    /* int as its header says it */
    int lowest, highest; /* levels */
    bool affine;
    double divisor;
} rule;

static rule rule_of(int bits, bool symmetric, bool narrow) {
    int half = 1 << (bits - 1);
    if (!symmetric) return (rule){0, 2 * half - 1, true, 2 * half - 1};
    return narrow ? (rule){1 - half, half - 1, false, half - 1}
                  : (rule){-half, half - 1, false, half};
}

/* Within 4 float32 ulps of a boundary between two codes? */
static bool near_boundary(double v) {
    double frac = fabs(v - floor(v) - 0.5), ulp = fmax(fabs(v), 1) * 0x1p-23;
    return frac <= 4 * ulp;
}

static void check_meta(const float *meta, double scale, bool half) {
    if (scale < FLT_MIN || (half && scale < 0x1p-25)) {
        cr_assert(meta[0] == 0 || meta[0] == half_to_float(1), "a scale of %g is stored as %g",
                  scale, (double)meta[0]);
        return;
    }
    if (!half) {
        assert_near(meta[0], scale, 2e-7, 0);
        return;
    }
    int stored = half_from_float(meta[0]), exact = half_from_float((float)scale);
    cr_assert(half_to_float((uint16_t)stored) == meta[0] && abs(stored - exact) <= 1);
}

/* A scale with a short mantissa divides dyadic data exactly: no code may differ. */
static bool is_dyadic(float scale) {
    int exponent;
    float mantissa = frexpf(scale, &exponent) * 4096;
    return mantissa == floorf(mantissa);
}

/* One group: metadata from the data, codes and values from the stored metadata. */
static void check_group(const rule *u, bool bitnet, bool half, bool dyadic, const float *x,
                        int64_t n, const float *meta, const uint8_t *code, const float *y) {
    double lo = 0, hi = 0, abs = 0, absmax = 0, zero = 0, scale;
    for (int64_t i = 0; i < n; i++) {
        lo = fmin(lo, x[i]), hi = fmax(hi, x[i]), abs += fabs(x[i]),
        absmax = fmax(absmax, fabs(x[i]));
    }
    if (bitnet)
        scale = fmax(abs / (double)n, 1e-5);
    else if (u->affine)
        scale = hi > lo ? (hi - lo) / u->divisor : 1;
    else
        scale = absmax / u->divisor;
    check_meta(meta, scale, half);
    if (u->affine) {
        zero = meta[1];
        double v = -lo / scale;
        if (!near_boundary(v)) cr_assert(zero == rint(v), "zero %g of %g", zero, v);
        cr_assert(zero == rint(zero) && zero >= 0 && zero <= u->highest);
    }
    for (int64_t i = 0; i < n; i++) {
        double v = meta[0] > 0 ? x[i] / (double)meta[0] : 0;
        double q = fmin(fmax(rint(v) + zero, u->lowest), u->highest);
        bool same = code[i] == q - u->lowest, exact = dyadic && is_dyadic(meta[0]);
        cr_assert(same || (!exact && near_boundary(v)), "x %.9g scale %.9g: code %d, expected %g",
                  (double)x[i], (double)meta[0], code[i], q - u->lowest);
        double value = (code[i] + u->lowest - zero) * (double)meta[0];
        assert_near(y[i], value, 1.2e-7, 0); /* one rounding to float */
    }
}

typedef struct result {
    float *meta, *y;
    uint8_t *code;
    quantizer *q; /* an open one must not move */
} result;

static result quantize(const char *scheme, const char *settings, granularity g, int64_t group,
                       scale_dtype dtype, const float *x) {
    result r = {.q = mem_calloc(1, sizeof *r.q)};
    diags d;
    quant_config c = {.scheme = choose(QB_SCHEME, scheme, settings),
                      .granularity = g,
                      .group_size = group,
                      .ragged_short = true,
                      .scale_dtype = dtype};
    diags_init(&d);
    cr_assert(quantizer_open(r.q, &c, "w", false, R, C, &d) == OK);
    r.meta = mem_floats(quantizer_groups(r.q, R) * r.q->info.n_meta);
    r.y = mem_floats(N);
    r.code = mem_aligned(N);
    quantizer_fit(r.q, x, R, r.meta, &d);
    assert_fine(&d);
    quantizer_encode(r.q, x, R, r.meta, 0, r.code);
    quantizer_decode(r.q, r.code, R, r.meta, r.y);
    diags_fini(&d);
    return r;
}

static void drop(result *r) {
    free(r->meta);
    free(r->y);
    free(r->code);
    quantizer_close(r->q);
    free(r->q);
}

static const struct {
    granularity g;
    int64_t size; /* of a group */
} cuts[] = {{GRANULARITY_TENSOR, N},  {GRANULARITY_CHANNEL, C}, {GRANULARITY_TOKEN, C},
            {GRANULARITY_GROUP, 40},  {GRANULARITY_GROUP, 64},  {GRANULARITY_GROUP, 1},
            {GRANULARITY_GROUP, 1000}};

static void check_scheme(const char *scheme, const char *settings, const rule *u) {
    static float x[N];
    bool bitnet = strcmp(scheme, "bitnet158") == 0;
    for (tensor_kind kind = GAUSS; kind < KINDS; kind++)
        for (size_t k = 0; k < sizeof cuts / sizeof *cuts; k++)
            for (int half = 0; half < 2; half++) {
                fill(kind, x);
                bool grouped = cuts[k].g == GRANULARITY_GROUP;
                result r = quantize(scheme, settings, cuts[k].g, grouped ? cuts[k].size : 0,
                                    (scale_dtype)half, x);
                int64_t size = grouped && cuts[k].size > C ? C : cuts[k].size, at = 0, group = 0;
                while (at < N) {
                    int64_t row_left = cuts[k].g == GRANULARITY_TENSOR ? N : C - at % C;
                    int64_t n = size < row_left ? size : row_left;
                    check_group(u, bitnet, half, kind == DYADIC, x + at, n,
                                r.meta + group * r.q->info.n_meta, r.code + at, r.y + at);
                    at += n, group++;
                }
                cr_assert(group == quantizer_groups(r.q, R));
                drop(&r);
            }
}

Test(int_scheme, narrow_symmetric_codes_are_those_of_the_reference) {
    for (int bits = 2; bits <= 8; bits++) {
        char settings[32];
        rule u = rule_of(bits, true, true);
        snprintf(settings, sizeof settings, "bits=%d", bits);
        check_scheme("int", settings, &u);
    }
}

Test(int_scheme, full_range_symmetric_codes_are_those_of_the_reference) {
    for (int bits = 2; bits <= 8; bits += 2) {
        char settings[64];
        rule u = rule_of(bits, true, false);
        snprintf(settings, sizeof settings, "bits=%d narrow_range=false", bits);
        check_scheme("int", settings, &u);
    }
}

Test(int_scheme, affine_codes_are_those_of_the_reference) {
    for (int bits = 2; bits <= 8; bits += 2) {
        char settings[64];
        rule u = rule_of(bits, false, true);
        snprintf(settings, sizeof settings, "bits=%d symmetric=false", bits);
        check_scheme("int", settings, &u);
    }
}

Test(bitnet158, codes_are_those_of_the_reference) {
    rule u = {-1, 1, false, 1};
    check_scheme("bitnet158", "", &u);
}

/* ---- the worked vectors of methods A ---- */

static void check_vector(const char *group, const char *scheme, const char *settings,
                         const char *scale_key, double offset, int n) {
    double W[8], codes[8], Wq[8];
    float x[8], meta[2], y[8];
    uint8_t code[8];
    diags d;
    quantizer q;
    quant_config c = {.scheme = choose(QB_SCHEME, scheme, settings)};
    vector_list(group, "W", W, 8);
    vector_list(group, "codes", codes, 8);
    vector_list(group, "Wq", Wq, 8);
    for (int i = 0; i < n; i++) x[i] = (float)W[i];
    diags_init(&d);
    cr_assert(quantizer_open(&q, &c, "w", false, 1, n, &d) == OK &&
              quantizer_fit(&q, x, 1, meta, &d) == OK);
    quantizer_encode(&q, x, 1, meta, 0, code);
    quantizer_decode(&q, code, 1, meta, y);
    assert_near(meta[0], vector_real(group, scale_key), 2e-7, 0);
    for (int i = 0; i < n; i++) {
        cr_assert(code[i] == codes[i] + offset, "%s: code %d", group, i);
        assert_near(y[i], Wq[i], 1e-6, 1e-9);
    }
    quantizer_close(&q);
    diags_fini(&d);
}

Test(vectors, schemes_match_the_worked_examples) {
    check_vector("A_b158", "bitnet158", "", "gamma", 1, 8);
    check_vector("A_int3sym", "int", "bits=3", "scale", 3, 8);
    check_vector("A_int4sym", "int", "bits=4", "scale", 7, 8);
    check_vector("A_int8sym", "int", "bits=8", "scale", 127, 8);
    check_vector("A_int2asym", "int", "bits=2 symmetric=false", "scale", 0, 8);
    check_vector("A_int4asym", "int", "bits=4 symmetric=false", "scale", 0, 8);
    check_vector("A_int8asym", "int", "bits=8 symmetric=false", "scale", 0, 8);
}

Test(vectors, bitnet_ties_go_to_even_or_away_as_the_spec_says) {
    double W[8], even[8], away[8];
    float x[8], meta;
    uint8_t code[8];
    vector_list("A_b158_ties", "W", W, 8);
    vector_list("A_b158_ties", "codes_half_even", even, 8);
    vector_list("A_b158_ties", "codes_half_away", away, 8);
    for (int i = 0; i < 8; i++) x[i] = (float)W[i];
    for (int k = 0; k < 2; k++) {
        diags d;
        quantizer q;
        quant_config c = {.scheme = choose(QB_SCHEME, "bitnet158", ""),
                          .round = k ? ROUND_AWAY : ROUND_EVEN};
        diags_init(&d);
        cr_assert(quantizer_open(&q, &c, "w", false, 1, 8, &d) == OK &&
                  quantizer_fit(&q, x, 1, &meta, &d) == OK);
        quantizer_encode(&q, x, 1, &meta, 0, code);
        for (int i = 0; i < 8; i++) cr_assert(code[i] - 1 == (k ? away[i] : even[i]));
        quantizer_close(&q);
        diags_fini(&d);
    }
}

Test(vectors, a_short_last_group_has_its_own_scale) {
    double W[7], scales[2], codes[7];
    float x[7], meta[2];
    uint8_t code[7];
    diags d;
    quantizer q;
    quant_config c = {.scheme = choose(QB_SCHEME, "int", "bits=4"),
                      .granularity = GRANULARITY_GROUP,
                      .group_size = 4,
                      .ragged_short = true};
    vector_list("A_group_tail", "W", W, 7);
    vector_list("A_group_tail", "scales", scales, 2);
    vector_list("A_group_tail", "codes", codes, 7);
    for (int i = 0; i < 7; i++) x[i] = (float)W[i];
    diags_init(&d);
    cr_assert(quantizer_open(&q, &c, "w", false, 1, 7, &d) == OK &&
              quantizer_fit(&q, x, 1, meta, &d) == OK);
    quantizer_encode(&q, x, 1, meta, 0, code);
    for (int i = 0; i < 7; i++) cr_assert(code[i] - 7 == codes[i]);
    for (int i = 0; i < 2; i++) assert_near(meta[i], scales[i], 2e-7, 0);
    quantizer_close(&q);
    c.ragged_short = false;
    cr_assert(quantizer_open(&q, &c, "w", false, 1, 7, &d) == ERR_SPEC);
    diags_fini(&d);
}

/* ---- properties ---- */

static int reductions; /* kernel calls of a fit() */

static void counted_minmax(const float *x, int64_t groups, int64_t n, float *lo, float *hi) {
    reductions++;
    services_kernels()->minmax(x, groups, n, lo, hi);
}

static void counted_absmax(const float *x, int64_t groups, int64_t n, float *out) {
    reductions++;
    services_kernels()->absmax(x, groups, n, out);
}

static void counted_sum_abs(const float *x, int64_t groups, int64_t n, double *out) {
    reductions++;
    services_kernels()->sum_abs(x, groups, n, out);
}

/* fit() of many groups, with kernels that count, and of one group after the other. */
static void check_calls(const char *scheme, const char *settings, int n_meta) {
    enum { GROUPS = 1000, EACH = 3 };
    static float x[GROUPS * EACH], meta[2 * GROUPS], one[2];
    plugin_choice c = choose(QB_SCHEME, scheme, settings);
    const qb_scheme *table = &c.plugin->scheme;
    qb_kernels k = *services_kernels();
    k.minmax = counted_minmax, k.absmax = counted_absmax, k.sum_abs = counted_sum_abs;
    const qb_host host = {.size = sizeof host, .kernels = &k};
    const qb_site site = {
        .size = sizeof site, .rows = GROUPS, .cols = EACH, .group = EACH, .name = "w"};
    qb_scheme_info info = {.size = sizeof info, .n_meta = 1};
    void *self = mem_aligned(c.plugin->entry.instance_size);
    memset(self, 0, c.plugin->entry.instance_size);
    params_fill(&c, self);
    cr_assert(table->init(self, &host, &site, &info) == QB_OK && info.n_meta == n_meta);
    fill_gauss(7, x, GROUPS * EACH, 1);
    reductions = 0;
    table->fit(self, x, GROUPS, EACH, meta);
    cr_assert(reductions > 0 && reductions <= 20, "%s: %d calls for %d groups", scheme, reductions,
              GROUPS);
    for (int g = 0; g < GROUPS; g++) {
        table->fit(self, x + g * EACH, 1, EACH, one);
        for (int i = 0; i < n_meta; i++) cr_assert(meta[g * n_meta + i] == one[i], "group %d", g);
    }
    free(self);
}

Test(quantizer, many_small_groups_are_few_calls_of_kernels) {
    check_calls("bitnet158", "", 1);
    check_calls("int", "", 1);
    check_calls("int", "symmetric=false", 2);
}

Test(quantizer, fake_quantization_is_decode_of_encode_for_every_cut_and_thread) {
    static float x[N], y[N], meta[2 * N];
    fill(HEAVY, x);
    for (int threads = 1; threads <= 4; threads++) {
        parallel_set_threads(threads);
        for (size_t k = 0; k < sizeof cuts / sizeof *cuts; k++) {
            diags d;
            diags_init(&d);
            result r = quantize("int", "bits=4 symmetric=false", cuts[k].g,
                                cuts[k].g == GRANULARITY_GROUP ? cuts[k].size : 0, SCALE_F16, x);
            cr_assert(quantizer_fake(r.q, x, R, 0, meta, y, &d) == OK);
            cr_assert(memcmp(y, r.y, sizeof y) == 0);
            cr_assert(memcmp(meta, r.meta, (size_t)(quantizer_groups(r.q, R) * 2) * sizeof *meta) ==
                      0);
            drop(&r);
            diags_fini(&d);
        }
    }
}

Test(quantizer, a_large_tensor_gives_the_same_bits_on_any_number_of_threads) {
    enum { ROWS = 700, COLS = 1000 }; /* beyond what one thread reduces alone */
    float *x = mem_floats(ROWS * COLS), *y = mem_floats(ROWS * COLS), meta[2], first[2];
    char hex[HASH_HEX], expected[HASH_HEX];
    fill_gauss(5, x, ROWS * COLS, 1);
    const char *schemes[] = {"bitnet158", "int"};
    for (int s = 0; s < 2; s++)
        for (int threads = 1; threads <= 5; threads += 2) {
            diags d;
            quantizer q;
            quant_config c = {.scheme = choose(QB_SCHEME, schemes[s], s ? "symmetric=false" : "")};
            diags_init(&d);
            parallel_set_threads(threads);
            cr_assert(quantizer_open(&q, &c, "w", false, ROWS, COLS, &d) == OK);
            cr_assert(quantizer_fake(&q, x, ROWS, 0, meta, y, &d) == OK);
            hash_bytes(y, ROWS * COLS * sizeof *y, hex);
            if (threads == 1) memcpy(expected, hex, sizeof hex), memcpy(first, meta, sizeof meta);
            cr_assert_str_eq(hex, expected);
            cr_assert(first[0] == meta[0]);
            quantizer_close(&q);
            diags_fini(&d);
        }
    free(x);
    free(y);
}

Test(quantizer, nan_and_infinity_are_named_before_any_kernel_sees_them) {
    static float x[N], meta[N];
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t k = 0; k < sizeof cuts / sizeof *cuts; k++)
        for (int b = 0; b < 3; b++) {
            diags d;
            quantizer q;
            quant_config c = {.scheme = choose(QB_SCHEME, "int", ""),
                              .granularity = cuts[k].g,
                              .group_size = cuts[k].g == GRANULARITY_GROUP ? cuts[k].size : 0,
                              .ragged_short = true};
            diags_init(&d);
            fill(GAUSS, x);
            x[5 * C + 3] = bad[b], x[20 * C] = NAN;
            cr_assert(quantizer_open(&q, &c, "fc9.weight", false, R, C, &d) == OK);
            cr_assert(quantizer_fit(&q, x, R, meta, &d) == ERR_INPUT);
            cr_assert_str_eq(d.list[0].message, b == 0 ? "fc9.weight: element (5, 3) is NaN"
                                                       : "fc9.weight: element (5, 3) is infinite");
            quantizer_close(&q);
            diags_fini(&d);
        }
}

Test(quantizer, a_scale_too_large_for_its_form_is_named) {
    static float x[N], meta[N];
    diags d;
    quantizer q;
    quant_config c = {.scheme = choose(QB_SCHEME, "int", "bits=4"),
                      .granularity = GRANULARITY_CHANNEL,
                      .scale_dtype = SCALE_F16};
    diags_init(&d);
    fill(GAUSS, x);
    x[3 * C] = 1e6f;
    cr_assert(quantizer_open(&q, &c, "w", false, R, C, &d) == OK);
    cr_assert(quantizer_fit(&q, x, R, meta, &d) == ERR_INPUT);
    cr_assert(strstr(d.list[0].message, "the scale of group 3, 142857, is too large for f16") !=
                  NULL,
              "%s", d.list[0].message);
    quantizer_close(&q);
    diags_fini(&d);
}

/* Half of the range is 128 levels of 2 FLT_MAX / 255: more than FLT_MAX. */
Test(quantizer, levels_that_decode_to_infinity_are_an_error_that_names_the_group) {
    static float x[N], y[N], meta[2 * N];
    for (size_t k = 0; k < sizeof cuts / sizeof *cuts; k++) {
        if (cuts[k].size < 2) continue; /* one element has no two extremes */
        diags d;
        quantizer q;
        quant_config c = {.scheme = choose(QB_SCHEME, "int", "symmetric=false"),
                          .granularity = cuts[k].g,
                          .group_size = cuts[k].g == GRANULARITY_GROUP ? cuts[k].size : 0,
                          .ragged_short = true};
        char where[64];
        diags_init(&d);
        fill(GAUSS, x);
        cr_assert(quantizer_open(&q, &c, "fc9.weight", false, R, C, &d) == OK);
        cr_assert(quantizer_fake(&q, x, R, 0, meta, y, &d) == OK);
        x[C] = FLT_MAX, x[C + 1] = -FLT_MAX;         /* the first elements of row 1 */
        int64_t group = quantizer_groups(&q, R) / R; /* the first of row 1; 0 of a tensor */
        snprintf(where, sizeof where, "fc9.weight: the outer levels of group %d", (int)group);
        cr_assert(quantizer_fit(&q, x, R, meta, &d) == ERR_INPUT);
        cr_assert(strstr(d.list[0].message, where) == d.list[0].message, "%s", d.list[0].message);
        q.data_error = ERR_FAILED; /* as in a training */
        cr_assert(quantizer_fake(&q, x, R, 0, meta, y, &d) == ERR_FAILED);
        quantizer_close(&q);
        diags_fini(&d);
    }
}

Test(quantizer, stochastic_rounding_is_unbiased_and_deterministic_in_evaluation) {
    enum { M = 200000 };
    float *x = mem_floats(M), *y = mem_floats(M), meta;
    diags d;
    quantizer q;
    quant_config c = {.scheme = choose(QB_SCHEME, "int", "bits=4"), .round = ROUND_STOCHASTIC};
    diags_init(&d);
    for (int i = 0; i < M; i++) x[i] = i == 0 ? 7 : 2.3f;
    cr_assert(quantizer_open(&q, &c, "w", false, 1, M, &d) == OK);
    cr_assert(quantizer_fake(&q, x, 1, 77, &meta, y, &d) == OK);
    double mean = 0;
    for (int i = 1; i < M; i++) {
        cr_assert(y[i] == 2 || y[i] == 3);
        mean += y[i] / (M - 1);
    }
    cr_assert(fabs(mean - 2.3) < 5 * sqrt(0.3 * 0.7 / M), "mean %g", mean);
    cr_assert(quantizer_fake(&q, x, 1, 0, &meta, y, &d) == OK);
    for (int i = 1; i < M; i++) cr_assert(y[i] == 2); /* key 0: a fraction below 0.5 goes down */
    quantizer_close(&q);
    free(x);
    free(y);
    diags_fini(&d);
}

/* ---- metrics ---- */

Test(metrics, those_of_a_tensor_match_double_arithmetic) {
    static float x[N];
    fill(GAUSS, x);
    diags d;
    diags_init(&d);
    result r = quantize("bitnet158", "", GRANULARITY_TENSOR, 0, SCALE_F32, x);
    packing k;
    plugin_choice base3 = choose(QB_PACKER, "base3", "");
    tensor_metrics m;
    cr_assert(packing_open(&k, &base3, 3, 1, NULL, &d) == OK);
    cr_assert(tensor_metrics_measure(r.q, &k, x, r.code, r.meta, R, &d, &m) == OK);
    double ee = 0, xx = 0, yy = 0, xy = 0, abs = 0, zeros = 0, count[3] = {0}, entropy = 0;
    for (int i = 0; i < N; i++) {
        double y = (r.code[i] - 1) * (double)r.meta[0], e = x[i] - y;
        ee += e * e, abs += fabs(e), xx += (double)x[i] * x[i], yy += y * y, xy += x[i] * y;
        zeros += y == 0, count[r.code[i]]++;
    }
    for (int i = 0; i < 3; i++) entropy -= count[i] / N * log2(count[i] / N);
    assert_near(m.mse, ee / N, 1e-12, 0);
    assert_near(m.mae, abs / N, 1e-12, 0);
    assert_near(m.sqnr_db, 10 * log10(xx / ee), 1e-12, 0);
    assert_near(m.cosine, xy / sqrt(xx * yy), 1e-12, 0);
    assert_near(m.sparsity, zeros / N, 1e-12, 0);
    assert_near(m.code_entropy, entropy, 1e-12, 0);
    assert_near(m.nominal_bits, log2(3), 1e-12, 0);
    cr_assert(m.packed_bytes == R * C / 5 + 4);
    assert_near(m.bits_per_weight, 8.0 * m.packed_bytes / N, 1e-12, 0);
    assert_near(m.vs_f32, 4.0 * N / m.packed_bytes, 1e-12, 0);
    packing_close(&k);
    drop(&r);
    diags_fini(&d);
}

Test(metrics, an_exact_tensor_has_infinite_sqnr_and_an_all_zero_one_none) {
    static float x[N];
    plugin_choice bits = choose(QB_PACKER, "bits", "");
    for (int zero = 0; zero < 2; zero++) {
        diags d;
        packing k;
        tensor_metrics m;
        diags_init(&d);
        fill(zero ? ZERO : CONSTANT, x);
        result r = quantize("int", "bits=2", GRANULARITY_TENSOR, 0, SCALE_F32, x);
        cr_assert(packing_open(&k, &bits, 3, 1, NULL, &d) == OK);
        cr_assert(tensor_metrics_measure(r.q, &k, x, r.code, r.meta, R, &d, &m) == OK);
        cr_assert(zero ? isnan(m.sqnr_db) && isnan(m.cosine) && m.sparsity == 1
                       : isinf(m.sqnr_db) && m.cosine == 1);
        cr_assert(m.mse == 0 && m.code_entropy == 0);
        packing_close(&k);
        drop(&r);
        diags_fini(&d);
    }
}

/* ---- packers ---- */

Test(packers, every_code_comes_back_and_foreign_bytes_are_refused) {
    const struct {
        const char *name;
        int levels;
        int64_t bytes; /* of 17 codes */
    } cases[] = {{"bits", 2, 3},   {"bits", 3, 5},    {"bits", 4, 5},  {"bits", 5, 7},
                 {"bits", 8, 7},   {"bits", 9, 9},    {"bits", 15, 9}, {"bits", 16, 9},
                 {"bits", 17, 17}, {"bits", 256, 17}, {"base3", 3, 4}, {"base3", 2, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        diags d;
        packing k;
        plugin_choice c = choose(QB_PACKER, cases[i].name, "");
        uint8_t code[64], bytes[64], back[64];
        int64_t total;
        diags_init(&d);
        cr_assert(packing_open(&k, &c, cases[i].levels, -1, NULL, &d) == OK);
        for (int j = 0; j < 64; j++) code[j] = (uint8_t)((j * 7 + 3) % cases[i].levels);
        cr_assert(packing_bound(&k, 1, 17) == cases[i].bytes);
        cr_assert(packing_measure(&k, "w", code, 3, 17, &d, &total) == OK &&
                  total == 3 * cases[i].bytes);
        cr_assert(k.table->pack(k.in.self, code, 17, bytes) == cases[i].bytes);
        cr_assert(k.table->unpack(k.in.self, bytes, cases[i].bytes, 17, back) == QB_OK &&
                  memcmp(code, back, 17) == 0);
        cr_assert(k.table->unpack(k.in.self, bytes, cases[i].bytes - 1, 17, back) == QB_ECORRUPT);
        for (int64_t b = 0; b < cases[i].bytes; b++)
            for (int flip = 1; flip < 256; flip++) {
                bytes[b] ^= (uint8_t)flip;
                qb_status st = k.table->unpack(k.in.self, bytes, cases[i].bytes, 17, back);
                for (int j = 0; j < 17 && st == QB_OK; j++) cr_assert(back[j] < cases[i].levels);
                cr_assert(st == QB_OK || st == QB_ECORRUPT);
                bytes[b] ^= (uint8_t)flip;
            }
        packing_close(&k);
        diags_fini(&d);
    }
}

Test(packers, base3_refuses_four_levels_with_a_reason) {
    diags d;
    packing k;
    plugin_choice c = choose(QB_PACKER, "base3", "");
    diags_init(&d);
    cr_assert(packing_open(&k, &c, 4, 0, NULL, &d) == ERR_SPEC);
    cr_assert(strstr(d.list[0].message, "at most three levels, the scheme has 4") != NULL);
    diags_fini(&d);
}
