/*
 * util/summary.h - several numbers as mean and standard deviation.
 */
#ifndef UTIL_SUMMARY_H
#define UTIL_SUMMARY_H

#include <stdint.h>

/* sd: of a sample, sqrt(sum (x - mean)^2 / (n - 1)). */
typedef struct summary {
    int n;                     /* of the numbers that are finite; others do not count */
    double mean, sd, min, max; /* NAN without numbers; sd also with one */
} summary;

summary summary_of(const double *values, int64_t n);

#endif
