#include "support/support.h"

#include <stdio.h>

#include "run/runner.h"
#include "plan/study.h"
#include "run/evaluate.h"
#include "run/trainer.h"
#include "util/hash.h"
#include "util/mem.h"
#include "util/parallel.h"

Test(glyphs, a_sample_depends_on_seed_and_number_alone) {
    float a[GLYPH_PIXELS], b[GLYPH_PIXELS];
    int label = glyph_draw(7, GLYPHS_OF_TRAIN, 123, a);
    for (int i = 0; i < 5; i++) glyph_draw(7, GLYPHS_OF_TRAIN, i, b);
    cr_assert(glyph_draw(7, GLYPHS_OF_TRAIN, 123, b) == label && memcmp(a, b, sizeof a) == 0);
    glyph_draw(8, GLYPHS_OF_TRAIN, 123, b);
    cr_assert(memcmp(a, b, sizeof a) != 0);
    for (int i = 0; i < GLYPH_PIXELS; i++)
        cr_assert(a[i] >= 0 && a[i] <= 1 && a[i] * 255 == rintf(a[i] * 255));
}

/* The pixels on every machine and compiler: a change is a change of the data set
 * and of the numeric version. */
Test(glyphs, the_first_thousand_training_samples_are_these) {
    static float x[1000][GLYPH_PIXELS];
    uint8_t bytes[GLYPH_PIXELS];
    char hex[HASH_HEX];
    hasher h;
    hash_init(&h);
    for (int i = 0; i < 1000; i++) {
        cr_assert(glyph_draw(0, GLYPHS_OF_TRAIN, i, x[i]) == i % 10);
        for (int k = 0; k < GLYPH_PIXELS; k++) bytes[k] = (uint8_t)lrintf(x[i][k] * 255);
        hash_add(&h, bytes, sizeof bytes);
    }
    hash_end(&h, hex);
    cr_assert_str_eq(hex, "4c8e1ca8c05e548064681ca9f1732bec4abbb1362405057e914efb2fc24350ef");
}

Test(glyphs, train_and_test_share_no_sample) {
    data_source train = {.split = GLYPHS_OF_TRAIN, .n = 2000, .std = 1},
                test = {.split = GLYPHS_OF_TEST, .n = 500, .std = 1};
    dataset a, b;
    diags d;
    diags_init(&d);
    cr_assert(dataset_load(&train, &d, &a) == OK && dataset_load(&test, &d, &b) == OK);
    for (int64_t i = 0; i < a.n; i++)
        for (int64_t k = 0; k < b.n; k++)
            cr_assert(memcmp(a.x + i * a.features, b.x + k * b.features,
                             (size_t)a.features * sizeof(float)) != 0);
    dataset_free(&a);
    dataset_free(&b);
    diags_fini(&d);
}

/* ---- how hard the data set is, at its default size ---- */

static double trained(const char *text) {
    study s;
    trainer t;
    dataset train, test;
    double accuracy = 0, loss;
    diags d;
    diags_init(&d);
    status bad = study_open_text(&s, "test", text, plugins(), 1, &d);
    assert_fine(&d);
    const plan *p = &s.points[0].p;
    if (!bad) bad = dataset_load(&p->train, &d, &train);
    if (!bad) bad = dataset_load(&p->test, &d, &test);
    if (!bad) bad = trainer_open(&t, p, &train, 1, &d);
    assert_fine(&d);
    cr_assert(train.n == 20000 && test.n == 5000);
    while (!bad && t.step < p->steps) {
        int64_t n;
        bad = trainer_step(&t, &loss, &n, &d);
    }
    if (!bad) bad = evaluate(&t.m, &test, &accuracy, &loss, &d);
    assert_fine(&d);
    trainer_close(&t);
    dataset_free(&train);
    dataset_free(&test);
    study_close(&s);
    diags_fini(&d);
    return 100 * accuracy;
}

static double nearest_class_mean(void) {
    data_source train = {.split = GLYPHS_OF_TRAIN, .n = GLYPH_TRAIN, .std = 1},
                test = {.split = GLYPHS_OF_TEST, .n = GLYPH_TEST, .std = 1};
    static double mean[GLYPH_CLASSES][GLYPH_PIXELS];
    dataset a, b;
    diags d;
    diags_init(&d);
    cr_assert(dataset_load(&train, &d, &a) == OK && dataset_load(&test, &d, &b) == OK);
    for (int64_t i = 0; i < a.n; i++)
        for (int k = 0; k < GLYPH_PIXELS; k++)
            mean[a.y[i]][k] += a.x[i * GLYPH_PIXELS + k] / (a.n / 10.0);
    int right = 0;
    for (int64_t i = 0; i < b.n; i++) {
        double best = 1e30;
        int nearest = 0;
        for (int c = 0; c < GLYPH_CLASSES; c++) {
            double distance = 0;
            for (int k = 0; k < GLYPH_PIXELS; k++)
                distance += pow(b.x[i * GLYPH_PIXELS + k] - mean[c][k], 2);
            if (distance < best) best = distance, nearest = c;
        }
        right += nearest == b.y[i];
    }
    dataset_free(&a);
    dataset_free(&b);
    diags_fini(&d);
    return 100.0 * right / (double)GLYPH_TEST;
}

#define DATA                                                                                       \
    "version: 1\nkind: qat\nname: t\ndata: {train: glyphs, test: glyphs}\nschedule: {lr: {type: "  \
    "cosine}}\n"

Test(glyphs, an_mlp_learns_them_and_simpler_methods_do_not) {
    double mlp = trained(DATA "model: {type: mlp, hidden: [256]}\ntrain: {epochs: 5}\n");
    double logistic = trained(DATA "model: {type: mlp, hidden: []}\ntrain: {epochs: 20}\n");
    double means = nearest_class_mean();
    fprintf(stderr,
            "  note: glyphs: MLP 784-256-10 %.2f %%, logistic regression %.2f %%, nearest class "
            "mean %.2f %%\n",
            mlp, logistic, means);
    cr_assert(mlp >= 97.0 && mlp <= 99.5);
    cr_assert(logistic < 92);
    cr_assert(means < 85);
}
