#include "run/load.h"

status load_weights(const plan *p, const weight_source *from, model *m, diags *d) {
    tape_value *params[2 * MODEL_MAX_LAYERS];
    float *data[2 * MODEL_MAX_LAYERS];
    if (from->path == NULL) return OK;
    int n = model_params(m, params);
    for (int i = 0; i < n; i++) data[i] = params[i]->x;
    status bad = weights_load(from, p->slots, n, data, d);
    tape_params_changed(&m->t);
    return bad;
}
