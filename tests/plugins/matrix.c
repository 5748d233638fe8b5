#include "plugins/matrix.h"

#include <stdlib.h>

#include "util/mem.h"

void drop(result *r) {
    free(r->meta);
    free(r->y);
    free(r->code);
    quantizer_close(r->q);
    free(r->q);
}

quant_config config_of(const form *f, int64_t group, scale_dtype dtype) {
    return (quant_config){.scheme = choose(QB_SCHEME, f->name, f->settings),
                          .granularity = group > 0 ? GRANULARITY_GROUP : GRANULARITY_TENSOR,
                          .group_size = group,
                          .ragged_short = true,
                          .scale_dtype = dtype};
}

result quantize_as(const quant_config *c, const float *x, int64_t rows, int64_t cols) {
    result r = {.q = mem_calloc(1, sizeof *r.q), .rows = rows, .cols = cols};
    diags d;
    diags_init(&d);
    quantizer_open(r.q, c, "w", false, rows, cols, &d);
    assert_fine(&d);
    r.meta = mem_floats(quantizer_groups(r.q, rows) * r.q->info.n_meta);
    r.y = mem_floats(rows * cols);
    r.code = mem_aligned((size_t)(rows * cols));
    quantizer_fit(r.q, x, rows, r.meta, &d);
    assert_fine(&d);
    quantizer_encode(r.q, x, rows, r.meta, 0, r.code);
    quantizer_decode(r.q, r.code, rows, r.meta, r.y);
    diags_fini(&d);
    return r;
}

result quantize(const form *f, int64_t group, scale_dtype dtype, const float *x, int64_t rows,
                int64_t cols) {
    quant_config c = config_of(f, group, dtype);
    return quantize_as(&c, x, rows, cols);
}

void draw(int kind, uint64_t seed, float *x, int64_t n) {
    fill_gauss(seed, x, n, 1);
    for (int64_t i = 0; i < n; i++) switch (kind) {
        case 1: x[i] = x[i] * x[i] * x[i]; break;
        case 2: x[i] = fabsf(x[i]) + 0.5f; break;
        case 3: x[i] = rintf(x[i] * 2) / 2; break;
        case 4: x[i] = i % 3 ? copysignf(0.25f, x[i]) : 0; break;
        case 5: x[i] = i == 0 ? 1000 : x[i]; break;
        default: break;
        }
}
