#include "run/eval_file.h"

#include <inttypes.h>
#include <string.h>

#include "io/npy.h"
#include "run/load.h"
#include "run/pack_model.h"
#include "run/runner.h"
#include "util/clock.h"
#include "util/outputs.h"

/* ---- what is written is nothing that is read ---- */

static status check_outputs(const eval_job *j, const char *input, diags *d) {
    const output list[] = {{j->predictions_path, "--predictions"}, {j->logits_path, "--logits"}};
    return outputs_spare(list, 2, input, d);
}

static status check_named(const eval_job *j, const found_file *files, diags *d) {
    status bad = OK;
    for (; files != NULL && !bad; files = files->next) bad = check_outputs(j, files->path, d);
    return bad;
}

/* ---- the data ---- */

static bool is_keys(const char *data) { return data[strspn(data, " \t\n")] == '{'; }

/* The split that --data names; strings live in the arena or the spec. */
static status read_split(const eval_job *j, const registry *r, arena *a, spec *s, spec_split *out,
                         diags *d) {
    if (!is_keys(j->data)) {
        status bad = spec_read(s, j->data, j->settings, j->n_settings, d);
        if (!bad) bad = spec_check(s, r, d);
        *out = s->data.test;
        return bad ? bad : check_named(j, s->files, d);
    }
    if (j->n_settings == 0) {
        const found_file *files;
        status bad = spec_read_split(a, j->data, out, &files, d);
        return bad ? bad : check_named(j, files, d);
    }
    diag_error(d, ERR_USAGE, "--set goes with a spec; here --data has the keys itself");
    diag_hint(d, "write it into --data '{...}'");
    return ERR_USAGE;
}

static status check_data(const char *path, const model_config *c, const dataset *data, diags *d) {
    if (data->n == 0) return diag_error(d, ERR_INPUT, "the data has no samples");
    if (data->features != c->inputs)
        return diag_error(d, ERR_INPUT,
                          "%s: the model has %" PRId64 " inputs, a sample has %" PRId64 " values",
                          path, c->inputs, data->features);
    if (data->classes <= c->outputs) return OK;
    return diag_error(d, ERR_INPUT, "%s: the model has %" PRId64 " classes, the data has %d", path,
                      c->outputs, data->classes);
}

/* ---- what came out ---- */

static status write_outputs(const eval_job *j, const evaluation *e, diags *d) {
    const int64_t shape[] = {e->n, e->classes};
    status bad = OK;
    if (j->predictions_path != NULL)
        bad = npy_write(j->predictions_path, DTYPE_I32, shape, 1, e->prediction, d);
    if (!bad && j->logits_path != NULL)
        bad = npy_write(j->logits_path, DTYPE_F32, shape, 2, e->logits, d);
    return bad;
}

static status report(const eval_job *j, const evaluation *e, eval_result *out, diags *d) {
    out->accuracy = e->accuracy, out->loss = e->loss;
    out->samples = e->n, out->classes = e->classes;
    evaluation_hash(e, e->n, out->predictions_sha256, out->logits_sha256);
    status bad = write_outputs(j, e, d);
    if (bad || j->expect_logits == NULL || strcmp(j->expect_logits, out->logits_sha256) == 0)
        return bad;
    return diag_error(d, ERR_FAILED, "%s: the logits have the SHA-256 %s, expected is %s", j->model,
                      out->logits_sha256, j->expect_logits);
}

static status evaluate_on(const eval_job *j, model *m, const model_config *c,
                          const data_source *from, eval_result *out, diags *d) {
    dataset data;
    evaluation e = {0};
    status bad = dataset_load(from, d, &data);
    if (bad) return bad;
    bad = check_data(j->model, c, &data, d);
    if (!bad) bad = evaluate(m, &data, &e, d);
    if (!bad) bad = report(j, &e, out, d);
    evaluation_free(&e);
    dataset_free(&data);
    return bad;
}

/* ---- a packed model: all of it is in the file ---- */

static status eval_packed(const eval_job *j, tensor_file *f, const registry *r, eval_result *out,
                          diags *d) {
    packed_file file;
    packed_model o;
    arena a = {0};
    spec s = {0};
    spec_split split;
    status bad = packed_read(&file, f, d);
    if (!bad) bad = packed_model_open(&o, &file, r, EVALUATE_ROWS, d);
    if (bad) return bad;
    bad = read_split(j, r, &a, &s, &split, d);
    if (!bad) {
        data_source from = plan_source(&split, GLYPHS_OF_TEST, o.mean, o.std);
        out->format = "packed";
        out->bits_per_weight = (double)o.weight_bytes * 8 / (double)o.weights;
        bad = evaluate_on(j, &o.m, &o.config, &from, out, d);
    }
    packed_model_close(&o);
    spec_close(&s);
    arena_fini(&a);
    return bad;
}

/* ---- weights: the model is the spec's ---- */

/* The names of the file are the model's own: the spec's renames are for another file. */
static status open_and_eval(const eval_job *j, const plan *p, eval_result *out, diags *d) {
    const weight_source from = {.path = j->model,
                                .at = {.file = j->model},
                                .strict = p->spec->model.strict};
    model m;
    layer_quant quant[MODEL_MAX_LAYERS];
    for (int i = 0; i < p->n_layers; i++) quant[i] = p->layers[i].quant;
    status bad = model_open(&m, &p->model, quant, EVALUATE_ROWS, 0, d);
    if (bad) return bad;
    bad = load_weights(p, &from, &m, d);
    if (!bad) {
        out->format = "weights";
        out->bits_per_weight = p->bits_per_weight;
        bad = evaluate_on(j, &m, &p->model, &p->test, out, d);
    }
    model_close(&m);
    return bad;
}

static status eval_weights(const eval_job *j, const registry *r, eval_result *out, diags *d) {
    study t = {0};
    if (is_keys(j->data)) {
        diag_error(d, ERR_USAGE, "%s: a file of weights does not say of which model", j->model);
        diag_hint(d, "--data SPEC names the spec that has it; a packed model needs none");
        return ERR_USAGE;
    }
    status bad = runner_study(&t, j->data, j->settings, j->n_settings, r, d);
    if (!bad && t.n_points > 1) {
        bad = diag_error(d, ERR_USAGE,
                         "%s is a sweep of %d configurations; which one has these weights?",
                         j->data, t.n_points);
        diag_hint(d, "--set chooses it: --set quant.weights=int");
    }
    if (!bad) bad = check_named(j, t.base.files, d);
    if (!bad) bad = check_named(j, t.points[0].s.files, d);
    if (!bad) bad = open_and_eval(j, &t.points[0].p, out, d);
    study_close(&t);
    return bad;
}

status eval_file(const eval_job *j, const registry *r, eval_result *out, diags *d) {
    double start = clock_seconds();
    tensor_file f;
    *out = (eval_result){0};
    status bad = is_keys(j->data) ? OK : check_outputs(j, j->data, d);
    if (!bad) bad = tensor_file_open(&f, j->model, d);
    if (bad) return bad;
    if (packed_is(&f)) {
        bad = eval_packed(j, &f, r, out, d);
    } else {
        tensor_file_close(&f);
        bad = eval_weights(j, r, out, d);
    }
    out->seconds = clock_seconds() - start;
    return bad;
}
