/*
 * The ways of a scheme: levels and metadata that the host codes with, or functions of its
 * own; with the plugins of tests/fixtures.
 */
#include "plugins/fixture.h"

#include "quant/levels.h"

enum { N = 400 };

typedef struct work {
    quantizer q;
    float x[N], y[N], meta[2];
    uint8_t code[N];
    diags d;
} work;

static void code_with(work *w, const plugin_choice *c, rounding round) {
    quant_config config = {.scheme = *c, .round = round};
    diags_init(&w->d);
    cr_assert(quantizer_open(&w->q, &config, "w", false, 1, N, &w->d) == OK);
    for (int i = 0; i < N; i++) w->x[i] = (float)(i - 200) / 50; /* -4 .. 3.98, scale 1 */
    quantizer_fit(&w->q, w->x, 1, w->meta, &w->d);
    assert_fine(&w->d);
    quantizer_encode(&w->q, w->x, 1, w->meta, 0, w->code);
    quantizer_decode(&w->q, w->code, 1, w->meta, w->y);
}

static void done(work *w) {
    quantizer_close(&w->q);
    diags_fini(&w->d);
}

/* The code that the short way of plugin.h asks for, by search in double. */
static int short_way(const float *levels, int n, double zero, double v, rounding r) {
    int lower = 0, base = 0;
    for (int c = 1; c < n; c++) {
        if (levels[c] - zero <= v) lower = c;
        if (fabs(levels[c] - zero) <= fabs(levels[base] - zero)) base = c;
    }
    if (v <= levels[0] - zero) return 0;
    if (lower == n - 1) return n - 1;
    double a = levels[lower] - zero, b = levels[lower + 1] - zero, middle = (a + b) / 2;
    switch (r) {
    case ROUND_FLOOR: return lower;
    case ROUND_CEIL: return v > a ? lower + 1 : lower;
    case ROUND_UP: return v >= middle ? lower + 1 : lower;
    case ROUND_DOWN: return v > middle ? lower + 1 : lower;
    case ROUND_AWAY: return v > middle || (v == middle && middle > 0) ? lower + 1 : lower;
    case ROUND_STOCHASTIC: return 0.5 < (v - a) / (b - a) ? lower + 1 : lower;
    default: return v > middle || (v == middle && (lower + 1 - base) % 2 == 0) ? lower + 1 : lower;
    }
}

static void check_way(const char *way, double offset, double zero) {
    plugin_choice c = fixture_choice("shapes", "way", way);
    for (rounding r = ROUND_EVEN; r <= ROUND_STOCHASTIC; r++) {
        work w;
        code_with(&w, &c, r);
        cr_assert(w.q.kind == LEVELS_STEPS);
        const float *levels = w.q.info.levels;
        for (int i = 0; i < N; i++) {
            double v = (double)(w.x[i] - (float)offset) * (1.0f / w.meta[0]);
            int want = short_way(levels, w.q.info.n_levels, zero, v, r);
            cr_assert(w.code[i] == want, "%s, rounding %d, v %g: code %d, expected %d", way, r, v,
                      w.code[i], want);
            cr_assert(w.y[i] == (levels[want] - (float)zero) * w.meta[0] + (float)offset);
        }
        done(&w);
    }
}

Test(short_way, uneven_levels_under_every_rounding) { check_way("uneven", 0, 0); }
Test(short_way, levels_with_an_offset) { check_way("offset", 0.125, 0); }
Test(short_way, integers_with_a_zero_that_is_none) { check_way("zero", 0, 1.3f); }
Test(short_way, two_levels_that_are_equally_near_to_zero) { check_way("half", 0, 1.5f); }

Test(short_way, a_threshold_decides_between_three_levels) {
    plugin_choice c = fixture_choice("shapes", "way", "threshold");
    work w;
    code_with(&w, &c, ROUND_EVEN);
    float t = w.meta[1];
    cr_assert(w.q.kind == LEVELS_THRESHOLD && t == 2.5f);
    w.x[0] = t, w.x[1] = -t, w.x[2] = nextafterf(t, 9), w.x[3] = nextafterf(-t, -9);
    quantizer_encode(&w.q, w.x, 1, w.meta, 0, w.code);
    cr_assert(w.code[0] == 1 && w.code[1] == 1 && w.code[2] == 2 && w.code[3] == 0);
    for (int i = 4; i < N; i++) cr_assert(w.code[i] == (w.x[i] < -t ? 0 : w.x[i] <= t ? 1 : 2));
    cr_assert(quantizer_meta_bits(&w.q) == 32, "a threshold is not stored");
    done(&w);
}

Test(short_way, a_scale_stored_as_a_power_of_two_is_one) {
    plugin_choice c = fixture_choice("shapes", "way", "power");
    work w;
    code_with(&w, &c, ROUND_EVEN);
    cr_assert(w.meta[0] == 1 && quantizer_meta_bits(&w.q) == 8);
    done(&w);
    const qb_meta m = {.name = "scale", .role = QB_SCALE, .store = QB_E8M0};
    const struct {
        float from, to;
    } cases[] = {
        {1, 1}, {1.4f, 1}, {1.42f, 2}, {3, 4}, {0, 0}, {0x1p127f, 0x1p127f}, {1e-37f, 0x1p-123f}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float v = cases[i].from;
        cr_assert(stored_round(&m, SCALE_F32, &v) && v == cases[i].to, "%g became %g",
                  (double)cases[i].from, (double)v);
    }
    float beyond = 0x1.7p127f; /* nearer to 2^128, which is none */
    cr_assert(!stored_round(&m, SCALE_F32, &beyond));
}

Test(scheme, an_offset_too_large_for_a_half_is_a_matter_of_scale_dtype) {
    for (scale_dtype t = SCALE_F32; t <= SCALE_F16; t++) {
        quant_config config = {.scheme = fixture_choice("shapes", "way", "far"), .scale_dtype = t};
        quantizer q;
        diags d;
        float x[4] = {1, 2, 3, 4}, meta[2];
        diags_init(&d);
        cr_assert(quantizer_open(&q, &config, "fc1.weight", false, 1, 4, &d) == OK);
        cr_assert(quantizer_fit(&q, x, 1, meta, &d) == (t == SCALE_F16 ? ERR_INPUT : OK));
        if (t == SCALE_F16) {
            cr_assert_str_eq(d.list[0].message,
                             "fc1.weight: the shift of group 0, -1e+06, is too large for f16");
            cr_assert_str_eq(d.list[0].hint, "set `scale_dtype: f32`");
        }
        quantizer_close(&q);
        diags_fini(&d);
    }
}

Test(scheme, its_own_encode_and_decode_are_used) {
    plugin_choice c = fixture_choice("owncodes", NULL, NULL);
    work w;
    code_with(&w, &c, ROUND_EVEN);
    cr_assert(w.q.kind == LEVELS_OWN);
    for (int i = 0; i < N; i++) {
        double v = fmin(fmax(floor(w.x[i] / 2), -2), 2);
        cr_assert(w.code[i] == v + 2 && w.y[i] == 2 * v);
    }
    float lo, hi, step;
    quantizer_bounds(&w.q, w.meta, &lo, &hi, &step);
    cr_assert(lo == -3 && hi == 3 && step == 2);
    done(&w);
}

typedef struct owncodes { /* as in tests/fixtures/owncodes.c */
    const qb_kernels *k;
    int64_t group;
} owncodes;

Test(scheme, init_is_told_the_longest_group_that_can_come) {
    const struct {
        granularity g;
        int64_t size, group; /* of the spec, that init() is told */
    } cases[] = {{GRANULARITY_OWN, 0, 1800},    {GRANULARITY_TENSOR, 0, 1800},
                 {GRANULARITY_CHANNEL, 0, 600}, {GRANULARITY_GROUP, 0, 600},
                 {GRANULARITY_GROUP, 60, 60},   {GRANULARITY_GROUP, 1000, 600}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        quant_config config = {.scheme = fixture_choice("owncodes", NULL, NULL),
                               .granularity = cases[i].g,
                               .group_size = cases[i].size,
                               .ragged_short = true};
        quantizer q;
        diags d;
        diags_init(&d);
        cr_assert(quantizer_open(&q, &config, "w", false, 3, 600, &d) == OK);
        cr_assert(((const owncodes *)q.scheme.self)->group == cases[i].group, "case %zu: %d", i,
                  (int)((const owncodes *)q.scheme.self)->group);
        quantizer_close(&q);
        diags_fini(&d);
    }
}

Test(scheme, levels_of_a_group_shorter_than_they_are_many_are_decoded_in_pieces) {
    quant_config config = {.scheme = fixture_choice("owncodes", NULL, NULL),
                           .granularity = GRANULARITY_GROUP,
                           .group_size = 2};
    quantizer q;
    diags d;
    float meta = 1, levels[256], lo, hi, step;
    diags_init(&d);
    cr_assert(quantizer_open(&q, &config, "w", false, 1, 8, &d) == OK);
    quantizer_levels(&q, &meta, levels);
    for (int i = 0; i < 5; i++) cr_assert(levels[i] == 2.0f * (float)(i - 2));
    quantizer_bounds(&q, &meta, &lo, &hi, &step);
    cr_assert(lo == -3 && hi == 3 && step == 2);
    quantizer_close(&q);
    diags_fini(&d);
}

Test(scheme, metadata_that_is_not_finite_blames_the_plugin) {
    plugin_choice c = fixture_choice("badfit", NULL, NULL);
    quant_config config = {.scheme = c};
    quantizer q;
    diags d;
    float x[4] = {1, 2, 3, 4}, meta;
    diags_init(&d);
    cr_assert(quantizer_open(&q, &config, "fc1.weight", false, 1, 4, &d) == OK);
    cr_assert(quantizer_fit(&q, x, 1, &meta, &d) == ERR_PLUGIN);
    cr_assert(strstr(d.list[0].message, "badfit.so") && strstr(d.list[0].message, "fit()") &&
                  strstr(d.list[0].message, "fc1.weight"),
              "%s", d.list[0].message);
    quantizer_close(&q);
    diags_fini(&d);
}
