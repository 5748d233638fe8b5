/*
 * nn/tape.h - reverse-mode differentiation: a list of operations, run forward and
 * then backward.
 *
 * The graph is recorded once and replayed each step with as many rows as the
 * batch has. Values that depend on parameters alone (quantized weights) are
 * computed once until tape_params_changed().
 */
#ifndef NN_TAPE_H
#define NN_TAPE_H

#include <stdbool.h>
#include <stdint.h>

#include "util/arena.h"
#include "util/err.h"

enum { TAPE_MAX_INPUTS = 3 };

/* A matrix that operations read and write. Owned by the tape. */
typedef struct tape_value {
    char *name;   /* of a parameter: "fc1.weight"; else NULL */
    float *x;     /* (rows, cols); a parameter has all its rows, else the batch's */
    float *grad;  /* as x; NULL where no gradient is wanted */
    int64_t rows; /* of a parameter; 0: those of the batch */
    int64_t cols;
    bool decays;    /* a parameter: weight decay applies */
    bool of_params; /* depends on parameters alone */
    /* bookkeeping of the tape */
    bool wants_grad, shares_grad, grad_written;
    int uses;
} tape_value;

typedef struct tape_pass { /* one run through the tape */
    int64_t rows;          /* of the batch */
    bool training;
    uint64_t seed, step; /* for random numbers; training only */
} tape_pass;

typedef enum tape_phase {
    PHASE_QUANTIZE = 0,
    PHASE_FORWARD,
    PHASE_BACKWARD,
    TAPE_PHASES
} tape_phase;

typedef struct tape_node tape_node;

typedef struct tape_op {
    const char *name;
    bool quantizes; /* its time counts as PHASE_QUANTIZE */
    /* backward() may write its input's gradient over its output's */
    bool backward_in_place;
    status (*forward)(tape_node *n, const tape_pass *p, diags *d);
    /* Writes (does not add) dL/d in[i] to din[i] where that is not NULL. */
    void (*backward)(tape_node *n, const tape_pass *p, float *const din[TAPE_MAX_INPUTS]);
    void (*free_state)(void *state);
} tape_op;

struct tape_node {
    const tape_op *op;
    tape_value *in[TAPE_MAX_INPUTS]; /* NULL: absent */
    tape_value *out;
    void *state;
    bool fresh; /* out->x of a node of_params is up to date */
};

typedef struct tape {
    tape_value **values;
    tape_node **nodes;
    int n_values, n_nodes;
    int64_t max_rows;
    float *scratch[TAPE_MAX_INPUTS]; /* for gradients of values with several uses */
    arena buffers;
    double seconds[TAPE_PHASES]; /* spent since tape_open() */
} tape;

void tape_open(tape *t, int64_t max_rows);
void tape_close(tape *t);

tape_value *tape_input(tape *t, int64_t cols);
tape_value *tape_param(tape *t, const char *name, int64_t rows, int64_t cols, bool decays);
/* Records an operation; takes state. The result has the rows of `rows_of`. */
tape_value *tape_record(tape *t, const tape_op *kind, tape_value *a, tape_value *b, tape_value *c,
                        int64_t cols, const tape_value *rows_of, void *state);
/* Allocates everything. No recording afterwards. */
void tape_finish(tape *t);

void tape_params_changed(tape *t);
int64_t value_rows(const tape_value *v, const tape_pass *p);

status tape_forward(tape *t, const tape_pass *p, diags *d);
/* Only the operations [from, to): the others' values stand as they are. */
status tape_forward_part(tape *t, int from, int to, const tape_pass *p, diags *d);
/* out->grad has been set by the caller; out is the last value recorded. */
void tape_backward(tape *t, const tape_pass *p);

#endif
