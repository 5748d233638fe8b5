/*
 * clipped - the straight-through estimator that stops where clipping starts (hard
 * tanh: Courbariaux et al. 2016; larq's SteSign).
 *
 *     dL/dx = dL/dy where lo <= x <= hi, else 0
 *
 * lo and hi are the outer levels (or what the scheme says), both inside. With c the
 * range is c times as wide about its middle: c = 1.5 passes the outer cells of three
 * levels to their rounding edge.
 */
#include <quantbench/plugin.h>

typedef struct clipped {
    double c;
} clipped;

static const qb_param params[] = {
    QB_PARAM_REAL(clipped, c, 1, 0, 1e6, "(]", "range",
                  "how wide gradients pass, over the range of the levels"),
};

static qb_status init(void *self, const qb_host *host, const qb_site *site, qb_ste_info *info) {
    (void)self, (void)host, (void)site, (void)info;
    return QB_OK;
}

static void backward(const void *self, const qb_ste_span *s, float *dx) {
    const clipped *e = self;
    double wider = (e->c - 1) * (((double)s->hi - (double)s->lo) / 2); /* 0 is exact */
    double lo = s->lo - wider, hi = s->hi + wider;
    for (int64_t i = 0; i < s->n; i++) dx[i] = s->x[i] >= lo && s->x[i] <= hi ? s->dy[i] : 0;
}

static const qb_ste table = {.size = sizeof table, .init = init, .backward = backward};

QB_STE_PLUGIN(clipped, params, table, .name = "clipped", .version = "1.0.0",
              .summary = "passes the gradient on inside the range of the levels",
              .example = "ste: {type: clipped, c: 1.5}",
              .cite = "Courbariaux et al. 2016, arXiv:1602.02830");
