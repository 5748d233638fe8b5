/*
 * identity - the straight-through estimator in its first form: the gradient of
 * the quantized value is taken for that of the latent value.
 */
#include <quantbench/plugin.h>

#include <string.h>

typedef struct identity {
    char none;
} identity;

static qb_status init(void *self, const qb_host *host, const qb_site *site, qb_ste_info *info) {
    (void)self, (void)host, (void)site, (void)info;
    return QB_OK;
}

static void backward(const void *self, const qb_ste_span *s, float *dx) {
    (void)self;
    if (dx != s->dy) memcpy(dx, s->dy, (size_t)s->n * sizeof *dx);
}

static const qb_ste table = {.size = sizeof table, .init = init, .backward = backward};

QB_PLUGIN_(QB_STE, qb_ste, identity, 0, NULL, table, .name = "identity", .version = "1.0.0",
           .summary = "passes the gradient on unchanged", .example = "ste: identity",
           .cite = "Bengio, Leonard, Courville 2013, arXiv:1308.3432");
