#include "util/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/str.h"

enum { CHUNK_BYTES = 64 * 1024, ALIGN = 16 };

typedef struct arena_chunk {
    struct arena_chunk *next;
    size_t used, size;
    alignas(ALIGN) char bytes[];
} arena_chunk;

void arena_fini(arena *a) {
    for (arena_chunk *c = a->head, *next; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
    a->head = NULL;
}

void *arena_alloc(arena *a, size_t bytes) {
    size_t need = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    arena_chunk *c = a->head;
    if (c == NULL || c->size - c->used < need) {
        size_t size = need > CHUNK_BYTES ? need : CHUNK_BYTES;
        c = mem_calloc(1, sizeof *c + size);
        c->size = size;
        c->next = a->head;
        a->head = c;
    }
    void *p = c->bytes + c->used;
    c->used += need;
    return p;
}

float *arena_floats(arena *a, int64_t n) {
    enum { LINE = 64, LINES_OF_PAGE = 4096 / LINE, STEP = 21 /* odd: all lines have their turn */ };
    static size_t turn;
    size_t shift = turn++ * STEP % LINES_OF_PAGE * LINE;
    char *p = arena_alloc(a, (size_t)n * sizeof(float) + shift + LINE);
    return (float *)(((uintptr_t)p + LINE - 1) / LINE * LINE + shift);
}

char *arena_strndup(arena *a, const char *s, size_t n) {
    char *copy = arena_alloc(a, n + 1);
    memcpy(copy, s, n);
    return copy;
}

char *arena_strdup(arena *a, const char *s) { return arena_strndup(a, s, strlen(s)); }

char *arena_format(arena *a, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *text = str_vformat(fmt, ap);
    va_end(ap);
    char *copy = arena_strdup(a, text);
    free(text);
    return copy;
}
