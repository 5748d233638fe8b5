/*
 * simd/kernels.h - the table of kernels and how a level is chosen.
 *
 * Every level gives the same bits; scalar.c is the definition. README.md in this
 * folder states the numeric rules.
 */
#ifndef SIMD_KERNELS_H
#define SIMD_KERNELS_H

#include <stdint.h>

#include "util/err.h"

/* Reductions sum blocks of this many elements, block by block in index order. */
enum { KERNEL_BLOCK = 65536 };

/* How a value between two levels is rounded; the numbers are those of plugin.h. */
typedef enum rounding {
    ROUND_EVEN = 0,
    ROUND_AWAY = 1,
    ROUND_UP = 2,
    ROUND_DOWN = 3,
    ROUND_FLOOR = 4,
    ROUND_CEIL = 5,
    ROUND_STOCHASTIC = 6,
} rounding;

/* Metadata of groups: one number of each kind for a group, NULL for scale 1, zero 0,
 * offset 0. In what follows v = (x - offset) * inv, inv = 1 / scale or 0 for a scale below
 * FLT_MIN, and a level l stands for (l - zero) * scale + offset. */
typedef struct scaling {
    const float *scale, *zero, *offset;
} scaling;

/* Small floats: `mantissa` bits (1..7) behind the point, `least` the exponent of the smallest
 * normal one, `top` the largest magnitude as its bits. Without NaN and infinity. Code
 * top + m or top - m is the one with magnitude m and a sign; there is one zero. */
typedef struct small_float {
    int32_t mantissa, least, top;
} small_float;

/* Sums over the elements of x and y, e = x - y computed in double. */
typedef struct error_sums {
    double xx, yy, xy; /* sum x^2, sum y^2, sum x y */
    double ee, abs_e;  /* sum e^2, sum |e|          */
    double max_e;      /* max |e|                   */
    int64_t zeros;     /* y_i == 0                  */
} error_sums;

/* What fell into a bin: sum of |x| and how many, as a double. */
typedef struct bin_sum {
    double sum, count;
} bin_sum;

/* ---- entropy coding ---- */

enum { RANS_STATES = 16, RANS_LOG = 15 }; /* states; frequencies are in 2^-15 */

/* ---- packed products: y = x W^T ---- */

/* The packer's form of a row of W: 1, 2, 3, 4 or 8 are the bits of pack_bits. */
enum { LINEAR_BASE3 = 5, LINEAR_MAX_COLS = 1 << 18 };

/* W (rows, cols) in `groups` groups of `group` columns, the last one of a row may be shorter.
 * A code stands for the integer v = step * code + shift and the weight v * scale + offset.
 * For every group, columns * max |v| * 255 is at most INT32_MAX. */
typedef struct linear_weights {
    const uint8_t *bytes; /* row r begins at bytes + r * row_bytes */
    int64_t rows, cols, row_bytes, group, groups;
    int32_t form, step;
    const int32_t *shift, *code_sum; /* (rows, groups); code_sum: of the codes of the group */
    const float *scale, *offset;     /* (rows, groups); offset NULL: 0 */
    const float *bias;               /* (rows); NULL: 0 */
} linear_weights;

/* Rows of integers; row t stands for (x - zero[t]) * scale[t], |x - zero| <= 255. */
typedef struct linear_input {
    const int8_t *x; /* (n, cols) */
    int64_t n;
    const int32_t *zero; /* (n); NULL: 0 */
    const float *scale;  /* (n); the sums alone do not read it */
} linear_input;

typedef struct kernels {
    const char *level;
#define KERNEL(result, name, parameters) result(*name) parameters;
#include "simd/kernels.def"
#undef KERNEL
} kernels;

/* The kernels in force: the best level that this build and CPU have, or the one
 * that was forced. */
const kernels *simd_kernels(void);

/* Force a level; ERR_USAGE, which begins with who asked for it (`from`: --simd, QUANTBENCH_SIMD),
 * if there is none of that name or this CPU lacks it. While no other thread calls kernels. */
status simd_force(const char *from, const char *level, diags *d);

/* The levels of this build, lowest first: names, NULL behind the last. */
const char *simd_level_name(int i);
/* Level i, NULL if a CPU with the features `have` (simd/cpu.h) cannot run it. */
const kernels *simd_level(int i, uint32_t have);
/* The same by name, with the error that a user reads. */
const kernels *simd_find(const char *from, const char *level, uint32_t have, diags *d);
uint32_t simd_features(void); /* those of this CPU */
/* Level i as a CPU with the features `have` runs it, with and without those beside the
 * levels: for tests, as what is called must be what this CPU has. */
void simd_fill(kernels *k, int i, uint32_t have);

/* The kernels that each level defines itself: all in scalar.c, NULL where a level has
 * none. */
extern const kernels kernels_scalar, kernels_sse4, kernels_avx2, kernels_avx512;
/* Those that take the place of a level's own where the CPU has more than the level asks. */
extern const kernels kernels_avx2_bmi2, kernels_vnni, kernels_amx, kernels_avx512_vbmi;
extern const kernels kernels_neon, kernels_neon_dotprod;
/* scalar.c compiled without vectors: no level, but what the levels are measured against. */
extern const kernels kernels_scalar_plain;

#endif
