#include "support/results.h"

#include "support/support.h"

static const store_environment environment = {"0.0.0", "commit", "cpu", "scalar", "blas", 2};

static void add_settings(store *s, int64_t run, const result *r) {
    for (int i = 0; i < RESULT_SETTINGS && r->settings[i][0] != NULL; i++)
        store_param(s, run, r->settings[i][0], r->settings[i][1], r->settings[i][1], r->sweep > 0);
}

static void add_points(store *s, int64_t run, double accuracy) {
    diags d;
    diags_init(&d);
    for (int i = 1; i <= 40; i++)
        store_metric(s, run, -1, i, i / 10.0, "loss", "train", 2.0 / i, &d);
    for (int i = 1; i <= 4; i++)
        store_metric(s, run, -1, i * 10, i, "accuracy", "test", accuracy * (0.9 + i * 0.025), &d);
    cr_assert(store_flush(s, &d) == OK);
    diags_fini(&d);
}

static void add_layer(store *s, int64_t run, int i, const result *r) {
    uint64_t counts[128];
    const float levels[] = {-0.5f, 0, 0.5f};
    store_layer(s, run, i, r->layers[i], "linear", "(2, 3)", 6, 6);
    for (int k = 0; k < 128; k++) counts[k] = (uint64_t)(k < 64 ? k : 127 - k);
    store_histogram_row h = {.site = "weight",
                             .what = "before",
                             .step = 40,
                             .lo = -0.6,
                             .hi = 0.6,
                             .counts = counts,
                             .n = 128};
    store_histogram(s, run, i, &h);
    if (r->bits == 32) return;
    store_quantizer q = {.site = "weight",
                         .scheme = "int",
                         .params = "bits=2",
                         .granularity = "tensor",
                         .n_levels = 3,
                         .packer = r->bits > 2 ? "bits" : "base3",
                         .n_groups = 1,
                         .packed_bytes = 7,
                         .bits_per_weight = r->bits};
    store_quantizer_row(s, run, i, &q);
    store_layer_metric(s, run, i, "weight", "sqnr_db", 10 + i);
    store_layer_metric(s, run, i, "weight", "sparsity", 0.3 + i * 0.1);
    store_layer_metric(s, run, i, "weight", "code_entropy", 1.5);
    h.what = "after", h.levels = levels, h.n_levels = 3;
    store_histogram(s, run, i, &h);
}

/* Rows of a benchmark, as if the run had been one. */
static void add_bench(store *s, int64_t run, const char *op) {
    store_bench_row b = {op, "4 levels", "scalar", "L2", "GB/s", 1, 31, 2, 0.1, 1, 40};
    store_bench(s, run, &b);
    b.isa = "avx2", b.median = 20, b.ratio_scalar = 10;
    store_bench(s, run, &b);
    b.place = "DRAM", b.median = 9, b.ceiling = NAN;
    store_bench(s, run, &b);
}

static void add_finals(store *s, int64_t run, const result *r) {
    if (r->layers[0] == NULL) store_layer(s, run, 0, "fc1", "linear", "(2, 3)", 6, 6);
    for (int i = 0; i < 3 && r->layers[i] != NULL; i++) {
        add_layer(s, run, i, r);
        if (r->bits != 32) add_bench(s, run, r->layers[i]);
    }
    store_final(s, run, "accuracy", "test", r->accuracy, 100);
    if (r->loss != 0) store_final(s, run, "loss", "test", r->loss, 100);
    store_final(s, run, "bits_per_weight", "model", r->bits, 0);
    store_artifact(s, run, "weights", "runs/x/weights.safetensors", "beef", 24);
}

int64_t results_add(store *s, const result *r) {
    char cache[128], uid[STORE_UID];
    diags d;
    diags_init(&d);
    snprintf(cache, sizeof cache, "%s-%d", r->config, (int)r->seed);
    store_run row = {.experiment = r->experiment,
                     .kind = "qat",
                     .spec_source = "version: 1\n",
                     .spec_resolved = "lr=0.1\nloss=cross_entropy\n",
                     .spec_sha256 = r->config,
                     .config_key = r->config,
                     .cache_key = cache,
                     .baseline_key = r->baseline,
                     .label = r->label,
                     .command = "quantbench run study.yaml --set 'name=<b> c'",
                     .sweep = r->sweep,
                     .seed = r->seed,
                     .environment = &environment};
    store_begin(s);
    int64_t run = store_run_begin(s, &row, uid);
    add_settings(s, run, r);
    store_plugin(s, run, "scheme", "int", "1.0.0", "1.0", "0123abcd");
    store_input(s, run, "train", "feed", "glyphs");
    if (r->error == NULL) add_finals(s, run, r);
    store_run_end(s, run, r->error == NULL ? "done" : "failed", 1.5, 2.5, 1000, r->error);
    cr_assert(store_commit(s, &d) == OK, "%s", d.n > 0 ? d.list[0].message : "");
    diags_fini(&d);
    if (r->layers[0] != NULL) add_points(s, run, r->accuracy);
    return run;
}

void results_make_study(const char *path) {
    static const struct {
        const char *label, *bits_setting, *lr;
        double bits, accuracy[3];
    } points[] = {{"float", NULL, NULL, 32, {0.98, 0.97, 0.99}},
                  {"bits=4 lr=0.1", "4", "0.1", 4.01, {0.97, 0.97, 0.98}},
                  {"bits=4 lr=0.2", "4", "0.2", 4.01, {0.95, 0.96, 0.97}},
                  {"bits=2 lr=0.1", "2", "0.1", 2.04, {0.90, 0.92, 0.94}},
                  {"bits=2 lr=0.2", "2", "0.2", 2.04, {0.80, NAN, NAN}}};
    store *s;
    diags d;
    diags_init(&d);
    cr_assert(store_open(path, false, &d, &s) == OK);
    int64_t sweep = store_sweep(s, "study", "qat", "{\"bits\": [4, 2]}", "accuracy");
    store_begin(s);
    for (int p = 0; p < 5; p++)
        store_sweep_point(s, sweep, p, points[p].label, points[p].label, p > 0 ? "float" : NULL);
    cr_assert(store_commit(s, &d) == OK);
    for (int p = 0; p < 5; p++) {
        for (int i = 0; i < 3; i++) {
            double a = points[p].accuracy[i];
            if (isnan(a) && i == 2) continue;
            result r = {.experiment = "study",
                        .label = points[p].label,
                        .config = points[p].label,
                        .baseline = p > 0 ? "float" : NULL,
                        .sweep = sweep,
                        .seed = (uint64_t)i + 1,
                        .accuracy = a,
                        .loss = 1 - a,
                        .bits = points[p].bits,
                        .error = isnan(a) ? "diverged: the loss is not finite" : NULL};
            if (p > 0) {
                r.settings[0][0] = "bits", r.settings[0][1] = points[p].bits_setting;
                r.settings[1][0] = "lr", r.settings[1][1] = points[p].lr;
            }
            results_add(s, &r);
        }
    }
    store_close(s);
    diags_fini(&d);
}
