/*
 * bitnet158 - the weights of BitNet b1.58: -1, 0, +1 times the mean magnitude.
 *
 *     scale = max(mean |w|, 1e-5),  code = round(w / scale) clamped to -1..1
 *
 * The mean is that of the group; the paper has one for the whole tensor.
 */
#include <quantbench/plugin.h>

typedef struct bitnet158 {
    const qb_kernels *k;
} bitnet158;

enum { CALL_GROUPS = 64 }; /* small groups: one call of a kernel for so many */

static const float levels[] = {-1, 0, 1};

static qb_status init(void *self, const qb_host *host, const qb_site *site, qb_scheme_info *info) {
    bitnet158 *s = self;
    (void)site;
    s->k = host->kernels;
    info->levels = levels;
    info->n_levels = 3;
    info->flags |= QB_SHOWS_NONFINITE;
    return QB_OK;
}

static void fit(const void *self, const float *x, int64_t groups, int64_t n, float *meta) {
    const bitnet158 *s = self;
    double sum[CALL_GROUPS];
    for (int64_t first = 0; first < groups; first += CALL_GROUPS) {
        int64_t some = groups - first < CALL_GROUPS ? groups - first : CALL_GROUPS;
        s->k->sum_abs(x + first * n, some, n, sum);
        for (int64_t g = 0; g < some; g++) {
            float mean = (float)(sum[g] / (double)n);
            meta[first + g] = mean > 1e-5f ? mean : 1e-5f;
        }
    }
}

static const qb_scheme table = {.size = sizeof table, .init = init, .fit = fit};

QB_PLUGIN_(QB_SCHEME, qb_scheme, bitnet158, 0, NULL, table, .name = "bitnet158", .version = "1.0.0",
           .summary = "ternary weights of BitNet b1.58, scale mean |w|",
           .example = "{scheme: bitnet158}", .cite = "Ma et al. 2024, arXiv:2402.17764");
