/*
 * Databases that are not ours, not of our time, damaged, locked, replaced: rows I of the
 * catalogue that tests/unit/test_store.c and tests/cli do not have.
 */
#include "faults/faults.h"

#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/files.h"
#include "util/mem.h"
#include "util/str.h"

/* What opens a database. */
static const char *const readers[] = {"$Q ls --db r.db", "$Q info @last --db r.db",
                                      "$Q query --db r.db --sql 'SELECT * FROM v_run'"};
static const char *const users[] = {"$Q ls --db r.db",
                                    "$Q info @last --db r.db",
                                    "$Q query --db r.db failed",
                                    "$Q compare tiny --db r.db",
                                    "$Q plot pareto --db r.db -o x.svg",
                                    "$Q report --db r.db -o x.html",
                                    RUN_TINY " --again"};
enum { READERS = 3, USERS = sizeof users / sizeof *users };

static void setup_done(void) {
    setup_tiny();
    free(expect(0, RUN_TINY " && cp r.db fine.db"));
}

/* SQL in a database that starts as a copy of a good one. */
static void spoil(const char *sql) {
    char *path = in_dir("r.db"), *why = NULL;
    sqlite3 *db;
    free(expect(0, "rm -f r.db r.db-*; cp fine.db r.db"));
    cr_assert(sqlite3_open(path, &db) == SQLITE_OK);
    sqlite3_exec(db, sql, NULL, NULL, &why);
    cr_assert(why == NULL, "%s", why);
    sqlite3_close(db);
    free(path);
}

/* Each user ends by one of these codes; an error says this; the file stays what it is. */
static void each_refuses(const char *what, unsigned codes, const char *says) {
    char *path = in_dir("r.db"), *before = in_dir("before.db");
    free(expect(0, "cp r.db before.db"));
    for (int i = 0; i < USERS; i++) {
        char *name = str_format("%s: %s", what, users[i]);
        outcome o = judged(name, codes, "%s", users[i]);
        if (o.exit != 0 && (strstr(o.err, says) == NULL || strstr(o.err, "r.db") == NULL))
            broken("%s: does not say '%s'", name, says);
        if ((codes & EXIT(0)) == 0 && !files_equal(path, before)) broken("%s: changed", name);
        free(name);
        free_outcome(&o);
    }
    free(path);
    free(before);
}

Test(database, that_is_foreign_newer_or_changed_is_named_and_stays_as_it_is, .init = setup_done,
     .fini = teardown_tiny) {
    static const struct {
        const char *row, *sql, *says;
    } rows[] = {
        {"I03", "PRAGMA application_id = 252006673", "another application (id 0x0f055111)"},
        {"I04", "PRAGMA user_version = 9", "schema 9, this program knows up to 1"},
        {"I05", "PRAGMA user_version = 0", "schema 0, which no quantbench wrote"},
        {"I13", "PRAGMA foreign_keys = OFF; DROP TABLE artifact", "table 'artifact' is missing"},
        {"I13", "ALTER TABLE metric ADD COLUMN extra TEXT", "table 'metric' has other columns"},
        {"I13", "DROP VIEW v_run; CREATE TABLE v_run(run)", "view 'v_run' is something else"},
        {"I12", "DROP VIEW v_run; CREATE VIEW v_run AS SELECT load_extension('x') AS a",
         "view 'v_run' asks for something else"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        spoil(rows[i].sql);
        each_refuses(rows[i].row, EXIT(6), rows[i].says);
    }
    write_file("r.db", "\x89PNG\r\n\x1a\n and so on, which is no database at all, however long");
    each_refuses("I02", EXIT(6), "not a results database");
    write_file("r.db", "x");
    each_refuses("I02, one byte", EXIT(6), "not a results database: it is too short");
    spoil("CREATE TABLE mine(x); CREATE VIEW v_mine AS SELECT 1; CREATE INDEX i ON metric(n)");
    each_refuses("I13, own tables", EXIT(0), "");
    all_kept("rows I02 to I05 and I13, each with every command that opens a database");
}

Test(database, cannot_make_us_run_what_its_schema_says, .init = setup_done, .fini = teardown_tiny) {
    spoil("CREATE TRIGGER t AFTER INSERT ON metric BEGIN DELETE FROM run; END"); /* I12 */
    outcome o = judged("a trigger", EXIT(6), RUN_TINY " --again");
    if (strstr(o.err, "trigger 't' would change what is recorded") == NULL) broken("%s", o.err);
    free_outcome(&o);
    o = judged("a trigger, read", EXIT(0), "$Q ls --db r.db");
    free_outcome(&o);
    spoil("DROP VIEW v_run; CREATE VIEW v_run AS SELECT load_extension('/tmp/x.so') AS run, 1 AS "
          "uid, 1 AS experiment, 1 AS label, 1 AS seed, 1 AS status, 1 AS accuracy, 1 AS loss, 1 "
          "AS bits_per_weight, 1 AS seconds, 1 AS started, 1 AS replica, 1 AS error, 1 AS kind, "
          "1 AS sweep, 1 AS swept, 1 AS config_key, 1 AS cache_key, 1 AS baseline_key");
    for (int i = 0; i < READERS; i++) {
        o = judged(readers[i], EXIT(6), "%s", readers[i]);
        if (strstr(o.err, "view 'v_run' asks for something else") == NULL) broken("%s", o.err);
        free_outcome(&o);
    }
    free(expect(0, "cp fine.db r.db"));
    o = judged("extensions", EXIT(6), "$Q query --db r.db --sql \"SELECT load_extension('x')\"");
    free_outcome(&o);
    all_kept("rows I12: a trigger, a view that loads a library");
}

Test(database, that_is_no_regular_file_is_refused_at_once, .init = setup_done,
     .fini = teardown_tiny) {
    static const struct {
        const char *how, *says;
    } rows[] = {{"mkfifo r.db", "r.db: not a regular file"},
                {"ln -s /dev/zero r.db", "r.db: not a regular file"},
                {"ln -s /dev/full r.db", "r.db: not a regular file"},
                {"mkdir r.db", "r.db: is a directory"}}; /* I01, I02 */
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        free(expect(0, "rm -rf r.db*; %s", rows[i].how));
        for (int k = 0; k < USERS; k++) {
            outcome o = judged(rows[i].how, EXIT(6), "%s", users[k]);
            if (strstr(o.err, rows[i].says) == NULL) broken("%s: %s", users[k], o.err);
            free_outcome(&o);
        }
        free(expect(0, "rm -rf r.db; test ! -e r.db-wal"));
    }
    all_kept("a FIFO, devices and a folder as the database of every command");
}

/* ---- damage ---- */

static long size_of(const char *name) {
    char *text = expect(0, "stat -c %%s %s", name);
    long n = atol(text);
    free(text);
    return n;
}

/* Writes n bytes of one value into r.db. */
static void overwrite(long at, int n, int value) {
    char *path = in_dir("r.db");
    FILE *f = fopen(path, "r+b");
    cr_assert(f != NULL && fseek(f, at, SEEK_SET) == 0);
    for (int i = 0; i < n; i++) fputc(value, f);
    fclose(f);
    free(path);
}

Test(database, that_is_damaged_is_not_written, .init = setup_done, .fini = teardown_tiny) {
    long size = size_of("fine.db"); /* I10 */
    for (long page = 1; page < size / 4096; page += sized(7, 1)) {
        char what[32];
        snprintf(what, sizeof what, "page %ld", page);
        free(expect(0, "rm -f r.db-*; cp fine.db r.db"));
        overwrite(page * 4096, 64, 0xff);
        free(expect(0, "cp r.db before.db"));
        outcome o = judged(what, EXIT(6), RUN_TINY " --again");
        if (strstr(o.err, "damaged") == NULL && strstr(o.err, "malformed") == NULL &&
            strstr(o.err, "not a results database") == NULL)
            broken("%s: %s", what, o.err);
        if (strstr(o.err, "***") != NULL) broken("%s: a heading is no reason: %s", what, o.err);
        if (!same_files("r.db", "before.db")) broken("%s: written into", what);
        free_outcome(&o);
    }
    all_kept("pages of a database overwritten");
}

/* Any of its pages may be the one that is asked for last. */
Test(database, that_is_damaged_is_answered_whole_or_not_at_all, .init = setup_done,
     .fini = teardown_tiny, .timeout = 600) {
    static const char *const verbs[] = {
        "ls",
        "ls --json",
        "ls --format csv",
        "info @last",
        "info @last --json",
        "compare tiny",
        "query failed",
        "query --format csv --sql 'SELECT * FROM run_param, layer'"};
    enum { VERBS = sizeof verbs / sizeof *verbs };
    long size = size_of("fine.db"); /* I10, U4 */
    int answers[VERBS] = {0}, errors[VERBS] = {0};
    for (long page = 2; page < size / 4096; page += sized(3, 1)) {
        free(expect(0, "rm -f r.db-*; cp fine.db r.db"));
        overwrite(page * 4096, 64, 0xff);
        for (int i = 0; i < VERBS; i++) {
            outcome o = judged(verbs[i], EXIT(0) | EXIT(6), "$Q %s --db r.db -q", verbs[i]);
            if (o.exit != 0 && *o.out != '\0')
                broken("page %ld: half an answer of %s: %s", page, verbs[i], o.out);
            answers[i] += o.exit == 0, errors[i] += o.exit != 0;
            free_outcome(&o);
        }
    }
    for (int i = 0; i < VERBS; i++)
        if (answers[i] == 0) broken("%s never answers", verbs[i]);
    if (errors[3] < 3 || errors[4] < 3) broken("info meets none of the damaged pages");
    all_kept("row I10: what %d verbs answer from a damaged database", VERBS);
}

Test(database, with_any_byte_flipped_neither_crashes_nor_hangs, .init = setup_done,
     .fini = teardown_tiny, .timeout = 3600) {
    int n = sized(300, 10000), refused_ones = 0;
    long size = size_of("fine.db");
    uint32_t random = 12345;
    free(expect(0, "cp fine.db r.db"));
    char *path = in_dir("r.db");
    for (int i = 0; i < n; i++) {
        random = random * 1664525 + 1013904223;
        long at = i % 4 == 0 ? random % 100 : (long)(random % (uint32_t)size); /* the header */
        int bit = 1 << (random >> 28) % 8;
        FILE *f = fopen(path, "r+b");
        cr_assert(f != NULL && fseek(f, at, SEEK_SET) == 0);
        int was = fgetc(f);
        fseek(f, at, SEEK_SET);
        fputc(was ^ bit, f);
        fclose(f);
        char what[64];
        snprintf(what, sizeof what, "byte %ld ^ %d", at, bit);
        outcome o = judged(what, EXIT(0) | EXIT(6), "prlimit --cpu=2 %s", readers[i % READERS]);
        refused_ones += o.exit != 0;
        free_outcome(&o);
        overwrite(at, 1, was);
        unlink("r.db-wal");
    }
    free(path);
    all_kept("%d flipped bytes through ls, info and query, %d refused", n, refused_ones);
}

Test(database, whose_log_is_gone_foreign_or_stale_is_read_or_refused, .init = setup_done,
     .fini = teardown_tiny) {
    static const struct {
        const char *what, *how;
    } rows[] = {{"no log", "cp open.db r.db"},
                {"its log", "cp open.db r.db; cp open.db-wal r.db-wal"},
                {"the log of another", "cp fine.db r.db; cp open.db-wal r.db-wal"},
                {"a log that is none", "cp fine.db r.db; head -c 9000 /dev/urandom >r.db-wal"},
                {"half a log", "cp open.db r.db; head -c 5000 open.db-wal >r.db-wal"},
                {"a stale index", "cp fine.db r.db; cp open.db-wal r.db-wal; cp open.db-shm "
                                  "r.db-shm"}};
    char *path = in_dir("o.db"); /* I11 */
    sqlite3 *db;
    free(expect(0, "cp fine.db o.db"));
    cr_assert(sqlite3_open(path, &db) == SQLITE_OK);
    sqlite3_exec(db, "UPDATE run SET label = 'in the log'", NULL, NULL, NULL);
    free(expect(0, "cp o.db open.db; cp o.db-wal open.db-wal; cp o.db-shm open.db-shm"));
    sqlite3_close(db);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        free(expect(0, "rm -f r.db*; %s", rows[i].how));
        for (int k = 0; k < USERS; k++) {
            outcome o = judged(rows[i].what, EXIT(0) | EXIT(6), "%s", users[k]);
            free_outcome(&o);
        }
    }
    free(path);
    all_kept("row I11: logs that are missing, foreign, cut off");
}

/* ---- others at work ---- */

Test(database, that_another_process_locks_is_waited_for_and_then_named, .init = setup_done,
     .fini = teardown_tiny, .timeout = 120) {
    char *path = in_dir("r.db"); /* I08 */
    sqlite3 *db;
    cr_assert(sqlite3_open(path, &db) == SQLITE_OK);
    cr_assert(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL) == SQLITE_OK);
    outcome o = judged("reading", EXIT(0), "$Q ls --db r.db");
    free_outcome(&o);
    o = judged("writing", EXIT(6), "$Q run s.yaml --db r.db -q --set seed=2");
    if (strstr(o.err, "r.db: locked by another process for 10 s") == NULL) broken("%s", o.err);
    free_outcome(&o);
    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    sqlite3_close(db);
    free(path);
    check_database("behind the lock");
    check_resume("behind the lock");
    all_kept("row I08: BEGIN EXCLUSIVE of another process");
}

/* A training that takes long, in the background; `then` happens half a second into it. */
static outcome disturb(const char *options, const char *then) {
    return run("%s $Q run s.yaml --db r.db -q --again --set train.epochs=1000000 & pid=$!; sleep "
               "0.5; %s; wait $pid",
               options, then);
}

Test(database, that_is_replaced_under_a_run_is_told, .init = setup_done, .fini = teardown_tiny,
     .timeout = 120) {
    static const char *const ways[] = {"rm r.db", "mv r.db away.db; cp fine.db r.db",
                                       "mv r.db away.db"}; /* I20 */
    for (int i = 0; i < 3; i++) {
        free(expect(0, "rm -rf r.db* away.db*; cp fine.db r.db"));
        outcome o = disturb("", ways[i]);
        if (o.exit != 6 || strstr(o.err, "r.db: the database file was replaced") == NULL)
            broken("%s: exit %d: %s", ways[i], o.exit, o.err);
        free_outcome(&o);
    }
    all_kept("row I20: the database removed, replaced and moved under a run");
}

Test(database, orders_runs_by_their_number_not_by_the_clock, .init = setup_done,
     .fini = teardown_tiny) {
    static const char *const clocks[] = {"2208988800 -3600", "0 0", "2000000000 -86400"};
    for (int i = 0; i < 3; i++) { /* I21, K17: 2040, backwards; 1970 */
        char *settings = str_format("'FAULT_CLOCK=%s'", clocks[i]), *with = with_faults(settings);
        outcome o =
            judged(clocks[i], EXIT(0), "%s $Q run s.yaml --db r.db -q --set seed=%d", with, 10 + i);
        free_outcome(&o);
        o = judged(clocks[i], EXIT(0), "$Q info @last --db r.db --json");
        char *seed = str_format("\"seed\":%d", 10 + i);
        if (strstr(o.out, seed) == NULL) broken("%s: @last is not the last: %s", clocks[i], o.out);
        free_outcome(&o);
        free(seed);
        free(settings);
        free(with);
    }
    char *started = expect(0, "sqlite3 r.db 'SELECT group_concat(substr(started, 1, 4)) FROM run'");
    if (strstr(started, "2040") == NULL && strstr(started, "2039") == NULL)
        broken("no run in 2040: %s", started);
    if (strstr(started, "1970") == NULL) broken("no run in 1970: %s", started);
    free(started);
    all_kept("rows I21 and K17: clocks that go backwards, 1970 and 2040");
}
