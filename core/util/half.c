#include "util/half.h"

#include "util/float_bits.h"

uint16_t half_from_float(float x) {
    uint32_t u = float_bits(x), sign = u >> 16 & 0x8000, a = u & 0x7fffffff;
    if (a > 0x7f800000) return (uint16_t)(sign | 0x7e00);  /* NaN */
    if (a >= 0x477ff000) return (uint16_t)(sign | 0x7c00); /* rounds to 65536 or more */
    if (a < 0x38800000) {
        /* Subnormal: adding 0.5 leaves the value in units of 2^-24 in the low
         * bits, rounded to nearest even by the addition itself. */
        return (uint16_t)(sign | (float_bits(float_from_bits(a) + 0.5f) - 0x3f000000));
    }
    uint32_t odd = a >> 13 & 1;
    return (uint16_t)(sign | ((a - 0x38000000 + 0xfff + odd) >> 13));
}

float half_to_float(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, a = h & 0x7fff;
    if (a >= 0x7c00) return float_from_bits(sign | 0x7f800000 | (a & 0x3ff) << 13);
    if (a >= 0x0400) return float_from_bits(sign | ((a << 13) + 0x38000000));
    float subnormal = (float)a * 0x1p-24f;
    return float_from_bits(sign | float_bits(subnormal));
}

uint16_t bf16_from_float(float x) {
    uint32_t u = float_bits(x);
    if ((u & 0x7fffffff) > 0x7f800000) return (uint16_t)(u >> 16 | 0x40); /* a quiet NaN */
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

float bf16_to_float(uint16_t b) { return float_from_bits((uint32_t)b << 16); }
