#include "quant/stored.h"

#include <float.h>
#include <string.h>

#include "util/half.h"

const char *scale_dtype_name(scale_dtype t) { return t == SCALE_F16 ? "f16" : "f32"; }

int stored_bits(const qb_meta *m, scale_dtype t) {
    switch (m->store) {
    case QB_NOT_STORED: return 0;
    case QB_U8:
    case QB_E8M0: return 8;
    case QB_AS_SPEC: return t == SCALE_F16 ? 16 : 32;
    default: return 32;
    }
}

/* The nearest power of two, by the magnitude's logarithm; 2^-127..2^127 or 0. */
static bool round_to_power(float *v) {
    int exponent;
    if (*v == 0) return true;
    float fraction = frexpf(*v, &exponent); /* [0.5, 1): *v = fraction * 2^exponent */
    if (fraction < 0.70710678f) exponent--;
    if (!(*v > 0) || exponent > 127) return false;
    *v = exponent < -127 ? 0 : ldexpf(1.0f, exponent);
    return true;
}

static bool round_to_form(const qb_meta *m, scale_dtype t, float *v) {
    switch (m->store) {
    case QB_U8: return *v >= 0 && *v <= 255 && *v == floorf(*v);
    case QB_E8M0: return round_to_power(v);
    case QB_AS_SPEC:
        if (t == SCALE_F16) *v = half_to_float(half_from_float(*v));
        return isfinite(*v);
    default: return true;
    }
}

bool stored_round(const qb_meta *m, scale_dtype t, float *v) {
    if (!round_to_form(m, t, v)) return false;
    if (m->role == QB_SCALE && *v < FLT_MIN) *v = 0;
    return true;
}

const char *stored_name(const qb_meta *m, scale_dtype t) {
    switch (m->store) {
    case QB_NOT_STORED: return NULL;
    case QB_U8: return "u8";
    case QB_E8M0: return "e8m0";
    case QB_AS_SPEC: return scale_dtype_name(t);
    default: return "f32";
    }
}

enum { POWER_BIAS = 127, POWER_ZERO = 255 };

static uint8_t power_byte(float v) {
    int exponent;
    frexpf(v, &exponent); /* v = 0.5 * 2^exponent */
    return v == 0 ? POWER_ZERO : (uint8_t)(exponent - 1 + POWER_BIAS);
}

void stored_put(const qb_meta *m, scale_dtype t, float v, uint8_t *to) {
    uint16_t half;
    switch (stored_bits(m, t)) {
    case 8: *to = m->store == QB_E8M0 ? power_byte(v) : (uint8_t)v; break;
    case 16:
        half = half_from_float(v);
        memcpy(to, &half, sizeof half);
        break;
    case 32: memcpy(to, &v, sizeof v); break;
    default: break;
    }
}

float stored_get(const qb_meta *m, scale_dtype t, const uint8_t *from) {
    uint16_t half;
    float v;
    switch (stored_bits(m, t)) {
    case 8:
        if (m->store != QB_E8M0) return *from;
        return *from == POWER_ZERO ? 0 : ldexpf(1, *from - POWER_BIAS);
    case 16: memcpy(&half, from, sizeof half); return half_to_float(half);
    case 32: memcpy(&v, from, sizeof v); return v;
    default: return 0;
    }
}
