#include "run/inspect_file.h"

#include <math.h>

static inspect_result inspect(const tensor_entry *t) {
    inspect_result r = {.t = t, .min = INFINITY, .max = -INFINITY};
    double mean = 0, squares = 0; /* Welford's running mean and sum of squares */
    int64_t n = 0;
    for (int64_t i = 0; i < t->n; i++) {
        double v = tensor_entry_value(t, i);
        if (!isfinite(v)) {
            r.non_finite++;
            continue;
        }
        double delta = v - mean;
        mean += delta / (double)++n;
        squares += delta * (v - mean);
        r.zeros += v == 0;
        r.min = v < r.min ? v : r.min;
        r.max = v > r.max ? v : r.max;
    }
    if (n == 0) r.min = r.max = mean = NAN;
    r.mean = mean;
    r.std = n > 0 ? sqrt(squares / (double)n) : (double)NAN;
    return r;
}

status inspect_file(const char *path, inspect_visit_fn visit, void *arg, diags *d) {
    tensor_file f;
    status bad = tensor_file_open(&f, path, d);
    if (bad) return bad;
    for (int i = 0; i < f.n; i++) {
        inspect_result r = inspect(&f.tensors[i]);
        visit(&r, arg);
    }
    tensor_file_close(&f);
    return OK;
}
