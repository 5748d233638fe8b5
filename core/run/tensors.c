#include "run/tensors.h"

#include <math.h>
#include <stdlib.h>

#include "io/tensor_file.h"
#include "run/interrupt.h"
#include "run/record.h"
#include "util/mem.h"

typedef struct work {
    const run_job *j;
    tensor_set *set;
    tensor_metrics *measured; /* of each; zeroed where it stays float */
    double signal, noise;     /* sums of squares over all that were quantized */
    int64_t quantized;        /* elements */
} work;

static status measure(work *w, int i, const float *x, diags *d) {
    const plan_layer *l = &w->j->p->layers[i];
    w->measured[i].packed_bytes = l->desc.params * 4;
    if (l->quant.weights.scheme.plugin == NULL) return OK;
    quantizer q;
    status bad =
        quantizer_open(&q, &l->quant.weights, l->desc.name, false, l->desc.out, l->desc.in, d);
    if (bad) return bad;
    params_set_live(&q.scheme.choice, q.scheme.self, 1);
    bad = record_measure(&q, &l->quant.packer, x, l->desc.out, d, &w->measured[i]);
    quantizer_close(&q);
    double square;
    simd_kernels()->sum_sq(x, 1, l->desc.params, &square);
    w->signal += square;
    w->noise += w->measured[i].mse * (double)l->desc.params;
    w->quantized += l->desc.params;
    return bad;
}

/* The file may be another one by now. */
static status check_shape(const work *w, int i, diags *d) {
    const layer_desc *l = &w->j->p->layers[i].desc;
    int64_t rows = 0, cols = 0;
    if (i < tensor_set_count(w->set)) tensor_set_shape(w->set, i, &rows, &cols);
    if (rows == l->out && cols == l->in) return OK;
    return diag_error(d, ERR_INPUT, "%s: the file has changed", w->j->p->source.path);
}

static status measure_all(work *w, diags *d) {
    status bad = OK;
    for (int i = 0; i < w->j->p->n_layers && !bad; i++) {
        float *x;
        if (interrupt_seen()) return diag_error(d, ERR_INTERRUPTED, "interrupted at tensor %d", i);
        bad = check_shape(w, i, d);
        if (!bad) bad = tensor_set_floats(w->set, i, w->j->seed, d, &x);
        if (bad) break;
        bad = measure(w, i, x, d);
        free(x);
    }
    return bad;
}

static status write_rows(const work *w, diags *d) {
    const run_job *j = w->j;
    int64_t packed = 0;
    store_begin(j->s);
    for (int i = 0; i < j->p->n_layers; i++) {
        const plan_layer *l = &j->p->layers[i];
        const int64_t shape[] = {l->desc.out, l->desc.in};
        char *text = tensor_shape_text(shape, 2);
        store_layer(j->s, j->run, i, l->desc.name, l->desc.type, text, l->desc.params, 0);
        free(text);
        if (l->weights.scheme != NULL)
            record_quantizer(j, i, "weight", l, &l->weights, &w->measured[i]);
        packed += w->measured[i].packed_bytes;
    }
    record_size(j, j->p->params, packed);
    if (w->quantized > 0) {
        store_final(j->s, j->run, "mse", "model", w->noise / (double)w->quantized, w->quantized);
        store_final(j->s, j->run, "sqnr_db", "model", 10 * log10(w->signal / w->noise),
                    w->quantized);
    }
    return store_commit(j->s, d);
}

status tensors_run(const run_job *j, diags *d) {
    work w = {.j = j, .measured = mem_calloc((size_t)j->p->n_layers, sizeof *w.measured)};
    status bad = tensor_set_open(&j->p->source, d, &w.set);
    if (!bad) bad = measure_all(&w, d);
    if (!bad) bad = write_rows(&w, d);
    tensor_set_close(w.set);
    free(w.measured);
    return bad;
}
