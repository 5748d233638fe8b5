/*
 * store/handle.h - what the files of this folder share: the connection.
 */
#ifndef STORE_HANDLE_H
#define STORE_HANDLE_H

#include <sqlite3.h>
#include <sys/types.h>

#include "store/store.h"

enum { POINTS_MAX = 256, STATEMENTS_MAX = 64 };

typedef struct point {
    int64_t run, step;
    int layer;
    double epoch, value;
    const char *name, *split;
} point;

struct store_rows {
    store *s;
    sqlite3_stmt *stmt;
};

struct store {
    sqlite3 *db;
    char *path;
    status failed; /* the first failure; what follows does nothing */
    char *why;
    bool in_transaction;
    pid_t owner;  /* the process that opened it          */
    dev_t device; /* of the file, to know it again       */
    ino_t inode;
    struct {
        const char *sql; /* the literal's address is the key */
        sqlite3_stmt *stmt;
    } statements[STATEMENTS_MAX];
    int n_statements;
    point points[POINTS_MAX];
    int n_points;
    double last_flush;
    bool guarded; /* by store_guard(): since then until, seconds */
    double limit_seconds, deadline;
    const char *longer; /* what gives more of them; NULL: nothing */
    char *denied;       /* what the guard refused last */
};

/* Keeps the first failure, by SQLite's code. */
void store_fail(store *s, int code);

/* Fails if the path no longer leads to the file that was opened. */
void store_check_file(store *s);

/* Statements without arguments and without rows; nothing after a failure. */
void store_exec(store *s, const char *sql);

typedef struct blob_arg {
    const void *data; /* NULL: NULL */
    size_t bytes;
} blob_arg;

/* One statement, kept prepared for the next time: sql is a literal. types as for
 * store_select(), where a double that is not finite is NULL, as is a NULL text; and
 * b const blob_arg *. Nothing after a failure. */
void store_write(store *s, const char *sql, const char *types, ...);

/* Of the names that a query of one text argument (NULL: of none) gives, the one that `word`
 * is or might be meant to be; NULL: none is near. free() */
char *store_nearest(store *s, const char *word, const char *sql, const char *text);

/* The number that a query of at most one text argument (NULL: of none) gives; -1 if
 * there is no row. */
int64_t store_select_int(store *s, const char *sql, const char *text);

#endif
