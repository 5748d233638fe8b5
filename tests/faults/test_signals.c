/*
 * Signals at any moment of a run (rows K01 to K06, K24): it ends as promised, and the same
 * command then comes to what it comes to without one.
 */
#include "faults/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/files.h"
#include "util/str.h"

/* Starts a shell command whose process is the program; its stderr goes to err.txt. */
static pid_t start(const char *command) {
    setenv("Q", program(), 1);
    char *all = str_format("exec %s >/dev/null 2>err.txt </dev/null", command);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGINT, SIG_DFL);
        if (chdir(dir) == 0) execl("/bin/sh", "sh", "-c", all, (char *)NULL);
        _exit(126);
    }
    free(all);
    return pid;
}

/* Its exit code, 128 + signal. */
static int end_of(pid_t pid) {
    int how = 0;
    while (waitpid(pid, &how, 0) < 0 && errno == EINTR) continue;
    return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
}

/* A run of about 0.3 s: what it is with `signals` after some random time. */
#define LONGER RUN_TINY " --set train.epochs=1500"

static uint32_t random_state = 1;
static double uniform(void) {
    random_state = random_state * 1664525 + 1013904223;
    return random_state / 4294967296.0;
}

static double seconds_of_run(void) {
    fresh();
    double begin = clock_seconds();
    free(expect(0, LONGER));
    return clock_seconds() - begin;
}

/* The rows of a run that is done, but for its uid and times. */
static char *results(void) {
    return expect(0, "sqlite3 r.db \"SELECT r.seed, r.accuracy, r.loss, r.bits_per_weight, (SELECT "
                     "group_concat(sha256) FROM (SELECT * FROM artifact WHERE run = r.run ORDER BY "
                     "role)), (SELECT group_concat(value) FROM (SELECT * FROM metric_point WHERE "
                     "run = r.run ORDER BY name, split, step)) FROM v_run r WHERE status = "
                     "'done'\"");
}

static void check_goes_on(const char *what, const char *expected) {
    check_database(what);
    outcome o = judged(what, EXIT(0), LONGER);
    free_outcome(&o);
    char *found = results();
    if (strcmp(found, expected) != 0) broken("%s, then again: %.300s", what, found);
    free(found);
}

/* `times` signals, 20 ms apart, at a random moment; n of these. Nothing is written before the
 * program looks at its command line, so there a signal may end it as it ends any program. */
static void disturb(int number, int times, int n, int wanted) {
    double length = seconds_of_run();
    char *expected = results();
    int felt = 0;
    for (int i = 0; i < n; i++) {
        char what[64];
        double delay = uniform() * length;
        snprintf(what, sizeof what, "signal %d x %d after %.0f ms", number, times, 1000 * delay);
        fresh();
        pid_t pid = start(LONGER);
        usleep((useconds_t)(delay * 1e6));
        for (int k = 0; k < times; k++) {
            if (k > 0) usleep(20000);
            kill(pid, number);
        }
        int exit = end_of(pid);
        char *path = in_dir("r.db"), *said = read_file("err.txt");
        bool begun = file_exists(path);
        felt += exit == wanted;
        if (exit != 0 && exit != wanted && !(exit == 128 + number && !begun))
            broken("%s: exit %d: %s", what, exit, said);
        if (number != SIGKILL && exit == wanted && strstr(said, " error: ") == NULL)
            broken("%s: says nothing: %s", what, said);
        check_goes_on(what, expected);
        free(path);
        free(said);
    }
    free(expected);
    all_kept("signal %d x %d at %d random moments, %d of them felt", number, times, n, felt);
}

Test(signals, sigint_is_exit_9_and_the_same_command_goes_on, .init = setup_tiny,
     .fini = teardown_tiny, .timeout = 1200) {
    disturb(SIGINT, 1, sized(8, 100), 9); /* K01 */
}

Test(signals, a_second_sigint_is_exit_9_at_once, .init = setup_tiny, .fini = teardown_tiny,
     .timeout = 1200) {
    disturb(SIGINT, 2, sized(6, 100), 9); /* K02 */
}

Test(signals, sigterm_is_exit_9, .init = setup_tiny, .fini = teardown_tiny, .timeout = 1200) {
    disturb(SIGTERM, 1, sized(4, 50), 9); /* K03 */
}

Test(signals, sighup_is_exit_9, .init = setup_tiny, .fini = teardown_tiny, .timeout = 1200) {
    disturb(SIGHUP, 1, sized(4, 50), 9); /* K03 */
}

Test(signals, sigkill_loses_nothing_but_the_run, .init = setup_tiny, .fini = teardown_tiny,
     .timeout = 1200) {
    disturb(SIGKILL, 1, sized(10, 200), 128 + SIGKILL); /* K04, R1 */
}

/* Exit code of a training that has no end, with what happens to it after 0.4 s. */
static int endless(const char *before, int first, int second) {
    char *command =
        str_format("%s$Q run s.yaml --db r.db -q --again --set train.epochs=1000000", before);
    pid_t pid = start(command);
    usleep(400000);
    kill(pid, first);
    usleep(200000);
    if (second != 0) kill(pid, second);
    free(command);
    return end_of(pid);
}

Test(signals, sighup_under_nohup_is_ignored, .init = setup_tiny, .fini = teardown_tiny,
     .timeout = 60) {
    int exit = endless("nohup ", SIGHUP, SIGTERM); /* the second ends it, the first did not */
    char *said = read_file("err.txt");
    if (exit != 9 || strstr(said, "interrupted again") != NULL) broken("exit %d: %s", exit, said);
    free(said);
    check_database("nohup");
    all_kept("SIGHUP under nohup");
}

Test(signals, a_pause_changes_nothing, .init = setup_tiny, .fini = teardown_tiny, .timeout = 300) {
    double length = seconds_of_run(); /* K05 */
    char *expected = results(), *found;
    fresh();
    pid_t pid = start(LONGER);
    usleep((useconds_t)(length * 0.5e6));
    kill(pid, SIGSTOP);
    sleep((unsigned)sized(1, 60));
    outcome o = judged("beside a paused run", EXIT(0), "$Q run s.yaml --db r.db -q --set seed=7");
    free_outcome(&o);
    free(expect(0, "test $(sqlite3 r.db \"SELECT count(*) FROM run WHERE status = "
                   "'interrupted'\") -eq 0"));
    kill(pid, SIGCONT);
    int exit = end_of(pid);
    if (exit != 0) broken("exit %d", exit);
    free(expect(0, "sqlite3 r.db 'PRAGMA foreign_keys = ON; DELETE FROM run WHERE seed = 7'"));
    found = results();
    if (strcmp(found, expected) != 0) broken("other results: %.300s", found);
    free(found);
    free(expected);
    all_kept("SIGSTOP and SIGCONT");
}

Test(signals, a_crash_is_a_crash_and_the_database_is_sound, .init = setup_tiny,
     .fini = teardown_tiny, .timeout = 60) {
    int exit = endless("", SIGSEGV, 0); /* K06 */
    if (exit != 128 + SIGSEGV) broken("exit %d", exit);
    check_database("SIGSEGV");
    check_resume("SIGSEGV");
    all_kept("SIGSEGV from outside");
}

Test(signals, a_limit_of_cpu_time_is_exit_9, .init = setup_tiny, .fini = teardown_tiny,
     .timeout = 60) {
    outcome o = judged("RLIMIT_CPU", EXIT(9),
                       "prlimit --cpu=1:10 $Q run s.yaml --db r.db -q "
                       "--set train.epochs=1000000"); /* K24 */
    free_outcome(&o);
    check_database("RLIMIT_CPU");
    check_resume("RLIMIT_CPU");
    all_kept("RLIMIT_CPU");
}
