/*
 * util/child.h - code that may crash, hang or exit, in a child process of ours.
 *
 * The child is a fork() without exec(): it has our memory as it was, at the cost of a
 * fraction of a millisecond, and it works from any program that links this library. Call
 * child_run() before the process has used its threads (util/parallel.h): OpenMP does not
 * survive a fork().
 *
 * A child has not succeeded before its last message arrived. Messages carry a random
 * number that the child was given, so what a plugin prints, or exit(0), is no success.
 * All that the child does, it writes down in a shared page first: when it dies, the
 * parent knows of what, also when nothing could be sent any more.
 */
#ifndef UTIL_CHILD_H
#define UTIL_CHILD_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

typedef struct child_page { /* shared: the child writes, the parent reads */
    _Atomic uint64_t ticks; /* one more for each thing that is begun */
    int at;                 /* for the caller: which of its pieces of work this is */
    char doing[64];         /* "loading", "fit()" */
    char with[512];         /* the case */
    char fault[256];        /* what a signal handler found out */
} child_page;

typedef struct child {
    child_page *page;
    int fd, pid;
    uint64_t nonce;
} child;

/* The next thing that the child does; it may take as long as child_job.each. */
void child_doing(child *c, const char *what);
/* A message of at most CHILD_MESSAGE bytes to the parent. */
enum { CHILD_MESSAGE = 8192 };
void child_send(child *c, int type, const void *data, size_t n);

typedef struct child_job {
    void (*body)(child *c, void *arg); /* runs in the child */
    void *arg;
    void (*receive)(void *to, int type, const char *data, size_t n); /* NUL behind data */
    void *to;
    double each, all; /* seconds: for one thing, for all of them */
    int64_t memory;   /* bytes of address space; 0: no limit. None under a sanitizer */
} child_job;

typedef enum child_fate {
    CHILD_DONE,    /* body() returned */
    CHILD_CRASHED, /* code: the signal */
    CHILD_EXITED,  /* code: its exit code */
    CHILD_HUNG,    /* one thing took longer than `each` */
    CHILD_SLOW,    /* longer than `all` */
} child_fate;

typedef struct child_end {
    child_fate fate;
    int code;
    int at; /* of the page, as are the texts */
    char doing[64], with[512], fault[256];
    char *printed; /* on its standard output and error, the first 4 KiB; child_end_free() */
} child_end;

/* ERR_RESOURCE: there is no child. OK: see *end. */
status child_run(const child_job *job, diags *d, child_end *end);
void child_end_free(child_end *end);

/* "crashed (SIGSEGV) in fit()", "timed out after 5 s while loading"; free(). Not for
 * CHILD_DONE. */
char *child_end_text(const child_end *end, const child_job *job);
const char *child_signal_name(int signal); /* "SIGSEGV" */

/* What each child does first, as long as it may write files. For the whole program. */
void child_before_limits(void (*hook)(void));

#endif
