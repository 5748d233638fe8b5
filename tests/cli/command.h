/*
 * tests/cli/command.h - running the program in a folder of its own, as a user does.
 */
#ifndef TESTS_CLI_COMMAND_H
#define TESTS_CLI_COMMAND_H

#include "support/support.h"

extern char *dir; /* of each test */

/* .init and .fini of the tests: make and remove it. */
void setup(void);
void teardown(void);

#define run(...) run_in(dir, __VA_ARGS__)

/* Runs in the folder and expects an exit code; returns stdout, free(). */
char *expect(int code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

json_t *json_line(const char *text, int k); /* line k of JSON lines */
const char *text_of(const json_t *o, const char *key);
double real_of(const json_t *o, const char *key);

void write_file(const char *name, const char *text);
int count_files(const char *pattern);

/* A training of a second or less. */
#define SMALL                                                                                      \
    "version: 1\nkind: qat\nname: small\nseed: 1\n"                                                \
    "data: {train: {format: glyphs, n: 500}, test: {format: glyphs, n: 200}, batch: 96}\n"         \
    "model: {type: mlp, hidden: [48]}\n"                                                           \
    "quant: {weights: bitnet158, activations: {scheme: int, round: stochastic}}\n"                 \
    "train: {epochs: 2}\n"

#endif
