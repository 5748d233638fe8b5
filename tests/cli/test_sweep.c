/*
 * Sweeps as a user runs them: what is skipped, what an interruption leaves behind.
 */
#include "cli/command.h"

#include "cli/fake_data.h"
#include "util/files.h"
#include "util/str.h"

static void setup_sweep(void) {
    setup();
    write_file(
        "s.yaml",
        "version: 1\nkind: qat\nname: s\nrepeats: 3\n"
        "data: {train: {format: glyphs, n: 400}, test: {format: glyphs, n: 100}}\n"
        "model: {type: mlp, hidden: [16]}\ntrain: {epochs: 3}\n"
        "quant: {activations: int}\n"
        "sweep:\n  axes:\n    quant.weights: [bitnet158, {scheme: int, bits: [2, 3, 4, 8]}]\n"
        "    optimizer.lr: [1e-3, 3e-3]\n"
        "  baseline: {quant.weights: none, quant.activations: none}\n");
}

/* All that a run is but its uid and its times, one line a run. */
#define TABLE                                                                                      \
    "sqlite3 %s 'SELECT label, seed, status, accuracy, loss, bits_per_weight, config_key, "        \
    "baseline_key FROM v_run WHERE status = \"done\" ORDER BY label, seed'"

static int number(const char *command) {
    char *out = expect(0, "%s", command);
    int n = atoi(out);
    free(out);
    return n;
}

Test(sweep, one_that_was_killed_goes_on_where_it_was_and_ends_alike, .init = setup_sweep,
     .fini = teardown, .timeout = 120) {
    free(expect(0, "$Q run s.yaml --db whole.db -q"));
    /* killed at several moments: also before the first run and between two */
    for (int tenths = 1; tenths <= 9; tenths += 2) {
        char *kill = str_format("$Q run s.yaml --db r.db -q >/dev/null 2>&1 & pid=$!; sleep 0.%d; "
                                "kill -9 $pid; wait $pid; true",
                                tenths);
        free(expect(0, "%s", kill));
        free(kill);
    }
    int before = number("$Q ls --db r.db --json 2>/dev/null | grep -c '\"done\"' || true");
    outcome o = run_in(dir, "$Q run s.yaml --db r.db");
    cr_assert(o.exit == 0, "%s", o.err);
    int skipped = 0;
    for (const char *at = o.err; (at = strstr(at, "done before as run")) != NULL; at++) skipped++;
    cr_assert(skipped == before, "%d skipped, %d were done", skipped, before);
    free_outcome(&o);
    char *ok = expect(0, "sqlite3 r.db 'PRAGMA integrity_check; PRAGMA foreign_key_check'");
    cr_assert_str_eq(ok, "ok\n");
    free(ok);
    cr_assert(number("sqlite3 r.db \"SELECT count(*) FROM run WHERE status = 'running'\"") == 0);
    cr_assert(number("sqlite3 r.db \"SELECT count(*) FROM run WHERE status = 'done'\"") == 42);
    char *sql =
        str_format(TABLE " > whole.txt; " TABLE " > r.txt; cmp whole.txt r.txt && wc -l < r.txt",
                   "whole.db", "r.db");
    cr_assert(number(sql) == 42);
    free(sql);
}

Test(sweep, two_processes_at_once_do_not_take_each_other_for_dead, .init = setup_sweep,
     .fini = teardown, .timeout = 120) {
    free(expect(0,
                "$Q run s.yaml --db r.db -q >/dev/null & $Q run s.yaml --db r.db -q > /dev/null; "
                "wait"));
    cr_assert(number("sqlite3 r.db \"SELECT count(*) FROM run WHERE status <> 'done'\"") == 0);
    cr_assert(number("sqlite3 r.db \"SELECT count(*) FROM v_done\"") == 42);
}

Test(sweep, the_store_knows_labels_axes_and_twins, .init = setup_sweep, .fini = teardown) {
    free(expect(0, "$Q run s.yaml --db r.db -q --set repeats=1"));
    cr_assert(number("sqlite3 r.db 'SELECT count(*) FROM sweep'") == 1);
    cr_assert(
        number("sqlite3 r.db \"SELECT count(*) FROM v_run WHERE label = 'int bits=3 lr=3e-3'\"") ==
        1);
    cr_assert(
        number(
            "sqlite3 r.db \"SELECT count(*) FROM v_compare_baseline WHERE name = 'accuracy'\"") ==
        10);
    cr_assert(number("sqlite3 r.db \"SELECT count(*) FROM run_param WHERE swept AND key = "
                     "'quant.weights.bits'\"") == 8);
    cr_assert(
        number("sqlite3 r.db \"SELECT count(DISTINCT baseline_key) FROM run WHERE baseline_key "
               "IS NOT NULL\"") == 4);
}

/* Alone and under other names, and in a sweep with other twins. */
Test(sweep, points_that_were_done_before_count_like_the_others, .init = setup_sweep,
     .fini = teardown, .timeout = 120) {
    static const char head[] =
        "version: 1\nkind: qat\nrepeats: 2\n"
        "data: {train: {format: glyphs, n: 400}, test: {format: glyphs, n: 100}}\n"
        "model: {type: mlp, hidden: [16], norm: rmsnorm}\ntrain: {epochs: 3}\n";
    static const char *const rest[][2] = {
        {"alone", "quant: {weights: bitnet158, activations: int}\n"},
        {"twin", "quant: {weights: none, activations: none}\n"},
        {"other",
         "quant: {activations: int}\nsweep:\n  axes: {quant.weights: [{scheme: int, bits: 4}]}\n"
         "  baseline: {quant.weights: none}\n"},
        {"s", "quant: {activations: int}\nsweep:\n"
              "  axes: {quant.weights: [bitnet158, {scheme: int, bits: [2, 4]}]}\n"
              "  baseline: {quant.weights: none, quant.activations: none}\n"}};
    for (int i = 0; i < 4; i++) {
        char *file = str_format("%s.yaml", rest[i][0]);
        char *text = str_format("%sname: %s\n%s", head, rest[i][0], rest[i][1]);
        write_file(file, text);
        free(expect(0, "$Q run %s --db old.db -q", file));
        free(text);
        free(file);
    }
    free(expect(0, "$Q run s.yaml --db new.db -q"));
    static const char *const questions[] = {
        "run s.yaml -q --json 2>&1 | grep -o '\"label\":\"[^\"]*\"'",
        "compare s",
        "query marginals",
        "report -o x.html",
        "query --sql 'SELECT p.label, c.name, c.seed, c.delta FROM v_sweep_point p JOIN "
        "v_compare_baseline c USING (config_key, baseline_key) WHERE p.experiment = \"s\" AND "
        "c.name = \"accuracy\" ORDER BY 1, 2, 3'",
        "query best-per-bits --experiment s --format json | grep -o '\"label\":.*configurations\"'"};
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        char *fresh = expect(0, "QUANTBENCH_DB=new.db $Q %s", questions[i]);
        char *reused = expect(0, "QUANTBENCH_DB=old.db $Q %s", questions[i]);
        cr_expect_str_eq(reused, fresh);
        free(fresh);
        free(reused);
    }
}

Test(sweep, a_failed_point_does_not_stop_the_others_unless_it_is_told_to, .init = setup_sweep,
     .fini = teardown) {
    const char *lr =
        "--set repeats=1 --set 'optimizer={type: sgd, lr: 1}' --set 'optimizer.lr=[1e-3, 1e3]' "
        "--set optimizer.weight_decay=1000 --set train.epochs=40 --set quant.weights=none";
    char *goes = str_format("$Q run s.yaml --db a.db -q %s", lr);
    char *stops = str_format("$Q run s.yaml --db b.db -q %s --set sweep.on_failure=stop", lr);
    free(expect(8, "%s", goes));
    free(expect(8, "%s", stops));
    int all = number("sqlite3 a.db 'SELECT count(*) FROM run'");
    int some = number("sqlite3 b.db 'SELECT count(*) FROM run'");
    cr_assert(all > some && some >= 1, "%d %d", all, some);
    free(goes);
    free(stops);
}

Test(sweep, a_run_whose_folder_is_gone_belongs_to_nobody, .init = setup, .fini = teardown) {
    write_file("s.yaml", SMALL);
    free(expect(0, "$Q run s.yaml --db r.db -q && rm -r runs && sqlite3 r.db \"UPDATE run SET "
                   "status = 'running', replica = NULL\""));
    char *said = expect_both(0, "$Q run s.yaml --db r.db");
    cr_assert(strstr(said, "its process died; recorded as interrupted") != NULL, "%s", said);
    free(said);
}

Test(info, what_a_run_without_an_end_does_not_have_is_a_dash_or_null, .init = setup,
     .fini = teardown) {
    write_file("s.yaml", SMALL);
    free(expect(0,
                "$Q run s.yaml --db r.db -q && sqlite3 r.db \"UPDATE run SET status = 'running', "
                "seconds = NULL, cpu_seconds = NULL, peak_bytes = NULL, replica = NULL\""));
    char *text = expect(0, "$Q info @last --db r.db");
    cr_assert(strstr(text, ", - s, - s of CPU, peak memory -\n") != NULL &&
                  strstr(text, "...  replica -\n") != NULL && strstr(text, "nan") == NULL,
              "%s", text);
    json_t *o = json_of(expect(0, "$Q info @last --db r.db --json"));
    const char *const keys[] = {"seconds", "cpu_seconds", "peak_bytes", "replica"};
    for (int i = 0; i < 4; i++) cr_assert(json_is_null(json_object_get(o, keys[i])), "%s", keys[i]);
    json_decref(o);
    free(text);
}

Test(sweep, a_baseline_under_its_gate_is_exit_8, .init = setup_sweep, .fini = teardown) {
    outcome o =
        run("$Q run s.yaml --db r.db -q --set repeats=1 --set verify.baseline_accuracy=0.999");
    cr_assert(o.exit == 8 && strstr(o.err, "is under verify.baseline_accuracy, 99.90 %"), "%d %s",
              o.exit, o.err);
    free_outcome(&o);
    free(expect(0,
                "$Q run s.yaml --db r.db -q --set repeats=1 --set verify.baseline_accuracy=0.01"));
    free(expect(3, "$Q check s.yaml --set 'sweep={axes: {seed: [1]}}' --set repeats=1 --set "
                   "verify.baseline_accuracy=0.5"));
}

Test(show, its_output_is_the_same_spec, .init = setup_sweep, .fini = teardown) {
    free(expect(0, "$Q show s.yaml --resolved > all.yaml && $Q show s.yaml > given.yaml"));
    free(expect(
        0,
        "for f in s all given; do $Q plan $f.yaml --db no.db --json | sed 's/.*\"config_key\":\"\\([^\"]*\\)\".*/\\1/' > $f.keys; done"));
    free(expect(0, "cmp s.keys all.keys && cmp s.keys given.keys && test $(wc -l < s.keys) = 14"));
    char *out = expect(0, "$Q show s.yaml --resolved --set data.batch=64");
    cr_assert(strstr(out, "  batch: 64  # --set\n") &&
                  strstr(out, "loss: cross_entropy  # default\n") &&
                  strstr(out, "  epochs: 3  # s.yaml:7\n"),
              "%s", out);
    free(out);
}

Test(show, every_spec_is_the_same_experiment_once_it_is_resolved, .init = setup, .fini = teardown) {
    fake_data();
    free(expect(0, "cp -r %s/experiments/* %s/tests/golden/spec_fine/*.yaml .", getenv("PWD"),
                getenv("PWD")));
    char *out = expect(
        0,
        "export QUANTBENCH_DATA=data; for f in *.yaml; do "
        "$Q show --resolved $f > all.yml && mv all.yml all_$f || exit; $Q check -q all_$f || exit; "
        "for s in $f all_$f; do $Q plan $s --db no.db --json | "
        "grep -o '\"[a-z]*_key\":[^,}]*' > $s.keys; done; "
        "cmp $f.keys all_$f.keys && test -s $f.keys || exit; echo $f; done");
    int n = 0;
    for (const char *s = out; (s = strchr(s, '\n')) != NULL; s++) n++;
    cr_assert(n >= 18, "%s", out);
    free(out);
}

Test(show, what_moves_over_the_training_is_a_comment, .init = setup, .fini = teardown) {
    write_file("s.yaml", SMALL);
    const char *show = "$Q show s.yaml --resolved --set quant.ste=";
    char *moves = expect(0, "%stanh", show),
         *stays = expect(0, "%s'{type: tanh, temperature: 0.5}'", show);
    cr_assert(strstr(moves, "\n    # temperature: \"1->0.05\"  # default\n") != NULL, "%s", moves);
    cr_assert(strstr(stays, "\n    temperature: 0.5  # --set\n") != NULL, "%s", stays);
    free(moves);
    free(stays);
}
