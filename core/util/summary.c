#include "util/summary.h"

#include <math.h>
#include <stdlib.h>

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

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void summary_sort(double *values, int64_t n) {
    if (n > 0) qsort(values, (size_t)n, sizeof *values, by_value);
}

double summary_median(double *values, int64_t n) {
    if (n == 0) return NAN;
    summary_sort(values, n);
    double low = values[(n - 1) / 2], high = values[n / 2];
    return low == high ? low : low + (high - low) / 2; /* also of infinities */
}

double summary_mad(double *values, int64_t n, double median) {
    for (int64_t i = 0; i < n; i++) values[i] = fabs(values[i] - median);
    return summary_median(values, n);
}
