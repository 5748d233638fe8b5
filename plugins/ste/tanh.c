/*
 * tanh - the gradient of a soft staircase whose steps become steep.
 * After the annealed tanh of IR-Net (Qin et al. 2020).
 *
 *     S(x) = sum over the thresholds t_j of gap_j / 2 * tanh((x - t_j) / w)
 *     dL/dx = dL/dy * S'(x),  S'(x) = sum_j gap_j / (2 w) / cosh^2((x - t_j) / w)
 *     w = temperature * unit
 *
 * gap_j is the distance of the two levels about t_j, so S rises as much as the
 * staircase does. unit is what the levels are multiples of: the median gap; of two
 * levels half of it, as they are -1 and 1 times a scale. At temperature 1 a sign has
 * the factor 1 - tanh^2(x / scale), and the inside of many levels about 1.
 *
 * Thresholds beyond 10 w would add less than 1e-8 of a step and are left out.
 */
#define QB_ABI_MINOR 1 /* soft_steps */
#include <quantbench/plugin.h>

typedef struct tanh_ste {
    double temperature;
    const qb_kernels *k;
} tanh_ste;

static const qb_param params[] = {
    QB_PARAM_LIVE(tanh_ste, temperature, 1, 0.05, QB_GEOMETRIC, 1e-3, 10, "[]", "step",
                  "width of a soft step"),
};

static qb_status init(void *self, const qb_host *host, const qb_site *site, qb_ste_info *info) {
    tanh_ste *e = self;
    (void)site;
    e->k = host->kernels;
    info->wants_levels = true;
    return QB_OK;
}

static void backward(const void *self, const qb_ste_span *s, float *dx) {
    const tanh_ste *e = self;
    int32_t n = s->n_levels - 1;
    double width = e->temperature * (n == 1 ? s->step / 2 : s->step), peak[255];
    for (int32_t j = 0; j < n; j++)
        peak[j] = ((double)s->levels[j + 1] - s->levels[j]) / (2 * width);
    e->k->soft_steps(s->x, s->dy, s->n, s->thresholds, peak, n, width, dx);
}

static const qb_ste table = {.size = sizeof table, .init = init, .backward = backward};

QB_STE_PLUGIN(tanh_ste, params, table, .name = "tanh", .version = "1.0.0",
              .summary = "gradient of a soft staircase that steepens over the training",
              .example = "ste: {type: tanh, temperature: 0.5}",
              .cite = "after Qin et al. 2020, arXiv:1909.10788");
