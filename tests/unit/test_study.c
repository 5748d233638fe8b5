#include "support/support.h"

#include "plan/study.h"
#include "util/files.h"
#include "util/mem.h"

typedef struct fixture {
    study t;
    diags d;
    status bad;
    char *dir, *path;
} fixture;

#define START                                                                                      \
    "version: 1\nkind: qat\nname: t\ndata: {train: {format: glyphs, n: 300}, test: {format: "      \
    "glyphs, n: 100}}\nmodel: {type: mlp, hidden: [64, 30]}\n"

static fixture open_set(const char *text, const char *const *settings, int n) {
    fixture f = {.dir = temp_dir()};
    f.path = path_join(f.dir, "t.yaml");
    write_text(f.path, text);
    diags_init(&f.d);
    f.bad = study_open(&f.t, f.path, settings, n, plugins(), 1, &f.d);
    return f;
}

static fixture make(const char *text) { return open_set(text, NULL, 0); }

static fixture make_fine(const char *text) {
    fixture f = make(text);
    assert_fine(&f.d);
    return f;
}

static void drop(fixture *f) {
    study_close(&f->t);
    diags_fini(&f->d);
    remove_dir(f->dir);
    free(f->dir);
    free(f->path);
}

/* The labels of all points, "a | b". */
static void assert_labels(const study *t, const char *expected) {
    strbuf b = {0};
    strbuf_add(&b, "");
    for (int i = 0; i < t->n_points; i++)
        strbuf_addf(&b, "%s%s", i > 0 ? " | " : "", t->points[i].label);
    cr_assert_str_eq(b.s, expected);
    strbuf_fini(&b);
}

/* The only error of a text says this. */
static void assert_error(const char *text, const char *says) {
    fixture f = make(text);
    cr_assert(f.bad != OK && f.d.errors == 1 && strstr(f.d.list[0].message, says) != NULL,
              "%d errors: %s", f.d.errors, f.d.n > 0 ? f.d.list[0].message : "");
    drop(&f);
}

Test(study, a_spec_without_a_sweep_is_one_point_with_a_run_for_each_seed) {
    fixture f = make_fine(START "seed: 4\nrepeats: 3\n");
    cr_assert(f.t.n_points == 1 && f.t.n_runs == 3 && f.t.runs[2].seed == 6);
    cr_assert_str_eq(f.t.points[0].label, "");
    cr_assert_str_neq(f.t.runs[0].cache_key, f.t.runs[1].cache_key);
    drop(&f);
}

Test(study, an_axis_of_maps_is_a_product_where_scalars_are_wanted) {
    fixture f =
        make_fine(START "sweep:\n  axes:\n    quant.weights:\n"
                        "      - bitnet158\n"
                        "      - {scheme: int, bits: [2, 4], granularity: [tensor, channel]}\n"
                        "    model.hidden: [[8, 8], [16]]\n"); /* lists are wanted here */
    cr_assert(f.t.n_points == 10, "%d", f.t.n_points);
    cr_assert_str_eq(f.t.points[0].label, "bitnet158 hidden=[8, 8]");
    cr_assert_str_eq(f.t.points[9].label, "int bits=4 granularity=channel hidden=[16]");
    cr_assert_str_eq(f.t.points[9].p.layers[0].weights.label, "int bits=4 channel");
    cr_assert(f.t.points[9].p.n_layers == 2 && f.t.points[0].p.n_layers == 3);
    drop(&f);
}

Test(study, a_named_axis_changes_several_keys_together) {
    fixture f = make_fine(START "quant: {weights: {scheme: int}}\nsweep:\n  axes:\n    size:\n"
                                "      - {quant.weights.bits: 2, optimizer.lr: 1e-2}\n"
                                "      - {quant.weights.bits: 8, optimizer.lr: 1e-3}\n");
    assert_labels(&f.t, "bits=2 lr=1e-2 | bits=8 lr=1e-3");
    cr_assert(f.t.points[0].s.optimizer.lr == 1e-2 && f.t.points[1].s.optimizer.lr == 1e-3);
    drop(&f);
}

Test(study, excluded_combinations_are_left_out) {
    fixture f =
        make_fine(START "sweep:\n  axes:\n    quant.weights: [bitnet158, {scheme: int, bits: "
                        "[2, 3, 4]}]\n    optimizer.lr: [1e-2, 1e-3]\n"
                        "  exclude:\n    - {quant.weights.scheme: bitnet158, optimizer.lr: 1e-2}\n"
                        "    - {quant.weights.bits: [2, 3]}\n");
    assert_labels(&f.t, "bitnet158 lr=1e-3 | int bits=4 lr=1e-2 | int bits=4 lr=1e-3");
    drop(&f);
    f = make(START "sweep: {axes: {optimizer.lr: [1, 2]}, exclude: [{optimizer.lr: 3}]}\n");
    cr_assert(f.bad == OK && f.d.n == 1 && f.d.list[0].warning);
    drop(&f);
    assert_error(START "sweep: {axes: {optimizer.lr: [1]}, exclude: [{optimizer.lr: 1}]}\n",
                 "leaves no point");
}

Test(study, seeds_are_no_points_and_change_slowest) {
    fixture f = make_fine(START "sweep:\n  axes:\n    seed: {range: [5, 8]}\n"
                                "    quant.weights: [bitnet158, int]\n");
    cr_assert(f.t.n_points == 2 && f.t.n_runs == 6);
    cr_assert(f.t.runs[0].seed == 5 && f.t.runs[1].seed == 5 && f.t.runs[5].seed == 7);
    cr_assert(f.t.runs[1].point == 1);
    drop(&f);
    assert_error(START "repeats: 2\nsweep: {axes: {seed: [1, 2]}}\n",
                 "both `repeats` and a seed axis");
    assert_error(START "sweep: {axes: {seed: {range: [3, 3]}}}\n", "range must be two integers");
}

Test(study, the_baseline_is_the_float_twin_and_equal_twins_are_one) {
    fixture f = make_fine(
        START "quant: {activations: int}\nsweep:\n  axes:\n"
              "    quant.weights: [bitnet158, {scheme: int, bits: [2, 4]}]\n"
              "  baseline: {quant.weights.scheme: none, quant.activations.scheme: none}\n");
    /* bitnet158 with int8 activations has a norm before each layer, int has none */
    assert_labels(&f.t, "float rmsnorm | float | bitnet158 | int bits=2 | int bits=4");
    cr_assert(f.t.points[0].p.model.norm && !f.t.points[1].p.model.norm);
    cr_assert(f.t.points[2].baseline == 0 && f.t.points[3].baseline == 1 &&
              f.t.points[4].baseline == 1 && f.t.points[0].baseline == -1);
    cr_assert(f.t.points[0].is_baseline && !f.t.points[2].is_baseline);
    drop(&f);
    /* a point that is the twin itself needs no other one */
    f = make_fine(START "sweep: {axes: {quant.weights: [none, int]}, baseline: "
                        "{quant.weights.scheme: none}}\n");
    assert_labels(&f.t, "float | int");
    cr_assert(f.t.points[1].baseline == 0 && f.t.points[0].is_baseline);
    drop(&f);
}

Test(study, float_weights_with_quantized_activations_are_not_called_float) {
    fixture f = make_fine(START "quant: {activations: int}\n"
                                "sweep: {axes: {quant.weights: [none, int]}}\n");
    assert_labels(&f.t, "weights float | int");
    drop(&f);
}

Test(study, equal_points_are_one_configuration) {
    fixture f = make_fine(START "sweep: {axes: {quant.weights: [int, {scheme: int, bits: 8}]}}\n");
    cr_assert(f.t.n_points == 1 && f.t.n_runs == 1);
    drop(&f);
}

Test(study, a_point_has_the_key_of_the_same_spec_without_a_sweep) {
    fixture f = make_fine(START "sweep: {axes: {quant.weights: [bitnet158, int]}}\n");
    fixture g = make_fine(START "quant: {weights: int}\n");
    cr_assert_str_eq(f.t.points[1].p.config_key, g.t.points[0].p.config_key);
    drop(&f);
    drop(&g);
}

Test(study, a_list_in_set_is_an_axis_and_a_value_replaces_one) {
    const char *list[] = {"optimizer.lr=[1e-2, 1e-3]", "quant.weights={scheme: int, bits: [2, 4]}"};
    fixture f = open_set(START, list, 2);
    assert_fine(&f.d);
    cr_assert(f.t.n_points == 4);
    drop(&f);
    const char *value[] = {"optimizer.lr=1e-4", "repeats=1"};
    f = open_set(START "sweep: {axes: {optimizer.lr: [1e-2, 1e-3], seed: [1, 2]}}\n", value, 2);
    assert_fine(&f.d);
    cr_assert(f.t.n_points == 1 && f.t.n_runs == 1 && f.t.points[0].s.optimizer.lr == 1e-4);
    drop(&f);
    const char *under[] = {"quant.weights.bits=3"};
    f = open_set(START "sweep: {axes: {quant.weights: [int]}}\n", under, 1);
    cr_assert(f.bad != OK && strstr(f.d.list[0].message, "the axis 'quant.weights'") != NULL);
    drop(&f);
}

Test(study, a_scheme_in_set_drops_the_parameters_of_the_old_one) {
    const char *set[] = {"quant.weights.scheme=none"};
    fixture f =
        open_set(START "quant: {weights: {scheme: int, bits: 4, granularity: channel}}\n", set, 1);
    assert_fine(&f.d);
    cr_assert(f.t.points[0].p.bits_per_weight == 32);
    drop(&f);
    const char *below[] = {"quant.weights.bits=3"};
    f = open_set(START "quant: {weights: int}\n", below, 1); /* a bare name is a mapping */
    assert_fine(&f.d);
    cr_assert_str_eq(f.t.points[0].p.layers[0].weights.label, "int bits=3 tensor");
    drop(&f);
}

Test(study, errors_in_axes_point_at_the_value) {
    fixture f =
        make(START "sweep:\n  axes:\n    quant.weights:\n      - {scheme: int, bits: [4, 99]}\n"
                   "      - itn\n");
    cr_assert(f.bad == ERR_SPEC && f.d.errors == 2);
    cr_assert(f.d.list[0].at.line == 9 && f.d.list[0].at.col == 33, "%d:%d", f.d.list[0].at.line,
              f.d.list[0].at.col);
    cr_assert(f.d.list[1].at.line == 10);
    drop(&f);
    assert_error(START "sweep: {axes: {sise: [2, 4]}}\n", "axis 'sise' is no key of the spec");
    assert_error(START "sweep: {axes: {optimizer.lr: 3}}\n", "must be a list of values");
    assert_error(START "sweep: {axes: {optimizer.lr: []}}\n",
                 "must be a list of values, got an empty");
    assert_error(START "sweep: {axis: {optimizer.lr: [1]}}\n", "unknown key 'axis' in 'sweep'");
}

Test(extends, maps_merge_and_another_scheme_replaces) {
    fixture f = {.dir = temp_dir()};
    char *base = path_join(f.dir, "base.yaml"), *top = path_join(f.dir, "top.yaml");
    write_text(base, START "quant: {weights: {scheme: int, bits: 4}, activations: int}\n"
                           "optimizer: {lr: 1e-2, weight_decay: 0}\n");
    write_text(top, "extends: base.yaml\nname: top\nquant: {weights: {scheme: bitnet158}}\n"
                    "optimizer: {lr: 1e-3}\n");
    diags_init(&f.d);
    cr_assert(study_open(&f.t, top, NULL, 0, plugins(), 1, &f.d) == OK);
    assert_fine(&f.d);
    const spec *s = &f.t.points[0].s;
    cr_assert_str_eq(s->name, "top");
    cr_assert(s->optimizer.lr == 1e-3 && s->optimizer.weight_decay == 0);
    cr_assert_str_eq(f.t.points[0].p.layers[0].weights.label, "bitnet158 tensor");
    cr_assert_str_eq(f.t.points[0].p.layers[0].input.label, "int token");
    cr_assert(strstr(f.t.base.source, "weight_decay: 0") != NULL, "the text of the base is kept");
    free(base);
    f.path = top;
    drop(&f);
}

Test(extends, what_cannot_be_extended_names_both_files) {
    fixture f = {.dir = temp_dir()};
    char *a = path_join(f.dir, "a.yaml"), *b = path_join(f.dir, "b.yaml");
    write_text(a, "extends: b.yaml\n" START);
    write_text(b, "extends: [a.yaml]\nquant: {weights: itn}\n");
    diags_init(&f.d);
    cr_assert(study_open(&f.t, a, NULL, 0, plugins(), 1, &f.d) == ERR_SPEC);
    cr_assert(f.d.errors == 2); /* the circle, and the scheme at its place in b.yaml */
    for (int i = 0; i < f.d.n; i++) cr_assert_str_eq(path_base(f.d.list[i].at.file), "b.yaml");
    cr_assert(strstr(f.d.list[0].message, "a.yaml") && strstr(f.d.list[0].message, "circle"));
    free(b);
    f.path = a;
    drop(&f);
    assert_error("extends: none.yaml\n" START, "no such file: 'none.yaml'");
}

Test(study, a_range_of_set_is_an_axis_and_a_seed_counts_once) {
    fixture f =
        open_set(START "repeats: 3\n",
                 (const char *[]){"seed={range: [4, 6]}", "train.epochs={range: [1, 3]}"}, 2);
    assert_fine(&f.d);
    assert_labels(&f.t, "epochs=1 | epochs=2");
    cr_assert(f.t.n_runs == 4 && f.t.runs[0].seed == 4 && f.t.runs[3].seed == 5);
    drop(&f);
    f = open_set(START, (const char *[]){"seed={range: [6, 4]}"}, 1);
    cr_assert(f.bad == ERR_SPEC &&
              strstr(f.d.list[0].message, "range must be two integers") != NULL);
    drop(&f);
    assert_error(START "sweep: {axes: {seed: [1, 2, 1]}}\n", "seed 1 is there twice");
}
