#include "util/cursor.h"

cursor cursor_of(const void *bytes, size_t n) { return (cursor){.bytes = bytes, .n = n}; }

size_t cursor_left(const cursor *c) { return c->n - c->at; }

const uint8_t *cursor_take(cursor *c, size_t n) {
    if (c->failed || n > cursor_left(c)) {
        c->failed = true;
        return NULL;
    }
    const uint8_t *p = c->bytes + c->at;
    c->at += n;
    return p;
}

static uint64_t little(cursor *c, size_t n) {
    const uint8_t *p = cursor_take(c, n);
    uint64_t v = 0;
    for (size_t i = 0; p != NULL && i < n; i++) v |= (uint64_t)p[i] << (8 * i);
    return v;
}

uint8_t cursor_u8(cursor *c) { return (uint8_t)little(c, 1); }
uint16_t cursor_u16le(cursor *c) { return (uint16_t)little(c, 2); }
uint32_t cursor_u32le(cursor *c) { return (uint32_t)little(c, 4); }
uint64_t cursor_u64le(cursor *c) { return little(c, 8); }
uint32_t cursor_u32be(cursor *c) { return __builtin_bswap32((uint32_t)little(c, 4)); }
