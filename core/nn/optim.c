#include "nn/optim.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/parallel.h"

enum { TASK_FLOATS = 16384 };

static int64_t count(const tape_value *p) { return p->rows * p->cols; }

static int64_t tasks_of(const tape_value *p) { return (count(p) + TASK_FLOATS - 1) / TASK_FLOATS; }

void optim_open(optim *o, const optim_config *c, tape_value *const *params, int n) {
    *o = (optim){.config = *c, .n = n, .params = mem_calloc((size_t)n, sizeof *o->params)};
    memcpy(o->params, params, (size_t)n * sizeof *params);
    o->m = mem_calloc((size_t)n, sizeof *o->m);
    o->v = mem_calloc((size_t)n, sizeof *o->v);
    for (int i = 0; i < n; i++) {
        if (c->type != OPTIM_SGD) o->m[i] = mem_floats(count(params[i]));
        if (c->type == OPTIM_ADAMW) o->v[i] = mem_floats(count(params[i]));
    }
}

void optim_close(optim *o) {
    for (int i = 0; i < o->n; i++) {
        free(o->m[i]);
        free(o->v[i]);
    }
    free(o->m);
    free(o->v);
    free(o->params);
    *o = (optim){0};
}

typedef struct job {
    const optim *o;
    float lr;
    float step, root; /* adamw: lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t) */
} job;

static void sgd(const job *j, int i, int64_t from, int64_t to) {
    float *w = j->o->params[i]->x;
    const float *g = j->o->params[i]->grad;
    float decay = j->o->params[i]->decays ? (float)j->o->config.weight_decay : 0;
    for (int64_t k = from; k < to; k++) w[k] -= j->lr * (g[k] + decay * w[k]);
}

static void momentum(const job *j, int i, int64_t from, int64_t to) {
    float *w = j->o->params[i]->x, *v = j->o->m[i], mu = (float)j->o->config.momentum;
    const float *g = j->o->params[i]->grad;
    float decay = j->o->params[i]->decays ? (float)j->o->config.weight_decay : 0;
    for (int64_t k = from; k < to; k++) {
        v[k] = mu * v[k] + (g[k] + decay * w[k]);
        w[k] -= j->lr * v[k];
    }
}

static void adamw(const job *j, int i, int64_t from, int64_t to) {
    const optim_config *c = &j->o->config;
    float *restrict w = j->o->params[i]->x, *restrict m = j->o->m[i], *restrict v = j->o->v[i];
    const float *restrict g = j->o->params[i]->grad;
    float b1 = (float)c->beta1, b2 = (float)c->beta2, eps = (float)c->eps;
    float a1 = (float)(1 - c->beta1), a2 = (float)(1 - c->beta2);
    float keep = j->o->params[i]->decays ? (float)(1 - (double)j->lr * c->weight_decay) : 1;
    for (int64_t k = from; k < to; k++) {
        m[k] = b1 * m[k] + a1 * g[k];
        v[k] = b2 * v[k] + a2 * (g[k] * g[k]);
        w[k] = keep * w[k] - j->step * m[k] / (sqrtf(v[k]) * j->root + eps);
    }
}

static void update(int64_t task, void *arg) {
    const job *j = arg;
    int i = 0;
    while (task >= tasks_of(j->o->params[i])) task -= tasks_of(j->o->params[i++]);
    int64_t from = task * TASK_FLOATS, n = count(j->o->params[i]);
    int64_t to = from + TASK_FLOATS < n ? from + TASK_FLOATS : n;
    static void (*const by_type[])(const job *, int, int64_t, int64_t) = {
        [OPTIM_SGD] = sgd, [OPTIM_MOMENTUM] = momentum, [OPTIM_ADAMW] = adamw};
    by_type[j->o->config.type](j, i, from, to);
}

void optim_step(optim *o, double lr) {
    job j = {.o = o, .lr = (float)lr};
    double t = (double)++o->steps;
    if (o->config.type == OPTIM_ADAMW) {
        j.step = (float)(lr / (1 - pow(o->config.beta1, t)));
        j.root = (float)(1 / sqrt(1 - pow(o->config.beta2, t)));
    }
    int64_t tasks = 0;
    for (int i = 0; i < o->n; i++) tasks += tasks_of(o->params[i]);
    parallel_for(tasks, update, &j);
}
