/*
 * `plugins check` against plugins that lie (tests/fixtures/liars): each is blamed by file,
 * name, function and case, with the command that repeats it. And loading them: the host
 * lives, the others work.
 */
#include <limits.h>
#include <unistd.h>

#include "cli/command.h"

#include "util/files.h"
#include "util/str.h"

static char *built(const char *name) {
    static char at[PATH_MAX];
    char *path = str_format("%s/%s", build_dir(), name);
    cr_assert(realpath(path, at) != NULL, "%s is not built", path);
    free(path);
    return at;
}

static const char *liar(const char *name) {
    char *file = str_format("tests/fixtures/liars/%s.so", name);
    const char *path = built(file);
    free(file);
    return path;
}

typedef struct lie {
    const char *name, *kind; /* kind NULL: it does not get so far that it has one */
    const char *check, *what, *with;
} lie;

static const lie loading[] = {
    {"bad_magic", NULL, "load", "loading: qb_plugin_entry is not a plugin's: bad magic", ""},
    {"wrong_major", NULL, "load", "loading: plugin ABI 2.0, this program has 1.", ""},
    {"newer_minor", NULL, "load", "loading: plugin ABI 1.99, this program has 1.", ""},
    {"small_entry", NULL, "load", "loading: its entry has only 32 bytes", ""},
    {"wild_name", NULL, "load", "crashed (SIGSEGV) while loading", ""},
    {"wild_params", NULL, "load", "crashed (SIGSEGV) while loading", ""},
    {"bad_name", NULL, "load", "loading: its name is not [a-z][a-z0-9_]*", ""},
    {"no_entry", NULL, "load", "loading: no symbol qb_plugin_entry", ""},
    {"no_fit", NULL, "load", "loading: a scheme needs init() and fit()", ""},
    {"undefined", NULL, "load", "loading: undefined symbol: function_of_nobody", ""},
    {"undefined_memory", NULL, "load", "loading: undefined symbol: shared_memory_init", ""},
    {"two_symbols", "scheme", "load", "loading: it exports 2 symbols, also helper", ""},
    {"load_aborts", NULL, "load", "crashed (SIGABRT) while loading", ""},
    {"load_exits", NULL, "load", "exited with code 0 while loading, before the handshake", ""},
    {"load_sleeps", NULL, "load", "timed out after 5 s while loading", ""},
    {"load_rounding", NULL, "load", "loading: a constructor changes the floating-point environment",
     ""},
    {"load_closes", "scheme", "load", "loading: a constructor changes standard output", ""},
    {"load_forks", "scheme", "load", "loading: a constructor changes which processes there are",
     ""},
    {"unload_aborts", "scheme", "load", "crashed (SIGABRT) while unloading", ""},
    {"unload_sleeps", "scheme", "load", "timed out after 5 s while unloading", ""},
    {"huge", NULL, "load", "it wants more than 512 MiB of memory", ""},
    {"wild_page", NULL, "load", "timed out after 5 s while AAAA", ""},
    {"paints", NULL, "load", "loading: its summary is not one line of UTF-8 without control", ""},
};

static const lie schemes[] = {
    {"silent_refusal", "scheme", "init", "init(): it refused without a message", "bits=8"},
    {"signals", "scheme", "init", "init(): it changes the handler of a signal", "instance at"},
    {"much_memory", "scheme", "init", "crashed (SIGSEGV) in init(): through a NULL pointer", ""},
    {"write_before", "scheme", "metadata",
     "fit(): it wrote outside of meta: byte 1 before its start, it has 20 bytes", "groups 5, n 7"},
    {"write_after", "scheme", "codes",
     "crashed (SIGSEGV) in encode(): it wrote outside of code: byte 1 behind its end", "n 7"},
    {"nan_scale", "scheme", "metadata", "fit(): scale of group 4 is NaN", "groups 5, n 7, normal"},
    {"negative_scale", "scheme", "metadata", "fit(): scale of group 0 is negative", "n 7"},
    {"only_zeros", "scheme", "metadata", "fit(): scale of group 0 is NaN", "all zero"},
    {"only_seven", "scheme", "codes", "encode(): code 3 is 255, there are 15 levels", "n 7"},
    {"code_range", "scheme", "codes", "is 15, there are 15 levels", "groups 5, n 7"},
    {"unwritten", "scheme", "codes", "encode(): code 164 is not written", "groups 5, n 33"},
    {"not_monotone", "scheme", "codes", "decode(): not monotone: code 0 decodes to", "n 7"},
    {"not_idempotent", "scheme", "idempotent", "encode(): code 1 decodes to", "n 7"},
    {"depends_on_cut", "scheme", "cuts", "encode(): code 0 depends on the cut", "groups 5, n 33"},
    {"neighbours", "scheme", "cuts", "fit(): group 3 alone has other metadata than among 5 groups",
     "groups 5, n 7"},
    {"by_range", "scheme", "range", "fit(): it is QB_BY_RANGE, but scale is", "n 7"},
    {"hides_nonfinite", "scheme", "nonfinite",
     "fit(): it is QB_SHOWS_NONFINITE, but group 4, which has a NaN, gets finite metadata", "n 7"},
    {"rounding_mode", "scheme", "metadata", "fit(): it changes the rounding mode", "n 7"},
    {"folder", "scheme", "metadata", "fit(): it changes the working folder", "n 7"},
    {"shared_state", "scheme", "instances", "they share state", "bits="},
    {"static_buffer", "scheme", "metadata", "in fit(): it wrote to a static variable", "n 7"},
    {"changes_input", "scheme", "metadata", "in fit(): it wrote to x, which is const", "n 7"},
    {"changes_itself", "scheme", "metadata", "in fit(): it wrote to its instance, which is const",
     "n 7"},
    {"allocates", "scheme", "metadata", "fit(): it calls free()", "n 7"},
    {"random", "scheme", "repeat", "the same input gives another output the second time", "again"},
    {"random", "scheme", "threads", "8 threads on one instance give another result", "8 threads"},
    {"crashes", "scheme", "metadata", "crashed (SIGSEGV) in fit(): through a NULL pointer", "n 31"},
    {"sleeps", "scheme", "metadata", "timed out after 5 s in fit()", "groups 5, n 7"},
    {"exits", "scheme", "metadata", "exited with code 0 in fit()", "groups 5, n 7"},
    {"scratch", "scheme", "metadata", "it wrote behind the 64 bytes of its scratch memory", ""},
    {"leaves", "scheme", "metadata", "exited with code 0 in fit()", "groups 5, n 7"},
    {"leaves_ruins", "scheme", "metadata", "exited with code 0 in fit()", "groups 5, n 7"},
    {"leave_together", "scheme", "metadata", "in fit(): it wrote to a static variable", "n 7"},
    {"starts_thread", "scheme", "metadata",
     "fit(): it calls pthread_create(): a plugin starts no thread", "n 7"},
    {"forks", "scheme", "metadata", "fit(): it changes which processes there are", "n 7"},
    {"blocks_signals", "scheme", "metadata", "fit(): it changes which signals are blocked", "n 7"},
    {"sets_timer", "scheme", "metadata", "fit(): it changes the timer of the process", "n 7"},
    {"many_groups", "scheme", "cuts", "fit(): group 16 alone has other metadata",
     "groups 17, n 16"},
    {"long_group", "scheme", "metadata", "scale of group 0 is negative", "groups 1, n 1048577"},
    {"large_values", "scheme", "metadata", "scale of group 0 is NaN", "huge"},
    {"recurses", "scheme", "codes", "crashed (SIGSEGV) in encode()", "groups 5, n 7"},
    {"behind_info", "scheme", "init", "init(): it wrote behind its info", ""},
    {"changes_kernels", "scheme", "init", "crashed (SIGSEGV) in init()", ""},
    {"wants_unstored", "scheme", "codes", "the values depend on metadata that is QB_NOT_STORED",
     ""},
};

static const lie others[] = {
    {"says_less", "packer", "roundtrip", "pack(): it returned 4 bytes and wrote byte 4", "n 0"},
    {"says_much", "packer", "roundtrip", "pack(): it returned 4611686018427387908 bytes", "n 0"},
    {"loses", "packer", "roundtrip", "unpack(): code 6 was 2 and comes back as 0", "n 7"},
    {"over_bound", "packer", "roundtrip",
     "in pack(): it wrote outside of the packed bytes: byte 1 behind its end", "n 0"},
    {"no_codes", "packer", "roundtrip", "in pack(): it read outside of code", "n 0"},
    {"reads_far", "packer", "damage",
     "in unpack(): it read outside of the packed bytes: byte 1 behind its end",
     "n 7, byte 0 of 11"},
    {"trusts", "packer", "damage", "unpack(): it wrote outside of code: byte 1 behind its end",
     "n 7, byte 0 of 11 xor 0x80"},
    {"any_code", "packer", "damage", "it returns QB_OK and code 0 is 3, there are 3 levels", "n 7"},
    {"last_unwritten", "ste", "writes", "backward(): dx[6] is not written", "n 7"},
    {"adds", "ste", "writes", "backward(): dx[0] is not written, or not the same", "n 7"},
    {"divides", "ste", "writes", "backward(): dx[0] is infinite", "n 7, all zero"},
    {"not_in_place", "ste", "in_place", "where dx is another buffer", "n 7"},
    {"says_absurd", "packer", "roundtrip", "bound(): it says 1099511627", ""},
    {"loses_late", "packer", "roundtrip", "unpack(): code 1048576 was", "n 1048577"},
    {"changes_levels", "ste", "writes", "backward(): it writes to its span, or to levels", "n 7"},
    {"from_nothing", "ste", "zero", "backward(): dy is 0, but dx[0] is not", "constant"},
};

/* The command that a failure names, typed again, gives the failure again: it is the one
 * that is run here. */
static void expect_blame(const lie *l) {
    const char *path = liar(l->name);
    outcome o = run("$Q plugins check %s --case %s --seed 1 --settings 2", path, l->check);
    char *who = l->kind != NULL
                    ? str_format("%s: %s '%s': check %s: ", path, l->kind, l->name, l->check)
                    : str_format("%s: check %s: ", path, l->check);
    char *repeat = str_format("hint: repeat: quantbench plugins check %s --case %s --seed 1 "
                              "--settings 2",
                              path, l->check);
    cr_assert(o.exit == 5, "%s: exit %d\n%s%s", l->name, o.exit, o.out, o.err);
    cr_assert(strstr(o.err, who) && strstr(o.err, l->what) && strstr(o.err, l->with) &&
                  strstr(o.err, "seed 1)") && strstr(o.err, repeat),
              "%s", o.err);
    cr_assert(strstr(o.out, "1 plugins: 0 passed, 1 failed; ") != NULL, "%s", o.out);
    free_outcome(&o);
    free(who);
    free(repeat);
}

#define EACH(list)                                                                                 \
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) expect_blame(&list[i])

Test(liars, that_lie_while_loading_are_blamed, .init = setup, .fini = teardown) { EACH(loading); }
Test(liars, that_are_schemes_are_blamed, .init = setup, .fini = teardown) { EACH(schemes); }
Test(liars, that_are_packers_or_estimators_are_blamed, .init = setup, .fini = teardown) {
    EACH(others);
}

Test(liars, what_they_share_is_honest, .init = setup, .fini = teardown) {
    free(expect(0, "$Q plugins check %s --settings 2", liar("honest_scheme")));
    free(expect(0, "$Q plugins check %s --settings 2", liar("honest_packer")));
}

Test(liars, all_checks_go_on_after_one_that_crashed, .init = setup, .fini = teardown) {
    outcome o = run("$Q plugins check %s --settings 2", liar("reads_far"));
    cr_assert(o.exit == 5 && strstr(o.err, "check roundtrip: crashed") &&
                  strstr(o.err, "check damage: crashed") && strstr(o.out, " 7 checks, 2 failed, "),
              "%s%s", o.out, o.err);
    free_outcome(&o);
}

Test(liars, one_that_prints_passes_with_a_warning_and_json_stays_json, .init = setup,
     .fini = teardown) {
    char *out = expect(0, "$Q plugins check %s --settings 2 --json 2>err", liar("prints"));
    json_t *o = json_line(out, 0), *first = json_array_get(json_object_get(o, "findings"), 0);
    cr_assert_str_eq(text_of(o, "name"), "prints");
    cr_assert(json_is_true(json_object_get(o, "passed")));
    cr_assert_str_eq(text_of(first, "severity"), "warning");
    cr_assert_str_eq(text_of(first, "slot"), "fit()");
    free(expect(0, "grep -q 'warning: .*prints.so: .*fit(): it prints' err"));
    json_decref(o);
    free(out);
}

Test(liars, json_has_what_the_message_has, .init = setup, .fini = teardown) {
    char *out = expect(5, "$Q plugins check %s --settings 2 --json --seed 3 --case roundtrip",
                       liar("says_less"));
    json_t *o = json_line(out, 0), *f = json_array_get(json_object_get(o, "findings"), 0);
    cr_assert(real_of(o, "failed") == 1 && real_of(o, "seed") == 3 && real_of(o, "cases") > 0);
    cr_assert_str_eq(text_of(f, "check"), "roundtrip");
    cr_assert_str_eq(text_of(f, "slot"), "pack()");
    cr_assert_str_eq(text_of(f, "message"), "it returned 4 bytes and wrote byte 4");
    cr_assert(strstr(text_of(f, "case"), "n_levels 3") &&
              strstr(text_of(f, "command"), "--seed 3"));
    json_decref(o);
    free(out);
}

/* ---- files that are no plugins ---- */

static void expect_check(const char *file, const char *what) {
    outcome o = run("$Q plugins check %s", file);
    cr_assert(o.exit == 5 && strstr(o.err, what) && strstr(o.err, file), "%s: %s\n%s", file, what,
              o.err);
    free_outcome(&o);
}

Test(liars, files_that_are_cut_off_or_foreign_are_told_what_they_are, .init = setup,
     .fini = teardown) {
    const char *good = liar("honest_scheme");
    for (int i = 1; i <= 10; i++) {
        free(expect(0, "head -c $(($(stat -c %%s %s) * %d / 11)) %s > ./cut.so", good, i, good));
        expect_check("./cut.so", "truncated");
    }
    free(expect(0,
                "cp %s foreign.so && printf '\\050\\000' | dd of=foreign.so bs=1 seek=18 "
                "conv=notrunc 2>/dev/null",
                good));
    expect_check("./foreign.so", "built for arm, this program is for");
    free(expect(0, ": > empty.so; echo text > text.so; head -c 1024 /dev/urandom > random.so; "
                   "mkfifo fifo.so; mkdir dir.so"));
    expect_check("./empty.so", "not an ELF shared object");
    expect_check("./text.so", "not an ELF shared object");
    expect_check("./random.so", "not an ELF shared object");
    expect_check("./fifo.so", "not a regular file");
    expect_check("./dir.so", "not a regular file");
    expect_check("./none.so", "No such file");
    free(expect(0, "cp $Q program.so"));
    expect_check("./program.so", "a program (PIE), not a shared object");
}

Test(liars, code_that_the_loader_would_change_is_refused, .init = setup, .fini = teardown) {
    write_file("t.c", "extern char **environ;\n__asm__(\".text\\n.quad environ\\n\");\n");
    free(expect(0, "gcc -shared -fPIC -Wl,-z,notext t.c -o t.so 2>/dev/null"));
    expect_check("./t.so", "TEXTREL");
}

/* ---- loading, all in one folder ---- */

#define SEARCH "QUANTBENCH_PLUGIN_PATH=%s/tests/fixtures/liars:$PWD/good XDG_CACHE_HOME=$PWD/cache "

static void add_hello(void) {
    free(expect(0,
                "mkdir good && sed -n '/^#include <quantbench.plugin.h>/,/^```/p' %s/README.md | "
                "grep -v '^```' > hello.c && gcc -O3 -ffp-contract=off -fPIC -shared "
                "-I %s/core/include hello.c -o good/hello.so",
                getenv("PWD"), getenv("PWD")));
}

Test(loading, among_all_liars_the_honest_plugin_runs_an_experiment, .init = setup,
     .fini = teardown) {
    char root[PATH_MAX];
    snprintf(root, sizeof root, "%s", built("."));
    add_hello();
    write_file("small.yaml", "version: 1\nkind: qat\nname: small\n"
                             "data: {train: {format: glyphs, n: 300}, test: {format: glyphs, n: "
                             "100}}\nmodel: {type: mlp, hidden: [16]}\n"
                             "quant: {weights: hello}\ntrain: {epochs: 1}\n");
    outcome o = run(SEARCH "$Q plugins list", root);
    cr_assert(o.exit == 5 && strstr(o.out, "hello") && strstr(o.out, "honest_scheme"), "%s%s",
              o.out, o.err);
    free_outcome(&o);
    for (size_t i = 0; i < sizeof loading / sizeof *loading; i++) {
        if (loading[i].kind != NULL) continue;
        o = run(SEARCH "$Q plugins show %s", root, loading[i].name); /* a list says 20 errors */
        char *who = str_format("/%s.so: ", loading[i].name);
        const char *what = loading[i].what, *said = strstr(o.err, who);
        if (strncmp(what, "loading: ", 9) == 0) what += 9;
        cr_assert(said != NULL && strstr(said, what) != NULL, "%s: %s\n%s", who, what, o.err);
        free(who);
        free_outcome(&o);
    }
    free(expect(0, SEARCH "$Q run small.yaml --db r.db", root));
}

Test(loading, a_second_one_of_a_name_is_told_of_both, .init = setup, .fini = teardown) {
    free(expect(0, "mkdir good && cp %s good/", liar("duplicate")));
    outcome o = run("QUANTBENCH_PLUGIN_PATH=$PWD/good $Q plugins list");
    cr_assert(o.exit == 5 && strstr(o.err, "int.so: the scheme 'int' is already loaded from ") &&
                  strstr(o.err, "/good/duplicate.so"),
              "%s", o.err);
    free_outcome(&o);
}

Test(loading, what_crashed_is_not_loaded_again_before_it_changes_or_one_retries, .init = setup,
     .fini = teardown) {
    const char *env = "QUANTBENCH_PLUGIN_PATH=$PWD/good XDG_CACHE_HOME=$PWD/cache";
    free(expect(0, "mkdir good && cp %s good/", liar("load_aborts")));
    outcome o = run("%s $Q plugins list", env);
    cr_assert(o.exit == 5 && strstr(o.err, "load_aborts.so: crashed (SIGABRT) while loading\n"),
              "%s", o.err);
    free_outcome(&o);
    o = run("%s $Q plugins show load_aborts", env);
    cr_assert(o.exit == 5 && strstr(o.err, "has not changed since; `quantbench plugins check "
                                           "--retry` tries it again"),
              "%s", o.err);
    free_outcome(&o);
    free(expect(5, "%s $Q plugins check ./good/load_aborts.so --retry 2>/dev/null", env));
    o = run("%s $Q plugins list", env);
    cr_assert(strstr(o.err, "load_aborts.so: crashed (SIGABRT) while loading\n"), "%s", o.err);
    free_outcome(&o);
    free(expect(0, "cp %s good/load_aborts.so", liar("honest_scheme")));
    free(expect(0, "%s $Q plugins show honest_scheme", env));
}

Test(loading, one_that_writes_over_what_its_judge_reads_is_blamed_alone, .init = setup,
     .fini = teardown) {
    free(expect(0, "mkdir good && cp %s good/", liar("wild_page")));
    free(expect(0, "cp %s good/", liar("honest_scheme")));
    outcome o = run("QUANTBENCH_PLUGIN_PATH=$PWD/good XDG_CACHE_HOME=$PWD/cache $Q plugins list");
    cr_assert(o.exit == 5 && strstr(o.out, "honest_scheme") && !strstr(o.err, "honest_scheme") &&
                  strstr(o.err, "/good/wild_page.so: timed out after 5 s while AAAA"),
              "exit %d\n%s%s", o.exit, o.out, o.err);
    free_outcome(&o);
}

Test(loading, a_missing_symbol_that_speaks_of_memory_is_no_lack_of_it, .init = setup,
     .fini = teardown) {
    write_file("small.yaml", SMALL);
    free(expect(0, "mkdir good && cp %s good/", liar("undefined_memory")));
    free(expect(0, "QUANTBENCH_PLUGIN_PATH=$PWD/good $Q run small.yaml --db r.db -q"));
    outcome o = run("QUANTBENCH_PLUGIN_PATH=$PWD/good $Q plugins list");
    cr_assert(o.exit == 5 && strstr(o.err, "undefined symbol: shared_memory_init"), "%s", o.err);
    free_outcome(&o);
}

Test(loading, a_file_that_did_not_load_is_found_in_a_folder_of_any_length, .init = setup,
     .fini = teardown) {
    free(expect(0, "D=good/$(printf %%0200d 1)/$(printf %%0200d 2) && mkdir -p $D && cp %s $D/",
                liar("load_aborts")));
    outcome o = run("QUANTBENCH_PLUGIN_PATH=$PWD/$(echo good/*/*) $Q plugins check load_aborts");
    cr_assert(o.exit == 5 && strstr(o.err, "load_aborts.so: check load: crashed (SIGABRT)"),
              "exit %d\n%s", o.exit, o.err);
    free_outcome(&o);
}

Test(loading, does_without_a_cache_that_can_be_written, .init = setup, .fini = teardown) {
    free(expect(0, "mkdir good && cp %s good/", liar("honest_scheme")));
    free(expect(0, "QUANTBENCH_PLUGIN_PATH=$PWD/good XDG_CACHE_HOME=/proc/none $Q plugins list | "
                   "grep -q honest_scheme"));
    free(expect(0, "QUANTBENCH_PLUGIN_PATH=$PWD/good XDG_CACHE_HOME= HOME= $Q plugins list | "
                   "grep -q honest_scheme"));
    free(expect(0, "mkdir -p cache/quantbench && head -c 5000 /dev/urandom > "
                   "cache/quantbench/plugins; QUANTBENCH_PLUGIN_PATH=$PWD/good "
                   "XDG_CACHE_HOME=$PWD/cache $Q plugins list | grep -q honest_scheme"));
}

/* ---- at work ---- */

/* A short training with the scheme; what it says on stderr. */
static outcome train_with(const char *name) {
    free(expect(0, "rm -rf good && mkdir good && cp %s good/", liar(name)));
    char *text = str_format("version: 1\nkind: qat\nname: small\n"
                            "data: {train: {format: glyphs, n: 200}, test: {format: glyphs, n: "
                            "100}}\nmodel: {type: mlp, hidden: [16]}\n"
                            "quant: {weights: {scheme: %s, granularity: group, group_size: 31, "
                            "ragged: short}}\ntrain: {epochs: 1}\n",
                            name);
    write_file("small.yaml", text);
    free(text);
    return run("QUANTBENCH_PLUGIN_PATH=$PWD/good $Q run small.yaml --db r.db --threads 2");
}

Test(running, threads_that_end_the_process_at_the_same_time_are_one_error, .init = setup,
     .fini = teardown) {
    for (int i = 0; i < 5; i++) {
        outcome o = train_with("leave_together");
        const char *first = strstr(o.err, "error: ");
        cr_assert(o.exit == 5 && first != NULL && strstr(first + 1, "error: ") == NULL &&
                      strstr(first,
                             "scheme 'leave_together' called _exit() in fit() for fc1.weight\n"),
                  "exit %d\n%s", o.exit, o.err);
        free_outcome(&o);
    }
}

/* The address of the site's name is no more. */
Test(running, a_crash_while_the_error_is_written_ends_the_process_all_the_same, .init = setup,
     .fini = teardown) {
    outcome o = train_with("leaves_ruins");
    cr_assert(o.exit == 5 && strstr(o.err, "scheme 'leaves_ruins' called _exit() in fit()"),
              "exit %d\n%s", o.exit, o.err);
    free_outcome(&o);
}

Test(running, what_a_plugin_does_beside_its_work_fails_the_run_with_its_name, .init = setup,
     .fini = teardown) {
    const char *const cases[][2] = {
        {"code_range", "encode() gave the code 15, there are 15 levels"},
        {"write_before", "fit() wrote before its metadata"},
        {"rounding_mode", "fit() changed the floating-point environment"},
        {"exits", "called exit() in fit() for fc1.weight"},
        {"write_after", "encode() wrote behind its codes"},
        {"crashes", "crashed with SIGSEGV in fit() for fc1.weight"},
        {"recurses", "crashed with SIGSEGV in encode() for fc1.weight"},
        {"leaves", "called _exit() in fit() for fc1.weight"},
        {"forks", "called fork() in fit() for fc1.weight"},
        {"starts_thread", "called pthread_create() in fit() for fc1.weight"},
        {"sets_timer", "called setitimer() in fit() for fc1.weight"},
        {"changes_kernels", "crashed with SIGSEGV in init() for fc1.weight"},
        {"sleeps", "timed out after 2 s in fit() for fc1.weight"},
    };
    setenv("QUANTBENCH_PLUGIN_SECONDS", "2", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        outcome o = train_with(cases[i][0]);
        char *who = str_format("/good/%s.so: scheme '%s' ", cases[i][0], cases[i][0]);
        cr_assert(o.exit == 5 && strstr(o.err, who) && strstr(o.err, cases[i][1]) &&
                      strstr(o.err, "fc1.weight"),
                  "%s: exit %d\n%s", cases[i][0], o.exit, o.err);
        free(who);
        free_outcome(&o);
    }
    free(expect(0, "test $($Q ls --db r.db --status failed --json | wc -l) = 4"));
}

Test(running, a_packer_that_writes_beside_its_bytes_fails_with_its_name, .init = setup,
     .fini = teardown) {
    static const char *const cases[][2] = {{"over_bound", "pack() wrote behind its bytes"},
                                           {"says_absurd", "bound() said 10995116"}};
    write_file("small.yaml", SMALL);
    for (int i = 0; i < 2; i++) {
        free(expect(0, "rm -rf good && mkdir good && cp %s good/", liar(cases[i][0])));
        outcome o = run("QUANTBENCH_PLUGIN_PATH=$PWD/good $Q run small.yaml --db r.db --set "
                        "quant.packer=%s",
                        cases[i][0]);
        char *who = str_format("/good/%s.so: packer '%s' ", cases[i][0], cases[i][0]);
        cr_assert(o.exit == 5 && strstr(o.err, who) && strstr(o.err, cases[i][1]), "exit %d\n%s",
                  o.exit, o.err);
        free(who);
        free_outcome(&o);
    }
}

/* A tensor may have any name; so may the folder of a plugin. */
Test(running, names_of_files_drive_no_terminal_when_a_plugin_crashes, .init = setup,
     .fini = teardown) {
    const char *header = "{\"\\u001b]0;mine\\u0007\\nquantbench: error: b\\u00e4d\":{\"dtype\":"
                         "\"F32\",\"shape\":[1,31],\"data_offsets\":[0,124]}}";
    uint8_t file[8 + 256] = {(uint8_t)strlen(header)};
    memcpy(file + 8, header, strlen(header) + 1);
    char *path = str_format("%s/t.safetensors", dir);
    write_bytes(path, file, 8 + strlen(header) + 124);
    free(expect(0, "mkdir good\033 && cp %s good\033/", liar("crashes")));
    outcome o = run("QUANTBENCH_PLUGIN_PATH=\"$PWD/good\033\" $Q quantize t.safetensors --scheme "
                    "crashes");
    cr_assert(o.exit == 5 && strchr(o.err, '\033') == NULL && strchr(o.err, '\a') == NULL, "%s",
              o.err);
    cr_assert(strstr(o.err, "good\\x1b/crashes.so: scheme 'crashes' crashed with SIGSEGV in fit() "
                            "for \\x1b]0;mine\\x07\\x0aquantbench: error: b\xc3\xa4"
                            "d\n"),
              "%s", o.err);
    free(path);
    free_outcome(&o);
}

/* ---- who may write there ---- */

static void expect_refusal(const char *what) {
    outcome o = run("QUANTBENCH_PLUGIN_PATH=$PWD/good $Q plugins list");
    cr_assert(o.exit == 5 && strstr(o.err, what) && !strstr(o.out, "honest_scheme"), "%s: %s%s",
              what, o.out, o.err);
    free_outcome(&o);
}

Test(loading, refuses_what_others_can_write_to, .init = setup, .fini = teardown) {
    free(expect(0, "mkdir -p up/good && ln -s up/good good && cp %s good/", liar("honest_scheme")));
    free(expect(0, "QUANTBENCH_PLUGIN_PATH=$PWD/good $Q plugins list | grep -q honest_scheme"));
    free(expect(0, "chmod o+w good/honest_scheme.so"));
    expect_refusal("honest_scheme.so: refused: the file is world-writable (mode 0757)");
    free(expect(0, "chmod o-w good/honest_scheme.so; chmod 0777 up/good"));
    expect_refusal("/up/good is world-writable (mode 0777); chmod o-w");
    outcome o = run("QUANTBENCH_PLUGIN_PATH=$PWD/good $Q plugins show honest_scheme");
    cr_assert(o.exit == 5 && strstr(o.err, "/up/good is world-writable"), "%s", o.err);
    free_outcome(&o);
    free(expect(0, "chmod 1777 up/good")); /* sticky is good enough above, not here */
    expect_refusal("/up/good is world-writable (mode 1777)");
    free(expect(0, "chmod 0755 up/good; chmod 0777 up"));
    expect_refusal("/up is world-writable (mode 0777)");
    free(expect(0,
                "chmod 0755 up; mkdir -m 0777 open; cp %s open/; rm good/*; ln -s "
                "../../open/honest_scheme.so good/",
                liar("honest_scheme")));
    expect_refusal("/open is world-writable"); /* where the link leads to */
    if (geteuid() != 0) return;
    free(expect(0, "rm good/*; cp %s good/; chown 12345 good/honest_scheme.so",
                liar("honest_scheme")));
    expect_refusal("the file belongs to user 12345, neither to root nor to you");
    free(expect(0, "chown 0 good/honest_scheme.so; chmod g+w good/honest_scheme.so"));
    expect_refusal("the file is group-writable (mode 0775)");
}

/* ---- the shipped ones ---- */

Test(conformance, every_shipped_plugin_keeps_the_contract, .init = setup, .fini = teardown) {
    char *out = expect(0, "$Q plugins check --settings 6 --seed 2");
    cr_assert(strstr(out, " 0 failed; ") && strstr(out, "ok   scheme int") &&
                  strstr(out, "ok   packer entropy") && strstr(out, "ok   ste tanh"),
              "%s", out);
    free(out);
}

Test(conformance, the_command_line_is_checked, .init = setup, .fini = teardown) {
    const char *cases[][2] = {
        {"itn", "did you mean 'int'?"},
        {"int --case code", "did you mean 'codes'?"},
        {"int --seed x", "--seed"},
        {"int --settings -1", "--settings"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        outcome o = run("$Q plugins check %s", cases[i][0]);
        cr_assert(o.exit == 2 && strstr(o.err, cases[i][1]), "%s: %s", cases[i][0], o.err);
        free_outcome(&o);
    }
}
