#include "nn/optim.h"

#include <float.h>
#include <math.h>

#include "util/parallel.h"

enum { SLICES = 64 };

static int64_t count(const tape_value *p) { return p->rows * p->cols; }

void optim_open(optim *o, const optim_config *c, tape_value *const *params, int n) {
    *o = (optim){.config = *c, .n = n};
    o->params = arena_alloc(&o->buffers, (size_t)n * sizeof *o->params);
    o->m = arena_alloc(&o->buffers, (size_t)n * sizeof *o->m);
    o->v = arena_alloc(&o->buffers, (size_t)n * sizeof *o->v);
    for (int i = 0; i < n; i++) {
        o->params[i] = params[i];
        if (c->type != OPTIM_SGD) o->m[i] = arena_floats(&o->buffers, count(params[i]));
        if (c->type == OPTIM_ADAMW) o->v[i] = arena_floats(&o->buffers, count(params[i]));
    }
}

void optim_close(optim *o) {
    arena_fini(&o->buffers);
    *o = (optim){0};
}

typedef struct job {
    const optim *o;
    float lr;
    float step, root; /* adamw: lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t) */
} job;

/* A moment whose gradient stays 0 (an input that is always 0, a dead unit) decays
 * into subnormal numbers and would stay there, 100 times slower to compute with. */
static float normal(float x) { return fabsf(x) < FLT_MIN ? 0 : x; }

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
        v[k] = normal(mu * v[k] + (g[k] + decay * w[k]));
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
        m[k] = normal(b1 * m[k] + a1 * g[k]);
        v[k] = normal(b2 * v[k] + a2 * (g[k] * g[k]));
        w[k] = keep * w[k] - j->step * m[k] / (sqrtf(v[k]) * j->root + eps);
    }
}

/* Slice i of SLICES of every parameter: the rows of a matrix that a thread updates
 * are about those whose gradient it computed (gemm.c), so they are in its cache. */
static void update(int64_t slice, void *arg) {
    const job *j = arg;
    static void (*const by_type[])(const job *, int, int64_t, int64_t) = {
        [OPTIM_SGD] = sgd, [OPTIM_MOMENTUM] = momentum, [OPTIM_ADAMW] = adamw};
    for (int i = 0; i < j->o->n; i++) {
        int64_t n = count(j->o->params[i]);
        by_type[j->o->config.type](j, i, n * slice / SLICES, n * (slice + 1) / SLICES);
    }
}

void optim_step(optim *o, double lr) {
    job j = {.o = o, .lr = (float)lr};
    double t = (double)++o->steps;
    if (o->config.type == OPTIM_ADAMW) {
        j.step = (float)(lr / (1 - pow(o->config.beta1, t)));
        j.root = (float)(1 / sqrt(1 - pow(o->config.beta2, t)));
    }
    parallel_for(SLICES, update, &j);
}
