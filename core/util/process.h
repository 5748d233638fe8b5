/*
 * util/process.h - another program: no shell between, its words as a list, what it
 * prints in memory, an end that is certain.
 */
#ifndef UTIL_PROCESS_H
#define UTIL_PROCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"

typedef struct process {
    const char *const *argv; /* argv[0]: a name that is looked up in PATH, or a path; NULL ends */
    const char *dir;         /* where it runs; NULL: here */
    double timeout;          /* seconds, then it is killed */
} process;

typedef struct process_end {
    int exit; /* its exit code; 128 + signal if one ended it */
    bool timed_out;
    char *out, *err; /* what it printed, the first 8 MiB of each; process_end_free() */
} process_end;

/* The program's file by PATH (never the current folder); NULL if there is none. free() */
char *process_find(const char *name);

/* Runs it to its end with an empty standard input, LC_ALL=C and none of our open
 * files. OK: it ran, see *end. ERR_RESOURCE: it is not there or cannot be started. */
status process_run(const process *p, diags *d, process_end *end);
void process_end_free(process_end *end);

#endif
