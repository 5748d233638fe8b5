/*
 * ternary - three levels by a threshold T, with the least-squares scale.
 *
 *     code: -1 where w < -T, +1 where w > T, else 0
 *     scale = mean of the |w| > T, which is (w . code) / (code . code)
 *
 *     threshold mean      T = factor * mean |w|, factor 0.7 (TWN: Li, Zhang, Liu 2016)
 *               median    T = factor * median |w|, factor 0.8
 *               adaptive  T = t(r) * mean |w|, r = mean |w| / sqrt(mean w^2): t runs in
 *                         straight lines through the exact optima of the Laplace, normal
 *                         and uniform distributions and of two points
 *               optimal   the T of the least squared error, exactly: sorted by magnitude
 *                         with prefix sums S_k, the k that makes S_k^2 / k largest
 *               sparsity  T lets the share `sparsity` of the weights become 0, the
 *                         smallest; equal magnitudes stay together, above T
 *
 * Only encoding needs T, so it is not stored. T is cut to the next float below, so
 * the codes are those of T in double. median, optimal and sparsity sort a copy of the
 * group, O(n log n), in scratch memory.
 */
#include <quantbench/plugin.h>

#include <float.h>

enum { MEAN, MEDIAN, ADAPTIVE, OPTIMAL, SPARSITY };
static const char *const thresholds[] = {"mean", "median", "adaptive", "optimal", "sparsity", NULL};

typedef struct ternary {
    int32_t threshold;
    double factor, sparsity;
    const qb_host *host;
} ternary;

static const qb_param params[] = {
    QB_PARAM_ENUM(ternary, threshold, MEAN, thresholds, "how the threshold is chosen"),
    QB_PARAM_REAL(ternary, factor, QB_AUTO, 0, 3, "()", "",
                  "mean and median: the threshold over that statistic; auto is 0.7 and 0.8"),
    QB_PARAM_REAL(ternary, sparsity, QB_AUTO, 0, 1, "[)", "",
                  "threshold sparsity: the share of the weights that becomes 0; auto is 0.5"),
};

static const float levels[] = {-1, 0, 1};
static const qb_meta meta_of[] = {
    {.name = "scale", .role = QB_SCALE, .store = QB_AS_SPEC},
    {.name = "threshold", .role = QB_THRESHOLD, .store = QB_NOT_STORED},
};

/* ---- setting up ---- */

/* A number that the chosen threshold would ignore is refused. */
static qb_status resolve(ternary *s, const qb_host *host) {
    const char *name = thresholds[s->threshold];
    bool of_statistic = s->threshold == MEAN || s->threshold == MEDIAN;
    if (!of_statistic && !isnan(s->factor))
        return host->fail(host, QB_EINVAL, "threshold %s has no factor; mean and median have",
                          name);
    if (s->threshold != SPARSITY && !isnan(s->sparsity))
        return host->fail(host, QB_EINVAL, "threshold %s has no sparsity; set threshold: sparsity",
                          name);
    if (of_statistic && isnan(s->factor)) s->factor = s->threshold == MEAN ? 0.7 : 0.8;
    if (s->threshold == SPARSITY && isnan(s->sparsity)) s->sparsity = 0.5;
    return QB_OK;
}

static qb_status init(void *self, const qb_host *host, const qb_site *site, qb_scheme_info *info) {
    ternary *s = self;
    s->host = host;
    qb_status bad = resolve(s, host);
    if (bad) return bad;
    info->levels = levels;
    info->n_levels = 3;
    info->n_meta = 2;
    info->meta = meta_of;
    /* Weights just above such a threshold may have a mean that is rounded to below it. */
    if (s->threshold == SPARSITY || s->factor >= 1) info->flags |= QB_NOT_IDEMPOTENT;
    if (s->threshold == MEAN) info->flags |= QB_SHOWS_NONFINITE;
    if (s->threshold == MEAN || s->threshold == ADAPTIVE) return QB_OK;
    return host->reserve_scratch(host, (size_t)site->group * sizeof(float));
}

/* ---- thresholds: of one group, in double ---- */

static double mean_magnitude(const ternary *s, const float *x, int64_t n) {
    double sum;
    s->host->kernels->sum_abs(x, 1, n, &sum);
    return sum / (double)n;
}

/* |x| ascending, in the scratch memory. */
static const float *sorted(const ternary *s, const float *x, int64_t n) {
    float *a = s->host->scratch(s->host);
    for (int64_t i = 0; i < n; i++) a[i] = fabsf(x[i]);
    s->host->kernels->sort(a, n);
    return a;
}

static double median_magnitude(const ternary *s, const float *x, int64_t n) {
    const float *a = sorted(s, x, n);
    return ((double)a[(n - 1) / 2] + (double)a[n / 2]) / 2;
}

static double adaptive(const ternary *s, const float *x, int64_t n) {
    static const double table[][2] = {/* r, t: Laplace, normal, uniform, two points */
                                      {0.70711, 1},
                                      {0.79788, 0.76703},
                                      {0.86603, 0.66667},
                                      {1, 0.5}};
    enum { LAST = sizeof table / sizeof *table - 1 };
    double mean = mean_magnitude(s, x, n), square;
    s->host->kernels->sum_sq(x, 1, n, &square);
    double r = square > 0 ? mean / sqrt(square / (double)n) : 1;
    if (r <= table[0][0]) return table[0][1] * mean;
    for (int i = 0; i < LAST; i++) {
        const double *a = table[i], *b = table[i + 1];
        if (r <= b[0]) return (a[1] + (b[1] - a[1]) * (r - a[0]) / (b[0] - a[0])) * mean;
    }
    return table[LAST][1] * mean;
}

/* With k survivors the error is sum w^2 - S_k^2 / k. Among equal magnitudes the score
 * is convex in k, so the best k never parts them and a threshold can stand for it; of
 * equal scores the sparser wins. */
static double optimal(const ternary *s, const float *x, int64_t n) {
    const float *a = sorted(s, x, n);
    double sum = 0, best = 0, t = 0;
    for (int64_t k = 1; k <= n; k++) {
        double last = a[n - k], next = k < n ? (double)a[n - k - 1] : 0;
        sum += last;
        double score = sum * sum / (double)k;
        if (score > best) best = score, t = (last + next) / 2;
    }
    return t;
}

/* Half-way below the smallest survivor; one always survives, and so do its equals. */
static double of_sparsity(const ternary *s, const float *x, int64_t n) {
    const float *a = sorted(s, x, n);
    int64_t zeros = (int64_t)rint(s->sparsity * (double)n);
    if (zeros == n) zeros--;
    double survivor = a[zeros];
    while (zeros > 0 && a[zeros - 1] == a[zeros]) zeros--;
    return zeros > 0 ? (a[zeros - 1] + survivor) / 2 : survivor / 2;
}

static double threshold(const ternary *s, const float *x, int64_t n) {
    switch (s->threshold) {
    case MEDIAN: return s->factor * median_magnitude(s, x, n);
    case ADAPTIVE: return adaptive(s, x, n);
    case OPTIMAL: return optimal(s, x, n);
    default: return of_sparsity(s, x, n);
    }
}

/* ---- fit ---- */

/* The largest float that is not above v: |w| > v just where |w| > it. */
static float cut(double v) {
    if (v >= FLT_MAX) return isinf(v) ? INFINITY : FLT_MAX; /* x has one, or a NaN */
    float f = (float)v;
    return f > v ? nextafterf(f, 0) : f;
}

/* meta: {scale, threshold} */
static void fit_one(double sum, int64_t count, float t, float *meta) {
    double scale = count > 0 ? sum / (double)count : 0;
    /* a subnormal scale counts as 0, and then no code but 0 */
    bool none = scale > 0 && scale < FLT_MIN;
    meta[0] = none ? 0 : (float)scale;
    meta[1] = none ? FLT_MAX : t;
}

/* Small groups: one call of a kernel for so many. */
enum { CALL_GROUPS = 64 };

static void fit(const void *self, const float *x, int64_t groups, int64_t n, float *meta) {
    const ternary *s = self;
    const qb_kernels *k = s->host->kernels;
    double sum[CALL_GROUPS];
    float t[CALL_GROUPS];
    int64_t count[CALL_GROUPS];
    for (int64_t first = 0; first < groups; first += CALL_GROUPS, meta += 2 * CALL_GROUPS) {
        int64_t some = groups - first < CALL_GROUPS ? groups - first : CALL_GROUPS;
        const float *from = x + first * n;
        if (s->threshold == MEAN) {
            k->sum_abs(from, some, n, sum);
            for (int64_t g = 0; g < some; g++) t[g] = cut(s->factor * (sum[g] / (double)n));
        } else {
            for (int64_t g = 0; g < some; g++) t[g] = cut(threshold(s, from + g * n, n));
        }
        k->sum_abs_above(from, some, n, t, sum, count);
        for (int64_t g = 0; g < some; g++) fit_one(sum[g], count[g], t[g], meta + 2 * g);
    }
}

static const qb_scheme table = {.size = sizeof table, .init = init, .fit = fit};

QB_SCHEME_PLUGIN(ternary, params, table, .name = "ternary", .version = "1.0.0",
                 .summary = "three levels by a threshold, least-squares scale",
                 .example = "{scheme: ternary, threshold: optimal, granularity: channel}",
                 .cite = "Li, Zhang, Liu 2016, arXiv:1605.04711");
