/*
 * query, compare and ls as a user has them, on a database with known numbers
 * (tests/support/results.h).
 */
#include "cli/command.h"
#include "support/results.h"

#include <sqlite3.h>

#include "report/query.h"
#include "util/files.h"
#include "util/str.h"

/* r.db is the study. */
static void setup_study(void) {
    setup();
    char *path = in_dir("r.db");
    results_make_study(path);
    setenv("QUANTBENCH_DB", path, 1);
    free(path);
}

/* Exit 2, a message with these words on stderr and nothing on stdout. */
static void refuses(const char *words, const char *says) {
    outcome o = run("$Q %s", words);
    cr_assert(o.exit == 2 && *o.out == '\0' && strstr(o.err, says) != NULL, "%s\nexit %d\n%s%s",
              words, o.exit, o.out, o.err);
    free_outcome(&o);
}

/* The JSON lines of a command as an array. */
static json_t *table_of(const char *words) {
    char *out = expect(0, "$Q %s --format json", words);
    json_t *list = json_array();
    for (char *line = out; *line != '\0'; line = strchr(line, '\n') + 1) {
        json_t *o = json_loadb(line, strcspn(line, "\n"), 0, NULL);
        cr_assert(o != NULL, "no JSON: %.80s", line);
        json_array_append_new(list, o);
    }
    free(out);
    return list;
}

static const char *text_at(const json_t *list, int row, const char *key) {
    return text_of(json_array_get(list, (size_t)row), key);
}
static double real_at(const json_t *list, int row, const char *key) {
    const json_t *v = json_object_get(json_array_get(list, (size_t)row), key);
    cr_assert(v != NULL, "row %d has no %s", row, key);
    return json_is_null(v) ? (double)NAN : json_number_value(v);
}

/* A number that --sql finds. */
static double value_of(const char *expression, const char *from) {
    char *words = str_format("query --sql \"SELECT %s AS v FROM %s\"", expression, from);
    json_t *list = table_of(words);
    double v = real_at(list, 0, "v");
    json_decref(list);
    free(words);
    return v;
}

/* ---- functions: definitions in core/store/functions.h, numbers by hand ---- */

#define VALUES(list) "(VALUES " list ")"

Test(functions, median_is_the_middle_or_the_mean_of_the_two, .init = setup_study,
     .fini = teardown) {
    cr_assert(value_of("median(column1)", VALUES("(3), (1), (50.0), (2.5), (4), (2), (3.5)")) == 3);
    cr_assert(value_of("median(column1)", VALUES("(4), (1), (NULL), (2), (10)")) == 3);
    cr_assert(value_of("median(column1)", VALUES("(7)")) == 7);
    cr_assert(isnan(value_of("median(column1)", VALUES("(NULL)"))));
    cr_assert(isnan(value_of("median(seed)", "run WHERE 0")));
}

/* The quartiles of x = 1 2 2.5 3 3.5 4 50 by type 7 are 2.25 and 3.75 (numpy agrees). */
Test(functions, percentile_is_linear_between_values, .init = setup_study, .fini = teardown) {
#define X VALUES("(50), (1), (2), (2.5), (NULL), (3), (3.5), (4)")
    cr_assert(value_of("percentile(column1, 25)", X) == 2.25);
    cr_assert(value_of("percentile(column1, 75)", X) == 3.75);
    cr_assert(value_of("percentile(column1, 0)", X) == 1);
    cr_assert(value_of("percentile(column1, 100)", X) == 50);
    assert_near(value_of("percentile(column1, 95)", X), 4 + 0.7 * 46, 1e-15, 0);
    cr_assert(isnan(value_of("percentile(column1, 50)", VALUES("(NULL)"))));
    refuses("query --sql 'SELECT percentile(seed, 101) FROM run'", "p in [0, 100]");
    refuses("query --sql 'SELECT percentile(seed, seed) FROM run'", "the same p for all rows");
}

Test(functions, stddev_samp_divides_by_n_minus_1, .init = setup_study, .fini = teardown) {
    assert_near(value_of("stddev_samp(column1)", VALUES("(1), (2), (NULL), (3), (4)")),
                sqrt(5.0 / 3), 1e-15, 0);
    assert_near(value_of("stddev_samp(column1)", VALUES("(1e9 + 1), (1e9 + 2), (1e9 + 3)")), 1, 0,
                0);
    cr_assert(isnan(value_of("stddev_samp(column1)", VALUES("(5)"))));
    refuses("query --sql 'SELECT stddev_samp(uid) FROM run'", "of a value that is no number");
}

/* ---- named queries ---- */

Test(query, alone_lists_all_of_them_and_each_runs, .init = setup_study, .fini = teardown) {
    json_t *list = table_of("query"), *same = table_of("query --list");
    cr_assert(json_equal(list, same) && json_array_size(list) == (size_t)n_named_queries);
    for (int i = 0; i < n_named_queries; i++) {
        const named_query *q = &named_queries[i];
        cr_assert_str_eq(text_at(list, i, "name"), q->name);
        char *readme = read_text("results/README.md"), *entry = str_format("`%s`", q->name);
        cr_assert(strstr(readme, entry) != NULL, "results/README.md has no %s", entry);
        free(readme);
        free(entry);
        const char *words = q->min_words == 2 ? "@2 @last" : q->min_words == 1 ? "@last" : "";
        for (int f = 0; rows_format_names[f] != NULL; f++)
            free(expect(0, "$Q query %s %s --format %s", q->name, words, rows_format_names[f]));
    }
    json_decref(list);
    json_decref(same);
}

Test(query, best_per_bits_has_the_best_mean_of_each_number_of_bits, .init = setup_study,
     .fini = teardown) {
    json_t *t = table_of("query best-per-bits");
    cr_assert(json_array_size(t) == 3);
    cr_assert(real_at(t, 0, "bits") == 2 && real_at(t, 1, "bits") == 4 &&
              real_at(t, 2, "bits") == 32);
    cr_assert_str_eq(text_at(t, 0, "label"), "bits=2 lr=0.1");
    cr_assert_str_eq(text_at(t, 1, "label"), "bits=4 lr=0.1");
    cr_assert(real_at(t, 0, "configurations") == 2 && real_at(t, 2, "configurations") == 1);
    cr_assert(real_at(t, 0, "n") == 3 && real_at(t, 0, "bits_per_weight") == 2.04);
    assert_near(real_at(t, 0, "mean"), 0.92, 1e-12, 0);
    assert_near(real_at(t, 0, "sd"), 0.02, 1e-9, 0);
    json_decref(t);
    t = table_of("query best-per-bits --bucket 0 --metric loss --experiment study");
    cr_assert(real_at(t, 0, "bits") == 2.04);
    assert_near(real_at(t, 0, "mean"), 0.08, 1e-12, 0); /* the lowest loss is the best */
    json_decref(t);
    t = table_of("query best-per-bits --bucket 100");
    cr_assert(json_array_size(t) == 1);
    cr_assert_str_eq(text_at(t, 0, "label"), "float");
    json_decref(t);
}

Test(query, marginals_average_the_configurations_that_share_a_value, .init = setup_study,
     .fini = teardown) {
    json_t *t = table_of("query marginals");
    const struct {
        const char *setting, *value;
        double mean, sd, runs;
    } rows[] = {{"bits", "4", (2.92 / 3 + 0.96) / 2, (2.92 / 3 - 0.96) / sqrt(2), 6},
                {"bits", "2", 0.86, 0.12 / sqrt(2), 4},
                {"lr", "0.1", (2.92 / 3 + 0.92) / 2, (2.92 / 3 - 0.92) / sqrt(2), 6},
                {"lr", "0.2", 0.88, 0.16 / sqrt(2), 4}};
    cr_assert(json_array_size(t) == 4, "the baseline has no swept value");
    for (int i = 0; i < 4; i++) {
        cr_assert_str_eq(text_at(t, i, "setting"), rows[i].setting);
        cr_assert_str_eq(text_at(t, i, "value"), rows[i].value);
        assert_near(real_at(t, i, "mean"), rows[i].mean, 1e-12, 0);
        assert_near(real_at(t, i, "median"), rows[i].mean, 1e-12, 0);
        assert_near(real_at(t, i, "sd"), rows[i].sd, 1e-9, 0);
        cr_assert(real_at(t, i, "runs") == rows[i].runs && real_at(t, i, "configurations") == 2);
    }
    json_decref(t);
}

static const json_t *row_named(const json_t *t, const char *what, const char *name) {
    size_t i;
    const json_t *row;
    json_array_foreach(t, i, row) {
        if (strcmp(text_at(t, (int)i, "what"), what) == 0 &&
            strcmp(text_at(t, (int)i, "name"), name) == 0)
            return row;
    }
    return NULL;
}

/* @14 is the first run (float, seed 1), @3 is bits=2 lr=0.1, seed 3. */
Test(query, diff_has_the_settings_that_differ_and_the_metrics_of_both, .init = setup_study,
     .fini = teardown) {
    json_t *t = table_of("query diff @14 @3");
    const json_t *bits = row_named(t, "setting", "bits"),
                 *accuracy = row_named(t, "metric", "accuracy test");
    cr_assert(json_is_null(json_object_get(bits, "a")));
    cr_assert_str_eq(json_string_value(json_object_get(bits, "b")), "2");
    cr_assert(row_named(t, "setting", "lr") == NULL, "0.1 is what the spec of `float` resolves to");
    cr_assert(row_named(t, "plugin", "scheme int") == NULL, "the same plugin");
    cr_assert_str_eq(json_string_value(json_object_get(row_named(t, "run", "seed"), "b")), "3");
    assert_near(json_number_value(json_object_get(accuracy, "a")), 0.98, 0, 0);
    assert_near(json_number_value(json_object_get(accuracy, "b")), 0.94, 0, 0);
    assert_near(json_number_value(json_object_get(accuracy, "difference")), -0.04, 1e-12, 0);
    json_decref(t);
    t = table_of("query diff @2 @14");
    cr_assert(row_named(t, "setting", "lr") != NULL);
    json_decref(t);
    t = table_of("query diff @3 @3");
    cr_assert(row_named(t, "setting", "bits") == NULL);
    json_decref(t);
}

Test(query, failed_says_which_and_why, .init = setup_study, .fini = teardown) {
    json_t *t = table_of("query failed --experiment study");
    cr_assert(json_array_size(t) == 1 && real_at(t, 0, "seed") == 2);
    cr_assert_str_eq(text_at(t, 0, "label"), "bits=2 lr=0.2");
    cr_assert_str_eq(text_at(t, 0, "error"), "diverged: the loss is not finite");
    json_decref(t);
    free(expect(6, "$Q query failed --experiment sutdy"));
}

Test(query, provenance_has_everything_that_made_a_run, .init = setup_study, .fini = teardown) {
    json_t *t = table_of("query provenance @14");
    const struct {
        const char *what, *name, *value;
    } rows[] = {{"run", "label", "float"},
                {"key", "cache_key", "float-1"},
                {"spec", "sha256", "float"},
                {"data", "train glyphs", "feed"},
                {"plugin", "scheme int 1.0.0", "0123abcd"},
                {"program", "git_commit", "commit"},
                {"machine", "simd", "scalar"},
                {"file", "weights runs/x/weights.safetensors", "beef"},
                {"command", "made it", "quantbench run study.yaml --set 'name=<b> c'"},
                {"command", "reproduces it",
                 "quantbench run study.yaml --set 'name=<b> c' --again"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const json_t *row = row_named(t, rows[i].what, rows[i].name);
        cr_assert(row != NULL, "%s %s", rows[i].what, rows[i].name);
        cr_assert_str_eq(text_of(row, "value"), rows[i].value);
    }
    json_decref(t);
}

Test(query, the_command_of_a_run_does_it_again, .init = setup_study, .fini = teardown) {
    write_file("s.yaml", "version: 1\nkind: qat\nname: small\nseed: 1\n"
                         "data: {train: {format: glyphs, n: 300}, test: {format: glyphs, n: 100}}\n"
                         "model: {type: mlp, hidden: [16]}\ntrain: {epochs: 1}\n");
    free(expect(0, "$Q run s.yaml --db small.db -q --set 'quant.weights={scheme: int, bits: 3}' "
                   "--set description=\"it's\""));
    json_t *t = table_of("query provenance @last --db small.db");
    const char *again = text_of(row_named(t, "command", "reproduces it"), "value");
    free(expect(0, "quantbench() { $Q \"$@\"; }; %s", again));
    json_t *runs = table_of("ls --db small.db");
    cr_assert(json_array_size(runs) == 2);
    cr_assert(strstr(again, "--set 'description=it'\\''s' --again") != NULL, "%s", again);
    cr_assert(real_at(runs, 0, "loss") == real_at(runs, 1, "loss"));
    json_decref(t);
    json_decref(runs);
}

/* What the store does not write yet. */
static void change(const char *sql) {
    sqlite3 *db;
    cr_assert(sqlite3_open(getenv("QUANTBENCH_DB"), &db) == SQLITE_OK);
    cr_assert(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

/* The first layer loses twice as much as the second. */
Test(query, sensitive_layers_ranks_the_layers_of_the_newest_analysis, .init = setup_study,
     .fini = teardown) {
    change("INSERT INTO layer VALUES (1, 1, 'fc2', 'linear', '(3, 3)', 9, 9);"
           "INSERT INTO candidate VALUES (1, 0, 'int 4', 'int', 'bits=4', 4);"
           "INSERT INTO sensitivity VALUES (1, 0, 'weight', 0, 'loss', 0.2, NULL),"
           " (1, 1, 'weight', 0, 'loss', 0.1, NULL)");
    json_t *t = table_of("query sensitive-layers"), *same = table_of("query sensitive-layers @14");
    cr_assert(json_array_size(t) == 2 && json_equal(t, same));
    cr_assert_str_eq(text_at(t, 0, "layer"), "fc1");
    cr_assert(real_at(t, 0, "rank") == 1 && real_at(t, 1, "rank") == 2);
    json_decref(t);
    json_decref(same);
    t = table_of("query sensitive-layers --method kl -q");
    cr_assert(json_array_size(t) == 0);
    json_decref(t);
}

Test(query, wrong_words_and_options_are_exit_2, .init = setup_study, .fini = teardown) {
    refuses("query best-per-bit", "did you mean 'best-per-bits'?");
    refuses("query diff @1", "query diff wants A B");
    refuses("query failed @1", "query failed wants no words");
    refuses("query failed --metric loss", "query failed has no option '--metric'");
    refuses("query best-per-bits --bucket -1", "--bucket must be");
    refuses("query failed --sql 'SELECT 1'", "not both");
    refuses("query --format cvs", "did you mean 'csv'?");
    refuses("query --timeout 0 --sql 'SELECT 1'", "--timeout must be");
    refuses("ls --status doen", "did you mean 'done'?");
    free(expect(6, "$Q query best-per-bits --metric acuracy"));
    free(expect(6, "$Q query provenance nothing"));
}

/* ---- SQL of the user's ---- */

Test(query, sql_reads_tables_and_views_in_every_format, .init = setup_study, .fini = teardown) {
    const char *sql = "query --sql 'SELECT label, count(*) AS n, NULL AS none FROM v_run "
                      "GROUP BY label ORDER BY label LIMIT 2'";
    const char *expected[] = {"label          n  none\n"
                              "bits=2 lr=0.1  3     -\n"
                              "bits=2 lr=0.2  2     -\n",
                              "| label | n | none |\n| --- | ---: | ---: |\n"
                              "| bits=2 lr=0.1 | 3 | - |\n| bits=2 lr=0.2 | 2 | - |\n",
                              "label,n,none\r\nbits=2 lr=0.1,3,\r\nbits=2 lr=0.2,2,\r\n",
                              "{\"label\":\"bits=2 lr=0.1\",\"n\":3,\"none\":null}\n"
                              "{\"label\":\"bits=2 lr=0.2\",\"n\":2,\"none\":null}\n"};
    for (int f = 0; f < 4; f++) {
        char *out = expect(0, "$Q %s --format %s", sql, rows_format_names[f]);
        cr_assert_str_eq(out, expected[f]);
        free(out);
    }
    char *out = expect(0, "$Q query --sql \"SELECT 1 AS a, 2 AS a, x'00ff' AS b\" --format json");
    cr_assert_str_eq(out, "{\"a\":1,\"a_2\":2,\"b\":\"00ff\"}\n");
    free(out);
    free(expect(0, "$Q query --sql \"SELECT value FROM json_each('[1]')\" | grep -q value"));
    free(expect(0, "$Q query --sql 'PRAGMA table_info(run)' | grep -q cache_key"));
    free(
        expect(0, "$Q query --sql \"SELECT * FROM pragma_table_info('run')\" | grep -q cache_key"));
    free(expect(0, "$Q query --sql 'SELECT 1; -- a comment ends it'"));
}

Test(query, sql_cannot_do_anything_but_read, .init = setup_study, .fini = teardown) {
    static const struct {
        int exit;
        const char *sql, *says;
    } wrong[] = {{6, "DELETE FROM run", "not allowed: DELETE FROM run"},
                 {6, "UPDATE run SET seed = 9 RETURNING seed", "not allowed: UPDATE run"},
                 {6, "INSERT INTO spec VALUES (9, 1, 2, 3)", "not allowed: INSERT INTO spec"},
                 {6, "DROP TABLE metric", "not allowed"},
                 {6, "CREATE TEMP TABLE t(x)", "not allowed"},
                 {6, "ATTACH 'other.db' AS o", "not allowed: ATTACH"},
                 {6, "VACUUM INTO 'other.db'", "not allowed: what is no SELECT"},
                 {6, "BEGIN", "not allowed: a transaction"},
                 {6, "PRAGMA journal_mode = DELETE", "not allowed: PRAGMA journal_mode"},
                 {6, "PRAGMA query_only", "not allowed: PRAGMA query_only"},
                 {6, "SELECT load_extension('x.so')", "not allowed: load_extension()"},
                 {2, "UPDATE sqlite_master SET sql = 1", "may not be modified"},
                 {2, "SELECT * FROM pragma_user_version", "not authorized"},
                 {2, "SELECT 1; DELETE FROM run", "more than one statement"},
                 {2, "SELECT 1; SELECT 2", "more than one statement"},
                 {2, "-- nothing", "no SQL"},
                 {2, "", "no SQL"}};
    char *before = expect(0, "sha256sum r.db");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        refused(wrong[i].exit, wrong[i].says, "$Q query --sql \"%s\"", wrong[i].sql);
    }
    char *after = expect(0, "sha256sum r.db; ls other.db 2>/dev/null; true");
    cr_assert_str_eq(before, after);
    free(before);
    free(after);
}

Test(query, sql_errors_say_where, .init = setup_study, .fini = teardown) {
    refuses("query --sql 'SELECT uid,\n  sed FROM v_run'",
            "--sql:2:3: error: no such column: sed\n    2 |   sed FROM v_run\n      |   ^\n");
    refuses("query --sql 'SELEC 1'", "--sql:1:1: error: near \"SELEC\": syntax error");
    refuses("query --sql 'SELECT 1 +'", "incomplete input");
    refuses("query --sql 'SELECT abs(-9223372036854775808)'", "integer overflow");
    refuses("query --sql 'SELECT zeroblob(999999999)'", "too big");
}

Test(query, sql_with_an_unknown_name_says_which_was_meant, .init = setup_study, .fini = teardown) {
    refuses("query --sql 'SELECT labl FROM v_run'", "hint: did you mean 'label'?");
    refuses("query --sql 'SELECT r.cache_kye FROM run r'", "hint: did you mean 'cache_key'?");
    refuses("query --sql 'SELECT label FROM v_runs'", "hint: did you mean 'v_run'?");
    refuses("query --sql 'SELECT medain(seed) FROM run'", "hint: did you mean 'median'?");
    refuses("query --sql 'SELECT stderr FROM experiment'", "PRAGMA table_info(v_run)");
    refuses("query --sql 'SELECT 1 FROM nothing_like_it'", "PRAGMA table_list");
}

Test(query, sql_that_takes_too_long_is_stopped, .init = setup_study, .fini = teardown,
     .timeout = 30) {
    outcome o = run("$Q query --timeout 1 --sql 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL "
                    "SELECT x + 1 FROM c) SELECT count(*) FROM c'");
    cr_assert(o.exit == 7 && *o.out == '\0', "exit %d", o.exit);
    cr_assert(strstr(o.err, "stopped after 1 s") != NULL && strstr(o.err, "--timeout") != NULL,
              "%s", o.err);
    free_outcome(&o);
}

/* ---- compare ---- */

/* Differences to float by seed: -0.01, 0, -0.01 for bits=4 lr=0.1. */
Test(compare, differences_are_paired_by_seed, .init = setup_study, .fini = teardown) {
    json_t *t = table_of("compare float 'bits=4 lr=0.1' 'bits=2 lr=0.2' -q");
    cr_assert(json_array_size(t) == 3);
    assert_near(real_at(t, 0, "accuracy_mean"), 0.98, 1e-12, 0);
    assert_near(real_at(t, 0, "accuracy_sd"), 0.01, 1e-9, 0);
    cr_assert(isnan(real_at(t, 0, "accuracy_difference_mean")) && real_at(t, 0, "pairs") == 0);
    assert_near(real_at(t, 1, "accuracy_difference_mean"), -0.02 / 3, 1e-9, 0);
    assert_near(real_at(t, 1, "accuracy_difference_sd"), 0.01 / sqrt(3), 1e-9, 0);
    assert_near(real_at(t, 1, "loss_difference_mean"), 0.02 / 3, 1e-9, 0);
    cr_assert(real_at(t, 1, "n") == 3 && real_at(t, 1, "pairs") == 3);
    cr_assert(real_at(t, 2, "n") == 1 && isnan(real_at(t, 2, "accuracy_sd")));
    assert_near(real_at(t, 2, "accuracy_difference_mean"), -0.18, 1e-12, 0);
    cr_assert(isnan(real_at(t, 2, "accuracy_difference_sd")));
    cr_assert_str_eq(text_at(t, 1, "settings"), "bits=4, lr=0.1");
    cr_assert_str_eq(text_at(t, 0, "settings"), "lr=0.1"); /* as its spec resolves it */
    json_decref(t);
}

/* The published paired example: tests of reference values, t = 4.3333 with n = 5, so
 * mean 0.013 and deviation 0.013 sqrt(5) / 4.3333. */
Test(compare, the_paired_moments_are_those_of_the_reference_example, .init = setup_study,
     .fini = teardown) {
    const double a[] = {0.91, 0.9, 0.93, 0.92, 0.89}, b[] = {0.9, 0.88, 0.92, 0.9, 0.885};
    store *s = open_store("pairs.db", false);
    for (int i = 0; i < 5; i++) {
        result r = {.experiment = "b", .config = "b", .seed = (uint64_t)i, .accuracy = b[i]};
        results_add(s, &r);
        r = (result){.experiment = "a", .config = "a", .seed = (uint64_t)(4 - i)};
        r.accuracy = a[4 - i];
        results_add(s, &r);
    }
    store_close(s);
    json_t *t = table_of("compare b a --db pairs.db -q");
    assert_near(real_at(t, 1, "accuracy_difference_mean"), 0.013, 1e-9, 0);
    assert_near(real_at(t, 1, "accuracy_difference_sd"), 0.013 * sqrt(5) / 4.333333333, 1e-8, 0);
    json_decref(t);
}

Test(compare, an_experiment_is_its_last_sweep_with_the_baseline_first, .init = setup_study,
     .fini = teardown) {
    json_t *t = table_of("compare study -q"), *run = table_of("compare @1 -q"),
           *two = table_of("compare 'bits=2 lr=0.1' study --experiment study -q");
    cr_assert(json_array_size(t) == 5 && json_array_size(run) == 1 && json_array_size(two) == 5);
    cr_assert_str_eq(text_at(t, 0, "label"), "float");
    cr_assert_str_eq(text_at(run, 0, "label"), "bits=2 lr=0.2");
    cr_assert_str_eq(text_at(two, 0, "label"), "bits=2 lr=0.1");
    assert_near(real_at(two, 1, "accuracy_difference_mean"), 0.06, 1e-9, 0);
    json_decref(t);
    json_decref(run);
    json_decref(two);
}

/* By seed: -0.08, -0.05, -0.05. */
Test(compare, it_says_what_it_does_not_know, .init = setup_study, .fini = teardown) {
    char *out = expect(0, "$Q compare float 'bits=2 lr=0.1'");
    cr_assert(strstr(out, "92.00 % +- 2.00") != NULL && strstr(out, "-6.00 +- 1.73") != NULL, "%s",
              out);
    cr_assert(strstr(out, "\nno test of significance yet; n = 3 seeds\n") != NULL, "%s", out);
    cr_assert(strstr(out, "n=1") == NULL && strstr(out, "better") == NULL);
    cr_assert(strstr(out, "(n =") == NULL, "all seeds have a pair");
    free(out);
    out = expect(0, "$Q compare study --format markdown");
    cr_assert(strstr(out, "no test of significance yet; n = 1 to 3 seeds") != NULL, "%s", out);
    cr_assert(strstr(out, "n=1: no spread known") != NULL, "%s", out);
    free(out);
    outcome o = run("$Q compare study --format csv");
    cr_assert(o.exit == 0 && strstr(o.out, "significance") == NULL &&
                  strstr(o.err, "no test of significance yet") != NULL,
              "%s%s", o.out, o.err);
    free_outcome(&o);
    refused(6, "no run 'nothing'", "$Q compare float nothing");
}

/* ---- ls, query and compare ---- */

Test(listing, json_is_the_same_as_format_json, .init = setup_study, .fini = teardown) {
    static const char *const words[] = {"ls",
                                        "query",
                                        "query best-per-bits",
                                        "query --sql 'SELECT label, accuracy FROM v_run'",
                                        "compare study -q",
                                        "compare @1 -q"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        char *text = expect(0, "$Q %s --json", words[i]),
             *same = expect(0, "$Q %s --format json", words[i]);
        cr_assert_str_eq(text, same);
        json_decref(json_line(text, 0));
        free(text);
        free(same);
    }
}

Test(ls, has_labels_and_filters, .init = setup_study, .fini = teardown) {
    json_t *all = table_of("ls"), *done = table_of("ls --status done --experiment study"),
           *failed = table_of("ls --status failed"), *two = table_of("ls --status done --limit 2");
    cr_assert(json_array_size(all) == 14 && json_array_size(done) == 13 &&
              json_array_size(failed) == 1 && json_array_size(two) == 2);
    cr_assert_str_eq(text_at(all, 0, "label"), "float");
    cr_assert_str_eq(text_at(failed, 0, "error"), "diverged: the loss is not finite");
    cr_assert_str_eq(text_at(two, 1, "label"), "bits=2 lr=0.2");
    refused(6, "did you mean 'study'?", "$Q ls --experiment sutdy");
    json_decref(all);
    json_decref(done);
    json_decref(failed);
    json_decref(two);
}
