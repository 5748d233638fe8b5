#include "faults/faults.h"

#include <ftw.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <unistd.h>

#include "util/files.h"
#include "util/mem.h"
#include "util/process.h"
#include "util/str.h"

int sized(int small, int full) {
    const char *size = getenv("QUANTBENCH_FAULTS");
    return size != NULL && strcmp(size, "full") == 0 ? full : small;
}

void skip_with_llvm_openmp(void) {
#ifdef __clang__
    cr_skip("OpenMP is LLVM's");
#endif
}

/* ---- promises ---- */

enum { SHOWN = 12 };
static int n_broken, n_judged;
static strbuf complaints;

void broken(const char *fmt, ...) {
    if (n_broken++ >= SHOWN) return;
    va_list ap;
    va_start(ap, fmt);
    char *text = str_vformat(fmt, ap);
    va_end(ap);
    strbuf_addf(&complaints, "%s\n", text);
    free(text);
}

void all_kept(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *text = str_vformat(fmt, ap);
    va_end(ap);
    cr_assert(n_broken == 0, "%d broken promises\n%s", n_broken, complaints.s);
    if (sized(0, 1)) fprintf(stderr, "\n  %s: %d commands\n", text, n_judged);
    free(text);
}

/* ---- commands ---- */

static bool has_long_line(const char *text) {
    for (size_t n; *text != '\0'; text += n + (text[n] == '\n')) {
        n = strcspn(text, "\n");
        if (n > 512) return true;
    }
    return false;
}

static outcome run_piped(char *command) { /* takes it */
    setenv("Q", program(), 1);
    const char *const argv[] = {"/bin/sh", "-c", command, NULL};
    process_end end;
    diags d;
    diags_init(&d);
    cr_assert(process_run(&(process){.argv = argv, .dir = dir, .timeout = 60}, &d, &end) == OK);
    diags_fini(&d);
    if (end.timed_out) broken("%s: no end after 60 s", command);
    free(command);
    return (outcome){.exit = end.exit, .out = end.out, .err = end.err};
}

outcome judged(const char *what, unsigned codes, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    outcome o = run_piped(str_vformat(fmt, ap));
    va_end(ap);
    n_judged++;
    if (o.exit > 10 || (codes & EXIT(o.exit)) == 0)
        broken("%s: exit %d: %s", what, o.exit, o.err);
    else if (o.exit != 0 && count_errors(o.err) != 1 &&
             !((codes & TWO) != 0 && count_errors(o.err) == 2))
        broken("%s: exit %d with %d errors: %s", what, o.exit, count_errors(o.err), o.err);
    else if (o.exit == 0 && count_errors(o.err) != 0)
        broken("%s: exit 0 with an error: %s", what, o.err);
    if (has_long_line(o.err)) broken("%s: a long line: %s", what, o.err);
    return o;
}

const char *as_nobody(void) {
    return geteuid() == 0 ? "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "
                          : "";
}

char *with_faults(const char *settings) {
    char real[PATH_MAX], *so = str_format("%s/tests/fixtures/preload/faults.so", build_dir());
    cr_assert(realpath(so, real) != NULL, "%s is not built", so);
    free(so);
    return str_format("env LD_PRELOAD=%s %s", real, settings);
}

int count_calls(const char *settings, const char *command) {
    char *log = in_dir("calls.log"), *all = str_format("%s FAULT_LOG=%s", settings, log);
    char *with = with_faults(all);
    unlink(log);
    outcome o = judged(command, EXIT(0), "%s %s", with, command);
    char *text = read_text(log);
    cr_assert(text != NULL, "no log of %s: %s", command, o.err);
    size_t n = strlen(text);
    while (n > 1 && text[n - 2] != '\n') n--;
    const char *last = n > 0 ? text + n - 1 : "";
    int calls = atoi(last);
    cr_assert(calls > 0 && strstr(last, " calls ") != NULL, "%s did not count: %s", command, last);
    unlink(log);
    free(text);
    free(with);
    free(all);
    free(log);
    free_outcome(&o);
    return calls;
}

/* ---- a small training ---- */

static char *expected; /* what it comes to */

static int collect_row(void *arg, int n, char **values, char **names) {
    strbuf *b = arg;
    (void)names;
    for (int i = 0; i < n; i++)
        strbuf_addf(b, "%s%c", values[i] != NULL ? values[i] : "-", i + 1 < n ? '|' : '\n');
    return 0;
}

/* Rows of a query as text; *failed if the database does not answer. free() */
static char *ask(const char *sql, bool *failed) {
    char *path = in_dir("r.db"), *why = NULL;
    sqlite3 *db;
    strbuf b = {0};
    strbuf_add(&b, "");
    int code = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);
    sqlite3_busy_timeout(db, 5000);
    if (code == SQLITE_OK) code = sqlite3_exec(db, sql, collect_row, &b, &why);
    if (why != NULL) strbuf_add(&b, why);
    *failed = code != SQLITE_OK;
    sqlite3_free(why);
    sqlite3_close(db);
    free(path);
    return b.s;
}

static const char RESULTS[] =
    "SELECT r.label, r.seed, r.status, r.accuracy, r.loss, r.bits_per_weight, r.config_key,"
    " (SELECT group_concat(role || sha256) FROM (SELECT * FROM artifact WHERE run = r.run"
    "  ORDER BY role)), (SELECT group_concat(value) FROM (SELECT * FROM metric_point WHERE"
    "  run = r.run AND name <> 'samples_per_second' ORDER BY name, split, step))"
    " FROM v_run r WHERE r.status = 'done'";

void setup_tiny(void) {
    bool failed;
    setup();
    write_file("s.yaml", TINY);
    free(expect(0, RUN_TINY));
    expected = ask(RESULTS, &failed);
    cr_assert(!failed && strstr(expected, "|done|") != NULL, "%s", expected);
    fresh();
}

void teardown_tiny(void) {
    free(expected);
    teardown();
}

static int remove_entry(const char *path, const struct stat *s, int flag, struct FTW *at) {
    (void)s, (void)flag, (void)at;
    return remove(path);
}

void fresh(void) {
    static const char *const files[] = {"r.db", "r.db-wal", "r.db-shm", "r.db-journal"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char *path = in_dir(files[i]);
        unlink(path);
        free(path);
    }
    char *runs = in_dir("runs");
    nftw(runs, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(runs);
}

/* ---- what is left ---- */

void check_database(const char *what) {
    bool failed;
    char *path = in_dir("r.db");
    bool there = file_exists(path);
    free(path);
    if (!there) return;
    char *found = ask("PRAGMA integrity_check; PRAGMA foreign_key_check", &failed);
    if (failed || strcmp(found, "ok\n") != 0) broken("%s: the database: %s", what, found);
    free(found);
}

static char temporary[PATH_MAX];

static int find_temporary(const char *path, const struct stat *s, int flag, struct FTW *at) {
    (void)s, (void)flag, (void)at;
    if (path_has_suffix(path, ".tmp")) snprintf(temporary, sizeof temporary, "%s", path);
    return 0;
}

void check_no_temporary(const char *what) {
    temporary[0] = '\0';
    nftw(dir, find_temporary, 16, FTW_PHYS);
    if (temporary[0] != '\0') broken("%s: left %s", what, temporary);
}

void check_resume(const char *what) {
    bool failed;
    char *again = str_format("%s, then again", what);
    outcome o = judged(again, EXIT(0), RUN_TINY);
    free_outcome(&o);
    char *found = ask(RESULTS, &failed);
    if (failed || strcmp(found, expected) != 0) broken("%s: %s, not %s", again, found, expected);
    free(found);
    found = ask("SELECT count(*) FROM run WHERE status = 'running'", &failed);
    if (failed || strcmp(found, "0\n") != 0) broken("%s: still running: %s", again, found);
    free(found);
    free(again);
}
