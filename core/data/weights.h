/*
 * data/weights.h - a file of weights for a network: which tensor of the file, or
 * which rows of it, fill which parameter.
 */
#ifndef DATA_WEIGHTS_H
#define DATA_WEIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

/* Tensors that match the glob `from` are called `to`; the first that matches counts.
 * One with a slice takes rows of the first dimension and lets others take more. */
typedef struct weight_rename {
    const char *from, *to; /* ${n} in `to`: what the n-th * or {} of `from` matched */
    bool sliced;
    int64_t lo, hi; /* rows lo to hi - 1; hi -1: to the end */
    place at;       /* for messages */
} weight_rename;

typedef struct weight_source {
    const char *path;
    place at; /* where the file was named */
    const weight_rename *renames;
    int n_renames;
    bool strict; /* every tensor lands, every parameter is filled */
} weight_source;

/* A parameter that a network wants: (rows, cols), a vector has one row. */
typedef struct weight_slot {
    const char *name;
    int64_t rows, cols;
} weight_slot;

/* Are there tensors for the slots, of their shapes? Dimensions of 1 count for nothing.
 * Errors: ERR_SPEC in the renames, ERR_INPUT where file and network do not fit. */
status weights_check(const weight_source *s, const weight_slot *slots, int n, diags *d);

/* The same, then fills data[i] (rows, cols) of each slot; without `strict` a slot that
 * has no tensor keeps what it holds. */
status weights_load(const weight_source *s, const weight_slot *slots, int n, float *const *data,
                    diags *d);

#endif
