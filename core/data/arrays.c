#include "data/arrays.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/csv.h"
#include "io/idx.h"
#include "util/mem.h"
#include "util/parallel.h"
#include "util/str.h"

/* ---- opening ---- */

static status check_pair(const data_source *s, const arrays *a, diags *d) {
    const char *labels = s->labels != NULL ? s->labels : s->images;
    if (a->x->n_dims < 2) {
        diag_error(d, ERR_INPUT, "%s: samples have 2 or more dimensions, '%s' has %d", s->images,
                   a->x->name, a->x->n_dims);
        diag_hint(d, "are these the labels?");
        return ERR_INPUT;
    }
    if (a->y->n_dims != 1) {
        diag_error(d, ERR_INPUT, "%s: labels have 1 dimension, '%s' has %d", labels, a->y->name,
                   a->y->n_dims);
        diag_hint(d, "are these the samples?");
        return ERR_INPUT;
    }
    if (a->x->shape[0] != a->y->shape[0])
        return diag_error(d, ERR_INPUT, "%s has %" PRId64 " samples, %s has %" PRId64 " labels",
                          s->images, a->x->shape[0], labels, a->y->shape[0]);
    if (a->x->n == 0)
        return diag_error(d, ERR_INPUT, "%s: it has %s", s->images,
                          a->x->shape[0] == 0 ? "0 samples" : "samples without values");
    if (dtype_is_known(a->x->type) && dtype_is_known(a->y->type)) return OK;
    return diag_error(d, ERR_INPUT, "%s: its type has no values", s->images);
}

static status find_array(const tensor_file *f, const char *name, const tensor_entry **t, diags *d) {
    *t = tensor_file_find(f, name);
    if (*t != NULL) return OK;
    strbuf list = {0};
    strbuf_add(&list, "");
    for (int i = 0; i < f->n && i < 6; i++)
        strbuf_addf(&list, "%s%s", i > 0 ? ", " : "", f->tensors[i].name);
    diag_error(d, ERR_INPUT, "%s: it has no array '%s'", f->path, name);
    diag_hint(d, "arrays of the file: %s%s", list.s, f->n > 6 ? ", ..." : "");
    strbuf_fini(&list);
    return ERR_INPUT;
}

/* One NPY file is one array. */
static status open_npy(const char *path, tensor_file *f, const tensor_entry **t, diags *d) {
    status bad = tensor_file_open(f, path, d);
    if (bad) return bad;
    *t = &f->tensors[0];
    if (strcmp(f->format, "npy") == 0) return OK;
    return diag_error(d, ERR_INPUT, "%s: a .npy file is wanted", path);
}

static status open_files(const data_source *s, diags *d, arrays *a) {
    status bad;
    if (s->format == DATA_NPZ) {
        bad = tensor_file_open(&a->samples, s->images, d);
        if (!bad) bad = find_array(&a->samples, s->x, &a->x, d);
        return bad ? bad : find_array(&a->samples, s->y, &a->y, d);
    }
    if (s->format == DATA_NPY) {
        bad = open_npy(s->images, &a->samples, &a->x, d);
        return bad ? bad : open_npy(s->labels, &a->labels, &a->y, d);
    }
    bad = idx_read(s->images, d, &a->samples);
    if (!bad) bad = idx_read(s->labels, d, &a->labels);
    if (!bad) a->x = &a->samples.tensors[0], a->y = &a->labels.tensors[0];
    return bad;
}

status arrays_open(const data_source *s, diags *d, arrays *a) {
    *a = (arrays){0};
    status bad = open_files(s, d, a);
    if (!bad) bad = check_pair(s, a, d);
    if (bad) arrays_close(a);
    return bad;
}

void arrays_close(arrays *a) {
    tensor_file_close(&a->samples);
    tensor_file_close(&a->labels);
    *a = (arrays){0};
}

/* ---- labels ---- */

static status check_label(const char *path, int64_t row, double v, diags *d) {
    if (v >= 0 && v < ARRAYS_MAX_CLASSES && v == floor(v)) return OK;
    return diag_error(d, ERR_INPUT,
                      "%s: label %.17g of sample %" PRId64 " (from 0) is no integer in [0, %d]",
                      path, v, row, ARRAYS_MAX_CLASSES - 1);
}

static status count_classes(const data_source *s, const arrays *a, diags *d, int *classes) {
    *classes = 0;
    for (int64_t i = 0; i < a->y->n; i++) {
        double v = tensor_entry_value(a->y, i);
        status bad = check_label(s->labels != NULL ? s->labels : s->images, i, v, d);
        if (bad) return bad;
        if ((int)v >= *classes) *classes = (int)v + 1;
    }
    return OK;
}

/* ---- values ---- */

typedef struct convert_job {
    const data_source *s;
    const tensor_entry *t;
    dataset *to;
    float byte[256]; /* of an unsigned byte, normalized */
} convert_job;

static float normalized(const data_source *s, double v) { return (float)((v - s->mean) / s->std); }

static void convert_bytes(int64_t i, void *arg) {
    const convert_job *j = arg;
    int64_t from = i * j->to->features;
    for (int64_t k = from; k < from + j->to->features; k++) j->to->x[k] = j->byte[j->t->data[k]];
}

static void convert(int64_t i, void *arg) {
    const convert_job *j = arg;
    double scale = j->t->type == DTYPE_U8 ? 255.0 : 1;
    int64_t from = i * j->to->features;
    for (int64_t k = from; k < from + j->to->features; k++)
        j->to->x[k] = normalized(j->s, tensor_entry_at(j->t, k) / scale);
}

static status refuse_value(const data_source *s, int64_t i, int64_t features, double v, diags *d) {
    return diag_error(d, ERR_INPUT,
                      "%s: value %" PRId64 " of sample %" PRId64 " (both from 0) is %s", s->images,
                      i % features, i / features,
                      isnan(v) ? "NaN" : "infinite or too large for float32");
}

/* Of what came out: a small deviation may have made a value too large. */
static status check_values(const data_source *s, const dataset *a, diags *d) {
    for (int64_t i = 0; i < a->n * a->features; i++)
        if (!isfinite(a->x[i])) return refuse_value(s, i, a->features, (double)a->x[i], d);
    return OK;
}

status arrays_check(const data_source *s, const arrays *a, diags *d, int *classes) {
    for (int64_t i = 0; dtype_is_real(a->x->type) && i < a->x->n; i++) {
        double v = tensor_entry_at(a->x, i);
        if (!isfinite((float)v)) return refuse_value(s, i, a->x->n / a->x->shape[0], v, d);
    }
    return count_classes(s, a, d, classes);
}

status arrays_fill(const data_source *s, const arrays *a, diags *d, dataset *out) {
    convert_job j = {.s = s, .t = a->x, .to = out};
    bool bytes = a->x->type == DTYPE_U8 && !a->x->fortran;
    for (int k = 0; k < 256; k++) j.byte[k] = normalized(s, k / 255.0);
    parallel_for(out->n, bytes ? convert_bytes : convert, &j);
    for (int64_t i = 0; i < out->n; i++) out->y[i] = (int32_t)tensor_entry_value(a->y, i);
    return check_values(s, out, d);
}

/* ---- tables ---- */

static status no_column(const data_source *s, const csv_table *t, diags *d) {
    strbuf list = {0};
    diag_error(d, ERR_INPUT, "%s: it has no column '%s'", s->images, s->y);
    if (t->names != NULL) {
        strbuf_join(&list, (const char *const *)t->names, t->cols < 6 ? (int)t->cols : 6);
        diag_hint(d, "columns: %s%s; or a number, 1 to %" PRId64, list.s,
                  t->cols > 6 ? ", ..." : "", t->cols);
    } else {
        diag_hint(d, "its columns have no names; 1 to %" PRId64 " are their numbers", t->cols);
    }
    strbuf_fini(&list);
    return ERR_INPUT;
}

/* The column of the labels: by its name, by its number from 1, without either the last. */
static status find_column(const data_source *s, const csv_table *t, diags *d, int64_t *column) {
    *column = t->cols - 1;
    if (*s->y == '\0') return OK;
    for (*column = 0; t->names != NULL && *column < t->cols; ++*column)
        if (strcmp(t->names[*column], s->y) == 0) return OK;
    if (!str_to_int(s->y, column) || *column < 1 || *column > t->cols) return no_column(s, t, d);
    --*column;
    return OK;
}

/* Takes the column of labels out of the table, whose numbers become those of the set. */
static status split_table(const data_source *s, csv_table *t, int64_t column, dataset *out,
                          diags *d) {
    float *to = t->x;
    for (int64_t i = 0; i < t->rows; i++) {
        const float *row = t->x + i * t->cols;
        double v = row[column];
        status bad = check_label(s->images, i, v, d);
        if (bad) return bad;
        if ((int)v >= out->classes) out->classes = (int)v + 1;
        if (i >= out->n) continue; /* classes are those of the whole file */
        out->y[i] = (int32_t)v;
        for (int64_t k = 0; k < t->cols; k++)
            if (k != column) *to++ = normalized(s, row[k]);
    }
    out->x = t->x, t->x = NULL;
    return check_values(s, out, d);
}

status arrays_load_csv(const data_source *s, diags *d, dataset *out) {
    csv_table t;
    int64_t column;
    status bad = csv_read(s->images, d, &t);
    if (bad) return bad;
    bad = find_column(s, &t, d, &column);
    if (!bad && t.cols < 2)
        bad = diag_error(d, ERR_INPUT, "%s: 1 column; labels and at least one value are wanted",
                         s->images);
    if (!bad) {
        *out = (dataset){.n = s->limit > 0 && s->limit < t.rows ? s->limit : t.rows,
                         .features = t.cols - 1};
        out->y = mem_try_aligned((size_t)out->n * sizeof *out->y);
        bad = out->y != NULL ? split_table(s, &t, column, out, d)
                             : diag_error(d, ERR_RESOURCE, "%s: no memory for %" PRId64 " samples",
                                          s->images, out->n);
    }
    if (bad) dataset_free(out);
    csv_free(&t);
    return bad;
}
