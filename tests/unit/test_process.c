#include "support/support.h"

#include <unistd.h>

#include "util/clock.h"
#include "util/process.h"
#include "util/str.h"

static process_end run_words(const char *const *argv, double timeout, const char *dir) {
    diags d;
    diags_init(&d);
    process_end end;
    cr_assert(process_run(&(process){.argv = argv, .dir = dir, .timeout = timeout}, &d, &end) ==
              OK);
    diags_fini(&d);
    return end;
}

Test(process, words_reach_the_program_as_they_are_and_no_shell_reads_them) {
    const char *const argv[] = {"printf", "%s|", "a b", "$(id)", "`id`", "'\";\n*", NULL};
    process_end end = run_words(argv, 10, NULL);
    cr_assert(end.exit == 0 && !end.timed_out);
    cr_assert_str_eq(end.out, "a b|$(id)|`id`|'\";\n*|");
    process_end_free(&end);
}

Test(process, both_outputs_the_exit_code_and_signals_come_back) {
    const char *const fails[] = {"sh", "-c", "echo out; echo err >&2; exit 3", NULL};
    process_end end = run_words(fails, 10, NULL);
    cr_assert(end.exit == 3);
    cr_assert_str_eq(end.out, "out\n");
    cr_assert_str_eq(end.err, "err\n");
    process_end_free(&end);
    const char *const dies[] = {"sh", "-c", "kill -TERM $$", NULL};
    end = run_words(dies, 10, NULL);
    cr_assert(end.exit == 128 + 15 && !end.timed_out);
    process_end_free(&end);
}

Test(process, it_has_no_input_the_c_locale_its_folder_and_none_of_our_files) {
    int ours = dup(1); /* open in us, without close-on-exec */
    setenv("LC_ALL", "tr_TR.UTF-8", 1);
    const char *const argv[] = {"sh", "-c", "cat; echo $LC_ALL; pwd; ls /proc/self/fd | wc -l",
                                NULL};
    process_end end = run_words(argv, 10, "/usr");
    cr_assert_str_eq(end.out, "C\n/usr\n4\n"); /* 0, 1, 2 and the folder that ls reads */
    process_end_free(&end);
    close(ours);
}

Test(process, one_that_does_not_end_is_killed, .timeout = 30) {
    const char *const argv[] = {"sleep", "1000", NULL};
    double start = clock_seconds();
    process_end end = run_words(argv, 0.2, NULL);
    cr_assert(end.timed_out && end.exit == 128 + 9 && clock_seconds() - start < 20);
    process_end_free(&end);
    const char *const closes[] = {"sh", "-c", "exec sleep 1000 >&- 2>&-", NULL};
    end = run_words(closes, 0.2, NULL); /* its pipes end, it does not */
    cr_assert(end.timed_out);
    process_end_free(&end);
}

Test(process, a_lot_of_output_is_cut_and_a_missing_program_is_an_error) {
    const char *const argv[] = {"head", "-c", "20000000", "/dev/zero", NULL};
    process_end end = run_words(argv, 60, NULL);
    cr_assert(end.exit == 0);
    process_end_free(&end);
    diags d;
    diags_init(&d);
    const char *const none[] = {"no-such-program-here", NULL};
    cr_assert(process_run(&(process){.argv = none, .timeout = 1}, &d, &end) == ERR_RESOURCE);
    cr_assert(strstr(d.list[0].message, "no-such-program-here") != NULL);
    diags_fini(&d);
    char *dir = temp_dir(), *tool = str_format("%s/tool", dir);
    write_text(tool, "#!/bin/sh\n");
    cr_assert(process_find(tool) == NULL, "it is not executable");
    remove_dir(dir);
    free(tool);
    free(dir);
    setenv("PATH", ".:", 1);
    cr_assert(chdir("/bin") == 0 && process_find("sh") == NULL, "the current folder is not PATH");
}
