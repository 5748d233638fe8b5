/*
 * util/mem.h - memory that never comes back NULL, and sizes that never wrap.
 *
 * Small allocations (bounded by what is already in memory) call mem_*; when the
 * system has none left, the handler that the program installed says so and ends
 * it. A size that an input file declares goes through mem_try_aligned() and
 * size_mul(), whose failure is the reader's error message.
 */
#ifndef UTIL_MEM_H
#define UTIL_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called once when memory runs out; must not return. Without one: abort(). */
void mem_on_failure(void (*handler)(size_t bytes));

/* What a mem_* that failed does; for libraries that say so themselves. */
_Noreturn void mem_exhausted(size_t bytes);

void *mem_malloc(size_t bytes);          /* not initialized; free() */
void *mem_calloc(size_t n, size_t size); /* zeroed; free() */
void *mem_realloc(void *p, size_t bytes);
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t n);

/* 64-byte aligned, not initialized, free(). mem_try_aligned: NULL on failure. */
void *mem_aligned(size_t bytes);
void *mem_try_aligned(size_t bytes);
float *mem_floats(int64_t n); /* mem_aligned for n floats, zeroed */

/* a * b and a + b; false if they do not fit. */
bool size_mul(int64_t a, int64_t b, int64_t *out);
bool size_add(int64_t a, int64_t b, int64_t *out);

#endif
