#include "run/inspect_file.h"

#include <math.h>
#include <stdlib.h>

#include "run/pack_model.h"

/* scale: a power of two that all values are multiplied by on the way, 1 unless their squares would
 * be too large or too small for a double. */
static inspect_result inspect_scaled(const tensor_entry *t, double scale) {
    inspect_result r = {.t = t,
                        .min = INFINITY,
                        .max = -INFINITY,
                        .known = dtype_is_known(t->type)};
    double mean = 0, squares = 0; /* Welford's running mean and sum of squares */
    int64_t n = 0;
    for (int64_t i = 0; r.known && i < t->n; i++) {
        double v = tensor_entry_value(t, i);
        if (!isfinite(v)) {
            r.non_finite++;
            continue;
        }
        double delta = v * scale - mean;
        mean += delta / (double)++n;
        squares += delta * (v * scale - mean);
        r.zeros += v == 0;
        r.min = v < r.min ? v : r.min;
        r.max = v > r.max ? v : r.max;
    }
    if (n == 0) r.min = r.max = mean = NAN;
    r.mean = mean / scale;
    r.std = n > 0 ? sqrt(squares / (double)n) / scale : (double)NAN;
    return r;
}

static inspect_result inspect(const tensor_entry *t) {
    inspect_result r = inspect_scaled(t, 1);
    double most = fmax(fabs(r.min), fabs(r.max));
    if (most > 0x1p480) return inspect_scaled(t, 0x1p-600);
    if (most > 0 && most < 0x1p-480) return inspect_scaled(t, 0x1p600);
    return r;
}

static void visit_quantized(const inspect_visitor *v, const packed_quantizer *q,
                            inspect_packed *r) {
    strbuf params = {0};
    packed_print_params(&q->scheme, &params);
    r->scheme = q->scheme.name, r->params = params.s;
    r->granularity = packed_granularities[q->granularity], r->group_size = q->group_size;
    r->scale_dtype = packed_scale_dtypes[q->scale_dtype];
    r->n_levels = q->n_levels;
    v->packed(r, v->arg);
    strbuf_fini(&params);
}

static void visit_tensor(const inspect_visitor *v, const packed_tensor *t) {
    inspect_packed r = {.name = t->name,
                        .shape = t->shape,
                        .n_dims = t->n_dims,
                        .n = t->n,
                        .n_groups = t->n_groups,
                        .bytes = t->bytes,
                        .bits_per_element = (double)t->bytes * 8 / (double)t->n,
                        .packer = t->packer.name};
    if (t->plain == NULL)
        visit_quantized(v, &t->how, &r);
    else
        v->packed(&r, v->arg);
}

static status inspect_packed_file(tensor_file *f, const inspect_visitor *v, diags *d) {
    packed_file p;
    status bad = packed_read(&p, f, d);
    if (bad) return bad;
    char *line = packed_model_describe(&p);
    if (line != NULL) v->model(line, v->arg);
    for (int i = 0; i < p.n; i++) visit_tensor(v, &p.tensors[i]);
    for (int i = 0; i < p.n_sites; i++)
        visit_quantized(v, &p.sites[i].how,
                        &(inspect_packed){.name = p.sites[i].name, .bits_per_element = NAN});
    free(line);
    packed_close(&p);
    return OK;
}

static void visit_values(const tensor_file *f, const inspect_visitor *v) {
    for (int i = 0; i < f->n_texts; i++)
        v->value(f->texts[i].key, "string", f->texts[i].value, NULL, v->arg);
    for (int i = 0; i < f->n_values; i++) {
        strbuf type = {0};
        gguf_value_type(&f->values[i], &type);
        v->value(f->values[i].key, type.s, NULL, &f->values[i], v->arg);
        strbuf_fini(&type);
    }
}

status inspect_file(const char *path, const inspect_visitor *v, diags *d) {
    tensor_file f;
    status bad = tensor_file_open(&f, path, d);
    if (bad) return bad;
    if (packed_is(&f)) return inspect_packed_file(&f, v, d);
    visit_values(&f, v);
    for (int i = 0; i < f.n; i++) {
        inspect_result r = inspect(&f.tensors[i]);
        v->tensor(&r, v->arg);
    }
    tensor_file_close(&f);
    return OK;
}
