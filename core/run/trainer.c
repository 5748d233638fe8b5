#include "run/trainer.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "simd/kernels.h"
#include "run/evaluate.h"
#include "util/clock.h"
#include "util/mem.h"
#include "util/rng.h"

const char *const trainer_phase_name[STEP_PHASES] = {"data", "quantize", "forward", "backward",
                                                     "optimizer"};

status trainer_open(trainer *t, const plan *p, const dataset *train, uint64_t seed, diags *d) {
    *t = (trainer){.p = p, .train = train, .seed = seed, .order_epoch = -1};
    layer_quant quant[MODEL_MAX_LAYERS];
    int64_t rows = p->spec->data.batch > EVALUATE_ROWS ? p->spec->data.batch : EVALUATE_ROWS;
    for (int i = 0; i < p->n_layers; i++) quant[i] = p->layers[i].quant;
    status bad = model_open(&t->m, &p->model, quant, rows, seed, d);
    if (bad) return bad;
    tape_value *params[2 * MODEL_MAX_LAYERS];
    optim_open(&t->o, &p->optim, params, model_params(&t->m, params));
    t->order = mem_calloc((size_t)train->n, sizeof *t->order);
    t->label = mem_calloc((size_t)rows, sizeof *t->label);
    return OK;
}

void trainer_close(trainer *t) {
    optim_close(&t->o);
    model_close(&t->m);
    free(t->order);
    free(t->label);
    *t = (trainer){0};
}

double trainer_lr(const trainer *t) {
    return schedule_value(&t->p->lr, t->p->optim.lr, t->step, t->p->steps);
}

static int64_t load_batch(trainer *t) {
    int64_t epoch = t->step / t->p->steps_per_epoch, at = t->step % t->p->steps_per_epoch;
    int64_t batch = t->p->spec->data.batch, from = at * batch;
    int64_t n = t->train->n - from < batch ? t->train->n - from : batch;
    if (epoch != t->order_epoch) {
        rng_permutation(rng_key(t->seed, RNG_SHUFFLE, (uint64_t)epoch, 0), t->train->n, t->order);
        t->order_epoch = epoch;
    }
    dataset_gather(t->train, t->order + from, n, t->m.input->x, t->label);
    return n;
}

status trainer_step(trainer *t, double *loss_sum, int64_t *n, diags *d) {
    double start = clock_seconds();
    *n = load_batch(t);
    t->own_seconds[STEP_DATA] += clock_seconds() - start;
    model_set_progress(&t->m, (double)t->step / (double)t->p->steps);
    tape_pass p = {.rows = *n, .training = true, .seed = t->seed, .step = (uint64_t)t->step};
    status bad = model_forward(&t->m, &p, t->label, loss_sum, d);
    if (bad) return bad;
    if (!isfinite(*loss_sum)) {
        diag_error(d, ERR_FAILED, "diverged: the loss is not finite at step %" PRId64, t->step);
        diag_hint(d, "a lower optimizer.lr or a warm-up usually helps");
        return ERR_FAILED;
    }
    model_backward(&t->m, &p, t->label);
    start = clock_seconds();
    optim_step(&t->o, trainer_lr(t));
    tape_params_changed(&t->m.t);
    t->own_seconds[STEP_OPTIMIZER] += clock_seconds() - start;
    t->step++;
    return OK;
}

status trainer_check_weights(const trainer *t, diags *d) {
    tape_value *params[2 * MODEL_MAX_LAYERS];
    int n = model_params(&t->m, params);
    for (int i = 0; i < n; i++) {
        int64_t count = params[i]->rows * params[i]->cols;
        int64_t bad = simd_kernels()->find_nonfinite(params[i]->x, count);
        if (bad == count) continue;
        diag_error(d, ERR_FAILED, "diverged: element %" PRId64 " of %s is not finite", bad,
                   params[i]->name);
        diag_hint(d, "a lower optimizer.lr or a warm-up usually helps");
        return ERR_FAILED;
    }
    return OK;
}

void trainer_seconds(const trainer *t, double seconds[STEP_PHASES]) {
    for (int i = 0; i < STEP_PHASES; i++) seconds[i] = t->own_seconds[i];
    seconds[STEP_QUANTIZE] += t->m.t.seconds[PHASE_QUANTIZE];
    seconds[STEP_FORWARD] += t->m.t.seconds[PHASE_FORWARD];
    seconds[STEP_BACKWARD] += t->m.t.seconds[PHASE_BACKWARD];
}
