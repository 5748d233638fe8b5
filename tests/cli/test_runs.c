/*
 * Specs and their runs: determinism, what is recorded and reported.
 */
#include "cli/command.h"
#include "cli/fake_data.h"

#include <dirent.h>
#include <zlib.h>

#include "io/safetensors.h"
#include "io/tensor_file.h"
#include "simd/cpu.h"
#include "simd/kernels.h"
#include "util/files.h"
#include "util/hash.h"
#include "util/mem.h"
#include "util/str.h"

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

Test(run, weights_are_the_same_bits_at_every_simd_level, .init = setup, .fini = teardown) {
    static const char *const specs[] = {
        SMALL,
        "version: 1\nkind: qat\nname: wide\nmodel: {type: mlp, hidden: [33], norm: rmsnorm}\n"
        "data: {train: {format: glyphs, n: 500}, test: {format: glyphs, n: 200}, batch: 96}\n"
        "quant: {weights: {scheme: int, bits: 3, granularity: group, group_size: 49, ragged: short},\n"
        "        activations: {scheme: int, symmetric: false}}\ntrain: {epochs: 1}\n",
        "version: 1\nkind: qat\nname: levels\nmodel: {type: mlp, hidden: [20]}\n"
        "data: {train: {format: glyphs, n: 500}, test: {format: glyphs, n: 200}, batch: 96}\n"
        "quant: {weights: {scheme: nf4, granularity: channel}, ste: tanh}\ntrain: {epochs: 1}\n"};
    for (int s = 0; s < 3; s++) {
        char folder[32];
        write_file("s.yaml", specs[s]);
        snprintf(folder, sizeof folder, "%d/best", s);
        char *best = weights_of("A=1", "", folder);
        for (int i = 0; simd_level_name(i) != NULL; i++) {
            char environment[64];
            if (simd_level(i, simd_features()) == NULL) continue;
            snprintf(folder, sizeof folder, "%d/%s", s, simd_level_name(i));
            snprintf(environment, sizeof environment, "QUANTBENCH_SIMD=%s", simd_level_name(i));
            char *hash = weights_of(environment, "", folder);
            cr_assert_str_eq(hash, best, "%s", folder);
            char *in_force = expect(0, "$Q query provenance @last --db %s/own.db", folder);
            cr_assert(strstr(in_force, simd_level_name(i)) != NULL, "%s", in_force);
            free(in_force);
            free(hash);
        }
        free(best);
    }
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
    cr_assert(o.exit == 0 && strstr(o.err, "small  seed 1: done before as run ") != NULL &&
                  strstr(o.err, "  small  seed 2\n") != NULL,
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

Test(run, none_is_done_with_numbers_that_are_not_finite, .init = setup, .fini = teardown) {
    write_file("s.yaml", "version: 1\nkind: qat\ndata: {train: {format: glyphs, n: 256}, test: "
                         "{format: glyphs, n: 50}}\nmodel: {type: mlp, hidden: [16]}\n"
                         "optimizer: {type: sgd, lr: 1000, weight_decay: 1000}\n");
    int failed = 0; /* the weights grow 10^6-fold a step: one of the last steps is beyond float */
    for (int steps = 1; steps <= 8; steps++) {
        outcome o = run("$Q run s.yaml --db r.db -q --json --set train.steps=%d", steps);
        cr_assert(o.exit == 0 || o.exit == 8, "steps %d: exit %d", steps, o.exit);
        json_t *line = json_line(o.out, 0);
        cr_assert((o.exit == 0) == json_is_number(json_object_get(line, "loss")), "%s", o.out);
        failed += o.exit == 8;
        json_decref(line);
        free_outcome(&o);
    }
    cr_assert(failed > 0);
}

Test(run, a_signal_ends_it_cleanly_with_exit_9, .init = setup, .fini = teardown) {
    write_file("s.yaml", SMALL);
    outcome o = run("$Q run s.yaml --db r.db -q --set train.epochs=100000 & pid=$!; sleep 1; kill "
                    "-INT $pid; wait $pid");
    cr_assert(o.exit == 9, "exit %d: %s", o.exit, o.err);
    cr_assert(strstr(o.err, "the same command goes on") != NULL, "%s", o.err);
    cr_assert(strstr(o.err, ": quantbench run s.yaml --db r.db -q --set") != NULL, "%s", o.err);
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

Test(report, no_text_of_a_spec_drives_the_terminal_and_no_seed_turns_negative, .init = setup,
     .fini = teardown) {
    write_file("s.yaml", SMALL);
    const char *set = "--db r.db --set seed=18446744073709551615 --set 'quant.rules=[{match: "
                      "\"f\\eX*\", optional: true, weights: {scheme: int, bits: 4}}]'";
    char *plan = expect(0, "$Q plan s.yaml %s", set);
    free(expect(0, "$Q run s.yaml -q %s", set));
    char *info = expect(0, "$Q info @last --db r.db");
    char *check = expect(0, "cp s.yaml 'e\033.yaml'; $Q check 'e\033.yaml'; $Q check 'e\033.yaml' "
                            "--set a=1 2>&1 | cat");
    cr_assert(strchr(check, 0x1b) == NULL && strstr(check, "e\\x1b.yaml: fine") != NULL, "%s",
              check);
    free(check);
    cr_assert(strchr(plan, 0x1b) == NULL && strstr(plan, "  line 1    f\\x1bX*") != NULL, "%s",
              plan);
    cr_assert(strchr(info, 0x1b) == NULL && strstr(info, "f\\x1bX*") != NULL, "%s", info);
    const char *commands[] = {"plan s.yaml --json", "ls --json", "info @last --json"};
    for (int i = 0; i < 3; i++) {
        char *out = expect(0, "$Q %s %s", commands[i], i == 0 ? set : "--db r.db");
        cr_assert(strstr(out, "\"seed\":\"18446744073709551615\"") != NULL, "%s", out);
        free(out);
    }
    free(plan);
    free(info);
}

/* ---- experiments ---- */

Test(experiments, every_file_begins_with_its_question_and_runs, .init = setup, .fini = teardown) {
    fake_data();
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
        const char *shorter = strstr(text, "kind: qat") != NULL
                                  ? "--set train.epochs=1 --set repeats=1 --set "
                                    "verify.baseline_accuracy=0"
                                  : "";
        free(expect(0, "QUANTBENCH_DATA=data $Q run %s/%s --db r.db -q %s %s", getenv("PWD"), path,
                    shorter, fewer));
        free(text);
        free(path);
        n++;
    }
    closedir(folder);
    cr_assert(n >= 10);
    char *out = expect(0, "$Q ls --db r.db --json");
    cr_assert(strstr(out, "\"failed\"") == NULL);
    free(out);
}
