/*
 * run/environment.h - what a run ran on, as the store records it.
 */
#ifndef RUN_ENVIRONMENT_H
#define RUN_ENVIRONMENT_H

#include <stdint.h>

#include "util/err.h"

#define QUANTBENCH_VERSION "0.1.0"

typedef struct environment {
    const char *version, *git_commit; /* of the program */
    char cpu[128];                    /* model name */
    const char *simd;                 /* level of the kernels in force */
    char blas[128];
    int threads;
} environment;

void environment_read(environment *e);

/* Forces a level of the kernels; ERR_USAGE, which begins with `from` (--simd), if there is none of
 * that name or the CPU lacks it. */
status environment_force_simd(const char *from, const char *level, diags *d);

/* The levels that this build has: "scalar, sse4, avx2". */
const char *environment_simd_levels(void);

/* Memory of the machine, in bytes. */
int64_t environment_memory_bytes(void);
/* Where RLIMIT_AS leaves little, fewer threads: each takes some 200 MiB of address space. */
void environment_fit_threads(void);
/* Of it what RLIMIT_AS leaves to this process; *limited: that is less. */
int64_t environment_memory_left(bool *limited);

/* Keeps the command line, quoted for a shell, for the records of runs. */
void environment_set_command(int argc, char **argv);
const char *environment_command(void); /* NULL if it was not set */

/* The most memory that this process has had, in bytes. */
int64_t environment_peak_bytes(void);

#endif
