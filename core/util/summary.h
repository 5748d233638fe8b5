/*
 * util/summary.h - several numbers as mean and standard deviation, or as median.
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

/* Ascending; the numbers are none of them NaN. */
void summary_sort(double *values, int64_t n);

/* The middle number, or halfway between the two; NAN for n = 0. Sorts the values. */
double summary_median(double *values, int64_t n);

/* Median absolute deviation from `median`, which is that of the values. Overwrites them. */
double summary_mad(double *values, int64_t n, double median);

#endif
