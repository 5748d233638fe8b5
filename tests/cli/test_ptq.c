/*
 * Files of weights as a user has them: kinds ptq, sensitivity and tensors.
 */
#include "cli/command.h"

#include "io/safetensors.h"
#include "util/files.h"
#include "util/hash.h"
#include "util/mem.h"
#include "util/str.h"

/* ---- helpers ---- */

static diags d;

/* One number out of the database r.db; NAN for NULL or no row. */
static double ask(const char *sql) {
    store *s = open_store("r.db", true);
    store_rows *r = store_select(s, sql, "");
    double v = store_next(r) ? store_real(r, 0) : (double)NAN;
    store_rows_end(r);
    cr_assert(store_status(s, &d) == OK, "%s", d.list[0].message);
    store_close(s);
    return v;
}

#define LAST "run = (SELECT max(id) FROM run)"
#define METRIC(name) ask("SELECT value FROM metric WHERE name = '" name "' AND " LAST)
#define SCORE(layer, site, method)                                                                 \
    ask("SELECT score FROM v_sensitivity WHERE layer_name = '" layer "' AND site = '" site         \
        "' AND method = '" method "' AND candidate = 0 AND " LAST)

#define DATA "data: {test: {format: glyphs, n: 1000}}\n"
#define PTQ                                                                                        \
    "version: 1\nkind: ptq\nname: p\n" DATA                                                        \
    "model: {type: mlp, hidden: [48, 24], weights: w.safetensors}\n"

/* A network that reads most digits; its weights as w.safetensors. */
static void setup_weights(void) {
    setup();
    diags_init(&d);
    write_file("train.yaml", "version: 1\nkind: qat\nname: t\ndata: {train: {format: glyphs, n: "
                             "4000}, test: {format: glyphs, n: 1000}}\n"
                             "model: {type: mlp, hidden: [48, 24]}\n"
                             "optimizer: {lr: 3e-3}\ntrain: {epochs: 3}\n");
    write_file("p.yaml", PTQ);
    free(
        expect(0, "$Q run train.yaml --db r.db -q && cp runs/*/weights.safetensors w.safetensors"));
}

static void teardown_weights(void) {
    teardown();
    diags_fini(&d);
}

/* The tensors of w.safetensors, to be changed and written under another name. */
typedef struct weights {
    named_floats tensors[8];
    int n;
} weights;

static weights read_weights(void) {
    weights w = {.n = 0};
    tensor_file f = open_tensors("w.safetensors");
    bool rounded = false;
    for (; w.n < f.n; w.n++) {
        const tensor_entry *t = &f.tensors[w.n];
        float *x;
        cr_assert(tensor_entry_floats(&f, t, &d, &x, &rounded) == OK);
        w.tensors[w.n] =
            (named_floats){.name = mem_strdup(t->name), .n_dims = t->n_dims, .data = x};
        memcpy(w.tensors[w.n].shape, t->shape, sizeof t->shape);
    }
    tensor_file_close(&f);
    return w;
}

static float *values(weights *w, const char *name) {
    for (int i = 0; i < w->n; i++)
        if (strcmp(w->tensors[i].name, name) == 0) return (float *)(uintptr_t)w->tensors[i].data;
    cr_assert_fail("no tensor %s", name);
    return NULL;
}

static void write_weights(weights *w, const char *name) {
    char *path = in_dir(name), sha256[HASH_HEX];
    int64_t bytes;
    cr_assert(safetensors_write(path, w->tensors, w->n, &d, sha256, &bytes) == OK);
    for (int i = 0; i < w->n; i++) {
        free((char *)(uintptr_t)w->tensors[i].name);
        free((float *)(uintptr_t)w->tensors[i].data);
    }
    free(path);
}

/* ---- ptq ---- */

Test(ptq, a_file_of_weights_is_the_network_that_was_trained, .init = setup_weights,
     .fini = teardown_weights) {
    double accuracy = METRIC("accuracy"), loss = METRIC("loss");
    cr_assert(accuracy > 0.7, "accuracy %g", accuracy);
    free(expect(0, "$Q run p.yaml --db r.db"));
    cr_assert(METRIC("accuracy") == accuracy && METRIC("loss") == loss);
    cr_assert(METRIC("accuracy_float") == accuracy && METRIC("loss_float") == loss);
    cr_assert(METRIC("bits_per_weight") == 32);
    char *out = expect_both(0, "$Q info @last --db r.db");
    cr_assert(strstr(out, "p (ptq), seed 0, done") != NULL &&
                  strstr(out, "weights w.safetensors") != NULL,
              "%s", out);
    free(out);
}

Test(ptq, stores_what_a_qat_run_stores, .init = setup_weights, .fini = teardown_weights) {
    free(expect(0, "$Q run p.yaml --db r.db --set 'quant.weights={scheme: int, bits: 3}' --set "
                   "'quant.activations=int'"));
    cr_assert(METRIC("accuracy") < METRIC("accuracy_float") + 0.02 && METRIC("accuracy") > 0.3);
    cr_assert(METRIC("loss") != METRIC("loss_float"));
    cr_assert(ask("SELECT count(*) FROM layer WHERE " LAST) == 3);
    cr_assert(ask("SELECT count(*) FROM quantizer WHERE ste IS NULL AND " LAST) == 6);
    cr_assert(ask("SELECT count(*) FROM layer_metric WHERE " LAST) == 36);
    cr_assert(ask("SELECT count(*) FROM artifact WHERE role = 'weights' AND " LAST) == 1);
    cr_assert(ask("SELECT count(*) FROM run_plugin WHERE " LAST) == 2, "no estimator");
    cr_assert(METRIC("bits_per_weight") < 5);
}

Test(ptq, what_counts_is_the_content_of_the_file_not_its_name, .init = setup_weights,
     .fini = teardown_weights) {
    free(expect(0, "$Q run p.yaml --db r.db"));
    char *out =
        expect_both(0, "$Q version; cp w.safetensors v.safetensors; $Q run p.yaml --db r.db --set "
                       "model.weights=v.safetensors");
    cr_assert(strstr(out, "done before as run") != NULL, "%s", out);
    free(out);
    weights w = read_weights();
    values(&w, "fc1.bias")[0] += 1;
    write_weights(&w, "v.safetensors");
    out = expect_both(0, "$Q run p.yaml --db r.db --set model.weights=v.safetensors");
    cr_assert(strstr(out, "done before") == NULL, "%s", out);
    free(out);
}

Test(ptq, renames_are_part_of_the_configuration, .init = setup_weights, .fini = teardown_weights) {
    weights w = read_weights();
    for (int i = 0; i < w.n; i++) {
        char *own = (char *)(uintptr_t)w.tensors[i].name;
        w.tensors[i].name = str_format("layers.%d.%s", own[2] - '1', own + 4);
        free(own);
    }
    write_weights(&w, "v.safetensors");
    char *out = expect_both(4, "$Q run p.yaml --db r.db --set model.weights=v.safetensors");
    cr_assert(strstr(out, "error: 6 tensors of the file land nowhere: 'layers.0.bias' (48), ") !=
                  NULL,
              "%s", out);
    cr_assert(strstr(out, "rename: {\"layers.0.bias\": fc1.bias}") != NULL, "%s", out);
    free(out);
    free(expect(0, "$Q run p.yaml --db r.db"));
    double accuracy = METRIC("accuracy");
    const char *rename = "{\"layers.0.*\": \"fc1.${1}\", \"layers.1.*\": \"fc2.${1}\", "
                         "\"*.2.{weight,bias}\": \"fc3.${2}\"}";
    free(expect(0,
                "$Q run p.yaml --db r.db --set model.weights=v.safetensors --set 'model.rename=%s'",
                rename));
    cr_assert(METRIC("accuracy") == accuracy && ask("SELECT count(*) FROM run") == 3);
    cr_assert(ask("SELECT count(*) FROM run_param WHERE key = 'model.rename' AND " LAST) == 1);
}

Test(ptq, what_does_not_fit_is_exit_4_at_its_place, .init = setup_weights,
     .fini = teardown_weights) {
    char *out = expect_both(4, "$Q check p.yaml --set 'model.hidden=[48, 25]'");
    cr_assert(strstr(out,
                     "p.yaml:5:47: error: tensor 'fc2.weight' (24, 48) does not fit fc2.weight "
                     "(25, 48)") != NULL,
              "%s", out);
    free(out);
    out = expect_both(4, "$Q check p.yaml --set model.bias=false");
    cr_assert(strstr(out, "3 tensors of the file land nowhere: 'fc1.bias' (48), ") != NULL, "%s",
              out);
    free(out);
    free(expect(0, "$Q check p.yaml --set model.bias=false --set model.strict=false"));
    out = expect_both(4, "$Q check p.yaml --set model.weights=none.safetensors");
    cr_assert(strstr(out, "no such file: 'none.safetensors'") != NULL, "%s", out);
    free(out);
}

Test(ptq, a_training_can_start_from_a_file, .init = setup_weights, .fini = teardown_weights) {
    double accuracy = METRIC("accuracy");
    free(
        expect(0,
               "$Q run train.yaml --db r.db --set model.weights=w.safetensors --set train.epochs=1 "
               "--set optimizer.lr=1e-30"));
    cr_assert(METRIC("accuracy") == accuracy);
    free(expect(0, "$Q run train.yaml --db r.db --set train.epochs=1 --set optimizer.lr=1e-30"));
    cr_assert(METRIC("accuracy") < 0.5, "without it: %g", METRIC("accuracy"));
}

/* ---- sensitivity ---- */

/* Every sixth channel of fc2 is a hundred times as large, and fc3 undoes it (ReLU lets
 * a factor through), so the network computes what it did. (Its output SQNR is that of the
 * large channels, which lose nothing: that score cannot see the damage.) */
static void plant(void) {
    weights w = read_weights();
    float *w2 = values(&w, "fc2.weight"), *b2 = values(&w, "fc2.bias"),
          *w3 = values(&w, "fc3.weight");
    for (int o = 0; o < 24; o += 6) {
        for (int i = 0; i < 48; i++) w2[o * 48 + i] *= 100;
        for (int k = 0; k < 10; k++) w3[k * 24 + o] /= 100;
        b2[o] *= 100;
    }
    write_weights(&w, "planted.safetensors");
}

Test(sensitivity, a_planted_layer_ranks_first_per_tensor_and_not_per_channel, .init = setup_weights,
     .fini = teardown_weights) {
    plant();
    char *out = expect_both(0, "$Q run p.yaml --db r.db --set kind=sensitivity --set "
                               "model.weights=planted.safetensors --set 'sensitivity={candidates: "
                               "[{scheme: int, bits: 4, granularity: [tensor, channel]}]}'");
    static const char *const scores[] = {"kl_logits", "loss_delta", "accuracy_delta"};
    for (int i = 0; i < 3; i++) {
        char *tensor =
            str_format("SELECT rank FROM v_sensitivity WHERE label = 'int bits=4 tensor' "
                       "AND layer_name = 'fc2' AND method = '%s'",
                       scores[i]);
        cr_assert(ask(tensor) == 1, "%s:\n%s", scores[i], out);
        free(tensor);
        char *channel = str_format("SELECT rank FROM v_sensitivity WHERE label = 'int bits=4 "
                                   "channel' AND layer_name = 'fc2' AND method = '%s'",
                                   scores[i]);
        cr_assert(ask(channel) > 1, "%s:\n%s", scores[i], out);
        free(channel);
    }
    /* a whole number of samples, else layers that lose alike have different ranks */
    cr_assert(ask("SELECT count(*) FROM sensitivity s JOIN metric m ON m.run = s.run AND m.name = "
                  "'accuracy' WHERE s.method = 'accuracy_delta' AND s.score <> "
                  "round(s.score * m.n) / m.n") == 0);
    const char *table = strstr(out, "sensitivity, the most sensitive layer first by kl_logits");
    cr_assert(table != NULL && strstr(table, "int bits=4 tensor   weight     1  fc2 ") != NULL,
              "%s", out);
    free(out);
}

/* Quantizes one tensor with the verb `quantize` and writes it back. */
static void quantize_by_hand(const char *tensor, const char *settings) {
    free(expect(0, "$Q quantize w.safetensors --tensor %s %s --dequant q.npy", tensor, settings));
    weights w = read_weights();
    tensor_file f = open_tensors("q.npy");
    bool rounded = false;
    float *x;
    cr_assert(tensor_entry_floats(&f, &f.tensors[0], &d, &x, &rounded) == OK);
    memcpy(values(&w, tensor), x, (size_t)f.tensors[0].n * sizeof *x);
    write_weights(&w, "by_hand.safetensors");
    tensor_file_close(&f);
    free(x);
}

Test(sensitivity, a_score_is_what_quantizing_by_hand_and_evaluating_gives, .init = setup_weights,
     .fini = teardown_weights) {
    free(expect(0, "$Q run p.yaml --db r.db"));
    double loss = METRIC("loss"), accuracy = METRIC("accuracy");
    quantize_by_hand("fc2.weight", "--scheme int --set bits=3 --set granularity=group --set "
                                   "group_size=16");
    free(expect(0, "$Q run p.yaml --db r.db --set model.weights=by_hand.safetensors"));
    double by_hand = METRIC("loss") - loss, points = METRIC("accuracy") - accuracy;
    cr_assert(fabs(by_hand) > 1e-4);
    free(expect(0,
                "$Q run p.yaml --db r.db --set 'sensitivity={candidates: [{scheme: int, bits: 3, "
                "granularity: group, group_size: 16}], layers: [fc1, fc2]}' --set "
                "quant.weights=bitnet158"));
    assert_near(SCORE("fc2", "weight", "loss_delta"), by_hand, 0, 1e-9);
    assert_near(SCORE("fc2", "weight", "accuracy_delta"), points, 0, 1e-9);
    cr_assert(isnan(SCORE("fc3", "weight", "loss_delta")), "not chosen");
}

Test(sensitivity, leaving_one_out_is_what_rules_give, .init = setup_weights,
     .fini = teardown_weights) {
    const char *weight = "quant.weights={scheme: int, bits: 3}";
    free(expect(0, "$Q run p.yaml --db r.db --set '%s'", weight));
    double all = METRIC("loss");
    free(expect(0, "$Q run p.yaml --db r.db --set '%s' --set quant.skip=fc2", weight));
    double without = METRIC("loss");
    free(expect(0, "$Q run p.yaml --db r.db --set 'sensitivity={mode: leave_one_out, candidates: "
                   "[{scheme: int, bits: 3}]}'"));
    assert_near(SCORE("fc2", "weight", "loss_delta"), all - without, 0, 1e-9);
    free(expect(
        0, "$Q run p.yaml --db r.db --set 'quant.rules=[{match: fc2, activations: {scheme: int, "
           "bits: 2}}]'"));
    double change = METRIC("loss") - METRIC("loss_float");
    free(expect(0, "$Q run p.yaml --db r.db --set 'sensitivity={sites: [activations], candidates: "
                   "[{scheme: int, bits: 2}]}'"));
    assert_near(SCORE("fc2", "input", "loss_delta"), change, 0, 1e-9);
}

Test(sensitivity, is_measured_on_each_finished_training, .init = setup_weights,
     .fini = teardown_weights) {
    char *out =
        expect_both(0, "$Q run train.yaml --db r.db --set repeats=2 --set train.epochs=1 --set "
                       "quant.weights=bitnet158 --set 'sensitivity={candidates: [{scheme: int, "
                       "bits: [2, 4]}, bitnet158], samples: 300}'");
    cr_assert(strstr(out, "by kl_logits (means of 2 runs)") != NULL, "%s", out);
    cr_assert(ask("SELECT count(*) FROM sensitivity WHERE " LAST) == 3 * 3 * 4);
    cr_assert(ask("SELECT count(*) FROM sensitivity s WHERE stderr IS NULL AND method <> "
                  "'sqnr_out' AND " LAST) == 0);
    cr_assert(ask("SELECT nominal_bits FROM candidate WHERE label = 'bitnet158' AND " LAST) ==
              log2(3));
    free(out);
    out = expect_both(0, "$Q info @last --db r.db --json");
    cr_assert(strstr(out, "\"sensitivity\":[{\"candidate\":\"int bits=2\"") != NULL, "%s", out);
    free(out);
}

/* ---- tensors ---- */

Test(tensors, have_the_metrics_of_quantize, .init = setup_weights, .fini = teardown_weights) {
    write_file("t.yaml", "version: 1\nkind: tensors\ndata: {source: {format: safetensors, path: "
                         "w.safetensors, match: '*.weight'}}\nquant: {weights: {scheme: int, bits: "
                         "4, granularity: channel}}\n");
    char *out = expect_both(0, "$Q run t.yaml --db r.db");
    cr_assert(strstr(out, "fc2.weight  weight  int bits=4") != NULL, "%s", out);
    free(out);
    out =
        expect_both(0,
                    "$Q quantize w.safetensors --tensor fc2.weight --scheme int --set bits=4 --set "
                    "granularity=channel --json");
    json_t *o = json_loads(out, 0, NULL);
    cr_assert(ask("SELECT sqnr_db FROM v_layer_wide WHERE layer_name = 'fc2.weight' AND " LAST) ==
              json_number_value(json_object_get(o, "sqnr_db")));
    cr_assert(
        ask("SELECT packed_bytes FROM v_layer_wide WHERE layer_name = 'fc2.weight' AND " LAST) ==
        json_number_value(json_object_get(o, "packed_bytes")));
    json_decref(o);
    free(out);
    double noise =
        ask("SELECT sum(m.value * l.params) / sum(l.params) FROM layer_metric m JOIN layer "
            "l ON l.run = m.run AND l.idx = m.layer WHERE m.name = 'mse' AND m." LAST);
    assert_near(METRIC("mse"), noise, 1e-12, 0);
    free(expect(3, "$Q check t.yaml --set data.source.format=npz"));
    free(expect(4, "$Q check t.yaml --set 'data.source.match=conv*'"));
}

Test(tensors, random_ones_repeat_by_their_seed, .init = setup_weights, .fini = teardown_weights) {
    write_file("t.yaml",
               "version: 1\nkind: tensors\nrepeats: 2\nquant: {weights: {scheme: int, bits: "
               "4}}\n");
    free(expect(0, "$Q run t.yaml --db r.db -q"));
    double second = METRIC("sqnr_db");
    cr_assert(second > 12 && second < 17, "%g dB", second);
    free(expect(0, "$Q run t.yaml --db r.db -q --again --set repeats=1 --set seed=1 --threads 3"));
    cr_assert(METRIC("sqnr_db") == second && ask("SELECT count(DISTINCT value) FROM metric WHERE "
                                                 "name = 'sqnr_db'") == 2);
}
