#include "run/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

int64_t evaluate_batch(model *m, const dataset *data, int64_t from, int32_t label[EVALUATE_ROWS]) {
    int64_t order[EVALUATE_ROWS];
    int64_t n = data->n - from < EVALUATE_ROWS ? data->n - from : EVALUATE_ROWS;
    for (int64_t i = 0; i < n; i++) order[i] = from + i;
    dataset_gather(data, order, n, m->input->x, label);
    return n;
}

int32_t evaluate_class(const float *logits, int64_t classes) {
    int32_t best = 0;
    for (int32_t k = 1; k < classes; k++)
        if (logits[k] > logits[best]) best = k;
    return best;
}

static void make_room(evaluation *e, int64_t n, int64_t classes) {
    if (e->n == n && e->classes == classes) return;
    evaluation_free(e);
    e->n = n, e->classes = classes;
    e->prediction = mem_calloc((size_t)n, sizeof *e->prediction);
    e->logits = mem_floats(n * classes);
}

void evaluation_free(evaluation *e) {
    free(e->prediction);
    free(e->logits);
    *e = (evaluation){0};
}

/* Keeps the logits of n samples from `from` on; returns how many are classified right. */
static int64_t take_batch(evaluation *e, int64_t from, int64_t n, const float *logits,
                          const int32_t *label) {
    int64_t right = 0, K = e->classes;
    memcpy(e->logits + from * K, logits, (size_t)(n * K) * sizeof *logits);
    for (int64_t i = 0; i < n; i++) {
        e->prediction[from + i] = evaluate_class(logits + i * K, K);
        right += e->prediction[from + i] == label[i];
    }
    return right;
}

status evaluate(model *m, const dataset *data, evaluation *e, diags *d) {
    int32_t label[EVALUATE_ROWS];
    int64_t right = 0;
    double sum = 0;
    status bad = OK;
    make_room(e, data->n, m->logits->cols);
    model_set_progress(m, 1);
    tape_params_changed(&m->t); /* quantized weights of training may be random */
    for (int64_t from = 0; from < data->n && !bad; from += EVALUATE_ROWS) {
        tape_pass p = {.rows = evaluate_batch(m, data, from, label)};
        double batch_loss;
        bad = model_forward(m, &p, label, &batch_loss, d);
        if (bad) break;
        sum += batch_loss;
        right += take_batch(e, from, p.rows, m->logits->x, label);
    }
    tape_params_changed(&m->t);
    e->accuracy = (double)right / (double)data->n;
    e->loss = sum / (double)data->n;
    if (bad || isfinite(sum)) return bad;
    diag_error(d, ERR_FAILED, "diverged: the test loss is not finite");
    diag_hint(d, "weights or activations overflow; in training a lower optimizer.lr usually helps");
    return ERR_FAILED;
}

void evaluation_hash(const evaluation *e, int64_t n, char predictions[HASH_HEX],
                     char logits[HASH_HEX]) {
    hash_bytes(e->prediction, (size_t)n * sizeof *e->prediction, predictions);
    hash_bytes(e->logits, (size_t)(n * e->classes) * sizeof *e->logits, logits);
}
