/*
 * The command line itself: words, options and values that are wrong, streams that are
 * closed. Rows J01 to J17 of the catalogue of bad inputs: tests/golden/README.md.
 */
#include "cli/command.h"

#include <sys/wait.h>
#include <unistd.h>

#include "cli/cli.h"
#include "io/npy.h"
#include "util/mem.h"
#include "util/str.h"

/* One error with this text, nothing on stdout, nothing written. */
static void refuse(int code, const char *says, const char *words) {
    int before = count_files("*");
    outcome o = run("$Q %s", words);
    cr_assert(o.exit == code && *o.out == '\0', "%.200s: exit %d\n%s%s", words, o.exit, o.out,
              o.err);
    cr_assert(count_errors(o.err) == 1 && strstr(o.err, says) != NULL, "%.200s: %s", words, o.err);
    cr_assert(strcspn(o.err, "\n") <= 512);
    cr_assert(count_files("*") == before);
    free_outcome(&o);
}

Test(command_line, every_verb_and_option_misspelled_is_suggested, .init = setup, .fini = teardown) {
    for (int i = 0; i < cli_n_verbs; i++) {
        const verb *v = cli_verbs[i];
        char *says = str_format("did you mean '%s'?", v->name);
        char *words = str_format("%.1s%s", v->name, v->name); /* J02 */
        refuse(2, says, words);
        free(words);
        free(says);
        for (int k = 0; k < CLI_MAX_OPTIONS && v->options[k].name != NULL; k++) {
            says = str_format("did you mean '%s'?", v->options[k].name);
            words = str_format("%s %ss", v->name, v->options[k].name);
            refuse(2, says, words);
            free(words);
            free(says);
        }
    }
    refuse(2, "did you mean '--help'?", "--hlep");
    refuse(2, "did you mean '--version'?", "--vesrion");
}

Test(command_line, an_option_has_its_value_once, .init = setup, .fini = teardown) {
    for (int i = 0; i < cli_n_verbs; i++) { /* J03 */
        const verb *v = cli_verbs[i];
        for (int k = 0; k < CLI_MAX_OPTIONS && v->options[k].name != NULL; k++) {
            const char *name = v->options[k].name;
            char *words = v->options[k].value != NULL ? str_format("%s %s", v->name, name)
                                                      : str_format("%s %s=1", v->name, name);
            char *says = str_format("%s %s value", name,
                                    v->options[k].value != NULL ? "wants a" : "takes no");
            refuse(2, says, words);
            free(words);
            free(says);
            const char *value = v->options[k].value; /* settings are repeated */
            if (value == NULL || strcmp(value, "KEY=VALUE") == 0) continue;
            words = str_format("%s %s a %s=b", v->name, name, name);
            says = str_format("%s is there twice", name);
            refuse(2, says, words);
            free(words);
            free(says);
        }
    }
}

Test(command_line, what_excludes_one_another_is_refused, .init = setup, .fini = teardown) {
    refuse(2, "--quiet and --verbose exclude one another", "ls -q -v");
    refuse(2, "--json and --format exclude one another", "ls --json --format csv");
}

Test(command_line, words_that_are_missing_or_too_many_are_named, .init = setup, .fini = teardown) {
    for (int i = 0; i < cli_n_verbs; i++) {
        const verb *v = cli_verbs[i];
        char *says = str_format("%s wants ", v->name);
        if (v->min_words > 0) refuse(2, says, v->name);
        free(says);
        strbuf words = {0};
        strbuf_add(&words, v->name);
        for (int k = 0; k <= v->max_words && k < 1000; k++) strbuf_addf(&words, " w%d", k);
        says = str_format("%s: one word too many: 'w%d'", v->name, v->max_words);
        if (v->max_words < 1000) refuse(2, says, words.s);
        strbuf_fini(&words);
        free(says);
    }
    outcome o = run("$Q"); /* J01 */
    cr_assert(o.exit == 2 && *o.out == '\0' && strncmp(o.err, "usage: ", 7) == 0);
    free_outcome(&o);
    refuse(2, "more than 1024 words", "check $(seq 20000)"); /* J12 */
    refuse(2, "unknown verb", "$(seq 20000)");
}

Test(command_line, numbers_are_whole_decimal_and_in_range, .init = setup, .fini = teardown) {
    const char *wrong[] = {"abc",  "-1", "0",   "99999999999", "0x4",
                           "' 4'", "''", "4.0", "1e3",         "010"};
    write_file("s.yaml", SMALL);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) { /* J04 */
        char *words = str_format("check s.yaml --threads=%s", wrong[i]);
        refuse(2, "--threads must be an integer in [1, 1024], got '", words);
        free(words);
    }
    refuse(2, "[31, 1000]", "bench kernels --samples=0x40");
    const char *seeds[] = {"1e3", "-1", "18446744073709551616"};
    for (int i = 0; i < 3; i++) { /* J05: a value of the spec */
        char *words = str_format("check s.yaml --set seed=%s", seeds[i]);
        refuse(3, "--set:1:6: error: seed must be an integer in [0, 2^64-1]", words);
        free(words);
    }
    refuse(2, "table, markdown, csv, json, got '%n%s'", "ls --format=%n%s"); /* J15 */
    refuse(2, "report has no option '--format'", "report --format=%n%s");
}

Test(command_line, any_path_is_taken_as_it_is, .init = setup, .fini = teardown) {
    write_file("s.yaml", SMALL); /* J06 */
    free(expect(0, "mkdir 'a b' && cp s.yaml 'a b/c d.yaml' && $Q check 'a b/c d.yaml'"));
    free(expect(0, "cp s.yaml ./-x.yaml && $Q check ./-x.yaml && $Q check -- -x.yaml"));
    free(expect(
        0, "n=$(printf 'a\\nb.yaml') && cp s.yaml \"$n\" && $Q check \"$n\" | grep -q 'a.x0ab'"));
    free(expect(0, "n=$(printf '\\377.yaml') && cp s.yaml \"$n\" && $Q check \"$n\""));
    refuse(2, "check has no option '-x.yaml'", "check -x.yaml");
    refuse(3, "File name too long", "check $(printf '%05000d' 0)");
}

/* A spec, the one that it extends, data of 4 x 784 values, a run of it as w and m. */
static void make_model(void) {
    write_file("base.yaml", SMALL);
    write_file("s.yaml", "extends: base.yaml\ntrain: {epochs: 1}\n");
    free(expect(0, "$Q run s.yaml -q --db r.db && cp runs/*/weights.safetensors w.safetensors && "
                   "cp runs/*/model.packed.safetensors m.safetensors && cp r.db r.svg && "
                   "ln w.safetensors link.safetensors && ln -s new.npy dangling"));
    const int64_t shape[] = {4, 784};
    static const float x[4 * 784];
    static const int32_t y[4];
    char *images = in_dir("x.npy"), *labels = in_dir("y.npy");
    diags d;
    diags_init(&d);
    cr_assert(npy_write(images, DTYPE_F32, shape, 2, x, &d) == OK &&
              npy_write(labels, DTYPE_I32, shape, 1, y, &d) == OK);
    diags_fini(&d);
    free(images);
    free(labels);
}

Test(command_line, a_file_is_not_written_over_itself, .init = setup, .fini = teardown) {
    static const char *const words[] = {
        "export w.safetensors -o ./w.safetensors",
        "export w.safetensors -o link.safetensors",
        "quantize w.safetensors --scheme int -o w.safetensors",
        "quantize w.safetensors --scheme int --codes w.safetensors",
        "eval m.safetensors --data s.yaml --predictions m.safetensors",
        "eval m.safetensors --data s.yaml --predictions s.yaml",
        "eval m.safetensors --data s.yaml --logits base.yaml",
        "eval w.safetensors --data s.yaml --predictions s.yaml",
        "eval w.safetensors --data s.yaml --logits base.yaml",
        "eval m.safetensors --data '{format: npy, images: x.npy, labels: y.npy}' --logits x.npy",
        "eval m.safetensors --data '{format: npy, images: x.npy, labels: y.npy}' --predictions "
        "y.npy",
        "eval w.safetensors --data s.yaml --set 'data.test={format: npy, images: x.npy, labels: "
        "y.npy}' --logits x.npy",
        "report --db r.db -o r.db",
        "report --db r.db -o ./r.db",
        "report --db report.html",
        "plot pareto --db r.svg -o r.svg",
        "plot pareto --db pareto.tsv -o x.svg --keep",
    };
    make_model(); /* J08 */
    free(expect(0, "cp r.db report.html; cp r.db pareto.tsv; sha256sum *.* >sums"));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        refuse(2, "input and output are the same file: ", words[i]);
    free(expect(0, "sha256sum -c --quiet sums"));
    free(expect(0, "$Q eval m.safetensors --data '{format: npy, images: x.npy, labels: y.npy}' "
                   "--logits l.npy --predictions p.npy"));
}

Test(command_line, two_outputs_are_two_files, .init = setup, .fini = teardown) {
    static const char *const words[] = {
        "eval m.safetensors --data s.yaml --predictions p.npy --logits p.npy",
        "eval m.safetensors --data s.yaml --predictions new.npy --logits dangling",
        "quantize x.npy --scheme int --codes c.npy --dequant ./c.npy",
        "quantize x.npy --scheme int --codes y.npy --meta y.npy",
        "quantize x.npy --scheme int -o o.safetensors --codes o.safetensors",
    };
    make_model(); /* J08 */
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        refuse(2, "two outputs are the same file: ", words[i]);
    free(expect(0, "$Q quantize x.npy --scheme int --codes /dev/null --dequant /dev/null"));
}

Test(command_line, an_output_that_is_a_fifo_hangs_nobody, .init = setup, .fini = teardown,
     .timeout = 120) {
    static const char *const words[] = {
        "export x.npy -o f.npz",
        "export x.npy -o f.csv",
        "export x.npy -o f.gguf",
        "quantize x.npy --scheme int --codes f.npy",
        "eval m.safetensors --data s.yaml --predictions f.npy",
    };
    make_model();
    free(expect(0, "mkfifo f.npz f.csv f.gguf f.npy f.safetensors f.html"));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        refuse(7, "nobody reads this FIFO", words[i]);
    refused(7, "nobody reads this FIFO", "$Q report --db r.db -o f.html");
    refused(7, "nobody reads this FIFO", "$Q quantize x.npy --scheme int -o f.safetensors");
    free(expect(0, "cat f.csv >read.csv & $Q export x.npy -o f.csv; wait; $Q export x.npy -o "
                   "x.csv; cmp x.csv read.csv"));
    free(expect(0, "$Q export x.npy --format csv -o /dev/stdout -q | head -4 | cmp - x.csv"));
    free(expect(0, "$Q export x.npy --format csv -o /dev/stdout >both.csv; head -4 both.csv | cmp "
                   "- x.csv && tail -1 both.csv | grep -q '^x '")); /* the table is behind it */
}

Test(command_line, the_database_is_a_plain_file, .init = setup, .fini = teardown) {
    const char *names[] = {"", ":memory:", "'file:x?mode=rwc&vfs=unix'"};
    write_file("s.yaml", SMALL);
    for (int i = 0; i < 3; i++) { /* J14 */
        char *words = str_format("run s.yaml --db=%s", names[i]);
        refuse(2, "--db wants a file, got '", words);
        free(words);
    }
    free(expect(2, "QUANTBENCH_DB=:memory: $Q ls"));
}

Test(command_line, closed_streams_harm_no_file, .init = setup, .fini = teardown) {
    write_file("s.yaml", SMALL); /* J09 */
    free(expect(7, "$Q plugins list >&-"));
    free(expect(0, "$Q check s.yaml <&-"));
    free(expect(0, "$Q check s.yaml 2>&-"));
    free(expect(3, "$Q check missing.yaml 2>&-"));
    free(expect(7, "$Q run s.yaml --db r.db --set train.epochs=1 <&- >&- 2>&-"));
    free(expect(0, "$Q ls --db r.db --format csv | grep -q done"));
    free(expect(0, "$Q query --db r.db --sql 'PRAGMA integrity_check' | grep -q ok || "
                   "head -c 15 r.db | grep -q 'SQLite format 3'"));
}

Test(command_line, a_full_device_is_exit_7_and_a_reader_that_leaves_is_none, .init = setup,
     .fini = teardown) {
    outcome o = run("$Q help spec >/dev/full"); /* J10 */
    cr_assert(o.exit == 7 && count_errors(o.err) == 1 &&
                  strstr(o.err, "standard output cannot be written") != NULL,
              "%s", o.err);
    free_outcome(&o);
    o = run("$Q version >/dev/full");
    cr_assert(o.exit == 7 && strstr(o.err, "written: No space left on device") != NULL, "%s",
              o.err);
    free_outcome(&o);
    const char *readers[] = {"head -0", "head -1 >/dev/null", "true"};
    for (int i = 0; i < 3; i++) { /* J11 */
        o = run("{ $Q help spec; echo $? >code; } | %s; cat code", readers[i]);
        cr_assert(o.exit == 0 && strcmp(o.out, "0\n") == 0 && *o.err == '\0', "%s: %s%s",
                  readers[i], o.out, o.err);
        free_outcome(&o);
    }
}

/* The program with no or an empty name. */
static int exit_named(char *name) {
    char *argv[] = {name, NULL}, *none[] = {NULL};
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (freopen("/dev/null", "w", stderr) == NULL) _exit(99);
        execve(program(), argv, none);
        _exit(99);
    }
    int st;
    waitpid(pid, &st, 0);
    return WIFEXITED(st) ? WEXITSTATUS(st) : 256 + WTERMSIG(st);
}

Test(command_line, it_needs_no_name_and_no_environment, .init = setup, .fini = teardown) {
    static char empty[] = "";
    cr_assert(exit_named(NULL) == 2 && exit_named(empty) == 2);                           /* J13 */
    free(expect(0, "env -i $Q --version && env -i HOME=/nonexistent LANG=xx $Q --help")); /* J17 */
}
