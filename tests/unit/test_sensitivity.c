/*
 * Sensitivity against its definitions: a network of two layers in plain loops.
 */
#include "support/support.h"

#include "plan/plan.h"
#include "report/sensitivity_rank.h"
#include "run/sensitivity.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/parallel.h"

enum { SAMPLES = 300, IN = GLYPH_PIXELS, HIDDEN = 12, CLASSES = GLYPH_CLASSES };

/* ---- a study ---- */

typedef struct fixture {
    spec s;
    plan p;
    model m; /* with drawn weights */
    dataset_catalog data;
    dataset test;
    diags d;
} fixture;

/* In place: the plan keeps the address of the spec. */
static void make(fixture *f, const char *settings) {
    const layer_quant none[MODEL_MAX_LAYERS] = {0};
    char *text =
        str_format("version: 1\nkind: qat\nname: t\ndata: {train: {format: glyphs, n: 10}, "
                   "test: {format: glyphs, n: 350}}\nmodel: {type: mlp, hidden: [%d]}\n"
                   "sensitivity: {samples: %d, candidates: [{scheme: int, bits: [2, 3]}], "
                   "%s}\n",
                   HIDDEN, SAMPLES, settings);
    diags_init(&f->d);
    log_set_level(LOG_QUIET);
    f->data = (dataset_catalog){0};
    status bad = spec_read_text(&f->s, "t.yaml", text, &f->d);
    if (!bad) bad = spec_check(&f->s, plugins(), &f->d);
    if (!bad) bad = plan_build(&f->p, &f->s, plugins(), &f->data, &f->d);
    if (!bad) bad = dataset_load(&f->p.test, &f->d, &f->test);
    if (!bad) bad = model_open(&f->m, &f->p.model, none, 256, 4, &f->d);
    assert_fine(&f->d);
    cr_assert(bad == OK);
    for (int i = 0; i < HIDDEN * IN; i++)
        f->m.layers[0].weight->x[i] *= 3; /* predictions with an opinion */
    for (int i = 0; i < CLASSES * HIDDEN; i++) f->m.layers[1].weight->x[i] *= 3;
    free(text);
}

static void drop(fixture *f) {
    model_close(&f->m);
    dataset_free(&f->test);
    plan_close(&f->p);
    dataset_catalog_fini(&f->data);
    spec_close(&f->s);
    diags_fini(&f->d);
}

/* ---- the same in plain loops ---- */

/* What is quantized, with candidate `k`: bit i for layer i. */
typedef struct network {
    int k;
    unsigned weights, inputs;
} network;

typedef struct outputs {
    double y[2][SAMPLES * HIDDEN]; /* of the layers; CLASSES < HIDDEN */
    double loss[SAMPLES], log_prob[SAMPLES * CLASSES];
    bool right[SAMPLES];
} outputs;

static void quantize(fixture *f, int k, int site, const float *x, int64_t rows, int64_t cols,
                     float *y) {
    quantizer q;
    cr_assert(quantizer_open(&q, &f->p.sensitivity.candidates[k].config[site], "t", site == 1, rows,
                             cols, &f->d) == OK);
    float *meta = mem_floats(quantizer_groups(&q, rows) * q.info.n_meta + 1);
    cr_assert(quantizer_fake(&q, x, rows, 0, meta, y, &f->d) == OK);
    quantizer_close(&q);
    free(meta);
}

static void layer(fixture *f, const network *n, int i, const float *x, double *y) {
    const model_layer *l = &f->m.layers[i];
    int64_t in = l->desc.in, out = l->desc.out;
    float *w = mem_floats(out * in), *a = mem_floats(SAMPLES * in);
    memcpy(w, l->weight->x, (size_t)(out * in) * sizeof *w);
    memcpy(a, x, (size_t)(SAMPLES * in) * sizeof *a);
    if (n->weights & 1u << i) quantize(f, n->k, 0, l->weight->x, out, in, w);
    if (n->inputs & 1u << i) quantize(f, n->k, 1, x, SAMPLES, in, a);
    for (int64_t s = 0; s < SAMPLES; s++)
        for (int64_t o = 0; o < out; o++) {
            double sum = l->bias->x[o];
            for (int64_t c = 0; c < in; c++) sum += (double)a[s * in + c] * w[o * in + c];
            y[s * out + o] = sum;
        }
    free(w);
    free(a);
}

static outputs *run_plainly(fixture *f, network n) {
    outputs *r = mem_calloc(1, sizeof *r);
    float *hidden = mem_floats(SAMPLES * HIDDEN);
    layer(f, &n, 0, f->test.x, r->y[0]);
    for (int i = 0; i < SAMPLES * HIDDEN; i++) hidden[i] = r->y[0][i] > 0 ? (float)r->y[0][i] : 0;
    layer(f, &n, 1, hidden, r->y[1]);
    for (int s = 0; s < SAMPLES; s++) {
        const double *z = r->y[1] + s * CLASSES;
        double sum = 0;
        int best = 0;
        for (int k = 0; k < CLASSES; k++) sum += exp(z[k]), best = z[k] > z[best] ? k : best;
        for (int k = 0; k < CLASSES; k++) r->log_prob[s * CLASSES + k] = z[k] - log(sum);
        r->loss[s] = -r->log_prob[s * CLASSES + f->test.y[s]];
        r->right[s] = best == f->test.y[s];
    }
    free(hidden);
    return r;
}

static double mean_of(const double *x, double *standard_error) {
    double mean = 0, squares = 0;
    for (int i = 0; i < SAMPLES; i++) mean += x[i] / SAMPLES;
    for (int i = 0; i < SAMPLES; i++) squares += (x[i] - mean) * (x[i] - mean);
    *standard_error = sqrt(squares / (SAMPLES - 1) / SAMPLES);
    return mean;
}

/* The scores of layer i, from the network where it is float and that where it is not. */
static sensitivity_cell score_plainly(const outputs *f, const outputs *q, int i) {
    sensitivity_cell c;
    double loss[SAMPLES], right[SAMPLES], kl[SAMPLES], signal = 0, noise = 0;
    int cols = i == 0 ? HIDDEN : CLASSES;
    for (int k = 0; k < SAMPLES * cols; k++) {
        signal += f->y[i][k] * f->y[i][k];
        noise += (f->y[i][k] - q->y[i][k]) * (f->y[i][k] - q->y[i][k]);
    }
    for (int s = 0; s < SAMPLES; s++) {
        loss[s] = q->loss[s] - f->loss[s];
        right[s] = q->right[s] - f->right[s];
        kl[s] = 0;
        for (int k = s * CLASSES; k < (s + 1) * CLASSES; k++)
            kl[s] += exp(f->log_prob[k]) * (f->log_prob[k] - q->log_prob[k]);
    }
    c.score[SCORE_SQNR_OUT] = 10 * log10(signal / noise);
    c.score[SCORE_KL_LOGITS] = mean_of(kl, &c.standard_error[SCORE_KL_LOGITS]);
    c.score[SCORE_LOSS_DELTA] = mean_of(loss, &c.standard_error[SCORE_LOSS_DELTA]);
    c.score[SCORE_ACCURACY_DELTA] = mean_of(right, &c.standard_error[SCORE_ACCURACY_DELTA]);
    return c;
}

/* float32 products against double: 1e-4 of the score and 1e-6. */
static void assert_scores(const sensitivity_cell *ours, const sensitivity_cell *plain) {
    for (int k = 0; k < SCORES; k++) {
        assert_near(ours->score[k], plain->score[k], 1e-4, 1e-6);
        if (k == SCORE_SQNR_OUT)
            cr_assert(isnan(ours->standard_error[k]));
        else
            assert_near(ours->standard_error[k], plain->standard_error[k], 1e-3, 1e-6);
    }
}

static network network_of(int site, int k, unsigned layers) {
    return site == 0 ? (network){k, layers, 0} : (network){k, 0, layers};
}

static void compare_all(fixture *f, bool in) {
    sensitivity s;
    cr_assert(sensitivity_measure(&s, &f->p, &f->m, &f->test, &f->d) == OK);
    for (int site = 0; site < 2; site++)
        for (int k = 0; k < 2; k++)
            for (int i = 0; i < 2; i++) {
                unsigned others = in ? 0 : 3u & ~(1u << i);
                outputs *a = run_plainly(f, network_of(site, k, others));
                outputs *b = run_plainly(f, network_of(site, k, others | 1u << i));
                sensitivity_cell plain = score_plainly(a, b, i);
                assert_scores(sensitivity_at(&s, site, k, i), &plain);
                free(a);
                free(b);
            }
    sensitivity_free(&s);
}

Test(sensitivity, leave_one_in_is_its_definition) {
    fixture f;
    make(&f, "sites: [weights, activations], mode: leave_one_in");
    compare_all(&f, true);
    drop(&f);
}

Test(sensitivity, leave_one_out_is_its_definition) {
    fixture f;
    make(&f, "sites: [activations, weights], mode: leave_one_out");
    compare_all(&f, false);
    drop(&f);
}

Test(sensitivity, results_do_not_depend_on_threads) {
    fixture f;
    make(&f, "sites: [weights, activations]");
    sensitivity one, three;
    parallel_set_threads(1);
    cr_assert(sensitivity_measure(&one, &f.p, &f.m, &f.test, &f.d) == OK);
    parallel_set_threads(3);
    cr_assert(sensitivity_measure(&three, &f.p, &f.m, &f.test, &f.d) == OK);
    cr_assert(memcmp(one.cells, three.cells, 8 * sizeof *one.cells) == 0);
    sensitivity_free(&one);
    sensitivity_free(&three);
    drop(&f);
}

Test(sensitivity, only_what_was_chosen_is_measured) {
    fixture f;
    make(&f, "layers: last, metrics: [loss_delta]");
    sensitivity s;
    const plan_sensitivity *c = &f.p.sensitivity;
    cr_assert(c->n == 2 && c->samples == SAMPLES && !c->layer[0] && c->layer[1]);
    cr_assert_str_eq(c->candidates[1].label, "int bits=3");
    cr_assert(c->candidates[1].nominal_bits == log2(7));
    cr_assert(sensitivity_measure(&s, &f.p, &f.m, &f.test, &f.d) == OK);
    const sensitivity_cell *cell = sensitivity_at(&s, 0, 1, 1);
    cr_assert(isfinite(cell->score[SCORE_LOSS_DELTA]) && isnan(cell->score[SCORE_KL_LOGITS]));
    sensitivity_free(&s);
    drop(&f);
}

/* ---- what makes it the same run ---- */

static void config_key(const char *settings, char key[HASH_HEX]) {
    fixture f;
    make(&f, settings);
    memcpy(key, f.p.config_key, HASH_HEX);
    drop(&f);
}

Test(sensitivity, settings_are_part_of_the_configuration) {
    const char *others[] = {"layers: last", "mode: leave_one_out", "sites: [activations]",
                            "metrics: [loss_delta]"};
    char plain[HASH_HEX], same[HASH_HEX], key[HASH_HEX];
    config_key("mode: leave_one_in", plain);
    config_key("sites: [weights], layers: '*'", same);
    cr_assert_str_eq(plain, same);
    for (int i = 0; i < 4; i++) {
        config_key(others[i], key);
        cr_assert_str_neq(plain, key, "%s", others[i]);
    }
}

/* ---- ranks ---- */

Test(sensitivity, ranks_begin_with_what_hurts_most_and_leave_out_what_was_not_measured) {
    const double score[] = {1, NAN, 3, 1, (double)INFINITY, 2};
    const int low[] = {4, 2, 5, 0, 3}, high[] = {0, 3, 5, 2, 4};
    int order[6];
    cr_assert(sensitivity_rank(score, 6, false, order) == 5);
    cr_assert(memcmp(order, low, sizeof low) == 0);
    cr_assert(sensitivity_rank(score, 6, true, order) == 5);
    cr_assert(memcmp(order, high, sizeof high) == 0);
    cr_assert(sensitivity_rank(score + 1, 1, true, order) == 0);
}

Test(sensitivity, every_measure_has_its_direction_in_the_store) {
    char *dir = temp_dir(), *path = str_format("%s/t.db", dir);
    store *s;
    diags d;
    diags_init(&d);
    cr_assert(store_open(path, false, &d, &s) == OK);
    for (int k = 0; k < SENSITIVITY_METHODS; k++) {
        const char *name = sensitivity_methods[k].name;
        cr_assert(sensitivity_method_find(name) == k);
        cr_assert(sensitivity_higher_is_better(s, name) ==
                  (k == SENSITIVITY_ACCURACY || k == SENSITIVITY_SQNR));
    }
    cr_assert(sensitivity_method_find("kl") == SENSITIVITY_METHODS);
    store_close(s);
    remove_dir(dir);
    free(dir);
    free(path);
    diags_fini(&d);
}
