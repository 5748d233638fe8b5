/*
 * The program as a user has it: commands, what they print, exit codes, files.
 */
#include "support/support.h"

#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "cli/cli.h"
#include "io/npy.h"
#include "io/safetensors.h"
#include "util/files.h"
#include "util/hash.h"
#include "util/mem.h"
#include "util/str.h"

/* ---- helpers ---- */

static char *dir; /* of each test */

static void setup(void) {
    dir = temp_dir();
    unsetenv("QUANTBENCH_DB");
}

static void teardown(void) {
    remove_dir(dir);
    free(dir);
}

#define run(...) run_in(dir, __VA_ARGS__)

/* Runs and expects an exit code; returns stdout, free(). */
static char *expect(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static char *expect(int code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *command = str_vformat(fmt, ap);
    va_end(ap);
    outcome o = run("%s", command);
    cr_assert(o.exit == code, "%s\nexit %d, expected %d\n%s%s", command, o.exit, code, o.out,
              o.err);
    free(command);
    free(o.err);
    return o.out;
}

/* Line k of JSON lines. */
static json_t *json_line(const char *text, int k) {
    while (k-- > 0) text = strchr(text, '\n') + 1;
    json_t *o = json_loadb(text, strcspn(text, "\n"), 0, NULL);
    cr_assert(o != NULL, "no JSON: %.80s", text);
    return o;
}

static const char *text_of(const json_t *o, const char *key) {
    return json_string_value(json_object_get(o, key));
}
static double real_of(const json_t *o, const char *key) {
    return json_number_value(json_object_get(o, key));
}

static void write_file(const char *name, const char *text) {
    char *path = path_join(dir, name);
    write_text(path, text);
    free(path);
}

static int count_files(const char *pattern) {
    char *out = expect(0, "ls -d %s 2>/dev/null | wc -l", pattern);
    int n = atoi(out);
    free(out);
    return n;
}

/* A training of a second or less. */
#define SMALL                                                                                      \
    "version: 1\nkind: qat\nname: small\nseed: 1\n"                                                \
    "data: {train: {format: glyphs, n: 500}, test: {format: glyphs, n: 200}, batch: 96}\n"         \
    "model: {type: mlp, hidden: [48]}\n"                                                           \
    "quant: {weights: bitnet158, activations: {scheme: int, round: stochastic}}\n"                 \
    "train: {epochs: 2}\n"

/* ---- errors of specs: golden files written by hand from the contract ---- */

Test(spec_errors, are_those_of_the_golden_files, .init = setup, .fini = teardown) {
    DIR *folder = opendir("tests/golden/spec_errors");
    int n = 0;
    for (struct dirent *e; (e = readdir(folder)) != NULL;) {
        if (!path_has_suffix(e->d_name, ".yaml")) continue;
        char *stem = mem_strndup(e->d_name, strlen(e->d_name) - 5);
        char *expected_path = str_format("tests/golden/spec_errors/%s.expected", stem),
             *expected = read_text(expected_path);
        outcome check = run_in("tests/golden/spec_errors", "$Q check %s", e->d_name);
        cr_assert(check.exit == 3 && *check.out == '\0', "%s: exit %d", e->d_name, check.exit);
        cr_assert_str_eq(check.err, expected);
        outcome ran =
            run_in("tests/golden/spec_errors", "$Q run %s --db %s/none.db", e->d_name, dir);
        cr_assert(ran.exit == 3 && strcmp(ran.err, check.err) == 0, "run and check agree on %s",
                  e->d_name);
        free_outcome(&check);
        free_outcome(&ran);
        free(stem);
        free(expected_path);
        free(expected);
        n++;
    }
    closedir(folder);
    cr_assert(n >= 12, "%d golden specs", n);
    cr_assert(count_files("*") == 0, "nothing has been written");
}

Test(spec_errors, come_as_json_lines_for_editors, .init = setup, .fini = teardown) {
    write_file("s.yaml", SMALL "trian: {}\nloss: mse\n");
    char *out = expect(3, "$Q check s.yaml --json 2>err; s=$?; test ! -s err && exit $s");
    json_t *first = json_line(out, 0), *second = json_line(out, 1);
    cr_assert_str_eq(text_of(first, "message"), "unknown key 'trian'");
    cr_assert(real_of(first, "line") == 9 && real_of(first, "col") == 1 &&
              real_of(first, "width") == 5);
    cr_assert_str_eq(text_of(second, "severity"), "error");
    cr_assert(real_of(second, "line") == 10 &&
              strstr(text_of(second, "message"), "cross_entropy") != NULL);
    json_decref(first);
    json_decref(second);
    free(out);
}

Test(spec_errors, of_set_point_into_the_setting, .init = setup, .fini = teardown) {
    write_file("s.yaml", SMALL);
    outcome o = run("$Q check s.yaml --set quant.activations.scheme=itn");
    cr_assert(o.exit == 3 && strstr(o.err, "--set:1:26: error: unknown scheme 'itn'\n    1 | "
                                           "quant.activations.scheme=itn\n") == o.err,
              "%s", o.err);
    free_outcome(&o);
    o = run("$Q check s.yaml --set quant.weights.bits=3");
    cr_assert(o.exit == 3 && strstr(o.err, "'quant.weights' is no mapping") &&
                  strstr(o.err, "--set 'quant.weights={bits: ...}'"),
              "%s", o.err);
    free_outcome(&o);
}

Test(spec_errors, a_spec_that_cannot_be_read_is_exit_3, .init = setup, .fini = teardown) {
    free(expect(3, "$Q check missing.yaml"));
    free(expect(3, "$Q check ."));
    free(expect(3, "mkfifo f; timeout 2 $Q check f"));
    free(expect(3, ": > empty.yaml; $Q check empty.yaml"));
    free(expect(3, "echo '- a' > list.yaml; $Q check list.yaml"));
    free(expect(3, "head -c 1048577 /dev/zero | tr '\\0' ' ' > large.yaml; $Q check large.yaml"));
}

/* ---- runs ---- */

static char *weights_of(const char *environment, const char *options, const char *folder) {
    free(expect(0,
                "mkdir -p %s && cp s.yaml %s/ && cd %s && env %s $Q run s.yaml --db own.db %s -q > "
                "/dev/null",
                folder, folder, folder, environment, options));
    char *out = expect(0, "$Q info @last --json --db %s/own.db", folder);
    json_t *o = json_line(out, 0);
    char *hash = mem_strdup(text_of(o, "weights_sha256"));
    json_decref(o);
    free(out);
    return hash;
}

Test(run, weights_are_the_same_bits_for_any_threads_folder_and_process, .init = setup,
     .fini = teardown) {
    write_file("s.yaml", SMALL);
    char *first = weights_of("A=1", "--threads 1", "a");
    const char *others[][3] = {{"A=1", "--threads 2", "b"},
                               {"A=1", "--threads 3", "c/d"},
                               {"OMP_NUM_THREADS=5", "", "e"},
                               {"LC_ALL=de_DE.UTF-8 TZ=Asia/Kathmandu", "--again", "a"}};
    for (int i = 0; i < 4; i++) {
        char *hash = weights_of(others[i][0], others[i][1], others[i][2]);
        cr_assert_str_eq(hash, first, "%s %s", others[i][0], others[i][1]);
        free(hash);
    }
    char *seed = weights_of("A=1", "--set seed=2", "f");
    cr_assert_str_neq(seed, first);
    free(seed);
    free(first);
}

Test(run, the_weights_file_has_the_hash_that_the_store_names, .init = setup, .fini = teardown) {
    write_file("s.yaml", SMALL);
    free(expect(0, "mkdir results; $Q run s.yaml -q"));
    char *out = expect(0, "$Q info small --json");
    json_t *o = json_line(out, 0), *file = json_array_get(json_object_get(o, "artifacts"), 1);
    cr_assert_str_eq(text_of(file, "role"), "weights"); /* 0: packed */
    char *path = str_format("%s/results/%s", dir, text_of(file, "path")), hex[HASH_HEX];
    diags d;
    tensor_file f;
    diags_init(&d);
    cr_assert(file_hash(path, ERR_INPUT, &d, hex) == OK);
    cr_assert_str_eq(hex, text_of(o, "weights_sha256"));
    cr_assert_str_eq(hex, text_of(file, "sha256"));
    cr_assert(tensor_file_open(&f, path, &d) == OK && f.n == 2 &&
              strcmp(f.tensors[0].name, "fc1.weight") == 0);
    tensor_file_close(&f);
    diags_fini(&d);
    json_decref(o);
    free(path);
    free(out);
}

Test(run, what_is_done_is_skipped_and_said_and_again_makes_a_replica, .init = setup,
     .fini = teardown) {
    write_file("s.yaml", SMALL);
    free(expect(0, "$Q run s.yaml --db r.db -q"));
    outcome o = run("$Q run s.yaml --db r.db --set repeats=2");
    cr_assert(o.exit == 0 && strstr(o.err, "seed 1: done before as run ") != NULL &&
                  strstr(o.err, "seed 2  (2 of 2)") != NULL,
              "%s", o.err);
    cr_assert(strstr(o.out, "accuracy ") != NULL && strstr(o.out, "2 seeds") != NULL, "%s", o.out);
    free_outcome(&o);
    free(expect(0, "$Q run s.yaml --db r.db --again -q"));
    char *out = expect(0, "$Q ls --db r.db --json");
    json_t *third = json_line(out, 2);
    cr_assert(real_of(third, "seed") == 1);
    char *info = expect(0, "$Q info %s --db r.db --json", text_of(third, "uid"));
    json_t *i = json_line(info, 0);
    cr_assert(real_of(i, "replica") == 1);
    json_decref(third);
    json_decref(i);
    free(info);
    free(out);
}

Test(run, the_store_has_metrics_series_quantizers_settings_and_plugins, .init = setup,
     .fini = teardown) {
    write_file("s.yaml", SMALL);
    free(expect(0, "$Q run s.yaml --db r.db -q --set optimizer.lr=0.002"));
    char *out = expect(0, "$Q info @last --db r.db --json");
    json_t *o = json_line(out, 0);
    cr_assert_str_eq(text_of(o, "status"), "done");
    cr_assert(json_array_size(json_object_get(o, "metrics")) == 8);
    cr_assert(json_array_size(json_object_get(o, "quantizers")) == 4);
    cr_assert(json_array_size(json_object_get(o, "plugins")) == 4);
    const json_t *q = json_array_get(json_object_get(o, "quantizers"), 0), *p = NULL;
    cr_assert_str_eq(text_of(q, "packer"), "base3");
    cr_assert(real_of(q, "bits_per_weight") > 1.6 && real_of(q, "bits_per_weight") < 1.7 &&
              real_of(q, "sqnr_db") > 3);
    size_t k;
    bool found = false;
    json_array_foreach(json_object_get(o, "params"), k, p) {
        if (strcmp(text_of(p, "key"), "optimizer.lr") != 0) continue;
        found =
            strcmp(text_of(p, "given"), "0.002") == 0 && strcmp(text_of(p, "used"), "0.002") == 0;
    }
    cr_assert(found);
    json_decref(o);
    free(out);
    free(expect(0, "$Q info @last --db r.db | grep -q 'quantizers'"));
}

Test(run, one_that_diverges_is_recorded_and_the_others_go_on, .init = setup, .fini = teardown) {
    write_file("s.yaml", "version: 1\nkind: qat\nname: d\nrepeats: 2\ndata: {train: {format: "
                         "glyphs, n: 300}, test: {format: glyphs, n: 50}}\n"
                         "model: {type: mlp, hidden: [16]}\noptimizer: {type: sgd, lr: 1000, "
                         "weight_decay: 1000}\ntrain: {steps: 400}\n");
    outcome o = run("$Q run s.yaml --db r.db -q");
    cr_assert(o.exit == 8, "exit %d", o.exit);
    cr_assert(strstr(o.err, "diverged: the loss is not finite at step") != NULL &&
                  strstr(o.err, "hint: a lower optimizer.lr") != NULL,
              "%s", o.err);
    free_outcome(&o);
    char *out = expect(0, "$Q ls --db r.db --json");
    json_t *a = json_line(out, 0), *b = json_line(out, 1);
    cr_assert_str_eq(text_of(a, "status"), "failed");
    cr_assert_str_eq(text_of(b, "status"), "failed");
    cr_assert(strstr(text_of(b, "error"), "diverged") != NULL);
    json_decref(a);
    json_decref(b);
    free(out);
}

Test(run, a_signal_ends_it_cleanly_with_exit_9, .init = setup, .fini = teardown) {
    write_file("s.yaml", SMALL);
    outcome o = run("$Q run s.yaml --db r.db -q --set train.epochs=100000 & pid=$!; sleep 1; kill "
                    "-INT $pid; wait $pid");
    cr_assert(o.exit == 9, "exit %d: %s", o.exit, o.err);
    cr_assert(strstr(o.err, "the same command goes on") != NULL, "%s", o.err);
    free_outcome(&o);
    char *out = expect(0, "$Q ls --db r.db --json");
    cr_assert(strstr(out, "\"status\":\"interrupted\"") != NULL, "%s", out);
    free(out);
}

Test(run, checking_and_planning_write_nothing, .init = setup, .fini = teardown) {
    write_file("s.yaml", SMALL);
    free(expect(0, "$Q check s.yaml"));
    char *out = expect(0, "$Q plan s.yaml --json --db r.db");
    json_t *o = json_line(out, 0);
    cr_assert(json_array_size(json_object_get(o, "layers")) == 2 && real_of(o, "steps") == 12);
    json_decref(o);
    free(out);
    cr_assert(count_files("*") == 1);
    free(
        expect(0,
               "$Q run s.yaml --db r.db -q; $Q plan s.yaml --db r.db | grep -q 'seed 1 *done as'"));
}

/* ---- quantize, inspect ---- */

static void make_tensors(void) {
    float w[6 * 10], b[6];
    named_floats t[] = {{.name = "fc.weight", .n_dims = 2, .shape = {6, 10}, .data = w},
                        {.name = "fc.bias", .n_dims = 1, .shape = {6}, .data = b}};
    char *path = path_join(dir, "t.safetensors"), hex[HASH_HEX];
    int64_t bytes;
    diags d;
    diags_init(&d);
    fill_gauss(1, w, 60, 1);
    fill_gauss(2, b, 6, 1);
    cr_assert(safetensors_write(path, t, 2, &d, hex, &bytes) == OK);
    free(path);
    diags_fini(&d);
}

static tensor_file open_npy(const char *name, diags *d) {
    tensor_file f;
    char *path = path_join(dir, name);
    cr_assert(tensor_file_open(&f, path, d) == OK);
    free(path);
    return f;
}

Test(quantize, prints_metrics_and_writes_codes_metadata_and_values, .init = setup,
     .fini = teardown) {
    make_tensors();
    char *out = expect(0, "$Q quantize t.safetensors --scheme int --set bits=4 --set "
                          "granularity=group --set group_size=4 --set ragged=short"
                          " --set scale_dtype=f16 --tensor '*weight' --json --codes c.npy --meta "
                          "m.npy --dequant d.npy");
    json_t *o = json_line(out, 0);
    diags d;
    diags_init(&d);
    tensor_file c = open_npy("c.npy", &d), m = open_npy("m.npy", &d), y = open_npy("d.npy", &d);
    char hex[HASH_HEX];
    cr_assert_str_eq(text_of(o, "tensor"), "fc.weight");
    cr_assert(real_of(o, "n_groups") == 18 && real_of(o, "n_levels") == 15 &&
              real_of(o, "n") == 60);
    cr_assert(real_of(json_object_get(o, "params"), "bits") == 4);
    cr_assert(real_of(o, "packed_bytes") == 6 * 5 + 18 * 2);
    assert_near(real_of(o, "bits_per_weight"), 66 * 8 / 60.0, 1e-12, 0);
    cr_assert(c.tensors[0].type == DTYPE_U8 && c.tensors[0].shape[1] == 10 &&
              m.tensors[0].shape[0] == 18 && m.tensors[0].shape[1] == 1);
    hash_bytes(c.tensors[0].data, 60, hex);
    cr_assert_str_eq(hex, text_of(o, "codes_sha256"));
    for (int i = 0; i < 60; i++) {
        double scale = tensor_entry_value(&m.tensors[0], i / 10 * 3 + i % 10 / 4);
        cr_assert(tensor_entry_value(&y.tensors[0], i) ==
                  (float)((tensor_entry_value(&c.tensors[0], i) - 7) * scale));
    }
    tensor_file_close(&c), tensor_file_close(&m), tensor_file_close(&y);
    diags_fini(&d);
    json_decref(o);
    free(out);
    out = expect(0, "$Q quantize t.safetensors --scheme bitnet158 --json");
    o = json_line(out, 1);
    cr_assert_str_eq(text_of(o, "packer"), "base3");
    json_decref(o);
    free(out);
}

Test(quantize, bad_input_has_the_right_exit_code, .init = setup, .fini = teardown) {
    make_tensors();
    free(expect(2, "$Q quantize t.safetensors"));
    free(expect(2, "$Q quantize t.safetensors --scheme itn"));
    free(expect(2, "$Q quantize t.safetensors --scheme int --set bits=99"));
    free(expect(2, "$Q quantize t.safetensors --scheme int --set bist=4"));
    free(expect(
        2, "$Q quantize t.safetensors --scheme int --set granularity=group --set group_size=4"));
    free(expect(2, "$Q quantize t.safetensors --scheme int --packer base3"));
    free(expect(2, "$Q quantize t.safetensors --scheme int --codes c.npy"));
    free(expect(4, "$Q quantize t.safetensors --scheme int --tensor 'conv*'"));
    free(expect(4, "$Q quantize missing.safetensors --scheme int"));
    free(expect(4, "echo x > x.npy; $Q quantize x.npy --scheme int"));
    free(expect(4, "echo x > x.bin; $Q quantize x.bin --scheme int"));
    free(
        expect(7, "$Q quantize t.safetensors --scheme int --tensor fc.bias --codes nowhere/c.npy"));
    outcome o = run("$Q quantize t.safetensors --scheme itn");
    cr_assert(strstr(o.err, "--scheme:1:10: error: unknown scheme 'itn'\n") != NULL &&
                  strstr(o.err, "did you mean 'int'?") != NULL,
              "%s", o.err);
    free_outcome(&o);
}

Test(inspect, lists_tensors_with_their_ranges, .init = setup, .fini = teardown) {
    make_tensors();
    char *out = expect(0, "$Q inspect t.safetensors --json");
    json_t *o = json_line(out, 1);
    cr_assert_str_eq(text_of(o, "tensor"), "fc.weight");
    cr_assert_str_eq(text_of(o, "dtype"), "F32");
    cr_assert(real_of(o, "n") == 60 && real_of(o, "bytes") == 240 && real_of(o, "min") < 0 &&
              real_of(o, "non_finite") == 0);
    json_decref(o);
    free(out);
    free(expect(0, "$Q inspect t.safetensors | grep -q 'fc.bias .*(6)'"));
}

/* ---- plugins ---- */

/* Code block k (from 0) of a language in a Markdown file. */
static char *code_block(const char *path, const char *language, int k) {
    char *text = read_text(path), *fence = str_format("\n```%s\n", language), *at = text;
    for (; k >= 0; k--) {
        at = strstr(at, fence);
        cr_assert(at != NULL, "%s has no more %s blocks", path, language);
        at += strlen(fence);
    }
    char *block = mem_strndup(at, (size_t)(strstr(at, "\n```") + 1 - at));
    free(text);
    free(fence);
    return block;
}

Test(plugins, the_hello_of_the_readme_compiles_out_of_tree_and_runs, .init = setup,
     .fini = teardown) {
    char *source = code_block("README.md", "c", 0);
    write_file("hello.c", source);
    make_tensors();
    free(expect(0,
                "gcc -std=c11 -Wall -Wextra -Werror -O3 -ffp-contract=off -fPIC -shared -I "
                "%s/core/include hello.c -o hello.so",
                getenv("PWD")));
    char *out = expect(0, "QUANTBENCH_PLUGIN_PATH=. $Q plugins show hello");
    cr_assert(strstr(out, "scheme hello 1.0.0 - symmetric integers, max-abs scale") == out, "%s",
              out);
    free(out);
    char *ours =
        expect(0, "$Q quantize t.safetensors --scheme int --set bits=4 --tensor fc.weight --json");
    char *theirs = expect(0, "QUANTBENCH_PLUGIN_PATH=. $Q quantize t.safetensors --scheme hello "
                             "--tensor fc.weight --json");
    json_t *a = json_line(ours, 0), *b = json_line(theirs, 0);
    cr_assert_str_eq(text_of(a, "codes_sha256"), text_of(b, "codes_sha256"));
    json_decref(a);
    json_decref(b);
    write_file("s.yaml", SMALL);
    free(expect(0, "QUANTBENCH_PLUGIN_PATH=. $Q run s.yaml --db r.db -q --set "
                   "'quant.weights={scheme: hello, bits: 3}'"));
    free(ours);
    free(theirs);
    free(source);
}

Test(plugins, listing_and_showing_call_no_plugin_function, .init = setup, .fini = teardown) {
    write_file(
        "deadly.c",
        "#include <quantbench/plugin.h>\n#include <stdlib.h>\n"
        "typedef struct deadly { int64_t a; } deadly;\n"
        "static const qb_param params[] = {QB_PARAM_INT(deadly, a, 1, 0, 9, \"\", \"a number\")};\n"
        "static qb_status init(void *s, const qb_host *h, const qb_site *i, qb_scheme_info *f) { "
        "(void)s, (void)h, (void)i, (void)f; abort(); }\n"
        "static void fit(const void *s, const float *x, int64_t g, int64_t n, float *m) { (void)s, "
        "(void)x, (void)g, (void)n, (void)m; abort(); }\n"
        "static const qb_scheme table = {.size = sizeof table, .init = init, .fit = fit};\n"
        "QB_SCHEME_PLUGIN(deadly, params, table, .name = \"deadly\", .version = \"1.0.0\", "
        ".summary = \"dies\");\n");
    free(expect(0, "gcc -fPIC -shared -I %s/core/include deadly.c -o deadly.so", getenv("PWD")));
    free(expect(0, "QUANTBENCH_PLUGIN_PATH=. $Q plugins list | grep -q 'scheme *deadly'"));
    free(expect(
        0,
        "QUANTBENCH_PLUGIN_PATH=. $Q plugins show deadly | grep -q 'an integer 0..9, default 1'"));
}

Test(plugins, one_that_does_not_load_is_exit_5_where_it_is_wanted, .init = setup,
     .fini = teardown) {
    write_file("broken.so", "no plugin");
    write_file("s.yaml", SMALL);
    outcome o = run("QUANTBENCH_PLUGIN_PATH=. $Q check s.yaml --set quant.weights=broken");
    cr_assert(o.exit == 5 && strstr(o.err, "scheme 'broken' could not be loaded") &&
                  strstr(o.err, "not an ELF shared object"),
              "%d %s", o.exit, o.err);
    free_outcome(&o);
    free(expect(0, "QUANTBENCH_PLUGIN_PATH=. $Q check s.yaml"));
    o = run("QUANTBENCH_PLUGIN_PATH=. $Q plugins list");
    cr_assert(o.exit == 5 && strstr(o.out, "bitnet158") != NULL &&
                  strstr(o.err, "broken.so: not an ELF"),
              "%s", o.err);
    free_outcome(&o);
}

/* ---- the rest of the command line ---- */

Test(cli, every_verb_and_the_spec_have_help_on_stdout, .init = setup, .fini = teardown) {
    for (int i = 0; i < cli_n_verbs; i++) {
        char *a = expect(0, "$Q %s --help", cli_verbs[i]->name),
             *b = expect(0, "$Q help %s", cli_verbs[i]->name);
        cr_assert_str_eq(a, b);
        cr_assert(strstr(a, cli_verbs[i]->summary) != NULL);
        for (int k = 0; cli_verbs[i]->options[k].name != NULL; k++)
            cr_assert(strstr(a, cli_verbs[i]->options[k].name) != NULL);
        free(a);
        free(b);
    }
    free(expect(0, "$Q help spec | grep -q weight_decay"));
    free(expect(0, "$Q --help | grep -q quantize"));
    free(expect(0, "$Q version --json | grep -q '\"abi_major\":1'"));
}

Test(cli, usage_errors_are_exit_2_with_a_suggestion, .init = setup, .fini = teardown) {
    const struct {
        const char *words, *says;
    } cases[] = {{"rnu s.yaml", "did you mean 'run'?"},
                 {"run", "run wants SPEC"},
                 {"run a b", "one word too many: 'b'"},
                 {"run s.yaml --agian", "did you mean '--again'?"},
                 {"run s.yaml --set", "--set wants a value"},
                 {"run s.yaml --threads 0", "[1, 1024]"},
                 {"run s.yaml --threads=many", "--threads must be an integer"},
                 {"ls --simd avx9", "unknown SIMD level 'avx9'"},
                 {"plugins frob", "plugins wants list or show"},
                 {"plugins show itn", "did you mean 'int'?"},
                 {"bench frob", "bench wants train"},
                 {"help frob", "no help for 'frob'"},
                 {"run s.yaml --quiet=1", "--quiet takes no value"},
                 {"run s.yaml --set novalue", "a key, '=' and a value"}};
    write_file("s.yaml", SMALL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        outcome o = run("$Q %s", cases[i].words);
        cr_assert(o.exit == 2 && strstr(o.err, cases[i].says) != NULL, "%s: exit %d\n%s",
                  cases[i].words, o.exit, o.err);
        cr_assert(*o.out == '\0');
        free_outcome(&o);
    }
    outcome o = run("$Q");
    cr_assert(o.exit == 2 && strstr(o.err, "usage:") != NULL);
    free_outcome(&o);
}

Test(cli, output_that_does_not_arrive_is_exit_7, .init = setup, .fini = teardown) {
    free(expect(7, "$Q plugins list > /dev/full"));
}

Test(cli, the_database_is_where_it_is_said_to_be, .init = setup, .fini = teardown) {
    write_file("s.yaml", SMALL);
    free(expect(6, "$Q ls --db none.db"));
    free(expect(6, "$Q run s.yaml --db nowhere/r.db"));
    free(expect(6, "echo text > t.db; $Q run s.yaml --db t.db"));
    free(expect(0, "QUANTBENCH_DB=e.db $Q run s.yaml -q && test -f e.db"));
    free(expect(
        0, "XDG_DATA_HOME=$PWD/data $Q run s.yaml -q && test -f data/quantbench/quantbench.db"));
    free(expect(0, "mkdir results && $Q run s.yaml -q && test -f results/quantbench.db"));
    free(expect(6, "$Q info nothing"));
}

Test(bench, train_prints_speed_and_phases_of_both_networks, .init = setup, .fini = teardown) {
    char *out = expect(0, "$Q bench train --seconds 1 --json");
    for (int i = 0; i < 2; i++) {
        json_t *o = json_line(out, i);
        const json_t *phases = json_object_get(o, "phases_ms");
        cr_assert_str_eq(text_of(o, "network"), i == 0 ? "float" : "bitnet158");
        cr_assert(real_of(o, "samples_per_second") > 0 && real_of(o, "batch") == 128 &&
                  real_of(o, "steps") >= 20);
        cr_assert(json_object_size(phases) == 5 && real_of(phases, "backward") > 0);
        cr_assert((real_of(phases, "quantize") > 0) == (i == 1));
        json_decref(o);
    }
    free(out);
    write_file("s.yaml", SMALL);
    free(expect(0, "$Q bench train s.yaml --seconds 1 | grep -q small"));
}

/* ---- experiments ---- */

/* A tiny stand-in for MNIST: 64 images of 28 x 28 whose class is where they are light. */
static void fake_mnist(void) {
    uint8_t images[16 + 64 * 784] = {0, 0, 8, 3, 0, 0, 0, 64, 0, 0, 0, 28, 0, 0, 0, 28},
                             labels[8 + 64] = {0, 0, 8, 1, 0, 0, 0, 64};
    for (int i = 0; i < 64; i++) {
        labels[8 + i] = (uint8_t)(i % 10);
        memset(images + 16 + i * 784 + i % 10 * 78, 200, 78);
    }
    free(expect(0, "mkdir -p data/mnist"));
    const char *names[] = {"train-images-idx3", "train-labels-idx1", "t10k-images-idx3",
                           "t10k-labels-idx1"};
    for (int i = 0; i < 4; i++) {
        char *path = str_format("%s/data/mnist/%s-ubyte.gz", dir, names[i]);
        gzFile gz = gzopen(path, "wb");
        if (i % 2 == 0)
            gzwrite(gz, images, sizeof images);
        else
            gzwrite(gz, labels, sizeof labels);
        gzclose(gz);
        free(path);
    }
}

Test(experiments, every_file_begins_with_its_question_and_runs, .init = setup, .fini = teardown) {
    fake_mnist();
    DIR *folder = opendir("experiments");
    int n = 0;
    for (struct dirent *e; (e = readdir(folder)) != NULL;) {
        if (!path_has_suffix(e->d_name, ".yaml")) continue;
        char *path = str_format("experiments/%s", e->d_name), *text = read_text(path);
        cr_assert(text[0] == '#' && memchr(text, '?', 160) != NULL, "%s begins with a question",
                  path);
        cr_assert(strstr(text, "# Data: ") != NULL, "%s says where its data comes from", path);
        const char *fewer = strstr(text, "format: glyphs") != NULL
                                ? "--set data.train.n=300 --set data.test.n=100"
                                : "";
        free(expect(0,
                    "QUANTBENCH_DATA=data $Q run %s/%s --db r.db -q --set train.epochs=1 --set "
                    "repeats=1 %s",
                    getenv("PWD"), path, fewer));
        free(text);
        free(path);
        n++;
    }
    closedir(folder);
    cr_assert(n >= 5);
    char *out = expect(0, "$Q ls --db r.db --json");
    cr_assert(strstr(out, "\"failed\"") == NULL);
    free(out);
}
