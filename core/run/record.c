#include "run/record.h"

#include <stdlib.h>

#include "io/safetensors.h"
#include "run/pack_model.h"
#include "util/files.h"
#include "util/mem.h"

/* ---- measuring ---- */

static status measure_with(const quantizer *q, const packing *k, const float *x, int64_t rows,
                           diags *d, tensor_metrics *m) {
    quant_packed o;
    status bad = quant_packed_open(&o, q, k, rows, true, d);
    if (bad) return bad;
    bad = quant_pack(q, k, x, rows, 0, true, d, &o);
    if (!bad) *m = tensor_metrics_of(q, x, &o, rows);
    quant_packed_close(&o);
    return bad;
}

status record_measure(const quantizer *q, const plugin_choice *packer, const float *x, int64_t rows,
                      diags *d, tensor_metrics *m) {
    packing k;
    status bad = packing_open(&k, packer, q->info.n_levels, q->info.zero_code, NULL, d);
    if (bad) return bad;
    bad = measure_with(q, &k, x, rows, d, m);
    packing_close(&k);
    return bad;
}

/* The latent weights, as equal runs share them: no time, path or name of a run. */
static status save_weights(record *r, const run_job *j, const model *m, diags *d) {
    tape_value *params[2 * MODEL_MAX_LAYERS];
    named_floats tensors[2 * MODEL_MAX_LAYERS];
    int n = model_params(m, params);
    for (int i = 0; i < n; i++) {
        bool vector = params[i]->rows == 1 && path_has_suffix(params[i]->name, ".bias");
        tensors[i] = (named_floats){.name = params[i]->name,
                                    .n_dims = vector ? 1 : 2,
                                    .data = params[i]->x,
                                    .shape = {params[i]->rows, params[i]->cols}};
        if (vector) tensors[i].shape[0] = params[i]->cols;
    }
    char *path = path_join(j->dir, "weights.safetensors");
    status bad = safetensors_write(path, tensors, n, d, r->sha256, &r->bytes);
    free(path);
    return bad;
}

/* Writes the packed model and has another process predict from it. */
static status save_packed(record *r, const run_job *j, model *m, const evaluation *own, diags *d) {
    char *path = path_join(j->dir, "model.packed.safetensors");
    status bad = pack_model(m, j->p, path, d, r->packed_sha256, &r->packed_file_bytes);
    if (!bad)
        bad = parity_measure(&(parity_job){.packed = path,
                                           .dir = j->dir,
                                           .test = &j->p->test,
                                           .own = own,
                                           .samples = j->p->spec->verify.packed_parity.samples},
                             &r->parity, d);
    free(path);
    return bad;
}

status record_open(record *r, const run_job *j, model *m, const evaluation *own, diags *d) {
    *r = (record){.measured = mem_calloc((size_t)m->n_layers, sizeof *r->measured),
                  .histograms = mem_calloc((size_t)m->n_layers, sizeof *r->histograms)};
    status bad = OK;
    for (int i = 0; i < m->n_layers && !bad; i++) {
        const model_layer *l = &m->layers[i];
        const plugin_choice *packer = &j->p->layers[i].quant.packer;
        int64_t n = l->desc.out * l->desc.in;
        if (l->weight_site.meta != NULL)
            bad = record_measure(&l->weight_site.q, packer, l->weight->x, l->desc.out, d,
                                 &r->measured[i]);
        else
            r->measured[i].packed_bytes = n * 4;
        if (!bad) bad = histogram_weights(l, d, &r->histograms[i]);
        r->weights += n, r->packed_bytes += r->measured[i].packed_bytes;
    }
    if (!bad) bad = save_weights(r, j, m, d);
    return bad ? bad : save_packed(r, j, m, own, d);
}

status record_verdict(const record *r, const run_job *j, diags *d) {
    return parity_verdict(&r->parity, j->p->spec->verify.packed_parity.tolerance, d);
}

void record_close(record *r) {
    free(r->measured);
    free(r->histograms);
    *r = (record){0};
}

/* ---- rows ---- */

static void record_metrics(const run_job *j, int layer, const tensor_metrics *m) {
    const struct {
        const char *name;
        double value;
    } rows[] = {
        {"mse", m->mse},
        {"mae", m->mae},
        {"max_abs_error", m->max_abs_error},
        {"sqnr_db", m->sqnr_db},
        {"cosine", m->cosine},
        {"sparsity", m->sparsity},
        {"code_entropy", m->code_entropy},
        {"nominal_bits", m->nominal_bits},
        {"bits_per_weight", m->bits_per_weight},
        {"packed_bytes", (double)m->packed_bytes},
        {"compression_vs_f32", m->vs_f32},
        {"compression_vs_i8", m->vs_i8},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        store_layer_metric(j->s, j->run, layer, "weight", rows[i].name, rows[i].value);
}

void record_quantizer(const run_job *j, int layer, const char *site, const plan_layer *pl,
                      const plan_site *p, const tensor_metrics *m) {
    store_quantizer row = {.site = site,
                           .scheme = p->scheme,
                           .params = p->params,
                           .granularity = p->granularity,
                           .ste = pl->ste,
                           .n_levels = p->n_levels,
                           .rule_line = pl->rule_line,
                           .group_size = p->group_size,
                           .n_groups = p->n_groups,
                           .bits_per_weight = NAN};
    if (m != NULL) {
        row.packer = pl->packer;
        row.packed_bytes = m->packed_bytes;
        row.bits_per_weight = m->bits_per_weight;
    }
    store_quantizer_row(j->s, j->run, layer, &row);
    if (m != NULL) record_metrics(j, layer, m);
}

void record_size(const run_job *j, int64_t weights, int64_t packed_bytes) {
    store_final(j->s, j->run, "bits_per_weight", "model",
                (double)packed_bytes * 8 / (double)weights, 0);
    store_final(j->s, j->run, "packed_bytes", "model", (double)packed_bytes, 0);
}

void record_rows(const record *r, const run_job *j) {
    for (int i = 0; i < j->p->n_layers; i++) {
        const plan_layer *pl = &j->p->layers[i];
        const int64_t shape[] = {pl->desc.out, pl->desc.in};
        char *text = tensor_shape_text(shape, 2);
        store_layer(j->s, j->run, i, pl->desc.name, pl->desc.type, text, pl->desc.params,
                    pl->desc.macs);
        free(text);
        if (pl->weights.scheme != NULL)
            record_quantizer(j, i, "weight", pl, &pl->weights, &r->measured[i]);
        if (pl->input.scheme != NULL) record_quantizer(j, i, "input", pl, &pl->input, NULL);
        histogram_record(j->s, j->run, i, j->p->steps, &r->histograms[i]);
    }
    record_size(j, r->weights, r->packed_bytes);
    char *path = path_join(j->rel, "weights.safetensors");
    store_artifact(j->s, j->run, "weights", path, r->sha256, r->bytes);
    free(path);
    path = path_join(j->rel, "model.packed.safetensors");
    store_artifact(j->s, j->run, "packed", path, r->packed_sha256, r->packed_file_bytes);
    free(path);
    const parity_result *p = &r->parity;
    store_final(j->s, j->run, "parity_samples", "model", (double)p->samples, p->samples);
    store_final(j->s, j->run, "parity_differences", "model", (double)p->differences, p->samples);
}
