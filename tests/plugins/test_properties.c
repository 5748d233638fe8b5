/*
 * What must hold for every shipped scheme, on every cut, and with every packer.
 */
#include <float.h>

#include "plugins/matrix.h"
#include "quant/packing.h"
#include "util/mem.h"
#include "util/parallel.h"

static const form forms[] = {{"binary", "center=none"},
                             {"binary", "center=paper"},
                             {"binary", "center=offset"},
                             {"ternary", "threshold=mean"},
                             {"ternary", "threshold=mean factor=2.5"},
                             {"ternary", "threshold=median"},
                             {"ternary", "threshold=adaptive"},
                             {"ternary", "threshold=optimal"},
                             {"ternary", "threshold=sparsity sparsity=0.3"},
                             {"nf4", ""},
                             {"mx", ""},
                             {"mx", "element=e4m3"},
                             {"int", "bits=4"},
                             {"int", "bits=3 symmetric=false"},
                             {"bitnet158", ""}};
enum { FORMS = sizeof forms / sizeof *forms };

/* ---- properties of every scheme ---- */

static const int64_t groups[] = {1, 2, 3, 5, 63, 64, 333, 1000, 4095, 4096, 0};
enum { GROUPS = sizeof groups / sizeof *groups, ROWS = 2, COLS = 4500, ALL = ROWS * COLS };

/* Steps of 2^-6 up to 8: every sum of them and of their squares is exact. */
static void draw_dyadic(uint64_t seed, float *x, int64_t n) {
    fill_gauss(seed, x, n, 1.5f);
    for (int64_t i = 0; i < n; i++)
        x[i] = fmaxf(-8, fminf(8, rintf(x[i] * 64) / 64 + (i % 7 == 0)));
}

static void for_every_scheme_and_group(void (*check)(const form *f, int64_t group)) {
    parallel_set_threads(1);
    for (int f = 0; f < FORMS; f++)
        for (int g = 0; g < GROUPS; g++) check(&forms[f], groups[g]);
}

static void check_idempotence(const form *f, int64_t group) {
    static float x[ALL];
    for (int kind = 0; kind < KINDS; kind++)
        for (int half = 0; half < 2; half++) {
            if (half && kind == 1) continue; /* below the normal numbers of f16 */
            draw(kind, 21, x, ALL);
            result r = quantize(f, group, (scale_dtype)half, x, ROWS, COLS);
            uint8_t *again = mem_aligned(ALL);
            quantizer_encode(r.q, r.y, ROWS, r.meta, 0, again);
            if (!(r.q->info.flags & QB_NOT_IDEMPOTENT))
                cr_assert(memcmp(again, r.code, ALL) == 0, "%s %s group %d kind %d half %d",
                          f->name, f->settings, (int)group, kind, half);
            free(again);
            drop(&r);
        }
}

Test(properties, encoding_the_decoded_gives_the_codes_again) {
    for_every_scheme_and_group(check_idempotence);
}

Test(properties, only_schemes_whose_levels_can_fall_together_are_not_idempotent) {
    const float x[] = {1, 2, 3};
    for (int f = 0; f < FORMS; f++) {
        result r = quantize(&forms[f], 0, SCALE_F32, x, 1, 3);
        bool declared = r.q->info.flags & QB_NOT_IDEMPOTENT;
        bool expected = strstr(forms[f].settings, "paper") || strstr(forms[f].settings, "offset") ||
                        strstr(forms[f].settings, "sparsity") || strstr(forms[f].settings, "2.5");
        cr_assert(declared == expected, "%s %s", forms[f].name, forms[f].settings);
        drop(&r);
    }
}

static void check_equivariance(const form *f, int64_t group) {
    static float x[ALL], scaled[ALL];
    bool absolute = strcmp(f->name, "bitnet158") == 0; /* its smallest scale is 1e-5 */
    draw(0, 31, x, ALL);
    result r = quantize(f, group, SCALE_F32, x, ROWS, COLS);
    for (int e = -31; e <= 33; e += 32) {
        if (absolute && e < 0) continue;
        for (int i = 0; i < ALL; i++) scaled[i] = ldexpf(x[i], e);
        result s = quantize(f, group, SCALE_F32, scaled, ROWS, COLS);
        cr_assert(memcmp(r.code, s.code, ALL) == 0, "%s %s", f->name, f->settings);
        bool exact = true;
        for (int i = 0; i < ALL; i++) exact &= s.y[i] == ldexpf(r.y[i], e);
        for (int64_t g = 0; g < quantizer_groups(r.q, ROWS); g++)
            exact &= s.meta[g * r.q->info.n_meta] == ldexpf(r.meta[g * r.q->info.n_meta], e);
        cr_assert(exact, "%s %s group %d by 2^%d", f->name, f->settings, (int)group, e);
        drop(&s);
    }
    drop(&r);
}

Test(properties, a_power_of_two_scales_the_result_and_keeps_the_codes) {
    for_every_scheme_and_group(check_equivariance);
}

static void check_degenerate(const form *f, int64_t group) {
    static float x[ALL];
    static uint8_t again[ALL];
    const float value[] = {0, -0.0f, 0.375f, -0.375f, FLT_MIN / 4, -0x1p-149f};
    for (int v = 0; v < 6; v++) {
        for (int i = 0; i < ALL; i++) x[i] = value[v];
        result r = quantize(f, group, SCALE_F32, x, ROWS, COLS);
        float levels[256];
        quantizer_levels(r.q, r.meta, levels);
        for (int c = 0; c < r.q->info.n_levels; c++) cr_assert(isfinite(levels[c]));
        bool dies = strstr(f->settings, "2.5") || fabsf(value[v]) < FLT_MIN;
        bool loses_sign = strstr(f->settings, "paper"), fine = true;
        double want = dies ? 0 : loses_sign ? fabsf(value[v]) : value[v];
        for (int i = 0; i < ALL; i++) fine &= near(r.y[i], want, 1e-7, FLT_MIN);
        quantizer_encode(r.q, r.y, ROWS, r.meta, 0, again);
        if (!(r.q->info.flags & QB_NOT_IDEMPOTENT)) fine &= memcmp(again, r.code, ALL) == 0;
        cr_assert(fine, "%s %s group %d of %g", f->name, f->settings, (int)group, (double)value[v]);
        drop(&r);
    }
}

Test(properties, constant_groups_are_exact_and_zero_groups_finite) {
    for_every_scheme_and_group(check_degenerate);
}

static void check_monotone(const form *f, int64_t group) {
    static float x[ALL];
    draw(0, 41, x, ALL);
    result r = quantize(f, group, SCALE_F16, x, ROWS, COLS);
    services_kernels()->sort(x, ALL);
    float *meta = mem_floats(ALL * r.q->info.n_meta), levels[256];
    for (int64_t g = 0; g < quantizer_groups(r.q, ROWS); g++) /* all under the first group's */
        memcpy(meta + g * r.q->info.n_meta, r.meta, (size_t)r.q->info.n_meta * sizeof *meta);
    quantizer_encode(r.q, x, ROWS, meta, 0, r.code);
    bool ascend = r.code[ALL - 1] < r.q->info.n_levels;
    for (int i = 1; i < ALL; i++) ascend &= r.code[i] >= r.code[i - 1];
    cr_assert(ascend, "%s %s", f->name, f->settings);
    quantizer_levels(r.q, meta, levels);
    for (int c = 1; c < r.q->info.n_levels; c++) cr_assert(levels[c] >= levels[c - 1]);
    free(meta);
    drop(&r);
}

Test(properties, higher_values_never_get_lower_codes) {
    for_every_scheme_and_group(check_monotone);
}

static void check_permutation(const form *f, int64_t group) {
    static float x[ALL], turned[ALL];
    int64_t n = group > 0 ? group : COLS;
    draw_dyadic(51, x, n);
    for (int64_t i = 0; i < n; i++) turned[i] = x[n - 1 - i];
    result r = quantize(f, 0, SCALE_F32, x, 1, n), s = quantize(f, 0, SCALE_F32, turned, 1, n);
    cr_assert(memcmp(r.meta, s.meta, (size_t)r.q->info.n_meta * sizeof *r.meta) == 0);
    for (int64_t i = 0; i < n / 2; i++) cr_assert(r.code[i] == s.code[n - 1 - i]);
    drop(&r);
    drop(&s);
}

Test(properties, the_order_inside_a_group_does_not_matter) {
    for_every_scheme_and_group(check_permutation);
}

/* ---- cuts, threads, packers ---- */

/* Of all elements of a result: code, decoded value and metadata in bits. */
static bool equal_results(const result *a, const result *b) {
    size_t n = (size_t)(a->rows * a->cols);
    size_t metas = (size_t)(quantizer_groups(a->q, a->rows) * a->q->info.n_meta);
    return memcmp(a->code, b->code, n) == 0 && memcmp(a->y, b->y, n * sizeof *a->y) == 0 &&
           memcmp(a->meta, b->meta, metas * sizeof *a->meta) == 0;
}

static void check_cuts(const form *f, int64_t group) {
    static float x[ALL];
    draw(1, 61, x, ALL);
    if (group == 0) return;
    result whole = quantize(f, group, SCALE_F16, x, ROWS, COLS);
    int m = whole.q->info.n_meta;
    for (int64_t row = 0, g = 0; row < ROWS; row++)
        for (int64_t at = 0; at < COLS; at += group, g++) {
            if (at > 40 && at + 2 * group < COLS) continue; /* the first ones and the tail */
            int64_t n = COLS - at < group ? COLS - at : group, from = row * COLS + at;
            result alone = quantize(f, 0, SCALE_F16, x + from, 1, n);
            cr_assert(memcmp(alone.meta, whole.meta + g * m, (size_t)m * sizeof(float)) == 0);
            cr_assert(memcmp(alone.code, whole.code + from, (size_t)n) == 0);
            cr_assert(memcmp(alone.y, whole.y + from, (size_t)n * sizeof(float)) == 0);
            drop(&alone);
        }
    drop(&whole);
}

Test(cuts, a_group_alone_gives_what_it_gives_among_others) {
    for_every_scheme_and_group(check_cuts);
}

Test(cuts, results_are_the_same_for_any_number_of_threads) {
    enum { R = 64, C = 5000 }; /* beyond what one thread reduces alone */
    static const int64_t sizes[] = {0, C, 64, 1};
    float *x = mem_floats(R * C), *y = mem_floats(R * C);
    fill_gauss(71, x, R * C, 1);
    for (int f = 0; f < FORMS; f++)
        for (int s = 0; s < 4; s++) {
            parallel_set_threads(1);
            result one = quantize(&forms[f], sizes[s], SCALE_F16, x, R, C);
            for (int threads = 2; threads <= 5; threads += 3) {
                parallel_set_threads(threads);
                result many = quantize(&forms[f], sizes[s], SCALE_F16, x, R, C);
                cr_assert(equal_results(&one, &many), "%s %s", forms[f].name, forms[f].settings);
                diags d;
                diags_init(&d);
                cr_assert(quantizer_fake(many.q, x, R, 0, many.meta, y, &d) == OK);
                cr_assert(memcmp(y, one.y, R * C * sizeof *y) == 0);
                diags_fini(&d);
                drop(&many);
            }
            drop(&one);
        }
    free(x);
    free(y);
}

Test(packers, every_packer_gives_back_the_codes_of_every_scheme) {
    static const char *const packers[] = {"bits", "base3", "raw"};
    static float x[ALL];
    draw(0, 81, x, ALL);
    for (int f = 0; f < FORMS; f++)
        for (int p = 0; p < 3; p++) {
            diags d;
            packing k;
            result r = quantize(&forms[f], 64, SCALE_F16, x, ROWS, COLS);
            plugin_choice c = choose(QB_PACKER, packers[p], "");
            int levels = r.q->info.n_levels;
            int64_t bytes, width = levels <= 2    ? 1
                                   : levels <= 4  ? 2
                                   : levels <= 8  ? 3
                                   : levels <= 16 ? 4
                                                  : 8;
            diags_init(&d);
            status got = packing_open(&k, &c, levels, r.q->info.zero_code, NULL, &d);
            cr_assert((got == OK) == (p != 1 || levels <= 3));
            if (got == OK) {
                int64_t row[] = {(COLS * width + 7) / 8, COLS / 5, COLS};
                cr_assert(packing_measure(&k, "w", r.code, ROWS, COLS, &d, &bytes) == OK);
                cr_assert(bytes == ROWS * row[p]);
                packing_close(&k);
            }
            drop(&r);
            diags_fini(&d);
        }
}

Test(packers, raw_refuses_codes_that_are_none_and_wrong_lengths) {
    diags d;
    packing k;
    plugin_choice c = choose(QB_PACKER, "raw", "");
    uint8_t bytes[] = {0, 4, 2, 3}, code[4];
    diags_init(&d);
    cr_assert(packing_open(&k, &c, 5, -1, NULL, &d) == OK);
    cr_assert(k.table->unpack(k.in.self, bytes, 4, 4, code) == QB_OK && code[1] == 4);
    cr_assert(k.table->unpack(k.in.self, bytes, 3, 4, code) == QB_ECORRUPT);
    cr_assert(k.table->unpack(k.in.self, bytes, 4, 3, code) == QB_ECORRUPT);
    cr_assert(k.table->unpack(k.in.self, bytes, 0, 0, code) == QB_OK);
    bytes[3] = 5;
    cr_assert(k.table->unpack(k.in.self, bytes, 4, 4, code) == QB_ECORRUPT);
    packing_close(&k);
    diags_fini(&d);
}
