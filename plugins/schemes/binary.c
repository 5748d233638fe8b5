/*
 * binary - one bit: a sign and the mean magnitude.
 *
 *     center none    code = w >= 0,         w' = +-a          a = mean |w|
 *     center paper   code = w >= mean(w),   w' = +-a          a = mean |w|
 *     center offset  code = w >= mean(w),   w' = mean(w) +- a, a = mean |w - mean(w)|
 *
 * none is the binary weight of XNOR-Net (Rastegari et al. 2016), the least-squares
 * scale of those signs. paper is BitNet b1 (Wang et al. 2023): it subtracts the mean
 * before the sign and never adds it again, so the mean is not stored. offset stores
 * it and is the least-squares form of the same codes. Zero counts as positive. Means
 * are those of the group; the papers have one for a row, and for the tensor.
 *
 * With `round: stochastic` the code is 1 with probability clip((v + 1) / 2, 0, 1),
 * v = (w - center) / a (BinaryConnect, Courbariaux et al. 2015); in evaluation it is
 * the sign. The scale is a constant to the gradient.
 */
#include <quantbench/plugin.h>

#include <string.h>

enum { NONE, PAPER, OFFSET };
static const char *const centers[] = {"none", "paper", "offset", NULL};

typedef struct binary {
    int32_t center;
    int32_t n_meta;
    bool stochastic;
    const qb_kernels *k;
} binary;

static const qb_param params[] = {
    QB_PARAM_ENUM(binary, center, NONE, centers,
                  "where the two codes part: at 0, at the mean, or at the mean and storing it"),
};

static const qb_meta paper_meta[] = {
    {.name = "scale", .role = QB_SCALE, .store = QB_AS_SPEC},
    {.name = "center", .role = QB_OTHER, .store = QB_NOT_STORED},
};
static const qb_meta offset_meta[] = {
    {.name = "scale", .role = QB_SCALE, .store = QB_AS_SPEC},
    {.name = "offset", .role = QB_OFFSET, .store = QB_AS_SPEC},
};

static qb_status init(void *self, const qb_host *host, const qb_site *site, qb_scheme_info *info) {
    binary *s = self;
    (void)site;
    s->k = host->kernels;
    s->stochastic = info->round == QB_STOCHASTIC;
    if (info->round != QB_NEAREST && !s->stochastic)
        return host->fail(host, QB_ENOTSUP, "it takes the sign: round must be even or stochastic");
    info->n_levels = 2;
    info->zero_code = -1;
    if (s->center != NONE) {
        info->n_meta = 2;
        info->meta = s->center == PAPER ? paper_meta : offset_meta;
        /* paper: the mean of a group of one sign can be a level; offset: a scale below
         * the precision of the offset makes one level of the two */
        info->flags |= QB_NOT_IDEMPOTENT;
    } else {
        info->flags |= QB_SHOWS_NONFINITE;
    }
    s->n_meta = info->n_meta;
    return QB_OK;
}

/* sum |x - from| in double: the difference of two floats may be none. */
static double sum_distance(const float *x, int64_t n, float from) {
    enum { LANES = 8 };
    double lane[LANES] = {0}, sum = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int j = 0; j < LANES; j++) lane[j] += fabs((double)x[i + j] - from);
    for (int j = 0; i + j < n; j++) lane[j] += fabs((double)x[i + j] - from);
    for (int j = 0; j < LANES; j++) sum += lane[j];
    return sum;
}

static void fit(const void *self, const float *x, int64_t groups, int64_t n, float *meta) {
    const binary *s = self;
    for (int64_t g = 0; g < groups; g++, x += n, meta += s->n_meta) {
        double sum, distance;
        if (s->center != NONE) {
            s->k->sum(x, 1, n, &sum);
            meta[1] = (float)(sum / (double)n);
        }
        if (s->center == OFFSET)
            distance = sum_distance(x, n, meta[1]);
        else
            s->k->sum_abs(x, 1, n, &distance);
        meta[0] = (float)(distance / (double)n);
    }
}

/* u is 0.5 in evaluation, and then u >= 1 - p where v >= 0. */
static void draw(const binary *s, const float *x, int64_t n, float scale, float center, qb_rng rng,
                 uint8_t *code) {
    enum { BLOCK = 256 };
    float u[BLOCK], inv = 1.0f / scale; /* the host keeps no subnormal scale */
    for (int64_t at = 0; at < n; at += BLOCK, rng.offset += BLOCK) {
        int64_t end = n - at < BLOCK ? n - at : BLOCK;
        s->k->uniform(rng, end, u);
        for (int64_t i = 0; i < end; i++) {
            float v = (x[at + i] - center) * inv;
            code[at + i] = 2 * u[i] >= 1 - v;
        }
    }
}

static void encode(const void *self, const float *meta, const float *x, int64_t groups, int64_t n,
                   qb_rng rng, uint8_t *code) {
    const binary *s = self;
    for (int64_t g = 0; g < groups; g++, x += n, code += n, meta += s->n_meta) {
        float center = s->center != NONE ? meta[1] : 0;
        if (!(meta[0] > 0)) /* one level: one code */
            memset(code, 1, (size_t)n);
        else if (s->stochastic)
            draw(s, x, n, meta[0], center, rng, code);
        else
            for (int64_t i = 0; i < n; i++) code[i] = x[i] >= center;
        rng.offset += (uint64_t)n;
    }
}

static void decode(const void *self, const float *meta, const uint8_t *code, int64_t groups,
                   int64_t n, float *y) {
    const binary *s = self;
    for (int64_t g = 0; g < groups; g++, code += n, y += n, meta += s->n_meta) {
        float middle = s->center == OFFSET ? meta[1] : 0;
        float low = middle - meta[0], high = middle + meta[0];
        for (int64_t i = 0; i < n; i++) y[i] = code[i] ? high : low;
    }
}

static const qb_scheme table = {
    .size = sizeof table, .init = init, .fit = fit, .encode = encode, .decode = decode};

QB_SCHEME_PLUGIN(binary, params, table, .name = "binary", .version = "1.0.0",
                 .summary = "signs times the mean magnitude, with or without the mean taken off",
                 .example = "{scheme: binary, center: paper}",
                 .cite = "Rastegari et al. 2016, arXiv:1603.05279; "
                         "Wang et al. 2023, arXiv:2310.11453");
