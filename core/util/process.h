/*
 * util/process.h - another program, started without a shell and waited for.
 */
#ifndef UTIL_PROCESS_H
#define UTIL_PROCESS_H

#include "util/err.h"

typedef struct process_result {
    int exit;   /* its exit code, or -1 if a signal ended it */
    int signal; /* that signal, or 0 */
    char *out, *err;
} process_result;

/* Starts the program at `path` with argv (NULL-terminated, argv[0] its name), our
 * environment and no input, and collects what it prints. ERR_RESOURCE if it cannot be
 * started; how it ended is in *r: process_free(). */
status process_run(const char *path, const char *const *argv, diags *d, process_result *r);
void process_free(process_result *r);

#endif
