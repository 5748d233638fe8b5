/*
 * What holds for a quantizer over any scheme: calls, threads, rounding, and what is refused.
 */
#include "plugins/tensors.h"

#include <float.h>

#include "util/mem.h"
#include "util/parallel.h"

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
        for (int k = 0; k < CUTS; k++) {
            diags d;
            diags_init(&d);
            quant_config c = config_of_cut("int", "bits=4 symmetric=false", &cuts[k], SCALE_F16);
            result r = quantize_as(&c, x, R, C);
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
    for (int k = 0; k < CUTS; k++)
        for (int b = 0; b < 3; b++) {
            diags d;
            quantizer q;
            quant_config c = config_of_cut("int", "", &cuts[k], SCALE_F32);
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
    for (int k = 0; k < CUTS; k++) {
        if (cuts[k].size < 2) continue; /* one element has no two extremes */
        diags d;
        quantizer q;
        quant_config c = config_of_cut("int", "symmetric=false", &cuts[k], SCALE_F32);
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
