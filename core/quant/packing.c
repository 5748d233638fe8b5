#include "quant/packing.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "host/blame.h"
#include "host/guarded.h"
#include "simd/kernels.h"
#include "util/mem.h"
#include "util/parallel.h"

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

const char *packing_check_info(const qb_packer_info *i) {
    const int64_t most = (int64_t)1 << 32; /* codes of a chunk: of more no packer makes one */
    const int32_t a = i->align;
    bool fine = i->unit >= 1 && i->chunk >= 0 && i->chunk <= most && a >= 1 && a <= 4096 &&
                (a & (a - 1)) == 0;
    return fine ? NULL : "unit, chunk or align is out of range";
}

status packing_open(packing *p, const plugin_choice *c, int32_t n_levels, int32_t zero_code,
                    const place *at, diags *d) {
    *p = (packing){.table = &c->plugin->guarded.packer,
                   .n_levels = n_levels,
                   .info = instance_packer_info};
    status bad = instance_open_packer(&p->in, c, n_levels, zero_code, &p->info, ERR_SPEC, at, d);
    if (bad) return bad;
    const char *why = packing_check_info(&p->info);
    if (why == NULL) return OK;
    bad = diag_error(d, ERR_PLUGIN, "%s: packer '%s': %s", c->plugin->path, c->plugin->entry.name,
                     why);
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

/* ---- chunks on the threads ---- */

/* Chunks are worked some at a time: their codes stay in the cache between the two sides. */
enum { BATCH_CODES = 4096 };

typedef struct chunks {
    const packing *p;
    int64_t n, chunk;     /* codes: of the matrix, of a chunk */
    int64_t count, batch; /* chunks: all, worked at a time    */
    int64_t batches;
    int64_t bound, last_bound; /* bytes: of a chunk, of the last one */
    uint8_t *memory;           /* a room for each thread */
    bool alone;                /* few long chunks: one after the other, whoever computes the codes
                                  has the threads for himself */
    _Atomic int64_t trouble;   /* first: 8 * code + what is wrong */
} chunks;

/* What a thread works in. Between and around the parts are edges, which a packer has no
 * business with. */
typedef struct chunk_room {
    uint8_t *code;   /* of a batch               */
    uint8_t *back;   /* of a chunk, to compare   */
    uint8_t *packed; /* a chunk                  */
} chunk_room;

/* n bytes and the edge behind them. */
static int64_t part_bytes(int64_t n) { return (n + 63) / 64 * 64 + GUARDED_EDGE; }

static int64_t batch_codes(const chunks *c) {
    return c->batch * c->chunk < c->n ? c->batch * c->chunk : c->n;
}
static int64_t longest_chunk(const chunks *c) { return c->chunk < c->n ? c->chunk : c->n; }
static int64_t most_bytes(const chunks *c) {
    return c->bound > c->last_bound ? c->bound : c->last_bound;
}

static int64_t room_bytes(const chunks *c) {
    return GUARDED_EDGE + part_bytes(batch_codes(c)) + part_bytes(longest_chunk(c)) +
           part_bytes(most_bytes(c));
}

static chunk_room room_of_thread(const chunks *c) {
    chunk_room r;
    r.code = c->memory + (c->alone ? 0 : parallel_thread() * room_bytes(c)) + GUARDED_EDGE;
    r.back = r.code + part_bytes(batch_codes(c));
    r.packed = r.back + part_bytes(longest_chunk(c));
    return r;
}

/* After a packer's call, which had guarded_edges() about n bytes. */
static void check_edges(const packing *p, const uint8_t *at, int64_t n, const char *slot,
                        const char *what) {
    blame_begin(&p->in, slot);
    guarded_check_edges(at, n, what);
    blame_end();
}

/* False if there is no memory. */
static bool chunks_open(chunks *c, const packing *p, int64_t rows, int64_t cols) {
    int64_t n = rows * cols, chunk = chunk_codes(p, cols), threads = parallel_threads();
    *c = (chunks){.p = p, .n = n, .chunk = chunk, .trouble = INT64_MAX};
    c->count = n > 0 ? (n + chunk - 1) / chunk : 0;
    c->batch = chunk < BATCH_CODES ? BATCH_CODES / chunk : 1;
    c->batches = (c->count + c->batch - 1) / c->batch;
    c->bound = p->table->bound(p->in.self, chunk);
    c->last_bound = n > 0 && n % chunk > 0 ? p->table->bound(p->in.self, n % chunk) : c->bound;
    c->alone = c->batches < threads;
    c->memory = mem_try_aligned((size_t)((c->alone ? 1 : threads) * room_bytes(c)));
    return c->memory != NULL;
}

static void chunks_run(chunks *c, int64_t batches, void (*task)(int64_t i, void *arg), void *arg) {
    if (!c->alone) {
        parallel_for(batches, task, arg);
        return;
    }
    for (int64_t i = 0; i < batches; i++) task(i, arg);
}

static int64_t chunk_length(const chunks *c, int64_t i) {
    int64_t left = c->n - i * c->chunk;
    return left < c->chunk ? left : c->chunk;
}

static int64_t chunk_bound(const chunks *c, int64_t i) {
    return chunk_length(c, i) == c->chunk ? c->bound : c->last_bound;
}

static void note_trouble(chunks *c, int64_t code, int what) {
    int64_t mine = code * 8 + what, seen = atomic_load(&c->trouble);
    while (mine < seen && !atomic_compare_exchange_weak(&c->trouble, &seen, mine)) {
    }
}

/* ---- packing ---- */

enum { WROTE_MORE, WROTE_LESS, CANNOT_READ, LOST_CODE };

static status blame(const packing *p, const char *tensor, int64_t trouble, diags *d) {
    static const char *const what[] = {"wrote more than its bound",
                                       "promised a fixed rate and wrote less than its bound",
                                       "cannot read what it wrote", "lost a code"};
    const plugin *g = p->in.choice.plugin;
    return diag_error(d, ERR_PLUGIN, "%s: packer '%s' %s (tensor '%s', code %" PRId64 ")", g->path,
                      g->entry.name, what[trouble % 8], tensor, trouble / 8);
}

typedef struct pack_job {
    chunks c;
    code_source from;
    _Atomic bool ended; /* by the source */
    bool check;
    uint8_t *out;
    int64_t slot; /* bytes from one chunk to the next, before they are moved together */
    uint32_t *lengths;
} pack_job;

static bool comes_back(pack_job *j, const uint8_t *code, int64_t at, int64_t n, const uint8_t *out,
                       int64_t bytes, uint8_t *back) {
    const packing *p = j->c.p;
    int64_t k = 0;
    if (p->table->unpack(p->in.self, out, bytes, n, back) != QB_OK) {
        note_trouble(&j->c, at, CANNOT_READ);
        return false;
    }
    if (memcmp(back, code, (size_t)n) == 0) return true;
    while (back[k] == code[k]) k++;
    note_trouble(&j->c, at + k, LOST_CODE);
    return false;
}

/* Packs chunk i; its codes begin at element `at` of the matrix. */
static void pack_chunk(pack_job *j, int64_t i, const uint8_t *code, const chunk_room *room) {
    const packing *p = j->c.p;
    int64_t n = chunk_length(&j->c, i), at = i * j->c.chunk, limit = chunk_bound(&j->c, i);
    uint8_t *out = j->out + i * j->slot;
    guarded_edges(room->packed, limit);
    int64_t got = p->table->pack(p->in.self, code, n, room->packed);
    check_edges(p, room->packed, limit, "pack()", "its bytes");
    if (got < 0 || got > limit || got > UINT32_MAX) {
        note_trouble(&j->c, at, WROTE_MORE);
    } else if (p->info.fixed_rate && got != limit) {
        note_trouble(&j->c, at, WROTE_LESS);
    } else if (!j->check || comes_back(j, code, at, n, room->packed, got, room->back)) {
        j->lengths[i] = (uint32_t)got;
        memcpy(out, room->packed, (size_t)got);
        memset(out + got, 0, (size_t)(aligned(p, got) - got));
    }
}

static void pack_batch(int64_t b, void *arg) {
    pack_job *j = arg;
    const chunks *c = &j->c;
    int64_t first = b * c->batch, last = first + c->batch < c->count ? first + c->batch : c->count;
    int64_t at = first * c->chunk, n = (last < c->count ? last * c->chunk : c->n) - at;
    const chunk_room room = room_of_thread(c);
    uint8_t *code = room.code;
    if (!j->from.read(j->from.arg, at, n, code)) {
        atomic_store(&j->ended, true);
        return;
    }
    for (int64_t i = first; i < last; i++) pack_chunk(j, i, code + (i - first) * c->chunk, &room);
}

static void put_u32(uint8_t *to, int64_t v) {
    for (int i = 0; i < LENGTH_BYTES; i++) to[i] = (uint8_t)(v >> (8 * i));
}

static int64_t get_u32(const uint8_t *from) {
    return from[0] | from[1] << 8 | from[2] << 16 | (int64_t)from[3] << 24;
}

/* Variable rate: the chunks without gaps, and their lengths. Returns the bytes. */
static int64_t close_up(const pack_job *j) {
    const packing *p = j->c.p;
    int64_t end = 0;
    if (p->info.fixed_rate) {
        int64_t last = j->c.count - 1;
        return j->c.count > 0 ? last * j->slot + aligned(p, j->lengths[last]) : 0;
    }
    for (int64_t i = 0; i < j->c.count; end += aligned(p, j->lengths[i++]))
        memmove(j->out + end, j->out + i * j->slot, (size_t)aligned(p, j->lengths[i]));
    for (int64_t i = 0; i < j->c.count; i++, end += LENGTH_BYTES)
        put_u32(j->out + end, j->lengths[i]);
    return end;
}

status packing_pack_from(const packing *p, const char *tensor, code_source from, int64_t rows,
                         int64_t cols, bool check, diags *d, uint8_t *out, int64_t *bytes) {
    pack_job j = {.from = from, .check = check, .out = out};
    if (!chunks_open(&j.c, p, rows, cols))
        return diag_error(d, ERR_RESOURCE, "no memory for the codes of '%s'", tensor);
    j.slot = aligned(p, j.c.bound);
    j.lengths = mem_calloc((size_t)j.c.count + 1, sizeof *j.lengths);
    chunks_run(&j.c, j.c.batches, pack_batch, &j);
    int64_t trouble = atomic_load(&j.c.trouble);
    status bad = OK;
    *bytes = -1;
    if (!atomic_load(&j.ended) && trouble == INT64_MAX)
        *bytes = close_up(&j);
    else if (!atomic_load(&j.ended))
        bad = blame(p, tensor, trouble, d);
    free(j.c.memory);
    free(j.lengths);
    return bad;
}

static bool read_memory(void *arg, int64_t at, int64_t n, uint8_t *code) {
    memcpy(code, (const uint8_t *)arg + at, (size_t)n);
    return true;
}

status packing_pack(const packing *p, const char *tensor, const uint8_t *code, int64_t rows,
                    int64_t cols, diags *d, uint8_t **out, int64_t *bytes) {
    code_source from = {read_memory, (void *)(uintptr_t)code};
    *out = mem_aligned((size_t)packing_bound(p, rows, cols) + 1);
    status bad = packing_pack_from(p, tensor, from, rows, cols, true, d, *out, bytes);
    if (bad) {
        free(*out);
        *out = NULL;
    }
    return bad;
}

status packing_measure(const packing *p, const char *tensor, const uint8_t *code, int64_t rows,
                       int64_t cols, diags *d, int64_t *bytes) {
    uint8_t *packed;
    status bad = packing_pack(p, tensor, code, rows, cols, d, &packed, bytes);
    free(packed);
    return bad;
}

/* ---- unpacking ---- */

const char *packing_check_size(const packing *p, int64_t rows, int64_t cols, int64_t n_bytes) {
    int64_t n = rows * cols, chunk = chunk_codes(p, cols), lengths;
    if (p->info.fixed_rate)
        return n_bytes == packing_bound(p, rows, cols) ? NULL : "its codes have the wrong size";
    bool fine = size_mul((n + chunk - 1) / chunk, LENGTH_BYTES, &lengths) && lengths <= n_bytes;
    return fine ? NULL : "its codes are too short for the lengths of their chunks";
}

enum { TOO_LONG, BETWEEN, DAMAGED, NO_LEVEL };
static const char *const unpack_trouble[] = {"a chunk is longer than it can be",
                                             "there is something between two chunks",
                                             "its packer says that the codes are damaged",
                                             "a code is none of its levels"};

typedef struct unpack_job {
    chunks c;
    code_sink to;
    const uint8_t *bytes;
    int64_t *begin; /* of each chunk; NULL: `slot` bytes each */
    int64_t slot;
    const uint8_t *lengths; /* as in the file; NULL: as many as the bound */
} unpack_job;

static int64_t packed_bytes(const unpack_job *j, int64_t i) {
    if (j->lengths != NULL) return get_u32(j->lengths + i * LENGTH_BYTES);
    return chunk_bound(&j->c, i);
}

static bool unpack_chunk(unpack_job *j, int64_t i, uint8_t *code) {
    const packing *p = j->c.p;
    const uint8_t *bytes = j->bytes + (j->begin != NULL ? j->begin[i] : i * j->slot);
    int64_t length = packed_bytes(j, i), n = chunk_length(&j->c, i), at = i * j->c.chunk;
    for (int64_t k = length; k < aligned(p, length); k++)
        if (bytes[k] != 0) {
            note_trouble(&j->c, at, BETWEEN);
            return false;
        }
    if (p->table->unpack(p->in.self, bytes, length, n, code) != QB_OK) {
        note_trouble(&j->c, at, DAMAGED);
        return false;
    }
    if (simd_kernels()->largest_code(code, n) < p->n_levels) return true;
    int64_t k = 0;
    while (code[k] < p->n_levels) k++;
    note_trouble(&j->c, at + k, NO_LEVEL);
    return false;
}

static void unpack_batch(int64_t b, void *arg) {
    unpack_job *j = arg;
    const chunks *c = &j->c;
    int64_t first = b * c->batch, last = first + c->batch < c->count ? first + c->batch : c->count;
    int64_t at = first * c->chunk, n = (last < c->count ? last * c->chunk : c->n) - at;
    uint8_t *code = room_of_thread(c).code;
    guarded_edges(code, n);
    for (int64_t i = first; i < last; i++)
        if (!unpack_chunk(j, i, code + (i - first) * c->chunk)) return;
    check_edges(c->p, code, n, "unpack()", "its codes");
    j->to.write(j->to.arg, at, n, code);
}

/* Where the chunks of variable rate begin; returns how many can be there. */
static int64_t find_chunks(unpack_job *j, int64_t end, int64_t *used) {
    const packing *p = j->c.p;
    for (int64_t i = 0; i < j->c.count; i++) {
        int64_t got = packed_bytes(j, i);
        j->begin[i] = *used;
        if (got > chunk_bound(&j->c, i) || aligned(p, got) > end - *used) {
            note_trouble(&j->c, i * j->c.chunk, TOO_LONG);
            return i;
        }
        *used += aligned(p, got);
    }
    return j->c.count;
}

const char *packing_unpack_to(const packing *p, const uint8_t *bytes, int64_t n_bytes, int64_t rows,
                              int64_t cols, code_sink to, int64_t *at) {
    unpack_job j = {.to = to, .bytes = bytes};
    int64_t end = n_bytes, used = n_bytes;
    *at = 0;
    if (!chunks_open(&j.c, p, rows, cols)) return "there is no memory for its codes";
    int64_t there = j.c.count;
    j.slot = aligned(p, j.c.bound);
    if (!p->info.fixed_rate) {
        end -= j.c.count * LENGTH_BYTES, used = 0;
        j.lengths = bytes + end;
        j.begin = mem_calloc((size_t)j.c.count + 1, sizeof *j.begin);
        there = find_chunks(&j, end, &used);
    }
    if (there < j.c.count) { /* what is before the first trouble is unpacked all the same: it
                                may be damaged earlier */
        j.c.count = there, j.c.n = there * j.c.chunk;
        j.c.batches = (there + j.c.batch - 1) / j.c.batch;
    }
    chunks_run(&j.c, j.c.batches, unpack_batch, &j);
    int64_t trouble = atomic_load(&j.c.trouble);
    free(j.c.memory);
    free(j.begin);
    if (trouble != INT64_MAX) {
        *at = trouble / 8;
        return unpack_trouble[trouble % 8];
    }
    return used == end ? NULL : "there is something behind the last chunk";
}

static void write_memory(void *arg, int64_t at, int64_t n, const uint8_t *code) {
    memcpy((uint8_t *)arg + at, code, (size_t)n);
}

const char *packing_unpack(const packing *p, const uint8_t *bytes, int64_t n_bytes, int64_t rows,
                           int64_t cols, uint8_t *code, int64_t *at) {
    code_sink to = {write_memory, code};
    return packing_unpack_to(p, bytes, n_bytes, rows, cols, to, at);
}
