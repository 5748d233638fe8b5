/*
 * @NAME@ - a straight-through estimator: the gradient passes where the value is not clipped,
 * and weaker outside.
 *
 * It works as it is. Rounding has no gradient; an estimator says what training uses in its
 * place. The whole contract is one header, <quantbench/plugin.h>. `make check` tries to
 * break what you wrote.
 */
#include <quantbench/plugin.h>

/* One instance for each place of the model. Fields that are parameters stand in the table
 * below and are filled before init(). */
typedef struct my_ste {
    double outside;
} my_ste;

/* What a user may write: default, range with its brackets, unit and one sentence. */
static const qb_param params[] = {
    QB_PARAM_REAL(my_ste, outside, 0.1, 0, 1, "[]", "", "share of the gradient beyond the levels"),
};

/* Refuse with host->fail(host, QB_EINVAL, "why"); info asks for levels or statistics. */
static qb_status init(void *self, const qb_host *host, const qb_site *site, qb_ste_info *info) {
    (void)self, (void)host, (void)site, (void)info;
    return QB_OK;
}

/* A piece of one group: x the values, y the quantized ones, dy the gradient of y, lo and hi
 * where clipping starts. Write all n of dx, which may be dy. From many threads at once. */
static void backward(const void *self, const qb_ste_span *s, float *dx) {
    const my_ste *e = self;
    for (int64_t i = 0; i < s->n; i++) {
        bool inside = s->x[i] >= s->lo && s->x[i] <= s->hi;
        dx[i] = inside ? s->dy[i] : (float)(e->outside * s->dy[i]);
    }
}

static const qb_ste table = {.size = sizeof table, .init = init, .backward = backward};

QB_STE_PLUGIN(my_ste, params, table, .name = "@NAME@", .version = "0.1.0",
              .summary = "passes the gradient inside the range, less of it outside",
              .example = "ste: {type: @NAME@, outside: 0.2}");
