/*
 * cli/answer.h - what a verb prints of the database: stdout has the whole answer or, where the
 * database or the memory does not give all of it, nothing.
 */
#ifndef CLI_ANSWER_H
#define CLI_ANSWER_H

#include <stdio.h>

#include "util/err.h"

typedef struct answer {
    FILE *out; /* where to print it */
    char *text;
    size_t n;
} answer;

void answer_open(answer *a);

/* Prints what was gathered if all went well, frees it and returns `bad`, or ERR_RESOURCE where
 * there was no memory for it. */
status answer_close(answer *a, status bad, diags *d);

#endif
