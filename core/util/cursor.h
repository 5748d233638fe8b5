/*
 * util/cursor.h - the one bounds-checked way to read bytes of a file format.
 *
 * A read past the end gives 0 and sets `failed`; check it once at the end of a
 * header, before any value is used.
 */
#ifndef UTIL_CURSOR_H
#define UTIL_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct cursor {
    const uint8_t *bytes;
    size_t n, at;
    bool failed;
} cursor;

cursor cursor_of(const void *bytes, size_t n);
size_t cursor_left(const cursor *c);
const uint8_t *cursor_take(cursor *c, size_t n); /* NULL if fewer than n are left */
uint8_t cursor_u8(cursor *c);
uint16_t cursor_u16le(cursor *c);
uint32_t cursor_u32le(cursor *c);
uint64_t cursor_u64le(cursor *c);
uint32_t cursor_u32be(cursor *c);

#endif
