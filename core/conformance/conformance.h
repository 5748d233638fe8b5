/*
 * conformance/conformance.h - `plugins check`: does a plugin keep the contract of
 * quantbench/plugin.h? Each file is loaded and called in a child process only, with
 * limits; whatever it does, this process goes on and says who did it, in which function
 * and with which case.
 */
#ifndef CONFORMANCE_CONFORMANCE_H
#define CONFORMANCE_CONFORMANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

/* What the child says; for core/conformance alone. */
enum { MESSAGE_PLUGIN = 1, MESSAGE_CHECK, MESSAGE_FAILURE, MESSAGE_WARNING, MESSAGE_PASSED };

typedef struct check_options {
    const char *only; /* the name of one check; NULL: all */
    uint64_t seed;
    int settings; /* random settings of the parameters for each check */
} check_options;

typedef struct check_finding {
    char *check; /* "codes" */
    char *slot;  /* "encode()" */
    char *with;  /* "bits=4; groups 3, n 7, all zero" */
    char *message;
    bool warning;
} check_finding;

typedef struct check_report {
    char *path, *kind, *name, *version; /* kind: NULL if it does not load */
    check_finding *findings;
    int n;
    int checks, failed, not_run;
    int64_t cases;
    double seconds;
} check_report;

/* Checks the plugin file of this path; main thread, before the threads were used. What it
 * finds is in the report, conformance_free(). ERR_RESOURCE: it could not be checked. */
status conformance_check(const char *path, const check_options *o, diags *d, check_report *r);
void conformance_free(check_report *r);

/* The command that repeats a finding; free(). */
char *conformance_command(const check_report *r, const check_finding *f, const check_options *o);

/* Names of the checks of all kinds: an array of *n, free() the array. */
const char **conformance_names(int *n);

#endif
