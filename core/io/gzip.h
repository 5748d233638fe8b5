/*
 * io/gzip.h - the bytes of a file that may be gzip-compressed, taken piece by piece.
 *
 * A few bytes can claim to become any number: gzip_most() says how many are believed
 * before memory is taken for them. Errors are ERR_INPUT and name the file.
 */
#ifndef IO_GZIP_H
#define IO_GZIP_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

typedef struct gzip_file {
    const char *path;
    const uint8_t *bytes; /* of the file; borrowed */
    int64_t n, at;        /* plain: what was taken */
    int64_t taken;
    struct z_stream_s *z; /* NULL: the file is plain */
    bool ended;           /* the compressed data is at its end */
} gzip_file;

/* Do these first bytes of a file begin compressed data? */
bool gzip_is(const void *bytes, int64_t n);
status gzip_open(gzip_file *g, const char *path, const void *bytes, int64_t n, diags *d);
void gzip_close(gzip_file *g);

/* The most bytes that the whole can have. Compressed data holds at most 1032 for one of its own;
 * beyond 64 MiB, more than 64 for one are taken for a bomb. */
int64_t gzip_most(const gzip_file *g);

/* The next n bytes. */
status gzip_take(gzip_file *g, void *to, int64_t n, diags *d);
/* There are no more: checks the length and the CRC of compressed data, and that nothing follows. */
status gzip_end(gzip_file *g, diags *d);

/* May `inflated` bytes come out of `deflated` ones? What is asked before memory is taken. */
bool gzip_can_hold(int64_t deflated, int64_t inflated);

#endif
