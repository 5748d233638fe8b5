/*
 * Eight processes record runs in one database while one lists and reports it again and again
 * and one, which trains, is killed every 200 ms. The eight write through the store as the runner
 * does: a transaction for each run; reader and victim are the program itself.
 */
#include "faults/faults.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/str.h"

enum { WRITERS = 8, METRICS = 5 };

static const char *const names[METRICS] = {"accuracy", "loss", "bits_per_weight", "packed_bytes",
                                           "samples_per_second"};

static status record_one(store *s, int writer, int i, diags *d) {
    static const store_environment e = {"0", "commit", "cpu", "scalar", "blas", 1};
    char key[32], uid[STORE_UID];
    snprintf(key, sizeof key, "w%d-%d", writer, i);
    store_run r = {.experiment = "writers",
                   .kind = "qat",
                   .spec_source = "version: 1\n",
                   .spec_resolved = "a=b\n",
                   .spec_sha256 = "feed",
                   .config_key = key,
                   .cache_key = key,
                   .label = key,
                   .seed = (uint64_t)i,
                   .environment = &e};
    store_begin(s);
    int64_t run = store_run_begin(s, &r, uid);
    for (int k = 0; k < METRICS; k++) store_final(s, run, names[k], "test", i + 0.1 * k, 100);
    store_run_end(s, run, "done", 1, 1, 1, NULL);
    return store_commit(s, d);
}

/* In a process of its own: 0 if all went well; the longest wait goes into its file. */
static int write_runs(int writer, int n) {
    store *s;
    diags d;
    diags_init(&d);
    char *path = in_dir("r.db"), *file = str_format("%s/wait.%d", dir, writer);
    status bad = store_open(path, false, &d, &s);
    double longest = 0;
    for (int i = 0; i < n && !bad; i++) {
        double begin = clock_seconds();
        bad = record_one(s, writer, i, &d);
        double took = clock_seconds() - begin;
        if (took > longest) longest = took;
    }
    if (bad) diags_print(&d, stderr);
    if (!bad) store_close(s);
    FILE *out = fopen(file, "w");
    if (out != NULL) fprintf(out, "%.3f\n", longest), fclose(out);
    return bad;
}

/* A command again and again until the file `over` is there. */
static pid_t start_loop(const char *command) {
    setenv("Q", program(), 1);
    pid_t pid = fork();
    if (pid != 0) return pid;
    if (chdir(dir) != 0) _exit(1);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(1);
}

static int wait_for(pid_t pid) {
    int how = 0;
    while (waitpid(pid, &how, 0) < 0 && errno == EINTR) continue;
    return WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
}

static int64_t number(store *s, const char *sql) {
    store_rows *r = store_select(s, sql, "");
    int64_t n = store_next(r) ? store_int(r, 0) : -1;
    store_rows_end(r);
    return n;
}

static double longest_wait(void) {
    double longest = 0;
    for (int w = 0; w < WRITERS; w++) {
        char name[16];
        snprintf(name, sizeof name, "wait.%d", w);
        char *text = read_file(name);
        if (atof(text) > longest) longest = atof(text);
        free(text);
    }
    return longest;
}

Test(writers, of_eight_processes_lose_no_row_beside_a_reader_and_a_victim, .init = setup_tiny,
     .fini = teardown_tiny, .timeout = 600) {
    int n = sized(20, 500); /* I15, R7 */
    free(expect(0, RUN_TINY));
    pid_t reader = start_loop("while [ ! -e over ]; do $Q ls --db r.db >/dev/null || exit 1; $Q "
                              "report --db r.db -o x.html >/dev/null || exit 2; done");
    pid_t victim = start_loop("while [ ! -e over ]; do $Q run s.yaml --db r.db --again -q --set "
                              "train.epochs=1000 >/dev/null 2>&1 & pid=$!; sleep 0.2; kill -9 "
                              "$pid && echo >>kills; wait $pid; done 2>/dev/null; true");
    pid_t writers[WRITERS];
    for (int w = 0; w < WRITERS; w++) {
        fflush(NULL);
        writers[w] = fork();
        if (writers[w] == 0) _exit(write_runs(w, n));
    }
    for (int w = 0; w < WRITERS; w++) {
        int code = wait_for(writers[w]);
        if (code != 0) broken("writer %d: exit %d", w, code);
    }
    write_file("over", "");
    int code = wait_for(reader);
    if (code != 0) broken("the reader: exit %d", code);
    wait_for(victim);
    double longest = longest_wait();
    char *kills = read_file("kills");
    store *s = open_store("r.db", true);
    int64_t runs = number(s, "SELECT count(*) FROM run r JOIN experiment e ON e.id = r.experiment"
                             " WHERE e.name = 'writers' AND r.status = 'done' AND r.replica = 0");
    int64_t metrics = number(s, "SELECT count(*) FROM metric m JOIN run r ON r.id = m.run JOIN"
                                " experiment e ON e.id = r.experiment WHERE e.name = 'writers'");
    store_close(s);
    if (runs != WRITERS * n) broken("%lld runs of %d", (long long)runs, WRITERS * n);
    if (metrics != WRITERS * n * METRICS) broken("%lld metrics", (long long)metrics);
    if (longest >= 5 && n == 500) broken("a transaction took %.3f s", longest);
    check_database("behind the writers");
    all_kept("%d processes x %d runs x %d metrics: %lld runs, %lld metrics, none lost; the longest "
             "transaction %.0f ms; %d trainings killed beside them",
             WRITERS, n, METRICS, (long long)runs, (long long)metrics, 1000 * longest,
             (int)strlen(kills));
    free(kills);
}
