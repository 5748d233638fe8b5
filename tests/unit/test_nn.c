#include "support/support.h"

#include "nn/gemm.h"
#include "nn/layers.h"
#include "nn/model.h"
#include "nn/optim.h"
#include "nn/ops.h"
#include "nn/schedule.h"
#include "util/hash.h"
#include "util/mem.h"
#include "util/parallel.h"

/* ---- products ---- */

enum { B = 200, I = 300, O = 270 }; /* several tiles each way, none of them full */

typedef struct matrices {
    float *x, *w, *b, *dy, *y, *dx, *dw;
} matrices;

static matrices make(void) {
    matrices m = {mem_floats(B * I), mem_floats(O * I), mem_floats(O),    mem_floats(B * O),
                  mem_floats(B * O), mem_floats(B * I), mem_floats(O * I)};
    fill_gauss(1, m.x, B * I, 1);
    fill_gauss(2, m.w, O * I, 1);
    fill_gauss(3, m.b, O, 1);
    fill_gauss(4, m.dy, B * O, 1);
    return m;
}

static void multiply(const matrices *m) {
    gemm_forward(m->y, m->x, m->w, m->b, B, I, O);
    gemm_backward_input(m->dx, m->dy, m->w, B, I, O);
    gemm_backward_weight(m->dw, m->dy, m->x, B, I, O);
}

Test(gemm, tiled_products_are_the_products) {
    matrices m = make();
    multiply(&m);
    for (int r = 0; r < B; r += 17)
        for (int o = 0; o < O; o += 13) {
            double s = m.b[o];
            for (int i = 0; i < I; i++) s += (double)m.x[r * I + i] * m.w[o * I + i];
            assert_near(m.y[r * O + o], s, 0,
                        300 * 6e-8 * 20); /* terms of size 1, their sum below 20 sigma */
        }
    for (int r = 0; r < B; r += 17)
        for (int i = 0; i < I; i += 13) {
            double s = 0;
            for (int o = 0; o < O; o++) s += (double)m.dy[r * O + o] * m.w[o * I + i];
            assert_near(m.dx[r * I + i], s, 0, 300 * 6e-8 * 20);
        }
    for (int o = 0; o < O; o += 17)
        for (int i = 0; i < I; i += 13) {
            double s = 0;
            for (int r = 0; r < B; r++) s += (double)m.dy[r * O + o] * m.x[r * I + i];
            assert_near(m.dw[o * I + i], s, 0, 300 * 6e-8 * 20);
        }
}

Test(gemm, the_bits_do_not_depend_on_the_number_of_threads) {
    char first[HASH_HEX], hex[HASH_HEX];
    for (int threads = 1; threads <= 5; threads++) {
        parallel_set_threads(threads);
        matrices m = make();
        multiply(&m);
        hasher h;
        hash_init(&h);
        hash_add(&h, m.y, B * O * sizeof(float));
        hash_add(&h, m.dx, B * I * sizeof(float));
        hash_add(&h, m.dw, O * I * sizeof(float));
        hash_end(&h, hex);
        if (threads == 1) memcpy(first, hex, sizeof hex);
        cr_assert_str_eq(hex, first, "%d threads", threads);
    }
}

/* Evaluation in batches of any size: a row's result is its own. */
static void check_rows(int64_t in, int64_t out) {
    const int64_t some[] = {5, 37, 64, 65, 200};
    float *x = mem_floats(200 * in), *w = mem_floats(out * in), *b = mem_floats(out),
          *all = mem_floats(200 * out), *y = mem_floats(200 * out);
    fill_gauss(1, x, 200 * in, 1);
    fill_gauss(2, w, out * in, 1);
    fill_gauss(3, b, out, 1);
    for (int bias = 0; bias < 2; bias++) {
        gemm_forward(all, x, w, bias ? b : NULL, 200, in, out);
        for (size_t k = 0; k < sizeof some / sizeof *some; k++) {
            gemm_forward(y, x, w, bias ? b : NULL, some[k], in, out);
            cr_assert(memcmp(y, all, (size_t)(some[k] * out) * sizeof *y) == 0,
                      "%d inputs, %d outputs, %d rows", (int)in, (int)out, (int)some[k]);
            /* the same rows again, as the end of a longer batch */
            gemm_forward(y, x + (200 - some[k]) * in, w, bias ? b : NULL, some[k], in, out);
            cr_assert(memcmp(y, all + (200 - some[k]) * out, (size_t)(some[k] * out) * sizeof *y) ==
                          0,
                      "%d inputs, %d outputs, the last %d rows", (int)in, (int)out, (int)some[k]);
        }
    }
    free(x);
    free(w);
    free(b);
    free(all);
    free(y);
}

Test(gemm, the_bits_of_a_row_do_not_depend_on_how_many_rows_there_are) {
    check_rows(784, 512);
    check_rows(512, 10);
    check_rows(300, 270);
    check_rows(7, 3);
}

Test(model, logits_of_a_sample_do_not_depend_on_the_batch) {
    const model_config c = {
        .inputs = 784, .outputs = 10, .hidden = {300}, .n_hidden = 1, .norm = true};
    layer_quant quant[2];
    for (int i = 0; i < 2; i++)
        quant[i] = (layer_quant){.weights = {.scheme = choose(QB_SCHEME, "bitnet158", "")},
                                 .activations = {.scheme = choose(QB_SCHEME, "int", ""),
                                                 .granularity = GRANULARITY_TOKEN},
                                 .ste = choose(QB_STE, "identity", "")};
    const int64_t some[] = {200, 64, 37, 5};
    int32_t label[200] = {0};
    float first[5 * 10];
    model m;
    diags d;
    diags_init(&d);
    cr_assert(model_open(&m, &c, quant, 200, 3, &d) == OK);
    fill_uniform(1, m.input->x, 200 * 784, 0, 1);
    for (int k = 0; k < 4; k++) {
        tape_pass p = {.rows = some[k]};
        double loss;
        cr_assert(model_forward(&m, &p, label, &loss, &d) == OK);
        if (k == 0) memcpy(first, m.logits->x, sizeof first);
        cr_assert(memcmp(m.logits->x, first, sizeof first) == 0, "%d rows", (int)some[k]);
    }
    model_close(&m);
    diags_fini(&d);
}

/* What a second process would do: the gradient of its shards alone, added by the
 * tree. 200 rows are the shards 0 1 2 3; the tree is (0 + 1) + (2 + 3). */
Test(gemm, a_weight_gradient_is_the_tree_sum_of_its_shards) {
    matrices m = make();
    gemm_backward_weight(m.dw, m.dy, m.x, B, I, O);
    float *part[4];
    for (int s = 0; s < 4; s++) {
        int rows = s < 3 ? 64 : B - 192;
        part[s] = mem_floats(O * I);
        gemm_backward_weight(part[s], m.dy + s * 64 * O, m.x + s * 64 * I, rows, I, O);
    }
    for (int i = 0; i < O * I; i++) {
        float tree = (part[0][i] + part[1][i]) + (part[2][i] + part[3][i]);
        cr_assert(memcmp(&tree, &m.dw[i], sizeof tree) == 0, "element %d", i);
    }
}

Test(gemm, a_loss_is_the_tree_sum_of_its_shards) {
    double each[300], part[5] = {0};
    for (int i = 0; i < 300; i++) each[i] = sin(i) * 1e3, part[i / 64] += each[i];
    double tree = ((part[0] + part[1]) + (part[2] + part[3])) + part[4];
    cr_assert(shard_sum(each, 300) == tree);
}

/* A network that has diverged must not look well again behind a ReLU. */
Test(relu, nan_and_infinity_go_through) {
    const float x[] = {NAN, -NAN, INFINITY, -INFINITY, 2, -2, 0};
    float y[7];
    relu_forward(y, x, 7);
    cr_assert(isnan(y[0]) && isnan(y[1]) && y[2] == INFINITY && y[3] == 0 && y[4] == 2);
    cr_assert(y[5] == 0 && y[6] == 0);
}

/* ---- tape ---- */

Test(tape, a_value_with_two_uses_gets_both_gradients) {
    tape t;
    diags d;
    diags_init(&d);
    tape_open(&t, 2);
    tape_value *x = tape_param(&t, "x", 2, 3, true), *w = tape_param(&t, "w", 4, 3, true);
    tape_value *r = op_relu(&t, x);            /* x is used twice: by relu ... */
    tape_value *n = op_rmsnorm(&t, x);         /* ... and by rmsnorm */
    tape_value *a = op_linear(&t, r, w, NULL); /* w is used twice as well */
    tape_value *b = op_linear(&t, n, w, NULL);
    tape_finish(&t);
    fill_uniform(1, x->x, 6, -1, 1);
    fill_uniform(2, w->x, 12, -1, 1);
    tape_pass p = {.rows = 2, .training = true};
    cr_assert(tape_forward(&t, &p, &d) == OK);
    fill_uniform(3, a->grad, 8, -1, 1);
    fill_uniform(4, b->grad, 8, -1, 1);
    tape_backward(&t, &p);
    float dr[6], dn[6], one[6], two[6], dwa[12], dwb[12], rinv[2], y[6];
    gemm_backward_input(dr, a->grad, w->x, 2, 3, 4);
    gemm_backward_input(dn, b->grad, w->x, 2, 3, 4);
    relu_backward(one, dr, r->x, 6);
    rmsnorm_forward(y, rinv, x->x, 2, 3);
    rmsnorm_backward(two, dn, y, rinv, 2, 3);
    gemm_backward_weight(dwa, a->grad, r->x, 2, 3, 4);
    gemm_backward_weight(dwb, b->grad, n->x, 2, 3, 4);
    for (int i = 0; i < 6; i++) cr_assert(x->grad[i] == one[i] + two[i]);
    for (int i = 0; i < 12; i++) cr_assert(w->grad[i] == dwa[i] + dwb[i]);
    tape_close(&t);
    diags_fini(&d);
}

Test(tape, what_depends_on_parameters_alone_is_computed_once_until_they_change) {
    tape t;
    diags d;
    quant_site site;
    plugin_choice ste = choose(QB_STE, "identity", "");
    quant_config c = {.scheme = choose(QB_SCHEME, "int", "bits=4")};
    diags_init(&d);
    cr_assert(quant_site_open(&site, &c, &ste, "w", false, 2, 2, 0, &d) == OK);
    tape_open(&t, 1);
    tape_value *w = tape_param(&t, "w", 2, 2, true), *q = op_quantize(&t, w, &site);
    tape_finish(&t);
    w->x[0] = 7;
    tape_pass p = {.rows = 1};
    cr_assert(tape_forward(&t, &p, &d) == OK && q->x[0] == 7);
    w->x[0] = 14;
    cr_assert(tape_forward(&t, &p, &d) == OK && q->x[0] == 7);
    tape_params_changed(&t);
    cr_assert(tape_forward(&t, &p, &d) == OK && q->x[0] == 14);
    tape_close(&t);
    quant_site_close(&site);
    diags_fini(&d);
}

/* ---- optimizers and schedules: vectors of methods I ---- */

static void check_optimizer(const optim_config *c, const char *key) {
    double grads[3], want[3], lr = vector_real("I_opt", "lr");
    vector_list("I_opt", "grads", grads, 3);
    vector_list("I_opt", key, want, 3);
    float w = (float)vector_real("I_opt", "theta0"), g;
    tape_value v = {.x = &w, .grad = &g, .rows = 1, .cols = 1, .decays = true}, *p = &v;
    optim o;
    optim_open(&o, c, &p, 1);
    for (int i = 0; i < 3; i++) {
        g = (float)grads[i];
        optim_step(&o, lr);
        assert_near(w, want[i], 5e-7, 0); /* a few roundings of float32 */
    }
    optim_close(&o);
}

Test(optim, momentum_matches_its_vector) {
    check_optimizer(&(optim_config){.type = OPTIM_MOMENTUM, .momentum = 0.9}, "sgd_momentum");
}

Test(optim, adamw_matches_its_vector) {
    check_optimizer(&(optim_config){.type = OPTIM_ADAMW,
                                    .beta1 = 0.9,
                                    .beta2 = 0.999,
                                    .eps = 1e-8,
                                    .weight_decay = 0.1},
                    "adamw_wd0p1");
}

Test(optim, sgd_is_momentum_zero_and_biases_do_not_decay) {
    float w = 1, g = 0.5f;
    tape_value v = {.x = &w, .grad = &g, .rows = 1, .cols = 1, .decays = false}, *p = &v;
    optim o;
    optim_open(&o, &(optim_config){.type = OPTIM_SGD, .weight_decay = 0.3}, &p, 1);
    optim_step(&o, 0.1);
    cr_assert(w == 1.0f - 0.1f * 0.5f);
    v.decays = true, w = 1;
    optim_step(&o, 0.1);
    cr_assert(w == 1.0f - 0.1f * (0.5f + 0.3f));
    optim_close(&o);
}

Test(schedule, cosine_with_warm_up_matches_its_vector) {
    double want[11];
    vector_list("I_cos", "lr_t0_to_10", want, 11);
    schedule s = {.type = SCHEDULE_COSINE, .warmup = 2, .final = vector_real("I_cos", "lr_min")};
    for (int t = 0; t <= 10; t++) assert_near(schedule_value(&s, 1, t, 10), want[t], 1e-9, 0);
    s = (schedule){.type = SCHEDULE_CONSTANT};
    cr_assert(schedule_value(&s, 0.25, 7, 10) == 0.25);
}
