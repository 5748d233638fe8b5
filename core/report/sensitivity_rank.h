/*
 * report/sensitivity_rank.h - which layers are the most sensitive: the measures in the
 * order in which they are asked, and the layers in the order of one.
 */
#ifndef REPORT_SENSITIVITY_RANK_H
#define REPORT_SENSITIVITY_RANK_H

#include <stdbool.h>

#include "store/store.h"

/* The measures of core/run/sensitivity.h, the one to rank by where it is there first. */
enum {
    SENSITIVITY_KL,
    SENSITIVITY_LOSS,
    SENSITIVITY_ACCURACY,
    SENSITIVITY_SQNR,
    SENSITIVITY_METHODS
};

typedef struct sensitivity_method {
    const char *name; /* in the store */
    const char *text; /* what it measures, for readers */
} sensitivity_method;

extern const sensitivity_method sensitivity_methods[SENSITIVITY_METHODS];

/* The index of a name; SENSITIVITY_METHODS if it is none of them. */
int sensitivity_method_find(const char *name);

/* Is a layer with a higher score the less sensitive one? As the store defines the metric. */
bool sensitivity_higher_is_better(store *s, const char *method);

/* The indices of n scores, the most sensitive first, equal ones as they stand; NAN, not
 * measured, is left out. Returns how many. */
int sensitivity_rank(const double *score, int n, bool higher_is_better, int *order);

#endif
