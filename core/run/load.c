#include "run/load.h"

status load_weights(const plan *p, model *m, diags *d) {
    tape_value *params[2 * MODEL_MAX_LAYERS];
    float *data[2 * MODEL_MAX_LAYERS];
    if (p->weights.path == NULL) return OK;
    int n = model_params(m, params);
    for (int i = 0; i < n; i++) data[i] = params[i]->x;
    status bad = weights_load(&p->weights, p->slots, n, data, d);
    tape_params_changed(&m->t);
    return bad;
}
