/*
 * tests/cli/hostile.h - hostile files, and what holds for each of them whatever it is: an exit
 * code, exactly one line with " error: " of at most 512 bytes without control characters, which
 * names the file and what is wrong; nothing on stdout; the same words again; 2 s of CPU, 256 MiB;
 * no file made or changed. (U1 to U8 of the catalogue in tests/README.md.)
 */
#ifndef TESTS_CLI_HOSTILE_H
#define TESTS_CLI_HOSTILE_H

#include "cli/command.h"
#include "support/formats.h"
#include "util/str.h"

/* Writes the folder's file `name`; frees b's text. */
void put_file(const char *name, strbuf *b);
void put_text_file(const char *name, const char *text);

/* Runs the program twice in the folder and judges it; argv ends with NULL. `name`: what the line
 * must name, `says`: what else. Returns the exit code; exit -1: 0 and 4 are both fine. */
#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})
int judge(const char *row, int exit, const char *name, const char *says, const char *const *argv);

/* A file of tensors that `inspect` and `quantize` refuse with exit 4; its file is `name`. */
void refused_tensors(const char *row, const char *name, strbuf *b, const char *says);
/* One that `inspect` shows, and whose values nothing takes for numbers to train with. */
void refused_values(const char *row, const char *name, strbuf *b, const char *says);
void accepted_tensors(const char *row, const char *name, strbuf *b);

/* A spec that learns from and is measured on `keys` ("{format: csv, path: t.csv}"). */
void refused_data(const char *row, const char *keys, const char *name, const char *says);
void accepted_data(const char *row, const char *keys);

#endif
