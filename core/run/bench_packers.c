#include "run/bench_packers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "host/presets.h"
#include "quant/packing.h"
#include "run/bench_ceilings.h"
#include "run/bench_pipeline.h"
#include "util/mem.h"
#include "util/rng.h"
#include "util/str.h"

/* Codes that packers meet. Those of fixed rate are measured at the first share of zeros of a
 * number of levels; the others only where they are used. */
static const struct codes {
    int n_levels, zero;
    double zeros; /* share */
    bool for_variable;
} all_codes[] = {
    {2, -1, 0.5, false}, {3, 1, 1 / 3., true}, {3, 1, 0.6, true},  {3, 1, 0.9, true},
    {3, 1, 0.99, true},  {8, 4, 0.2, false},   {16, 8, 0.1, true}, {256, 128, 0.02, false},
};
enum { N_CODES = sizeof all_codes / sizeof *all_codes, COLS = 4096 };

typedef struct buffers {
    bench_place place;
    uint8_t *code, *back; /* place.set_bytes */
    uint8_t *packed;      /* a quarter more: a packer may need more than the codes */
    bench_streams streams;
} buffers;

typedef struct work {
    const buffers *b;
    packing p;
    int64_t n;        /* codes of a call                   */
    int64_t bytes;    /* that they take                    */
    int64_t *lengths; /* of chunks: those of all parts alike */
} work;

static int64_t packed_part(const bench_place *p) { return p->call_bytes / 4 * 5; }

static void pack_call(void *arg, int64_t turn) {
    work *w = arg;
    const bench_place *p = &w->b->place;
    int64_t part = bench_part(p, turn);
    w->bytes = chunks_pack(&w->p, w->b->code + part * p->call_bytes, w->n, COLS,
                           w->b->packed + part * packed_part(p), w->lengths);
}

static void unpack_call(void *arg, int64_t turn) {
    work *w = arg;
    const bench_place *p = &w->b->place;
    int64_t part = bench_part(p, turn);
    chunks_unpack(&w->p, w->b->packed + part * packed_part(p), w->lengths, w->n, COLS,
                  w->b->back + part * p->call_bytes);
}

static void fill(const buffers *b, const struct codes *c) {
    int64_t part = b->place.call_bytes, parts = b->place.set_bytes / part;
    for (int64_t i = 0; i < part; i++) {
        bool zero = rng_uniform(6, (uint64_t)i) < c->zeros;
        int other = (int)(rng_u32(7, (uint64_t)i) % (uint32_t)(c->n_levels - 1));
        int middle = c->zero < 0 ? 0 : c->zero;
        b->code[i] = (uint8_t)(zero ? middle : other < middle ? other : other + 1);
    }
    for (int64_t i = 1; i < parts; i++) memcpy(b->code + i * part, b->code, (size_t)part);
}

/* ---- buffers ---- */

static void buffers_close(buffers *b) {
    free(b->code);
    free(b->back);
    free(b->packed);
}

static status buffers_open(buffers *b, const bench_place *p, diags *d) {
    size_t set = (size_t)p->set_bytes, more = set / 4 * 5;
    *b = (buffers){.place = *p,
                   .code = mem_try_aligned(set),
                   .back = mem_try_aligned(set),
                   .packed = mem_try_aligned(more)};
    if (b->code != NULL && b->back != NULL && b->packed != NULL) {
        memset(b->code, 0, set);
        memset(b->back, 0, set);
        memset(b->packed, 0, more);
        streams_open(&b->streams, p, b->code, b->back);
        return OK;
    }
    buffers_close(b);
    return bench_no_memory((int64_t)(2 * set + more), d);
}

/* ---- rows ---- */

/* Codes and their bytes fill a call; packs all parts. ERR_PLUGIN if they do not come back. */
static status prepare(work *w, diags *d) {
    const bench_place *p = &w->b->place;
    int64_t bytes;
    w->n = p->call_bytes / 2;
    status bad = packing_measure(&w->p, "bench", w->b->code, w->n / COLS, COLS, d, &bytes);
    if (bad) return bad;
    double each = 1 + (double)bytes / (double)w->n;
    w->n = (int64_t)((double)p->call_bytes / each) / COLS * COLS;
    while (packing_bound(&w->p, w->n / COLS, COLS) > packed_part(p)) w->n -= COLS;
    w->lengths = mem_calloc((size_t)chunks_of(&w->p, w->n, COLS), sizeof *w->lengths);
    for (int64_t i = 0; i < p->set_bytes / p->call_bytes; i++) pack_call(w, i);
    return OK;
}

static void visit(const work *w, const char *name, const char *what, const struct codes *c,
                  const bench_time *t, const bench_time *scalar, double least,
                  const bench_options *o) {
    char *op = str_format("%s, %s", name, what), *shape;
    if (w->p.info.fixed_rate)
        shape = str_format("%d levels", c->n_levels);
    else
        shape = str_format("%d levels, %.0f %% zeros", c->n_levels, 100 * c->zeros);
    bench_row row = bench_row_of(op, shape, w->b->place.name, "Gcodes/s");
    bench_row_rate(&row, t, scalar, (double)w->n * 1e-9);
    row.ceiling = (double)w->n * 1e-9 / least;
    row.bits = 8 * (double)w->bytes / (double)w->n;
    o->visit(&row, o->arg);
    free(op);
    free(shape);
}

static status measure(work *w, work *slow, const char *name, const struct codes *c,
                      const bench_options *o, diags *d) {
    enum { PACK, UNPACK, SCALAR, STREAMS = 2 * SCALAR };
    bool warm = bench_stays(&w->b->place);
    bench_case cases[STREAMS + BENCH_STREAMS] = {{pack_call, w, 1, warm, false},
                                                 {unpack_call, w, 1, warm, false},
                                                 {pack_call, slow, 1, warm, true},
                                                 {unpack_call, slow, 1, warm, true}};
    bench_time t[STREAMS + BENCH_STREAMS];
    bench_streams streams = w->b->streams;
    status bad = prepare(w, d);
    if (bad) return bad;
    slow->n = w->n, slow->bytes = w->bytes, slow->lengths = w->lengths;
    streams_cases(&streams, cases + STREAMS);
    bench_measure(cases, STREAMS + BENCH_STREAMS, o->samples, t);
    double n = (double)w->n, bytes = (double)w->bytes;
    visit(w, name, "pack", c, &t[PACK], &t[SCALAR + PACK],
          streams_seconds(&streams, t + STREAMS, n, bytes), o);
    visit(w, name, "unpack", c, &t[UNPACK], &t[SCALAR + UNPACK],
          streams_seconds(&streams, t + STREAMS, bytes, n), o);
    return OK;
}

/* Does it pack such codes, and are they worth a row? */
static bool open_packing(packing *p, const plugin_choice *choice, int k) {
    const struct codes *c = &all_codes[k];
    diags quiet;
    diags_init(&quiet);
    bool opens = packing_open(p, choice, c->n_levels, c->zero, NULL, &quiet) == OK;
    diags_fini(&quiet);
    if (!opens) return false;
    bool again = k > 0 && all_codes[k - 1].n_levels == c->n_levels;
    if (p->info.fixed_rate ? !again : c->for_variable) return true;
    packing_close(p);
    return false;
}

static status measure_one(const buffers *b, const char *name, const plugin_choice *choice, int k,
                          const bench_options *o, diags *d) {
    work w = {.b = b}, slow = {.b = b};
    if (!open_packing(&w.p, choice, k)) return OK;
    const char *level = bench_use_level("scalar");
    bool opens = open_packing(&slow.p, choice, k);
    bench_use_level(level);
    assert(opens);
    (void)opens;
    status bad = measure(&w, &slow, name, &all_codes[k], o, d);
    packing_close(&w.p);
    packing_close(&slow.p);
    free(w.lengths);
    return bad;
}

/* The packers as they are, and the presets that have parameters. */
static status measure_codes(const buffers *b, int k, const bench_options *o, diags *d) {
    const registry *r = o->plugins;
    status bad = OK;
    fill(b, &all_codes[k]);
    for (int i = 0; i < r->n && !bad; i++) {
        const plugin *g = r->plugins[i];
        if (g->entry.kind != QB_PACKER) continue;
        if (o->only != NULL && strcmp(o->only, g->entry.name) != 0) continue;
        plugin_choice choice = params_defaults(g);
        bad = measure_one(b, g->entry.name, &choice, k, o, d);
    }
    for (int i = 0; i < n_packer_presets && !bad && o->only == NULL; i++) {
        plugin_choice choice = preset_choice(&packer_presets[i], r);
        if (*packer_presets[i].settings == '\0' || choice.plugin == NULL) continue;
        bad = measure_one(b, packer_presets[i].name, &choice, k, o, d);
    }
    return bad;
}

status bench_packers(const bench_options *o, diags *d) {
    status bad = bench_check_plugin(o, QB_PACKER, d);
    for (int p = 0; p < BENCH_PLACES && !bad; p++) {
        buffers b;
        bench_place where = bench_place_of(p);
        if (!o->places[p]) continue;
        bad = buffers_open(&b, &where, d);
        if (bad) break;
        for (int k = 0; k < N_CODES && !bad; k++) bad = measure_codes(&b, k, o, d);
        buffers_close(&b);
    }
    return bad;
}
