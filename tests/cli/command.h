/*
 * tests/cli/command.h - running the program in a folder of its own, as a user does.
 */
#ifndef TESTS_CLI_COMMAND_H
#define TESTS_CLI_COMMAND_H

#include "support/support.h"

#include "io/tensor_file.h"
#include "store/store.h"

extern char *dir; /* of each test */

/* .init and .fini of the tests: make and remove it. */
void setup(void);
void teardown(void);

#define run(...) run_in(dir, __VA_ARGS__)

/* Runs in the folder and expects an exit code; returns stdout, of expect_both() with
 * stderr behind it, free(). */
char *expect(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *expect_both(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Runs in the folder and expects a failure that says this on stderr. */
void refused(int code, const char *says, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

int count_errors(const char *err); /* of what stands on stderr */

json_t *json_line(const char *text, int k); /* line k of JSON lines */
json_t *json_of(char *text);                /* line 0; frees the text */
const char *text_of(const json_t *o, const char *key);
double real_of(const json_t *o, const char *key);

/* Files of the folder. */
char *in_dir(const char *name); /* its path, free() */
void write_file(const char *name, const char *text);
char *read_file(const char *name); /* free() */
int count_files(const char *pattern);
bool same_files(const char *a, const char *b);
tensor_file open_tensors(const char *name);          /* tensor_file_close() */
store *open_store(const char *name, bool read_only); /* store_close() */

/* A training of a second or less. */
#define SMALL                                                                                      \
    "version: 1\nkind: qat\nname: small\nseed: 1\n"                                                \
    "data: {train: {format: glyphs, n: 500}, test: {format: glyphs, n: 200}, batch: 96}\n"         \
    "model: {type: mlp, hidden: [48]}\n"                                                           \
    "quant: {weights: bitnet158, activations: {scheme: int, round: stochastic}}\n"                 \
    "train: {epochs: 2}\n"

#endif
