/*
 * simd/linear.h - what the levels of the packed product share: sizes, and the arithmetic
 * behind the sums, which is the same text for all of them. Functions are inline: each file
 * compiles its own for its instructions.
 */
#ifndef SIMD_LINEAR_H
#define SIMD_LINEAR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "simd/kernels.h"

/* Rows of x are arranged in panels of 16; codes come from memory by stretches that begin at a
 * multiple of 40, which is a whole byte in every form. */
enum { LINEAR_PANEL = 16, LINEAR_WHOLE = 40, LINEAR_LINE = 64 };

static inline int64_t linear_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
static inline int64_t linear_least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Of p + ahead, which may lie behind the last row, from memory into L2: what waits for memory
 * in L1 takes one of its few places. */
static inline void linear_prefetch(const uint8_t *p, int64_t ahead) {
    __builtin_prefetch((const void *)((uintptr_t)p + (uintptr_t)ahead), 0, 2);
}
static inline void linear_prefetch_bytes(const uint8_t *p, int64_t ahead, int64_t bytes) {
    for (int64_t i = 0; i < bytes; i += LINEAR_LINE) linear_prefetch(p, ahead + i);
}

/* Codes in a byte; 0 where that is no whole number. */
static inline int32_t linear_planes(int32_t form) {
    return form == 3 ? 0 : form == LINEAR_BASE3 ? 5 : 8 / form;
}

/* Bytes of the codes of a row. */
static inline int64_t linear_row_bytes(int32_t form, int64_t cols) {
    return form == LINEAR_BASE3 ? (cols + 4) / 5 : (cols * form + 7) / 8;
}

/* Bytes of the room of linear_arrange, enough for every level. */
static inline int64_t linear_room(const linear_weights *w, int64_t n) {
    int64_t padded = w->groups * linear_up(w->group, LINEAR_LINE), planes = w->cols + 512;
    int64_t each = w->groups * (int64_t)sizeof(int32_t) + (padded > planes ? padded : planes);
    return linear_up(n, LINEAR_PANEL) * linear_up(each, LINEAR_LINE);
}

/* One call, of linear_sums or of linear_product. */
typedef struct linear_job {
    const linear_weights *w;
    const linear_input *x;
    const int32_t *sum; /* (n, groups): of x - zero */
    int64_t from, to;
    int32_t *sums; /* one of these two is NULL */
    float *y;
} linear_job;

/* Of the sums of x at the beginning of a room; what else is in it begins behind them. */
static inline int64_t linear_sums_bytes(const linear_weights *w, const linear_input *x) {
    return linear_up(x->n * w->groups * (int64_t)sizeof(int32_t), LINEAR_LINE);
}

/* The kernels SUMS and PRODUCT of a level: the job that RUN(job, room) does. */
#define LINEAR_KERNELS(SUMS, PRODUCT, RUN)                                                         \
    static void SUMS(const linear_weights *w, const linear_input *x, const void *room,             \
                     int64_t from, int64_t to, int32_t *out) {                                     \
        linear_job j = {.w = w, .x = x, .sum = room, .from = from, .to = to, .sums = out};         \
        RUN(&j, room);                                                                             \
    }                                                                                              \
    static void PRODUCT(const linear_weights *w, const linear_input *x, const void *room,          \
                        int64_t from, int64_t to, float *y) {                                      \
        linear_job j = {.w = w, .x = x, .sum = room, .from = from, .to = to, .y = y};              \
        RUN(&j, room);                                                                             \
    }

static inline int32_t linear_zero(const linear_input *x, int64_t t) {
    return x->zero != NULL ? x->zero[t] : 0;
}

/* The sum of x - zero over group g of row t. */
static inline int32_t linear_input_sum(const linear_weights *w, const linear_input *x, int64_t t,
                                       int64_t g) {
    int64_t from = g * w->group, to = linear_least(from + w->group, w->cols);
    const int8_t *row = x->x + t * w->cols;
    int32_t s = 0;
    for (int64_t k = from; k < to; k++) s += row[k];
    return s - linear_zero(x, t) * (int32_t)(to - from);
}

/* All of them (n, groups), at the beginning of the room. */
static inline void linear_input_sums(const linear_weights *w, const linear_input *x, int32_t *sum) {
    for (int64_t t = 0; t < x->n; t++)
        for (int64_t g = 0; g < w->groups; g++) *sum++ = linear_input_sum(w, x, t, g);
}

/* x in blocks of P planes of 64 bytes, P codes of this form in a byte: byte i of plane p of block b
 * is column (64 b + i) P + p, 0 behind the last. */
static inline void linear_into_planes(const linear_weights *w, int32_t form, const linear_input *x,
                                      int8_t *out) {
    const int64_t planes = linear_planes(form),
                  blocks = (linear_row_bytes(form, w->cols) + 63) / 64;
    for (int64_t t = 0; t < x->n; t++) {
        const int8_t *row = x->x + t * w->cols;
        for (int64_t b = 0; b < blocks; b++, out += 64 * planes, row += 64 * planes) {
            int8_t last[512] = {0};
            int64_t left = w->cols - b * 64 * planes;
            const int8_t *from = left >= 64 * planes ? row : last;
            if (from == last) memcpy(last, row, (size_t)left);
            for (int64_t p = 0; p < planes; p++)
                for (int64_t i = 0; i < 64; i++) out[64 * p + i] = from[i * planes + p];
        }
    }
}

/* s: sum of code * x. What does not fit 32 bits on the way is gone at the end. */
static inline int32_t linear_integer(int32_t step, int32_t shift, int32_t code_sum, int32_t s,
                                     int32_t zero, int32_t sum) {
    uint32_t codes = (uint32_t)s - (uint32_t)zero * (uint32_t)code_sum;
    return (int32_t)((uint32_t)step * codes + (uint32_t)shift * (uint32_t)sum);
}

/* What group g adds to output (t, r); `total` holds the groups before it. */
static inline float linear_add(const linear_job *j, int64_t r, int64_t g, int64_t t, int32_t s,
                               float total) {
    const linear_weights *w = j->w;
    int64_t at = r * w->groups + g;
    int32_t sum = j->sum[t * w->groups + g];
    int32_t v =
        linear_integer(w->step, w->shift[at], w->code_sum[at], s, linear_zero(j->x, t), sum);
    if (j->sums != NULL) {
        j->sums[(t * w->rows + r) * w->groups + g] = v;
        return 0;
    }
    float term = (float)v * w->scale[at];
    if (w->offset != NULL) term += (float)sum * w->offset[at];
    return g == 0 ? term : total + term;
}

static inline void linear_finish(const linear_job *j, int64_t r, int64_t t, float total) {
    if (j->y == NULL) return;
    float y = total * j->x->scale[t];
    j->y[t * j->w->rows + r] = j->w->bias != NULL ? y + j->w->bias[r] : y;
}

#endif
