/*
 * @NAME@ - a quantization scheme: symmetric integers, the scale from the largest magnitude.
 *
 * It works as it is. Change fit(), which chooses the scale, and you have another scheme:
 * the host rounds to the nearest level, trains, packs and measures. The whole contract is
 * one header, <quantbench/plugin.h>. `make check` tries to break what you wrote.
 */
#include <quantbench/plugin.h>

/* One instance for each place of the model. Fields that are parameters stand in the table
 * below and are filled before init(); the others start as 0. */
typedef struct my_scheme {
    int64_t bits;
    const qb_kernels *kernels; /* what the host offers: sums, extremes, sorting, ... */
    int32_t top;
    float levels[256];
} my_scheme;

/* What a user may write behind the name: type, default, range, unit and one sentence. */
static const qb_param params[] = {
    QB_PARAM_INT(my_scheme, bits, 4, 2, 8, "bits", "width of one code"),
};

/* Once for each instance. Refuse what does not go together with
 *     return host->fail(host, QB_EINVAL, "why");
 * and say what the levels are, in ascending order. */
static qb_status init(void *self, const qb_host *host, const qb_site *site, qb_scheme_info *info) {
    my_scheme *s = self;
    (void)site; /* where it is used: name, rows, columns, weights or activations */
    s->kernels = host->kernels;
    s->top = (1 << (s->bits - 1)) - 1;
    for (int32_t i = -s->top; i <= s->top; i++) s->levels[i + s->top] = (float)i;
    info->levels = s->levels;
    info->n_levels = 2 * s->top + 1;
    return QB_OK;
}

/* The metadata of each of `groups` groups of n numbers, one after the other: here one
 * number, the scale, with which a level is multiplied. From many threads at once: write
 * nothing but meta, allocate nothing. A group of zeros has the scale 0, which is fine. */
static void fit(const void *self, const float *x, int64_t groups, int64_t n, float *meta) {
    const my_scheme *s = self;
    s->kernels->absmax(x, groups, n, meta);
    for (int64_t g = 0; g < groups; g++) meta[g] /= (float)s->top;
}

/* encode and decode are left out: then the host rounds to the levels above. */
static const qb_scheme table = {.size = sizeof table, .init = init, .fit = fit};

QB_SCHEME_PLUGIN(my_scheme, params, table, .name = "@NAME@", .version = "0.1.0",
                 .summary = "symmetric integers, scale from the largest magnitude",
                 .example = "{scheme: @NAME@, bits: 3}");
