/*
 * data/arrays.h - labelled samples out of files of numbers: two tensors, or a table.
 *
 * Values are (v - mean) / std, where unsigned bytes are divided by 255 first. Labels are whole
 * numbers from 0 to 65535. What is NaN, infinite or no label is an ERR_INPUT that names the
 * sample.
 */
#ifndef DATA_ARRAYS_H
#define DATA_ARRAYS_H

#include "data/dataset.h"
#include "io/tensor_file.h"

enum { ARRAYS_MAX_CLASSES = 65536 };

/* Of IDX, NPY and NPZ files: what the source names. arrays_close() */
typedef struct arrays {
    tensor_file samples, labels;
    const tensor_entry *x, *y; /* as many samples as labels, at least one */
} arrays;

status arrays_open(const data_source *s, diags *d, arrays *a);
void arrays_close(arrays *a);

/* Looks at all values and labels. *classes: how many they have, the largest label and one. */
status arrays_check(const data_source *s, const arrays *a, diags *d, int *classes);

/* The first out->n samples; out->x and out->y are there. */
status arrays_fill(const data_source *s, const arrays *a, diags *d, dataset *out);

/* A whole CSV file. dataset_free() */
status arrays_load_csv(const data_source *s, diags *d, dataset *out);

#endif
