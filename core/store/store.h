/*
 * store/store.h - the results database: one SQLite file (schema.sql).
 *
 * Writing calls between store_begin() and store_commit() are one transaction.
 * They do not return an error each: the first failure is kept, what follows does
 * nothing, and store_commit() reports it. Points of time series are collected and
 * written 256 at a time or once a second. One thread; no connection crosses a
 * fork.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

enum { STORE_SCHEMA = 1, STORE_APPLICATION_ID = 0x51424E43 /* 'QBNC' */, STORE_UID = 13 };

typedef struct store store;

/* Opens or creates the database. A file that is not ours or is newer than this
 * program is refused without a byte written. read_only: it must exist. Errors
 * are ERR_STORE. */
status store_open(const char *path, bool read_only, diags *d, store **s);
void store_close(store *s); /* writes what was collected; NULL is fine */
/* Before it: writes SQLite's log into the file, so that what the disk refuses is told. */
status store_finish(store *s, diags *d);
const char *store_path(const store *s);

/* ---- writing ---- */

typedef struct store_environment {
    const char *version, *git_commit, *cpu, *simd, *blas;
    int threads;
} store_environment;

typedef struct store_run {
    const char *experiment, *kind;
    const char *spec_source, *spec_resolved, *spec_sha256;
    const char *config_key, *cache_key;
    const char *baseline_key; /* NULL: none */
    const char *label;
    const char *command; /* that was typed; NULL: none */
    int64_t sweep;       /* of store_sweep(); 0: none */
    uint64_t seed;
    const store_environment *environment;
} store_run;

void store_begin(store *s);
status store_commit(store *s, diags *d); /* rolled back on failure */
void store_rollback(store *s);

/* Starts a sweep of an experiment (axes: one line of YAML): its row, made where there is
 * none, now without points. */
int64_t store_sweep(store *s, const char *experiment, const char *kind, const char *axes,
                    const char *compare_metric);
void store_sweep_point(store *s, int64_t sweep, int position, const char *config_key,
                       const char *label, const char *baseline_key);

/* Adds a run with status `running`. uid: filled with a new one. */
int64_t store_run_begin(store *s, const store_run *r, char uid[STORE_UID]);
/* outcome: done (then it gets the next replica number of its cache_key), failed,
 * interrupted; error may be NULL */
void store_run_end(store *s, int64_t run, const char *outcome, double seconds, double cpu_seconds,
                   int64_t peak_bytes, const char *error);
/* Records a run that still is `running` as interrupted; false: it has ended. Within
 * store_begin() and store_commit(). */
bool store_run_died(store *s, int64_t run);
/* given NULL: the default stood. swept: an axis of the sweep sets it */
void store_param(store *s, int64_t run, const char *key, const char *given, const char *used,
                 bool swept);
void store_plugin(store *s, int64_t run, const char *kind, const char *name, const char *version,
                  const char *abi, const char *sha256);
void store_input(store *s, int64_t run, const char *role, const char *hash, const char *path);
void store_layer(store *s, int64_t run, int layer, const char *name, const char *type,
                 const char *shape, int64_t params, int64_t macs);

typedef struct store_quantizer {
    const char *site, *scheme, *params, *granularity, *ste, *packer; /* ste, packer may be NULL */
    int n_levels, rule_line;                                         /* 0: none */
    int64_t group_size, n_groups, packed_bytes;                      /* 0: none */
    double bits_per_weight;                                          /* NAN: none */
} store_quantizer;

void store_quantizer_row(store *s, int64_t run, int layer, const store_quantizer *q);
void store_final(store *s, int64_t run, const char *name, const char *split, double value,
                 int64_t n);
void store_layer_metric(store *s, int64_t run, int layer, const char *site, const char *name,
                        double value);
/* What sensitivity tries, and what came of it at one place. score, stderr: NAN: NULL */
void store_candidate(store *s, int64_t run, int candidate, const char *label, const char *scheme,
                     const char *params, double nominal_bits);
void store_sensitivity(store *s, int64_t run, int layer, const char *site, int candidate,
                       const char *method, double score, double standard_error);
void store_artifact(store *s, int64_t run, const char *role, const char *path, const char *sha256,
                    int64_t bytes);

/* A histogram of the values of a place: n equal bins of [lo, hi]. */
typedef struct store_histogram_row {
    const char *site, *what; /* what: before, after, error */
    int64_t step;
    double lo, hi;
    const uint64_t *counts;
    int n;
    const float *levels; /* the decoded levels of the quantizer, ascending; may be NULL */
    int n_levels;
} store_histogram_row;

void store_histogram(store *s, int64_t run, int layer, const store_histogram_row *h);

/* One line of a benchmark. ratio_scalar, ceiling: NAN: NULL */
typedef struct store_bench_row {
    const char *op, *shape, *isa, *place, *unit;
    int threads, samples;
    double median, mad, ratio_scalar, ceiling;
} store_bench_row;

void store_bench(store *s, int64_t run, const store_bench_row *b);

/* A point of a time series, outside of transactions. layer -1: the model. name
 * and split are borrowed until it is written. */
status store_metric(store *s, int64_t run, int layer, int64_t step, double epoch, const char *name,
                    const char *split, double value, diags *d);
status store_flush(store *s, diags *d);

/* ---- reading ---- */

/* The uid of a done run with this cache_key; false if there is none. */
bool store_find_done(store *s, const char *cache_key, char uid[STORE_UID]);

/* A run by uid or its beginning, @last, @1 (the last but one: @2), or the name of
 * an experiment (its last run). ERR_STORE if there is none or several. */
status store_find_run(store *s, const char *selector, diags *d, int64_t *run);

/* Whether there is an experiment or a metric of this name: ERR_STORE with a
 * suggestion if not. */
status store_find_experiment(store *s, const char *name, diags *d);
status store_find_metric(store *s, const char *name, diags *d);

/* Rows of a query. types: one letter for each argument: i int64_t, d double,
 * t const char *. */
typedef struct store_rows store_rows;
store_rows *store_select(store *s, const char *sql, const char *types, ...);
bool store_next(store_rows *r);
bool store_is_null(const store_rows *r, int column);
int64_t store_int(const store_rows *r, int column);
double store_real(const store_rows *r, int column);      /* NAN for NULL */
const char *store_text(const store_rows *r, int column); /* NULL for NULL; until store_next() */
void store_rows_end(store_rows *r);

/* Of queries whose columns are not known: */
typedef enum store_type {
    STORE_NULL = 0,
    STORE_INT,
    STORE_REAL,
    STORE_TEXT,
    STORE_BLOB
} store_type;
int store_columns(const store_rows *r);
const char *store_column(const store_rows *r, int column); /* its name */
store_type store_type_of(const store_rows *r, int column);
const unsigned char *store_blob(const store_rows *r, int column, int *bytes);

/* The numbers of a histogram's columns counts and levels; free(*out). Returns how many. */
int store_counts(const store_rows *r, int column, uint64_t **out);
int store_floats(const store_rows *r, int column, float **out);

/* The first error of any call so far; OK if there was none. */
status store_status(store *s, diags *d);

#endif
