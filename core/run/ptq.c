#include "run/ptq.h"

#include "run/evaluate.h"
#include "run/interrupt.h"
#include "run/load.h"
#include "run/record.h"
#include "run/sensitivity.h"
#include "util/log.h"

/* The network of the plan with its weights, as the plan quantizes it or in float. */
static status open_loaded(model *m, const run_job *j, bool quantized, diags *d) {
    layer_quant quant[MODEL_MAX_LAYERS] = {0};
    for (int i = 0; i < j->p->n_layers && quantized; i++) quant[i] = j->p->layers[i].quant;
    status bad = model_open(m, &j->p->model, quant, EVALUATE_ROWS, j->seed, d);
    if (bad) return bad;
    bad = load_weights(j->p, &j->p->weights, m, d);
    if (bad) model_close(m);
    return bad;
}

typedef struct outcome {
    evaluation quantized, in_float;
} outcome;

static status measure_float(const run_job *j, outcome *o, diags *d) {
    model m;
    status bad = open_loaded(&m, j, false, d);
    if (bad) return bad;
    bad = evaluate(&m, j->test, &o->in_float, d);
    model_close(&m);
    return bad;
}

static status write_rows(const run_job *j, model *m, const outcome *o, const sensitivity *s,
                         diags *d) {
    record r;
    status bad = record_open(&r, j, m, &o->quantized, d);
    if (!bad) {
        int64_t n = j->test->n;
        store_begin(j->s);
        record_rows(&r, j);
        store_final(j->s, j->run, "accuracy", "test", o->quantized.accuracy, n);
        store_final(j->s, j->run, "loss", "test", o->quantized.loss, n);
        store_final(j->s, j->run, "accuracy_float", "test", o->in_float.accuracy, n);
        store_final(j->s, j->run, "loss_float", "test", o->in_float.loss, n);
        sensitivity_rows(s, j);
        bad = store_commit(j->s, d);
    }
    if (!bad) bad = record_verdict(&r, j, d);
    record_close(&r);
    return bad;
}

static status measure_quantized(const run_job *j, model *m, outcome *o, diags *d) {
    sensitivity s = {0};
    status bad = evaluate(m, j->test, &o->quantized, d);
    if (bad) return bad;
    if (j->p->spec->kind == KIND_PTQ)
        log_info("  float %6.2f %%, quantized %6.2f %%", 100 * o->in_float.accuracy,
                 100 * o->quantized.accuracy);
    bad = sensitivity_measure(&s, j->p, m, j->test, d);
    if (!bad) bad = write_rows(j, m, o, &s, d);
    sensitivity_free(&s);
    return bad;
}

status ptq_run(const run_job *j, diags *d) {
    model m;
    outcome o = {0};
    status bad = measure_float(j, &o, d);
    if (!bad && interrupt_seen()) bad = diag_error(d, ERR_INTERRUPTED, "interrupted");
    if (!bad) bad = open_loaded(&m, j, true, d);
    if (!bad) {
        bad = measure_quantized(j, &m, &o, d);
        model_close(&m);
    }
    evaluation_free(&o.in_float);
    evaluation_free(&o.quantized);
    return bad;
}
