#include "support/pictures.h"

#include <math.h>

#include "support/support.h"
#include "util/str.h"

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

static void add_layer(store *s, int64_t run, int i, const picture_run *r) {
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
                         .n_groups = 1,
                         .packed_bytes = 7,
                         .bits_per_weight = r->bits};
    store_quantizer_row(s, run, i, &q);
    store_layer_metric(s, run, i, "weight", "sqnr_db", 10 + i);
    h.what = "after", h.levels = levels, h.n_levels = 3;
    store_histogram(s, run, i, &h);
}

int64_t pictures_add(store *s, const picture_run *r) {
    const store_environment e = {"v", "c", "cpu", "scalar", "blas", 2};
    char *cache = str_format("%s-%d", r->config, (int)r->seed), uid[STORE_UID];
    store_run row = {.experiment = r->experiment,
                     .kind = "qat",
                     .spec_source = "version: 1\n",
                     .spec_resolved = "r",
                     .spec_sha256 = r->config,
                     .command = "quantbench run study.yaml --set 'name=<b>'",
                     .config_key = r->config,
                     .cache_key = cache,
                     .baseline_key = r->baseline,
                     .label = r->label,
                     .sweep = r->sweep,
                     .seed = r->seed,
                     .environment = &e};
    diags d;
    diags_init(&d);
    store_begin(s);
    int64_t run = store_run_begin(s, &row, uid);
    for (int i = 0; i < 3 && r->layers[i] != NULL; i++) add_layer(s, run, i, r);
    store_final(s, run, "accuracy", "test", r->accuracy, 100);
    store_final(s, run, "bits_per_weight", "model", r->bits, 0);
    store_run_end(s, run, "done", 1, 2, 3, NULL);
    cr_assert(store_commit(s, &d) == OK, "%s", d.n > 0 ? d.list[0].message : "");
    diags_fini(&d);
    free(cache);
    add_points(s, run, r->accuracy);
    return run;
}
