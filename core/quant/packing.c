#include "quant/packing.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

enum { LENGTH_BYTES = 4 };

status packing_choose(const registry *r, int32_t n_levels, plugin_choice *packer, diags *d) {
    if (packer->plugin != NULL) return OK;
    const char *name = n_levels == 3 ? "base3" : "bits";
    const plugin *found = registry_find(r, QB_PACKER, name);
    if (found == NULL)
        return diag_error(d, ERR_PLUGIN, "the default packer '%s' is not installed", name);
    *packer = params_defaults(found);
    return OK;
}

status packing_open(packing *p, const plugin_choice *c, int32_t n_levels, int32_t zero_code,
                    const place *at, diags *d) {
    *p = (packing){.table = &c->plugin->packer,
                   .n_levels = n_levels,
                   .info = {.size = sizeof p->info, .unit = 1, .align = 1, .fixed_rate = true}};
    status bad = instance_open_packer(&p->in, c, n_levels, zero_code, &p->info, ERR_SPEC, at, d);
    if (bad) return bad;
    int32_t a = p->info.align;
    if (p->info.unit >= 1 && p->info.chunk >= 0 && a >= 1 && a <= 4096 && (a & (a - 1)) == 0)
        return OK;
    bad = diag_error(d, ERR_PLUGIN, "%s: packer '%s': unit, chunk or align is out of range",
                     c->plugin->path, c->plugin->entry.name);
    packing_close(p);
    return bad;
}

void packing_close(packing *p) {
    instance_close(&p->in);
    *p = (packing){0};
}

static int64_t chunk_codes(const packing *p, int64_t cols) {
    return p->info.chunk > 0 ? p->info.chunk : cols;
}

static int64_t aligned(const packing *p, int64_t bytes) {
    return (bytes + p->info.align - 1) / p->info.align * p->info.align;
}

/* Bytes of a chunk with what the container adds. */
static int64_t stored_bytes(const packing *p, int64_t packed) {
    return aligned(p, packed) + (p->info.fixed_rate ? 0 : LENGTH_BYTES);
}

int64_t packing_bound(const packing *p, int64_t rows, int64_t cols) {
    int64_t n = rows * cols, chunk = chunk_codes(p, cols), sum = 0;
    if (n == 0) return 0;
    sum = n / chunk * stored_bytes(p, p->table->bound(p->in.self, chunk));
    if (n % chunk > 0) sum += stored_bytes(p, p->table->bound(p->in.self, n % chunk));
    return sum;
}

static status blame(const packing *p, const char *tensor, int64_t element, const char *what,
                    diags *d) {
    const plugin *g = p->in.choice.plugin;
    return diag_error(d, ERR_PLUGIN, "%s: packer '%s' %s (tensor '%s', code %" PRId64 ")", g->path,
                      g->entry.name, what, tensor, element);
}

/* Packs one chunk to `out` and checks that it comes back; *got: its bytes. */
static status pack_chunk(const packing *p, const char *tensor, const uint8_t *code, int64_t at,
                         int64_t n, uint8_t *out, uint8_t *back, diags *d, int64_t *got) {
    int64_t limit = p->table->bound(p->in.self, n);
    *got = p->table->pack(p->in.self, code + at, n, out);
    if (*got < 0 || *got > limit || *got > UINT32_MAX)
        return blame(p, tensor, at, "wrote more than its bound", d);
    if (p->info.fixed_rate && *got != limit)
        return blame(p, tensor, at, "promised a fixed rate and wrote less than its bound", d);
    if (p->table->unpack(p->in.self, out, *got, n, back) != QB_OK)
        return blame(p, tensor, at, "cannot read what it wrote", d);
    if (memcmp(back, code + at, (size_t)n) == 0) return OK;
    int64_t k = 0;
    while (back[k] == code[at + k]) k++;
    return blame(p, tensor, at + k, "lost a code", d);
}

static void put_u32(uint8_t *to, int64_t v) {
    for (int i = 0; i < LENGTH_BYTES; i++) to[i] = (uint8_t)(v >> (8 * i));
}

static int64_t get_u32(const uint8_t *from) {
    return from[0] | from[1] << 8 | from[2] << 16 | (int64_t)from[3] << 24;
}

status packing_pack(const packing *p, const char *tensor, const uint8_t *code, int64_t rows,
                    int64_t cols, diags *d, uint8_t **out, int64_t *bytes) {
    int64_t n = rows * cols, chunk = chunk_codes(p, cols), most = chunk < n ? chunk : n;
    int64_t chunks = n > 0 ? (n + chunk - 1) / chunk : 0, end = 0;
    uint8_t *to = mem_aligned((size_t)packing_bound(p, rows, cols) + 1),
            *back = mem_aligned((size_t)most + 1);
    uint32_t *lengths = mem_calloc((size_t)chunks + 1, sizeof *lengths);
    status bad = OK;
    for (int64_t i = 0; i < chunks && !bad; i++) {
        int64_t at = i * chunk, here = n - at < chunk ? n - at : chunk, got;
        bad = pack_chunk(p, tensor, code, at, here, to + end, back, d, &got);
        if (bad) break;
        lengths[i] = (uint32_t)got;
        memset(to + end + got, 0, (size_t)(aligned(p, got) - got));
        end += aligned(p, got);
    }
    for (int64_t i = 0; i < chunks && !p->info.fixed_rate && !bad; i++, end += LENGTH_BYTES)
        put_u32(to + end, lengths[i]);
    free(back);
    free(lengths);
    if (bad) free(to);
    *out = bad ? NULL : to;
    *bytes = end;
    return bad;
}

status packing_measure(const packing *p, const char *tensor, const uint8_t *code, int64_t rows,
                       int64_t cols, diags *d, int64_t *bytes) {
    uint8_t *packed;
    status bad = packing_pack(p, tensor, code, rows, cols, d, &packed, bytes);
    if (!bad) free(packed);
    return bad;
}

const char *packing_check_size(const packing *p, int64_t rows, int64_t cols, int64_t n_bytes) {
    int64_t n = rows * cols, chunk = chunk_codes(p, cols), lengths;
    if (p->info.fixed_rate)
        return n_bytes == packing_bound(p, rows, cols) ? NULL : "its codes have the wrong size";
    bool fine = size_mul((n + chunk - 1) / chunk, LENGTH_BYTES, &lengths) && lengths <= n_bytes;
    return fine ? NULL : "its codes are too short for the lengths of their chunks";
}

/* One chunk of `length` bytes; NULL or what is wrong. */
static const char *unpack_chunk(const packing *p, const uint8_t *bytes, int64_t length, int64_t n,
                                uint8_t *code, int64_t *at) {
    for (int64_t i = length; i < aligned(p, length); i++)
        if (bytes[i] != 0) return "there is something between two chunks";
    if (p->table->unpack(p->in.self, bytes, length, n, code) != QB_OK)
        return "its packer says that the codes are damaged";
    for (int64_t i = 0; i < n; i++)
        if (code[i] >= p->n_levels) {
            *at += i;
            return "a code is none of its levels";
        }
    return NULL;
}

const char *packing_unpack(const packing *p, const uint8_t *bytes, int64_t n_bytes, int64_t rows,
                           int64_t cols, uint8_t *code, int64_t *at) {
    int64_t n = rows * cols, chunk = chunk_codes(p, cols), end = n_bytes, from = 0;
    if (!p->info.fixed_rate) end -= (n + chunk - 1) / chunk * LENGTH_BYTES;
    const uint8_t *length = bytes + end;
    for (*at = 0; *at < n; *at += chunk, length += LENGTH_BYTES) {
        int64_t here = n - *at < chunk ? n - *at : chunk;
        int64_t limit = p->table->bound(p->in.self, here);
        int64_t got = p->info.fixed_rate ? limit : get_u32(length);
        if (got > limit || aligned(p, got) > end - from) return "a chunk is longer than it can be";
        int64_t first = *at;
        const char *why = unpack_chunk(p, bytes + from, got, here, code + first, at);
        if (why != NULL) return why;
        from += aligned(p, got);
    }
    *at = 0;
    return from == end ? NULL : "there is something behind the last chunk";
}
