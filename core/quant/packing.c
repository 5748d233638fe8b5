#include "quant/packing.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- chunks on all threads: each has its place, whatever the others take ---- */

enum { TASK_CODES = 1 << 16 }; /* in a task; fewer are not worth a thread */

typedef struct chunk_job {
    const packing *p;
    int64_t n, chunk, chunks, task_chunks; /* codes, of a chunk; chunks, of a task */
    const uint8_t *code;
    uint8_t *to, *back; /* pack: place of the chunks; a chunk for each thread */
    int64_t stride;
    int64_t *length; /* of each chunk */
    const uint8_t *bytes;
    uint8_t *out; /* unpack */
    const int64_t *offset;
    struct chunk_failure {
        const char *what; /* NULL: none */
        int64_t at;       /* code */
    } * failed;           /* of each task, the first */
} chunk_job;

static int64_t chunk_at(const chunk_job *j, int64_t i) {
    return j->n - i * j->chunk < j->chunk ? j->n - i * j->chunk : j->chunk;
}

static chunk_job job_of(const packing *p, int64_t n, int64_t cols) {
    int64_t chunk = chunk_codes(p, cols) < n ? chunk_codes(p, cols) : n;
    if (chunk < 1) chunk = 1; /* no code at all */
    chunk_job j = {.p = p, .n = n, .chunk = chunk, .chunks = n > 0 ? (n + chunk - 1) / chunk : 0};
    j.task_chunks = chunk < TASK_CODES ? (TASK_CODES + chunk - 1) / chunk : 1;
    int64_t tasks = (j.chunks + j.task_chunks - 1) / j.task_chunks;
    j.failed = mem_calloc((size_t)tasks + 1, sizeof *j.failed);
    return j;
}

/* Runs the tasks of the first `chunks` chunks; the first failure in order of the codes. */
static struct chunk_failure run_tasks(chunk_job *j, int64_t chunks,
                                      void (*task)(int64_t i, void *arg)) {
    int64_t tasks = (chunks + j->task_chunks - 1) / j->task_chunks;
    struct chunk_failure first = {NULL, 0};
    j->chunks = chunks;
    parallel_for(tasks, task, j);
    for (int64_t t = 0; t < tasks && first.what == NULL; t++) first = j->failed[t];
    free(j->failed);
    return first;
}

/* Packs one chunk to its place and checks that it comes back. */
static const char *pack_chunk(const chunk_job *j, int64_t i, int64_t *at) {
    const packing *p = j->p;
    const int64_t n = chunk_at(j, i), limit = p->table->bound(p->in.self, n);
    const uint8_t *code = j->code + *at;
    uint8_t *out = j->to + i * j->stride, *back = j->back + parallel_thread() * (j->chunk + 1);
    const int64_t got = p->table->pack(p->in.self, code, n, out);
    if (got < 0 || got > limit || got > UINT32_MAX) return "wrote more than its bound";
    if (p->info.fixed_rate && got != limit)
        return "promised a fixed rate and wrote less than its bound";
    if (p->table->unpack(p->in.self, out, got, n, back) != QB_OK)
        return "cannot read what it wrote";
    memset(out + got, 0, (size_t)(aligned(p, got) - got));
    j->length[i] = got;
    if (memcmp(back, code, (size_t)n) == 0) return NULL;
    while (back[*at - i * j->chunk] == j->code[*at]) ++*at;
    return "lost a code";
}

static void pack_task(int64_t t, void *arg) {
    const chunk_job *j = arg;
    struct chunk_failure *f = &j->failed[t];
    for (int64_t i = t * j->task_chunks;
         i < (t + 1) * j->task_chunks && i < j->chunks && f->what == NULL; i++) {
        f->at = i * j->chunk;
        f->what = pack_chunk(j, i, &f->at);
    }
}

static void put_u32(uint8_t *to, int64_t v) {
    for (int i = 0; i < LENGTH_BYTES; i++) to[i] = (uint8_t)(v >> (8 * i));
}

static int64_t get_u32(const uint8_t *from) {
    return from[0] | from[1] << 8 | from[2] << 16 | (int64_t)from[3] << 24;
}

/* The chunks moved together, and their lengths behind them. Returns the bytes. */
static int64_t close_gaps(const chunk_job *j) {
    int64_t end = 0;
    for (int64_t i = 0; i < j->chunks; i++) {
        int64_t bytes = aligned(j->p, j->length[i]);
        if (end != i * j->stride) memmove(j->to + end, j->to + i * j->stride, (size_t)bytes);
        end += bytes;
    }
    for (int64_t i = 0; i < j->chunks && !j->p->info.fixed_rate; i++, end += LENGTH_BYTES)
        put_u32(j->to + end, j->length[i]);
    return end;
}

status packing_pack(const packing *p, const char *tensor, const uint8_t *code, int64_t rows,
                    int64_t cols, diags *d, uint8_t **out, int64_t *bytes) {
    chunk_job j = job_of(p, rows * cols, cols);
    j.code = code;
    j.to = mem_aligned((size_t)packing_bound(p, rows, cols) + 1);
    j.back = mem_aligned((size_t)((j.chunk + 1) * parallel_threads()));
    j.length = mem_calloc((size_t)j.chunks + 1, sizeof *j.length);
    j.stride = aligned(p, p->table->bound(p->in.self, j.chunk));
    struct chunk_failure failed = run_tasks(&j, j.chunks, pack_task);
    *bytes = failed.what == NULL ? close_gaps(&j) : 0;
    *out = failed.what == NULL ? j.to : NULL;
    if (failed.what != NULL) free(j.to);
    free(j.back);
    free(j.length);
    return failed.what == NULL ? OK : blame(p, tensor, failed.at, failed.what, d);
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

static void unpack_task(int64_t t, void *arg) {
    const chunk_job *j = arg;
    struct chunk_failure *f = &j->failed[t];
    for (int64_t i = t * j->task_chunks;
         i < (t + 1) * j->task_chunks && i < j->chunks && f->what == NULL; i++) {
        f->at = i * j->chunk;
        f->what = unpack_chunk(j->p, j->bytes + j->offset[i], j->length[i], chunk_at(j, i),
                               j->out + f->at, &f->at);
    }
}

/* Where the chunks begin in bytes[0, end), by their lengths; returns how many of them can
 * be there, *from: where they end. */
static int64_t find_chunks(const chunk_job *j, const uint8_t *lengths, int64_t end, int64_t *offset,
                           int64_t *from) {
    const packing *p = j->p;
    *from = 0;
    for (int64_t i = 0; i < j->chunks; i++, lengths += LENGTH_BYTES) {
        int64_t limit = p->table->bound(p->in.self, chunk_at(j, i));
        int64_t got = p->info.fixed_rate ? limit : get_u32(lengths);
        if (got > limit || aligned(p, got) > end - *from) return i;
        offset[i] = *from, j->length[i] = got;
        *from += aligned(p, got);
    }
    return j->chunks;
}

const char *packing_unpack(const packing *p, const uint8_t *bytes, int64_t n_bytes, int64_t rows,
                           int64_t cols, uint8_t *code, int64_t *at) {
    chunk_job j = job_of(p, rows * cols, cols);
    int64_t end = n_bytes, from;
    const int64_t chunks = j.chunks;
    int64_t *offset = mem_calloc((size_t)chunks + 1, sizeof *offset);
    j.bytes = bytes, j.out = code, j.offset = offset;
    j.length = mem_calloc((size_t)chunks + 1, sizeof *j.length);
    if (!p->info.fixed_rate) end -= chunks * LENGTH_BYTES;
    int64_t there = find_chunks(&j, bytes + end, end, offset, &from);
    struct chunk_failure failed = run_tasks(&j, there, unpack_task);
    free(offset);
    free(j.length);
    if (failed.what == NULL && there < chunks)
        failed = (struct chunk_failure){"a chunk is longer than it can be", there * j.chunk};
    *at = failed.at;
    if (failed.what != NULL) return failed.what;
    *at = 0;
    return from == end ? NULL : "there is something behind the last chunk";
}
