#include "util/summary.h"

#include <math.h>

summary summary_of(const double *values, int64_t n) {
    summary s = {.mean = NAN, .sd = NAN, .min = NAN, .max = NAN};
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) continue;
        s.min = s.n == 0 || values[i] < s.min ? values[i] : s.min;
        s.max = s.n == 0 || values[i] > s.max ? values[i] : s.max;
        s.n++;
        sum += values[i];
    }
    if (s.n == 0) return s;
    s.mean = sum / s.n;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(values[i])) squares += (values[i] - s.mean) * (values[i] - s.mean);
    if (s.n > 1) s.sd = sqrt(squares / (s.n - 1));
    return s;
}
