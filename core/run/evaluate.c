#include "run/evaluate.h"

#include <math.h>

int64_t evaluate_batch(model *m, const dataset *data, int64_t from, int32_t label[EVALUATE_ROWS]) {
    int64_t order[EVALUATE_ROWS];
    int64_t n = data->n - from < EVALUATE_ROWS ? data->n - from : EVALUATE_ROWS;
    for (int64_t i = 0; i < n; i++) order[i] = from + i;
    dataset_gather(data, order, n, m->input->x, label);
    return n;
}

bool evaluate_is_right(const float *logits, int64_t classes, int32_t label) {
    int64_t best = 0;
    for (int64_t k = 1; k < classes; k++)
        if (logits[k] > logits[best]) best = k;
    return best == label;
}

status evaluate(model *m, const dataset *data, double *accuracy, double *loss, diags *d) {
    int32_t label[EVALUATE_ROWS];
    int64_t right = 0, K = m->logits->cols;
    double sum = 0;
    status bad = OK;
    model_set_progress(m, 1);
    tape_params_changed(&m->t); /* quantized weights of training may be random */
    for (int64_t from = 0; from < data->n && !bad; from += EVALUATE_ROWS) {
        tape_pass p = {.rows = evaluate_batch(m, data, from, label)};
        double batch_loss;
        bad = model_forward(m, &p, label, &batch_loss, d);
        if (bad) break;
        sum += batch_loss;
        for (int64_t i = 0; i < p.rows; i++)
            right += evaluate_is_right(m->logits->x + i * K, K, label[i]);
    }
    tape_params_changed(&m->t);
    *accuracy = (double)right / (double)data->n;
    *loss = sum / (double)data->n;
    if (bad || isfinite(sum)) return bad;
    diag_error(d, ERR_FAILED, "diverged: the test loss is not finite");
    diag_hint(d, "weights or activations overflow; in training a lower optimizer.lr usually helps");
    return ERR_FAILED;
}
