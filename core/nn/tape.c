#include "nn/tape.h"

#include <stdlib.h>

#include "util/clock.h"
#include "util/mem.h"

void tape_open(tape *t, int64_t max_rows) { *t = (tape){.max_rows = max_rows}; }

void tape_close(tape *t) {
    for (int i = 0; i < t->n_nodes; i++) {
        tape_node *n = t->nodes[i];
        if (n->op->free_state != NULL) n->op->free_state(n->state);
        free(n);
    }
    for (int i = 0; i < t->n_values; i++) {
        tape_value *v = t->values[i];
        free(v->name);
        free(v);
    }
    free(t->nodes);
    free(t->values);
    arena_fini(&t->buffers);
    *t = (tape){0};
}

static tape_value *add_value(tape *t, tape_value v) {
    tape_value *own = mem_calloc(1, sizeof *own);
    *own = v;
    t->values = mem_realloc(t->values, (size_t)(t->n_values + 1) * sizeof *t->values);
    t->values[t->n_values++] = own;
    return own;
}

tape_value *tape_input(tape *t, int64_t cols) { return add_value(t, (tape_value){.cols = cols}); }

tape_value *tape_param(tape *t, const char *name, int64_t rows, int64_t cols, bool decays) {
    return add_value(t, (tape_value){.name = mem_strdup(name),
                                     .rows = rows,
                                     .cols = cols,
                                     .decays = decays,
                                     .of_params = true,
                                     .wants_grad = true});
}

tape_value *tape_record(tape *t, const tape_op *kind, tape_value *a, tape_value *b, tape_value *c,
                        int64_t cols, const tape_value *rows_of, void *state) {
    tape_value v = {.rows = rows_of->rows, .cols = cols, .of_params = true};
    tape_node *n = mem_calloc(1, sizeof *n);
    *n = (tape_node){.op = kind, .in = {a, b, c}, .state = state};
    for (int i = 0; i < TAPE_MAX_INPUTS; i++) {
        if (n->in[i] == NULL) continue;
        n->in[i]->uses++;
        v.of_params &= n->in[i]->of_params;
        v.wants_grad |= n->in[i]->wants_grad;
    }
    n->out = add_value(t, v);
    t->nodes = mem_realloc(t->nodes, (size_t)(t->n_nodes + 1) * sizeof *t->nodes);
    t->nodes[t->n_nodes++] = n;
    return n->out;
}

static int64_t floats_of(const tape *t, const tape_value *v) {
    return (v->rows > 0 ? v->rows : t->max_rows) * v->cols;
}

/* Where backward works in place and the input has no other use, both gradients
 * live in one buffer: a straight-through estimator then moves nothing. */
static bool can_share(const tape_node *n) {
    return n->op->backward_in_place && n->in[0]->uses == 1 && n->in[0]->wants_grad;
}

void tape_finish(tape *t) {
    int64_t largest = 0;
    for (int i = 0; i < t->n_nodes; i++) t->nodes[i]->out->shares_grad = can_share(t->nodes[i]);
    for (int i = 0; i < t->n_values; i++) {
        tape_value *v = t->values[i];
        int64_t n = floats_of(t, v);
        v->x = arena_floats(&t->buffers, n);
        if (v->wants_grad && !v->shares_grad) v->grad = arena_floats(&t->buffers, n);
        if (v->uses > 1 && n > largest) largest = n;
    }
    for (int i = 0; i < t->n_nodes; i++) {
        tape_node *n = t->nodes[i];
        if (n->out->shares_grad) n->out->grad = n->in[0]->grad;
    }
    for (int i = 0; i < TAPE_MAX_INPUTS && largest > 0; i++)
        t->scratch[i] = arena_floats(&t->buffers, largest);
}

void tape_params_changed(tape *t) {
    for (int i = 0; i < t->n_nodes; i++) t->nodes[i]->fresh = false;
}

int64_t value_rows(const tape_value *v, const tape_pass *p) {
    return v->rows > 0 ? v->rows : p->rows;
}

status tape_forward(tape *t, const tape_pass *p, diags *d) {
    return tape_forward_part(t, 0, t->n_nodes, p, d);
}

status tape_forward_part(tape *t, int from, int to, const tape_pass *p, diags *d) {
    for (int i = from; i < to; i++) {
        tape_node *n = t->nodes[i];
        if (n->fresh) continue;
        double start = clock_seconds();
        status bad = n->op->forward(n, p, d);
        if (bad) return bad;
        n->fresh = n->out->of_params;
        t->seconds[n->op->quantizes ? PHASE_QUANTIZE : PHASE_FORWARD] += clock_seconds() - start;
    }
    return OK;
}

/* The first use of a value writes its gradient, the others add to it. */
static void backward_node(tape *t, tape_node *n, const tape_pass *p) {
    float *din[TAPE_MAX_INPUTS] = {NULL};
    bool adds[TAPE_MAX_INPUTS] = {false};
    for (int i = 0; i < TAPE_MAX_INPUTS; i++) {
        tape_value *v = n->in[i];
        if (v == NULL || !v->wants_grad) continue;
        adds[i] = v->grad_written;
        din[i] = adds[i] ? t->scratch[i] : v->grad;
        v->grad_written = true;
    }
    n->op->backward(n, p, din);
    for (int i = 0; i < TAPE_MAX_INPUTS; i++) {
        if (!adds[i]) continue;
        int64_t count = value_rows(n->in[i], p) * n->in[i]->cols;
        for (int64_t k = 0; k < count; k++) n->in[i]->grad[k] += t->scratch[i][k];
    }
}

void tape_backward(tape *t, const tape_pass *p) {
    for (int i = 0; i < t->n_values; i++) t->values[i]->grad_written = false;
    for (int i = t->n_nodes - 1; i >= 0; i--) {
        tape_node *n = t->nodes[i];
        if (!n->out->wants_grad) continue;
        double start = clock_seconds();
        backward_node(t, n, p);
        t->seconds[n->op->quantizes ? PHASE_QUANTIZE : PHASE_BACKWARD] += clock_seconds() - start;
    }
}
