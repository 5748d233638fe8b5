#include "run/qat.h"

#include <inttypes.h>
#include <stdlib.h>

#include "io/safetensors.h"
#include "quant/metrics.h"
#include "run/histogram.h"
#include "run/interrupt.h"
#include "run/progress.h"
#include "run/trainer.h"
#include "util/clock.h"
#include "util/files.h"
#include "util/log.h"
#include "util/mem.h"

/* ---- training ---- */

/* What has been seen since the last point of the series. */
typedef struct stretch {
    double loss_sum;
    int64_t samples;
} stretch;

typedef struct progress {
    stretch point, epoch; /* since the last point, since the last evaluation */
    double train_seconds; /* without evaluations */
    int64_t samples;
    double accuracy, loss, train_loss; /* of the last evaluation */
} progress;

static double mean(const stretch *s) {
    return s->samples > 0 ? s->loss_sum / (double)s->samples : 0;
}

/* About 20 points an epoch. */
static int64_t steps_of_point(const plan *p) {
    return p->steps_per_epoch > 20 ? p->steps_per_epoch / 20 : 1;
}

static double epoch_of(const plan *p, int64_t step) {
    return (double)step / (double)p->steps_per_epoch;
}

static status record_point(const qat_job *j, const trainer *t, progress *g, diags *d) {
    double epoch = epoch_of(j->p, t->step);
    status bad =
        store_metric(j->s, j->run, -1, t->step, epoch, "loss", "train", mean(&g->point), d);
    if (!bad) bad = store_metric(j->s, j->run, -1, t->step, epoch, "lr", "train", trainer_lr(t), d);
    g->point = (stretch){0};
    return bad;
}

static status evaluate(const qat_job *j, trainer *t, progress *g, diags *d) {
    status bad = trainer_evaluate(t, j->test, &g->accuracy, &g->loss, d);
    if (bad) return bad;
    double epoch = epoch_of(j->p, t->step);
    g->train_loss = mean(&g->epoch);
    char speed[32];
    str_thousands(speed, (int64_t)((double)g->samples / g->train_seconds));
    void (*say)(const char *fmt, ...) = j->talkative ? log_info : log_verbose;
    say("  epoch %-5.4g loss %.4f  test loss %.4f  accuracy %6.2f %%  %s samples/s", epoch,
        g->train_loss, g->loss, 100 * g->accuracy, speed);
    bad = store_metric(j->s, j->run, -1, t->step, epoch, "accuracy", "test", g->accuracy, d);
    if (!bad) bad = store_metric(j->s, j->run, -1, t->step, epoch, "loss", "test", g->loss, d);
    g->epoch = (stretch){0};
    return bad;
}

static void add(stretch *s, double loss_sum, int64_t n) {
    s->loss_sum += loss_sum;
    s->samples += n;
}

static status train(const qat_job *j, trainer *t, progress *g, diags *d) {
    const plan *p = j->p;
    while (t->step < p->steps) {
        if (interrupt_seen())
            return diag_error(d, ERR_INTERRUPTED, "interrupted at step %" PRId64, t->step);
        double start = clock_seconds(), loss_sum;
        int64_t n;
        status bad = trainer_step(t, &loss_sum, &n, d);
        if (bad) return bad;
        g->train_seconds += clock_seconds() - start;
        g->samples += n;
        add(&g->point, loss_sum, n);
        add(&g->epoch, loss_sum, n);
        progress_step(t->step, p->steps, (double)g->samples / g->train_seconds);
        bool last = t->step == p->steps;
        if (t->step % steps_of_point(p) == 0 || last) bad = record_point(j, t, g, d);
        if (!bad && (t->step % p->eval_every == 0 || last)) bad = evaluate(j, t, g, d);
        if (bad) return bad;
    }
    return OK;
}

/* ---- what came out ---- */

static void record_metrics(const qat_job *j, int layer, const tensor_metrics *m) {
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

/* Quantizes, packs and measures the final weights of a layer. */
static status measure_weights(const model_layer *l, const plan_layer *pl, diags *d,
                              tensor_metrics *m) {
    const quantizer *q = &l->weight_site.q;
    int64_t rows = l->desc.out;
    float *meta = mem_floats(quantizer_groups(q, rows) * q->info.n_meta + 1);
    uint8_t *code = mem_aligned((size_t)(rows * l->desc.in));
    packing k;
    status bad = packing_open(&k, &pl->quant.packer, q->info.n_levels, q->info.zero_code, NULL, d);
    if (!bad) {
        bad = quantizer_fit(q, l->weight->x, rows, meta, d);
        if (!bad) {
            quantizer_encode(q, l->weight->x, rows, meta, 0, code);
            bad = tensor_metrics_measure(q, &k, l->weight->x, code, meta, rows, d, m);
        }
        packing_close(&k);
    }
    free(meta);
    free(code);
    return bad;
}

static void record_quantizer(const qat_job *j, int layer, const char *site, const plan_layer *pl,
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
}

static status record_layers(const qat_job *j, const trainer *t, const tensor_metrics *measured,
                            const weight_histogram *histograms) {
    for (int i = 0; i < j->p->n_layers; i++) {
        const plan_layer *pl = &j->p->layers[i];
        const int64_t shape[] = {pl->desc.out, pl->desc.in};
        char *text = tensor_shape_text(shape, 2);
        store_layer(j->s, j->run, i, pl->desc.name, pl->desc.type, text, pl->desc.params,
                    pl->desc.macs);
        free(text);
        bool weights = t->m.layers[i].weight_site.meta != NULL;
        if (weights) {
            record_quantizer(j, i, "weight", pl, &pl->weights, &measured[i]);
            record_metrics(j, i, &measured[i]);
        }
        if (t->m.layers[i].input_site.meta != NULL)
            record_quantizer(j, i, "input", pl, &pl->input, NULL);
        histogram_record(j->s, j->run, i, t->step, &histograms[i]);
    }
    return OK;
}

/* The latent weights, as equal runs share them: no time, path or name of a run. */
static status save_weights(const qat_job *j, const trainer *t, diags *d, char sha256[HASH_HEX],
                           int64_t *bytes) {
    tape_value *params[2 * MODEL_MAX_LAYERS];
    named_floats tensors[2 * MODEL_MAX_LAYERS];
    int n = model_params(&t->m, params);
    for (int i = 0; i < n; i++) {
        bool vector = params[i]->rows == 1 && path_has_suffix(params[i]->name, ".bias");
        tensors[i] = (named_floats){.name = params[i]->name,
                                    .n_dims = vector ? 1 : 2,
                                    .data = params[i]->x,
                                    .shape = {params[i]->rows, params[i]->cols}};
        if (vector) tensors[i].shape[0] = params[i]->cols;
    }
    char *path = path_join(j->dir, "weights.safetensors");
    status bad = safetensors_write(path, tensors, n, d, sha256, bytes);
    free(path);
    return bad;
}

static status finish(const qat_job *j, trainer *t, const progress *g, diags *d) {
    tensor_metrics measured[MODEL_MAX_LAYERS];
    weight_histogram *histograms = mem_calloc((size_t)j->p->n_layers, sizeof *histograms);
    int64_t weights = 0, packed = 0;
    status bad = OK;
    for (int i = 0; i < j->p->n_layers && !bad; i++) {
        const plan_layer *pl = &j->p->layers[i];
        int64_t n = pl->desc.out * pl->desc.in;
        if (t->m.layers[i].weight_site.meta != NULL)
            bad = measure_weights(&t->m.layers[i], pl, d, &measured[i]);
        else
            measured[i].packed_bytes = n * 4;
        if (!bad) bad = histogram_weights(&t->m.layers[i], d, &histograms[i]);
        weights += n, packed += bad ? 0 : measured[i].packed_bytes;
    }
    char sha256[HASH_HEX];
    int64_t bytes;
    if (!bad) bad = save_weights(j, t, d, sha256, &bytes);
    if (bad) {
        free(histograms);
        return bad;
    }
    char *path = path_join(j->rel, "weights.safetensors");
    store_begin(j->s);
    record_layers(j, t, measured, histograms);
    free(histograms);
    store_final(j->s, j->run, "accuracy", "test", g->accuracy, j->test->n);
    store_final(j->s, j->run, "loss", "test", g->loss, j->test->n);
    store_final(j->s, j->run, "loss", "train", g->train_loss, 0);
    store_final(j->s, j->run, "samples_per_second", "train", (double)g->samples / g->train_seconds,
                g->samples);
    store_final(j->s, j->run, "bits_per_weight", "model", (double)packed * 8 / (double)weights, 0);
    store_final(j->s, j->run, "packed_bytes", "model", (double)packed, 0);
    store_artifact(j->s, j->run, "weights", path, sha256, bytes);
    free(path);
    return store_commit(j->s, d);
}

status qat_run(const qat_job *j, diags *d) {
    trainer t;
    progress g = {0};
    status bad = trainer_open(&t, j->p, j->train, j->seed, d);
    if (bad) return bad;
    bad = train(j, &t, &g, d);
    if (!bad) bad = trainer_check_weights(&t, d);
    if (!bad) bad = store_flush(j->s, d);
    if (!bad) bad = finish(j, &t, &g, d);
    trainer_close(&t);
    return bad;
}
