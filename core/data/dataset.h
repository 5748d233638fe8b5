/*
 * data/dataset.h - labelled samples in memory, ready for training.
 */
#ifndef DATA_DATASET_H
#define DATA_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include "data/glyphs.h"
#include "util/err.h"

typedef enum data_format { DATA_GLYPHS = 0, DATA_IDX, DATA_NPY, DATA_NPZ, DATA_CSV } data_format;

/* Where the samples of a split come from. Strings are borrowed. */
typedef struct data_source {
    data_format format;
    glyph_split split;  /* glyphs: which range of sample numbers */
    uint64_t seed;      /* glyphs                                */
    int64_t n;          /* glyphs: how many                      */
    const char *images; /* files: the samples; npz, csv: everything */
    const char *labels; /* idx, npy                              */
    const char *x, *y;  /* npz: names of arrays; csv: y the column of the labels, "": the last */
    int64_t limit;      /* the first so many samples; 0: all     */
    double mean, std;   /* x = (v - mean) / std, bytes in [0, 1] */
} data_source;

typedef struct dataset {
    int64_t n, features;
    int classes;
    float *x;   /* (n, features) */
    int32_t *y; /* (n) in [0, classes) */
} dataset;

/* Errors are ERR_INPUT. dataset_free() */
status dataset_load(const data_source *s, diags *d, dataset *out);
void dataset_free(dataset *a);

/* Rows order[0..n-1] of the set: x (n, features), y (n). */
void dataset_gather(const dataset *a, const int64_t *order, int64_t n, float *x, int32_t *y);

typedef struct dataset_size {
    int64_t n, features;
    int classes;
} dataset_size;

/* What is known of data sources and other files, so that the points of a study look at each file
 * once. */
typedef struct dataset_catalog {
    struct dataset_facts *known;
    int n;
    struct file_facts *files;
    int n_files;
} dataset_catalog;

/* size: what loading would give, without loading the samples. hash: SHA-256 of what
 * the samples depend on: of the files, or of the generator's settings. Not of
 * normalization and limit, which the spec hashes itself. */
status dataset_describe(dataset_catalog *c, const data_source *s, diags *d, dataset_size *size,
                        char hash[65]);
/* SHA-256 of a file's content. */
status dataset_file_hash(dataset_catalog *c, const char *path, diags *d, char hash[65]);
void dataset_catalog_fini(dataset_catalog *c);

/* Do two sources give the same samples? */
bool data_source_equal(const data_source *a, const data_source *b);

#endif
