#include "nn/ops.h"

#include <stdlib.h>

#include "nn/gemm.h"
#include "nn/layers.h"
#include "util/mem.h"
#include "util/rng.h"

/* ---- linear ---- */

/* The matrix of the weights as the last pass quantized them. */
static status update_matrix(integer_linear *s, diags *d) {
    const quant_site *w = s->weight;
    if (w == NULL || s->made_at == w->passes) return OK;
    const quantizer *q = &w->q;
    int64_t rows = q->rows_max;
    uint8_t *code = mem_aligned((size_t)(rows * q->cols));
    quantizer_encode(q, w->x, rows, w->meta, w->key, code);
    linear_close(&s->matrix);
    status bad = linear_open(&s->matrix, q, rows, code, w->meta, linear_form(q->info.n_levels), d);
    free(code);
    s->made_at = w->passes;
    return bad;
}

static status integer_forward(tape_node *n, const tape_pass *p, diags *d) {
    integer_linear *s = n->state;
    const quantizer *q = &s->input->q;
    const tape_value *b = n->in[2];
    int64_t rows = value_rows(n->in[0], p);
    status bad = update_matrix(s, d);
    if (bad) return bad;
    int8_t *x = mem_aligned((size_t)(rows * q->cols));
    float *scale = mem_aligned((size_t)rows * sizeof *scale);
    int32_t *zero = mem_aligned((size_t)rows * sizeof *zero);
    linear_quantize(q, s->input->x, rows, s->input->meta, x, scale, zero);
    linear_input in = {.x = x, .n = rows, .zero = zero, .scale = scale};
    linear_multiply(&s->matrix, &in, b != NULL ? b->x : NULL, n->out->x);
    s->products++;
    free(x);
    free(scale);
    free(zero);
    return OK;
}

static bool multiplies_integers(const integer_linear *s, const tape_pass *p) {
    return s != NULL && !p->training && (s->weight != NULL || s->matrix.w.rows > 0);
}

static status linear_op_forward(tape_node *n, const tape_pass *p, diags *d) {
    if (multiplies_integers(n->state, p)) return integer_forward(n, p, d);
    const tape_value *x = n->in[0], *w = n->in[1], *b = n->in[2];
    gemm_forward(n->out->x, x->x, w->x, b != NULL ? b->x : NULL, value_rows(x, p), x->cols,
                 w->rows);
    return OK;
}

static void linear_op_backward(tape_node *n, const tape_pass *p,
                               float *const din[TAPE_MAX_INPUTS]) {
    const tape_value *x = n->in[0], *w = n->in[1];
    int64_t B = value_rows(x, p);
    if (din[0] != NULL) gemm_backward_input(din[0], n->out->grad, w->x, B, x->cols, w->rows);
    if (din[1] != NULL) gemm_backward_weight(din[1], n->out->grad, x->x, B, x->cols, w->rows);
    if (din[2] != NULL) bias_backward(din[2], n->out->grad, B, w->rows);
}

tape_value *op_linear(tape *t, tape_value *x, tape_value *w, tape_value *bias) {
    return op_linear_of_integers(t, x, w, bias, NULL);
}

tape_value *op_linear_of_integers(tape *t, tape_value *x, tape_value *w, tape_value *bias,
                                  integer_linear *s) {
    static const tape_op linear = {.name = "linear",
                                   .forward = linear_op_forward,
                                   .backward = linear_op_backward};
    return tape_record(t, &linear, x, w, bias, w->rows, x, s);
}

/* ---- RMSNorm; state: rinv (rows) ---- */

static status rmsnorm_op_forward(tape_node *n, const tape_pass *p, diags *d) {
    (void)d;
    rmsnorm_forward(n->out->x, n->state, n->in[0]->x, value_rows(n->in[0], p), n->in[0]->cols);
    return OK;
}

static void rmsnorm_op_backward(tape_node *n, const tape_pass *p,
                                float *const din[TAPE_MAX_INPUTS]) {
    rmsnorm_backward(din[0], n->out->grad, n->out->x, n->state, value_rows(n->in[0], p),
                     n->in[0]->cols);
}

tape_value *op_rmsnorm(tape *t, tape_value *x) {
    static const tape_op rmsnorm = {.name = "rmsnorm",
                                    .forward = rmsnorm_op_forward,
                                    .backward = rmsnorm_op_backward,
                                    .free_state = free};
    int64_t rows = x->rows > 0 ? x->rows : t->max_rows;
    return tape_record(t, &rmsnorm, x, NULL, NULL, x->cols, x, mem_floats(rows));
}

/* ---- ReLU ---- */

static status relu_op_forward(tape_node *n, const tape_pass *p, diags *d) {
    (void)d;
    relu_forward(n->out->x, n->in[0]->x, value_rows(n->out, p) * n->out->cols);
    return OK;
}

static void relu_op_backward(tape_node *n, const tape_pass *p, float *const din[TAPE_MAX_INPUTS]) {
    relu_backward(din[0], n->out->grad, n->out->x, value_rows(n->out, p) * n->out->cols);
}

tape_value *op_relu(tape *t, tape_value *x) {
    static const tape_op relu = {.name = "relu",
                                 .forward = relu_op_forward,
                                 .backward = relu_op_backward,
                                 .backward_in_place = true};
    return tape_record(t, &relu, x, NULL, NULL, x->cols, x, NULL);
}

/* ---- fake quantization; state: the site ---- */

static status quantize_op_forward(tape_node *n, const tape_pass *p, diags *d) {
    quant_site *s = n->state;
    const tape_value *x = n->in[0];
    int64_t rows = value_rows(x, p);
    s->key = p->training ? rng_key(p->seed, RNG_SITE, s->id, p->step) : 0;
    s->x = x->x, s->passes++;
    status bad = quantizer_fake(&s->q, x->x, rows, s->key, s->meta, n->out->x, d);
    if (!bad && p->training)
        estimator_forward(&s->ste, &s->q, x->x, rows, s->meta, s->key, n->out->x);
    return bad;
}

static void quantize_op_backward(tape_node *n, const tape_pass *p,
                                 float *const din[TAPE_MAX_INPUTS]) {
    const quant_site *s = n->state;
    const tape_value *x = n->in[0];
    estimator_backward(&s->ste, &s->q, x->x, n->out->x, value_rows(x, p), s->meta, s->key,
                       n->out->grad, din[0]);
}

tape_value *op_quantize(tape *t, tape_value *x, quant_site *site) {
    static const tape_op quantize = {.name = "quantize",
                                     .quantizes = true,
                                     .backward_in_place = true,
                                     .forward = quantize_op_forward,
                                     .backward = quantize_op_backward};
    return tape_record(t, &quantize, x, NULL, NULL, x->cols, x, site);
}

status quant_site_open(quant_site *s, const quant_config *config, const plugin_choice *ste,
                       const char *name, bool activation, int64_t rows, int64_t cols, uint64_t id,
                       diags *d) {
    *s = (quant_site){.id = id};
    status bad = quantizer_open(&s->q, config, name, activation, rows, cols, d);
    if (bad) return bad;
    if (ste->plugin != NULL) bad = estimator_open(&s->ste, ste, &s->q, NULL, d);
    if (bad) {
        quantizer_close(&s->q);
        return bad;
    }
    s->q.data_error = ERR_FAILED;
    s->meta = mem_floats(quantizer_groups(&s->q, rows) * s->q.info.n_meta + 1);
    return OK;
}

void quant_site_close(quant_site *s) {
    if (s->meta == NULL) return; /* never opened */
    estimator_close(&s->ste);
    quantizer_close(&s->q);
    free(s->meta);
    *s = (quant_site){0};
}
