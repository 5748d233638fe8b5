/*
 * util/arena.h - memory that is freed together.
 *
 * One arena for each lifetime (a spec, a plan, a run). Everything is zeroed and
 * 16-byte aligned. Not thread-safe.
 */
#ifndef UTIL_ARENA_H
#define UTIL_ARENA_H

#include <stddef.h>
#include <stdint.h>

typedef struct arena {
    struct arena_chunk *head;
} arena;

void arena_fini(arena *a); /* a zeroed arena is ready; so is one after fini */
void *arena_alloc(arena *a, size_t bytes);

/* n floats, zeroed, 64-byte aligned, for arrays that are streamed side by side. Two
 * that begin at the same place of a page would compete for the same cache sets and
 * make loads wait for unrelated stores, so each begins somewhere else. */
float *arena_floats(arena *a, int64_t n);

char *arena_strdup(arena *a, const char *s);
char *arena_strndup(arena *a, const char *s, size_t n);
char *arena_format(arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
