/*
 * int - integers of 2 to 8 bits: symmetric about zero, or affine with a zero
 * point (Jacob et al. 2017, arXiv:1712.05877).
 *
 * symmetric, narrow range  codes -Q..Q, Q = 2^(bits-1) - 1, scale = absmax / Q
 * symmetric, full range    codes -2^(bits-1)..2^(bits-1) - 1, scale = absmax / 2^(bits-1)
 * affine                   codes 0..2^bits - 1; the range is widened to hold 0, so
 *                          that 0 is exact: scale = (hi - lo) / (2^bits - 1),
 *                          zero = round(-lo / scale)
 */
#include <quantbench/plugin.h>

enum { CALL_GROUPS = 64 }; /* small groups: one call of a kernel for so many */

typedef struct integer {
    int64_t bits;
    bool symmetric, narrow_range;
    const qb_kernels *k;
    int32_t q; /* what the largest magnitude is mapped to */
    float levels[256];
} integer;

static const qb_param params[] = {
    QB_PARAM_INT(integer, bits, 8, 2, 8, "bits", "width of one code"),
    QB_PARAM_BOOL(integer, symmetric, true, "levels on both sides of 0, no zero point"),
    QB_PARAM_BOOL(integer, narrow_range, true, "symmetric only: leave out the lowest code"),
};

static const qb_meta affine_meta[] = {
    {.name = "scale", .role = QB_SCALE, .store = QB_AS_SPEC},
    {.name = "zero", .role = QB_ZERO, .store = QB_U8},
};

static qb_status init(void *self, const qb_host *host, const qb_site *site, qb_scheme_info *info) {
    integer *s = self;
    (void)site;
    s->k = host->kernels;
    int32_t half = 1 << (s->bits - 1), lowest;
    if (s->symmetric) {
        s->q = s->narrow_range ? half - 1 : half;
        lowest = -s->q;
        info->n_levels = s->narrow_range ? 2 * half - 1 : 2 * half;
    } else {
        s->q = 2 * half - 1;
        lowest = 0;
        info->n_levels = 2 * half;
        info->n_meta = 2;
        info->meta = affine_meta;
    }
    for (int32_t i = 0; i < info->n_levels; i++) s->levels[i] = (float)(lowest + i);
    info->levels = s->levels;
    info->flags |= QB_BY_RANGE;
    if (s->symmetric) info->flags |= QB_SHOWS_NONFINITE;
    return QB_OK;
}

/* {scale, zero} of the range [lo, hi] */
static void affine_of(const integer *s, float lo, float hi, float *meta) {
    double low = lo < 0 ? lo : 0, high = hi > 0 ? hi : 0;
    double scale = high > low ? (high - low) / s->q : 1;
    double zero = rint(-low / scale); /* ties to even: the rounding mode is never changed */
    meta[0] = (float)scale;
    meta[1] = (float)(zero < s->q ? zero : s->q);
}

static void fit_affine(const integer *s, const float *x, int64_t groups, int64_t n, float *meta) {
    float lo[CALL_GROUPS], hi[CALL_GROUPS];
    for (int64_t first = 0; first < groups; first += CALL_GROUPS) {
        int64_t some = groups - first < CALL_GROUPS ? groups - first : CALL_GROUPS;
        s->k->minmax(x + first * n, some, n, lo, hi);
        for (int64_t g = 0; g < some; g++) affine_of(s, lo[g], hi[g], meta + 2 * (first + g));
    }
}

static void fit(const void *self, const float *x, int64_t groups, int64_t n, float *meta) {
    const integer *s = self;
    if (!s->symmetric) {
        fit_affine(s, x, groups, n, meta);
        return;
    }
    s->k->absmax(x, groups, n, meta);
    for (int64_t g = 0; g < groups; g++) meta[g] /= (float)s->q;
}

static const qb_scheme table = {.size = sizeof table, .init = init, .fit = fit};

QB_SCHEME_PLUGIN(integer, params, table, .name = "int", .version = "1.0.0",
                 .summary = "integers of 2 to 8 bits, symmetric or affine",
                 .example = "{scheme: int, bits: 4, granularity: channel}",
                 .cite = "Jacob et al. 2017, arXiv:1712.05877");
