/*
 * util/err.h - how a function fails, and how a user reads of it.
 *
 * A function that can fail returns a `status`; the status of a failed run is
 * the exit code of the program. What the user reads is collected in `diags`:
 * parsing and planning go on after an error so that a file's errors come out
 * together; a run stops at its first.
 *
 * Format (a contract, see experiments/README.md):
 *
 *     FILE:LINE:COL: error: what is wrong
 *         8 |   weights: {scheme: ternery}
 *           |                     ^~~~~~~
 *       hint: what to do
 */
#ifndef UTIL_ERR_H
#define UTIL_ERR_H

#include <stdbool.h>
#include <stdio.h>

typedef enum status {
    OK = 0,
    ERR_BUG = 1,         /* ours                                             */
    ERR_USAGE = 2,       /* the command line                                 */
    ERR_SPEC = 3,        /* the YAML file                                    */
    ERR_INPUT = 4,       /* data, weights, packed files, checkpoints         */
    ERR_PLUGIN = 5,      /* a plugin file or what a plugin did               */
    ERR_STORE = 6,       /* the results database                             */
    ERR_RESOURCE = 7,    /* memory, disk, processes, I/O                     */
    ERR_FAILED = 8,      /* the experiment: diverged, gate missed            */
    ERR_INTERRUPTED = 9, /* stopped by a signal, can go on                   */
    ERR_PEER = 10,       /* another process of the run died                  */
} status;

/* A stretch of a text file. `source` is that line, without its newline. A diag
 * copies both strings. */
typedef struct place {
    const char *file;
    int line, col; /* from 1; columns count characters */
    int width;     /* characters, at least 1           */
    const char *source;
} place;

typedef struct diag {
    status st;
    bool warning;
    place at; /* file NULL: no place */
    char *message;
    char *hint; /* may be NULL */
} diag;

/* Limits of errors, and as many warnings beside them. More are kept than shown so that
 * those shown are the first by position; beyond what is kept they are only counted. */
enum { DIAGS_SHOWN = 20, DIAGS_KEPT = 1000 };

typedef struct diags {
    diag *list; /* those kept, as they came; printing sorts them */
    int n;
    int errors, warnings; /* all, also those not kept                  */
    diag *last;           /* what diag_hint() adds to; NULL: a repeat  */
} diags;

void diags_init(diags *d);
void diags_fini(diags *d);

/* Add an error and return `st`, so that `return diag_error(...)` reads well. An
 * error equal to one already kept (place and message) is added once only. */
status diag_error(diags *d, status st, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
status diag_error_at(diags *d, status st, const place *at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void diag_warning_at(diags *d, const place *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* A hint for the error or warning that was added last. */
void diag_hint(diags *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The first error by position, NULL if there is none; and its status, else OK. */
const diag *diags_first_error(const diags *d);
status diags_status(const diags *d);

/* Print sorted by file, line and column: as text, or as one JSON object a line. What
 * is left out is counted behind the others. */
void diags_print(diags *d, FILE *out);
void diags_print_json(diags *d, FILE *out);

#endif
