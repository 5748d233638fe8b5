/*
 * clipped and tanh against the worked vectors and against a double derivative of the
 * written formula, with broken twins that the same comparison must catch.
 */
#include "support/support.h"

#include "quant/ste.h"
#include "util/mem.h"
#include "util/parallel.h"

/* ---- one estimator over one scheme ---- */

enum { N = 4001 };

/* Plugins keep the address of their qb_host: an open one must not move. */
typedef struct bench {
    quantizer *q;
    estimator *e;
    float *x, *y, *dy, *dx, meta[2];
} bench;

/* x spread evenly over from..to, so that it passes every level. */
static bench open_bench(const char *ste, const char *settings, const char *scheme,
                        const char *scheme_settings, float from, float to) {
    bench b = {.q = mem_calloc(1, sizeof *b.q),
               .e = mem_calloc(1, sizeof *b.e),
               .x = mem_floats(N),
               .y = mem_floats(N),
               .dy = mem_floats(N),
               .dx = mem_floats(N)};
    diags d;
    plugin_choice c = choose(QB_STE, ste, settings);
    quant_config config = {.scheme = choose(QB_SCHEME, scheme, scheme_settings),
                           .granularity = GRANULARITY_TENSOR};
    diags_init(&d);
    for (int i = 0; i < N; i++) b.x[i] = from + (to - from) * ((float)i / (N - 1));
    fill_uniform(8, b.dy, N, -1, 1);
    quantizer_open(b.q, &config, "w", false, 1, N, &d);
    estimator_open(b.e, &c, b.q, NULL, &d);
    quantizer_fake(b.q, b.x, 1, 0, b.meta, b.y, &d);
    assert_fine(&d);
    diags_fini(&d);
    return b;
}

static void backward(bench *b, float *dx) {
    estimator_backward(b->e, b->q, b->x, b->y, 1, b->meta, 0, b->dy, dx);
}

static void close_bench(bench *b) {
    estimator_close(b->e);
    quantizer_close(b->q);
    free(b->q);
    free(b->e);
    free(b->x);
    free(b->y);
    free(b->dy);
    free(b->dx);
}

/* ---- the worked vectors: signs of scale 1 ---- */

static void check_vector(const char *ste, const char *settings, const char *group,
                         const char *key) {
    bench b = open_bench(ste, settings, "binary", "", -2, 2);
    double x[16], factor[16];
    int n = vector_list(group, "x", x, 16);
    cr_assert(vector_list(group, key, factor, 16) == n);
    for (int i = 0; i < n; i++) b.x[i] = (float)x[i], b.dy[i] = i % 2 ? 1 : -2;
    b.meta[0] = 1;
    backward(&b, b.dx);
    for (int i = 0; i < n; i++) assert_near(b.dx[i], factor[i] * b.dy[i], 1e-6, 0);
    close_bench(&b);
}

Test(estimator_vectors, clipped_and_tanh_match_the_worked_examples) {
    check_vector("clipped", "", "D_clip", "clipped_c1");
    check_vector("clipped", "c=1000000", "D_clip", "identity");
    check_vector("tanh", "temperature=1", "D_tanh", "T1");
    check_vector("tanh", "temperature=0.5", "D_tanh", "T0p5");
}

/* ---- clipped ---- */

typedef bool (*passes_fn)(double x, double lo, double hi);

static bool inside(double x, double lo, double hi) { return x >= lo && x <= hi; }
static bool broken_edge(double x, double lo, double hi) { return x > lo && x < hi; }
static bool broken_side(double x, double lo, double hi) { return (void)lo, x <= hi; }

static bool agrees(const bench *b, passes_fn passes, double lo, double hi) {
    for (int i = 0; i < N; i++)
        if (b->dx[i] != (passes(b->x[i], lo, hi) ? b->dy[i] : 0)) return false;
    return true;
}

Test(clipped, passes_from_edge_to_edge_and_nowhere_else) {
    const struct {
        const char *settings, *scheme, *scheme_settings;
        double c;
    } cases[] = {{"", "binary", "", 1},
                 {"", "binary", "center=offset", 1},
                 {"", "ternary", "", 1},
                 {"c=1.5", "ternary", "threshold=optimal", 1.5},
                 {"c=0.5", "int", "bits=3", 0.5},
                 {"", "int", "bits=3 symmetric=false", 1},
                 {"", "nf4", "", 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bench b = open_bench("clipped", cases[i].settings, cases[i].scheme,
                             cases[i].scheme_settings, -1, 3);
        float low, high, step;
        quantizer_bounds(b.q, b.meta, &low, &high, &step);
        double wider = (cases[i].c - 1) * ((double)high - low) / 2;
        double lo = low - wider, hi = high + wider;
        b.x[5] = (float)lo, b.x[6] = nextafterf((float)lo, -INFINITY);
        b.x[7] = (float)hi, b.x[8] = nextafterf((float)hi, INFINITY);
        b.dy[5] = b.dy[6] = b.dy[7] = b.dy[8] = 1;
        backward(&b, b.dx);
        cr_assert(agrees(&b, inside, lo, hi), "%s", cases[i].scheme);
        if (cases[i].c == 1) cr_assert(!agrees(&b, broken_edge, lo, hi));
        cr_assert(!agrees(&b, broken_side, lo, hi));
        close_bench(&b);
    }
}

/* ---- tanh ---- */

/* The soft staircase of the header, in double, from the decoded levels. */
static double staircase(const bench *b, double temperature, double x) {
    float levels[256], lo, hi, step;
    int n = b->q->info.n_levels;
    double sum = 0;
    quantizer_levels(b->q, b->meta, levels);
    quantizer_bounds(b->q, b->meta, &lo, &hi, &step);
    double width = temperature * (n == 2 ? step / 2 : step);
    for (int j = 0; j + 1 < n; j++) {
        double t = (float)(((double)levels[j] + levels[j + 1]) / 2); /* as the host passes it */
        if (b->q->threshold_at >= 0) t = (j == 0 ? -1 : 1) * b->meta[b->q->threshold_at];
        sum += ((double)levels[j + 1] - levels[j]) / 2 * tanh((x - t) / width);
    }
    return sum;
}

typedef double (*surrogate_fn)(const bench *b, double temperature, double x);

static double broken_width(const bench *b, double temperature, double x) {
    return staircase(b, 1.01 * temperature, x);
}
static double broken_rise(const bench *b, double temperature, double x) {
    return temperature * staircase(b, temperature, x);
}

/* float exp is within 2 ulp and the factor is rounded once: 4e-7 of it; the central
 * difference is within 1e-7 of the steepest slope. */
static bool follows(const bench *b, surrogate_fn s, double temperature, double steepest) {
    float lo, hi, step;
    quantizer_bounds(b->q, b->meta, &lo, &hi, &step);
    double h = 1e-4 * step * temperature;
    for (int i = 0; i < N; i += 7) {
        double x = b->x[i], slope = (s(b, temperature, x + h) - s(b, temperature, x - h)) / (2 * h);
        if (!(fabs(b->dx[i] - b->dy[i] * slope) <= 1e-6 * slope + 1e-6 * steepest)) return false;
    }
    return true;
}

Test(tanh, is_the_derivative_of_the_soft_staircase) {
    static const char *const schemes[][2] = {{"binary", ""},    {"binary", "center=offset"},
                                             {"ternary", ""},   {"ternary", "factor=0.3"},
                                             {"int", "bits=4"}, {"int", "bits=3 symmetric=false"},
                                             {"nf4", ""},       {"bitnet158", ""}};
    const double temperatures[] = {0.05, 0.3, 2};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        for (int k = 0; k < 3; k++) {
            char settings[32];
            double t = temperatures[k];
            snprintf(settings, sizeof settings, "temperature=%g", t);
            bench b = open_bench("tanh", settings, schemes[i][0], schemes[i][1], -1, 1.5f);
            backward(&b, b.dx);
            double steepest = 1 / fmin(t, 1);
            cr_assert(follows(&b, staircase, t, steepest), "%s at %g", schemes[i][0], t);
            cr_assert(!follows(&b, broken_width, t, steepest), "%s at %g", schemes[i][0], t);
            cr_assert(!follows(&b, broken_rise, t, steepest), "%s at %g", schemes[i][0], t);
            close_bench(&b);
        }
}

Test(tanh, the_gradient_over_all_x_is_the_range_of_the_levels) {
    bench b = open_bench("tanh", "temperature=0.2", "int", "bits=3", -1, 1);
    double sum = 0;
    float lo, hi, step;
    quantizer_bounds(b.q, b.meta, &lo, &hi, &step);
    for (int i = 0; i < N; i++) b.x[i] *= 2, b.dy[i] = 1;
    backward(&b, b.dx);
    for (int i = 0; i < N; i++) sum += b.dx[i] * 4.0 / (N - 1);
    assert_near(sum, (double)hi - lo, 1e-4, 0);
    close_bench(&b);
}

Test(tanh, far_from_every_threshold_and_at_extreme_temperatures_it_stays_finite) {
    static const char *const temperatures[] = {"temperature=0.001", "temperature=10"};
    for (int k = 0; k < 2; k++) {
        bench b = open_bench("tanh", temperatures[k], "int", "bits=8", -1, 1);
        b.x[0] = 3e38f, b.x[1] = -3e38f, b.x[2] = 0x1p-149f;
        backward(&b, b.dx);
        for (int i = 0; i < N; i++) cr_assert(isfinite(b.dx[i]));
        cr_assert(b.dx[0] == 0 && b.dx[1] == 0);
        close_bench(&b);
    }
}

Test(tanh, the_temperature_falls_geometrically_and_ends_at_its_end) {
    const struct {
        double progress, temperature;
    } course[] = {{0, 1}, {0.5, 0.22360679774997896}, {1, 0.05}};
    bench b = open_bench("tanh", "", "ternary", "", -1, 1);
    for (int i = 0; i < 3; i++) {
        estimator_set_progress(b.e, course[i].progress);
        backward(&b, b.dx);
        cr_assert(follows(&b, staircase, course[i].temperature, 20));
        cr_assert(!follows(&b, staircase, 1.02 * course[i].temperature, 20));
    }
    close_bench(&b);
}

/* ---- both ---- */

Test(estimators, in_place_and_on_any_number_of_threads_the_bits_are_the_same) {
    static const char *const names[] = {"clipped", "tanh"};
    for (int k = 0; k < 2; k++) {
        parallel_set_threads(1);
        bench b = open_bench(names[k], "", "int", "bits=4", -1, 1);
        backward(&b, b.dx);
        float *other = mem_floats(N);
        for (int threads = 1; threads <= 4; threads += 3) {
            parallel_set_threads(threads);
            backward(&b, other);
            cr_assert(memcmp(other, b.dx, N * sizeof *other) == 0);
        }
        memcpy(other, b.dy, N * sizeof *other);
        estimator_backward(b.e, b.q, b.x, b.y, 1, b.meta, 0, other, other);
        cr_assert(memcmp(other, b.dx, N * sizeof *other) == 0);
        for (int i = 0; i < N; i++) b.dy[i] = 0;
        backward(&b, b.dx);
        for (int i = 0; i < N; i++) cr_assert(b.dx[i] == 0);
        free(other);
        close_bench(&b);
    }
}
