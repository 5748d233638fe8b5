#include "run/bench_kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "simd/cpu.h"
#include "util/clock.h"
#include "util/mem.h"
#include "util/rng.h"
#include "util/suggest.h"

/* ---- what a call works on: rows of 4096 ---- */

enum { SET = 1 << 20, ROW = 4096, LEVELS = 16, SLOTS = 8 };

typedef struct work {
    float *x, *y;        /* x: -4..4 */
    double *decoded;     /* of x     */
    uint8_t *code, *out; /* code: 0..2 */
    uint8_t *base3;      /* of code    */
    double sums[SET / ROW];
    float lo[SET / ROW], hi[SET / ROW];
    int64_t counts[SET / ROW];
} work;

/* Rows that fill the set when an element takes so many bytes. */
#define N(bytes_each) ((int64_t)(SET / (ROW * (bytes_each))) * ROW)
#define ROWS(bytes_each) (N(bytes_each) / ROW)
enum { PACKED = SET / 5 * 4 / ROW * ROW }; /* codes, with a quarter of the bytes behind */

static const float scales[SET / ROW] = {0.0315f}; /* of the first row; 0 is as fast */
static const scaling by_row = {.scale = scales};
static const float nf4_like[LEVELS] = {-1,    -0.7f, -0.52f, -0.39f, -0.28f, -0.18f, -0.09f, 0,
                                       0.08f, 0.16f, 0.25f,  0.34f,  0.44f,  0.56f,  0.72f,  1};

/* Defines the call of a kernel and the bytes that it reads and writes. */
#define CALL(NAME, BYTES, ...)                                                                     \
    static void call_##NAME(const kernels *k, work *w) { __VA_ARGS__; }                            \
    enum { BYTES_##NAME = (int)(BYTES) };

CALL(absmax, 4 * N(4), k->absmax(w->x, ROWS(4), ROW, w->lo))
CALL(minmax, 4 * N(4), k->minmax(w->x, ROWS(4), ROW, w->lo, w->hi))
CALL(sum, 4 * N(4), k->sum(w->x, ROWS(4), ROW, w->sums))
CALL(sum_abs, 4 * N(4), k->sum_abs(w->x, ROWS(4), ROW, w->sums))
CALL(sum_sq, 4 * N(4), k->sum_sq(w->x, ROWS(4), ROW, w->sums))
CALL(sum_abs_above, 4 * N(4), k->sum_abs_above(w->x, ROWS(4), ROW, w->hi, w->sums, w->counts))
CALL(dot, 8 * N(8), w->sums[0] = k->dot(w->x, w->y, N(8)))
CALL(find_nonfinite, 4 * N(4), w->counts[0] = k->find_nonfinite(w->x, N(4)))
CALL(error_sums, 12 * N(12), error_sums s; k->error_sums(w->x, w->decoded, N(12), &s);
     w->sums[0] = s.ee)
CALL(count_codes, N(1), int64_t counts[256] = {0}; k->count_codes(w->code, N(1), counts);
     w->counts[0] = counts[1])
CALL(exp, 8 * N(8), k->exp(w->x, N(8), w->y))
CALL(log, 8 * N(8), k->log(w->x, N(8), w->y))
CALL(tanh, 8 * N(8), k->tanh(w->x, N(8), w->y))
CALL(uniform, 4 * N(4), k->uniform(7, 0, N(4), w->y))
CALL(encode_affine, 5 * N(5),
     k->encode_affine(w->x, ROWS(5), ROW, &by_row, -127, 127, ROUND_EVEN, NULL, w->out))
CALL(decode_affine, 5 * N(5), k->decode_affine(w->code, ROWS(5), ROW, &by_row, -127, w->y))
CALL(encode_steps, 5 * N(5), static const float steps[] = {-0.5f, 0.5f};
     k->encode_steps(w->x, ROWS(5), ROW, &by_row, steps, 2, w->out))
CALL(encode_threshold, 5 * N(5), k->encode_threshold(w->x, ROWS(5), ROW, w->hi, w->out))
CALL(decode_scaled, 5 * N(5),
     k->decode_scaled(w->code, ROWS(5), ROW, &by_row, nf4_like, LEVELS, w->y))
CALL(encode_levels, 5 * N(5), k->encode_levels(w->x, N(5), nf4_like, LEVELS, w->out))
CALL(decode_levels, 5 * N(5), k->decode_levels(w->code, N(5), nf4_like, LEVELS, w->y))
CALL(pack_bits, PACKED * 5 / 4, k->pack_bits(w->code, PACKED, 2, w->out))
CALL(unpack_bits, PACKED * 5 / 4, k->unpack_bits(w->code, PACKED, 2, w->out))
CALL(pack_base3, PACKED * 6 / 5, k->pack_base3(w->code, PACKED, w->out))
CALL(unpack_base3, PACKED * 6 / 5, w->counts[0] = k->unpack_base3(w->base3, PACKED, w->out))
CALL(mark_other, PACKED * 9 / 8, w->counts[0] = k->mark_other(w->code, PACKED, 1, w->out))
CALL(mark_ends, PACKED * 9 / 8, k->mark_ends(w->code, PACKED, w->out))
CALL(gather_other, PACKED * 2, w->counts[0] = k->gather_other(w->code, PACKED, 1, w->out))
CALL(scatter_other, PACKED * 17 / 8,
     w->counts[0] = k->scatter_other(w->code, w->base3, PACKED, 1, w->out))
CALL(largest_code, PACKED, w->counts[0] = k->largest_code(w->code, PACKED))
CALL(pack_planes, PACKED * 5 / 4, k->pack_planes(w->code, PACKED, w->out, w->out + PACKED / 8))
CALL(unpack_planes, PACKED * 5 / 4,
     k->unpack_planes(w->base3, w->base3 + PACKED / 8, PACKED, w->out))

typedef struct bench_kernel {
    const char *name;
    void (*call)(const kernels *k, work *w);
    int64_t bytes;
} bench_kernel;

static const bench_kernel list[] = {
#define KERNEL(result, name, parameters) {#name, call_##name, BYTES_##name},
#include "simd/kernels.def"
#undef KERNEL
};
enum { N_KERNELS = sizeof list / sizeof *list };

static void prepare(work *w) {
    *w = (work){mem_floats(SET / 4),
                mem_floats(SET / 4),
                mem_aligned(SET * 2),
                mem_aligned(SET),
                mem_aligned(SET),
                mem_aligned(SET),
                {0},
                {0},
                {0},
                {0}};
    for (int64_t i = 0; i < SET / 4; i++) {
        w->x[i] = rng_uniform(3, (uint64_t)i) * 8 - 4;
        w->y[i] = rng_uniform(4, (uint64_t)i);
    }
    for (int64_t i = 0; i < SET; i++) w->code[i] = (uint8_t)(rng_u32(5, (uint64_t)i) % 3);
    memset(w->out, 0, SET);
    kernels_scalar.pack_base3(w->code, PACKED, w->base3);
    for (int64_t i = 0; i < SET / 4; i++) w->decoded[i] = rint(w->x[i]);
    for (int64_t i = 0; i < SET / ROW; i++) w->hi[i] = 0.7f;
}

static void release(work *w) {
    free(w->x);
    free(w->y);
    free(w->decoded);
    free(w->code);
    free(w->out);
    free(w->base3);
}

/* ---- the clock ---- */

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, int n) {
    qsort(v, (size_t)n, sizeof *v, by_value);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static double seconds_of(const bench_kernel *b, const kernels *k, work *w, int calls) {
    double start = clock_seconds();
    for (int i = 0; i < calls; i++) b->call(k, w);
    return (clock_seconds() - start) / calls;
}

/* Calls for a sample of a quarter of a millisecond or more; warms up as well. */
static int calls_of(const bench_kernel *b, const kernels *k, work *w) {
    double once = seconds_of(b, k, w, 2), again = seconds_of(b, k, w, 2);
    double least = again < once ? again : once;
    return least > 250e-6 ? 1 : (int)(250e-6 / least) + 1;
}

static void measure(const bench_kernel *b, int samples, work *w, bench_kernels_visit_fn visit,
                    void *arg) {
    static double seconds[SLOTS][BENCH_SAMPLES_MAX];
    const kernels *level[SLOTS];
    int calls[SLOTS], n = 0;
    double scalar = 0;
    for (int i = 0; simd_level_name(i) != NULL && n < SLOTS; i++)
        if (simd_level(i, simd_features()) != NULL) level[n++] = simd_level(i, simd_features());
    for (int i = 0; i < n; i++) calls[i] = calls_of(b, level[i], w);
    for (int s = 0; s < samples; s++)
        for (int i = 0; i < n; i++) seconds[i][s] = seconds_of(b, level[i], w, calls[i]);
    for (int i = 0; i < n; i++) {
        double m = median(seconds[i], samples);
        for (int s = 0; s < samples; s++) seconds[i][s] = fabs(seconds[i][s] - m);
        if (i == 0) scalar = m;
        bench_kernels_row row = {.kernel = b->name, .level = level[i]->level, .bytes = b->bytes};
        row.gb_per_second = (double)b->bytes / m * 1e-9;
        row.us_median = m * 1e6, row.us_mad = median(seconds[i], samples) * 1e6;
        row.ratio_to_scalar = scalar / m;
        visit(&row, arg);
    }
}

static status no_such_kernel(const char *name, diags *d) {
    const char *names[N_KERNELS];
    for (int i = 0; i < N_KERNELS; i++) names[i] = list[i].name;
    const char *near = suggest_nearest(name, names, N_KERNELS);
    diag_error(d, ERR_USAGE, "there is no kernel '%s'", name);
    diag_hint(d, near != NULL ? "did you mean '%s'?" : "kernels are named in core/simd/kernels.def",
              near);
    return ERR_USAGE;
}

status bench_kernels(const char *only, int samples, bench_kernels_visit_fn visit, void *arg,
                     diags *d) {
    work w;
    int measured = 0;
    prepare(&w);
    for (int i = 0; i < N_KERNELS; i++) {
        if (only != NULL && strcmp(only, list[i].name) != 0) continue;
        measure(&list[i], samples, &w, visit, arg);
        measured++;
    }
    release(&w);
    return measured > 0 ? OK : no_such_kernel(only, d);
}
