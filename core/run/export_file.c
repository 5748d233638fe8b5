#include "run/export_file.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "io/csv.h"
#include "io/gguf.h"
#include "io/npy.h"
#include "io/safetensors.h"
#include "quant/packed.h"
#include "run/export_metadata.h"
#include "util/hash.h"
#include "util/log.h"
#include "util/mem.h"

const char *const export_formats[] = {"safetensors", "gguf", "npz", "npy", "csv", NULL};

/* A tensor of the source: one of the two. */
typedef struct item {
    const tensor_entry *plain;
    const packed_tensor *packed;
} item;

typedef struct work {
    const export_job *j;
    const registry *r;
    diags *d;
    tensor_file f;   /* of a plain file   */
    packed_file p;   /* of a packed one   */
    item *items;     /* chosen            */
    named_tensor *t; /* the same, to write; data is owned */
    int n;
    bool matrices; /* is one of them a matrix? */
} work;

static bool holds(export_format format, dtype t) {
    switch (format) {
    case EXPORT_SAFETENSORS: return t <= DTYPE_F64;
    case EXPORT_GGUF: return gguf_has_type(t);
    case EXPORT_CSV: return dtype_is_known(t);
    default: return npy_has_type(t);
    }
}

/* ---- what is chosen ---- */

static void choose(work *w, const char *name, int n_dims, const int64_t *shape, item source) {
    if (w->j->tensors != NULL && !str_glob(w->j->tensors, name)) return;
    w->t[w->n] = (named_tensor){.name = name, .n_dims = n_dims};
    memcpy(w->t[w->n].shape, shape, sizeof w->t->shape);
    w->items[w->n++] = source;
    w->matrices |= n_dims > 1;
}

static status choose_all(work *w) {
    int most = w->p.n > w->f.n ? w->p.n : w->f.n;
    w->items = mem_calloc((size_t)most + 1, sizeof *w->items);
    w->t = mem_calloc((size_t)most + 1, sizeof *w->t);
    for (int i = 0; i < w->p.n; i++) {
        const packed_tensor *t = &w->p.tensors[i];
        choose(w, t->name, t->n_dims, t->shape, (item){.packed = t});
    }
    for (int i = 0; i < w->f.n; i++) {
        const tensor_entry *t = &w->f.tensors[i];
        choose(w, t->name, t->n_dims, t->shape, (item){.plain = t});
    }
    if (w->n == 0) {
        diag_error(w->d, ERR_INPUT, "%s: no tensor matches '%s'", w->j->path,
                   w->j->tensors != NULL ? w->j->tensors : "*");
        diag_hint(w->d, "`quantbench inspect %s` lists them", w->j->path);
        return ERR_INPUT;
    }
    if (w->n == 1 || (w->j->format != EXPORT_NPY && w->j->format != EXPORT_CSV)) return OK;
    diag_error(w->d, ERR_USAGE, "a %s file holds one tensor, %d are chosen",
               export_formats[w->j->format], w->n);
    diag_hint(w->d, "choose one with --tensor NAME");
    return ERR_USAGE;
}

/* ---- types ---- */

static dtype stored_type(const item *s) {
    const tensor_entry *e = s->plain != NULL ? s->plain : s->packed->plain;
    return e != NULL ? e->type : DTYPE_F32;
}

/* Does the tensor go into blocks of this type? */
static bool fits_blocks(const work *w, const named_tensor *t, dtype type) {
    int64_t row = t->n_dims > 0 ? t->shape[t->n_dims - 1] : 1;
    return row % dtype_block(type) == 0 && (t->n_dims > 1 || !w->matrices);
}

static status choose_type(const work *w, int i, int *converted) {
    dtype from = stored_type(&w->items[i]);
    bool number = dtype_is_known(from) && !dtype_is_real(from);
    named_tensor *t = &w->t[i];
    if (w->j->type != NULL && !number) {
        bool fits = fits_blocks(w, t, *w->j->type);
        t->type = fits || dtype_block(*w->j->type) == 1 ? *w->j->type : DTYPE_F32;
        *converted += t->type == *w->j->type;
        return OK;
    }
    *converted += 1;
    t->type = holds(w->j->format, from) ? from : DTYPE_F32;
    if (t->type == from || !number) return OK;
    diag_error(w->d, ERR_INPUT, "%s: tensor '%s' has the type %s, which %s files do not have",
               w->j->path, t->name, dtype_name(from), export_formats[w->j->format]);
    diag_hint(w->d, "--tensor chooses others; safetensors and npz files have it");
    return ERR_INPUT;
}

static status choose_types(const work *w) {
    int converted = 0;
    status bad = OK;
    for (int i = 0; i < w->n && !bad; i++) bad = choose_type(w, i, &converted);
    if (bad || converted > 0) return bad;
    diag_error(w->d, ERR_INPUT, "%s: no tensor has rows of whole blocks of %s, %d elements",
               w->j->path, dtype_name(*w->j->type), dtype_block(*w->j->type));
    diag_hint(w->d, "a row is the last dimension; Q8_0 and Q4_0 have blocks of 32");
    return ERR_INPUT;
}

/* ---- values ---- */

static status read_floats(const work *w, int i, float **x) {
    const item *s = &w->items[i];
    bool rounded = false;
    if (s->packed != NULL) return packed_floats(&w->p, s->packed, w->r, w->d, x);
    status bad = tensor_entry_floats(&w->f, s->plain, w->d, x, &rounded);
    if (!bad && rounded)
        log_info("tensor '%s': %s values rounded to float32", s->plain->name,
                 dtype_name(s->plain->type));
    return bad;
}

static status encode(const work *w, int i, uint8_t *out) {
    const named_tensor *t = &w->t[i];
    float *x;
    status bad = read_floats(w, i, &x);
    if (bad) return bad;
    int64_t at = dtype_encode(t->type, x, named_tensor_count(t), out);
    free(x);
    if (at < 0) return OK;
    diag_error(w->d, ERR_INPUT, "%s: tensor '%s': from element %" PRId64 " on %s cannot hold it",
               w->j->path, t->name, at, dtype_name(t->type));
    diag_hint(w->d, "values and scales in binary16 go up to 65504; --type BF16 and F32 hold more");
    return ERR_INPUT;
}

static status load(const work *w, int i) {
    named_tensor *t = &w->t[i];
    uint8_t *data = mem_try_aligned((size_t)named_tensor_bytes(t) + 1);
    t->data = data;
    if (data == NULL)
        return diag_error(w->d, ERR_RESOURCE, "%s: no memory for tensor '%s'", w->j->path, t->name);
    const tensor_entry *e = w->items[i].plain;
    if (e == NULL || e->type != t->type) return encode(w, i, data);
    tensor_entry_copy(e, data);
    return OK;
}

/* ---- the file ---- */

static status write_gguf(const work *w) {
    int n;
    int64_t bytes;
    gguf_value *values = metadata_values(&w->f, w->j->type != NULL, w->d, &n);
    status bad = gguf_write(w->j->out, w->t, w->n, values, n, w->d, &bytes);
    metadata_values_free(&w->f, values, n);
    return bad;
}

static status write_safetensors(const work *w) {
    int n;
    int64_t bytes;
    char sha256[HASH_HEX];
    named_text *texts = metadata_texts(&w->f, w->j->type != NULL, w->t, w->n, w->d, &n);
    status bad = safetensors_write_tensors(w->j->out, w->t, w->n, texts, n, w->d, sha256, &bytes);
    metadata_texts_free(texts, n);
    return bad;
}

static status write_file(const work *w) {
    const export_job *j = w->j;
    switch (j->format) {
    case EXPORT_SAFETENSORS: return write_safetensors(w);
    case EXPORT_GGUF: return write_gguf(w);
    case EXPORT_NPZ: return npz_write(j->out, w->t, w->n, w->d);
    case EXPORT_NPY:
        return npy_write(j->out, w->t->type, w->t->shape, w->t->n_dims, w->t->data, w->d);
    default: return csv_write(j->out, w->t, w->d);
    }
}

static const char *source_name(const item *s) {
    if (s->plain == NULL && s->packed->plain == NULL) return s->packed->how.scheme.name;
    return dtype_name(stored_type(s));
}

static status convert(work *w, void (*visit)(const export_result *, void *), void *arg) {
    status bad = choose_all(w);
    if (!bad) bad = choose_types(w);
    for (int i = 0; i < w->n && !bad; i++) bad = load(w, i);
    const char **from = mem_calloc((size_t)w->n + 1, sizeof *from);
    for (int i = 0; i < w->n; i++) from[i] = source_name(&w->items[i]);
    if (!bad) bad = write_file(w);
    for (int i = 0; i < w->n && !bad; i++) visit(&(export_result){&w->t[i], from[i]}, arg);
    free(from);
    for (int i = 0; i < w->n; i++) free((void *)(uintptr_t)w->t[i].data);
    free(w->t);
    free(w->items);
    return bad;
}

status export_file(const export_job *j, const registry *r,
                   void (*visit)(const export_result *r, void *arg), void *arg, diags *d) {
    work w = {.j = j, .r = r, .d = d};
    const char *why = j->tensors != NULL ? str_glob_check(j->tensors) : NULL;
    if (why != NULL) return diag_error(d, ERR_USAGE, "--tensor '%s': %s", j->tensors, why);
    if (j->type != NULL && !holds(j->format, *j->type))
        return diag_error(d, ERR_USAGE, "%s files do not have the type %s",
                          export_formats[j->format], dtype_name(*j->type));
    tensor_file f;
    status bad = tensor_file_open(&f, j->path, d);
    if (bad) return bad;
    if (!packed_is(&f)) {
        w.f = f;
        bad = convert(&w, visit, arg);
        tensor_file_close(&w.f);
        return bad;
    }
    bad = packed_read(&w.p, &f, d);
    if (bad) return bad;
    bad = convert(&w, visit, arg);
    packed_close(&w.p);
    return bad;
}
