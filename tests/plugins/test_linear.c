/*
 * Products of packed weights with rows of int8: exact sums, the floats behind them, what is
 * refused, and networks that are evaluated with them.
 */
#include "plugins/matrix.h"

#include "nn/gemm.h"
#include "nn/model.h"
#include "quant/linear.h"
#include "util/mem.h"
#include "util/parallel.h"

/* ---- a product of codes ---- */

typedef struct setting {
    form scheme;
    granularity granularity;
    int64_t group, rows, cols, tokens;
    const form *input;
    int32_t form; /* 0: the scheme's own */
} setting;

static const form int8 = {"int", "bits=8"}, uint8 = {"int", "bits=8 symmetric=false"},
                  int4 = {"int", "bits=4"};

static const setting settings[] = {
    {{"binary", ""}, GRANULARITY_TENSOR, 0, 37, 523, 1, &int8, 0},
    {{"binary", "center=offset"}, GRANULARITY_GROUP, 100, 50, 300, 19, &uint8, 0},
    {{"bitnet158", ""}, GRANULARITY_TENSOR, 0, 130, 1027, 1, &int8, 2},
    {{"bitnet158", ""}, GRANULARITY_CHANNEL, 0, 131, 1027, 3, &int8, LINEAR_BASE3},
    {{"ternary", ""}, GRANULARITY_GROUP, 64, 97, 321, 40, &int8, LINEAR_BASE3},
    {{"ternary", ""}, GRANULARITY_GROUP, 10, 9, 77, 5, &int4, 0},
    {{"int", "bits=2"}, GRANULARITY_CHANNEL, 0, 200, 129, 33, &int4, 0},
    {{"int", "bits=2"}, GRANULARITY_GROUP, 128, 70, 1000, 2, &uint8, 0},
    {{"int", "bits=3"}, GRANULARITY_CHANNEL, 0, 15, 2561, 17, &int8, 3},
    {{"int", "bits=4 symmetric=false"}, GRANULARITY_GROUP, 32, 101, 95, 12, &uint8, 0},
    {{"int", "bits=4"}, GRANULARITY_CHANNEL, 0, 13, 4100, 130, &int8, 0},
    {{"int", "bits=8 symmetric=false"}, GRANULARITY_CHANNEL, 0, 99, 777, 1, &uint8, 0},
    {{"int", "bits=8"}, GRANULARITY_GROUP, 7, 5, 50, 16, &int8, 0},
    {{"int", "bits=8 symmetric=false"}, GRANULARITY_TENSOR, 0, 1, 1, 1, &int8, 0},
};
enum { N_SETTINGS = sizeof settings / sizeof *settings };

static quant_config config(const form *f, granularity g, int64_t group) {
    quant_config c = config_of(f, 0, SCALE_F32);
    c.granularity = g, c.group_size = group, c.ragged_short = true;
    return c;
}

typedef struct product {
    const setting *s;
    result w, x;
    linear_matrix m;
    linear_input in;
    int8_t *ints;
    float *scale;
    int32_t *zero;
} product;

static product open_product(const setting *s, uint64_t seed) {
    product p = {.s = s};
    diags d;
    diags_init(&d);
    float *w = mem_floats(s->rows * s->cols), *x = mem_floats(s->tokens * s->cols);
    fill_gauss(seed, w, s->rows * s->cols, 0.1f);
    fill_gauss(seed + 1, x, s->tokens * s->cols, 2);
    quant_config c = config(&s->scheme, s->granularity, s->group);
    p.w = quantize_as(&c, w, s->rows, s->cols);
    c = config(s->input, GRANULARITY_TOKEN, 0);
    p.x = quantize_as(&c, x, s->tokens, s->cols);
    int32_t packed = s->form > 0 ? s->form : linear_form(p.w.q->info.n_levels);
    cr_assert(linear_refuses_input(p.x.q) == NULL);
    cr_assert(linear_open(&p.m, p.w.q, s->rows, p.w.code, p.w.meta, packed, &d) == OK);
    p.ints = mem_aligned((size_t)(s->tokens * s->cols));
    p.scale = mem_floats(s->tokens), p.zero = mem_calloc((size_t)s->tokens, sizeof *p.zero);
    linear_quantize(p.x.q, x, s->tokens, p.x.meta, p.ints, p.scale, p.zero);
    p.in = (linear_input){.x = p.ints, .n = s->tokens, .zero = p.zero, .scale = p.scale};
    free(w);
    free(x);
    diags_fini(&d);
    return p;
}

static void close_product(product *p) {
    drop(&p->w);
    drop(&p->x);
    linear_close(&p->m);
    free(p->ints);
    free(p->scale);
    free(p->zero);
}

/* The integer of a code: its level without the zero point; of binary -1, 1. */
static int64_t integer_of(const result *r, int64_t row, int64_t k) {
    const quantizer *q = r->q;
    int code = r->code[row * r->cols + k];
    if (q->kind == LEVELS_OWN) return 2 * code - 1;
    layout l = quantizer_layout(q, r->rows);
    int64_t at = q->config.granularity == GRANULARITY_TENSOR
                     ? 0
                     : row * (l.full + (l.tail > 0)) + k / l.group;
    float zero = q->zero_at >= 0 ? r->meta[at * q->info.n_meta + q->zero_at] : 0;
    return (int64_t)(q->info.levels[code] - zero);
}

Test(linear, integer_sums_are_those_of_the_codes_for_any_form_group_and_threads) {
    for (int i = 0; i < N_SETTINGS; i++) {
        const setting *s = &settings[i];
        product p = open_product(s, 10 + (uint64_t)i);
        int64_t all = s->tokens * s->rows * p.m.w.groups;
        int32_t *sums = mem_calloc((size_t)all, sizeof *sums);
        for (int threads = 1; threads <= 3; threads += 2) {
            parallel_set_threads(threads);
            memset(sums, 0x55, (size_t)all * sizeof *sums);
            linear_multiply_sums(&p.m, &p.in, sums);
            for (int64_t at = 0; at < all; at++) {
                int64_t g = at % p.m.w.groups, r = at / p.m.w.groups % s->rows,
                        t = at / p.m.w.groups / s->rows, sum = 0;
                for (int64_t k = g * p.m.w.group; k < s->cols && k < (g + 1) * p.m.w.group; k++)
                    sum += integer_of(&p.w, r, k) * integer_of(&p.x, t, k);
                cr_assert(sums[at] == sum, "%s %s: (%d, %d, %d)", s->scheme.name,
                          s->scheme.settings, (int)t, (int)r, (int)g);
            }
        }
        free(sums);
        close_product(&p);
    }
}

Test(linear, outputs_are_near_the_product_of_decoded_values_and_the_same_for_any_threads) {
    for (int i = 0; i < N_SETTINGS; i++) {
        const setting *s = &settings[i];
        product p = open_product(s, 10 + (uint64_t)i);
        float *y[3], *bias = mem_floats(s->rows);
        fill_gauss(5, bias, s->rows, 1);
        for (int k = 0; k < 3; k++) {
            y[k] = mem_floats(s->tokens * s->rows);
            parallel_set_threads(k + 1);
            linear_multiply(&p.m, &p.in, bias, y[k]);
            cr_assert(memcmp(y[k], y[0], (size_t)(s->tokens * s->rows) * sizeof **y) == 0);
        }
        for (int64_t t = 0; t < s->tokens; t++)
            for (int64_t r = 0; r < s->rows; r++) {
                double sum = bias[r], size = fabs(sum);
                for (int64_t k = 0; k < s->cols; k++) {
                    double term = (double)p.w.y[r * s->cols + k] * p.x.y[t * s->cols + k];
                    sum += term, size += fabs(term);
                }
                /* some roundings to float of numbers that are at most `size` */
                assert_near(y[0][t * s->rows + r], sum, 0, 1e-6 * size);
            }
        for (int k = 0; k < 3; k++) free(y[k]);
        free(bias);
        close_product(&p);
    }
}

/* ---- limits ---- */

static const char *refusal(const form *f, granularity g, int64_t group, int64_t cols, bool input) {
    quantizer q;
    diags d;
    diags_init(&d);
    quant_config c = config(f, g, group);
    cr_assert(quantizer_open(&q, &c, "w", input, 1, cols, &d) == OK);
    const char *why = input ? linear_refuses_input(&q) : linear_refuses_weights(&q);
    quantizer_close(&q);
    diags_fini(&d);
    return why;
}

Test(linear, sums_that_could_pass_int32_are_refused) {
    const form nf4 = {"nf4", ""}, ternary = {"ternary", ""};
    /* 33025 * 255 * 255 is the last below 2^31 */
    cr_assert(refusal(&uint8, GRANULARITY_CHANNEL, 0, 33025, false) == NULL);
    const char *why = refusal(&uint8, GRANULARITY_CHANNEL, 0, 33026, false);
    cr_assert(why != NULL && strstr(why, "2^31") != NULL);
    cr_assert(refusal(&uint8, GRANULARITY_GROUP, 128, 33026, false) == NULL);
    cr_assert(refusal(&ternary, GRANULARITY_CHANNEL, 0, LINEAR_MAX_COLS, false) == NULL);
    cr_assert(refusal(&ternary, GRANULARITY_CHANNEL, 0, LINEAR_MAX_COLS + 1, false) != NULL);
    cr_assert(refusal(&nf4, GRANULARITY_CHANNEL, 0, 10, false) != NULL);
    cr_assert(refusal(&nf4, GRANULARITY_TOKEN, 0, 10, true) != NULL);
    cr_assert(refusal(&int8, GRANULARITY_GROUP, 5, 10, true) != NULL);
    cr_assert(refusal(&int8, GRANULARITY_TENSOR, 0, 10, true) == NULL);
}

/* The largest sums that are admitted, with the largest of every number; those of int8 pass
 * int32 as long as they are sums of codes, 0..254 for -127..127. */
static void check_largest(const form *f, int64_t cols, int32_t value) {
    uint8_t *code = mem_aligned((size_t)cols);
    int8_t *x = mem_aligned((size_t)cols * 13);
    const float meta[] = {1, 0};
    int32_t zero[13], sums[13];
    quantizer q;
    diags d;
    diags_init(&d);
    quant_config c = config(f, GRANULARITY_CHANNEL, 0);
    cr_assert(quantizer_open(&q, &c, "w", false, 1, cols, &d) == OK);
    memset(code, q.info.n_levels - 1, (size_t)cols);
    memset(x, 127, (size_t)cols * 13);
    for (int t = 0; t < 13; t++) zero[t] = -128;
    linear_matrix m;
    cr_assert(linear_open(&m, &q, 1, code, meta, 8, &d) == OK);
    for (int64_t n = 1; n <= 13; n += 12) {
        linear_multiply_sums(&m, &(linear_input){.x = x, .n = n, .zero = zero}, sums);
        for (int64_t t = 0; t < n; t++) cr_assert(sums[t] == value * 255 * (int32_t)cols);
    }
    linear_close(&m);
    cr_assert(linear_open(&m, &q, 1, code, meta, 4, &d) == ERR_INPUT);
    cr_assert_str_eq(d.list[0].message, "w: it cannot be multiplied as integers: it has more "
                                        "levels than its packed form");
    quantizer_close(&q);
    diags_fini(&d);
    free(code);
    free(x);
}

Test(linear, the_largest_sums_are_exact) {
    for (int i = 0; simd_level_name(i) != NULL; i++) {
        if (simd_level(i, simd_features()) == NULL) continue;
        diags d;
        diags_init(&d);
        cr_assert(simd_force("--simd", simd_level_name(i), &d) == OK);
        check_largest(&uint8, 33025, 255);
        check_largest(&int8, 66311, 127);
        diags_fini(&d);
    }
}

/* ---- networks ---- */

static layer_quant some_quant(const char *scheme, const char *params, granularity g) {
    layer_quant q = {.weights = {.scheme = choose(QB_SCHEME, scheme, params), .granularity = g},
                     .activations = {.scheme = choose(QB_SCHEME, "int", ""),
                                     .granularity = GRANULARITY_TOKEN},
                     .ste = choose(QB_STE, "identity", "")};
    q.weights.group_size = g == GRANULARITY_GROUP ? 100 : 0, q.weights.ragged_short = true;
    return q;
}

/* What the first layer does with decoded values: a float product. */
static double distance_to_floats(const model *m, int64_t rows, int *differing) {
    const tape_node *n = m->t.nodes[m->layers[0].node];
    int64_t out = n->out->cols;
    float *y = mem_floats(rows * out);
    double largest = 0, distance = 0;
    gemm_forward(y, n->in[0]->x, n->in[1]->x, n->in[2]->x, rows, n->in[0]->cols, out);
    for (int64_t i = 0; i < rows * out; i++) {
        largest = fmax(largest, fabs((double)y[i]));
        distance = fmax(distance, fabs((double)y[i] - (double)n->out->x[i]));
        *differing += y[i] != n->out->x[i];
    }
    free(y);
    return distance / largest;
}

Test(linear, a_network_is_evaluated_with_integers_and_trained_with_floats) {
    const model_config c = {.inputs = 784, .outputs = 70, .norm = true, .bias = true};
    const layer_quant quants[] = {some_quant("bitnet158", "", GRANULARITY_TENSOR),
                                  some_quant("ternary", "", GRANULARITY_GROUP),
                                  some_quant("binary", "center=offset", GRANULARITY_CHANNEL),
                                  some_quant("int", "bits=4 symmetric=false", GRANULARITY_GROUP),
                                  some_quant("int", "bits=8", GRANULARITY_CHANNEL),
                                  some_quant("nf4", "", GRANULARITY_GROUP)};
    for (int i = 0; i < 6; i++) {
        model m;
        diags d;
        int32_t label[40] = {0};
        int differing = 0;
        double loss;
        diags_init(&d);
        cr_assert(model_open(&m, &c, &quants[i], 40, 3, &d) == OK);
        fill_uniform(1, m.input->x, 40 * 784, 0, 1);
        tape_pass train = {.rows = 40, .training = true, .seed = 1};
        cr_assert(model_forward(&m, &train, label, &loss, &d) == OK);
        cr_assert(m.layers[0].integers.products == 0);
        cr_assert(distance_to_floats(&m, 40, &differing) == 0);
        tape_params_changed(&m.t);
        cr_assert(model_forward(&m, &(tape_pass){.rows = 40}, label, &loss, &d) == OK);
        double distance = distance_to_floats(&m, 40, &differing);
        if (i < 5)
            cr_assert(m.layers[0].integers.products == 1 && distance <= 1e-5 && differing > 0,
                      "%d: %g, %d differ", i, distance, differing);
        else
            cr_assert(m.layers[0].integers.input == NULL && distance == 0);
        model_close(&m);
        diags_fini(&d);
    }
}
