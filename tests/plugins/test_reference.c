/*
 * Shipped schemes on tensors against an independent implementation in double that
 * is given the stored metadata, on tensors that are kind and unkind; the worked vectors.
 */
#include "plugins/tensors.h"

#include <float.h>

#include "util/half.h"

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

static void check_scheme(const char *scheme, const char *settings, const rule *u) {
    static float x[N];
    bool bitnet = strcmp(scheme, "bitnet158") == 0;
    for (tensor_kind kind = GAUSS; kind < TENSOR_KINDS; kind++)
        for (int k = 0; k < CUTS; k++)
            for (int half = 0; half < 2; half++) {
                fill(kind, x);
                bool grouped = cuts[k].g == GRANULARITY_GROUP;
                quant_config c = config_of_cut(scheme, settings, &cuts[k], (scale_dtype)half);
                result r = quantize_as(&c, x, R, C);
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
