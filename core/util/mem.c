#include "util/mem.h"

#include <stdlib.h>
#include <string.h>

static void (*on_failure)(size_t bytes);

void mem_on_failure(void (*handler)(size_t bytes)) { on_failure = handler; }

void mem_exhausted(size_t bytes) {
    if (on_failure != NULL) on_failure(bytes);
    abort();
}

static void *checked(void *p, size_t bytes) {
    if (p == NULL && bytes > 0) mem_exhausted(bytes);
    return p;
}

void *mem_malloc(size_t bytes) { return checked(malloc(bytes), bytes); }

void *mem_calloc(size_t n, size_t size) {
    if (size != 0 && n > SIZE_MAX / size) return checked(NULL, SIZE_MAX);
    return checked(calloc(n, size), n * size);
}

void *mem_realloc(void *p, size_t bytes) { return checked(realloc(p, bytes), bytes); }

char *mem_strndup(const char *s, size_t n) {
    char *copy = mem_calloc(n + 1, 1);
    memcpy(copy, s, n);
    return copy;
}

char *mem_strdup(const char *s) { return mem_strndup(s, strlen(s)); }

void *mem_try_aligned(size_t bytes) {
    size_t rounded = (bytes + 63) & ~(size_t)63;
    return rounded < bytes ? NULL : aligned_alloc(64, rounded > 0 ? rounded : 64);
}

void *mem_aligned(size_t bytes) { return checked(mem_try_aligned(bytes), bytes); }

float *mem_floats(int64_t n) {
    size_t bytes = (size_t)n * sizeof(float);
    float *p = mem_aligned(bytes);
    memset(p, 0, bytes);
    return p;
}

bool size_mul(int64_t a, int64_t b, int64_t *out) { return !__builtin_mul_overflow(a, b, out); }

bool size_add(int64_t a, int64_t b, int64_t *out) { return !__builtin_add_overflow(a, b, out); }
