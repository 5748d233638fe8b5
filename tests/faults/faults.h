/*
 * tests/faults/faults.h - what the tests of this folder share: commands in a world where
 * something fails, and what must hold then.
 */
#ifndef TESTS_FAULTS_H
#define TESTS_FAULTS_H

#include "cli/command.h"

/* How many: `make test` takes the small number, `make check-faults` the full one. */
int sized(int small, int full);

/* A broken promise. They are collected, so that one test shows all of them. */
void broken(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Ends a test: none was broken. what was done is said by `make check-faults`. */
void all_kept(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Ends a test that LLVM's OpenMP cannot pass, of a program that clang built: where it may not write
 * its file in /dev/shm, it ends the process itself. */
void skip_with_llvm_openmp(void);

/* Sets of exit codes: EXIT(0) | EXIT(7). */
#define EXIT(code) (1u << (code))
#define TWO EXIT(31) /* there may be two errors: what is drawn with a report is written apart */

/* Runs a shell command in the folder of the test and judges it: it ends within a minute, by
 * one of these exit codes; if that is not 0, stderr has one line with " error: ", of at most 512
 * bytes. `what` names it in complaints. free_outcome() */
outcome judged(const char *what, unsigned codes, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The words in front of a command in which calls fail (fixtures/preload/faults.c): settings as
 * "FAULT_CALLS=files FAULT_AT=3". free() */
char *with_faults(const char *settings);
/* How many calls of these kinds a command makes: "FAULT_CALLS=files". It must end with 0. */
int count_calls(const char *settings, const char *command);

/* Words in front of a command that root's rights do not help. */
const char *as_nobody(void);

/* A training of 20 ms, and what it comes to. */
#define TINY                                                                                       \
    "version: 1\nkind: qat\nname: tiny\nseed: 1\n"                                                 \
    "data: {train: {format: glyphs, n: 64}, test: {format: glyphs, n: 32}, batch: 32}\n"           \
    "model: {type: mlp, hidden: [16]}\n"                                                           \
    "quant: {weights: bitnet158, activations: {scheme: int, round: stochastic}}\n"                 \
    "train: {epochs: 1}\n"
#define RUN_TINY "$Q run s.yaml --db r.db --threads 1 -q"

/* Writes s.yaml; runs it once in a folder of its own and keeps what came out. */
void setup_tiny(void);
void teardown_tiny(void);
/* Removes what the last run left: the database and its runs. */
void fresh(void);

/* The database is sound if it is there: SQLite's checks, no reference without its row, no file
 * of a done run missing. */
void check_database(const char *what);
/* No temporary file is left. */
void check_no_temporary(const char *what);
/* The same command ends well now, and comes to what it comes to where nothing fails: rows and
 * SHA-256 of weights and packed model. */
void check_resume(const char *what);

#endif
