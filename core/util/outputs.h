/*
 * util/outputs.h - the files that a command is to write are none that it reads, and no two of
 * them are one: asked before the first is written.
 */
#ifndef UTIL_OUTPUTS_H
#define UTIL_OUTPUTS_H

#include "util/err.h"

typedef struct output {
    const char *path;   /* NULL: not to be written */
    const char *option; /* that names it: "--codes" */
} output;

/* ERR_USAGE where two are the same file. */
status outputs_differ(const output *list, int n, diags *d);

/* ERR_USAGE where one of them is the file `input` (NULL: there is none). */
status outputs_spare(const output *list, int n, const char *input, diags *d);

#endif
