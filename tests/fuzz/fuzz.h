/*
 * tests/fuzz/fuzz.h - what the targets share. A target is one file: it reads a string of bytes as
 * one kind of file, checks what was read, and never reads a byte that is not there. engine.c
 * makes a fuzzer of it (libFuzzer, clang), replay.c a test of the saved strings (any compiler).
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

#include "io/tensor_file.h"
#include "support/formats.h"

/* The target: */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
/* draws a valid file, */
void target_make(dice *r, strbuf *out);
/* and makes the checksums of a changed file right; NULL: there are none. */
extern void (*const target_mend)(strbuf *b);

/* Said by the target of each string: was it read as a file? */
void fuzz_count(bool decoded);

/* A copy of exactly n bytes, so that a sanitizer sees a read behind them; free() */
char *fuzz_copy(const uint8_t *bytes, size_t n);

/* The bytes as a file that can be opened by this path until the next call. */
const char *fuzz_file(const uint8_t *bytes, size_t n);

/* Reads the bytes as a file of tensors of that name; what is accepted must lie inside of the bytes
 * that it has, and every value is read. */
int fuzz_tensors(const char *path, status (*parse)(tensor_file *f, diags *d), const uint8_t *bytes,
                 size_t n);
/* The checks alone; aborts if they fail. */
void fuzz_check_tensors(const tensor_file *f);
void fuzz_require(bool fine, const char *what);

#endif
