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
#define QB_ABI_MINOR 1 /* encode_steps, decode_scaled */
#include <quantbench/plugin.h>

enum { LEVELS = 16, ZERO = 7 };

typedef struct nf4 {
    const qb_kernels *k;
    float steps[LEVELS - 1]; /* where the next code begins: just above a boundary */
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
    for (int i = 0; i < LEVELS - 1; i++) s->steps[i] = nextafterf(boundaries[i], 2);
    if (info->round != QB_NEAREST)
        return host->fail(host, QB_ENOTSUP, "it has boundaries of its own: round must be even");
    info->n_levels = LEVELS;
    info->zero_code = ZERO;
    info->flags |= QB_BY_RANGE | QB_SHOWS_NONFINITE;
    info->group = 64;
    return QB_OK;
}

static void fit(const void *self, const float *x, int64_t groups, int64_t n, float *meta) {
    const nf4 *s = self;
    s->k->absmax(x, groups, n, meta);
}

static void encode(const void *self, const float *meta, const float *x, int64_t groups, int64_t n,
                   qb_rng rng, uint8_t *code) {
    const nf4 *s = self;
    (void)rng;
    s->k->encode_steps(x, groups, n, meta, s->steps, LEVELS - 1, code);
}

static void decode(const void *self, const float *meta, const uint8_t *code, int64_t groups,
                   int64_t n, float *y) {
    const nf4 *s = self;
    s->k->decode_scaled(code, groups, n, meta, levels, LEVELS, y);
}

static const qb_scheme table = {
    .size = sizeof table, .init = init, .fit = fit, .encode = encode, .decode = decode};

QB_PLUGIN_(QB_SCHEME, qb_scheme, nf4, 0, NULL, table, .name = "nf4", .version = "1.0.0",
           .summary = "4 bits at the quantiles of normal weights, absmax scale, groups of 64",
           .example = "{scheme: nf4, ragged: short}",
           .cite = "Dettmers et al. 2023, arXiv:2305.14314");
