#include "io/dtype.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "io/blocks.h"
#include "util/float_bits.h"
#include "util/half.h"

static const struct {
    const char *name;
    int bytes, block;
} types[DTYPE_COUNT] = {
    [DTYPE_BOOL] = {"BOOL", 1, 1},
    [DTYPE_U8] = {"U8", 1, 1},
    [DTYPE_I8] = {"I8", 1, 1},
    [DTYPE_U16] = {"U16", 2, 1},
    [DTYPE_I16] = {"I16", 2, 1},
    [DTYPE_U32] = {"U32", 4, 1},
    [DTYPE_I32] = {"I32", 4, 1},
    [DTYPE_U64] = {"U64", 8, 1},
    [DTYPE_I64] = {"I64", 8, 1},
    [DTYPE_F16] = {"F16", 2, 1},
    [DTYPE_BF16] = {"BF16", 2, 1},
    [DTYPE_F32] = {"F32", 4, 1},
    [DTYPE_F64] = {"F64", 8, 1},
    [DTYPE_Q8_0] = {"Q8_0", 34, 32},
    [DTYPE_Q4_0] = {"Q4_0", 18, 32},
    [DTYPE_TQ1_0] = {"TQ1_0", 54, 256},
    [DTYPE_TQ2_0] = {"TQ2_0", 66, 256},
    [DTYPE_Q4_1] = {"Q4_1", 20, 32},
    [DTYPE_Q5_0] = {"Q5_0", 22, 32},
    [DTYPE_Q5_1] = {"Q5_1", 24, 32},
    [DTYPE_Q8_1] = {"Q8_1", 36, 32},
    [DTYPE_Q2_K] = {"Q2_K", 84, 256},
    [DTYPE_Q3_K] = {"Q3_K", 110, 256},
    [DTYPE_Q4_K] = {"Q4_K", 144, 256},
    [DTYPE_Q5_K] = {"Q5_K", 176, 256},
    [DTYPE_Q6_K] = {"Q6_K", 210, 256},
    [DTYPE_Q8_K] = {"Q8_K", 292, 256},
    [DTYPE_IQ2_XXS] = {"IQ2_XXS", 66, 256},
    [DTYPE_IQ2_XS] = {"IQ2_XS", 74, 256},
    [DTYPE_IQ3_XXS] = {"IQ3_XXS", 98, 256},
    [DTYPE_IQ1_S] = {"IQ1_S", 50, 256},
    [DTYPE_IQ4_NL] = {"IQ4_NL", 18, 32},
    [DTYPE_IQ3_S] = {"IQ3_S", 110, 256},
    [DTYPE_IQ2_S] = {"IQ2_S", 82, 256},
    [DTYPE_IQ4_XS] = {"IQ4_XS", 136, 256},
    [DTYPE_IQ1_M] = {"IQ1_M", 56, 256},
    [DTYPE_MXFP4] = {"MXFP4", 17, 32},
    [DTYPE_NVFP4] = {"NVFP4", 36, 64},
    [DTYPE_Q1_0] = {"Q1_0", 18, 128},
    [DTYPE_Q2_0] = {"Q2_0", 18, 64},
};

const char *dtype_name(dtype t) { return types[t].name; }
int dtype_bytes(dtype t) { return types[t].bytes; }
int dtype_block(dtype t) { return types[t].block; }
int64_t dtype_size(dtype t, int64_t n) { return n / types[t].block * types[t].bytes; }
bool dtype_is_known(dtype t) { return t <= DTYPE_TQ2_0; }
bool dtype_is_real(dtype t) { return t >= DTYPE_F16 && t <= DTYPE_TQ2_0; }

bool dtype_is_signed(dtype t) {
    return t == DTYPE_I8 || t == DTYPE_I16 || t == DTYPE_I32 || t == DTYPE_I64;
}

/* ---- reading ---- */

static uint64_t stored_bits(const uint8_t *p, int bytes, bool big_endian) {
    uint64_t bits = 0;
    for (int k = 0; k < bytes; k++) bits |= (uint64_t)p[big_endian ? bytes - 1 - k : k] << (8 * k);
    return bits;
}

static int64_t signed_value(uint64_t bits, int bytes) {
    int shift = 64 - 8 * bytes;
    return (int64_t)(bits << shift) >> shift;
}

uint64_t dtype_integer(dtype t, const uint8_t *data, int64_t i, bool big_endian) {
    int bytes = types[t].bytes;
    uint64_t bits = stored_bits(data + i * bytes, bytes, big_endian);
    return dtype_is_signed(t) ? (uint64_t)signed_value(bits, bytes) : bits;
}

double dtype_value(dtype t, const uint8_t *data, int64_t i, bool big_endian) {
    int bytes = types[t].bytes, block = types[t].block;
    if (block > 1) return block_value(t, data + i / block * bytes, (int)(i % block));
    uint64_t bits = stored_bits(data + i * bytes, bytes, big_endian);
    double real;
    switch (t) {
    case DTYPE_F16: return half_to_float((uint16_t)bits);
    case DTYPE_BF16: return bf16_to_float((uint16_t)bits);
    case DTYPE_F32: return float_from_bits((uint32_t)bits);
    case DTYPE_F64: memcpy(&real, &bits, sizeof real); return real;
    case DTYPE_I8:
    case DTYPE_I16:
    case DTYPE_I32:
    case DTYPE_I64: return (double)signed_value(bits, bytes);
    default: return (double)bits;
    }
}

/* ---- writing ---- */

static int64_t encode_halves(dtype t, const float *x, int64_t n, uint8_t *out) {
    for (int64_t i = 0; i < n; i++) {
        uint16_t h = t == DTYPE_F16 ? half_from_float(x[i]) : bf16_from_float(x[i]);
        if (!isfinite(t == DTYPE_F16 ? half_to_float(h) : bf16_to_float(h))) return i;
        memcpy(out + 2 * i, &h, sizeof h);
    }
    return -1;
}

int64_t dtype_encode(dtype t, const float *x, int64_t n, uint8_t *out) {
    int block = types[t].block;
    if (t == DTYPE_F16 || t == DTYPE_BF16) return encode_halves(t, x, n, out);
    if (t == DTYPE_F32) {
        memcpy(out, x, (size_t)n * sizeof *x);
        return -1;
    }
    assert(block > 1 && n % block == 0);
    for (int64_t i = 0; i < n; i += block)
        if (!block_encode(t, x + i, out + i / block * types[t].bytes)) return i;
    return -1;
}
