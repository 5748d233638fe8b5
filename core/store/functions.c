#include "store/functions.h"

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "util/mem.h"
#include "util/summary.h"

/* What an aggregate has seen. */
typedef struct values {
    double *x, p;
    int64_t n, room;
} values;

static void add_value(values *v, double x) {
    if (v->n == v->room) {
        v->room = 2 * v->room + 16;
        v->x = mem_realloc(v->x, (size_t)v->room * sizeof *v->x);
    }
    v->x[v->n++] = x;
}

static void step(sqlite3_context *c, int n, sqlite3_value **argument) {
    (void)n;
    int type = sqlite3_value_type(argument[0]);
    if (type == SQLITE_NULL) return;
    if (type != SQLITE_INTEGER && type != SQLITE_FLOAT) {
        const char *name = sqlite3_user_data(c);
        char *text = sqlite3_mprintf("%s() of a value that is no number", name);
        sqlite3_result_error(c, text, -1);
        sqlite3_free(text);
        return;
    }
    values *v = sqlite3_aggregate_context(c, sizeof *v);
    if (v == NULL)
        sqlite3_result_error_nomem(c);
    else
        add_value(v, sqlite3_value_double(argument[0]));
}

static void step_percentile(sqlite3_context *c, int n, sqlite3_value **argument) {
    int type = sqlite3_value_numeric_type(argument[1]);
    double p = sqlite3_value_double(argument[1]);
    if ((type != SQLITE_INTEGER && type != SQLITE_FLOAT) || !(p >= 0 && p <= 100)) {
        sqlite3_result_error(c, "percentile(x, p) wants p in [0, 100]", -1);
        return;
    }
    values *v = sqlite3_aggregate_context(c, sizeof *v);
    if (v != NULL && v->n > 0 && v->p != p) {
        sqlite3_result_error(c, "percentile(x, p) wants the same p for all rows", -1);
        return;
    }
    if (v != NULL) v->p = p;
    step(c, n, argument);
}

/* The value at a position of the sorted ones, between two of them on a line. */
static double at(const values *v, double position) {
    int64_t low = (int64_t)floor(position), high = (int64_t)ceil(position);
    if (low == high) return v->x[low];
    return v->x[low] + (position - (double)low) * (v->x[high] - v->x[low]);
}

static void finish_percentile(sqlite3_context *c) {
    values *v = sqlite3_aggregate_context(c, 0);
    if (v == NULL || v->n == 0) return; /* NULL */
    summary_sort(v->x, v->n);
    sqlite3_result_double(c, at(v, (double)(v->n - 1) * v->p / 100));
    free(v->x);
}

static void finish_median(sqlite3_context *c) {
    values *v = sqlite3_aggregate_context(c, 0);
    if (v == NULL || v->n == 0) return;
    sqlite3_result_double(c, summary_median(v->x, v->n));
    free(v->x);
}

static void finish_stddev_samp(sqlite3_context *c) {
    values *v = sqlite3_aggregate_context(c, 0);
    if (v == NULL || v->n == 0) return;
    summary all = summary_of(v->x, v->n);
    if (all.n == v->n && all.n > 1) sqlite3_result_double(c, all.sd); /* of infinities: NULL */
    free(v->x);
}

void functions_register(sqlite3 *db) {
    static const char median[] = "median", percentile[] = "percentile",
                      stddev_samp[] = "stddev_samp";
    const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    sqlite3_create_function_v2(db, median, 1, flags, (void *)(uintptr_t)median, NULL, step,
                               finish_median, NULL);
    sqlite3_create_function_v2(db, percentile, 2, flags, (void *)(uintptr_t)percentile, NULL,
                               step_percentile, finish_percentile, NULL);
    sqlite3_create_function_v2(db, stddev_samp, 1, flags, (void *)(uintptr_t)stddev_samp, NULL,
                               step, finish_stddev_samp, NULL);
}
