/*
 * `quantbench bench`: what it measures has a row, and a row says all that belongs to it. No test
 * depends on a time: a machine may be so busy that no sample counts, and then a row has none.
 */
#include "cli/command.h"

#include <math.h>
#include <time.h>

#include "run/bench_measure.h"
#include "run/bench_row.h"
#include "simd/cpu.h"
#include "simd/kernels.h"
#include "util/clock.h"

/* ---- the clock ---- */

static void count_call(void *arg, int64_t turn) {
    int64_t *last = arg;
    cr_assert(turn > *last);
    *last = turn;
}

static void sleep_call(void *arg, int64_t turn) {
    (void)turn;
    ++*(int64_t *)arg;
    nanosleep(&(struct timespec){0, 2000000}, NULL);
}

Test(bench, samples_of_a_thread_that_had_no_cpu_do_not_count) {
    int64_t sleeps = 0;
    bench_time t;
    bench_measure(&(bench_case){sleep_call, &sleeps, 1, true, false}, 1, 3, &t);
    cr_assert(t.clean == 0 && t.total == 30 && sleeps == 62);
    cr_assert(isnan(t.median) && isnan(t.mad));
}

Test(bench, cases_take_turns_and_no_two_calls_are_of_one_turn) {
    int64_t last = -1;
    bench_case both[] = {{count_call, &last, 1, false, false},
                         {count_call, &last, 1, false, false}};
    bench_time t[2];
    bench_measure(both, 2, 31, t);
    for (int i = 0; i < 2; i++) {
        cr_assert(t[i].clean <= 31 && t[i].total >= 31);
        cr_assert(t[i].clean == 0 || (t[i].median > 0 && t[i].mad >= 0));
    }
}

static void note_level(void *arg, int64_t turn) {
    (void)turn;
    *(const char **)arg = simd_kernels()->level;
}

Test(bench, scalar_cases_are_few_samples_of_the_scalar_kernels_and_leave_those_in_force) {
    const char *level[2], *best = simd_kernels()->level;
    bench_case both[] = {{note_level, &level[0], 1, false, false},
                         {note_level, &level[1], 1, false, true}};
    bench_time t[2];
    bench_measure(both, 2, 31, t);
    cr_assert_str_eq(level[0], best);
    cr_assert_str_eq(level[1], "scalar");
    cr_assert(t[0].total >= 31 && t[1].total >= 5 && t[1].clean <= 5);
    cr_assert_str_eq(simd_kernels()->level, best);
}

Test(bench, a_rate_is_work_by_time_and_its_spread_that_of_the_time) {
    bench_row row = bench_row_of("op", "", "L2", "GB/s");
    bench_row_rate(&row, &(bench_time){2, 0.1, 31, 40}, &(bench_time){14, 0, 5, 5}, 6);
    assert_near(row.median, 3, 1e-12, 0);
    assert_near(row.mad, 0.15, 1e-12, 0);
    cr_assert(row.clean == 31 && row.total == 40 && row.ratio_scalar == 7 && isnan(row.ceiling));
}

/* ---- rows ---- */

/* What holds for each row; how many there are. */
static int check_rows(const char *out, const char *part) {
    int n = 0;
    for (; *out != '\0'; n++) {
        json_t *o = json_line(out, 0);
        cr_assert_str_eq(text_of(o, "part"), part);
        cr_assert(*text_of(o, "op") != '\0' && *text_of(o, "unit") != '\0');
        cr_assert(real_of(o, "samples") <= real_of(o, "samples_taken") &&
                  real_of(o, "threads") >= 1);
        if (real_of(o, "samples") > 0) {
            cr_assert(real_of(o, "median") > 0 && real_of(o, "mad") >= 0);
            const json_t *ratio = json_object_get(o, "ratio_scalar");
            cr_assert(!json_is_number(ratio) || json_number_value(ratio) > 0);
            const json_t *ceiling = json_object_get(o, "ceiling");
            if (json_is_number(ceiling))
                assert_near(real_of(o, "share_of_ceiling"),
                            real_of(o, "median") / real_of(o, "ceiling"), 1e-9, 0);
        }
        json_decref(o);
        out = strchr(out, '\n') + 1;
    }
    return n;
}

Test(bench, ceilings_has_a_row_for_each_place_and_the_peaks, .init = setup, .fini = teardown) {
    char *out = expect(0, "$Q bench ceilings --place L2 --json");
    cr_assert_eq(check_rows(out, "ceilings"), 6);
    for (int i = 0; i < 6; i++) {
        json_t *o = json_line(out, i);
        cr_assert_str_eq(text_of(o, "place"), i < 4 ? "L2" : "");
        json_decref(o);
    }
    free(out);
}

Test(bench, kernels_prints_every_level_of_a_kernel_beside_scalar, .init = setup, .fini = teardown) {
    char *out = expect(0, "$Q bench kernels pack_bits --place L2 --json");
    const char *names[8] = {"scalar", "plain"};
    int n = 2;
    for (int i = 1; simd_level_name(i) != NULL; i++)
        if (simd_level(i, simd_features()) != NULL) names[n++] = simd_level_name(i);
    for (int i = 0; i < n; i++) {
        json_t *o = json_line(out, i);
        cr_assert_str_eq(text_of(o, "op"), "pack_bits");
        cr_assert_str_eq(text_of(o, "isa"), names[i]);
        cr_assert_str_eq(text_of(o, "place"), "L2");
        cr_assert_str_eq(text_of(o, "unit"), "GB/s");
        if (strcmp(text_of(o, "isa"), "scalar") == 0 && real_of(o, "samples") > 0)
            cr_assert(real_of(o, "ratio_scalar") == 1);
        if (i == 1 && real_of(o, "samples") > 0) cr_assert(real_of(o, "ratio_plain") == 1);
        json_decref(o);
    }
    cr_assert_eq(check_rows(out, "kernels"), n);
    free(out);
    out = expect(0, "$Q bench kernels pack_bits --place L2 --json --simd scalar");
    cr_assert_eq(check_rows(out, "kernels"), 2, "up to the level in force, and plain");
    free(out);
}

Test(bench, train_prints_speed_and_phases_of_both_networks, .init = setup, .fini = teardown) {
    char *out = expect(0, "$Q bench train --seconds 1 --json --db r.db");
    for (int i = 0; i < 2; i++) {
        json_t *o = json_line(out, i);
        const json_t *phases = json_object_get(o, "phases_ms");
        cr_assert_str_eq(text_of(o, "network"), i == 0 ? "float" : "bitnet158");
        cr_assert(real_of(o, "samples_per_second") > 0 && real_of(o, "ratio_scalar") > 0 &&
                  real_of(o, "batch") == 128 && real_of(o, "steps") >= 20);
        cr_assert(json_object_size(phases) == 5 && real_of(phases, "backward") > 0);
        cr_assert((real_of(phases, "quantize") > 0) == (i == 1));
        json_decref(o);
    }
    free(out);
    write_file("s.yaml", SMALL);
    free(expect(0, "$Q bench train s.yaml --seconds 1 | grep -q small"));
    free(expect(3, "$Q bench train s.yaml --seconds 1 --set data.batch=501"));
    write_file("t.yaml", "version: 1\nkind: tensors\nquant: {weights: nf4}\n"
                         "data: {source: {format: random, dist: gauss, shape: [4, 64]}}\n");
    free(expect(3, "$Q bench train t.yaml 2>&1 | grep -q 'only kind: qat' && exit 3"));
}

/* Rows of a run in r.db that hold. */
static int count_rows(const char *where) {
    char *text = expect(0, "sqlite3 r.db \"SELECT count(*) FROM bench WHERE %s\"", where);
    int n = atoi(text);
    free(text);
    return n;
}

Test(bench, packers_and_schemes_print_both_ways_with_bits_and_ceiling, .init = setup,
     .fini = teardown) {
    char *out = expect(0, "$Q bench packers bits --place L2 --json");
    cr_assert_eq(check_rows(out, "packers"), 10); /* of 2, 3, 8, 16 and 256 levels */
    json_t *o = json_line(out, 0);
    cr_assert_str_eq(text_of(o, "op"), "bits, pack");
    cr_assert_str_eq(text_of(o, "shape"), "2 levels");
    cr_assert(real_of(o, "bits_per_weight") == 1);
    json_decref(o);
    free(out);
    out = expect(0, "$Q bench schemes nf4 --place L2 --json");
    cr_assert_eq(check_rows(out, "schemes"), 2);
    o = json_line(out, 1);
    cr_assert_str_eq(text_of(o, "op"), "dequantize nf4 from bits");
    cr_assert_str_eq(text_of(o, "shape"), "group 64");
    assert_near(real_of(o, "bits_per_weight"), 4.5, 1e-12, 0);
    json_decref(o);
    free(out);
}

Test(bench, linear_has_each_form_beside_openblas, .init = setup, .fini = teardown, .timeout = 300) {
    static const char *const shapes[] = {"4096 x 4096 by 1, floats", "4096 x 4096 by 1, channel",
                                         "4096 x 4096 by 1, channel"};
    static const char *const names[] = {"float, OpenBLAS", "binary", "ternary, 2 bits"};
    char *out = expect(0, "$Q bench linear --threads 1 --json");
    cr_assert_eq(check_rows(out, "linear"), 3 * 11);
    for (int i = 0; i < 3; i++) {
        json_t *o = json_line(out, i);
        cr_assert_str_eq(text_of(o, "op"), names[i]);
        cr_assert_str_eq(text_of(o, "shape"), shapes[i]);
        cr_assert_str_eq(text_of(o, "unit"), "GOP/s");
        if (i == 0 && real_of(o, "samples") > 0) cr_assert(real_of(o, "ratio_sgemm") == 1);
        json_decref(o);
    }
    free(out);
}

Test(bench, a_database_keeps_the_rows_as_a_run_of_kind_bench, .init = setup, .fini = teardown) {
    char *out = expect(0, "$Q bench kernels absmax --place L2 --json --db r.db");
    int n = check_rows(out, "kernels"), clean = 0;
    for (int i = 0; i < n; i++) {
        json_t *o = json_line(out, i);
        clean += real_of(o, "samples") > 0;
        json_decref(o);
    }
    free(out);
    cr_assert_eq(count_rows("op = 'absmax' AND place = 'L2' AND unit = 'GB/s' AND threads = 1 AND"
                            " samples <= 31 AND median > 0 AND mad >= 0"),
                 clean);
    free(expect(0, "$Q bench kernels absmax --place L2 -q --db r.db > t.txt"));
    cr_assert_eq(count_rows("run NOT IN (SELECT id FROM run WHERE status = 'done')"), 0);
    out =
        expect(0, "sqlite3 r.db \"SELECT e.name, e.kind, r.replica FROM run r JOIN experiment e ON "
                  "e.id = r.experiment ORDER BY r.id\"");
    cr_assert_str_eq(out, "bench kernels|bench|0\nbench kernels|bench|1\n");
    free(out);
    if (clean > 0) {
        out = expect(0, "$Q plot bench --db r.db --term");
        cr_assert(strstr(out, "absmax") != NULL && strstr(out, "L2") != NULL, "%s", out);
        free(out);
    }
    free(expect(0, "$Q ls --db r.db | grep -q 'bench kernels'"));
    free(expect(0, "$Q info @last --db r.db"));
    free(expect(0, "$Q report --db r.db"));
}

Test(bench, markdown_is_a_table_and_csv_has_the_names_of_json, .init = setup, .fini = teardown) {
    char *out = expect(0, "$Q bench kernels sum --place L2 --format markdown");
    cr_assert(strstr(out, "\n| operation | level |") != NULL, "%s", out);
    free(out);
    out = expect(0, "$Q bench ceilings --place L2 --format csv");
    cr_assert(strstr(out, "part,op,shape,isa,threads,place,bits_per_weight,median,") == out, "%s",
              out);
    free(out);
}

Test(bench, errors_say_what_there_is, .init = setup, .fini = teardown) {
    const struct {
        const char *words, *says;
    } cases[] = {{"frob", "bench measures ceilings, kernels"},
                 {"kernel", "did you mean 'kernels'?"},
                 {"kernels smu", "did you mean 'sum'?"},
                 {"packers bist", "did you mean 'bits'?"},
                 {"schemes bits", "there is no scheme 'bits'"},
                 {"ceilings read", "ceilings takes no name"},
                 {"kernels --samples 30", "[31, 1000]"},
                 {"kernels --place L3", "--place is one of L2, DRAM"},
                 {"packers bits --seconds 3", "bench packers has no --seconds"},
                 {"linear --place L2", "bench linear has no --place"},
                 {"train --samples 40", "bench train has no --samples"},
                 {"--set data.batch=64", "--set is of `bench train SPEC`"},
                 {"train --set data.batch=64", "none is given"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        outcome o = run("$Q bench %s", cases[i].words);
        cr_assert(o.exit == 2 && strstr(o.err, cases[i].says) != NULL, "%s: exit %d\n%s",
                  cases[i].words, o.exit, o.err);
        cr_assert(*o.out == '\0', "%s", o.out);
        free_outcome(&o);
    }
    free(expect(6, "$Q bench kernels sum --db nowhere/r.db"));
}
