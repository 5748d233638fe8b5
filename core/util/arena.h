/*
 * util/arena.h - memory that is freed together.
 *
 * One arena for each lifetime (a spec, a plan, a run). Everything is zeroed and
 * 16-byte aligned. Not thread-safe.
 */
#ifndef UTIL_ARENA_H
#define UTIL_ARENA_H

#include <stddef.h>

typedef struct arena {
    struct arena_chunk *head;
} arena;

void arena_fini(arena *a); /* a zeroed arena is ready; so is one after fini */
void *arena_alloc(arena *a, size_t bytes);
char *arena_strdup(arena *a, const char *s);
char *arena_strndup(arena *a, const char *s, size_t n);
char *arena_format(arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
