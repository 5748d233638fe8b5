/*
 * Errors of specs: the golden files, what cannot be a file of the repository, how errors
 * are printed. Rows A01 to A58 of the catalogue of bad inputs: tests/golden/README.md.
 */
#include "cli/command.h"

#include <dirent.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/files.h"
#include "util/mem.h"
#include "util/rng.h"
#include "util/str.h"

/* ---- what holds for every error ---- */

enum { LINE_MAX_BYTES = 512, CPU_SECONDS = 2, MEMORY_MIB = 256 };

static void setup_alone(void) {
    setup();
    setenv("HOME", dir, 1); /* no folder of the user's is searched */
    unsetenv("XDG_DATA_HOME");
    unsetenv("QUANTBENCH_DATA");
}

/* All commands of this test together, so that the largest counts. */
static void teardown_measured(void) {
    struct rusage u;
    cr_assert(getrusage(RUSAGE_CHILDREN, &u) == 0);
    cr_assert(u.ru_maxrss < MEMORY_MIB * 1024, "%ld KiB", u.ru_maxrss);
    teardown();
}

/* Names, sizes and times of all files below a folder. */
static char *state_of(const char *folder) {
    outcome o = run_in(folder, "find . -printf '%%p %%s %%T@\\n' | sort");
    free(o.err);
    return o.out;
}

static void assert_readable(const char *file, const char *text) {
    cr_assert(str_find_bad_utf8(text, strlen(text)) < 0, "%s: not UTF-8", file);
    for (const char *s = text, *end; *s != '\0'; s = end + (*end != '\0')) {
        end = s + strcspn(s, "\n");
        cr_assert(end - s <= LINE_MAX_BYTES, "%s: a line of %td bytes: %.80s", file, end - s, s);
        for (const char *c = s; c < end; c++)
            cr_assert((unsigned char)*c >= 0x20 || *c == '\t', "%s: a control character", file);
    }
}

/* `check` in a folder, twice, and `run`: they agree, in text and exit code, in two seconds of
 * a CPU each, and nothing is changed. free_outcome() */
static outcome judge(const char *folder, const char *file, int code) {
    const char *limit = "ulimit -t 2; ulimit -v 2097152; timeout 60";
    char *before = state_of(folder);
    outcome o = run_in(folder, "%s $Q check '%s'", limit, file);
    cr_assert(o.exit == code, "%s: exit %d, expected %d\n%s", file, o.exit, code, o.err);
    outcome again = run_in(folder, "%s $Q check '%s'", limit, file);
    cr_assert_str_eq(again.err, o.err);
    free_outcome(&again);
    if (code != 0) {
        outcome ran = run_in(folder, "%s $Q run '%s' --db none.db", limit, file);
        cr_assert(ran.exit == code && strcmp(ran.err, o.err) == 0 && *ran.out == '\0',
                  "run and check disagree on %s: exit %d\n%s", file, ran.exit, ran.err);
        free_outcome(&ran);
        cr_assert(*o.out == '\0', "%s: stdout has %s", file, o.out);
    }
    char *after = state_of(folder);
    cr_assert_str_eq(after, before);
    assert_readable(file, o.err);
    free(before);
    free(after);
    return o;
}

/* A file in the folder of the test has one error, which says so. */
static void assert_refused(const char *file, int code, const char *says) {
    outcome o = judge(dir, file, code);
    cr_assert(count_errors(o.err) == 1 && strstr(o.err, says) != NULL, "%s: %s", file, o.err);
    free_outcome(&o);
}

static void assert_text_refused(const char *text, int code, const char *says) {
    write_file("s.yaml", text);
    assert_refused("s.yaml", code, says);
}

/* ---- golden files, written by hand from the contract ---- */

/* Exit codes other than 3. */
static const struct {
    const char *file;
    int exit;
} other_exits[] = {{"a43_no_shell.yaml", 4}, {"a51_not_installed.yaml", 5}};

static int exit_of(const char *file) {
    for (size_t i = 0; i < sizeof other_exits / sizeof *other_exits; i++)
        if (strcmp(other_exits[i].file, file) == 0) return other_exits[i].exit;
    return 3;
}

/* The text of NAME.expected with the folder of the built plugins for $PLUGINS. */
static char *expected_of(const char *folder, const char *file) {
    char plugins_dir[PATH_MAX];
    char *built = str_format("%s/plugins", build_dir());
    char *path = str_format("%s/%.*s.expected", folder, (int)strlen(file) - 5, file);
    char *text = read_text(path);
    strbuf b = {0};
    cr_assert(text != NULL && realpath(built, plugins_dir) != NULL, "%s", path);
    strbuf_add(&b, "");
    for (const char *s = text, *at; *s != '\0'; s = at) {
        at = strstr(s, "$PLUGINS");
        if (at == NULL) at = s + strlen(s);
        strbuf_addn(&b, s, (size_t)(at - s));
        if (*at != '\0') strbuf_add(&b, plugins_dir), at += strlen("$PLUGINS");
    }
    free(built);
    free(path);
    free(text);
    return b.s;
}

static int judge_folder(const char *folder, bool fine) {
    DIR *files = opendir(folder);
    int n = 0;
    for (struct dirent *e; (e = readdir(files)) != NULL;) {
        if (!path_has_suffix(e->d_name, ".yaml")) continue;
        char *expected = expected_of(folder, e->d_name);
        outcome o = judge(folder, e->d_name, fine ? 0 : exit_of(e->d_name));
        cr_assert_str_eq(fine ? o.out : o.err, expected);
        cr_assert(fine || count_errors(o.err) > 0);
        free_outcome(&o);
        free(expected);
        n++;
    }
    closedir(files);
    return n;
}

Test(spec_errors, are_those_of_the_golden_files, .init = setup_alone, .fini = teardown_measured) {
    int n = judge_folder("tests/golden/spec_errors", false);
    cr_assert(n >= 60, "%d golden specs", n);
}

Test(spec_errors, what_looks_odd_but_is_fine_is_accepted, .init = setup_alone,
     .fini = teardown_measured) {
    cr_assert(judge_folder("tests/golden/spec_fine", true) >= 3);
}

/* ---- what cannot be a file of the repository ---- */

Test(spec_errors, of_bytes_that_are_no_text_name_the_offset, .init = setup_alone,
     .fini = teardown_measured) {
    for (uint64_t seed = 0; seed < 10; seed++) { /* A03 */
        uint8_t bytes[1024];
        for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)rng_u32(seed, i);
        char *path = path_join(dir, "s.yaml"), *says;
        write_bytes(path, bytes, sizeof bytes);
        says = str_format("not valid UTF-8 text: byte 0x%02x at offset ",
                          bytes[str_find_bad_utf8((char *)bytes, sizeof bytes)]);
        assert_refused("s.yaml", 3, says);
        free(path);
        free(says);
    }
    char *path = path_join(dir, "s.yaml"); /* A05 */
    write_bytes(path, "\xff\xfev\0:\0 \0001\0", 10);
    assert_refused("s.yaml", 3, "s.yaml: error: UTF-16 is not supported");
    write_bytes(path, "\xfe\xff\0v\0:\0 \0001", 10);
    assert_refused("s.yaml", 3, "s.yaml: error: UTF-16 is not supported");
    write_bytes(path, "version: 1\nname: a\0b\n", 21); /* A36 */
    assert_refused("s.yaml", 3, "s.yaml:2:8: error: a NUL character is not allowed here");
    write_bytes(path,
                "\xef\xbb\xbf"
                "a: \xff",
                7);
    assert_refused("s.yaml", 3, "byte 0xff at offset 6");
    free(path);
}

/* n times the text, in which %d is the count. */
static char *repeated(int n, const char *head, const char *before, const char *behind) {
    strbuf b = {0};
    strbuf_add(&b, head);
    for (int i = 0; i < n; i++) {
        strbuf_add(&b, before);
        if (behind != NULL) strbuf_addf(&b, "%d%s", i, behind);
    }
    return b.s;
}

Test(spec_errors, of_bombs_come_at_once, .init = setup_alone, .fini = teardown_measured) {
    const struct {
        int n;
        const char *head, *before, *behind, *says;
    } bombs[] = {
        {100000, "", "[", NULL, "s.yaml:1:65: error: nesting deeper than 64"},   /* A30 */
        {100000, "", "- ", NULL, "s.yaml:1:129: error: nesting deeper than 64"}, /* A31 */
        {100000, "", "{a: ", NULL, "s.yaml:1:257: error: nesting deeper than 64"},
        {20000, "", "- &a", " 1\n", "s.yaml:1001:3: error: more than 1000 anchors"}, /* A32 */
        {70000, "", "k", ": 1\n", "more than 10000 values"},                         /* A34 */
        {200000, "", "1, ", NULL, NULL},
        {260000, "a: [", "1, ", NULL, "more than 10000 values"},
        {500000, "name: ", "x", NULL, "s.yaml:1:7: error: name must be"},
        {500000, "", "k", NULL, "the top level must be a mapping"},
        {200000, "", "# ", "\n", "more than the limit of 1048576"}, /* A33 */
    };
    for (size_t i = 0; i < sizeof bombs / sizeof *bombs; i++) {
        char *text = repeated(bombs[i].n, bombs[i].head, bombs[i].before, bombs[i].behind);
        if (i == 7) { /* nothing else may be wrong with it */
            char *whole =
                str_format("%s\nversion: 1\nkind: tensors\nquant: {weights: int}\n", text);
            free(text);
            text = whole;
        }
        assert_text_refused(text, 3, bombs[i].says != NULL ? bombs[i].says : "the top level");
        free(text);
    }
    free(expect(0, "head -c 10485760 /dev/zero | tr '\\0' x > ten.yaml; truncate -s 2G two.yaml"));
    assert_refused("ten.yaml", 3, "ten.yaml: 10485760 bytes, more than the limit of 1048576");
    assert_refused("two.yaml", 3, "two.yaml: 2147483648 bytes, more than the limit of 1048576");
}

#define UNQUANTIZED                                                                                \
    "version: 1\nkind: qat\nname: t\nmodel: {type: mlp, hidden: [8]}\n"                            \
    "data: {train: {format: glyphs, n: 64}, test: {format: glyphs, n: 32}, batch: 32}\n"

Test(spec_errors, of_patterns_that_cost_too_much_come_before_they_are_compiled, .init = setup_alone,
     .fini = teardown_measured) {
    static const struct {
        const char *pattern, *says; /* says NULL: it is fine */
    } patterns[] = {{"((((a{1,99}){1,99}){1,99}){1,99})", "more than 2048 characters"},
                    {"(.{0,255}){0,255}", "more than 2048 characters"},
                    {"a*{99}{99}{99}", "more than 2048 characters"},
                    {"((((((((((((f+)+)+)+)+)+)+)+)+)+)+)+", "more than 2048 characters"},
                    {"f[](]c{1,2000}[[:digit:](]{1,9}|fc1", NULL},
                    {"f\\(*c(1|2)", NULL},
                    {".{0,2000}", NULL},
                    {"f{", "bad regular expression"}};
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        char *text = str_format("%squant: {weights: int, skip: ['re:%s']}\ntrain: {steps: 1}\n",
                                UNQUANTIZED, patterns[i].pattern);
        write_file("s.yaml", text);
        if (patterns[i].says != NULL)
            assert_text_refused(text, 3, patterns[i].says);
        else
            free(expect(0, "$Q check s.yaml"));
        free(text);
    }
    char *deep = repeated(20000, UNQUANTIZED "quant: {weights: int, skip: ['re:", "(", NULL),
         *text = str_format("%s']}\n", deep);
    assert_text_refused(text, 3, "more than 32 parentheses inside of one another");
    free(deep);
    free(text);
}

Test(spec_errors, of_more_runs_or_longer_than_there_are_numbers_come_at_once, .init = setup_alone,
     .fini = teardown_measured) {
    static const struct {
        const char *lines, *says;
    } tries[] = {
        {"train: {steps: 1}\nrepeats: 100000\nsweep: {axes: {data.batch: [8, 16]}}\n", /* A44 */
         "error: the sweep has 200000 runs (2 points, 100000 seeds), more than 100000"},
        {"train: {steps: 1}\nrepeats: 3\nseed: 18446744073709551614\n",
         "error: 3 seeds from 18446744073709551614 on pass 2^64 - 1"},
        {"train: {steps: 1, eval_every: 99999999999999999999ep}\n", "train.eval_every must be"},
        {"train: {steps: 1}\nschedule: {lr: {warmup: 9223372036854775807ep}}\n",
         "schedule.lr.warmup must be"}};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        char *text = str_format("%squant: {weights: int}\n%s", UNQUANTIZED, tries[i].lines);
        assert_text_refused(text, 3, tries[i].says);
        free(text);
    }
}

Test(spec_errors, of_names_of_plugins_that_are_paths_open_nothing, .init = setup_alone,
     .fini = teardown_measured) {
    static const char *const sites[] = {"weights: ../../x", "weights: int, ste: /tmp/x.so",
                                        "weights: int, packer: ./bits.so"}; /* H36 */
    for (int i = 0; i < 3; i++) {
        char *text = str_format("%squant: {%s}\ntrain: {steps: 1}\n", UNQUANTIZED, sites[i]);
        assert_text_refused(text, 3, "is no name of a");
        free(text);
    }
}

Test(spec_errors, of_what_is_no_file_name_it, .init = setup_alone, .fini = teardown_measured) {
    char *path = path_join(dir, "socket"); /* A55 */
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
    free(expect(0, "mkfifo fifo && mkdir folder && ln -s s.yaml s.yaml"));
    assert_refused("socket", 3, "socket: not a regular file");
    assert_refused("fifo", 3, "fifo: not a regular file");
    assert_refused("folder", 3, "folder: not a regular file");
    assert_refused("/dev/zero", 3, "/dev/zero: not a regular file");
    assert_refused("missing.yaml", 3, "missing.yaml: No such file or directory"); /* A56 */
    assert_refused("s.yaml", 3, "s.yaml: Too many levels of symbolic links");
    char *
        long_path = repeated(300, "", "x", NULL),
       *text = str_format(
           "version: 1\nkind: ptq\ndata: {test: glyphs}\nquant: {weights: int}\nmodel: {type: mlp, hidden: [8], weights: %s}\n",
           long_path);
    write_file("long.yaml", text);
    assert_refused("long.yaml", 4, ": File name too long");
    free(long_path);
    free(text);
    free(expect(0, "echo 'version: 1' > secret.yaml && chmod 000 secret.yaml"));
    const char *drop = geteuid() != 0 ? "" : /* root reads everything */
                           "setpriv --bounding-set -dac_override,-dac_read_search --inh-caps "
                           "-dac_override,-dac_read_search";
    outcome o = run("%s $Q check secret.yaml", drop);
    cr_assert(o.exit == 3 && count_errors(o.err) == 1 &&
                  strstr(o.err, "secret.yaml: Permission denied") != NULL,
              "%d %s", o.exit, o.err);
    free_outcome(&o);
    close(fd);
    free(path);
}

Test(spec_errors, of_names_that_are_paths_write_nothing, .init = setup_alone,
     .fini = teardown_measured) {
    char long_name[301] = "";
    memset(long_name, 'x', 300);
    const char *names[] = {"../../etc/x",  "/abs",    ".",      "..",           "a/b",
                           "''",           "a b",     "a:b",    "\"\\e[31mX\"", "\"a\\nb\"",
                           "\xe2\x80\xae", "'$(id)'", "'`id`'", long_name};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) { /* A37, A38 */
        char *text =
            str_format("version: 1\nkind: tensors\nname: %s\nquant: {weights: int}\n", names[i]);
        assert_text_refused(text, 3, "s.yaml:3:7: error: name must be 1 to 64 letters");
        free(text);
    }
}

Test(spec_errors, free_text_is_stored_as_it_is, .init = setup_alone, .fini = teardown) {
    write_file("s.yaml", SMALL "description: x'; DROP TABLE run;--\n"); /* A39 */
    free(expect(0, "$Q run s.yaml -q --db r.db --set train.epochs=1"));
    char *out = expect(
        0,
        "$Q query --db r.db --format csv --sql 'SELECT source, (SELECT count(*) FROM run) AS runs FROM spec'");
    cr_assert(strstr(out, "x'; DROP TABLE run;--") != NULL, "%s", out);
    free(out);
}

Test(spec_errors, of_files_that_are_no_data_say_nothing_of_what_is_in_them, .init = setup_alone,
     .fini = teardown_measured) {
    write_file("secret", "root:x:0:0:very secret:/root:/bin/bash\n"); /* A40 */
    assert_text_refused("version: 1\nkind: qat\nmodel: {type: mlp, hidden: [8]}\ndata: {train: "
                        "glyphs, test: {format: idx, images: secret, labels: secret}}\n",
                        4, "secret");
    outcome o = run("$Q check s.yaml");
    cr_assert(strstr(o.err, "root:") == NULL && strstr(o.err, "very") == NULL, "%s", o.err);
    free_outcome(&o);
}

Test(spec_errors, in_a_file_that_is_extended_name_both_files, .init = setup_alone,
     .fini = teardown_measured) {
    write_file("base.yaml", SMALL "loss: mse\n");
    assert_text_refused(
        "extends: base.yaml\n", 3,
        "base.yaml:9:7: error: loss must be one of cross_entropy, got 'mse' (s.yaml "
        "extends it)");
}

Test(spec_errors, of_files_that_extend_one_another_end, .init = setup_alone,
     .fini = teardown_measured) {
    for (int i = 0; i < 100; i++) { /* A42 */
        char *name = str_format("%d.yaml", i), *text = str_format("extends: %d.yaml\n", i + 1);
        write_file(name, i < 99 ? text : "version: 1\n");
        free(name);
        free(text);
    }
    write_file("s.yaml", SMALL "extends: 0.yaml\n");
    outcome o = run("$Q check s.yaml");
    cr_assert(o.exit == 3 && count_errors(o.err) == 1 &&
                  strstr(o.err, "14.yaml:1:10: error: extends '15.yaml'") == o.err,
              "%s", o.err);
    free_outcome(&o);
}

/* ---- how errors are printed ---- */

Test(spec_errors, in_long_lines_show_what_is_near, .init = setup_alone, .fini = teardown_measured) {
    char *many =
        repeated(400, "version: 1\nkind: tensors\nquant: {weights: {scheme: int, ", "k", ": 1, ");
    char *text = str_format("%sbits: 99}}\n", many);
    write_file("s.yaml", text);
    outcome o = run("$Q check s.yaml --json | tail -1; $Q check s.yaml 2>&1 | head -4");
    assert_readable("s.yaml", o.out);
    cr_assert(strstr(o.out, "has no parameter 'k0'") != NULL, "%s", o.out);
    free_outcome(&o);
    free(many);
    free(text);
    text = repeated(9000, "version: 1\nkind: ", "\xc3\xa9", NULL);
    assert_text_refused(text, 3, "\xc3\xa9...");
    free(text);
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

Test(spec_errors, behind_many_warnings_are_still_errors, .init = setup, .fini = teardown) {
    strbuf b = {0};
    strbuf_add(&b, "version: 1\nkind: qat\ndata: {train: glyphs, test: glyphs}\n"
                   "model: {type: mlp, hidden: [32]}\nquant:\n"
                   "  weights: {scheme: int, granularity: group, group_size: 100}\n  rules:\n");
    for (int i = 0; i < 25; i++) strbuf_add(&b, "    - {match: fc1, weights: {bits: 4}}\n");
    write_file("s.yaml", b.s);
    outcome o = run("$Q plan s.yaml");
    cr_assert(o.exit == 3 && *o.out == '\0' &&
                  strstr(o.err, "error: group_size 100 does") != NULL &&
                  strstr(o.err, "... and 4 more warnings\n") != NULL,
              "%d %s", o.exit, o.err);
    free_outcome(&o);
    strbuf_fini(&b);
}

Test(spec_errors, of_set_and_of_the_file_come_together, .init = setup, .fini = teardown) {
    write_file("s.yaml", SMALL "loss: mse\n");
    outcome o = run("$Q check s.yaml --set 'train.epochs=[1' --set model=*m --set name.x=1");
    cr_assert(o.exit == 3 && strstr(o.err, "--set:1:14: error: not valid YAML") != NULL &&
                  strstr(o.err, "undefined alias 'm'") != NULL &&
                  strstr(o.err, "'name' is no mapping") != NULL &&
                  strstr(o.err, "s.yaml:9:7: error: loss must be") != NULL,
              "%s", o.err);
    free_outcome(&o);
    write_file("s.yaml", SMALL "train: [\n");
    o = run("$Q check s.yaml --set 'train.epochs=[1'");
    cr_assert(o.exit == 3 && strstr(o.err, "--set:1:14: error: not valid YAML") != NULL &&
                  strstr(o.err, "s.yaml:10:1: error: not valid YAML") != NULL,
              "%s", o.err);
    free_outcome(&o);
}

Test(spec_errors, of_set_point_into_the_setting, .init = setup, .fini = teardown) {
    outcome base = run("$Q check s.yaml --set extends=other.yaml");
    cr_assert(base.exit == 3 && strstr(base.err, "--set:1:9: error: extends cannot be set") != NULL,
              "%d %s", base.exit, base.err);
    free_outcome(&base);
    write_file("s.yaml", SMALL);
    outcome o = run("$Q check s.yaml --set quant.activations.scheme=itn");
    cr_assert(o.exit == 3 && strstr(o.err, "--set:1:26: error: unknown scheme 'itn'\n    1 | "
                                           "quant.activations.scheme=itn\n") == o.err,
              "%s", o.err);
    free_outcome(&o);
    o = run("$Q check s.yaml --set train.epochs.bits=3");
    cr_assert(o.exit == 3 && strstr(o.err, "'train.epochs' is no mapping") &&
                  strstr(o.err, "'train.epochs={bits: ...}'"),
              "%s", o.err);
    free_outcome(&o);
}
