#include "support/support.h"

#include <pthread.h>
#include <sqlite3.h>
#include <unistd.h>

#include "run/claim.h"
#include "store/query.h"
#include "store/store.h"
#include "util/files.h"
#include "util/hash.h"

typedef struct fixture {
    char *dir, *path;
    store *s;
    diags d;
} fixture;

static fixture open_new(void) {
    fixture f = {.dir = temp_dir()};
    diags_init(&f.d);
    f.path = path_join(f.dir, "t.db");
    cr_assert(store_open(f.path, false, &f.d, &f.s) == OK);
    return f;
}

static void close_all(fixture *f) {
    store_close(f->s);
    remove_dir(f->dir);
    free(f->dir);
    free(f->path);
    diags_fini(&f->d);
}

static int64_t begin_run(store *s, const char *config, const char *cache, uint64_t seed,
                         char uid[STORE_UID]) {
    const store_environment e = {"v", "c", "cpu", "scalar", "blas", 2};
    const store_run r = {.experiment = "lone" /* no uid begins with an l */,
                         .kind = "qat",
                         .spec_source = "s",
                         .spec_resolved = "r",
                         .spec_sha256 = config,
                         .config_key = config,
                         .cache_key = cache,
                         .seed = seed,
                         .environment = &e};
    return store_run_begin(s, &r, uid);
}

static int64_t add_run(store *s, const char *config, uint64_t seed, double accuracy, double bits,
                       diags *d) {
    char cache[64], uid[STORE_UID];
    snprintf(cache, sizeof cache, "%s-%d", config, (int)seed);
    store_begin(s);
    int64_t run = begin_run(s, config, cache, seed, uid);
    store_layer(s, run, 0, "fc1", "linear", "(2, 3)", 6, 6);
    store_quantizer q = {.site = "weight",
                         .scheme = "int",
                         .params = "bits=4",
                         .granularity = "tensor",
                         .n_levels = 15,
                         .n_groups = 1,
                         .packed_bytes = 7,
                         .bits_per_weight = bits};
    store_quantizer_row(s, run, 0, &q);
    store_layer_metric(s, run, 0, "weight", "sqnr_db", 20);
    store_layer_metric(s, run, 0, "weight", "mse", INFINITY);
    store_final(s, run, "accuracy", "test", accuracy, 100);
    store_final(s, run, "bits_per_weight", "model", bits, 0);
    store_run_end(s, run, "done", 1, 2, 3, NULL);
    cr_assert(store_commit(s, d) == OK);
    return run;
}

static double number(store *s, const char *sql) {
    store_rows *r = store_select(s, sql, "");
    double v = store_next(r) ? store_real(r, 0) : (double)NAN;
    store_rows_end(r);
    return v;
}

Test(store, a_new_database_is_ours_and_has_all_its_tables_and_views) {
    fixture f = open_new();
    cr_assert(number(f.s, "PRAGMA application_id") == 0x51424E43);
    cr_assert(number(f.s, "PRAGMA user_version") == 1);
    const char *names[] = {"environment",
                           "experiment",
                           "sweep_point",
                           "sweep",
                           "run",
                           "run_param",
                           "run_plugin",
                           "plugin",
                           "run_input",
                           "metric_def",
                           "metric",
                           "metric_point",
                           "layer",
                           "quantizer",
                           "layer_metric",
                           "candidate",
                           "sensitivity",
                           "allocation",
                           "allocation_layer",
                           "histogram",
                           "bench",
                           "event",
                           "artifact",
                           "spec",
                           "schema_migration",
                           "v_run",
                           "v_stat",
                           "v_pareto",
                           "v_sensitivity",
                           "v_layer_wide",
                           "v_compare_baseline",
                           "v_failed",
                           "v_bench_best",
                           "v_done",
                           "v_sweep_point"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", names[i]);
        cr_assert(number(f.s, sql) >= 0, "%s", names[i]);
    }
    cr_assert(store_status(f.s, &f.d) == OK);
    close_all(&f);
}

Test(store, metrics_that_are_not_finite_become_null_and_say_so) {
    fixture f = open_new();
    add_run(f.s, "a", 1, 0.9, 4, &f.d);
    cr_assert(isnan(number(f.s, "SELECT value FROM layer_metric WHERE name = 'mse'")));
    cr_assert(number(f.s, "SELECT non_finite FROM layer_metric WHERE name = 'mse'") == 1);
    cr_assert(number(f.s, "SELECT non_finite FROM layer_metric WHERE name = 'sqnr_db'") == 0);
    close_all(&f);
}

Test(store, views_give_mean_deviation_and_the_pareto_front) {
    fixture f = open_new();
    add_run(f.s, "four", 1, 0.90, 4, &f.d);
    add_run(f.s, "four", 2, 0.92, 4, &f.d);
    add_run(f.s, "two", 1, 0.80, 2, &f.d);
    add_run(f.s, "worse", 1, 0.70, 3, &f.d); /* more bits than `two` and less accurate */
    assert_near(number(f.s,
                       "SELECT mean FROM v_stat WHERE config_key = 'four' AND name = 'accuracy'"),
                0.91, 1e-12, 0);
    assert_near(number(f.s,
                       "SELECT sd FROM v_stat WHERE config_key = 'four' AND name = 'accuracy'"),
                sqrt(0.0002), 1e-9, 0);
    cr_assert(number(f.s, "SELECT count(*) FROM v_pareto") == 3);
    cr_assert(number(f.s, "SELECT count(*) FROM v_pareto WHERE on_front") == 2);
    cr_assert(number(f.s, "SELECT on_front FROM v_pareto WHERE config_key = 'worse'") == 0);
    cr_assert(number(f.s, "SELECT sqnr_db FROM v_layer_wide WHERE run = 1") == 20);
    cr_assert(store_status(f.s, &f.d) == OK);
    close_all(&f);
}

Test(store, the_pareto_front_has_ties_and_leaves_out_what_costs_as_much_and_is_worse) {
    fixture f = open_new();
    add_run(f.s, "a", 1, 0.90, 4, &f.d);
    add_run(f.s, "tie", 1, 0.90, 4, &f.d);
    add_run(f.s, "worse", 1, 0.89, 4, &f.d);
    add_run(f.s, "dearer", 1, 0.90, 5, &f.d);
    add_run(f.s, "best", 1, 0.95, 6, &f.d);
    add_run(f.s, "unknown", 1, NAN, 1, &f.d);
    cr_assert(number(f.s, "SELECT count(*) FROM v_pareto") == 5);
    cr_assert(number(f.s, "SELECT count(*) FROM v_pareto WHERE on_front AND config_key IN ('a', "
                          "'tie', 'best')") == 3);
    cr_assert(number(f.s, "SELECT count(*) FROM v_pareto WHERE on_front") == 3);
    close_all(&f);
}

Test(store, a_second_run_of_a_cache_key_is_a_replica_and_not_in_the_statistics) {
    fixture f = open_new();
    add_run(f.s, "a", 1, 0.5, 4, &f.d);
    int64_t second = add_run(f.s, "a", 1, 0.9, 4, &f.d);
    cr_assert(second == 2 && number(f.s, "SELECT replica FROM run WHERE id = 2") == 1);
    cr_assert(number(f.s, "SELECT n FROM v_stat WHERE name = 'accuracy'") == 1);
    char uid[STORE_UID];
    cr_assert(store_find_done(f.s, "a-1", uid) && !store_find_done(f.s, "a-2", uid));
    close_all(&f);
}

Test(store, points_arrive_in_batches_and_at_the_end) {
    fixture f = open_new();
    int64_t run = add_run(f.s, "a", 1, 0.5, 4, &f.d);
    for (int i = 0; i < 300; i++)
        cr_assert(store_metric(f.s, run, -1, i, i / 10.0, "loss", "train", 1.0 / i, &f.d) == OK);
    cr_assert(number(f.s, "SELECT count(*) FROM metric_point") >= 256);
    cr_assert(store_flush(f.s, &f.d) == OK);
    cr_assert(number(f.s, "SELECT count(*) FROM metric_point") == 300);
    cr_assert(number(f.s, "SELECT non_finite FROM metric_point WHERE step = 0") == 1);
    close_all(&f);
}

Test(store, a_histogram_comes_back_as_it_went_in_and_is_little_endian) {
    fixture f = open_new();
    int64_t run = add_run(f.s, "a", 1, 0.5, 4, &f.d);
    const uint64_t counts[] = {3, 0, 0x0102030405060708};
    const float levels[] = {-0.25f, 0.5f};
    store_begin(f.s);
    store_histogram(f.s, run, 0,
                    &(store_histogram_row){.site = "weight",
                                           .what = "after",
                                           .step = 7,
                                           .lo = -1,
                                           .hi = 2,
                                           .counts = counts,
                                           .n = 3,
                                           .levels = levels,
                                           .n_levels = 2});
    store_histogram(f.s, run, 0,
                    &(store_histogram_row){.site = "weight",
                                           .what = "before",
                                           .step = 7,
                                           .lo = -1,
                                           .hi = 2,
                                           .counts = counts,
                                           .n = 3});
    cr_assert(store_commit(f.s, &f.d) == OK);
    store_rows *r =
        store_select(f.s, "SELECT counts, levels, hex(counts) FROM histogram ORDER BY what", "");
    uint64_t *c;
    float *l;
    cr_assert(store_next(r) && store_counts(r, 0, &c) == 3 && store_floats(r, 1, &l) == 2);
    cr_assert(memcmp(c, counts, sizeof counts) == 0 && memcmp(l, levels, sizeof levels) == 0);
    cr_assert_str_eq(store_text(r, 2), "030000000000000000000000000000000807060504030201");
    free(c);
    free(l);
    cr_assert(store_next(r) && store_is_null(r, 1) && store_floats(r, 1, &l) == 0);
    free(l);
    store_rows_end(r);
    close_all(&f);
}

Test(store, a_failed_transaction_leaves_nothing_and_says_why) {
    fixture f = open_new();
    store_begin(f.s);
    store_final(f.s, 99, "accuracy", "test", 1, 0); /* no such run */
    store_final(f.s, 99, "loss", "test", 1, 0);
    cr_assert(store_commit(f.s, &f.d) == ERR_STORE);
    cr_assert(strstr(f.d.list[0].message, "FOREIGN KEY") != NULL, "%s", f.d.list[0].message);
    cr_assert(strstr(f.d.list[0].message, f.path) != NULL);
    close_all(&f);
}

Test(store, runs_are_found_by_uid_beginning_place_and_name) {
    fixture f = open_new();
    int64_t a = add_run(f.s, "a", 1, 0.5, 4, &f.d), b = add_run(f.s, "b", 1, 0.5, 4, &f.d), found;
    store_rows *r = store_select(f.s, "SELECT uid FROM run WHERE id = ?", "i", a);
    char uid[STORE_UID];
    cr_assert(store_next(r));
    snprintf(uid, sizeof uid, "%s", store_text(r, 0));
    store_rows_end(r);
    cr_assert(store_find_run(f.s, uid, &f.d, &found) == OK && found == a);
    uid[8] = '\0';
    cr_assert(store_find_run(f.s, uid, &f.d, &found) == OK && found == a);
    cr_assert(store_find_run(f.s, "@last", &f.d, &found) == OK && found == b);
    cr_assert(store_find_run(f.s, "@2", &f.d, &found) == OK && found == a);
    cr_assert(store_find_run(f.s, "lone", &f.d, &found) == OK && found == b);
    cr_assert(store_find_run(f.s, "nothing", &f.d, &found) == ERR_STORE);
    cr_assert(store_find_run(f.s, "", &f.d, &found) == ERR_STORE); /* L08 */
    cr_assert(strstr(f.d.list[1].message, "no run ''") != NULL && f.d.list[1].hint != NULL);
    close_all(&f);
}

/* ---- databases that are not ours to touch ---- */

static void refused(const char *path, const char *because) {
    char before[HASH_HEX], after[HASH_HEX];
    store *s;
    diags d;
    diags_init(&d);
    cr_assert(file_hash(path, ERR_INPUT, &d, before) == OK);
    cr_assert(store_open(path, false, &d, &s) == ERR_STORE && s == NULL);
    cr_assert(strstr(d.list[0].message, because) != NULL, "%s", d.list[0].message);
    cr_assert(file_hash(path, ERR_INPUT, &d, after) == OK);
    cr_assert_str_eq(before, after);
    diags_fini(&d);
    outcome o = run_in("/", "ls '%s'-* 2>/dev/null | wc -l", path);
    cr_assert(atoi(o.out) == 0, "files beside it: %s", o.out);
    free_outcome(&o);
}

Test(store, a_foreign_newer_or_broken_database_is_refused_unchanged) {
    char *dir = temp_dir(), *path = path_join(dir, "other.db");
    sqlite3 *db;
    cr_assert(sqlite3_open(path, &db) == SQLITE_OK);
    sqlite3_exec(db, "PRAGMA application_id = 7; CREATE TABLE t(x)", NULL, NULL, NULL);
    sqlite3_close(db);
    refused(path, "another application (id 0x00000007)");
    sqlite3_open(path, &db);
    sqlite3_exec(db, "PRAGMA application_id = 0x51424E43; PRAGMA user_version = 9", NULL, NULL,
                 NULL);
    sqlite3_close(db);
    refused(path, "schema 9, this program knows up to 1");
    write_text(path, "this is a text file and no database, however long it may be");
    refused(path, "not a results database");
    write_text(path, "x"); /* which SQLite takes for an empty file */
    refused(path, "not a results database: it is too short");
    unlink(path);
    sqlite3_open(path, &db);
    sqlite3_exec(db, "PRAGMA application_id = 7", NULL, NULL, NULL); /* empty, but theirs */
    sqlite3_close(db);
    refused(path, "another application (id 0x00000007)");
    free(path);
    remove_dir(dir);
    free(dir);
}

Test(store, what_another_process_has_only_in_its_wal_is_seen, .timeout = 20) {
    char *dir = temp_dir(), *path = path_join(dir, "other.db");
    sqlite3 *db;
    store *s;
    diags d;
    diags_init(&d);
    cr_assert(sqlite3_open(path, &db) == SQLITE_OK); /* stays open: nothing is checkpointed */
    sqlite3_exec(db, "PRAGMA journal_mode = WAL; PRAGMA application_id = 7; CREATE TABLE t(x)",
                 NULL, NULL, NULL);
    cr_assert(store_open(path, false, &d, &s) == ERR_STORE && s == NULL);
    cr_assert(strstr(d.list[0].message, "another application (id 0x00000007)") != NULL, "%s",
              d.list[0].message);
    sqlite3_close(db);
    free(path);
    remove_dir(dir);
    free(dir);
    diags_fini(&d);
}

Test(store, replicas_are_numbered_in_the_order_in_which_runs_end) {
    fixture f = open_new();
    char uid[STORE_UID];
    store_begin(f.s);
    int64_t a = begin_run(f.s, "c", "k", 0, uid), b = begin_run(f.s, "c", "k", 0, uid);
    int64_t c = begin_run(f.s, "c", "k", 0, uid);
    store_run_end(f.s, b, "done", 1, 1, 1, NULL);
    store_run_end(f.s, c, "failed", 1, 1, 1, "why");
    store_run_end(f.s, a, "done", 1, 1, 1, NULL);
    cr_assert(store_commit(f.s, &f.d) == OK);
    cr_assert(number(f.s, "SELECT replica FROM run WHERE id = 1") == 1);
    cr_assert(number(f.s, "SELECT replica FROM run WHERE id = 2") == 0);
    cr_assert(isnan(number(f.s, "SELECT replica FROM run WHERE id = 3")));
    close_all(&f);
}

Test(store, attempts_count_the_runs_of_a_cache_key_that_came_to_nothing) {
    fixture f = open_new();
    for (int i = 0; i < 4; i++) {
        int64_t seed = i == 2; /* the third is another run */
        char uid[STORE_UID];
        store_begin(f.s);
        int64_t run = begin_run(f.s, "c", seed ? "k1" : "k0", (uint64_t)seed, uid);
        store_run_end(f.s, run, i == 0 ? "interrupted" : i == 1 ? "failed" : "done", 1, 1, 1, NULL);
        cr_assert(store_commit(f.s, &f.d) == OK);
    }
    cr_assert(number(f.s, "SELECT attempt FROM run WHERE id = 1") == 1);
    cr_assert(number(f.s, "SELECT attempt FROM run WHERE id = 2") == 2);
    cr_assert(number(f.s, "SELECT attempt FROM run WHERE id = 3") == 1);
    cr_assert(number(f.s, "SELECT attempt FROM run WHERE id = 4") == 3);
    close_all(&f);
}

Test(store, statistics_read_the_newest_of_several_versions_of_a_run) {
    fixture f = open_new();
    add_run(f.s, "a", 1, 0.5, 4, &f.d);
    sqlite3 *db; /* as if an older numeric version had made it */
    sqlite3_open(f.path, &db);
    sqlite3_exec(db, "UPDATE run SET cache_key = 'older'", NULL, NULL, NULL);
    sqlite3_close(db);
    add_run(f.s, "a", 1, 0.9, 4, &f.d);
    cr_assert(number(f.s, "SELECT n FROM v_stat WHERE name = 'accuracy'") == 1);
    cr_assert(number(f.s, "SELECT mean FROM v_stat WHERE name = 'accuracy'") == 0.9);
    close_all(&f);
}

Test(store, reading_wants_a_database_that_is_there) {
    store *s;
    diags d;
    diags_init(&d);
    cr_assert(store_open("/nonexistent/x.db", true, &d, &s) == ERR_STORE);
    cr_assert(d.list[0].hint != NULL);
    diags_fini(&d);
}

/* What gives a query more time, not every verb has. */
Test(store, a_query_that_was_stopped_says_what_gives_it_longer_if_something_does) {
    const char *longer[] = {"--timeout SECONDS", NULL};
    for (int i = 0; i < 2; i++) {
        fixture f = open_new();
        store_rows *r;
        store_guard(f.s, 0, longer[i]);
        cr_assert(store_query(f.s,
                              "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
                              " SELECT count(*) FROM c",
                              NULL, 0, &f.d, &r) == OK);
        cr_assert(!store_next(r));
        store_rows_end(r);
        cr_assert(store_status(f.s, &f.d) == ERR_RESOURCE);
        if (longer[i] != NULL)
            cr_assert_str_eq(f.d.list[0].hint, "--timeout SECONDS gives it longer");
        else
            cr_assert(f.d.list[0].hint == NULL);
        close_all(&f);
    }
}

/* ---- runs of processes that died ---- */

/* A run that is ending: `done` is written, and to be seen when its lock was found free. */
typedef struct ending {
    const char *path, *lock;
    int64_t run;
    pthread_barrier_t written;
    status bad;
} ending;

static void *end_when_the_lock_was_taken(void *arg) {
    ending *e = arg;
    store *s;
    diags d;
    diags_init(&d);
    e->bad = store_open(e->path, false, &d, &s);
    store_begin(s);
    store_run_end(s, e->run, "done", 1, 1, 1, NULL);
    pthread_barrier_wait(&e->written);
    while (access(e->lock, F_OK) == 0) usleep(1000);
    if (!e->bad) e->bad = store_commit(s, &d);
    store_close(s);
    diags_fini(&d);
    return NULL;
}

Test(claim, a_run_that_ends_while_the_dead_are_looked_for_stays_done) {
    fixture f = open_new();
    char uid[STORE_UID];
    store_begin(f.s);
    ending e = {.path = f.path, .run = begin_run(f.s, "c", "k", 0, uid)};
    cr_assert(store_commit(f.s, &f.d) == OK);
    char *folder = path_join(f.dir, "runs"), *own = path_join(folder, uid);
    char *lock = path_join(own, "lock");
    pthread_t thread;
    e.lock = lock;
    cr_assert(dir_make(own, &f.d) == OK);
    write_text(lock, "");
    pthread_barrier_init(&e.written, NULL, 2);
    cr_assert(pthread_create(&thread, NULL, end_when_the_lock_was_taken, &e) == 0);
    pthread_barrier_wait(&e.written);
    cr_assert(claim_recover(f.s, &f.d) == OK);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&e.written);
    cr_assert(e.bad == OK);
    cr_assert(number(f.s, "SELECT status = 'done' AND replica = 0 FROM run") == 1);
    free(lock);
    free(own);
    free(folder);
    close_all(&f);
}

Test(claim, a_lock_that_cannot_be_looked_at_is_not_one_of_the_dead) {
    fixture f = open_new();
    char uid[STORE_UID];
    store_begin(f.s);
    begin_run(f.s, "c", "k", 0, uid);
    cr_assert(store_commit(f.s, &f.d) == OK);
    char *folder = path_join(f.dir, "runs"), *own = path_join(folder, uid);
    char *lock = path_join(own, "lock");
    cr_assert(dir_make(own, &f.d) == OK && symlink("lock", lock) == 0); /* ELOOP */
    cr_assert(claim_recover(f.s, &f.d) == OK);
    cr_assert(number(f.s, "SELECT status = 'running' FROM run") == 1);
    cr_assert(unlink(lock) == 0 && claim_recover(f.s, &f.d) == OK);
    cr_assert(number(f.s, "SELECT status = 'interrupted' AND seconds IS NULL FROM run") == 1);
    free(lock);
    free(own);
    free(folder);
    close_all(&f);
}
