/*
 * binary, ternary and nf4: the worked vectors, exhaustive search, closed forms and
 * parameters. What holds for every scheme is in test_properties.c.
 */
#include "support/support.h"

#include "plugins/matrix.h"
#include "util/mem.h"
#include "util/parallel.h"

static double error_of(const form *f, const float *x, int64_t n) {
    result r = quantize(f, 0, SCALE_F32, x, 1, n);
    error_sums e;
    quantizer_error(r.q, x, r.code, 1, r.meta, &e);
    drop(&r);
    return e.ee;
}

/* ---- the worked vectors ---- */

static int floats_of(const char *group, const char *key, float *x, int max) {
    double v[64];
    int n = vector_list(group, key, v, max);
    for (int i = 0; i < n; i++) x[i] = (float)v[i];
    return n;
}

/* lowest: the level of code 0 in the units of the vector's codes. */
static void check_vector(const char *group, const form *f, const char *codes_key,
                         const char *scale_key, const char *mse_key, double lowest, double apart) {
    float x[8];
    double codes[8];
    int n = floats_of(group, "W", x, 8);
    vector_list(group, codes_key, codes, 8);
    result r = quantize(f, 0, SCALE_F32, x, 1, n);
    assert_near(r.meta[0], vector_real(group, scale_key), 2e-7, 0);
    double ee = 0;
    for (int i = 0; i < n; i++) {
        cr_assert(r.code[i] * apart + lowest == codes[i], "%s: code %d", group, i);
        ee += ((double)x[i] - r.y[i]) * ((double)x[i] - r.y[i]);
    }
    assert_near(ee / n, vector_real(group, mse_key), 1e-6, 0);
    drop(&r);
}

Test(vectors, binary_matches_the_worked_examples) {
    const form none = {"binary", ""}, paper = {"binary", "center=paper"},
               offset = {"binary", "center=offset"};
    check_vector("A_sign", &none, "codes", "alpha", "mse", -1, 2);
    check_vector("A_b1", &paper, "codes", "beta", "mse", -1, 2);
    check_vector("A_b1v2", &paper, "codes", "beta", "mse", -1, 2);
    check_vector("A_b1v2", &offset, "codes", "beta_LS_with_offset", "mse_with_offset", -1, 2);
    float x[8];
    double codes[8];
    floats_of("A_b1v2", "W", x, 8);
    vector_list("A_b1v2", "sign_without_centering", codes, 8);
    result r = quantize(&none, 0, SCALE_F32, x, 1, 8);
    for (int i = 0; i < 8; i++) cr_assert(2 * r.code[i] - 1 == codes[i]);
    drop(&r);
    r = quantize(&paper, 0, SCALE_F32, x, 1, 8);
    cr_assert(r.meta[1] == vector_real("A_b1v2", "e"));
    drop(&r);
}

/* The threshold is the largest float that is not above it. */
static void check_threshold(const form *f, double expected) {
    float x[8];
    floats_of("V8", "W", x, 8);
    result r = quantize(f, 0, SCALE_F32, x, 1, 8);
    cr_assert(r.meta[1] <= expected && nextafterf(r.meta[1], INFINITY) > expected);
    drop(&r);
}

Test(vectors, ternary_matches_the_worked_examples) {
    const form mean = {"ternary", ""}, median = {"ternary", "threshold=median"},
               optimal = {"ternary", "threshold=optimal"};
    float x[8];
    double codes[8];
    check_vector("A_twn", &mean, "codes", "alpha", "mse", -1, 1);
    check_vector("A_med", &median, "codes", "alpha", "mse", -1, 1);
    check_threshold(&mean, vector_real("A_twn", "delta"));
    check_threshold(&median, vector_real("A_med", "delta"));
    check_threshold(&optimal, vector_real("A_topt", "threshold_mid"));
    floats_of("V8", "W", x, 8);
    vector_list("A_topt", "codes", codes, 8);
    result r = quantize(&optimal, 0, SCALE_F32, x, 1, 8);
    cr_assert(r.meta[0] == vector_real("A_topt", "alpha"));
    for (int i = 0; i < 8; i++) cr_assert(r.code[i] - 1 == codes[i]);
    drop(&r);
}

Test(vectors, nf4_matches_the_worked_example) {
    const form f = {"nf4", ""};
    check_vector("A_nf4", &f, "codes", "absmax", "mse", 0, 1);
}

Test(vectors, nf4_codes_part_just_above_the_boundaries_of_bitsandbytes) {
    const form f = {"nf4", ""};
    float b[15], levels[16], x[33];
    cr_assert(floats_of("A_nf4_table", "boundaries", b, 15) == 15);
    cr_assert(floats_of("A_nf4_table", "levels", levels, 16) == 16);
    for (int i = 0; i < 15; i++) x[2 * i] = b[i], x[2 * i + 1] = nextafterf(b[i], 1);
    x[30] = -1, x[31] = 1, x[32] = 0;
    result r = quantize(&f, 0, SCALE_F32, x, 1, 33);
    for (int i = 0; i < 15; i++) {
        cr_assert(r.code[2 * i] == i && r.code[2 * i + 1] == i + 1,
                  "boundary %d: %d %d of %.9g %.9g", i, r.code[2 * i], r.code[2 * i + 1],
                  (double)x[2 * i], (double)x[2 * i + 1]);
        cr_assert(r.y[2 * i] == levels[i] && r.y[2 * i + 1] == levels[i + 1]);
    }
    cr_assert(r.code[30] == 0 && r.code[31] == 15 && r.code[32] == 7 && r.y[32] == 0);
    cr_assert(r.q->info.zero_code == 7);
    drop(&r);
}

/* Elements of the formats as OCP writes them: a sign bit and a magnitude, int8 in two's
 * complement. */
static const struct element {
    const char *name;
    int sign, top, exponent; /* of the scale of V8 */
    int codes[8];            /* of V8, methods A.12 */
} elements[] = {
    {"e2m1", 8, 7, -2, {0x06, 0x09, 0x04, 0x0D, 0x00, 0x02, 0x0F, 0x00}},
    {"e2m3", 32, 31, -2, {0x17, 0x24, 0x10, 0x34, 0x00, 0x08, 0x3C, 0x02}},
    {"e3m2", 32, 31, -4, {0x1C, 0x30, 0x18, 0x3A, 0x00, 0x14, 0x3E, 0x0C}},
    {"e4m3", 128, 126, -8, {0x77, 0xE0, 0x70, 0xF4, 0x00, 0x68, 0xFC, 0x58}},
    {"int8", 0, 127, 0, {0x3C, 0xF8, 0x20, 0xD0, 0x00, 0x10, 0xA0, 0x04}},
};

static int ascending_code(const struct element *e, int code) {
    if (e->sign == 0) return e->top + (int8_t)code;
    int magnitude = code & (e->sign - 1);
    return code & e->sign ? e->top - magnitude : e->top + magnitude;
}

Test(vectors, mx_matches_the_worked_examples) {
    float x[8];
    double decoded[8];
    floats_of("V8", "W", x, 8);
    for (size_t k = 0; k < sizeof elements / sizeof *elements; k++) {
        const struct element *e = &elements[k];
        char settings[32], group[32];
        snprintf(settings, sizeof settings, "element=%s", e->name);
        snprintf(group, sizeof group, "A_mx_%s", e->name);
        const form f = {"mx", settings};
        result r = quantize(&f, 32, SCALE_F32, x, 1, 8);
        vector_list(group, "Wq", decoded, 8);
        cr_assert(vector_real(group, "shared_exp") == e->exponent);
        cr_assert(r.meta[0] == ldexpf(1, e->exponent) && r.q->info.n_levels == 2 * e->top + 1);
        for (int i = 0; i < 8; i++) {
            cr_assert(r.code[i] == ascending_code(e, e->codes[i]), "%s: code %d", e->name, i);
            cr_assert(r.y[i] == decoded[i]);
        }
        drop(&r);
    }
}

/* Numbers whose scale is 1: the conversions of methods A.11 */
static void check_conversion(const char *settings, const float *x, const float *y, int n) {
    const form f = {"mx", settings};
    result r = quantize(&f, 32, SCALE_F32, x, 1, n);
    cr_assert(r.meta[0] == 1);
    for (int i = 0; i < n; i++) cr_assert(r.y[i] == y[i], "%s: %g", settings, (double)x[i]);
    drop(&r);
}

Test(vectors, small_floats_are_rounded_to_even_and_saturate) {
    const float e2m1[] = {0, -0.0f, 0.25f, 0.75f, 1.25f, 2.5f, 3.5f, 5, 6, 7, -1.75f},
                of_e2m1[] = {0, 0, 0, 1, 1, 2, 4, 4, 6, 6, -2};
    const float e4m3[] = {0,  1,  0.0009765625f, 0.001953125f, 0.0029296875f, 17,
                          18, 19, 448,           464,          465,           -0.3f},
                of_e4m3[] = {0,  1,  0,   0.001953125f, 0.00390625f, 16,
                             18, 20, 448, 448,          448,         -0.3125f};
    const float e5m2[] =
        {1, 1.125f, 1.375f, 57344, 61439, 61440, 7.62939453125e-6f, 1.52587890625e-5f},
                of_e5m2[] = {1, 1, 1.5f, 57344, 57344, 57344, 0, 1.52587890625e-5f};
    check_conversion("element=e2m1", e2m1, of_e2m1, 11);
    check_conversion("element=e4m3", e4m3, of_e4m3, 12);
    check_conversion("element=e5m2", e5m2, of_e5m2, 8);
}

Test(vectors, the_scale_of_mx_is_the_power_of_two_below_the_largest_magnitude) {
    const form f = {"mx", ""};
    for (int e = -100; e <= 120; e += 20) {
        const float x[] = {ldexpf(1, e), nextafterf(ldexpf(1, e), 0), 0,
                           nextafterf(ldexpf(2, e), 0)};
        result at = quantize(&f, 1, SCALE_F32, x, 1, 4);
        cr_assert(at.meta[0] == ldexpf(1, e - 2) && at.meta[1] == ldexpf(1, e - 3));
        cr_assert(at.meta[2] == 0 && at.y[2] == 0 && at.meta[3] == ldexpf(1, e - 2));
        drop(&at);
    }
}

Test(vectors, unkind_groups_match_the_table) {
    const struct {
        const char *group;
        form f;
        int lowest, apart;
    } cases[] = {{"A_edge_sign", {"binary", ""}, -1, 2},
                 {"A_edge_b1", {"binary", "center=paper"}, -1, 2},
                 {"A_edge_twn", {"ternary", ""}, -1, 1},
                 {"A_edge_median", {"ternary", "threshold=median"}, -1, 1},
                 {"A_edge_optimal", {"ternary", "threshold=optimal"}, -1, 1},
                 {"A_edge_nf4", {"nf4", ""}, 0, 1}};
    float x[32];
    double n[8], codes[32], scale[8];
    floats_of("A_edge", "x", x, 32);
    int groups = vector_list("A_edge", "n", n, 8);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        cr_assert(vector_list(cases[c].group, "scale", scale, 8) == groups);
        vector_list(cases[c].group, "codes", codes, 32);
        for (int g = 0, at = 0; g < groups; at += (int)n[g], g++) {
            result r = quantize(&cases[c].f, 0, SCALE_F32, x + at, 1, (int64_t)n[g]);
            cr_assert(r.meta[0] == (float)scale[g], "%s %d: %g", cases[c].group, g,
                      (double)r.meta[0]);
            for (int i = 0; i < n[g]; i++)
                cr_assert(r.code[i] * cases[c].apart + cases[c].lowest == codes[at + i],
                          "%s, group %d, code %d", cases[c].group, g, i);
            drop(&r);
        }
    }
}

/* ---- closed forms: methods J.3 and J.5, N(0, 1) ---- */

Test(theory, errors_on_normal_weights_are_the_closed_forms) {
    enum { N = 1 << 20 };
    const struct {
        form f;
        int64_t group;
        double mse;
    } cases[] = {{{"binary", ""}, 0, 0.3633802276},
                 {{"binary", "center=offset"}, 0, 0.3633802276},
                 {{"ternary", ""}, 0, 0.1916247736},
                 {{"ternary", "threshold=median"}, 0, 0.1928333353},
                 {{"ternary", "threshold=adaptive"}, 0, 0.1901740392},
                 {{"ternary", "threshold=optimal"}, 0, 0.1901740392},
                 {{"nf4", ""}, 64, 0.0084600529},
                 {{"mx", ""}, 32, 0.013218761},
                 {{"mx", "element=e4m3"}, 32, 0.00086178104}};
    float *x = mem_floats(N);
    fill_gauss(3, x, N, 1);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        result r = quantize(&cases[c].f, cases[c].group, SCALE_F32, x, 1024, N / 1024);
        error_sums e;
        quantizer_error(r.q, x, r.code, 1024, r.meta, &e);
        assert_near(e.ee / N, cases[c].mse, 4 * 2.4 / sqrt(N), 0); /* four standard errors */
        drop(&r);
    }
    free(x);
}

/* ---- optimal ---- */

/* The least squared error of all 3^n codes, each with its least-squares scale. */
static double exhaustive(const float *x, int n) {
    int all = 1;
    double energy = 0, best = 0;
    for (int i = 0; i < n; i++) all *= 3, energy += (double)x[i] * x[i];
    for (int m = 0; m < all; m++) {
        double wq = 0, qq = 0;
        for (int i = 0, rest = m; i < n; i++, rest /= 3) {
            int q = rest % 3 - 1;
            wq += q * (double)x[i], qq += q * q;
        }
        if (qq > 0 && wq > 0) best = fmax(best, wq * wq / qq);
    }
    return energy - best;
}

Test(ternary, optimal_is_the_best_of_all_codes) {
    const form f = {"ternary", "threshold=optimal"};
    float x[8];
    for (int n = 1; n <= 8; n++)
        for (int kind = 0; kind < KINDS; kind++)
            for (uint64_t seed = 1; seed <= (n < 7 ? 20 : 3); seed++) {
                draw(kind, seed * 100 + (uint64_t)n, x, n);
                double energy = 0, ee = error_of(&f, x, n), least = exhaustive(x, n);
                for (int i = 0; i < n; i++) energy += (double)x[i] * x[i];
                /* the scale is rounded to float: (2^-24)^2 of the energy */
                cr_assert(fabs(ee - least) <= 1e-13 * energy, "n %d kind %d: %g against %g", n,
                          kind, ee, least);
            }
}

Test(ternary, optimal_is_not_fooled_by_a_score_of_two_peaks) {
    const float x[] = {10, -4, 3.9f}; /* scores 100, 98, 106.8 */
    const form f = {"ternary", "threshold=optimal"};
    result r = quantize(&f, 0, SCALE_F32, x, 1, 3);
    cr_assert(r.code[0] == 2 && r.code[1] == 0 && r.code[2] == 2);
    drop(&r);
}

Test(ternary, of_two_optima_the_sparser_is_taken) {
    const float x[] = {1, -3, 1, -1}; /* 3^2 / 1 = 6^2 / 4 */
    const form f = {"ternary", "threshold=optimal"};
    result r = quantize(&f, 0, SCALE_F32, x, 1, 4);
    cr_assert(r.meta[0] == 3 && r.code[0] == 1 && r.code[1] == 0 && r.code[2] == 1);
    drop(&r);
}

Test(ternary, no_other_threshold_has_a_smaller_error_than_optimal) {
    const form optimal = {"ternary", "threshold=optimal"};
    const form others[] = {{"ternary", "threshold=mean"},
                           {"ternary", "threshold=mean factor=0.9"},
                           {"ternary", "threshold=median"},
                           {"ternary", "threshold=adaptive"},
                           {"ternary", "threshold=sparsity sparsity=0.4"},
                           {"bitnet158", ""}};
    const int64_t sizes[] = {1, 2, 3, 7, 64, 333, 4096, 10000};
    float *x = mem_floats(10000);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (int kind = 0; kind < KINDS; kind++) {
            draw(kind, 77 + s, x, sizes[s]);
            double least = error_of(&optimal, x, sizes[s]), energy = 0;
            for (int64_t i = 0; i < sizes[s]; i++) energy += (double)x[i] * x[i];
            for (size_t o = 0; o < sizeof others / sizeof *others; o++)
                cr_assert(least <= error_of(&others[o], x, sizes[s]) + 1e-13 * energy,
                          "n %d kind %d against %s", (int)sizes[s], kind, others[o].settings);
        }
    free(x);
}

static int descending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x > y ? -1 : x < y;
}

Test(ternary, optimal_of_a_million_weights_has_its_certificate) {
    enum { N = 1 << 20 };
    const form f = {"ternary", "threshold=optimal"};
    float *x = mem_floats(N);
    double *a = mem_calloc(N, sizeof *a);
    for (int kind = 0; kind < KINDS; kind += 3) {
        draw(kind, 9, x, N);
        result r = quantize(&f, 0, SCALE_F32, x, 512, N / 512);
        int64_t k = 0, best_k = 0;
        double sum = 0, best = 0;
        for (int64_t i = 0; i < N; i++) a[i] = fabs((double)x[i]), k += r.code[i] != 1;
        qsort(a, N, sizeof *a, descending);
        for (int64_t i = 0; i < N; i++) {
            sum += a[i];
            if (sum * sum / (double)(i + 1) > best)
                best = sum * sum / (double)(i + 1), best_k = i + 1;
        }
        cr_assert(k == best_k);
        cr_assert(a[k - 1] >= r.meta[0] / 2 && r.meta[0] / 2 >= a[k]);
        drop(&r);
    }
    free(x);
    free(a);
}

/* Where it need not sort all, and where it must: clusters, outliers, equals, 60 octaves. */
static void shape(int kind, float *x, int64_t n) {
    fill_gauss(7, x, n, 0.02f);
    for (int64_t i = 0; i < n; i++) {
        if (kind == 1) x[i] = i % 3 == 0 ? 1 + x[i] : x[i];               /* two clusters */
        if (kind == 2) x[i] = rintf(x[i] * 100) / 64;                     /* few magnitudes */
        if (kind == 3) x[i] = ldexpf(x[i], (int)(i * 7 % 60) - 30);       /* many octaves */
        if (kind == 4) x[i] = i == n / 2 ? 1000 : x[i];                   /* one outlier */
        if (kind == 5) x[i] = i % 2 ? 0.25f : -0.25f;                     /* equals */
        if (kind == 6) x[i] = i < 5 ? 0.05f * (float)n * x[i] + 1 : x[i]; /* a few large ones */
        if (kind == 7) x[i] = i % 5 ? 0 : x[i];                           /* zeros */
        if (kind == 8) x[i] = ldexpf(x[i], -140);                         /* subnormal */
    }
}

Test(ternary, optimal_of_any_group_is_that_of_a_full_sort) {
    enum { MOST = 300000, SHAPES = 9 };
    const int64_t sizes[] = {255, 256, 257, 784, 5000, MOST};
    const form f = {"ternary", "threshold=optimal"};
    float *x = mem_floats(MOST);
    double *a = mem_calloc(MOST + 1, sizeof *a);
    for (int s = 0; s < 6; s++)
        for (int kind = 0; kind < SHAPES; kind++) {
            int64_t n = sizes[s], wrong = 0;
            double sum = 0, best = 0, t = 0;
            shape(kind, x, n);
            for (int64_t i = 0; i < n; i++) a[i] = fabs((double)x[i]);
            a[n] = 0;
            qsort(a, (size_t)n, sizeof *a, descending);
            for (int64_t k = 1; k <= n; k++) {
                sum += a[k - 1];
                double score = sum * sum / (double)k;
                if (score > best) best = score, t = (a[k - 1] + a[k]) / 2;
            }
            result r = quantize(&f, 0, SCALE_F32, x, 1, n);
            float cut = (float)t > t ? nextafterf((float)t, 0) : (float)t;
            if (r.meta[0] > 0) cr_assert(r.meta[1] == cut, "n %d shape %d", (int)n, kind);
            for (int64_t i = 0; i < n; i++)
                wrong += r.code[i] != (r.meta[0] == 0 ? 1 : x[i] < -t ? 0 : x[i] > t ? 2 : 1);
            cr_assert(wrong == 0, "n %d shape %d", (int)n, kind);
            drop(&r);
        }
    free(x);
    free(a);
}

/* ---- parameters ---- */

static void check_refusal(const form *f, rounding round, const char *why) {
    diags d;
    quantizer q;
    quant_config c = config_of(f, 0, SCALE_F32);
    c.round = round;
    diags_init(&d);
    cr_assert(quantizer_open(&q, &c, "w", false, 1, 8, &d) == ERR_SPEC);
    cr_assert(strstr(d.list[0].message, why) != NULL, "%s", d.list[0].message);
    diags_fini(&d);
}

Test(parameters, a_number_that_would_be_ignored_is_refused) {
    const form with_factor[] = {{"ternary", "threshold=optimal factor=0.5"},
                                {"ternary", "threshold=adaptive factor=0.5"},
                                {"ternary", "threshold=sparsity factor=0.5"}};
    const form with_sparsity = {"ternary", "sparsity=0.5"}, nf4 = {"nf4", ""},
               binary = {"binary", ""};
    for (int i = 0; i < 3; i++)
        check_refusal(&with_factor[i], ROUND_EVEN, "has no factor; mean and median have");
    check_refusal(&with_sparsity, ROUND_EVEN, "threshold mean has no sparsity");
    check_refusal(&nf4, ROUND_UP, "round must be even");
    check_refusal(&binary, ROUND_FLOOR, "round must be even or stochastic");
}

Test(parameters, auto_becomes_the_number_that_is_used) {
    const struct {
        const char *settings, *name;
        double value;
    } cases[] = {{"", "factor", 0.7},
                 {"threshold=median", "factor", 0.8},
                 {"threshold=median factor=0.25", "factor", 0.25},
                 {"threshold=sparsity", "sparsity", 0.5}};
    const float x[] = {1, 2};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const form f = {"ternary", cases[i].settings};
        result r = quantize(&f, 0, SCALE_F32, x, 1, 2);
        const plugin_choice *c = &r.q->scheme.choice;
        const param_value *v = &c->values[params_find(c->plugin, cases[i].name)];
        cr_assert(!v->is_auto && v->r == cases[i].value);
        drop(&r);
    }
}

Test(parameters, sparsity_is_the_share_of_zeros) {
    const struct {
        const char *settings;
        int zeros; /* of 1000 */
    } cases[] = {{"threshold=sparsity", 500},
                 {"threshold=sparsity sparsity=0", 0},
                 {"threshold=sparsity sparsity=0.123", 123},
                 {"threshold=sparsity sparsity=0.9999", 999}};
    float x[1000];
    fill_gauss(4, x, 1000, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const form f = {"ternary", cases[i].settings};
        result r = quantize(&f, 0, SCALE_F32, x, 1, 1000);
        int zeros = 0;
        for (int k = 0; k < 1000; k++) zeros += r.code[k] == 1;
        cr_assert(zeros == cases[i].zeros, "%d zeros", zeros);
        drop(&r);
    }
}

Test(parameters, only_what_decoding_needs_is_stored) {
    const struct {
        form f;
        int bits; /* of a group, with f16 scales */
        int64_t group;
    } cases[] = {{{"binary", ""}, 16, 0},
                 {{"binary", "center=paper"}, 16, 0},
                 {{"binary", "center=offset"}, 32, 0},
                 {{"ternary", "threshold=optimal"}, 16, 0},
                 {{"nf4", ""}, 16, 64}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        diags d;
        quantizer q;
        quant_config c = config_of(&cases[i].f, 0, SCALE_F16);
        c.granularity = GRANULARITY_OWN;
        diags_init(&d);
        cr_assert(quantizer_open(&q, &c, "w", false, 2, 128, &d) == OK);
        cr_assert(quantizer_meta_bits(&q) == cases[i].bits &&
                  q.config.group_size == cases[i].group);
        quantizer_close(&q);
        diags_fini(&d);
    }
}

/* ---- stochastic signs ---- */

Test(binary, stochastic_signs_have_the_probabilities_of_the_hard_sigmoid) {
    enum { DRAWS = 40000 };
    const form f = {"binary", ""};
    double at[7], p[7];
    float *x = mem_floats(7 * DRAWS), meta = 1;
    quant_config c = config_of(&f, 0, SCALE_F32);
    vector_list("A_bin_stoch", "x", at, 7);
    vector_list("A_bin_stoch", "p_plus1", p, 7);
    for (int i = 0; i < 7 * DRAWS; i++) x[i] = (float)at[i / DRAWS];
    c.round = ROUND_STOCHASTIC;
    result r = quantize_as(&c, x, 7, DRAWS);
    for (int i = 0; i < 7 * DRAWS; i++) cr_assert(r.code[i] == (x[i] >= 0)); /* in evaluation */
    quantizer_encode(r.q, x, 7, &meta, 99, r.code);
    for (int k = 0; k < 7; k++) {
        int64_t ones = 0;
        for (int i = 0; i < DRAWS; i++) ones += r.code[k * DRAWS + i];
        double share = (double)ones / DRAWS;
        cr_assert(fabs(share - p[k]) <= 5 * sqrt(p[k] * (1 - p[k]) / DRAWS), "%g: %g", at[k],
                  share);
    }
    uint8_t *again = mem_aligned(7 * DRAWS);
    parallel_set_threads(3);
    quantizer_encode(r.q, x, 7, &meta, 99, again);
    cr_assert(memcmp(again, r.code, 7 * DRAWS) == 0);
    for (int at_piece = 1; at_piece < 3000; at_piece += 777) { /* any piece of a group */
        qb_rng rng = {.key = 99, .offset = (uint64_t)(3 * DRAWS + at_piece)};
        r.q->table->encode(r.q->scheme.self, &meta, x + rng.offset, 1, 1000, rng, again);
        cr_assert(memcmp(again, r.code + rng.offset, 1000) == 0);
    }
    c = config_of(&f, 100, SCALE_F32); /* cut into groups of the same scale */
    c.round = ROUND_STOCHASTIC;
    result cut = quantize_as(&c, x, 7, DRAWS);
    for (int g = 0; g < 7 * DRAWS / 100; g++) cut.meta[g] = 1;
    quantizer_encode(cut.q, x, 7, cut.meta, 99, cut.code);
    cr_assert(memcmp(cut.code, r.code, 7 * DRAWS) == 0);
    drop(&cut);
    free(again);
    free(x);
    drop(&r);
}
