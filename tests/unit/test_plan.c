#include "support/support.h"

#include "plan/identity.h"
#include "plan/match.h"
#include "plan/plan.h"
#include "plan/rules.h"

typedef struct fixture {
    spec s;
    plan p;
    dataset_catalog data;
    diags d;
    status bad;
} fixture;

#define START                                                                                      \
    "version: 1\nkind: qat\nname: t\ndata: {train: {format: glyphs, n: 300}, test: {format: "      \
    "glyphs, n: 100}}\n"
#define MODEL "model: {type: mlp, hidden: [64, 30]}\n"

static fixture make_with(const char *text, const registry *r) {
    fixture f;
    diags_init(&f.d);
    f.p = (plan){0};
    f.data = (dataset_catalog){0};
    f.bad = spec_read_text(&f.s, "t.yaml", text, &f.d);
    if (!f.bad) f.bad = spec_check(&f.s, r, &f.d);
    status built = plan_build(&f.p, &f.s, r, &f.data, &f.d);
    if (!f.bad) f.bad = built;
    return f;
}

static fixture make(const char *text) { return make_with(text, plugins()); }

static void drop(fixture *f) {
    plan_close(&f->p);
    dataset_catalog_fini(&f->data);
    spec_close(&f->s);
    diags_fini(&f->d);
}

static fixture make_fine(const char *text) {
    fixture f = make(text);
    assert_fine(&f.d);
    return f;
}

static void keys(const char *text, char config[HASH_HEX], char cache[HASH_HEX]) {
    fixture f = make_fine(text);
    memcpy(config, f.p.config_key, HASH_HEX);
    identity_cache_key(&f.p, 1, f.s.seed, cache);
    drop(&f);
}

/* ---- rules ---- */

Test(rules, later_rules_win_key_by_key) {
    fixture f = make_fine(START MODEL "quant:\n"
                                      "  weights: {scheme: int, bits: 8, granularity: channel}\n"
                                      "  rules:\n"
                                      "    - {match: 'fc*', weights: {bits: 4}}\n"
                                      "    - {match: last, weights: {bits: 6}, packer: bits}\n"
                                      "    - {match: fc2, weights: {scheme: bitnet158}}\n");
    const plan_layer *l = f.p.layers;
    cr_assert_str_eq(l[0].weights.label, "int bits=4 channel");
    cr_assert_str_eq(l[1].weights.label,
                     "bitnet158 channel"); /* another scheme drops bits, keeps the host's keys */
    cr_assert_str_eq(l[2].weights.label, "int bits=6 channel");
    cr_assert(l[0].rule_line == 9 && l[1].rule_line == 11 && l[2].rule_line == 10);
    cr_assert(f.p.rules[0].n_layers == 3 && f.p.rules[1].n_layers == 1);
    drop(&f);
}

Test(rules, skip_and_none_keep_layers_in_float) {
    fixture f = make_fine(
        START MODEL
        "quant:\n"
        "  weights: {scheme: int, bits: 4}\n"
        "  activations: {scheme: int}\n"
        "  skip: [first]\n"
        "  rules: [{match: {type: linear}, activations: none}, {match: last, weights: none}]\n");
    const plan_layer *l = f.p.layers;
    cr_assert(l[0].quant.weights.scheme.plugin == NULL &&
              l[0].quant.activations.scheme.plugin == NULL);
    cr_assert(l[1].quant.weights.scheme.plugin != NULL &&
              l[1].quant.activations.scheme.plugin == NULL);
    cr_assert(l[2].quant.weights.scheme.plugin == NULL);
    cr_assert(l[0].bits_per_weight == 32 && l[1].bits_per_weight < 5);
    drop(&f);
}

Test(rules, a_rule_without_effect_is_a_warning) {
    fixture f =
        make(START MODEL
             "quant:\n  weights: int\n  rules:\n"
             "    - {match: fc1, weights: {bits: 4}}\n    - {match: 'fc*', weights: {bits: 5}}\n");
    cr_assert(f.bad == OK && f.d.n == 1 && f.d.list[0].warning && f.d.list[0].at.line == 9);
    drop(&f);
}

Test(rules, a_rule_whose_parameters_a_later_scheme_drops_is_a_warning) {
    fixture f = make(START MODEL "quant:\n  weights: int\n  rules:\n"
                                 "    - {match: fc1, weights: {bits: 4}}\n"
                                 "    - {match: 'fc*', weights: bitnet158}\n");
    cr_assert(f.bad == OK && f.d.n == 1 && f.d.list[0].warning && f.d.list[0].at.line == 9);
    drop(&f);
    f = make(START MODEL "quant:\n  weights: int\n  rules:\n"
                         "    - {match: fc1, weights: {bits: 4}}\n"
                         "    - {match: 'fc*', weights: int}\n"); /* the same one keeps them */
    cr_assert(f.bad == OK && f.d.n == 0);
    cr_assert_str_eq(f.p.layers[0].weights.label, "int bits=4 tensor");
    drop(&f);
}

Test(rules, parameters_belong_to_the_scheme_that_earlier_rules_chose) {
    fixture f = make_fine(START MODEL "quant:\n  weights: bitnet158\n  rules:\n"
                                      "    - {match: fc2, weights: int}\n"
                                      "    - {match: fc2, weights: {bits: 3}}\n");
    cr_assert_str_eq(f.p.layers[1].weights.label, "int bits=3 tensor");
    drop(&f);
    f = make(START MODEL "quant:\n  weights: bitnet158\n  rules:\n"
                         "    - {match: fc2, weights: {bits: 3}}\n");
    cr_assert(f.bad == ERR_SPEC && f.d.errors == 1 &&
              strstr(f.d.list[0].message, "scheme 'bitnet158' has no parameter 'bits'"));
    drop(&f);
}

Test(rules, scheme_none_takes_no_parameters) {
    fixture f = make(START MODEL "quant: {weights: {scheme: none, bits: 4}}\n");
    cr_assert(f.bad == ERR_SPEC && f.d.errors == 1 &&
              strstr(f.d.list[0].message, "scheme 'none' has no parameter 'bits'"));
    drop(&f);
}

Test(rules, patterns_are_globs_places_types_and_expressions) {
    arena a = {0};
    diags d;
    yaml_node *n;
    layer_desc layers[MODEL_MAX_LAYERS] = {{.name = "fc1", .type = "linear"},
                                           {.name = "fc2", .type = "linear"},
                                           {.name = "fc3", .type = "linear"}};
    const struct {
        const char *pattern;
        int hits;
    } cases[] = {{"fc*", 3},          {"first", 1},
                 {"last", 1},         {"'type: linear'", 3},
                 {"{type: conv}", 0}, {"'re:^fc[13]$'", 2},
                 {"[fc1, last]", 2},  {"['fc*', fc1, last]", 3},
                 {"'fc[12]'", 2},     {"'fc{2,3}'", 2},
                 {"conv?", 0}};
    diags_init(&d);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool hit[MODEL_MAX_LAYERS] = {false};
        cr_assert(yaml_parse(&a, "t", cases[i].pattern, strlen(cases[i].pattern), &d, &n) == OK);
        cr_assert(match_layers(&a, n, layers, 3, NULL, &d, hit) == cases[i].hits, "%s",
                  cases[i].pattern);
    }
    cr_assert(d.errors == 0);
    bool hit[MODEL_MAX_LAYERS] = {false};
    cr_assert(yaml_parse(&a, "t", "'re:(['", 7, &d, &n) == OK &&
              match_layers(&a, n, layers, 3, NULL, &d, hit) == 0 && d.errors == 1);
    diags_fini(&d);
    arena_fini(&a);
}

Test(rules, a_group_size_that_divides_no_row_is_one_error_for_all_its_layers) {
    fixture f = make(START "model: {type: mlp, hidden: [64, 30]}\nquant:\n  weights: {scheme: int, "
                           "granularity: group, group_size: 32}\n");
    cr_assert(f.bad == ERR_SPEC && f.d.errors == 1);
    cr_assert_str_eq(
        f.d.list[0].message,
        "group_size 32 does not divide the rows of 2 of 3 layers: fc1 (784), fc3 (30)");
    cr_assert(f.d.list[0].at.line == 7 && f.d.list[0].at.col == 58);
    drop(&f);
    f = make_fine(START "model: {type: mlp, hidden: [64, 30]}\nquant:\n  weights: {scheme: int, "
                        "granularity: group, group_size: 32, ragged: short}\n");
    cr_assert(f.p.layers[2].weights.n_groups == 10); /* 10 rows of 30: one group each */
    cr_assert(f.p.layers[0].weights.n_groups == 64 * 25);
    drop(&f);
}

/* ---- defaults of the model ---- */

Test(plan, the_norm_comes_with_bitnet_weights_and_quantized_activations) {
    fixture f = make_fine(START MODEL "quant: {weights: bitnet158, activations: int}\n");
    cr_assert(f.p.model.norm && !f.p.model.bias);
    drop(&f);
    f = make_fine(START MODEL "quant: {weights: bitnet158}\n");
    cr_assert(!f.p.model.norm && f.p.model.bias);
    drop(&f);
    f = make_fine(START MODEL "quant: {weights: int, activations: int}\n");
    cr_assert(!f.p.model.norm);
    drop(&f);
    f = make_fine(START "model: {type: mlp, hidden: [64, 30], norm: rmsnorm, bias: true}\n");
    cr_assert(f.p.model.norm && f.p.model.bias);
    drop(&f);
}

Test(plan, bytes_and_bits_are_those_of_codes_and_metadata) {
    fixture f = make_fine(
        START MODEL
        "quant: {weights: {scheme: int, bits: 4, granularity: channel, scale_dtype: f16}}\n");
    /* 64 rows of 784 codes of 4 bits and a half for each row */
    cr_assert(f.p.layers[0].weight_bytes == 64 * (392 + 2));
    assert_near(f.p.layers[0].bits_per_weight, 64 * 394 * 8.0 / (64 * 784), 1e-12, 0);
    drop(&f);
    f = make_fine(START MODEL "quant: {weights: bitnet158}\n");
    cr_assert_str_eq(f.p.layers[0].packer, "base3");
    cr_assert(f.p.layers[0].weight_bytes == 64 * 157 + 4);
    drop(&f);
}

/* The shipped plugins and those of tests/fixtures. */
static registry with_fixtures(void) {
    registry r;
    char *dirs = str_format("%s/tests/fixtures:%s/plugins", build_dir(), build_dir());
    setenv("QUANTBENCH_PLUGIN_PATH", dirs, 1);
    registry_scan(&r);
    free(dirs);
    return r;
}

static void check_refusal(const diag *e, status st, int line, int col, const char *message) {
    cr_assert_str_eq(e->message, message);
    cr_assert(e->st == st && e->at.line == line && e->at.col == col, "%s: status %d at %d:%d",
              message, e->st, e->at.line, e->at.col);
}

Test(plan, a_refusal_by_an_estimator_is_an_error_at_the_place_that_named_it) {
    registry r = with_fixtures();
    fixture f = make_with(START MODEL "quant:\n"
                                      "  weights: int\n"
                                      "  activations: int\n"
                                      "  ste: {type: spanste, weights_only: true}\n"
                                      "  rules:\n"
                                      "    - {match: fc1, activations: none}\n"
                                      "    - {match: fc2, ste: identity}\n",
                          &r);
    cr_assert(f.bad == ERR_SPEC && f.d.errors == 1, "%d errors", f.d.errors);
    check_refusal(&f.d.list[0], ERR_SPEC, 9, 15, "ste 'spanste' for fc3.input: it is for weights");
    drop(&f);
    f = make_with(START MODEL "quant:\n"
                              "  activations: int\n"
                              "  rules: [{match: fc2, ste: {weights_only: true, type: spanste}}]\n",
                  &r);
    cr_assert(f.bad == ERR_SPEC && f.d.errors == 1, "%d errors", f.d.errors);
    check_refusal(&f.d.list[0], ERR_SPEC, 8, 56, "ste 'spanste' for fc2.input: it is for weights");
    drop(&f);
    registry_fini(&r);
}

/* ---- identity ---- */

Test(identity, what_changes_no_result_changes_no_key) {
    char a[HASH_HEX], b[HASH_HEX], x[HASH_HEX], y[HASH_HEX];
    keys(START MODEL "quant: {weights: {scheme: int, bits: 4}}\n", a, x);
    /* defaults written out, another name, another way to say the same */
    keys("version: 1\nkind: qat\nname: other\ndescription: d\n"
         "data: {train: {format: glyphs, n: 300, seed: 0}, test: {format: glyphs, n: 100}, batch: "
         "128}\n" MODEL "optimizer: {type: adamw, lr: 0.001}\nloss: cross_entropy\ntrain: {epochs: "
         "5, eval_every: 7}\n"
         "quant: {weights: int, ste: identity, rules: [{match: '*', weights: {bits: 4, symmetric: "
         "true, granularity: tensor}}]}\n",
         b, y);
    cr_assert_str_eq(a, b);
    cr_assert_str_eq(x, y);
}

Test(identity, what_changes_a_result_changes_the_key) {
    char base[HASH_HEX], other[HASH_HEX], cache[HASH_HEX];
    keys(START MODEL, base, cache);
    const char *variants[] = {
        START MODEL "optimizer: {lr: 0.002}\n",
        START MODEL "train: {epochs: 6}\n",
        START MODEL "schedule: {lr: cosine}\n",
        START MODEL "quant: {weights: int}\n",
        START MODEL "quant: {weights: {scheme: int, bits: 4}}\n",
        START MODEL "quant: {weights: {scheme: int, granularity: channel}}\n",
        START MODEL "quant: {weights: {scheme: int, scale_dtype: f16}}\n",
        START MODEL "quant: {weights: {scheme: int, round: away}}\n",
        START MODEL "quant: {activations: int}\n",
        START "model: {type: mlp, hidden: [64, 31]}\n",
        START "model: {type: mlp, hidden: [64, 30], norm: rmsnorm}\n",
        "version: 1\nkind: qat\nname: t\ndata: {train: {format: glyphs, n: 300, seed: 1}, test: "
        "{format: glyphs, n: 100}}\n" MODEL,
        "version: 1\nkind: qat\nname: t\ndata: {train: {format: glyphs, n: 300}, test: {format: "
        "glyphs, n: 100}, batch: 64}\n" MODEL,
    };
    enum { N = sizeof variants / sizeof *variants };
    char seen[N][HASH_HEX];
    for (int i = 0; i < N; i++) {
        keys(variants[i], other, cache);
        cr_assert_str_neq(other, base, "variant %d", i);
        memcpy(seen[i], other, HASH_HEX);
        for (int k = 0; k < i; k++) cr_assert_str_neq(seen[i], seen[k], "variants %d and %d", i, k);
    }
}

Test(identity, the_cache_key_adds_seed_and_numeric_version) {
    fixture f = make_fine(START MODEL);
    char one[HASH_HEX], seed[HASH_HEX], numeric[HASH_HEX];
    identity_cache_key(&f.p, 1, 4, one);
    identity_cache_key(&f.p, 1, 5, seed);
    identity_cache_key(&f.p, 2, 4, numeric);
    cr_assert_str_neq(one, seed);
    cr_assert_str_neq(one, numeric);
    drop(&f);
}

Test(plan, steps_come_from_epochs_or_steps_and_points_from_either) {
    fixture f = make_fine(
        START MODEL
        "train: {epochs: 4, eval_every: 0.5}\nschedule: {lr: {type: cosine, warmup: 1ep}}\n");
    cr_assert(f.p.steps_per_epoch == 3 && f.p.steps == 12 && f.p.eval_every == 6 &&
              f.p.lr.warmup == 3);
    drop(&f);
    f = make_fine(START MODEL "train: {steps: 7}\n");
    cr_assert(f.p.steps == 7 && f.p.eval_every == 3);
    drop(&f);
}

Test(plan, errors_of_the_spec_and_of_its_layers_come_together) {
    fixture f = make(
        START MODEL
        "optimizer: {lr: fast}\nquant: {weights: int, rules: [{match: conv1, weights: none}]}\n");
    cr_assert(f.d.errors == 2);
    drop(&f);
}
