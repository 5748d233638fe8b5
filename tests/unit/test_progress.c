#include "support/support.h"

#include "run/progress.h"

static void says(int64_t done, int64_t of, const char *expected) {
    char *line = progress_line(done, of, 1234, false);
    cr_assert(strncmp(line, expected, strlen(expected)) == 0, "%s", line);
    free(line);
}

Test(progress, counts_the_runs_that_are_to_be_made) {
    progress_open(3);
    progress_begin("int bits=4  seed 2");
    says(1, 2, "[1/3] int bits=4  seed 2    50 %  1,234 samples/s  ");
    progress_end();
    progress_begin("float  seed 2");
    says(0, 0, "[2/3] float  seed 2     0 %  ");
    progress_end();
    progress_close();
}

Test(progress, does_not_wait_for_a_run_that_another_process_has_made) {
    progress_open(3);
    progress_begin("a");
    progress_end();
    progress_skip();
    progress_begin("c");
    says(1, 4, "[2/2] c    25 %  ");
    progress_end();
    progress_close();
}
