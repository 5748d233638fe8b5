/*
 * store/query.h - SQL that users write: guarded, with named arguments and with
 * errors that say where.
 */
#ifndef STORE_QUERY_H
#define STORE_QUERY_H

#include "store/store.h"

/* From here on the connection only reads: SELECT, functions but load_extension, and
 * the PRAGMAs that describe the schema. What takes longer than `seconds` from here
 * is stopped (ERR_RESOURCE). longer: what gives it more time, for the hint, a literal; NULL:
 * nothing does. */
void store_guard(store *s, double seconds, const char *longer);

typedef struct store_arg {
    const char *name; /* ":run" */
    char type;        /* i, d, t as in store_select(); n: NULL */
    int64_t i;
    double d;
    const char *t;
} store_arg;

/* The rows of one SELECT on a guarded store. Arguments that it does not have are
 * left out. ERR_USAGE with the place in the SQL for what it says wrong. */
status store_query(store *s, const char *sql, const store_arg *args, int n_args, diags *d,
                   store_rows **rows);

#endif
