/*
 * Each call of the system that a run makes fails once, or is the last that the process makes.
 */
#include "faults/faults.h"

#include "util/str.h"

/* Calls `first`, `first` + step, ... of a run; a failure is exit code 7, 6 where it keeps the
 * database from being opened, or nothing where the call is of no importance. */
static void each_call(const char *how, const char *settings, int step, unsigned codes,
                      bool process_ends) {
    fresh();
    int n = count_calls(settings, RUN_TINY);
    for (int i = 0; i < n; i += step) {
        char what[80], *all = str_format("%s FAULT_AT=%d FAULT_HOW=%s", settings, i, how);
        char *with = with_faults(all);
        snprintf(what, sizeof what, "%s at call %d of %d", how, i, n);
        fresh();
        if (process_ends) {
            outcome o = run("%s " RUN_TINY, with);
            if (o.exit != 99 && o.exit != 0) broken("%s: exit %d: %s", what, o.exit, o.err);
            free_outcome(&o);
            o = judged(what, EXIT(0) | EXIT(6), "$Q ls --db r.db"); /* before anybody writes */
            if (o.exit != 0 && strstr(o.err, "r.db: there is no results database") == NULL)
                broken("%s, then ls: %s", what, o.err);
            free_outcome(&o);
        } else {
            outcome o = judged(what, codes, "%s " RUN_TINY, with);
            free_outcome(&o);
            check_no_temporary(what);
        }
        check_resume(what); /* before SQLite's own program would mend what it finds */
        check_database(what);
        free(with);
        free(all);
    }
}

#define FILES "FAULT_CALLS=files"
#define OURS (EXIT(0) | EXIT(6) | EXIT(7))

Test(calls, that_fail_with_eio_are_exit_7_and_lose_nothing, .init = setup_tiny,
     .fini = teardown_tiny, .timeout = 3000) {
    each_call("EIO", FILES, sized(9, 1), OURS | EXIT(3) | EXIT(4) | EXIT(5), false);
    all_kept("every call of a run fails with EIO");
}

Test(calls, that_fail_with_enospc_from_then_on_are_exit_7_and_lose_nothing, .init = setup_tiny,
     .fini = teardown_tiny, .timeout = 3000) {
    skip_with_llvm_openmp();
    each_call("ENOSPC", "FAULT_CALLS=write,fsync,truncate,mkdir FAULT_AND_ON=1", sized(9, 1), OURS,
              false);
    all_kept("the disk is full from each call of a run on");
}

Test(calls, before_which_the_process_dies_lose_nothing, .init = setup_tiny, .fini = teardown_tiny,
     .timeout = 3000) {
    each_call("exit-before", FILES, sized(11, 1), 0, true);
    all_kept("the process ends before every call of a run");
}

Test(calls, behind_which_the_process_dies_lose_nothing, .init = setup_tiny, .fini = teardown_tiny,
     .timeout = 3000) {
    each_call("exit-after", FILES, sized(13, 1), 0, true);
    all_kept("the process ends behind every call of a run");
}

Test(calls, of_the_process_that_checks_the_packed_model_fail_the_run_alone, .init = setup_tiny,
     .fini = teardown_tiny, .timeout = 3000) {
    each_call("EIO", FILES " FAULT_IN=2", sized(9, 1), OURS | EXIT(8), false);
    all_kept("every call of the process of the parity check fails with EIO");
}

Test(calls, that_do_half_or_are_interrupted_change_nothing, .init = setup_tiny,
     .fini = teardown_tiny) {
    skip_with_llvm_openmp();
    static const char *const ways[] = {"short", "EINTR"}; /* K09 */
    for (int in = 1; in <= 2; in++)
        for (int i = 0; i < 2; i++) {
            char *all = str_format(FILES " FAULT_IN=%d FAULT_HOW=%s", in, ways[i]);
            char *with = with_faults(all);
            fresh();
            outcome o = judged(all, EXIT(0), "%s " RUN_TINY, with);
            free_outcome(&o);
            check_database(all);
            check_resume(all);
            free(with);
            free(all);
        }
    all_kept("every read and write does half, every call is interrupted");
}

/* ---- in which order ---- */

/* A line of the log: number, call, path, more, library. */
typedef struct logged {
    char call[16], path[200], more[200], library[64];
} logged;

enum { LINES = 4000 };
static logged lines[LINES];
static int last_exit;

/* The calls of a run; with `settings`. Returns how many. */
static int log_calls(const char *settings, unsigned codes) {
    char *log = in_dir("calls.log"), *all = str_format("%s FAULT_LOG=%s", settings, log);
    char *with = with_faults(all);
    remove(log);
    fresh();
    outcome o = judged(all, codes, "%s " RUN_TINY, with);
    char *text = read_file("calls.log");
    int n = 0, number;
    for (char *line = strtok(text, "\n"); line != NULL && n < LINES; line = strtok(NULL, "\n")) {
        logged *l = &lines[n];
        n += sscanf(line, "%d %15s %199s %199s %63s", &number, l->call, l->path, l->more,
                    l->library) == 5;
    }
    remove(log);
    free(text);
    free(with);
    free(all);
    free(log);
    last_exit = o.exit;
    free_outcome(&o);
    return n;
}

static bool is(const logged *l, const char *call) { return strcmp(l->call, call) == 0; }

/* mkstemp() fills in its letters after it is logged. */
static bool same_temporary(const char *pattern, const char *path) {
    const char *x = strstr(pattern, ".XXXXXX.tmp");
    return x != NULL && strncmp(pattern, path, (size_t)(x - pattern)) == 0 &&
           strcmp(path + strlen(path) - 4, ".tmp") == 0;
}

/* Line `at` opens a temporary file: what becomes of it. */
static void check_order(int at, int n) {
    enum { WRITES, SYNCED, RENAMED, FOLDER } state = WRITES;
    const char *pattern = lines[at].path;
    char name[200] = "";
    for (int i = at + 1; i < n && state != FOLDER; i++) {
        const logged *l = &lines[i];
        bool own = *name != '\0' ? strcmp(l->path, name) == 0 : same_temporary(pattern, l->path);
        if (own && *name == '\0') snprintf(name, sizeof name, "%s", l->path);
        if (own && is(l, "write") && state != WRITES) broken("%s: a write behind fsync", name);
        if (own && is(l, "fsync")) state = SYNCED;
        if (own && is(l, "rename")) {
            if (state != SYNCED) broken("%s: renamed before fsync", name);
            state = RENAMED;
        }
        if (state == RENAMED && is(l, "fsync") && strncmp(name, l->path, strlen(l->path)) == 0)
            state = FOLDER;
    }
    if (state != FOLDER) broken("%s: its folder is not flushed", pattern);
}

Test(calls, write_flush_rename_and_flush_the_folder_in_this_order, .init = setup_tiny,
     .fini = teardown_tiny) {
    int n = log_calls(FILES, EXIT(0)), temporaries = 0; /* R3 */
    for (int i = 0; i < n; i++)
        if (is(&lines[i], "open") && strcmp(lines[i].more, "excl") == 0 &&
            strstr(lines[i].path, ".tmp") != NULL)
            check_order(i, n), temporaries++;
    cr_assert(temporaries >= 2, "only %d temporary files", temporaries);
    all_kept("the order of %d calls, %d temporary files", n, temporaries);
}

Test(calls, that_make_a_folder_flush_the_one_that_it_is_in, .init = setup_tiny,
     .fini = teardown_tiny) {
    int n = log_calls(FILES, EXIT(0)), made = 0;
    for (int i = 0; i < n; i++) {
        if (!is(&lines[i], "mkdir") || strstr(lines[i].path, "/runs/") == NULL) continue;
        size_t folder = (size_t)(strrchr(lines[i].path, '/') - lines[i].path);
        int k = i + 1;
        while (k < n && !(is(&lines[k], "fsync") && strlen(lines[k].path) == folder &&
                          strncmp(lines[k].path, lines[i].path, folder) == 0))
            k++;
        if (k == n) broken("%s: its folder is not flushed", lines[i].path);
        made++;
    }
    cr_assert(made >= 1, "no folder was made");
    all_kept("%d folders of runs flushed", made);
}

Test(calls, that_keep_a_run_from_beginning_leave_no_folder, .init = setup_tiny,
     .fini = teardown_tiny) {
    int n = log_calls(FILES, EXIT(0)), at = 0;
    while (at < n && !(is(&lines[at], "open") && strstr(lines[at].path, "/lock") != NULL)) at++;
    cr_assert(at < n, "no lock was taken");
    char *settings = str_format(FILES " FAULT_AT=%d FAULT_HOW=EIO", at);
    log_calls(settings, EXIT(7));
    free(expect(0, "test -d runs && test -z \"$(ls runs)\""));
    free(settings);
    all_kept("the lock of a run fails at call %d", at);
}

Test(calls, on_the_database_are_sqlites_alone, .init = setup_tiny, .fini = teardown_tiny) {
    int n = log_calls(FILES, EXIT(0)), opened = 0; /* R9, I19: its locks go with any close() */
    for (int i = 0; i < n; i++) {
        const logged *l = &lines[i];
        if (strstr(l->path, "r.db") == NULL) continue;
        opened += is(l, "open");
        if (strncmp(l->library, "libsqlite3", 10) != 0)
            broken("%s of %s by %s", l->call, l->path, l->library);
    }
    cr_assert(opened > 0);
    all_kept("%d files of the database opened by SQLite", opened);
}

/* SQLite does not look at what becomes of its flushing a folder. */
static bool is_sqlites_folder(const logged *l) {
    return strncmp(l->library, "libsqlite3", 10) == 0 && strstr(l->path, "r.db") == NULL;
}

Test(calls, of_fsync_that_fail_are_not_tried_again, .init = setup_tiny, .fini = teardown_tiny) {
    int all = count_calls("FAULT_CALLS=fsync,rename", RUN_TINY); /* R4 */
    for (int i = 0; i < all; i++) {
        char *settings = str_format("FAULT_CALLS=fsync,rename FAULT_AT=%d FAULT_HOW=EIO", i);
        int n = log_calls(settings, EXIT(0) | EXIT(7));
        cr_assert(i < n);
        if (last_exit == 0 && !is_sqlites_folder(&lines[i]))
            broken("%s of %s by %s failed, exit 0", lines[i].call, lines[i].path, lines[i].library);
        bool ours = strncmp(lines[i].library, "libsqlite3", 10) != 0; /* SQLite rolls back */
        for (int k = i + 1; k < n && ours; k++)
            if (is(&lines[i], "fsync") && strcmp(lines[k].path, lines[i].path) == 0)
                broken("%s: %s of %s behind it", settings, lines[k].call, lines[k].path);
        check_no_temporary(settings);
        check_database(settings);
        check_resume(settings);
        free(settings);
    }
    all_kept("each of %d fsync and rename fails", all);
}
