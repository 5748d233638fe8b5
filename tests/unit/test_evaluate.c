/*
 * What a run is judged and foretold by: classes, parity with the packed model, the time.
 */
#include "support/results.h"
#include "support/support.h"

#include "plan/plan.h"
#include "run/estimate.h"
#include "run/parity.h"
#include "util/parallel.h"

Test(evaluate, of_equal_logits_the_first_is_the_class) {
    const float logits[] = {1, 3, 2, 3, -1};
    cr_assert(evaluate_class(logits, 5) == 1 && evaluate_class(logits, 1) == 0);
}

Test(evaluate, parity_allows_the_share_of_its_tolerance_and_without_one_wants_equal_logits) {
    const struct {
        int64_t differences;
        bool logits;
        double tolerance;
        status expected;
    } cases[] = {{0, true, 0, OK},      {0, false, 0, ERR_FAILED}, {1, false, 0, ERR_FAILED},
                 {25, false, 0.25, OK}, {0, false, 0.25, OK},      {26, false, 0.25, ERR_FAILED},
                 {100, false, 1, OK}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const parity_result r = {100, cases[i].differences, cases[i].logits};
        diags d;
        diags_init(&d);
        cr_assert(parity_verdict(&r, cases[i].tolerance, &d) == cases[i].expected, "case %zu", i);
        diags_fini(&d);
    }
}

/* ---- the time ---- */

/* A done run of one layer of 6 multiply-adds, on 2 threads. */
static void add_run(store *s, const char *config, uint64_t seed, double seconds, double rate) {
    diags d;
    diags_init(&d);
    int64_t run = results_add(s, &(result){.experiment = "e",
                                           .label = "",
                                           .config = config,
                                           .seed = seed,
                                           .accuracy = 0.5,
                                           .bits = 32});
    store_begin(s);
    store_final(s, run, "samples_per_second", "train", rate, 0);
    store_run_end(s, run, "done", seconds, seconds, 0, NULL);
    cr_assert(store_commit(s, &d) == OK);
    diags_fini(&d);
}

Test(evaluate, the_time_is_that_of_equal_runs_else_from_the_speed_of_the_last) {
    char *dir = temp_dir(), *path = str_format("%s/t.db", dir);
    spec t;
    plan p;
    dataset_catalog data = {0};
    store *s;
    diags d;
    diags_init(&d);
    cr_assert(store_open(path, false, &d, &s) == OK);
    status bad = spec_read_text(&t, "t.yaml",
                                "version: 1\nkind: qat\nname: t\ndata: {batch: 100, train: {format:"
                                " glyphs, n: 1000}, test: {format: glyphs, n: 100}}\n"
                                "model: {type: mlp, hidden: [3]}\ntrain: {epochs: 2}\n",
                                &d);
    if (!bad) bad = spec_check(&t, plugins(), &d);
    if (!bad) bad = plan_build(&p, &t, plugins(), &data, &d);
    assert_fine(&d);
    parallel_set_threads(2);
    cr_assert(isnan(estimate_seconds(s, &p)), "nothing to go by");
    add_run(s, "other", 1, 9, 1000); /* 6000 and 12000 multiply-adds a second */
    add_run(s, "other", 2, 9, 2000);
    assert_near(estimate_seconds(s, &p), 2 * 1000 * (double)(784 * 3 + 3 * 10) / 9000, 1e-12, 0);
    parallel_set_threads(3);
    cr_assert(isnan(estimate_seconds(s, &p)), "none with as many threads");
    add_run(s, p.config_key, 1, 10, 1);
    add_run(s, p.config_key, 2, 14, 1);
    cr_assert(estimate_seconds(s, &p) == 12);
    store_close(s);
    plan_close(&p);
    spec_close(&t);
    dataset_catalog_fini(&data);
    remove_dir(dir);
    free(dir);
    free(path);
    diags_fini(&d);
}
