#include "io/integrity.h"

#include <stdlib.h>
#include <string.h>

#include "util/cursor.h"
#include "util/mem.h"

/* ---- where everything is ---- */

enum { FOOTER = 64, FOOTER_CRC = 52, PIECE = INTEGRITY_BLOCK - FOOTER, VERSION = 1 };
static const uint8_t magic[8] = {0x93, 'Q', 'B', 'C', 'R', 'C', '\r', 0xF7};

static int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

static int64_t parity_blocks(const integrity *g) { return g->stripes * g->parity; }
static int64_t entries(const integrity *g) { return g->blocks + parity_blocks(g); }
static int all_records(const integrity *g) { return g->records + g->parity; }

integrity integrity_of(int64_t payload, int parity) {
    integrity g = {.payload = payload, .parity = parity};
    g.blocks = divide_up(payload, INTEGRITY_BLOCK);
    g.stripes = divide_up(g.blocks, INTEGRITY_STRIPE);
    int64_t table = entries(&g) * 4, pieces = divide_up(table, PIECE);
    g.records = pieces < ERASURE_DATA ? (int)pieces : ERASURE_DATA;
    g.piece = divide_up(table, (int64_t)g.records * 4) * 4;
    g.total = payload + parity_blocks(&g) * INTEGRITY_BLOCK + all_records(&g) * (g.piece + FOOTER);
    return g;
}

/* Records stand between the parity blocks, the first before and the last behind them,
 * so that damage in one place meets few of them. */
static int64_t record_at(const integrity *g, int i) {
    int64_t gaps = all_records(g) - 1, before = gaps > 0 ? i * parity_blocks(g) / gaps : 0;
    return g->payload + before * INTEGRITY_BLOCK + i * (g->piece + FOOTER);
}

static int64_t parity_at(const integrity *g, int64_t q) {
    int64_t before = divide_up((q + 1) * (all_records(g) - 1), parity_blocks(g));
    return g->payload + q * INTEGRITY_BLOCK + before * (g->piece + FOOTER);
}

/* Block i of those that have a CRC: of the payload, then of the parity. */
static damaged_block block_of(const integrity *g, int64_t i) {
    int64_t q = i - g->blocks, left = g->payload - i * INTEGRITY_BLOCK;
    if (q >= 0)
        return (damaged_block){BLOCK_PARITY, q, q % g->stripes, parity_at(g, q), INTEGRITY_BLOCK};
    return (damaged_block){BLOCK_PAYLOAD, i, i % g->stripes, i * INTEGRITY_BLOCK,
                           left < INTEGRITY_BLOCK ? left : INTEGRITY_BLOCK};
}

/* ---- stripes ---- */

/* The blocks of a stripe, data then parity, all of full length: the payload's last one
 * is a copy filled up with zeros, and where a stripe is shorter than others are zeros. */
typedef struct stripe {
    int n;
    uint8_t *block[ERASURE_DATA + ERASURE_PARITY];
    uint8_t *short_block; /* of the payload; NULL: it has none */
    int64_t short_bytes;
    uint8_t copy[INTEGRITY_BLOCK], zeros[INTEGRITY_BLOCK];
} stripe;

static void take_stripe(const integrity *g, uint8_t *bytes, int64_t s, stripe *v) {
    v->n = (int)divide_up(g->blocks, g->stripes);
    v->short_block = NULL;
    memset(v->copy, 0, sizeof v->copy);
    memset(v->zeros, 0, sizeof v->zeros);
    for (int j = 0; j < v->n; j++) {
        int64_t i = s + j * g->stripes;
        damaged_block b = block_of(g, i);
        v->block[j] = i < g->blocks ? bytes + b.offset : v->zeros;
        if (i >= g->blocks || b.bytes == INTEGRITY_BLOCK) continue;
        v->short_block = v->block[j], v->short_bytes = b.bytes;
        memcpy(v->copy, v->short_block, (size_t)b.bytes);
        v->block[j] = v->copy;
    }
    for (int r = 0; r < g->parity; r++)
        v->block[v->n + r] = bytes + parity_at(g, r * g->stripes + s);
}

/* ---- records ---- */

static void put(uint8_t *to, uint64_t v, int bytes) {
    for (int i = 0; i < bytes; i++) to[i] = (uint8_t)(v >> (8 * i));
}

/* The footer of record i, whose piece stands before `to`. */
static void make_footer(const integrity *g, int i, const uint8_t *piece, uint8_t to[FOOTER]) {
    memset(to, 0, FOOTER);
    put(to, (uint64_t)g->total, 8);
    put(to + 8, (uint64_t)g->payload, 8);
    put(to + 16, (uint64_t)g->piece, 8);
    put(to + 24, INTEGRITY_BLOCK, 4);
    put(to + 28, (uint64_t)g->stripes, 4);
    put(to + 32, (uint64_t)g->parity, 4);
    put(to + 36, (uint64_t)all_records(g), 4);
    put(to + 40, (uint64_t)i, 4);
    put(to + 48, VERSION, 4);
    uint8_t sums[8];
    put(sums, crc32c(piece, g->piece), 4);
    put(sums + 4, crc32c(to, FOOTER_CRC), 4);
    put(to + FOOTER_CRC, crc32c(sums, sizeof sums), 4);
    memcpy(to + FOOTER - sizeof magic, magic, sizeof magic);
}

static bool record_fine(const integrity *g, const uint8_t *bytes, int64_t n, int i) {
    int64_t at = record_at(g, i);
    if (at + g->piece + FOOTER > n) return false;
    uint8_t footer[FOOTER];
    make_footer(g, i, bytes + at, footer);
    return memcmp(footer, bytes + at + g->piece, FOOTER) == 0;
}

/* Does a record that can be believed end at `end`? Then *g is what it says. */
static bool record_ends(const uint8_t *bytes, int64_t n, int64_t end, integrity *g) {
    const uint8_t *footer = bytes + end - FOOTER;
    if (memcmp(bytes + end - sizeof magic, magic, sizeof magic) != 0) return false;
    cursor c = cursor_of(footer, FOOTER);
    cursor_take(&c, 8);
    uint64_t payload = cursor_u64le(&c);
    cursor_take(&c, 16);
    uint32_t parity = cursor_u32le(&c);
    cursor_take(&c, 4);
    uint32_t i = cursor_u32le(&c);
    if (payload < 1 || payload > (uint64_t)n || parity > INTEGRITY_MAX_PARITY) return false;
    *g = integrity_of((int64_t)payload, (int)parity);
    return i < (uint32_t)all_records(g) && record_at(g, (int)i) + g->piece + FOOTER == end &&
           record_fine(g, bytes, n, (int)i);
}

/* From the end: a file that is whole has a record there. */
static bool find(const uint8_t *bytes, int64_t n, integrity *g) {
    const uint8_t *end = bytes + n;
    while (end - bytes >= FOOTER) {
        if (record_ends(bytes, n, end - bytes, g)) return true;
        const uint8_t *last = memrchr(bytes, magic[sizeof magic - 1], (size_t)(end - bytes - 1));
        if (last == NULL) return false;
        end = last + 1;
    }
    return false;
}

/* ---- writing ---- */

/* The table of CRCs cut into pieces, and parity of them, where the records are. */
static void write_records(const integrity *g, uint8_t *bytes) {
    int n = all_records(g);
    uint8_t *piece[ERASURE_DATA + ERASURE_PARITY];
    for (int i = 0; i < n; i++) {
        piece[i] = bytes + record_at(g, i);
        memset(piece[i], 0, (size_t)g->piece);
    }
    for (int64_t i = 0; i < entries(g); i++) {
        damaged_block b = block_of(g, i);
        put(piece[i * 4 / g->piece] + i * 4 % g->piece, crc32c(bytes + b.offset, b.bytes), 4);
    }
    erasure_encode(piece, g->records, piece + g->records, g->parity, (int)g->piece);
    for (int i = 0; i < n; i++) make_footer(g, i, piece[i], piece[i] + g->piece);
}

void integrity_write(const integrity *g, uint8_t *bytes) {
    stripe v;
    for (int64_t s = 0; s < g->stripes && g->parity > 0; s++) {
        take_stripe(g, bytes, s, &v);
        erasure_encode(v.block, v.n, v.block + v.n, g->parity, INTEGRITY_BLOCK);
    }
    write_records(g, bytes);
}

/* ---- checking ---- */

static void add(integrity_report *r, damaged_block b) {
    if ((r->n & (r->n - 1)) == 0) /* full: room for twice as many */
        r->list = mem_realloc(r->list, (size_t)(r->n > 0 ? 2 * r->n : 1) * sizeof *r->list);
    r->list[r->n++] = b;
}

static void count_beyond(integrity_report *r, int64_t s, int64_t lost) {
    if (lost <= r->g.parity) return;
    if (r->beyond++ == 0) r->worst = s, r->worst_lost = lost;
}

/* Reads the table; lost: room for a flag of each record. */
static void read_table(const uint8_t *bytes, int64_t n, integrity_report *r, bool *lost) {
    const integrity *g = &r->g;
    int count = all_records(g);
    uint8_t *all = mem_calloc((size_t)count, (size_t)g->piece),
            *piece[ERASURE_DATA + ERASURE_PARITY];
    for (int i = 0; i < count; i++) {
        piece[i] = all + i * g->piece;
        lost[i] = !record_fine(g, bytes, n, i);
        if (!lost[i]) memcpy(piece[i], bytes + record_at(g, i), (size_t)g->piece);
    }
    bool whole = erasure_restore(piece, lost, g->records, g->parity, (int)g->piece);
    r->crc = mem_calloc((size_t)entries(g), sizeof *r->crc);
    for (int64_t i = 0; i < entries(g); i++) {
        cursor c = cursor_of(piece[i * 4 / g->piece] + i * 4 % g->piece, 4);
        r->crc[i] = cursor_u32le(&c);
        r->unknown += !whole && lost[i * 4 / g->piece];
    }
    free(all);
}

/* Does block i have its CRC? One that nobody knows is taken for right. */
static bool entry_fine(const integrity_report *r, const uint8_t *bytes, int64_t n, int64_t i,
                       const bool *lost) {
    damaged_block b = block_of(&r->g, i);
    if (b.offset + b.bytes > n) return false;
    if (r->unknown > 0 && lost[i * 4 / r->g.piece]) return true;
    return crc32c(bytes + b.offset, b.bytes) == r->crc[i];
}

void integrity_check(const uint8_t *bytes, int64_t n, integrity_report *r) {
    bool lost[ERASURE_DATA + ERASURE_PARITY];
    int64_t records_lost = 0;
    *r = (integrity_report){.present = n};
    r->found = find(bytes, n, &r->g);
    if (!r->found) return;
    read_table(bytes, n, r, lost);
    int64_t *lost_of = mem_calloc((size_t)r->g.stripes, sizeof *lost_of);
    for (int64_t i = 0; i < entries(&r->g); i++) {
        if (entry_fine(r, bytes, n, i, lost)) continue;
        damaged_block b = block_of(&r->g, i);
        lost_of[b.stripe]++;
        add(r, b);
    }
    for (int i = 0; i < all_records(&r->g); i++) {
        if (!lost[i]) continue;
        records_lost++;
        add(r, (damaged_block){BLOCK_RECORD, i, -1, record_at(&r->g, i), r->g.piece + FOOTER});
    }
    for (int64_t s = 0; s < r->g.stripes; s++) count_beyond(r, s, lost_of[s]);
    count_beyond(r, -1, records_lost);
    free(lost_of);
}

void integrity_report_fini(integrity_report *r) {
    free(r->list);
    free(r->crc);
    *r = (integrity_report){0};
}

bool integrity_fine(const integrity_report *r) {
    return r->found && r->n == 0 && r->present == r->g.total;
}

bool integrity_payload_fine(const integrity_report *r) {
    if (!r->found || r->present != r->g.total || r->beyond > 0) return false;
    for (int64_t i = 0; i < r->n; i++)
        if (r->list[i].kind == BLOCK_PAYLOAD) return false;
    return true;
}

/* ---- repairing ---- */

/* The lost blocks of one stripe. */
static void restore_stripe(const integrity_report *r, uint8_t *image, int64_t s) {
    bool lost[ERASURE_DATA + ERASURE_PARITY] = {false};
    stripe v;
    take_stripe(&r->g, image, s, &v);
    for (int64_t i = 0; i < r->n; i++) {
        const damaged_block *b = &r->list[i];
        if (b->stripe != s) continue;
        lost[b->kind == BLOCK_PAYLOAD ? b->index / r->g.stripes : v.n + b->index / r->g.stripes] =
            true;
    }
    erasure_restore(v.block, lost, v.n, r->g.parity, INTEGRITY_BLOCK);
    if (v.short_block != NULL) memcpy(v.short_block, v.copy, (size_t)v.short_bytes);
}

uint8_t *integrity_restore(const uint8_t *bytes, const integrity_report *r) {
    const integrity *g = &r->g;
    if (!r->found || r->beyond > 0) return NULL;
    uint8_t *image = mem_try_aligned((size_t)g->total);
    if (image == NULL) return NULL;
    int64_t have = r->present < g->total ? r->present : g->total;
    memcpy(image, bytes, (size_t)have);
    memset(image + have, 0, (size_t)(g->total - have));
    bool *done = mem_calloc((size_t)g->stripes, sizeof *done);
    for (int64_t i = 0; i < r->n; i++) {
        const damaged_block *b = &r->list[i];
        if (b->kind != BLOCK_PAYLOAD || done[b->stripe]) continue;
        restore_stripe(r, image, b->stripe);
        done[b->stripe] = true;
    }
    free(done);
    integrity_write(g, image); /* the area follows from the payload */
    integrity_report now;
    integrity_check(image, g->total, &now);
    bool same =
        integrity_fine(&now) && memcmp(now.crc, r->crc, (size_t)entries(g) * sizeof *r->crc) == 0;
    integrity_report_fini(&now);
    if (same) return image;
    free(image);
    return NULL;
}
