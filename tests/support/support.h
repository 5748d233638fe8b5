/*
 * tests/support/support.h - what the tests share.
 */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "host/registry.h"
#include "spec/spec.h"
#include "util/err.h"

/* ---- files and programs ---- */

const char *build_dir(void); /* $QUANTBENCH_BUILD, else build */
const char *program(void);   /* the quantbench that is tested, absolute */
char *temp_dir(void);        /* a new one; remove_dir() */
void remove_dir(const char *path);
char *read_text(const char *path); /* NULL if there is none; free() */
void write_text(const char *path, const char *text);
void write_bytes(const char *path, const void *bytes, size_t n);
bool files_equal(const char *a, const char *b);

typedef struct outcome {
    int exit; /* 256 + signal if it died */
    char *out, *err;
} outcome;

/* Runs a shell command in a folder with $Q as the program. free_outcome() */
outcome run_in(const char *dir, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void free_outcome(outcome *o);

/* ---- vectors: tests/golden/vectors.json ---- */

double vector_real(const char *group, const char *key);
const char *vector_text(const char *group, const char *key);
/* Numbers of a list, of nested lists in order; returns how many. */
int vector_list(const char *group, const char *key, double *out, int max);

/* ---- data and comparison ---- */

/* Normal numbers from Philox (Box-Muller), standard deviation sigma. */
void fill_gauss(uint64_t seed, float *x, int64_t n, float sigma);
void fill_uniform(uint64_t seed, float *x, int64_t n, float lo, float hi);

bool near(double a, double b, double relative, double absolute);

#define assert_near(a, b, relative, absolute)                                                      \
    cr_assert(near(a, b, relative, absolute), "%s: %.17g, expected %s: %.17g", #a, (double)(a),    \
              #b, (double)(b))

/* The shipped plugins; scanned once. */
const registry *plugins(void);
plugin_choice choose(qb_kind kind, const char *name,
                     const char *settings); /* "bits=4 symmetric=false" */

/* Fails with the messages if there are errors. */
void assert_fine(diags *d);

#endif
