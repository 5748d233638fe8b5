/*
 * conformance/guard.h - buffers whose edges are watched, for the child that runs a plugin.
 *
 * Behind a buffer, or before it, begins memory that nobody may touch, so an access
 * outside is a SIGSEGV at once, reads as well; on the other side stand canaries. Each
 * buffer is there twice, writable and read-only, so what is const for the plugin cannot
 * be written. The handler of the signal says into child_page.fault which buffer it was and
 * by how many bytes.
 */
#ifndef CONFORMANCE_GUARD_H
#define CONFORMANCE_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/child.h"

typedef struct guard {
    const char *name; /* as the header calls it: "meta" */
    uint8_t *w;       /* the n bytes, writable */
    const uint8_t *r; /* the same bytes, read-only */
    size_t n, cap;
    uint8_t *base_w, *base_r;
    uint8_t canary;
} guard;

typedef enum guard_edge { GUARD_END = 0, GUARD_START = 1 } guard_edge;

/* Room for `cap` bytes. There are at most GUARDS_MAX; they live as long as the child. */
enum { GUARDS_MAX = 24 };
void guard_open(guard *g, const char *name, size_t cap);
/* n bytes, filled with `poison`, that end (or begin) where nothing may be touched;
 * `align` a power of two: at the end up to align - 1 bytes are then canaries. */
void guard_place(guard *g, size_t n, size_t align, guard_edge edge, uint8_t poison);
/* The distance of the nearest changed canary: -1 the byte before, n the byte behind
 * counted from the start; false if all are well. */
bool guard_broken(const guard *g, int64_t *at);

/* Memory of the plugin itself that it may not write in const calls. */
void guard_static(void *start, size_t bytes);

/* Catches SIGSEGV and SIGBUS for this child from now on. */
void guard_watch(child *c);

#endif
