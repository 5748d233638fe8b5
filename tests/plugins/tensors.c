#include "plugins/tensors.h"

void fill(tensor_kind kind, float *x) {
    static float u[2 * N];
    fill_gauss(11, x, N, 0.02f);
    fill_uniform(12, u, 2 * N, 0, 1);
    for (int i = 0; i < N; i++) {
        double v = u[i] - 0.5;
        switch (kind) {
        case LAPLACE: x[i] = (float)(v < 0 ? log1p(2 * v + 1e-9) : -log1p(-2 * v + 1e-9)); break;
        case HEAVY: x[i] = (float)(x[i] / sqrt(u[N + i] + 1e-4)); break;
        case UNIFORM: x[i] = (float)v; break;
        case OUTLIER: x[i] = i % C == 7 ? x[i] * 1000 : x[i]; break;
        case CONSTANT: x[i] = -0.375f; break;
        case ZERO: x[i] = 0; break;
        case DYADIC:
            x[i] = (float)((i * 37) % 257 - 128) / 16;
            break; /* absmax 8: scales are powers of two or n/Q */
        case TIES: x[i] = (float)((i * 37) % 15 - 7) * 0.5f * 0.3f; break;
        case TINY: x[i] *= 1e-38f; break;
        default: break;
        }
    }
    if (kind == DYADIC) x[0] = 8;
}

const cut cuts[CUTS] = {{GRANULARITY_TENSOR, N},  {GRANULARITY_CHANNEL, C}, {GRANULARITY_TOKEN, C},
                        {GRANULARITY_GROUP, 40},  {GRANULARITY_GROUP, 64},  {GRANULARITY_GROUP, 1},
                        {GRANULARITY_GROUP, 1000}};

quant_config config_of_cut(const char *scheme, const char *settings, const cut *c,
                           scale_dtype dtype) {
    return (quant_config){.scheme = choose(QB_SCHEME, scheme, settings),
                          .granularity = c->g,
                          .group_size = c->g == GRANULARITY_GROUP ? c->size : 0,
                          .ragged_short = true,
                          .scale_dtype = dtype};
}
