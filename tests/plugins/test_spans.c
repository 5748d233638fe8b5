/*
 * What an estimator is told of each group, and that it is of its own group.
 */
#include "plugins/fixture.h"

#include "quant/ste.h"
#include "util/mem.h"

static float shown(const char *what, uint64_t key) {
    plugin_choice c = fixture_choice("spanste", "show", what),
                  scheme = choose(QB_SCHEME, "int", "bits=3");
    quant_config config = {.scheme = scheme, .granularity = GRANULARITY_CHANNEL};
    quantizer q;
    estimator e;
    diags d;
    float x[2][5] = {{0}, {6, -1, 2, 0, 1}}, y[10], meta[2], dy[10] = {7, 7, 7, 7, 7}, dx[10];
    diags_init(&d);
    cr_assert(quantizer_open(&q, &config, "w", false, 2, 5, &d) == OK &&
              estimator_open(&e, &c, &q, NULL, &d) == OK);
    cr_assert(quantizer_fake(&q, x[0], 2, 0, meta, y, &d) == OK);
    estimator_backward(&e, &q, x[0], y, 2, meta, key, dy, dx);
    for (int i = 0; i < 5; i++)
        cr_assert(dx[i] == 7, "a group of one level passes the gradient on");
    for (int i = 6; i < 10; i++) cr_assert(dx[i] == dx[5]);
    float out = dx[5];
    estimator_forward(&e, &q, x[0], 2, meta, key, y);
    cr_assert(y[5] == 106 && y[0] == 0, "forward() gets the quantized 6, in place");
    cr_assert(y[6] == 100, "and of -1 the quantized 0");
    estimator_close(&e);
    quantizer_close(&q);
    diags_fini(&d);
    return out;
}

Test(estimator, a_span_tells_bounds_step_levels_thresholds_group_and_key) {
    cr_assert(shown("lo", 0) == -6 && shown("hi", 0) == 6);
    cr_assert(shown("step", 0) == 2 && shown("level", 0) == -6);
    cr_assert(shown("threshold", 0) == -5 && shown("group", 0) == 5);
    cr_assert(shown("key", 77) == 77);
}

typedef void (*backward_fn)(const estimator *, const quantizer *, const float *, const float *,
                            int64_t, const float *, uint64_t, const float *, float *);

/* Sees every group as if it were the first. */
static void broken_backward(const estimator *e, const quantizer *q, const float *x, const float *y,
                            int64_t rows, const float *meta, uint64_t key, const float *dy,
                            float *dx) {
    for (int64_t r = 0; r < rows; r++) {
        int64_t at = r * q->cols;
        estimator_backward(e, q, x + at, y + at, 1, meta, key, dy + at, dx + at);
    }
}

/* With spanste a gradient is where the clipping of its group starts: -|largest|. */
static bool every_group_has_its_span(int64_t rows, int64_t cols, backward_fn backward) {
    plugin_choice c = fixture_choice("spanste", "show", "lo");
    quant_config config = {.scheme = choose(QB_SCHEME, "int", "bits=2"),
                           .granularity = GRANULARITY_CHANNEL};
    float *x = mem_floats(rows * cols), *y = mem_floats(rows * cols), *meta = mem_floats(rows),
          *dx = mem_floats(rows * cols);
    quantizer q;
    estimator e;
    diags d;
    bool fine = true;
    diags_init(&d);
    fill_gauss(1, x, rows * cols, 1);
    cr_assert(quantizer_open(&q, &config, "w", false, rows, cols, &d) == OK &&
              estimator_open(&e, &c, &q, NULL, &d) == OK);
    cr_assert(quantizer_fake(&q, x, rows, 0, meta, y, &d) == OK);
    backward(&e, &q, x, y, rows, meta, 0, x, dx);
    for (int64_t r = 0; r < rows; r++) {
        float lo = 0;
        for (int64_t i = 0; i < cols; i++) lo = fminf(lo, -fabsf(x[r * cols + i]));
        for (int64_t i = 0; i < cols; i++) fine &= dx[r * cols + i] == lo;
    }
    estimator_close(&e);
    quantizer_close(&q);
    diags_fini(&d);
    free(x);
    free(y);
    free(meta);
    free(dx);
    return fine;
}

Test(estimator, a_gradient_comes_from_the_span_of_its_own_group) {
    const int64_t shapes[][2] = {{200, 33}, {3, 9000}}; /* rows in a tile; rows of pieces */
    for (int i = 0; i < 2; i++) {
        cr_assert(every_group_has_its_span(shapes[i][0], shapes[i][1], estimator_backward));
        cr_assert(!every_group_has_its_span(shapes[i][0], shapes[i][1], broken_backward));
    }
}

Test(estimator, identity_passes_the_gradient_on_in_place_and_out_of_place) {
    plugin_choice c = choose(QB_STE, "identity", ""), scheme = choose(QB_SCHEME, "bitnet158", "");
    quant_config config = {.scheme = scheme};
    static float x[9000], y[9000], dy[9000], dx[9000], meta;
    quantizer q;
    estimator e;
    diags d;
    diags_init(&d);
    fill_gauss(1, x, 9000, 1);
    fill_gauss(2, dy, 9000, 1);
    cr_assert(quantizer_open(&q, &config, "w", false, 9, 1000, &d) == OK &&
              estimator_open(&e, &c, &q, NULL, &d) == OK);
    cr_assert(quantizer_fake(&q, x, 9, 0, &meta, y, &d) == OK);
    estimator_backward(&e, &q, x, y, 9, &meta, 0, dy, dx);
    cr_assert(memcmp(dx, dy, sizeof dx) == 0);
    estimator_backward(&e, &q, x, y, 9, &meta, 0, dx, dx);
    cr_assert(memcmp(dx, dy, sizeof dx) == 0);
    estimator_close(&e);
    quantizer_close(&q);
    diags_fini(&d);
}
