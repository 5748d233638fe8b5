/*
 * report/compare.h - `compare`: configurations beside each other.
 */
#ifndef REPORT_COMPARE_H
#define REPORT_COMPARE_H

#include "report/rows.h"
#include "store/store.h"

/* Prints one row for each configuration that the words name, over all its seeds: mean
 * and sample standard deviation of accuracy, loss and bits a weight, the difference to
 * the first configuration as mean and deviation of the differences of equal seeds, and
 * the settings that differ. The store must be guarded (store/query.h).
 *
 * A word is, in this order, the label of a point in the last sweep (of `experiment`,
 * NULL: of all); an experiment, which is all configurations of its last sweep with the
 * float baseline first, or all it has where it never had a sweep; a run (as for
 * store_find_run), which is its configuration. */
status compare_print(store *s, const char *const *words, int n_words, const char *experiment,
                     rows_format f, FILE *out, diags *d);

#endif
