#include "run/gate.h"

#include <math.h>

/* NAN if the run has none. */
static double accuracy_of(store *s, int64_t row) {
    store_rows *r = store_select(s,
                                 "SELECT value FROM metric WHERE run = ? AND name = 'accuracy'"
                                 " AND split = 'test' AND at = 'last'",
                                 "i", row);
    double v = store_next(r) ? store_real(r, 0) : (double)NAN;
    store_rows_end(r);
    return v;
}

static status check_baseline(const study *t, int point, store *s, const int64_t *rows, diags *d) {
    double sum = 0, least = t->points[point].s.verify.baseline_accuracy;
    int n = 0;
    for (int i = 0; i < t->n_runs; i++) {
        double v =
            t->runs[i].point == point && rows[i] >= 0 ? accuracy_of(s, rows[i]) : (double)NAN;
        if (isfinite(v)) sum += v, n++;
    }
    if (n == 0 || sum / n >= least) return OK; /* no result: its failure is an error already */
    diag_error(
        d, ERR_FAILED,
        "baseline '%s': accuracy %.2f %% (mean of %d) is under verify.baseline_accuracy, %.2f %%",
        t->points[point].label, 100 * sum / n, n, 100 * least);
    diag_hint(d, "differences to a baseline that did not learn mean nothing; train longer");
    return ERR_FAILED;
}

status gate_check(const study *t, store *s, const int64_t *rows, diags *d) {
    status first = OK;
    for (int i = 0; i < t->n_points; i++) {
        status bad = t->points[i].is_baseline ? check_baseline(t, i, s, rows, d) : OK;
        if (bad && !first) first = bad;
    }
    return first;
}
