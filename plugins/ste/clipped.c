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
#define QB_ABI_MINOR 1 /* pass_inside */
#include <quantbench/plugin.h>

#include <float.h>

typedef struct clipped {
    double c;
    const qb_kernels *k;
} clipped;

static const qb_param params[] = {
    QB_PARAM_REAL(clipped, c, 1, 0, 1e6, "(]", "range",
                  "how wide gradients pass, over the range of the levels"),
};

static qb_status init(void *self, const qb_host *host, const qb_site *site, qb_ste_info *info) {
    clipped *e = self;
    (void)site, (void)info;
    e->k = host->kernels;
    return QB_OK;
}

/* The float nearest to v on the side of `to`: what is beyond v is what is beyond it. */
static float inward(double v, float to) {
    if (fabs(v) >= FLT_MAX) return v > 0 ? FLT_MAX : -FLT_MAX;
    float f = (float)v;
    bool outside = to > v ? f < v : f > v;
    return outside ? nextafterf(f, to) : f;
}

static void backward(const void *self, const qb_ste_span *s, float *dx) {
    const clipped *e = self;
    double wider = (e->c - 1) * (((double)s->hi - (double)s->lo) / 2); /* 0 is exact */
    double lo = s->lo - wider, hi = s->hi + wider;
    e->k->pass_inside(s->x, s->dy, s->n, inward(lo, INFINITY), inward(hi, -INFINITY), dx);
}

static const qb_ste table = {.size = sizeof table, .init = init, .backward = backward};

QB_STE_PLUGIN(clipped, params, table, .name = "clipped", .version = "1.0.0",
              .summary = "passes the gradient on inside the range of the levels",
              .example = "ste: {type: clipped, c: 1.5}",
              .cite = "Courbariaux et al. 2016, arXiv:1602.02830");
