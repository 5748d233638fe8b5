/* Zip archives and gzip streams, built by hand so that they can be wrong in one place. */
#include "support/formats.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void deflate_to(strbuf *out, const void *data, size_t n, int window) {
    z_stream z = {0};
    uLong most = n + n / 100 + 64;
    Bytef *to = malloc(most);
    deflateInit2(&z, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY);
    z.next_in = (Bytef *)(uintptr_t)data, z.avail_in = (uInt)n;
    z.next_out = to, z.avail_out = (uInt)most;
    deflate(&z, Z_FINISH);
    strbuf_addn(out, (const char *)to, z.total_out);
    deflateEnd(&z);
    free(to);
}

void gzip_bytes(strbuf *out, const void *data, size_t n) {
    deflate_to(out, data, n, 16 + MAX_WBITS);
}

/* What both headers of a member have (APPNOTE 4.3.7). */
static void put_facts(strbuf *b, const zip_member *m, size_t packed, uint32_t size) {
    uint32_t crc = m->crc != NULL ? *m->crc : (uint32_t)crc32(0, m->data, (uInt)m->n);
    put_le(b, m->flags, 2);
    put_le(b, (uint64_t)m->method, 2);
    put_le(b, (uint64_t)1 << 21 | 1 << 16, 4); /* 1 January 1980 */
    put_le(b, crc, 4);
    put_le(b, packed, 4);
    put_le(b, size, 4);
    put_le(b, m->name_bytes > 0 ? m->name_bytes : strlen(m->name), 2);
    put_le(b, 0, 2);
}

static void put_name(strbuf *b, const zip_member *m) {
    strbuf_addn(b, m->name, m->name_bytes > 0 ? m->name_bytes : strlen(m->name));
}

void zip_file(strbuf *out, const zip_member *members, int n) {
    strbuf directory = {0};
    size_t start = out->len;
    for (int i = 0; i < n; i++) {
        const zip_member *m = &members[i];
        strbuf body = {0};
        uint32_t said = m->size != NULL ? *m->size : (uint32_t)m->n,
                 local = m->local != NULL ? *m->local : said;
        if (m->method == 8)
            deflate_to(&body, m->data, m->n, -MAX_WBITS);
        else
            strbuf_addn(&body, m->data, m->n);
        strbuf_addn(&directory, "PK\1\2\24\0\24\0", 8);
        put_facts(&directory, m, body.len, said);
        put_le(&directory, 0, 10);
        put_le(&directory, m->offset != NULL ? *m->offset : out->len - start, 4);
        put_name(&directory, m);
        strbuf_addn(out, "PK\3\4\24\0", 6);
        put_facts(out, m, body.len, local);
        put_name(out, m);
        strbuf_addn(out, body.s, body.len);
        strbuf_fini(&body);
    }
    size_t at = out->len - start;
    if (n > 0) strbuf_addn(out, directory.s, directory.len);
    strbuf_addn(out, "PK\5\6\0\0\0\0", 8);
    put_le(out, (uint64_t)n & 0xffff, 2);
    put_le(out, (uint64_t)n & 0xffff, 2);
    put_le(out, directory.len, 4);
    put_le(out, at, 4);
    put_le(out, 0, 2);
    strbuf_fini(&directory);
}
