#include "run/eval_model.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

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
        const float *z = logits + i * K;
        int32_t best = 0;
        for (int32_t k = 1; k < K; k++)
            if (z[k] > z[best]) best = k;
        e->prediction[from + i] = best;
        right += best == label[i];
    }
    return right;
}

status eval_model(model *m, const dataset *data, evaluation *e, diags *d) {
    int64_t right = 0, order[EVAL_ROWS];
    int32_t label[EVAL_ROWS];
    double sum = 0;
    make_room(e, data->n, m->logits->cols);
    model_set_progress(m, 1);
    tape_params_changed(&m->t); /* quantized weights of training may be random */
    for (int64_t from = 0; from < data->n; from += EVAL_ROWS) {
        int64_t n = data->n - from < EVAL_ROWS ? data->n - from : EVAL_ROWS;
        for (int64_t i = 0; i < n; i++) order[i] = from + i;
        dataset_gather(data, order, n, m->input->x, label);
        tape_pass p = {.rows = n};
        double batch_loss;
        status bad = model_forward(m, &p, label, &batch_loss, d);
        if (bad) return bad;
        sum += batch_loss;
        right += take_batch(e, from, n, m->logits->x, label);
    }
    e->accuracy = (double)right / (double)data->n;
    e->loss = sum / (double)data->n;
    return OK;
}

void evaluation_hash(const evaluation *e, int64_t n, char predictions[HASH_HEX],
                     char logits[HASH_HEX]) {
    hash_bytes(e->prediction, (size_t)n * sizeof *e->prediction, predictions);
    hash_bytes(e->logits, (size_t)(n * e->classes) * sizeof *e->logits, logits);
}
