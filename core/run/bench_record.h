/*
 * run/bench_record.h - the rows of a benchmark kept, and as a run of the database.
 */
#ifndef RUN_BENCH_RECORD_H
#define RUN_BENCH_RECORD_H

#include "run/bench_row.h"
#include "store/store.h"

typedef struct bench_record {
    bench_row *rows; /* with texts of their own */
    int n;
    double started; /* clock_seconds() */
} bench_record;

bench_record bench_record_begin(void);
void bench_record_add(bench_record *r, const bench_row *row);
void bench_record_free(bench_record *r);

/* A run of kind bench, experiment "bench PART", and its rows in the table bench; a row without
 * a sample that counts is left out. settings: KEY=VALUE lines of what was asked for. */
status bench_record_store(const bench_record *r, store *s, const char *part, const char *settings,
                          diags *d);

#endif
