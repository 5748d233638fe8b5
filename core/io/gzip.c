#include "io/gzip.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "util/mem.h"

/* deflate cannot make more than 1032 bytes out of one; what is larger than BOMB_BYTES and more
 * than BOMB_RATIO to one is no data of anybody's. */
enum { DEFLATE_MOST = 1032, BOMB_RATIO = 64, PIECE = 1 << 30 };
static const int64_t BOMB_BYTES = (int64_t)64 << 20;

bool gzip_can_hold(int64_t deflated, int64_t inflated) {
    int64_t ratio = inflated > BOMB_BYTES ? BOMB_RATIO : DEFLATE_MOST;
    return inflated / ratio <= deflated;
}

int64_t gzip_most(const gzip_file *g) {
    if (g->z == NULL) return g->n;
    int64_t most = g->n > INT64_MAX / BOMB_RATIO ? INT64_MAX : g->n * BOMB_RATIO;
    if (most >= BOMB_BYTES) return most;
    return g->n * DEFLATE_MOST < BOMB_BYTES ? g->n * DEFLATE_MOST : BOMB_BYTES;
}

bool gzip_is(const void *bytes, int64_t n) { return n >= 2 && memcmp(bytes, "\x1f\x8b", 2) == 0; }

status gzip_open(gzip_file *g, const char *path, const void *bytes, int64_t n, diags *d) {
    *g = (gzip_file){.path = path, .bytes = bytes, .n = n};
    if (!gzip_is(bytes, n)) return OK;
    g->z = mem_calloc(1, sizeof *g->z);
    if (inflateInit2(g->z, 16 + MAX_WBITS) == Z_OK) return OK;
    free(g->z);
    g->z = NULL;
    return diag_error(d, ERR_RESOURCE, "%s: no memory to decompress it", path);
}

void gzip_close(gzip_file *g) {
    if (g->z != NULL) inflateEnd(g->z);
    free(g->z);
    g->z = NULL;
}

static status truncated(const gzip_file *g, int64_t wanted, diags *d) {
    return diag_error(d, ERR_INPUT,
                      "%s: truncated: %" PRId64 " bytes more are wanted%s, %" PRId64 " are there",
                      g->path, wanted, g->z != NULL ? " of the compressed data" : "",
                      g->z != NULL ? (int64_t)0 : g->n - g->at);
}

/* Where zlib is in the file. */
static int64_t position(const gzip_file *g) { return (int64_t)(g->z->next_in - g->bytes); }

static status damaged(const gzip_file *g, diags *d) {
    return diag_error(d, ERR_INPUT, "%s: %s (compressed byte %" PRId64 ")", g->path,
                      g->z->msg != NULL ? g->z->msg : "the compressed data is damaged",
                      position(g));
}

/* Inflates up to `n` bytes to `to`; *got 0: the data is at its end. */
static status inflate_some(gzip_file *g, uint8_t *to, int64_t n, int64_t *got, diags *d) {
    *got = 0;
    g->z->next_out = to;
    g->z->avail_out = n < PIECE ? (uInt)n : PIECE;
    uInt room = g->z->avail_out;
    while (*got == 0 && !g->ended) {
        if (g->z->avail_in == 0) {
            int64_t left = g->n - g->at;
            if (left == 0) return truncated(g, n, d);
            g->z->next_in = (Bytef *)(uintptr_t)(g->bytes + g->at);
            g->z->avail_in = left < PIECE ? (uInt)left : PIECE;
            g->at += g->z->avail_in;
        }
        int code = inflate(g->z, Z_NO_FLUSH);
        *got = (int64_t)(room - g->z->avail_out);
        if (code == Z_OK) continue;
        if (code != Z_STREAM_END) return damaged(g, d);
        int64_t at = position(g);
        if (!gzip_is(g->bytes + at, g->n - at))
            g->ended = true;
        else
            inflateReset(g->z); /* members that follow one another are one text */
    }
    return OK;
}

status gzip_take(gzip_file *g, void *to, int64_t n, diags *d) {
    uint8_t *p = to;
    if (g->z == NULL) {
        if (n > g->n - g->at) return truncated(g, n, d);
        memcpy(p, g->bytes + g->at, (size_t)n);
        g->at += n, g->taken += n;
        return OK;
    }
    while (n > 0) {
        int64_t got;
        status bad = inflate_some(g, p, n, &got, d);
        if (bad) return bad;
        if (got == 0)
            return diag_error(d, ERR_INPUT,
                              "%s: truncated: %" PRId64 " bytes more are wanted, its compressed "
                              "data ends after %" PRId64,
                              g->path, n, g->taken);
        p += got, n -= got, g->taken += got;
    }
    return OK;
}

static status behind(const gzip_file *g, int64_t n, const char *what, diags *d) {
    return diag_error(d, ERR_INPUT, "%s: %" PRId64 " bytes behind %s", g->path, n, what);
}

status gzip_end(gzip_file *g, diags *d) {
    if (g->z == NULL) return g->at == g->n ? OK : behind(g, g->n - g->at, "the last element", d);
    uint8_t more;
    int64_t got = 0;
    status bad = inflate_some(g, &more, 1, &got, d);
    if (bad) return bad;
    if (got > 0)
        return diag_error(d, ERR_INPUT, "%s: there are bytes behind the last element", g->path);
    int64_t at = position(g);
    return at == g->n ? OK : behind(g, g->n - at, "the end of the compressed data", d);
}
