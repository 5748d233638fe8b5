/*
 * util/str.h - growing strings, and text as users write and read it.
 */
#ifndef UTIL_STR_H
#define UTIL_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* A string that grows. Zeroed is empty; `s` is NULL until something is added. */
typedef struct strbuf {
    char *s;
    size_t len, cap;
} strbuf;

void strbuf_fini(strbuf *b);
void strbuf_add(strbuf *b, const char *text);
void strbuf_addn(strbuf *b, const char *text, size_t n);
void strbuf_addf(strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Adds n texts as "a, b, c". */
void strbuf_join(strbuf *b, const char *const *texts, int n);

char *str_vformat(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0))); /* free() */
char *str_format(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Bytes of the UTF-8 character at s (1 for a byte that is none, 0 at the end). */
int str_char_bytes(const char *s);
/* Characters in n bytes. */
int str_chars(const char *s, size_t n);
/* Offset of the first byte that is not UTF-8 (RFC 3629), or -1. */
int64_t str_find_bad_utf8(const char *s, size_t n);

/* Control characters, marks that turn the reading direction and bad UTF-8 as
 * \xNN, so that no input text can drive a terminal. free() */
char *str_escape(const char *s);
/* Bytes of the character at s that str_escape() leaves as it is; 0: at the end, or its first byte
 * is escaped. Async-signal-safe. */
int str_harmless_bytes(const char *s);
/* Prints a line, escaped. */
void str_print_line(FILE *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Sorts n texts; the first of them that is there twice, NULL if none is. */
const char *str_find_twice(const char **texts, int64_t n);

/* Whole-string parsers: false if anything is left over or out of range. Decimal
 * only, independent of the locale. */
bool str_to_int(const char *s, int64_t *out);
bool str_to_uint(const char *s, uint64_t *out);
bool str_to_real(const char *s, double *out); /* finite numbers only */

/* The shortest decimal that reads back as the same double. */
void str_real(char out[32], double v);

/* 1234567 as "1,234,567"; bytes as "2.6 MiB". */
void str_thousands(char out[32], int64_t n);
void str_bytes(char out[32], int64_t bytes);
/* "3.2 s", "1 min 20 s", "2 h 5 min" */
void str_duration(char out[32], double seconds);

/* Does `text` match the glob? `*` any characters, `?` one, `[a-c]` a range,
 * `{x,y}` alternatives; nothing has a meaning inside [] but the '-' of a range. The
 * glob must have passed str_glob_check(), which bounds the work: at most 1000 times
 * the length of the pattern times that of the text. */
bool str_glob(const char *glob, const char *text);
/* The same; for each `*` and `{}` of the glob, in its order, the part of the text that
 * it matched, the first STR_GLOB_CAPTURES of them. A `*` inside of braces is theirs. */
enum { STR_GLOB_CAPTURES = 16 };
typedef struct str_span {
    const char *s;
    size_t n;
} str_span;
bool str_glob_captures(const char *glob, const char *text, str_span spans[STR_GLOB_CAPTURES]);
int str_glob_captures_count(const char *glob);
/* NULL if the glob is well formed, else what is wrong with it. */
const char *str_glob_check(const char *glob);

#endif
