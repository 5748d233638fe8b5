/*
 * report/query.h - `query`: named queries and SQL of the user's, in any format.
 */
#ifndef REPORT_QUERY_H
#define REPORT_QUERY_H

#include "report/queries.h"
#include "report/rows.h"
#include "store/store.h"

/* What a named query can be given beside runs; the texts NULL where it was not. */
typedef struct query_options {
    const char *experiment, *metric, *method;
    double bucket; /* width in bits; 0: exact values */
} query_options;

/* NULL if there is none of that name. */
const named_query *query_find(const char *name);

/* Whether the SQL of a query has a parameter: ":metric". */
bool query_takes(const named_query *q, const char *parameter);

/* Prints what a named query finds. The store must be guarded (store/query.h). */
status query_named(store *s, const named_query *q, const char *const *words, int n_words,
                   const query_options *o, rows_format f, FILE *out, diags *d);

/* Prints the rows of one SELECT. */
status query_sql(store *s, const char *sql, rows_format f, FILE *out, diags *d);

/* The named queries as a listing. */
void query_list(rows_format f, FILE *out);

#endif
