/*
 * Packed models as a user has them: another process that sees only the file predicts
 * what the run predicted, for every scheme and packer; what is damaged is found.
 */
#include "cli/command.h"

#include "io/safetensors.h"
#include "io/tensor_file.h"
#include "run/evaluate.h"
#include "run/pack_model.h"
#include "util/files.h"
#include "util/hash.h"
#include "util/mem.h"
#include "util/str.h"

/* ---- helpers ---- */

/* The object of a list whose `key` is `value`. */
static const json_t *find(const json_t *list, const char *key, const char *value) {
    size_t i;
    json_t *o;
    json_array_foreach(list, i, o) if (strcmp(text_of(o, key), value) == 0) return o;
    return NULL;
}

static double metric(const json_t *info, const char *name) {
    const json_t *m = find(json_object_get(info, "metrics"), "name", name);
    cr_assert(m != NULL, "no metric %s", name);
    return real_of(m, "value");
}

/* The last metric of that name: `accuracy` and `loss` also have other splits. */
static double test_metric(const json_t *info, const char *name) {
    size_t i;
    json_t *o;
    json_array_foreach(json_object_get(info, "metrics"), i,
                       o) if (strcmp(text_of(o, "name"), name) == 0 &&
                              strcmp(text_of(o, "split"), "test") == 0) return real_of(o, "value");
    return NAN;
}

/* Three layers by tensor, channel and ragged group, scales f32 and f16. */
#define SPEC                                                                                       \
    "version: 1\nkind: qat\nname: p\nseed: 1\n"                                                    \
    "data: {train: {format: glyphs, n: 300}, test: {format: glyphs, n: 150}, batch: 100,\n"        \
    "       normalize: {mean: 0.1307, std: 0.3081}}\n"                                             \
    "model: {type: mlp, hidden: [40, 24]}\n"                                                       \
    "quant:\n"                                                                                     \
    "  weights: {scheme: bitnet158}\n"                                                             \
    "  activations: {scheme: int}\n"                                                               \
    "  rules:\n"                                                                                   \
    "    - {match: fc1, weights: {granularity: tensor}}\n"                                         \
    "    - {match: fc2, weights: {granularity: channel, scale_dtype: f16}}\n"                      \
    "    - {match: fc3, weights: {granularity: group, group_size: 10, ragged: short, "             \
    "scale_dtype: f16}}\n"                                                                         \
    "train: {epochs: 1}\n"

/* The folder of the last run of a database, relative to dir. */
static char *last_run(const char *db) {
    json_t *o = json_of(expect(0, "$Q info @last --db %s --json", db));
    char *folder = str_format("runs/%s", text_of(o, "uid"));
    json_decref(o);
    return folder;
}

static json_t *eval(const char *file, const char *options) {
    return json_of(expect(0, "$Q eval %s --json %s", file, options));
}

/* ---- parity ---- */

/* The run's numbers, another process with the packed file alone, and a third with the
 * latent weights and fake quantization: all the same. */
static void check_run(const char *what) {
    char *folder = last_run("r.db"), *packed = str_format("%s/model.packed.safetensors", folder),
         *latent = str_format("%s/weights.safetensors", folder);
    json_t *run = json_of(expect(0, "$Q info @last --db r.db --json"));
    cr_assert(metric(run, "parity_samples") == 150 && metric(run, "parity_differences") == 0, "%s",
              what);
    json_t *p = eval(packed, "--data '{format: glyphs, n: 150}'");
    json_t *w = json_of(expect(0, "$Q eval %s --json --data s.yaml %s", latent, what));
    cr_assert_str_eq(text_of(p, "format"), "packed");
    cr_assert_str_eq(text_of(w, "format"), "weights");
    cr_assert_str_eq(text_of(p, "logits_sha256"), text_of(w, "logits_sha256"), "%s", what);
    cr_assert_str_eq(text_of(p, "predictions_sha256"), text_of(w, "predictions_sha256"));
    cr_assert(real_of(p, "accuracy") == test_metric(run, "accuracy") &&
                  real_of(p, "loss") == test_metric(run, "loss") && real_of(p, "samples") == 150,
              "%s", what);
    cr_assert(real_of(p, "bits_per_weight") == metric(run, "bits_per_weight"), "%s", what);
    json_decref(run);
    json_decref(p);
    json_decref(w);
    free(folder);
    free(packed);
    free(latent);
}

Test(parity, eval_of_the_packed_file_is_the_run_for_every_scheme_and_packer, .init = setup,
     .fini = teardown) {
    static const char *const more[] = {
        "--set quant.weights.scheme=int --set quant.weights.bits=2",
        "--set quant.weights.scheme=int --set quant.weights.bits=3",
        "--set quant.weights.scheme=int --set quant.weights.bits=4",
        "--set quant.weights.scheme=int --set quant.weights.bits=8",
        ("--set quant.weights.scheme=int --set quant.weights.bits=4 --set "
         "quant.weights.symmetric=false --set quant.weights.round=stochastic"),
        "--set 'quant.skip=[fc2]' --set quant.activations.round=stochastic",
        "--set quant.activations.granularity=group --set quant.activations.group_size=8",
        "--set quant.weights=none --set quant.rules='[]' --set quant.activations=none"};
    int n_schemes, n_packers, runs = 0;
    const char **schemes = registry_names(plugins(), QB_SCHEME, &n_schemes);
    const char **packers = registry_names(plugins(), QB_PACKER, &n_packers);
    write_file("s.yaml", SPEC);
    for (int i = 0; i < n_schemes * n_packers; i++) {
        char *set = str_format("--set quant.weights.scheme=%s --set quant.packer=%s",
                               schemes[i / n_packers], packers[i % n_packers]);
        outcome o = run("$Q run s.yaml --db r.db -q --again %s", set);
        cr_assert(o.exit == 0 || (o.exit == 3 && strstr(o.err, "packer '") != NULL),
                  "%s: exit %d\n%s", set, o.exit, o.err);
        if (o.exit == 0) check_run(set);
        runs += o.exit == 0;
        free_outcome(&o);
        free(set);
    }
    cr_assert(runs >= 3, "%d pairs of scheme and packer", runs);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        free(expect(0, "$Q run s.yaml --db r.db -q --again %s", more[i]));
        check_run(more[i]);
    }
    free(schemes);
    free(packers);
}

/* The file in this process: the logits are those of `eval`, and were made of integers. */
Test(parity, a_packed_network_multiplies_integers, .init = setup, .fini = teardown) {
    static const char *const more[] = {
        "", "--set quant.packer=base3", "--set quant.weights.scheme=binary",
        ("--set 'quant.weights={scheme: int, bits: 4, symmetric: false}' --set "
         "quant.activations.symmetric=false")};
    write_file("s.yaml", SPEC);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        free(expect(0, "$Q run s.yaml --db r.db -q --again %s", more[i]));
        char *folder = last_run("r.db"),
             *file = str_format("%s/%s/model.packed.safetensors", dir, folder), own[65], logits[65];
        json_t *other = eval(file, "--data '{format: glyphs, n: 150}'");
        tensor_file bytes;
        packed_file f;
        packed_model o;
        dataset data;
        evaluation e = {0};
        diags d;
        diags_init(&d);
        cr_assert(tensor_file_open(&bytes, file, &d) == OK && packed_read(&f, &bytes, &d) == OK);
        cr_assert(packed_model_open(&o, &f, plugins(), EVALUATE_ROWS, &d) == OK);
        data_source from = {
            .format = DATA_GLYPHS, .n = 150, .split = GLYPHS_OF_TEST, .mean = o.mean, .std = o.std};
        cr_assert(dataset_load(&from, &d, &data) == OK);
        cr_assert(evaluate(&o.m, &data, &e, &d) == OK);
        for (int k = 0; k < 3; k++)
            cr_assert(o.m.layers[k].integers.products == 1, "layer %d, %s", k, more[i]);
        evaluation_hash(&e, e.n, own, logits);
        cr_assert_str_eq(logits, text_of(other, "logits_sha256"));
        evaluation_free(&e);
        dataset_free(&data);
        packed_model_close(&o);
        diags_fini(&d);
        json_decref(other);
        free(folder);
        free(file);
    }
}

Test(parity, packed_files_are_the_same_bytes_for_any_threads, .init = setup, .fini = teardown) {
    write_file("s.yaml", SPEC);
    char *hash[3];
    for (int i = 0; i < 3; i++) {
        free(expect(0, "$Q run s.yaml --db r.db -q --again --threads %d", i + 1));
        json_t *o = json_of(expect(0, "$Q info @last --db r.db --json"));
        const json_t *a = find(json_object_get(o, "artifacts"), "role", "packed");
        char *file = in_dir(text_of(a, "path")), hex[HASH_HEX];
        diags d;
        diags_init(&d);
        cr_assert(file_hash(file, ERR_INPUT, &d, hex) == OK);
        cr_assert_str_eq(hex, text_of(a, "sha256"), "the store names the hash of the file");
        cr_assert(path_has_suffix(file, "/model.packed.safetensors"));
        hash[i] = mem_strdup(hex);
        diags_fini(&d);
        free(file);
        json_decref(o);
    }
    cr_assert_str_eq(hash[0], hash[1]);
    cr_assert_str_eq(hash[0], hash[2]);
    for (int i = 0; i < 3; i++) free(hash[i]);
}

Test(parity, a_model_that_another_process_cannot_repeat_fails_the_run, .init = setup,
     .fini = teardown) {
    char *fixtures = str_format("%s/tests/fixtures", build_dir()),
         *there = realpath(fixtures, NULL);
    write_file("s.yaml", SPEC);
    outcome o = run("QUANTBENCH_PLUGIN_PATH=%s $Q run s.yaml --db r.db -q --set repeats=2 --set "
                    "quant.weights.scheme=forgetful",
                    there);
    cr_assert(o.exit == 8 && strstr(o.err, " of 150 predictions of the packed model differ from") &&
                  strstr(o.err, "seed 1") && strstr(o.err, "seed 2"),
              "exit %d\n%s", o.exit, o.err);
    free_outcome(&o);
    json_t *run = json_of(expect(0, "$Q info @last --db r.db --json"));
    cr_assert_str_eq(text_of(run, "status"), "failed");
    cr_assert(metric(run, "parity_differences") > 50 && metric(run, "parity_samples") == 150);
    json_decref(run);
    free(expect(0,
                "QUANTBENCH_PLUGIN_PATH=%s $Q run s.yaml --db r.db -q --set "
                "quant.weights.scheme=forgetful --set verify.packed_parity.tolerance=1",
                there));
    refused(5, "was written by scheme 'forgetful' 1.0.0, which is not installed",
            "$Q eval $(ls -d runs/* | head -1)/model.packed.safetensors --data s.yaml");
    free(fixtures);
    free(there);
}

Test(parity, samples_and_tolerance_are_no_part_of_a_runs_identity, .init = setup,
     .fini = teardown) {
    write_file("s.yaml", SPEC);
    free(expect(0, "$Q run s.yaml --db r.db -q --set verify.packed_parity.samples=64"));
    json_t *run = json_of(expect(0, "$Q info @last --db r.db --json"));
    cr_assert(metric(run, "parity_samples") == 64 && metric(run, "parity_differences") == 0);
    json_decref(run);
    outcome o = run("$Q run s.yaml --db r.db --set 'verify={packed_parity: {tolerance: 0.5}}'");
    cr_assert(o.exit == 0 && strstr(o.err, "done before") != NULL, "%s", o.err);
    free_outcome(&o);
    refused(3, "tolerance must be a number in [0, 1]",
            "$Q check s.yaml --set verify.packed_parity.tolerance=2");
    free(expect(
        0, "$Q run s.yaml --db r.db -q --set seed=2; ls runs/* | grep -c parity.npy | grep -qx 0"));
}

/* ---- data of files ---- */

static void write_idx(const char *name, int n, int side) {
    char *images = str_format("%s.images", name), *labels = str_format("%s.labels", name);
    char *paths[] = {in_dir(images), in_dir(labels)};
    for (int k = 0; k < 2; k++) {
        FILE *f = fopen(paths[k], "wb");
        uint8_t head[] = {0, 0, 8, k ? 1 : 3,     0, 0, 0, (uint8_t)n,
                          0, 0, 0, (uint8_t)side, 0, 0, 0, (uint8_t)side};
        fwrite(head, 1, k ? 8 : 16, f);
        for (int i = 0; i < n * (k ? 1 : side * side); i++)
            fputc(k ? i % 3 : (i * 7919 + i / (side * side) % 3 * 60) % 251, f);
        fclose(f);
        free(paths[k]);
    }
    free(images);
    free(labels);
}

Test(parity, the_other_process_reads_the_same_files, .init = setup, .fini = teardown) {
    write_idx("train", 90, 6);
    write_idx("te \"s't\\ \xc3\xa9", 70, 6);
    write_file("s.yaml",
               "version: 1\nkind: qat\nname: p\n"
               "data:\n"
               "  train: {format: idx, images: train.images, labels: train.labels}\n"
               "  test: {format: idx, images: \"te \\\"s't\\\\ \xc3\xa9.images\", labels: \"te "
               "\\\"s't\\\\ \xc3\xa9.labels\", limit: 67}\n"
               "  normalize: {mean: 0.3, std: 0.7}\n"
               "model: {type: mlp, hidden: [8]}\n"
               "quant: {weights: {scheme: int, bits: 4}}\n"
               "train: {epochs: 3}\n");
    free(expect(0, "mkdir deep; cd deep; $Q run ../s.yaml --db ../r.db -q"));
    json_t *run = json_of(expect(0, "$Q info @last --db r.db --json"));
    cr_assert(metric(run, "parity_samples") == 67 && metric(run, "parity_differences") == 0);
    char *folder = last_run("r.db"), *file = str_format("%s/model.packed.safetensors", folder);
    json_t *e = eval(file, "--data s.yaml");
    cr_assert(real_of(e, "accuracy") == test_metric(run, "accuracy") &&
              real_of(e, "loss") == test_metric(run, "loss") && real_of(e, "classes") == 3);
    refused(4, "the model has 36 inputs, a sample has 784 values",
            "$Q eval %s --data '{format: glyphs, n: 5}'", file);
    json_decref(run);
    json_decref(e);
    free(folder);
    free(file);
}

/* ---- eval ---- */

static char *make_model(const char *settings) {
    write_file("s.yaml", SPEC);
    free(expect(0, "$Q run s.yaml --db r.db -q %s", settings));
    char *folder = last_run("r.db");
    free(expect(0,
                "cp %s/model.packed.safetensors m.safetensors; cp %s/weights.safetensors "
                "w.safetensors",
                folder, folder));
    return folder;
}

Test(eval, takes_a_spec_with_settings_or_keys_and_writes_what_it_predicts, .init = setup,
     .fini = teardown) {
    free(make_model(""));
    json_t *a = eval("m.safetensors", "--data s.yaml --set data.test.n=40"),
           *b = eval("m.safetensors",
                     "--data '{format: glyphs, n: 40}' --predictions p.npy --logits "
                     "l.npy");
    cr_assert_str_eq(text_of(a, "logits_sha256"), text_of(b, "logits_sha256"));
    cr_assert(real_of(a, "samples") == 40 && real_of(b, "seconds") > 0);
    tensor_file p = open_tensors("p.npy"), l = open_tensors("l.npy");
    char hex[HASH_HEX];
    cr_assert(p.tensors[0].type == DTYPE_I32 && p.tensors[0].n == 40 && l.tensors[0].n == 400);
    hash_bytes(p.tensors[0].data, 40 * 4, hex);
    cr_assert_str_eq(hex, text_of(b, "predictions_sha256"));
    hash_bytes(l.tensors[0].data, 400 * 4, hex);
    cr_assert_str_eq(hex, text_of(b, "logits_sha256"));
    for (int i = 0; i < 40; i++) {
        int best = 0;
        for (int k = 1; k < 10; k++)
            if (tensor_entry_value(l.tensors, i * 10 + k) >
                tensor_entry_value(l.tensors, i * 10 + best))
                best = k;
        cr_assert(tensor_entry_value(p.tensors, i) == best);
    }
    char *text = expect(0, "$Q eval m.safetensors --data s.yaml");
    cr_assert(strstr(text, "accuracy ") && strstr(text, "samples      150\n"), "%s", text);
    free(text);
    tensor_file_close(&p);
    tensor_file_close(&l);
    json_decref(a);
    json_decref(b);
}

/* Writes m.safetensors without its checks, so that damage reaches what is behind them. */
static void drop_checks(void) {
    tensor_file f = open_tensors("m.safetensors");
    diags d;
    diags_init(&d);
    char *path = in_dir("m.safetensors"), hex[HASH_HEX];
    int64_t bytes;
    named_tensor *list = mem_calloc((size_t)f.n, sizeof *list);
    for (int i = 0; i < f.n; i++) {
        const tensor_entry *t = &f.tensors[i];
        list[i] =
            (named_tensor){.name = t->name, .type = t->type, .n_dims = t->n_dims, .data = t->data};
        memcpy(list[i].shape, t->shape, sizeof t->shape);
    }
    cr_assert(safetensors_write_tensors(path, list, f.n, f.texts, f.n_texts, &d, hex, &bytes) ==
              OK);
    tensor_file_close(&f);
    diags_fini(&d);
    free(list);
    free(path);
}

/* Sets a byte of a tensor in m.safetensors; returns what stood there. */
static uint8_t poke(const char *tensor, int64_t at, uint8_t value) {
    tensor_file f = open_tensors("m.safetensors");
    char *path = in_dir("m.safetensors");
    ptrdiff_t offset = tensor_file_find(&f, tensor)->data - (const uint8_t *)f.bytes + at;
    uint8_t before = (uint8_t)f.bytes[offset];
    FILE *file = fopen(path, "r+b");
    fseek(file, offset, SEEK_SET);
    fputc(value, file);
    fclose(file);
    tensor_file_close(&f);
    free(path);
    return before;
}

static int count_differing(const char *a, const char *b) {
    tensor_file f[2] = {open_tensors(a), open_tensors(b)};
    int n = 0;
    for (int64_t i = 0; i < f[0].tensors->n; i++)
        n += tensor_entry_value(f[0].tensors, i) != tensor_entry_value(f[1].tensors, i);
    tensor_file_close(&f[0]);
    tensor_file_close(&f[1]);
    return n;
}

Test(eval, one_flipped_code_is_seen, .init = setup, .fini = teardown) {
    free(make_model("--set 'quant.weights={scheme: int, bits: 8, narrow_range: false}'"));
    drop_checks();
    json_t *before = eval("m.safetensors", "--data s.yaml --predictions before.npy");
    char *options =
        str_format("--data s.yaml --expect-logits %s", text_of(before, "logits_sha256"));
    json_decref(eval("m.safetensors", options));
    uint8_t code = poke("fc3.weight.codes", 3, 0); /* 8 bits: a byte is a code of 256 */
    poke("fc3.weight.codes", 3, code ^ 0x80);
    refused(8, "the logits have the SHA-256", "$Q eval m.safetensors %s", options);
    for (int i = 0; i < 10 * 24; i++) /* all of the layer: now predictions differ as well */
        if (i != 3) poke("fc3.weight.codes", i, poke("fc3.weight.codes", i, 0) ^ 0x80);
    json_t *after =
        json_of(expect(8, "$Q eval m.safetensors --json --predictions after.npy %s", options));
    cr_assert_str_neq(text_of(after, "logits_sha256"), text_of(before, "logits_sha256"));
    cr_assert_str_neq(text_of(after, "predictions_sha256"), text_of(before, "predictions_sha256"));
    cr_assert(count_differing("before.npy", "after.npy") > 0);
    json_decref(before);
    json_decref(after);
    free(options);
}

Test(eval, bad_input_has_the_right_exit_code, .init = setup, .fini = teardown) {
    free(make_model(""));
    drop_checks();
    refused(2, "eval wants --data", "$Q eval m.safetensors");
    refused(2, "--set goes with a spec",
            "$Q eval m.safetensors --data '{format: glyphs}' --set n=3");
    refused(2, "does not say of which model", "$Q eval w.safetensors --data '{format: glyphs}'");
    refused(2, "64 hexadecimal digits", "$Q eval m.safetensors --data s.yaml --expect-logits abc");
    refused(3, "--data:1:18: error: unknown key 'm'",
            "$Q eval m.safetensors --data '{format: glyphs, m: 3}'");
    refused(3, "unknown format 'glyfs'", "$Q eval m.safetensors --data '{format: glyfs}'");
    refused(4, "No such file", "$Q eval none.safetensors --data s.yaml");
    refused(4, "no such file: 'i'",
            "$Q eval m.safetensors --data '{format: idx, images: i, labels: i}'");
    refused(4,
            "w.safetensors: error: tensor 'fc1.weight' (40, 784) does not fit fc1.weight (41, 784)",
            "$Q eval w.safetensors --data s.yaml --set 'model.hidden=[41, 24]'");
    refused(4, "parameter of the model is not in the file: fc4.weight",
            "$Q eval w.safetensors --data s.yaml --set 'model.hidden=[40, 24, 10]'");
    refused(4, "truncated",
            "head -c 900 m.safetensors > t.safetensors; $Q eval t.safetensors --data s.yaml");
    refused(4, "'model': 'norm' has an unknown value",
            "LC_ALL=C sed s/rmsnorm/rmsmorn/ m.safetensors > t.safetensors; $Q eval "
            "t.safetensors --data s.yaml");
    refused(
        4, "'fc1.weight': its shape is not that of the model's layer",
        "LC_ALL=C sed 's/hidden.\":.40,24/hidden\\\\\":[49,24/' m.safetensors > t.safetensors; $Q eval "
        "t.safetensors --data s.yaml");
    refused(
        4, "that belong to no layer",
        "LC_ALL=C sed 's/quantizer:fc1.input/quantizer:fc9.input/' m.safetensors > t.safetensors; $Q eval "
        "t.safetensors --data s.yaml");
    poke("fc1.weight.codes", 157, 1); /* base3 never writes a 1; row 1 begins there */
    refused(4, "m.safetensors: 'fc1.weight': its packer says that the codes are damaged (code 784)",
            "$Q eval m.safetensors --data s.yaml");
}

/* ---- inspect and quantize ---- */

Test(inspect, shows_how_a_packed_model_is_quantized, .init = setup, .fini = teardown) {
    free(make_model("--set 'quant.skip=[fc2]'"));
    char *text = expect(0, "$Q inspect m.safetensors");
    cr_assert(strstr(text, "packed model: mlp 784-40-24-10, rmsnorm, no biases\n") == text, "%s",
              text);
    free(text);
    json_t *fc1 = json_of(expect(0, "$Q inspect m.safetensors --json | grep fc1.weight")),
           *fc2 = json_of(expect(0, "$Q inspect m.safetensors --json | grep fc2.weight")),
           *fc3 = json_of(expect(0, "$Q inspect m.safetensors --json | grep fc3.weight")),
           *input = json_of(expect(0, "$Q inspect m.safetensors --json | grep fc1.input"));
    cr_assert_str_eq(text_of(fc1, "scheme"), "bitnet158");
    cr_assert_str_eq(text_of(fc1, "packer"), "base3");
    cr_assert(real_of(fc1, "bytes") == 40 * 157 + 4 &&
              near(real_of(fc1, "bits_per_weight"), (40 * 157 + 4) * 8.0 / (40 * 784), 1e-15, 0));
    cr_assert_str_eq(text_of(fc2, "kind"), "float");
    cr_assert(real_of(fc2, "bits_per_weight") == 32);
    cr_assert_str_eq(text_of(fc3, "granularity"), "group");
    cr_assert_str_eq(text_of(fc3, "scale_dtype"), "f16");
    cr_assert(real_of(fc3, "group_size") == 10 && real_of(fc3, "n_groups") == 30);
    cr_assert_str_eq(text_of(input, "kind"), "activation");
    json_decref(fc1);
    json_decref(fc2);
    json_decref(fc3);
    json_decref(input);
}

Test(quantize, writes_a_packed_file_of_tensors, .init = setup, .fini = teardown) {
    free(make_model(""));
    json_t *made =
        json_of(expect(0, "$Q quantize w.safetensors --tensor fc2.weight --scheme int --set "
                          "bits=3 --set granularity=group --set group_size=16 --set "
                          "ragged=short --set scale_dtype=f16 --json -o q.safetensors"));
    json_t *has = json_of(expect(0, "$Q inspect q.safetensors --json"));
    cr_assert_str_eq(text_of(has, "tensor"), "fc2.weight");
    cr_assert_str_eq(text_of(has, "params"), "bits=3 symmetric=true narrow_range=true");
    cr_assert(real_of(has, "bytes") == real_of(made, "packed_bytes") &&
              real_of(has, "bits_per_weight") == real_of(made, "bits_per_weight") &&
              real_of(has, "n_groups") == real_of(made, "n_groups"));
    json_decref(made);
    json_decref(has);
    free(expect(0, "$Q quantize w.safetensors --scheme bitnet158 -q --output all.safetensors && $Q "
                   "inspect all.safetensors --json | wc -l | grep -qx 3"));
    refused(4, "it has tensors but no model", "$Q eval all.safetensors --data s.yaml");
    refused(7, "none/q.safetensors",
            "$Q quantize w.safetensors --scheme int -o none/q.safetensors");
}
