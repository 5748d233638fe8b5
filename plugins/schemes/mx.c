/*
 * mx - the microscaling formats of OCP (MX v1.0, 2023): small floats or integers, 32 of
 * them under a scale that is a power of two.
 *
 *     scale = 2^(floor(log2 absmax) - emax),  code = the element nearest to w / scale
 *
 * emax is the exponent of the largest element, so what is above it by less than a factor of
 * two saturates. Ties go to the even mantissa (`round: away` is that of microxcaling). A
 * code counts the elements in ascending order and knows one zero: of an element with sign
 * and magnitude m it is top + m or top - m, top the largest magnitude. NaN and infinity of
 * the formats are never made. A scale below 2^-126 is 0 here.
 *
 *     element  e2m1  e2m3  e3m2  e4m3  e5m2  int8
 *     largest  6     7.5   28    448   57344 127 / 64
 *     bits     4.25  8.25  8.25  8.25  8.25  8.25 (with the scale, as packer bits stores
 *              them: 6-bit elements take 8)
 */
#include <quantbench/plugin.h>

#include <string.h>

enum { E2M1, E2M3, E3M2, E4M3, E5M2, INT8 };
static const char *const elements[] = {"e2m1", "e2m3", "e3m2", "e4m3", "e5m2", "int8", NULL};

/* mantissa bits, exponent of the smallest normal element, of the largest, top */
static const struct format {
    int mantissa, least, most, top;
} formats[] = {[E2M1] = {1, 0, 2, 7},    [E2M3] = {3, 0, 2, 31},     [E3M2] = {2, -2, 4, 31},
               [E4M3] = {3, -6, 8, 126}, [E5M2] = {2, -14, 15, 123}, [INT8] = {6, 0, 0, 127}};

typedef struct mx {
    int32_t element;
    const qb_kernels *k;
    float levels[256];
} mx;

static const qb_param params[] = {
    QB_PARAM_ENUM(mx, element, E2M1, elements, "format of an element; e2m1 is MXFP4"),
};

static const qb_meta power[] = {{.name = "scale", .role = QB_SCALE, .store = QB_E8M0}};

/* Without exponents, int8 is a format of subnormal numbers alone. */
static float magnitude(const mx *s, int m) {
    const struct format *f = &formats[s->element];
    int exponent = s->element == INT8 ? 0 : m >> f->mantissa, part = m - (exponent << f->mantissa);
    if (exponent == 0) return ldexpf((float)part, f->least - f->mantissa);
    return ldexpf((float)(part + (1 << f->mantissa)), f->least + exponent - 1 - f->mantissa);
}

static qb_status init(void *self, const qb_host *host, const qb_site *site, qb_scheme_info *info) {
    mx *s = self;
    (void)site;
    s->k = host->kernels;
    int top = formats[s->element].top;
    for (int m = 0; m <= top; m++) s->levels[top - m] = -magnitude(s, m);
    for (int m = 0; m <= top; m++) s->levels[top + m] = magnitude(s, m);
    info->levels = s->levels;
    info->n_levels = 2 * top + 1;
    info->meta = power;
    info->group = 32;
    info->flags |= QB_BY_RANGE | QB_SHOWS_NONFINITE;
    return QB_OK;
}

/* A float without its mantissa is the power of two below it. */
static void fit(const void *self, const float *x, int64_t groups, int64_t n, float *meta) {
    const mx *s = self;
    const float down = ldexpf(1, -formats[s->element].most);
    s->k->absmax(x, groups, n, meta);
    for (int64_t g = 0; g < groups; g++) {
        uint32_t bits;
        memcpy(&bits, &meta[g], sizeof bits);
        bits &= 0x7f800000;
        memcpy(&meta[g], &bits, sizeof bits);
        meta[g] *= down;
    }
}

static const qb_scheme table = {.size = sizeof table, .init = init, .fit = fit};

QB_SCHEME_PLUGIN(mx, params, table, .name = "mx", .version = "1.0.0",
                 .summary = "microscaling formats: small floats under a power of two, groups of 32",
                 .example = "{scheme: mx, element: e2m1, ragged: short}",
                 .cite = "OCP MX v1.0 2023; Rouhani et al. 2023, arXiv:2310.10537");
