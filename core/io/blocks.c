#include "io/blocks.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "util/half.h"

enum { Q_VALUES = 32, TQ_VALUES = 256, TQ1_BYTES = 52, TQ2_BYTES = 64 };

static float read_scale(const uint8_t *p) {
    return half_to_float((uint16_t)(p[0] | (unsigned)p[1] << 8));
}

/* false: too large */
static bool write_scale(uint8_t *p, float d) {
    uint16_t h = half_from_float(d);
    p[0] = (uint8_t)(h & 255), p[1] = (uint8_t)(h >> 8);
    return isfinite(half_to_float(h));
}

static float absmax(const float *x, int n) {
    float a = 0;
    for (int i = 0; i < n; i++) a = fabsf(x[i]) > a ? fabsf(x[i]) : a;
    return a;
}

/* 0 for scales that are 0 in binary16 anyway, so that no product is infinite. */
static float inverse(float d) {
    float r = d != 0 ? 1 / d : 0;
    return isfinite(r) ? r : 0;
}

/* ---- Q8_0, Q4_0 ---- */

static bool encode_q8_0(const float *x, uint8_t *block) {
    float d = absmax(x, Q_VALUES) / 127, id = inverse(d);
    for (int i = 0; i < Q_VALUES; i++) block[2 + i] = (uint8_t)(int8_t)roundf(x[i] * id);
    return write_scale(block, d);
}

static uint8_t q4_0_code(float scaled) {
    int q = (int)(scaled + 8.5f);
    return (uint8_t)(q < 15 ? q : 15);
}

static bool encode_q4_0(const float *x, uint8_t *block) {
    float largest = 0;
    for (int i = 0; i < Q_VALUES; i++)
        if (fabsf(x[i]) > fabsf(largest)) largest = x[i];
    float d = largest / -8, id = inverse(d);
    for (int i = 0; i < Q_VALUES / 2; i++)
        block[2 + i] = (uint8_t)(q4_0_code(x[i] * id) | q4_0_code(x[i + Q_VALUES / 2] * id) << 4);
    return write_scale(block, d);
}

static int q4_0_value(const uint8_t *block, int i) {
    int byte = block[2 + i % (Q_VALUES / 2)];
    return (i < Q_VALUES / 2 ? byte & 15 : byte >> 4) - 8;
}

/* ---- TQ1_0, TQ2_0 ---- */

static const uint8_t power[5] = {1, 3, 9, 27, 81};

/* The byte of element i, and which of its digits it is. */
static int tq1_byte(int i, int *digit) {
    if (i < 160) return *digit = i / 32, i % 32;
    if (i < 240) return *digit = (i - 160) / 16, 32 + (i - 160) % 16;
    return *digit = (i - 240) / 4, 48 + (i - 240) % 4;
}

static int tq1_value(const uint8_t *block, int i) {
    int digit, byte = block[tq1_byte(i, &digit)];
    return ((byte * power[digit] & 255) * 3 >> 8) - 1;
}

static void encode_tq1_0(const float *x, float id, uint8_t *block) {
    unsigned v[TQ1_BYTES] = {0};
    for (int i = 0; i < TQ_VALUES; i++) {
        int digit, byte = tq1_byte(i, &digit);
        v[byte] += (unsigned)((int)roundf(x[i] * id) + 1) * power[4 - digit];
    }
    for (int k = 0; k < TQ1_BYTES; k++) block[k] = (uint8_t)((v[k] * 256 + 242) / 243);
}

static int tq2_byte(int i, int *shift) {
    *shift = i % 128 / 32 * 2;
    return i / 128 * 32 + i % 32;
}

static int tq2_code(const uint8_t *block, int i) {
    int shift, byte = block[tq2_byte(i, &shift)];
    return byte >> shift & 3;
}

static void encode_tq2_0(const float *x, float id, uint8_t *block) {
    memset(block, 0, TQ2_BYTES);
    for (int i = 0; i < TQ_VALUES; i++) {
        int shift, byte = tq2_byte(i, &shift);
        block[byte] |= (uint8_t)(((int)roundf(x[i] * id) + 1) << shift);
    }
}

static bool encode_ternary(dtype t, const float *x, uint8_t *block) {
    float d = absmax(x, TQ_VALUES), id = inverse(d);
    if (t == DTYPE_TQ1_0)
        encode_tq1_0(x, id, block);
    else
        encode_tq2_0(x, id, block);
    return write_scale(block + (t == DTYPE_TQ1_0 ? TQ1_BYTES : TQ2_BYTES), d);
}

/* ---- all ---- */

double block_value(dtype t, const uint8_t *block, int i) {
    int code;
    switch (t) {
    case DTYPE_Q8_0: return (float)(int8_t)block[2 + i] * read_scale(block);
    case DTYPE_Q4_0: return (float)q4_0_value(block, i) * read_scale(block);
    case DTYPE_TQ1_0: return (float)tq1_value(block, i) * read_scale(block + TQ1_BYTES);
    case DTYPE_TQ2_0:
        code = tq2_code(block, i);
        return code < 3 ? (float)(code - 1) * read_scale(block + TQ2_BYTES) : (double)NAN;
    default: return NAN;
    }
}

bool block_encode(dtype t, const float *x, uint8_t *block) {
    switch (t) {
    case DTYPE_Q8_0: return encode_q8_0(x, block);
    case DTYPE_Q4_0: return encode_q4_0(x, block);
    default: assert(t == DTYPE_TQ1_0 || t == DTYPE_TQ2_0); return encode_ternary(t, x, block);
    }
}
