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
 * the codes are those of T in double.
 */
#define QB_ABI_MINOR 1 /* select_abs, bin_abs */
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
    if (s->threshold != OPTIMAL) return QB_OK;
    return host->reserve_scratch(host, (size_t)site->group * sizeof(float));
}

/* ---- thresholds: of one group, in double ---- */

static double mean_magnitude(const ternary *s, const float *x, int64_t n) {
    double sum;
    s->host->kernels->sum_abs(x, 1, n, &sum);
    return sum / (double)n;
}

static double median_magnitude(const ternary *s, const float *x, int64_t n) {
    float upper, below;
    int64_t less;
    s->host->kernels->select_abs(x, 1, n, n / 2, &upper, &below, &less);
    float lower = n % 2 == 0 && less == n / 2 ? below : upper;
    return ((double)lower + (double)upper) / 2;
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

/* ---- threshold optimal ---- */

/* With k survivors the error is sum w^2 - S_k^2 / k. Among equal magnitudes the score
 * is convex in k, so the best k never parts them and a threshold can stand for it; of
 * equal scores the sparser wins. */
typedef struct survivors {
    double sum, best, t; /* S_k; the best score so far and its threshold */
    int64_t k;
} survivors;

/* n more of them, ascending in a; the one below those is in front of a if there is one. */
static void survive(survivors *v, const float *a, int64_t n, bool more) {
    for (int64_t i = n - 1; i >= 0; i--) {
        double last = a[i], next = i > 0 || more ? (double)a[i - 1] : 0;
        v->sum += last;
        double score = v->sum * v->sum / (double)++v->k;
        if (score > v->best) v->best = score, v->t = (last + next) / 2;
    }
}

/* All of them, sorted in the scratch memory. */
static double optimal_sorted(const ternary *s, const float *x, int64_t n) {
    float *a = s->host->scratch(s->host);
    survivors v = {0};
    for (int64_t i = 0; i < n; i++) a[i] = fabsf(x[i]);
    s->host->kernels->sort(a, n);
    survive(&v, a, n, false);
    return v.t;
}

/* Without sorting all: magnitudes in bins of equal width, with the sum of each bin.
 *
 * Below: magnitudes under mean / 2 never survive, as a k + 1st of at most S_k / 2k makes the
 * score smaller and S_k / k is at least the mean. `lowest` is the bin of 0.45 of the mean: what
 * the score loses with each further k, a share of 0.04 / k, is far more than it is rounded by.
 *
 * Sums are exact: the magnitudes from the bin `lowest` on are multiples of a power of two above
 * 2^-24 of its lower end, and n times the largest is below 2^53 of those. So they are the sorted
 * sums whatever their order, and so are the scores.
 *
 * Between two bins' ends the score is at most what it would be with all of the bin at its upper
 * end, or none of it. Only bins where that reaches the best score at an end are sorted. */
enum { BINS_MOST = 2048, BINS_FROM = 256, BINNED_LEAST = 4 };

typedef struct binned {
    qb_bin bins[BINS_MOST];
    int32_t n_bins, lowest;
    float per_unit;
} binned;

/* False where sorting must do. */
static bool bin_magnitudes(const ternary *s, const float *x, int64_t n, binned *b) {
    const qb_kernels *k = s->host->kernels;
    float largest;
    k->absmax(x, 1, n, &largest);
    b->n_bins = BINS_MOST;
    while (b->n_bins > 64 && b->n_bins > n / 2) b->n_bins /= 2;
    b->per_unit = (float)b->n_bins / largest;
    if (!(largest >= FLT_MIN) || !(b->per_unit >= FLT_MIN && b->per_unit <= FLT_MAX)) return false;
    b->lowest = (int32_t)(0.45 * mean_magnitude(s, x, n) * (double)b->per_unit) - 1;
    double least = b->lowest / (double)b->per_unit * 0.999;
    if (b->lowest < 1 || !((double)n * largest < 0x1p28 * least)) return false;
    for (int32_t i = 0; i < b->n_bins; i++) b->bins[i] = (qb_bin){0};
    k->bin_abs(x, n, b->per_unit, b->n_bins, b->bins);
    double count = 0;
    for (int32_t i = b->lowest; i < b->n_bins; i++) count += b->bins[i].count;
    return count >= BINNED_LEAST;
}

static double score_of(qb_bin b) { return b.count > 0 ? b.sum * b.sum / b.count : 0; }
static qb_bin added(qb_bin a, qb_bin b) { return (qb_bin){a.sum + b.sum, a.count + b.count}; }

/* The bins [from, to) that may hold the best k; *above: all magnitudes above them. */
static void find_best(const binned *b, int32_t *from, int32_t *to, qb_bin *above) {
    qb_bin all = {0};
    double best = 0;
    for (int32_t i = b->n_bins - 1; i >= b->lowest; i--) {
        all = added(all, b->bins[i]);
        best = fmax(best, score_of(all));
    }
    all = (qb_bin){0}, *from = b->n_bins, *to = 0;
    for (int32_t i = b->n_bins - 1; i >= b->lowest; i--) {
        if (b->bins[i].count == 0) continue;
        qb_bin highest = {(i + 1) / (double)b->per_unit * 1.000001 * b->bins[i].count,
                          b->bins[i].count};
        double most = fmax(score_of(all), score_of(added(all, highest)));
        if (most * 1.000000001 >= best) {
            if (*to == 0) *to = i + 1, *above = all;
            *from = i;
        }
        all = added(all, b->bins[i]);
    }
}

/* The magnitudes in the bins [from, to), ascending in the scratch memory; how many. */
static int64_t sort_bins(const ternary *s, const float *x, int64_t n, const binned *b, int32_t from,
                         int32_t to) {
    float *a = s->host->scratch(s->host);
    float low = (float)from, high = to == b->n_bins ? INFINITY : (float)to;
    int64_t m = 0;
    for (int64_t i = 0; i < n; i++) {
        float v = fabsf(x[i]) * b->per_unit;
        a[m] = fabsf(x[i]); /* no branch: m <= i */
        m += (v >= low) & (v < high);
    }
    s->host->kernels->sort(a, m);
    return m;
}

static double optimal(const ternary *s, const float *x, int64_t n) {
    binned b;
    qb_bin above = {0};
    int32_t from, to, next;
    if (n < BINS_FROM || !bin_magnitudes(s, x, n, &b)) return optimal_sorted(s, x, n);
    find_best(&b, &from, &to, &above);
    for (next = from - 1; next >= 0 && b.bins[next].count == 0;) next--;
    int64_t m = sort_bins(s, x, n, &b, next < 0 ? from : next, to);
    int64_t before = next < 0 ? 0 : (int64_t)b.bins[next].count;
    survivors v = {.sum = above.sum, .k = (int64_t)above.count};
    survive(&v, (float *)s->host->scratch(s->host) + before, m - before, before > 0);
    return v.t;
}

/* Half-way below the smallest survivor; one always survives, and so do its equals. */
static double of_sparsity(const ternary *s, const float *x, int64_t n) {
    int64_t zeros = (int64_t)rint(s->sparsity * (double)n), less;
    float survivor, below;
    if (zeros == n) zeros--;
    s->host->kernels->select_abs(x, 1, n, zeros, &survivor, &below, &less);
    return less > 0 ? (below + (double)survivor) / 2 : (double)survivor / 2;
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
