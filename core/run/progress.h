/*
 * run/progress.h - how far a study is: a line that is rewritten on a terminal, a line
 * every 30 seconds elsewhere. On stderr; nothing with --quiet. One thread.
 */
#ifndef RUN_PROGRESS_H
#define RUN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* runs: how many are to be made. */
void progress_open(int runs);
void progress_close(void);

/* One of them need not be made: another process has made it. */
void progress_skip(void);

/* Around each run. name: "int bits=4  seed 2", borrowed until progress_end(). */
void progress_begin(const char *name);
void progress_end(void);

/* After each step of the run; cheap. */
void progress_step(int64_t done, int64_t of, double samples_per_second);

/* What it says, "[2/3] NAME    50 %  1,000 samples/s  2 s left"; free() */
char *progress_line(int64_t done, int64_t of, double samples_per_second, bool bar);

#endif
