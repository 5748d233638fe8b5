/*
 * nf4 - NormalFloat: 16 levels at quantiles of the normal distribution (QLoRA,
 * Dettmers et al. 2023), with the largest magnitude at -1 or 1.
 *
 *     scale = absmax,  code = how many boundaries lie below w * (1 / scale)
 *
 * Levels and boundaries are the float32 numbers of bitsandbytes. A boundary is the
 * middle of two levels rounded to float32, which four times is one float above the
 * middle that the host would find: hence encode() and decode() of its own.
 */
#include <quantbench/plugin.h>

#include <float.h>

enum { LEVELS = 16, ZERO = 7 };

typedef struct nf4 {
    const qb_kernels *k;
} nf4;

static const float levels[LEVELS] = {
    -1.0f,
    -0.6961928009986877f,
    -0.5250730514526367f,
    -0.39491748809814453f,
    -0.28444138169288635f,
    -0.18477343022823334f,
    -0.09105003625154495f,
    0.0f,
    0.07958029955625534f,
    0.16093020141124725f,
    0.24611230194568634f,
    0.33791524171829224f,
    0.44070982933044434f,
    0.5626170039176941f,
    0.7229568362236023f,
    1.0f,
};

static const float boundaries[LEVELS - 1] = {
    -0.8480964004993439f,  -0.6106329262256622f,  -0.4599952697753906f,   -0.33967943489551544f,
    -0.23460740596055984f, -0.13791173323988914f, -0.045525018125772476f, 0.03979014977812767f,
    0.1202552504837513f,   0.2035212516784668f,   0.2920137718319893f,    0.3893125355243683f,
    0.5016634166240692f,   0.6427869200706482f,   0.8614784181118011f,
};

static qb_status init(void *self, const qb_host *host, const qb_site *site, qb_scheme_info *info) {
    nf4 *s = self;
    (void)site;
    s->k = host->kernels;
    if (info->round != QB_NEAREST)
        return host->fail(host, QB_ENOTSUP, "it has boundaries of its own: round must be even");
    info->n_levels = LEVELS;
    info->zero_code = ZERO;
    info->flags |= QB_BY_RANGE;
    info->group = 64;
    return QB_OK;
}

static void fit(const void *self, const float *x, int64_t groups, int64_t n, float *meta) {
    const nf4 *s = self;
    s->k->absmax(x, groups, n, meta);
}

static void encode(const void *self, const float *meta, const float *x, int64_t groups, int64_t n,
                   qb_rng rng, uint8_t *code) {
    (void)self, (void)rng;
    for (int64_t g = 0; g < groups; g++) {
        float inv = meta[g] >= FLT_MIN ? 1.0f / meta[g] : 0;
        for (int64_t i = g * n; i < (g + 1) * n; i++) {
            float v = x[i] * inv;
            int32_t c = 0;
            for (int b = 0; b < LEVELS - 1; b++) c += v > boundaries[b];
            code[i] = (uint8_t)c;
        }
    }
}

static void decode(const void *self, const float *meta, const uint8_t *code, int64_t groups,
                   int64_t n, float *y) {
    (void)self;
    for (int64_t g = 0; g < groups; g++)
        for (int64_t i = g * n; i < (g + 1) * n; i++) y[i] = levels[code[i] & 15] * meta[g];
}

static const qb_scheme table = {
    .size = sizeof table, .init = init, .fit = fit, .encode = encode, .decode = decode};

QB_PLUGIN_(QB_SCHEME, qb_scheme, nf4, 0, NULL, table, .name = "nf4", .version = "1.0.0",
           .summary = "4 bits at the quantiles of normal weights, absmax scale, groups of 64",
           .example = "{scheme: nf4, ragged: short}",
           .cite = "Dettmers et al. 2023, arXiv:2305.14314");
