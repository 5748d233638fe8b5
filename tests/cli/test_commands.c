/*
 * The other commands, their options and exit codes.
 */
#include "cli/command.h"

#include "cli/cli.h"
#include "io/safetensors.h"
#include "util/files.h"
#include "util/hash.h"
#include "util/mem.h"
#include "util/str.h"

/* ---- quantize, inspect ---- */

static void make_tensors(void) {
    float w[6 * 10], b[6];
    named_floats t[] = {{.name = "fc.weight", .n_dims = 2, .shape = {6, 10}, .data = w},
                        {.name = "fc.bias", .n_dims = 1, .shape = {6}, .data = b}};
    char *path = in_dir("t.safetensors"), hex[HASH_HEX];
    int64_t bytes;
    diags d;
    diags_init(&d);
    fill_gauss(1, w, 60, 1);
    fill_gauss(2, b, 6, 1);
    cr_assert(safetensors_write(path, t, 2, &d, hex, &bytes) == OK);
    free(path);
    diags_fini(&d);
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
    tensor_file c = open_tensors("c.npy"), m = open_tensors("m.npy"), y = open_tensors("d.npy");
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

Test(quantize, a_preset_chooses_the_packer_and_its_parameters, .init = setup, .fini = teardown) {
    static const char *const of[][2] = {{"max_speed", "bits"},
                                        {"balanced", "hybrid"},
                                        {"max_compression", "entropy"}};
    make_tensors();
    for (int i = 0; i < 3; i++) {
        json_t *o = json_of(
            expect(0, "$Q quantize t.safetensors --scheme bitnet158 --json --packer %s", of[i][0]));
        cr_assert_str_eq(text_of(o, "packer"), of[i][1]);
        json_decref(o);
    }
    refused(2, "did you mean 'balanced'?",
            "$Q quantize t.safetensors --scheme bitnet158 --packer balancd");
    write_file("p.yaml", SMALL);
    char *resolved = expect(0, "$Q show p.yaml --resolved --set "
                               "'quant.packer={type: balanced, block_size: 1024}'");
    cr_assert(strstr(resolved, "compression_level: 1") && strstr(resolved, "block_size: 1024"),
              "%s", resolved);
    free(resolved);
    char *shown = expect(0, "$Q plugins show balanced");
    cr_assert(strstr(shown, "{type: hybrid, block_size: 4096, compression_level: 1}") != NULL);
    free(shown);
}

Test(quantize, parameters_of_the_packer_are_set_beside_its_name, .init = setup, .fini = teardown) {
#define QUANTIZE "$Q quantize t.safetensors --tensor fc.bias --scheme bitnet158 "
    make_tensors();
    json_t *a = json_of(expect(0, QUANTIZE "--packer planes --json"));
    json_t *b = json_of(expect(0, QUANTIZE "--packer planes --packer-set alignment=64 --json"));
    cr_assert(real_of(a, "packed_bytes") < 64 + 4 && real_of(b, "packed_bytes") >= 128);
    json_decref(a), json_decref(b);
    free(expect(0, QUANTIZE "--packer balanced --packer-set block_size=1024 "
                            "--packer-set compression_level=0 -o p.safetensors"));
    tensor_file f = open_tensors("p.safetensors");
    const char *how = tensor_file_text(&f, "tensor:fc.bias");
    cr_assert(strstr(how, "\"block_size\":\"1024\"") && strstr(how, "\"compression_level\":\"0\""),
              "%s", how);
    tensor_file_close(&f);
    refused(2,
            "--packer-set:1:11: error: packer 'planes': alignment must be a power of two, got '48'",
            QUANTIZE "--packer planes --packer-set alignment=48");
    refused(2, "did you mean 'alignment'?", QUANTIZE "--packer planes --packer-set algnment=64");
    refused(2, "--packer-set alignment: a key, '=' and a value",
            QUANTIZE "--packer planes --packer-set alignment");
    refused(2, "--packer planes and --packer-set type=bits",
            QUANTIZE "--packer planes --packer-set type=bits");
    refused(2, "it goes with --packer NAME", QUANTIZE "--packer-set alignment=64");
    refused(2, "its parameters go with --packer-set KEY=VALUE",
            QUANTIZE "--packer '{type: planes, alignment: 64}'");
    refused(2, "--set packer.alignment: the packer is no key of the tensor",
            QUANTIZE "--set packer.alignment=64");
    refused(5, "the packer 'wurzelholz' is not installed", QUANTIZE "--packer wurzelholz");
    refused(5, "the scheme 'wurzelholz' is not installed",
            "$Q quantize t.safetensors --scheme wurzelholz");
    refused(2, "--packer:1:10: error: packer 'base3' for its codes: it holds at most three levels",
            "$Q quantize t.safetensors --scheme int --packer base3");
}

Test(quantize, names_that_end_as_another_format_are_refused, .init = setup, .fini = teardown) {
    static const char *const wrong[] = {"-o x.gguf",       "-o x.npz",      "-o x.npy",
                                        "-o x.csv",        "--codes x.npz", "--meta x.safetensors",
                                        "--dequant x.gguf"};
    make_tensors();
    for (int i = 0; i < 7; i++)
        refused(2, i < 4 ? "it is written as safetensors, not as" : "it is written as npy, not as",
                "$Q quantize t.safetensors --tensor fc.bias --scheme int %s", wrong[i]);
    cr_assert(count_files("x.*") == 0);
    free(expect(0, "$Q quantize t.safetensors --scheme int -o x.packed"));
    cr_assert(count_files("x.packed") == 1, "another name is as good");
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
    free(expect(7, "ln -s /dev/full full.npy; $Q quantize t.safetensors --scheme int --tensor "
                   "fc.bias --codes full.npy; s=$?; test -L full.npy && exit $s"));
    outcome o = run("$Q quantize t.safetensors --scheme itn");
    cr_assert(strstr(o.err, "--scheme:1:10: error: unknown scheme 'itn'\n") != NULL &&
                  strstr(o.err, "did you mean 'int'?") != NULL,
              "%s", o.err);
    free_outcome(&o);
}

Test(inspect, deviations_of_the_largest_and_smallest_doubles_are_finite, .init = setup,
     .fini = teardown) {
    const double x[][2] = {{-1e308, 1e308}, {1e300, 3e300}, {1e-300, 3e-300}, {1, 3}};
    for (int i = 0; i < 4; i++) {
        named_tensor t = {.name = "x", .n_dims = 1, .shape = {2}, .type = DTYPE_F64, .data = x[i]};
        char *path = in_dir("x.safetensors"), hex[HASH_HEX];
        int64_t bytes;
        diags d;
        diags_init(&d);
        cr_assert(safetensors_write_tensors(path, &t, 1, NULL, 0, &d, hex, &bytes) == OK);
        json_t *o = json_of(expect(0, "$Q inspect x.safetensors --json"));
        double std = (x[i][1] / 2 - x[i][0] / 2);
        assert_near(real_of(o, "std") / std, 1, 1e-15, 0);
        assert_near(real_of(o, "mean") / std, (x[i][0] / 2 + x[i][1] / 2) / std, 1e-15, 0);
        json_decref(o);
        diags_fini(&d);
        free(path);
    }
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
    char *source = code_block("README.md", "c", 1); /* behind the step of `new-plugin` */
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

Test(plugins, presets_are_json_objects_as_plugins_are, .init = setup, .fini = teardown) {
    const char *const names[] = {"max_speed", "balanced", "max_compression"};
    char *list = expect(0, "$Q plugins list --json"), *rows_of = expect(0, "$Q plugins list");
    int objects = 0, rows = -1; /* the head is no row */
    for (const char *s = list; (s = strchr(s, '\n')) != NULL; s++) objects++;
    for (const char *s = rows_of; (s = strchr(s, '\n')) != NULL; s++) rows++;
    cr_assert(objects == rows, "%d objects, %d rows\n%s", objects, rows, rows_of);
    for (int i = 0; i < 3; i++) {
        json_t *o = json_line(list, objects - 3 + i);
        cr_assert_str_eq(text_of(o, "kind"), "preset");
        cr_assert_str_eq(text_of(o, "name"), names[i]);
        json_decref(o);
    }
    json_t *o = json_of(expect(0, "$Q plugins show balanced --json")),
           *params = json_object_get(o, "params");
    cr_assert_str_eq(text_of(o, "packer"), "hybrid");
    cr_assert_str_eq(text_of(json_array_get(params, 0), "name"), "block_size");
    cr_assert_str_eq(text_of(json_array_get(params, 0), "value"), "4096");
    json_decref(o);
    free(list);
    free(rows_of);
}

Test(plugins, a_folder_whose_name_drives_a_terminal_is_shown_escaped, .init = setup,
     .fini = teardown) {
    char *out =
        expect(0,
               "d=$(printf 'f\\033[31mX') && mkdir \"$d\" && cp %s/%s/plugins/schemes/int.so "
               "\"$d\" && QUANTBENCH_PLUGIN_PATH=\"$d\" $Q plugins show int",
               getenv("PWD"), build_dir());
    cr_assert(strchr(out, 0x1b) == NULL && strstr(out, "f\\x1b[31mX/int.so\n") != NULL, "%s", out);
    free(out);
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
    free(expect(0, "$Q ls --help | grep -q 'this build has: scalar'"));
    refused(2, "QUANTBENCH_SIMD: unknown SIMD level 'avx9'", "QUANTBENCH_SIMD=avx9 $Q version");
    refused(2, "--simd: unknown SIMD level 'avx9'",
            "QUANTBENCH_SIMD=scalar $Q version --simd avx9");
    free(expect(0, "QUANTBENCH_SIMD=avx9 $Q version --simd scalar | grep -q '^scalar kernels'"));
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
                 {"plugins frob", "plugins wants list, show or check"},
                 {"plugins show itn", "did you mean 'int'?"},
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
