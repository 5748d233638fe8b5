#include "run/bench_schemes.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/bench_ceilings.h"
#include "run/bench_pipeline.h"
#include "util/mem.h"
#include "util/rng.h"
#include "util/str.h"

/* What people use. `sums`: fit adds doubles up, which is a ceiling of its own. */
static const struct way {
    const char *scheme, *param, *value; /* param NULL: all are defaults */
    granularity g;
    int64_t group;
    const char *packer;
    bool sums;
} ways[] = {
    {"binary", NULL, NULL, GRANULARITY_CHANNEL, 0, "bits", true},
    {"bitnet158", NULL, NULL, GRANULARITY_TENSOR, 0, "bits", true},
    {"bitnet158", NULL, NULL, GRANULARITY_CHANNEL, 0, "bits", true},
    {"bitnet158", NULL, NULL, GRANULARITY_GROUP, 128, "bits", true},
    {"bitnet158", NULL, NULL, GRANULARITY_GROUP, 32, "bits", true},
    {"bitnet158", NULL, NULL, GRANULARITY_TENSOR, 0, "base3", true},
    {"bitnet158", NULL, NULL, GRANULARITY_CHANNEL, 0, "base3", true},
    {"bitnet158", NULL, NULL, GRANULARITY_GROUP, 128, "base3", true},
    {"ternary", "threshold", "mean", GRANULARITY_CHANNEL, 0, "bits", true},
    {"ternary", "threshold", "mean", GRANULARITY_GROUP, 128, "bits", true},
    {"int", "bits", "4", GRANULARITY_CHANNEL, 0, "bits", false},
    {"int", "bits", "4", GRANULARITY_GROUP, 128, "bits", false},
    {"int", "bits", "4", GRANULARITY_GROUP, 32, "bits", false},
    {"int", "bits", "8", GRANULARITY_TENSOR, 0, "bits", false},
    {"int", "bits", "8", GRANULARITY_CHANNEL, 0, "bits", false},
    {"int", "bits", "8", GRANULARITY_GROUP, 32, "bits", false},
    {"nf4", NULL, NULL, GRANULARITY_GROUP, 64, "bits", false},
    {"mx", "element", "e2m1", GRANULARITY_GROUP, 32, "bits", false},
};
enum { N_WAYS = sizeof ways / sizeof *ways, COLS = 4096 };

typedef struct buffers {
    bench_place place;
    char *x, *y; /* floats, place.set_bytes */
    bench_streams streams;
} buffers;

typedef struct work {
    const buffers *b;
    const struct way *way;
    pipeline l;
    float *meta;     /* of each part, one behind the other */
    uint8_t *packed; /* of each part                       */
    int64_t groups, bound, parts;
    int64_t bytes; /* of a call: packed codes; those of all parts are alike */
} work;

/* ---- calls ---- */

static int64_t part_of(const work *w, int64_t turn) {
    return w->parts == 1 ? 0 : bench_part(&w->b->place, turn);
}

static float *meta_of(const work *w, int64_t part) {
    return w->meta + part * w->groups * w->l.q.info.n_meta;
}

static void quantize_call(void *arg, int64_t turn) {
    work *w = arg;
    int64_t part = part_of(w, turn);
    w->bytes = pipeline_quantize(&w->l, (float *)(w->b->x + part * w->b->place.call_bytes),
                                 meta_of(w, part), w->packed + part * w->bound);
}

static void dequantize_call(void *arg, int64_t turn) {
    work *w = arg;
    int64_t part = part_of(w, turn);
    pipeline_dequantize(&w->l, meta_of(w, part), w->packed + part * w->bound, w->bytes,
                        (float *)(w->b->y + part * w->b->place.call_bytes));
}

static void metrics_call(void *arg, int64_t turn) {
    work *w = arg;
    int64_t part = part_of(w, turn);
    error_sums sums;
    pipeline_metrics(&w->l, (float *)(w->b->x + part * w->b->place.call_bytes), meta_of(w, part),
                     &sums);
}

/* ---- buffers ---- */

/* Of a bell, roughly: the sum of four uniform numbers. */
static void fill(const buffers *b) {
    int64_t part = b->place.call_bytes, parts = b->place.set_bytes / part;
    float *x = (float *)b->x;
    for (int64_t i = 0; i < part / 4; i++) {
        float sum = -2;
        for (int k = 0; k < 4; k++) sum += rng_uniform(8, (uint64_t)(4 * i + k));
        x[i] = 0.05f * sum;
    }
    for (int64_t i = 1; i < parts; i++) memcpy(b->x + i * part, b->x, (size_t)part);
    memset(b->y, 0, (size_t)b->place.set_bytes);
}

static void buffers_close(buffers *b) {
    free(b->x);
    free(b->y);
}

static status buffers_open(buffers *b, const bench_place *p, diags *d) {
    size_t set = (size_t)p->set_bytes;
    *b = (buffers){.place = *p, .x = mem_try_aligned(set), .y = mem_try_aligned(set)};
    if (b->x != NULL && b->y != NULL) {
        fill(b);
        streams_open(&b->streams, p, b->x, b->y);
        return OK;
    }
    buffers_close(b);
    return bench_no_memory(2 * (int64_t)set, d);
}

/* ---- one way ---- */

static quant_config config_of(const struct way *y, const plugin *scheme) {
    quant_config c = {.scheme = params_defaults(scheme),
                      .granularity = y->g,
                      .group_size = y->group};
    if (y->param != NULL) {
        char *why = params_set(&c.scheme, params_find(scheme, y->param), y->value);
        assert(why == NULL);
        free(why);
    }
    return c;
}

static status open_pipeline(work *w, const plugin *scheme, const plugin *packer, int64_t rows,
                            diags *d) {
    quant_config config = config_of(w->way, scheme);
    plugin_choice choice = params_defaults(packer);
    return pipeline_open(&w->l, &config, &choice, rows, COLS, d);
}

/* Floats and packed codes of a call fill the place; one scale of a tensor that is far out of
 * cache makes one call of all. */
static status prepare(work *w, const plugin *scheme, const plugin *packer, diags *d) {
    const bench_place *p = &w->b->place;
    bool whole = w->way->g == GRANULARITY_TENSOR && p->set_bytes > p->call_bytes;
    status bad = open_pipeline(w, scheme, packer, 1, d);
    double row_bytes = bad ? 0 : 4 * COLS + (double)pipeline_bound(&w->l);
    pipeline_close(&w->l);
    if (bad) return bad;
    int64_t rows = whole ? p->set_bytes / (4 * COLS) : (int64_t)((double)p->call_bytes / row_bytes);
    bad = open_pipeline(w, scheme, packer, rows, d);
    if (bad) return bad;
    w->parts = whole ? 1 : p->set_bytes / p->call_bytes;
    w->groups = quantizer_groups(&w->l.q, rows), w->bound = pipeline_bound(&w->l);
    w->meta = mem_floats(w->parts * w->groups * w->l.q.info.n_meta);
    w->packed = mem_aligned((size_t)(w->parts * w->bound));
    for (int64_t i = 0; i < w->parts; i++) {
        quantize_call(w, i);
        assert(w->bytes > 0);
    }
    return OK;
}

/* The scalar twin of one that is prepared: it reads and writes the same metadata and bytes, as all
 * levels make the same of them. */
static status prepare_scalar(work *slow, const work *w, const plugin *scheme, const plugin *packer,
                             diags *d) {
    *slow = *w;
    slow->l = (pipeline){0};
    const char *level = bench_use_level("scalar");
    status bad = open_pipeline(slow, scheme, packer, w->l.rows, d);
    bench_use_level(level);
    return bad;
}

static char *granularity_text(const struct way *y) {
    return y->g == GRANULARITY_GROUP ? str_format("group %lld", (long long)y->group)
                                     : str_format("%s", granularity_name(y->g));
}

static void visit(const work *w, const char *op, const bench_time *t, const bench_time *scalar,
                  double bytes, double least, const bench_options *o) {
    char *shape = granularity_text(w->way);
    double n = (double)(w->l.rows * COLS);
    bench_row row = bench_row_of(op, shape, w->b->place.name, "GB/s");
    bench_row_rate(&row, t, scalar, n * bytes * 1e-9);
    row.ceiling = n * bytes * 1e-9 / least;
    row.bits = (8 * (double)w->bytes + (double)(w->groups * quantizer_meta_bits(&w->l.q))) / n;
    o->visit(&row, o->arg);
    free(shape);
}

static void measure(work *w, work *slow, const bench_options *o) {
    enum { QUANTIZE, DEQUANTIZE, METRICS, SCALAR, STREAMS = 2 * SCALAR };
    bool warm = bench_stays(&w->b->place);
    bench_case cases[STREAMS + BENCH_STREAMS] = {{quantize_call, w, 1, warm, false},
                                                 {dequantize_call, w, 1, warm, false},
                                                 {metrics_call, w, 1, warm, false},
                                                 {quantize_call, slow, 1, warm, true},
                                                 {dequantize_call, slow, 1, warm, true},
                                                 {metrics_call, slow, 1, warm, true}};
    bench_time t[STREAMS + BENCH_STREAMS];
    bench_streams s = w->b->streams;
    const struct way *y = w->way;
    streams_cases(&s, cases + STREAMS);
    bench_measure(cases, STREAMS + BENCH_STREAMS, o->samples, t);
    char *name = str_format("%s%s%s%s%s", y->scheme, y->param != NULL ? " " : "",
                            y->param != NULL ? y->param : "", y->param != NULL ? "=" : "",
                            y->param != NULL ? y->value : "");
    char *to = str_format("quantize %s to %s", name, y->packer);
    char *from = str_format("dequantize %s from %s", name, y->packer);
    char *sums = str_format("metrics %s", name);
    double floats = (double)(w->l.rows * COLS * 4), packed = (double)w->bytes;
    double passes = y->g == GRANULARITY_TENSOR ? 2 : 1; /* a row stays in L1, a tensor does not */
    double least = streams_seconds(&s, t + STREAMS, passes * floats, packed);
    if (y->sums) least = fmax(least, streams_sum_seconds(&s, t + STREAMS, floats));
    const bench_time *scalar = t + SCALAR;
    visit(w, to, &t[QUANTIZE], &scalar[QUANTIZE], 4, least, o);
    visit(w, from, &t[DEQUANTIZE], &scalar[DEQUANTIZE], 4,
          streams_seconds(&s, t + STREAMS, packed, floats), o);
    if (y->g == GRANULARITY_CHANNEL && strcmp(y->packer, "bits") == 0)
        visit(w, sums, &t[METRICS], &scalar[METRICS], 5,
              streams_seconds(&s, t + STREAMS, floats / 4 * 5, 0), o);
    free(name);
    free(to);
    free(from);
    free(sums);
}

static status measure_way(const buffers *b, const struct way *y, const bench_options *o, diags *d) {
    const plugin *scheme = registry_find(o->plugins, QB_SCHEME, y->scheme);
    const plugin *packer = registry_find(o->plugins, QB_PACKER, y->packer);
    if (scheme == NULL || packer == NULL) return OK;
    work w = {.b = b, .way = y}, slow = w;
    status bad = prepare(&w, scheme, packer, d);
    if (!bad) bad = prepare_scalar(&slow, &w, scheme, packer, d);
    if (!bad) measure(&w, &slow, o);
    pipeline_close(&slow.l);
    pipeline_close(&w.l);
    free(w.meta);
    free(w.packed);
    return bad;
}

status bench_schemes(const bench_options *o, diags *d) {
    status bad = bench_check_plugin(o, QB_SCHEME, d);
    for (int p = 0; p < BENCH_PLACES && !bad; p++) {
        buffers b;
        bench_place where = bench_place_of(p);
        if (p == BENCH_DRAM) where.call_bytes *= 4; /* more than caches hold, for who looks */
        if (!o->places[p]) continue;
        bad = buffers_open(&b, &where, d);
        if (bad) break;
        for (int i = 0; i < N_WAYS && !bad; i++)
            if (o->only == NULL || strcmp(o->only, ways[i].scheme) == 0)
                bad = measure_way(&b, &ways[i], o, d);
        buffers_close(&b);
    }
    return bad;
}
