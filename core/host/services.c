/*
 * host/services.c - the kernels as plugins see them: those of core/simd, where a
 * large reduction is spread over the threads. The order of the additions is the
 * kernels' own (blocks in index order), so the bits are the same.
 */
#include "host/instance.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "host/forms.h"
#include "simd/kernels.h"
#include "util/float_bits.h"
#include "util/mem.h"
#include "util/parallel.h"

enum { SPREAD_FROM = 4 * KERNEL_BLOCK }; /* elements; below, a parallel region costs more */

static int64_t blocks_of(int64_t n) { return (n + KERNEL_BLOCK - 1) / KERNEL_BLOCK; }

/* ---- sums: block by block on any thread, added in index order ---- */

typedef struct sum_job {
    void (*kernel)(const float *x, int64_t groups, int64_t n, double *out);
    const float *x;
    int64_t n, blocks;
    double *part; /* [groups][blocks] */
} sum_job;

static void sum_block(int64_t i, void *arg) {
    const sum_job *j = arg;
    int64_t g = i / j->blocks, at = i % j->blocks * KERNEL_BLOCK;
    int64_t n = j->n - at < KERNEL_BLOCK ? j->n - at : KERNEL_BLOCK;
    j->kernel(j->x + g * j->n + at, 1, n, &j->part[i]);
}

static void sum_spread(void (*kernel)(const float *x, int64_t groups, int64_t n, double *out),
                       const float *x, int64_t groups, int64_t n, double *out) {
    if (groups * n < SPREAD_FROM) {
        kernel(x, groups, n, out);
        return;
    }
    sum_job j = {.kernel = kernel, .x = x, .n = n, .blocks = blocks_of(n)};
    j.part = mem_calloc((size_t)(groups * j.blocks), sizeof *j.part);
    parallel_for(groups * j.blocks, sum_block, &j);
    for (int64_t g = 0; g < groups; g++) {
        out[g] = 0;
        for (int64_t b = 0; b < j.blocks; b++) out[g] += j.part[g * j.blocks + b];
    }
    free(j.part);
}

static void service_sum(const float *x, int64_t groups, int64_t n, double *out) {
    sum_spread(simd_kernels()->sum, x, groups, n, out);
}

static void service_sum_abs(const float *x, int64_t groups, int64_t n, double *out) {
    sum_spread(simd_kernels()->sum_abs, x, groups, n, out);
}

static void service_sum_sq(const float *x, int64_t groups, int64_t n, double *out) {
    sum_spread(simd_kernels()->sum_sq, x, groups, n, out);
}

typedef struct above_job {
    const float *x, *t;
    int64_t n, blocks;
    double *part;     /* [groups][blocks] */
    int64_t *counted; /* the same */
} above_job;

static void above_block(int64_t i, void *arg) {
    const above_job *j = arg;
    int64_t g = i / j->blocks, at = i % j->blocks * KERNEL_BLOCK;
    int64_t n = j->n - at < KERNEL_BLOCK ? j->n - at : KERNEL_BLOCK;
    simd_kernels()->sum_abs_above(j->x + g * j->n + at, 1, n, &j->t[g], &j->part[i],
                                  &j->counted[i]);
}

static void service_sum_abs_above(const float *x, int64_t groups, int64_t n, const float *t,
                                  double *sum, int64_t *count) {
    if (groups * n < SPREAD_FROM) {
        simd_kernels()->sum_abs_above(x, groups, n, t, sum, count);
        return;
    }
    above_job j = {.x = x, .t = t, .n = n, .blocks = blocks_of(n)};
    j.part = mem_calloc((size_t)(groups * j.blocks), sizeof *j.part);
    j.counted = mem_calloc((size_t)(groups * j.blocks), sizeof *j.counted);
    parallel_for(groups * j.blocks, above_block, &j);
    for (int64_t g = 0; g < groups; g++) {
        sum[g] = 0, count[g] = 0;
        for (int64_t b = 0; b < j.blocks; b++)
            sum[g] += j.part[g * j.blocks + b], count[g] += j.counted[g * j.blocks + b];
    }
    free(j.part);
    free(j.counted);
}

/* ---- extremes: of blocks, then of the blocks' extremes ---- */

typedef struct extreme_job {
    const float *x;
    int64_t n, blocks;
    float *lo, *hi; /* [groups][blocks]; lo NULL: hi is the absmax */
} extreme_job;

static void extreme_block(int64_t i, void *arg) {
    const extreme_job *j = arg;
    int64_t g = i / j->blocks, at = i % j->blocks * KERNEL_BLOCK;
    int64_t n = j->n - at < KERNEL_BLOCK ? j->n - at : KERNEL_BLOCK;
    const float *x = j->x + g * j->n + at;
    if (j->lo == NULL)
        simd_kernels()->absmax(x, 1, n, &j->hi[i]);
    else
        simd_kernels()->minmax(x, 1, n, &j->lo[i], &j->hi[i]);
}

static void service_absmax(const float *x, int64_t groups, int64_t n, float *out) {
    if (groups * n < SPREAD_FROM) {
        simd_kernels()->absmax(x, groups, n, out);
        return;
    }
    extreme_job j = {.x = x, .n = n, .blocks = blocks_of(n)};
    j.hi = mem_floats(groups * j.blocks);
    parallel_for(groups * j.blocks, extreme_block, &j);
    simd_kernels()->absmax(j.hi, groups, j.blocks, out);
    free(j.hi);
}

static void service_minmax(const float *x, int64_t groups, int64_t n, float *lo, float *hi) {
    if (groups * n < SPREAD_FROM) {
        simd_kernels()->minmax(x, groups, n, lo, hi);
        return;
    }
    extreme_job j = {.x = x, .n = n, .blocks = blocks_of(n)};
    j.lo = mem_floats(groups * j.blocks);
    j.hi = mem_floats(groups * j.blocks);
    float *other = mem_floats(groups);
    parallel_for(groups * j.blocks, extreme_block, &j);
    simd_kernels()->minmax(j.lo, groups, j.blocks, lo, other);
    simd_kernels()->minmax(j.hi, groups, j.blocks, other, hi);
    free(j.lo);
    free(j.hi);
    free(other);
}

/* ---- bins: of each block, added up in index order ---- */

_Static_assert(sizeof(qb_bin) == sizeof(bin_sum), "bins of plugins are those of the kernels");

typedef struct bin_job {
    const float *x;
    int64_t n;
    float per_unit;
    int32_t n_bins;
    bin_sum *part; /* [blocks][n_bins] */
} bin_job;

static void bin_block(int64_t i, void *arg) {
    const bin_job *j = arg;
    int64_t at = i * KERNEL_BLOCK, n = j->n - at < KERNEL_BLOCK ? j->n - at : KERNEL_BLOCK;
    simd_kernels()->bin_abs(j->x + at, n, j->per_unit, j->n_bins, j->part + i * j->n_bins);
}

static void service_bin_abs(const float *x, int64_t n, float per_unit, int32_t n_bins,
                            qb_bin *bins) {
    if (n < SPREAD_FROM) {
        simd_kernels()->bin_abs(x, n, per_unit, n_bins, (bin_sum *)bins);
        return;
    }
    bin_job j = {.x = x, .n = n, .per_unit = per_unit, .n_bins = n_bins};
    j.part = mem_calloc((size_t)(blocks_of(n) * n_bins), sizeof *j.part);
    parallel_for(blocks_of(n), bin_block, &j);
    for (int64_t i = 0; i < blocks_of(n) * n_bins; i++) {
        bins[i % n_bins].sum += j.part[i].sum;
        bins[i % n_bins].count += j.part[i].count;
    }
    free(j.part);
}

/* ---- the others ---- */

static double service_dot(const float *x, const float *y, int64_t n) {
    return simd_kernels()->dot(x, y, n);
}

/* ---- sorting: by the bits, in four passes of eight ---- */

/* Floats as unsigned numbers in the same order: -0 before +0. */
static uint32_t key_of(float x) {
    uint32_t bits = float_bits(x);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

static float float_of(uint32_t key) {
    return float_from_bits(key >> 31 ? key ^ 0x80000000u : ~key);
}

static void insertion_sort(float *x, int64_t n) {
    for (int64_t i = 1; i < n; i++) {
        float v = x[i];
        int64_t k = i;
        for (; k > 0 && key_of(x[k - 1]) > key_of(v); k--) x[k] = x[k - 1];
        x[k] = v;
    }
}

static void radix_pass(const uint32_t *from, uint32_t *to, int64_t n, int shift) {
    int64_t at[256] = {0}, sum = 0;
    for (int64_t i = 0; i < n; i++) at[from[i] >> shift & 255]++;
    for (int d = 0; d < 256; d++) {
        int64_t count = at[d];
        at[d] = sum, sum += count;
    }
    for (int64_t i = 0; i < n; i++) to[at[from[i] >> shift & 255]++] = from[i];
}

static void service_sort(float *x, int64_t n) {
    enum { FEW = 64 };
    if (n <= FEW) {
        insertion_sort(x, n);
        return;
    }
    uint32_t *a = mem_aligned((size_t)n * 2 * sizeof *a), *b = a + n;
    for (int64_t i = 0; i < n; i++) a[i] = key_of(x[i]);
    for (int shift = 0; shift < 32; shift += 16) {
        radix_pass(a, b, n, shift);
        radix_pass(b, a, n, shift + 8);
    }
    for (int64_t i = 0; i < n; i++) x[i] = float_of(a[i]);
    free(a);
}

static void service_uniform(qb_rng rng, int64_t n, float *u) {
    simd_kernels()->uniform(rng.key, rng.offset, n, u);
}

static qb_status service_unpack_base3(const uint8_t *src, int64_t n, uint8_t *code) {
    return simd_kernels()->unpack_base3(src, n, code) < 0 ? QB_OK : QB_ECORRUPT;
}

/* The offset that leaves a product as it is: -0, also for a product of -0. */
enum { SCALE_GROUPS = 64 };

static void service_encode_steps(const float *x, int64_t groups, int64_t n, const float *scale,
                                 const float *steps, int32_t n_steps, uint8_t *code) {
    const scaling s = {.scale = scale};
    simd_kernels()->encode_steps(x, groups, n, &s, steps, n_steps, code);
}

static void service_decode_scaled(const uint8_t *code, int64_t groups, int64_t n,
                                  const float *scale, const float *levels, int32_t n_levels,
                                  float *y) {
    float offset[SCALE_GROUPS];
    for (int i = 0; i < SCALE_GROUPS; i++) offset[i] = -0.0f;
    for (int64_t g = 0; g < groups; g += SCALE_GROUPS) {
        const scaling s = {.scale = scale + g, .offset = offset};
        int64_t some = groups - g < SCALE_GROUPS ? groups - g : SCALE_GROUPS;
        simd_kernels()->decode_scaled(code + g * n, some, n, &s, levels, n_levels, y + g * n);
    }
}

/* Another sum would lead out of the kernels' tables. */
static bool sums_to_one(const uint16_t f[256]) {
    int32_t sum = 0;
    for (int s = 0; s < 256; s++) sum += f[s];
    return sum == 1 << RANS_LOG;
}

static int64_t service_rans_encode(const uint8_t *code, int64_t n, const uint16_t f[256],
                                   uint32_t state[16], uint8_t *end, int64_t room) {
    return sums_to_one(f) ? simd_kernels()->rans_encode(code, n, f, state, end, room) : -1;
}

static int64_t service_rans_decode(const uint8_t *words, int64_t bytes, const uint16_t f[256],
                                   uint32_t state[16], int64_t n, uint8_t *code) {
    return sums_to_one(f) ? simd_kernels()->rans_decode(words, bytes, f, state, n, code) : -1;
}

static qb_kernels table_of(const kernels *k) {
    return (qb_kernels){
        .size = sizeof(qb_kernels),
        .isa = k->level,
        .absmax = service_absmax,
        .minmax = service_minmax,
        .sum = service_sum,
        .sum_abs = service_sum_abs,
        .sum_sq = service_sum_sq,
        .sum_abs_above = service_sum_abs_above,
        .dot = service_dot,
        .sort = service_sort,
        .exp = k->exp,
        .log = k->log,
        .tanh = k->tanh,
        .uniform = service_uniform,
        .encode_levels = k->encode_levels,
        .decode_levels = k->decode_levels,
        .pack_bits = k->pack_bits,
        .unpack_bits = k->unpack_bits,
        .pack_base3 = k->pack_base3,
        .unpack_base3 = service_unpack_base3,
        .count_codes = k->count_codes,
        .largest_code = k->largest_code,
        .pack_planes = k->pack_planes,
        .unpack_planes = k->unpack_planes,
        .pack_bitmap = form_pack_bitmap,
        .unpack_bitmap = form_unpack_bitmap,
        .pack_gaps = form_pack_gaps,
        .unpack_gaps = form_unpack_gaps,
        .pack_runs = form_pack_runs,
        .unpack_runs = form_unpack_runs,
        .encode_steps = service_encode_steps,
        .decode_scaled = service_decode_scaled,
        .pass_inside = k->pass_inside,
        .soft_steps = k->soft_steps,
        .select_abs = k->select_abs,
        .bin_abs = service_bin_abs,
        .rans_encode = service_rans_encode,
        .rans_decode = service_rans_decode,
    };
}

/* In memory that no plugin can change: the others call by it too. */
static qb_kernels *write_table(const kernels *k) {
    qb_kernels *table =
        mmap(NULL, sizeof *table, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (table == MAP_FAILED) mem_exhausted(sizeof *table);
    *table = table_of(k);
    mprotect(table, sizeof *table, PROT_READ);
    return table;
}

const qb_kernels *services_kernels(void) {
    enum { LEVELS = 8 };
    static struct {
        const kernels *level;
        const qb_kernels *table;
    } tables[LEVELS];
    int i = 0;
    while (tables[i].level != NULL && tables[i].level != simd_kernels()) i++;
    assert(i < LEVELS - 1);
    if (tables[i].level == NULL) {
        tables[i].table = write_table(simd_kernels());
        tables[i].level = simd_kernels();
    }
    return tables[i].table;
}
