/*
 * Every backward function against central differences of a float64 forward pass
 * that is written here from the formulas, and for every one a broken twin that the
 * same comparison must catch.
 */
#include "support/support.h"

#include "nn/gemm.h"
#include "nn/layers.h"
#include "nn/model.h"
#include "util/mem.h"

/* Sizes: more than two micro-shards of rows, odd everywhere. */
enum { B = 131, I = 7, O = 5, C = 9, K = 4 };

/* ---- comparison ---- */

typedef double (*loss_fn)(const double *in);

static double *derivative(loss_fn loss, const float *at, int n) {
    double *in = calloc((size_t)n, sizeof *in), *d = calloc((size_t)n, sizeof *d);
    const double h = 1e-5;
    for (int i = 0; i < n; i++) in[i] = at[i];
    for (int i = 0; i < n; i++) {
        in[i] = at[i] + h;
        double above = loss(in);
        in[i] = at[i] - h;
        d[i] = (above - loss(in)) / (2 * h);
        in[i] = at[i];
    }
    free(in);
    return d;
}

/* float32 sums of up to 131 terms of size 1 are within 131 * 2^-24 = 8e-6; the
 * central difference is within 1e-8. */
static bool agrees(const float *got, const double *want, int n) {
    double size = 0;
    for (int i = 0; i < n; i++) size = fmax(size, fabs(want[i]));
    for (int i = 0; i < n; i++)
        if (!(fabs(got[i] - want[i]) <= 2e-5 * size + 1e-7)) return false;
    return true;
}

/* ---- data of the cases: the loss is a fixed weighting of the outputs ---- */

static float x[B * C], w[O * I], bias[O], dy[B * C];
static int32_t label[B];

static void draw(void) {
    fill_uniform(1, x, B * C, -1, 1);
    fill_uniform(2, w, O * I, -1, 1);
    fill_uniform(3, bias, O, -1, 1);
    fill_uniform(4, dy, B * C, -1, 1);
    for (int i = 0; i < B; i++) label[i] = i * 7 % K;
}

/* ---- linear ---- */

static double linear(const double *px, const double *pw, const double *pb) {
    double loss = 0;
    for (int r = 0; r < B; r++)
        for (int o = 0; o < O; o++) {
            double y = pb != NULL ? pb[o] : (double)bias[o];
            for (int i = 0; i < I; i++)
                y += (px != NULL ? px[r * I + i] : (double)x[r * I + i]) *
                     (pw != NULL ? pw[o * I + i] : (double)w[o * I + i]);
            loss += y * dy[r * O + o];
        }
    return loss;
}

static double linear_of_input(const double *in) { return linear(in, NULL, NULL); }
static double linear_of_weight(const double *in) { return linear(NULL, in, NULL); }
static double linear_of_bias(const double *in) { return linear(NULL, NULL, in); }

typedef void (*linear_input_fn)(float *, const float *, const float *, int64_t, int64_t, int64_t);

static void broken_input(float *dx, const float *g, const float *pw, int64_t b, int64_t in,
                         int64_t out) {
    gemm_backward_input(dx, g, pw, b, in, out);
    for (int64_t i = 0; i < in; i++) dx[(b - 1) * in + i] = 0; /* forgets the short last tile */
}

static void broken_weight(float *dw, const float *g, const float *px, int64_t b, int64_t in,
                          int64_t out) {
    gemm_backward_weight(dw, g, px, b - b % 64, in, out); /* forgets the short last shard */
}

static void check_linear(loss_fn loss, const float *at, int n, linear_input_fn backward,
                         const float *second, bool fine) {
    float got[B * C];
    double *want = derivative(loss, at, n);
    backward(got, dy, second, B, I, O);
    cr_assert(agrees(got, want, n) == fine);
    free(want);
}

Test(gradients, linear_input, .init = draw) {
    check_linear(linear_of_input, x, B * I, gemm_backward_input, w, true);
    check_linear(linear_of_input, x, B * I, broken_input, w, false);
}

Test(gradients, linear_weight, .init = draw) {
    check_linear(linear_of_weight, w, O * I, gemm_backward_weight, x, true);
    check_linear(linear_of_weight, w, O * I, broken_weight, x, false);
}

static void broken_bias(float *db, const float *g, int64_t b, int64_t out) {
    bias_backward(db, g, b, out);
    for (int64_t o = 0; o < out; o++) db[o] /= (float)b; /* a mean for a sum */
}

Test(gradients, linear_bias, .init = draw) {
    float got[O];
    double *want = derivative(linear_of_bias, bias, O);
    bias_backward(got, dy, B, O);
    cr_assert(agrees(got, want, O));
    broken_bias(got, dy, B, O);
    cr_assert(!agrees(got, want, O));
    free(want);
}

/* ---- RMSNorm ---- */

static double rmsnorm(const double *in) {
    double loss = 0;
    for (int r = 0; r < B; r++) {
        double square = 0;
        for (int c = 0; c < C; c++) square += in[r * C + c] * in[r * C + c];
        double scale = 1 / sqrt(square / C + 1e-5);
        for (int c = 0; c < C; c++) loss += in[r * C + c] * scale * dy[r * C + c];
    }
    return loss;
}

typedef void (*rmsnorm_fn)(float *, const float *, const float *, const float *, int64_t, int64_t);

static void broken_rmsnorm(float *dx, const float *g, const float *y, const float *rinv, int64_t b,
                           int64_t c) {
    (void)y; /* takes the scale for a constant */
    for (int64_t i = 0; i < b * c; i++) dx[i] = g[i] * rinv[i / c];
}

static bool rmsnorm_agrees(rmsnorm_fn backward) {
    float y[B * C], rinv[B], got[B * C];
    double *want = derivative(rmsnorm, x, B * C);
    rmsnorm_forward(y, rinv, x, B, C);
    backward(got, dy, y, rinv, B, C);
    bool fine = agrees(got, want, B * C);
    free(want);
    return fine;
}

Test(gradients, rmsnorm, .init = draw) {
    cr_assert(rmsnorm_agrees(rmsnorm_backward));
    cr_assert(!rmsnorm_agrees(broken_rmsnorm));
}

/* ---- ReLU ---- */

static double relu(const double *in) {
    double loss = 0;
    for (int i = 0; i < B * C; i++) loss += (in[i] > 0 ? in[i] : 0) * dy[i];
    return loss;
}

static void broken_relu(float *dx, const float *g, const float *y, int64_t n) {
    for (int64_t i = 0; i < n; i++) dx[i] = y[i] >= 0 ? g[i] : 0; /* y is never below 0 */
}

static bool relu_agrees(void (*backward)(float *, const float *, const float *, int64_t)) {
    float y[B * C], got[B * C];
    double *want = derivative(relu, x, B * C);
    relu_forward(y, x, B * C);
    backward(got, dy, y, B * C);
    bool fine = agrees(got, want, B * C);
    free(want);
    return fine;
}

Test(gradients, relu, .init = draw) {
    cr_assert(relu_agrees(relu_backward));
    cr_assert(!relu_agrees(broken_relu));
}

/* ---- softmax and cross-entropy ---- */

static double row_loss(const double *z, int k) {
    double sum = 0;
    for (int c = 0; c < K; c++) sum += exp(z[c]);
    return log(sum) - z[k];
}

static double cross_entropy(const double *in) {
    double loss = 0;
    for (int r = 0; r < B; r++) loss += row_loss(in + r * K, label[r]);
    return loss / B;
}

static void broken_cross_entropy(float *dz, const float *prob, const int32_t *k, int64_t b,
                                 int64_t classes) {
    softmax_cross_entropy_backward(dz, prob, k, b, classes);
    for (int64_t i = 0; i < b * classes; i++) dz[i] *= (float)b; /* of the sum, not of the mean */
}

static bool cross_entropy_agrees(void (*backward)(float *, const float *, const int32_t *, int64_t,
                                                  int64_t)) {
    float prob[B * K], got[B * K];
    double loss[B], *want = derivative(cross_entropy, x, B * K), in[B * K];
    for (int i = 0; i < B * K; i++) in[i] = x[i];
    softmax_cross_entropy_forward(prob, loss, x, label, B, K);
    for (int r = 0; r < B; r++) assert_near(loss[r], row_loss(in + r * K, label[r]), 1e-6, 1e-6);
    backward(got, prob, label, B, K);
    bool fine = agrees(got, want, B * K);
    free(want);
    return fine;
}

Test(gradients, softmax_cross_entropy, .init = draw) {
    cr_assert(cross_entropy_agrees(softmax_cross_entropy_backward));
    cr_assert(!cross_entropy_agrees(broken_cross_entropy));
}

Test(gradients, cross_entropy_of_huge_logits_stays_finite) {
    float z[] = {1e4f, -1e4f, 0, 3e4f}, prob[4];
    double loss;
    const int32_t k = 1;
    softmax_cross_entropy_forward(prob, &loss, z, &k, 1, 4);
    assert_near(loss, 4e4, 1e-6, 0);
    cr_assert(prob[3] == 1 && prob[0] == 0);
}

/* ---- a whole network through the tape ---- */

enum {
    N_IN = 6,
    N_HIDDEN = 5,
    N_OUT = 3,
    N_PARAMS = N_HIDDEN * N_IN + N_HIDDEN + N_OUT * N_HIDDEN + N_OUT
};

static double network(const double *p) { /* w1, b1, w2, b2 */
    double loss = 0;
    for (int r = 0; r < B; r++) {
        double in[N_IN], hidden[N_HIDDEN], z[N_OUT], square = 0;
        for (int i = 0; i < N_IN; i++) square += (double)x[r * N_IN + i] * x[r * N_IN + i];
        for (int i = 0; i < N_IN; i++) in[i] = x[r * N_IN + i] / sqrt(square / N_IN + 1e-5);
        const double *q = p;
        for (int h = 0; h < N_HIDDEN; h++) {
            double y = p[N_HIDDEN * N_IN + h];
            for (int i = 0; i < N_IN; i++) y += q[h * N_IN + i] * in[i];
            hidden[h] = y > 0 ? y : 0;
        }
        q = p + N_HIDDEN * N_IN + N_HIDDEN;
        square = 0;
        for (int h = 0; h < N_HIDDEN; h++) square += hidden[h] * hidden[h];
        for (int h = 0; h < N_HIDDEN; h++) hidden[h] /= sqrt(square / N_HIDDEN + 1e-5);
        for (int o = 0; o < N_OUT; o++) {
            z[o] = q[N_OUT * N_HIDDEN + o];
            for (int h = 0; h < N_HIDDEN; h++) z[o] += q[o * N_HIDDEN + h] * hidden[h];
        }
        double sum = 0;
        for (int o = 0; o < N_OUT; o++) sum += exp(z[o]);
        loss += log(sum) - z[label[r] % N_OUT];
    }
    return loss / B;
}

Test(gradients, a_network_through_the_tape, .init = draw) {
    const model_config c = {.inputs = N_IN,
                            .outputs = N_OUT,
                            .hidden = {N_HIDDEN},
                            .n_hidden = 1,
                            .norm = true,
                            .bias = true};
    layer_quant quant[2] = {{.weights = {.granularity = GRANULARITY_OWN}}};
    model m;
    diags d;
    diags_init(&d);
    cr_assert(model_open(&m, &c, quant, B, 3, &d) == OK);
    tape_value *params[2 * MODEL_MAX_LAYERS];
    cr_assert(model_params(&m, params) == 4);
    float at[N_PARAMS], *fill = at;
    for (int i = 0; i < 4; i++)
        for (int64_t k = 0; k < params[i]->rows * params[i]->cols; k++) *fill++ = params[i]->x[k];
    int32_t k[B];
    for (int r = 0; r < B; r++) k[r] = label[r] % N_OUT;
    memcpy(m.input->x, x, B * N_IN * sizeof *x);
    tape_pass p = {.rows = B, .training = true};
    double sum;
    cr_assert(model_forward(&m, &p, k, &sum, &d) == OK);
    model_backward(&m, &p, k);
    double *want = derivative(network, at, N_PARAMS), in[N_PARAMS];
    for (int i = 0; i < N_PARAMS; i++) in[i] = at[i];
    assert_near(sum / B, network(in), 1e-6, 0);
    float got[N_PARAMS];
    fill = got;
    for (int i = 0; i < 4; i++)
        for (int64_t j = 0; j < params[i]->rows * params[i]->cols; j++)
            *fill++ = params[i]->grad[j];
    cr_assert(agrees(got, want, N_PARAMS));
    got[3] = -got[3];
    cr_assert(!agrees(got, want, N_PARAMS));
    free(want);
    model_close(&m);
    diags_fini(&d);
}

/* ---- a value with several uses: the tape adds their gradients ---- */

enum { USE_ROWS = 3, USE_COLS = 4 };

/* x is used by relu, by rmsnorm and as a matrix: (relu x + rmsnorm x) x^T, weighted. */
static double several_uses(const double *in) {
    double loss = 0;
    for (int r = 0; r < USE_ROWS; r++) {
        double square = 0;
        const double *row = in + r * USE_COLS;
        for (int c = 0; c < USE_COLS; c++) square += row[c] * row[c];
        double rinv = 1 / sqrt(square / USE_COLS + 1e-5);
        for (int o = 0; o < USE_ROWS; o++)
            for (int c = 0; c < USE_COLS; c++) {
                double a = (row[c] > 0 ? row[c] : 0) * in[o * USE_COLS + c];
                double b = row[c] * rinv * in[o * USE_COLS + c];
                loss += a * dy[r * USE_ROWS + o] + b * dy[9 + r * USE_ROWS + o];
            }
    }
    return loss;
}

typedef void (*tape_backward_fn)(tape *, const tape_pass *);

/* Each use writes where it should add. */
static void broken_tape_backward(tape *t, const tape_pass *p) {
    for (int i = t->n_nodes - 1; i >= 0; i--) {
        tape_node *n = t->nodes[i];
        float *din[TAPE_MAX_INPUTS] = {NULL};
        for (int k = 0; k < TAPE_MAX_INPUTS; k++)
            if (n->in[k] != NULL && n->in[k]->wants_grad) din[k] = n->in[k]->grad;
        n->op->backward(n, p, din);
    }
}

static bool several_uses_agree(tape_backward_fn backward) {
    tape t;
    diags d;
    diags_init(&d);
    tape_open(&t, USE_ROWS);
    tape_value *v = tape_param(&t, "x", USE_ROWS, USE_COLS, true);
    tape_value *a = op_linear(&t, op_relu(&t, v), v, NULL);
    tape_value *b = op_linear(&t, op_rmsnorm(&t, v), v, NULL);
    tape_finish(&t);
    memcpy(v->x, x, USE_ROWS * USE_COLS * sizeof *x);
    tape_pass p = {.rows = USE_ROWS, .training = true};
    cr_assert(tape_forward(&t, &p, &d) == OK);
    memcpy(a->grad, dy, 9 * sizeof *dy);
    memcpy(b->grad, dy + 9, 9 * sizeof *dy);
    backward(&t, &p);
    double *want = derivative(several_uses, x, USE_ROWS * USE_COLS);
    bool fine = agrees(v->grad, want, USE_ROWS * USE_COLS);
    free(want);
    tape_close(&t);
    diags_fini(&d);
    return fine;
}

Test(gradients, a_value_with_several_uses, .init = draw) {
    cr_assert(several_uses_agree(tape_backward));
    cr_assert(!several_uses_agree(broken_tape_backward));
}

/* ---- straight-through: the worked BitLinear of methods E.13 ---- */

/* Takes the gradient of the value for that of the code. */
static void broken_quantize_backward(tape_node *n, const tape_pass *p,
                                     float *const din[TAPE_MAX_INPUTS]) {
    const quant_site *s = n->state;
    int64_t count = value_rows(n->out, p) * n->out->cols;
    for (int64_t i = 0; i < count; i++) din[0][i] = n->out->grad[i] * s->meta[0];
}

/* Puts a broken twin in the place of the quantizers' operation. */
static void break_quantizers(tape *t, tape_op *twin) {
    for (int i = 0; i < t->n_nodes; i++) {
        if (!t->nodes[i]->op->quantizes) continue;
        *twin = *t->nodes[i]->op;
        twin->backward = broken_quantize_backward;
        t->nodes[i]->op = twin;
    }
}

static bool all_near(const float *got, const double *want, int n) {
    for (int i = 0; i < n; i++)
        if (!near(got[i], want[i], 1e-5, 1e-6)) return false;
    return true;
}

static bool bitlinear_agrees(bool broken) {
    double X[8], W[12], T[6], Y[6], dW[12], dX[8];
    vector_list("E_bitlinear", "X", X, 8);
    vector_list("E_bitlinear", "W", W, 12);
    vector_list("E_bitlinear", "T", T, 6);
    vector_list("E_bitlinear", "Y", Y, 6);
    vector_list("E_bitlinear", "dW", dW, 12);
    vector_list("E_bitlinear", "dX", dX, 8);
    diags d;
    tape t;
    quant_site weights, input;
    plugin_choice ste = choose(QB_STE, "identity", "");
    quant_config qw = {.scheme = choose(QB_SCHEME, "bitnet158", "")};
    quant_config qx = {.scheme = choose(QB_SCHEME, "int", "bits=8"),
                       .granularity = GRANULARITY_TOKEN};
    diags_init(&d);
    cr_assert(quant_site_open(&weights, &qw, &ste, "w", false, 3, 4, 0, &d) == OK);
    cr_assert(quant_site_open(&input, &qx, &ste, "x", true, 2, 4, 1, &d) == OK);
    tape_open(&t, 2);
    tape_value *px = tape_param(&t, "x", 2, 4, false), *pw = tape_param(&t, "w", 3, 4, true);
    tape_value *y = op_linear(&t, op_quantize(&t, px, &input), op_quantize(&t, pw, &weights), NULL);
    tape_op twin;
    if (broken) break_quantizers(&t, &twin);
    tape_finish(&t);
    for (int i = 0; i < 8; i++) px->x[i] = (float)X[i];
    for (int i = 0; i < 12; i++) pw->x[i] = (float)W[i];
    tape_pass p = {.rows = 2, .training = true};
    cr_assert(tape_forward(&t, &p, &d) == OK);
    for (int i = 0; i < 6; i++) {
        assert_near(y->x[i], Y[i], 1e-6, 1e-7);
        y->grad[i] = (float)(y->x[i] - T[i]);
    }
    tape_backward(&t, &p);
    bool fine = all_near(pw->grad, dW, 12) && all_near(px->grad, dX, 8);
    tape_close(&t);
    quant_site_close(&weights);
    quant_site_close(&input);
    diags_fini(&d);
    return fine;
}

Test(gradients, bitlinear_forward_and_backward_match_the_worked_vector) {
    cr_assert(bitlinear_agrees(false));
    cr_assert(!bitlinear_agrees(true));
}
