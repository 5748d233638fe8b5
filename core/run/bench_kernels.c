#include "run/bench_kernels.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/bench_ceilings.h"
#include "simd/cpu.h"
#include "simd/kernels.h"
#include "util/mem.h"
#include "util/rng.h"
#include "util/str.h"
#include "util/suggest.h"

/* ---- what a call works on: rows of 4096 ---- */

enum { COLS = 4096, IN_L1 = 1024, LEVELS = 16, SLOTS = 8 };

/* The part of the buffers that a call takes. */
typedef struct work {
    float *x, *y;        /* x: -4..4; y: for results */
    uint8_t *code, *out; /* code: 0..2; out: y       */
    uint8_t *base3;      /* of code                  */
    double *sums;        /* of each row, as all that follows */
    float *lo, *hi, *scales;
    int64_t *counts;
    scaling by_row; /* the scales */
} work;

static const float nf4_like[LEVELS] = {-1,    -0.7f, -0.52f, -0.39f, -0.28f, -0.18f, -0.09f, 0,
                                       0.08f, 0.16f, 0.25f,  0.34f,  0.44f,  0.56f,  0.72f,  1};
static const float ternary_steps[] = {-0.5f, 0.5f}, ternary_levels[] = {-1, 0, 1};
static const double ternary_peaks[] = {0.5, 0.5};
static const float nf4_steps[LEVELS - 1] = {-0.85f, -0.61f, -0.45f, -0.33f, -0.23f,
                                            -0.13f, -0.04f, 0.04f,  0.12f,  0.2f,
                                            0.3f,   0.39f,  0.5f,   0.64f,  0.86f};
static const small_float e4m3 = {3, -6, 126};

typedef struct bench_kernel {
    const char *name;
    void (*call)(const kernels *k, work *w, int64_t n, int64_t rows, int64_t row);
    double read, written; /* bytes of an element */
    bool sums;
} bench_kernel;

/* Defines the call of a kernel on n elements, which are `rows` of `row`, and the bytes of an
 * element that it reads and writes. Results that are small go to w->sums and what follows it. SUMS:
 * it adds the floats that it reads as doubles, which is a ceiling of its own. */
#define CALL(NAME, READ, WRITTEN, ...) CALL_OF(NAME, READ, WRITTEN, false, __VA_ARGS__)
#define SUMS(NAME, READ, ...) CALL_OF(NAME, READ, 0, true, __VA_ARGS__)
#define CALL_OF(NAME, READ, WRITTEN, ADDS, ...)                                                    \
    static void call_##NAME(const kernels *k, work *w, int64_t n, int64_t rows, int64_t row) {     \
        (void)n, (void)rows, (void)row;                                                            \
        __VA_ARGS__;                                                                               \
    }                                                                                              \
    static const bench_kernel of_##NAME = {#NAME, call_##NAME, READ, WRITTEN, ADDS};

CALL(absmax, 4, 0, k->absmax(w->x, rows, row, w->lo))
CALL(minmax, 4, 0, k->minmax(w->x, rows, row, w->lo, w->hi))
SUMS(sum, 4, k->sum(w->x, rows, row, w->sums))
SUMS(sum_abs, 4, k->sum_abs(w->x, rows, row, w->sums))
SUMS(sum_sq, 4, k->sum_sq(w->x, rows, row, w->sums))
SUMS(sum_abs_above, 4, k->sum_abs_above(w->x, rows, row, w->hi, w->sums, w->counts))
CALL(dot, 8, 0, w->sums[0] = k->dot(w->x, w->x + n, n))
CALL(find_nonfinite, 4, 0, w->counts[0] = k->find_nonfinite(w->x, n))
CALL(error_sums, 8, 0, error_sums s; k->error_sums(w->x, w->x + n, n, &s); w->sums[0] = s.ee)
CALL(error_levels, 5, 0, error_sums s;
     k->error_levels(w->x, w->code, rows, row, &w->by_row, nf4_like, 3, &s); w->sums[0] = s.ee)
CALL(count_codes, 1, 0, int64_t counts[256] = {0}; k->count_codes(w->code, n, counts);
     w->counts[0] = counts[1])
CALL(exp, 4, 4, k->exp(w->x, n, w->y))
CALL(log, 4, 4, k->log(w->x, n, w->y))
CALL(tanh, 4, 4, k->tanh(w->x, n, w->y))
CALL(pass_inside, 8, 4, k->pass_inside(w->x, w->x + n, n, -1, 1, w->y))
CALL(uniform, 0, 4, k->uniform(7, 0, n, w->y))
CALL(encode_affine, 4, 1,
     k->encode_affine(w->x, rows, row, &w->by_row, -127, 127, ROUND_EVEN, NULL, w->out))
CALL(decode_affine, 1, 4, k->decode_affine(w->code, rows, row, &w->by_row, -127, w->y))
CALL(encode_steps, 4, 1, k->encode_steps(w->x, rows, row, &w->by_row, ternary_steps, 2, w->out))
CALL(encode_threshold, 4, 1, k->encode_threshold(w->x, rows, row, w->hi, w->out))
CALL(encode_float, 4, 1, k->encode_float(w->x, rows, row, w->scales, &e4m3, w->out))
CALL(decode_float, 1, 4, k->decode_float(w->code, rows, row, w->scales, &e4m3, w->y))
CALL(decode_scaled, 1, 4, k->decode_scaled(w->code, rows, row, &w->by_row, nf4_like, LEVELS, w->y))
CALL(encode_levels, 4, 1, k->encode_levels(w->x, n, nf4_like, LEVELS, w->out))
CALL(decode_levels, 1, 4, k->decode_levels(w->code, n, nf4_like, LEVELS, w->y))
CALL(pack_bits, 1, 0.25, k->pack_bits(w->code, n, 2, w->out))
CALL(unpack_bits, 0.25, 1, k->unpack_bits(w->code, n, 2, w->out))
CALL(pack_base3, 1, 0.2, k->pack_base3(w->code, n, w->out))
CALL(unpack_base3, 0.2, 1, w->counts[0] = k->unpack_base3(w->base3, n, w->out))

CALL(mark_other, 1, 0.125, w->counts[0] = k->mark_other(w->code, n, 1, w->out))
CALL(mark_ends, 1, 0.125, k->mark_ends(w->code, n, w->out))
CALL(gather_other, 1, 1, w->counts[0] = k->gather_other(w->code, n, 1, w->out))
CALL(scatter_other, 0.625, 1, w->counts[0] = k->scatter_other(w->code, w->base3, n, 1, w->out))
CALL(largest_code, 1, 0, w->counts[0] = k->largest_code(w->code, n))
CALL(pack_planes, 1, 0.25, k->pack_planes(w->code, n, w->out, w->out + n / 8))
CALL(unpack_planes, 0.25, 1, k->unpack_planes(w->base3, w->base3 + n / 8, n, w->out))

/* Any words are some codes. */
static const uint16_t thirds[256] = {10923, 10923, 10922};
static void begin(uint32_t state[RANS_STATES]) {
    for (int i = 0; i < RANS_STATES; i++) state[i] = 1 << 16;
}
CALL(rans_encode, 1, 0.2, uint32_t state[RANS_STATES]; begin(state);
     w->counts[0] = k->rans_encode(w->code, n, thirds, state, w->out + n, n))
CALL(rans_decode, 0.2, 1, uint32_t state[RANS_STATES]; begin(state);
     w->counts[0] = k->rans_decode(w->base3, n / 4, thirds, state, n, w->out))

CALL(select_abs, 4, 0, k->select_abs(w->x, rows, row, row / 2, w->lo, w->y, w->counts))
CALL(bin_abs, 4, 0, bin_sum bins[256] = {{0}}; k->bin_abs(w->x, n, 64, 256, bins);
     w->sums[0] = bins[1].sum)
CALL(histogram, 4, 0, uint64_t counts[128] = {0}; k->histogram(w->x, n, -4, 16, 128, counts);
     w->counts[0] = (int64_t)counts[1])
CALL(fake_affine, 4, 4,
     k->fake_affine(w->x, rows, row, &w->by_row, -127, 127, ROUND_EVEN, NULL, w->y))
CALL(fake_threshold, 4, 4,
     k->fake_threshold(w->x, rows, row, w->hi, &w->by_row, ternary_levels, w->y))
CALL(fake_steps, 4, 4,
     k->fake_steps(w->x, rows, row, &w->by_row, nf4_steps, LEVELS - 1, nf4_like, w->y))
CALL(soft_steps, 8, 4, k->soft_steps(w->x, w->x + n, n, ternary_steps, ternary_peaks, 2, 1, w->y))

/* Rows of int8 by rows of 2-bit codes; `bench linear` has them at the sizes of networks. */
static linear_weights two_bits(const work *w, int64_t rows, int64_t cols) {
    const int32_t *none = (const int32_t *)w->counts;
    return (linear_weights){.bytes = w->code,
                            .rows = rows,
                            .cols = cols,
                            .row_bytes = cols / 4,
                            .form = 2,
                            .step = 1,
                            .group = cols,
                            .groups = 1,
                            .shift = none,
                            .code_sum = none,
                            .scale = w->scales};
}
static linear_input int8_rows(const work *w, int64_t n) {
    return (linear_input){.x = (const int8_t *)w->code, .n = n, .scale = w->scales};
}
CALL(linear_arrange, 1, 1, linear_weights m = two_bits(w, 16, row);
     linear_input x = int8_rows(w, rows); k->linear_arrange(&m, &x, w->out))
CALL(linear_sums, 0.25, 0, linear_weights m = two_bits(w, rows, row);
     linear_input x = int8_rows(w, 1); k->linear_sums(&m, &x, w->out, 0, rows, (int32_t *)w->sums))
CALL(linear_product, 0.25, 0, linear_weights m = two_bits(w, rows, row);
     linear_input x = int8_rows(w, 1); k->linear_product(&m, &x, w->out, 0, rows, w->lo))

/* What keeps a kernel from the speed of memory, as its code says. That it does is measured:
 * the row says so only if the kernel is no faster from L1. */
static const struct {
    const char *kernel, *what;
} limits[] = {
    {"sum_abs_above", "a comparison and a count beside each sum"},
    {"dot", "two conversions to double for a product"},
    {"error_sums", "six sums and a maximum in double precision"},
    {"count_codes", "comparisons of 64 codes at a time, and counts of their bits"},
    {"error_levels", "six sums and a maximum in double precision"},
    {"exp", "a polynomial"},
    {"log", "a polynomial"},
    {"tanh", "two polynomials and a division"},
    {"uniform", "ten rounds of Philox, of 32-bit products"},
    {"encode_levels", "a comparison with each of 15 boundaries"},
    {"pack_base3", "fives are gathered by shuffles"},
    {"unpack_base3", "fives are spread by shuffles"},
    {"rans_encode", "each step of the 16 states waits for the one before"},
    {"rans_decode", "each step of the 16 states waits for the one before"},
    {"select_abs", "digits are counted one by one"},
    {"bin_abs", "numbers are added to their bins one by one"},
    {"histogram", "numbers are counted one by one"},
    {"fake_steps", "fifteen levels are looked up by bucket"},
    {"soft_steps", "for each step an exponential and two divisions in double precision"},
    {"linear_arrange", "bytes change places between rows and planes"},
    {"linear_sums", "eight operations on int8 for a byte"},
    {"linear_product", "eight operations on int8 for a byte"},
};

static const bench_kernel *const list[] = {
#define KERNEL(result, name, parameters) &of_##name,
#include "simd/kernels.def"
#undef KERNEL
};
enum { N_KERNELS = sizeof list / sizeof *list };

/* ---- the buffers ---- */

typedef struct buffers {
    bench_place place;
    char *x, *y, *code, *base3;
    work small; /* what the results of rows need; its other pointers are those of a call */
} buffers;

/* Rows of a call, if an element has a quarter of a byte; none has less. */
static int64_t rows_most(const bench_place *p) { return p->call_bytes * 4 / COLS; }

/* The other parts of a buffer are as the first. */
static void repeat(char *buffer, int64_t part, int64_t parts) {
    for (int64_t i = 1; i < parts; i++) memcpy(buffer + i * part, buffer, (size_t)part);
}

static void fill(buffers *b) {
    int64_t part = b->place.call_bytes, parts = b->place.set_bytes / part;
    float *x = (float *)b->x;
    for (int64_t i = 0; i < part / 4; i++) x[i] = rng_uniform(3, (uint64_t)i) * 8 - 4;
    for (int64_t i = 0; i < part; i++) b->code[i] = (char)(rng_u32(5, (uint64_t)i) % 3);
    memset(b->base3, 0, (size_t)part / 4);
    kernels_scalar.pack_base3((uint8_t *)b->code, part, (uint8_t *)b->base3);
    repeat(b->x, part, parts);
    repeat(b->code, part, parts);
    repeat(b->base3, part / 4, parts);
    memset(b->y, 0, (size_t)b->place.set_bytes);
    for (int64_t i = 0; i < rows_most(&b->place); i++)
        b->small.hi[i] = 0.7f, b->small.scales[i] = 0.0315f;
}

static void buffers_close(buffers *b) {
    free(b->x);
    free(b->y);
    free(b->code);
    free(b->base3);
    free(b->small.sums);
    free(b->small.lo);
    free(b->small.hi);
    free(b->small.scales);
    free(b->small.counts);
}

static status buffers_open(buffers *b, const bench_place *p, diags *d) {
    size_t set = (size_t)p->set_bytes, rows = (size_t)rows_most(p);
    *b = (buffers){.place = *p,
                   .x = mem_try_aligned(set),
                   .y = mem_try_aligned(set),
                   .code = mem_try_aligned(set),
                   .base3 = mem_try_aligned(set / 4),
                   .small = {.sums = mem_calloc(rows, sizeof(double)),
                             .lo = mem_calloc(rows, sizeof(float)),
                             .hi = mem_calloc(rows, sizeof(float)),
                             .scales = mem_calloc(rows, sizeof(float)),
                             .counts = mem_calloc(rows, sizeof(int64_t))}};
    if (b->x != NULL && b->y != NULL && b->code != NULL && b->base3 != NULL) {
        b->small.by_row.scale = b->small.scales;
        fill(b);
        return OK;
    }
    buffers_close(b);
    return bench_no_memory((int64_t)set * 13 / 4, d);
}

/* ---- calls ---- */

typedef struct turn_of {
    const bench_kernel *kernel;
    const kernels *level;
    const buffers *on;
    int64_t n, row;
    bool same_part; /* each time: it stays in L1 */
} turn_of;

/* Whole rows. */
static int64_t elements(const bench_kernel *k, const bench_place *p) {
    int64_t rows = (int64_t)((double)p->call_bytes / (COLS * (k->read + k->written)));
    assert(rows <= rows_most(p));
    return rows * COLS;
}

static void call(void *arg, int64_t turn) {
    const turn_of *t = arg;
    const buffers *b = t->on;
    int64_t at = t->same_part ? 0 : bench_part(&b->place, turn) * b->place.call_bytes;
    work w = b->small;
    w.x = (float *)(b->x + at), w.y = (float *)(b->y + at);
    w.base3 = (uint8_t *)b->base3 + at / 4;
    w.code = (uint8_t *)b->code + at, w.out = (uint8_t *)b->y + at;
    t->kernel->call(t->level, &w, t->n, t->n / t->row, t->row);
}

/* Scalar, the same compiled without vectors, and the other levels up to that in force. */
static int levels_here(const kernels *levels[SLOTS]) {
    int n = 0;
    for (int i = 0; n < SLOTS; i++) {
        const kernels *k = simd_level(i, simd_features());
        if (k != NULL) levels[n++] = k;
        if (i == 0) levels[n++] = &kernels_scalar_plain;
        if (k == simd_kernels()) break;
    }
    return n;
}

/* ---- rows ---- */

/* Logarithms of the ratios to scalar, to be averaged over the kernels. */
typedef struct means {
    double sum[SLOTS];
    int n[SLOTS];
} means;

/* Why a row is slow; free(). */
static char *reason_for(const bench_kernel *k, double rate, double in_l1) {
    const char *what = "its instructions are the limit";
    if (!(in_l1 < 1.15 * rate)) return str_format("%.1f GB/s from L1: it waits for memory", in_l1);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        if (strcmp(limits[i].kernel, k->name) == 0) what = limits[i].what;
    return str_format("no faster from L1, %.1f GB/s: %s", in_l1, what);
}

/* The time of one of the levels that are always there. */
static const bench_time *time_of(const char *name, const kernels *const *levels,
                                 const bench_time *t, int n) {
    int i = 0;
    while (i < n - 1 && strcmp(levels[i]->level, name) != 0) i++;
    return &t[i];
}

static void measure(const bench_kernel *k, const buffers *b, bench_streams *s,
                    const bench_options *o, means *m) {
    enum { MORE = BENCH_STREAMS + 1 }; /* beside the levels: the best one from L1 */
    const kernels *levels[SLOTS];
    turn_of turns[SLOTS + 1];
    bench_case cases[SLOTS + MORE];
    bench_time times[SLOTS + MORE];
    int n = levels_here(levels);
    int64_t count = elements(k, &b->place);
    for (int i = 0; i <= n; i++) {
        turns[i] = i < n ? (turn_of){k, levels[i], b, count, COLS, false}
                         : (turn_of){k, levels[n - 1], b, IN_L1, IN_L1, true};
        cases[i] = (bench_case){call, &turns[i], 1, i == n || bench_stays(&b->place), false};
    }
    streams_cases(s, cases + n + 1);
    bench_measure(cases, n + MORE, o->samples, times);
    double each = k->read + k->written, bytes = (double)count * each * 1e-9;
    double least =
        streams_seconds(s, times + n + 1, (double)count * k->read, (double)count * k->written);
    if (k->sums)
        least = fmax(least, streams_sum_seconds(s, times + n + 1, (double)count * k->read));
    for (int i = 0; i < n; i++) {
        char *why = NULL;
        bench_row row = bench_row_of(k->name, "", b->place.name, "GB/s");
        bench_row_rate(&row, &times[i], time_of("scalar", levels, times, n), bytes);
        row.isa = levels[i]->level, row.ceiling = bytes / least;
        row.ratio_plain = time_of("plain", levels, times, n)->median / times[i].median;
        if (i == n - 1 && row.median < BENCH_SLOW * row.ceiling)
            row.why = why = reason_for(k, row.median, IN_L1 * each * 1e-9 / times[n].median);
        o->visit(&row, o->arg);
        free(why);
        if (!isfinite(row.ratio_scalar)) continue;
        m->sum[i] += log(row.ratio_scalar), m->n[i]++;
    }
}

static void visit_means(const means *m, const bench_place *p, const bench_options *o) {
    const kernels *levels[SLOTS];
    int n = levels_here(levels);
    double plain = NAN;
    for (int i = 1; i < n; i++) {
        if (strcmp(levels[i]->level, "plain") == 0) plain = exp(m->sum[i] / m->n[i]);
        bench_row row = bench_row_of("geometric mean", "", p->name, "x scalar");
        row.isa = levels[i]->level;
        row.median = row.ratio_scalar = exp(m->sum[i] / m->n[i]);
        row.ratio_plain = row.median / plain;
        row.mad = 0, row.clean = row.total = m->n[i];
        o->visit(&row, o->arg);
    }
}

static status check_name(const char *name, diags *d) {
    const char *names[N_KERNELS];
    for (int i = 0; i < N_KERNELS; i++) {
        names[i] = list[i]->name;
        if (name == NULL || strcmp(names[i], name) == 0) return OK;
    }
    const char *near = suggest_nearest(name, names, N_KERNELS);
    diag_error(d, ERR_USAGE, "there is no kernel '%s'", name);
    diag_hint(d, near != NULL ? "did you mean '%s'?" : "kernels are named in core/simd/kernels.def",
              near);
    return ERR_USAGE;
}

status bench_kernels(const bench_options *o, diags *d) {
    status bad = check_name(o->only, d);
    for (int p = 0; p < BENCH_PLACES && !bad; p++) {
        buffers b;
        bench_place where = bench_place_of(p);
        bench_streams s;
        means m = {0};
        if (!o->places[p]) continue;
        bad = buffers_open(&b, &where, d);
        if (bad) break;
        streams_open(&s, &b.place, b.x, b.y);
        for (int i = 0; i < N_KERNELS; i++)
            if (o->only == NULL || strcmp(o->only, list[i]->name) == 0)
                measure(list[i], &b, &s, o, &m);
        if (o->only == NULL) visit_means(&m, &b.place, o);
        buffers_close(&b);
    }
    return bad;
}
