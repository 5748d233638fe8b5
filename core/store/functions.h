/*
 * store/functions.h - the aggregate functions that queries have beside SQLite's own.
 *
 * All three leave NULL out and fail on text and blobs.
 *
 *   median(x)         the middle value; of an even number the mean of the two in
 *                     the middle; NULL without values
 *   percentile(x, p)  p in [0, 100], the same for all rows: the value at position
 *                     (n - 1) p / 100 of the n sorted values counted from 0,
 *                     interpolated linearly (type 7 of Hyndman and Fan, 1996;
 *                     numpy's default); NULL without values
 *   stddev_samp(x)    the sample standard deviation, sqrt(sum (x - mean)^2 / (n - 1)),
 *                     in two passes; NULL for fewer than two values
 *
 * They are deterministic and innocuous. Views do not use them: a view must open in
 * every SQLite tool.
 */
#ifndef STORE_FUNCTIONS_H
#define STORE_FUNCTIONS_H

typedef struct sqlite3 sqlite3;

void functions_register(sqlite3 *db);

#endif
