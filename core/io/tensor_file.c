#include "io/tensor_file.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/gguf.h"
#include "io/integrity.h"
#include "io/npy.h"
#include "util/files.h"
#include "util/mem.h"
#include "util/str.h"

enum { HEAD = 20 << 20 }; /* more than the header of any file that check_head() knows */
static const int64_t FILE_LIMIT = (int64_t)64 << 30, LARGE = (int64_t)64 << 20;

bool tensor_count(const int64_t *shape, int n_dims, int64_t *n) {
    *n = 1;
    bool empty = false;
    for (int i = 0; i < n_dims; i++) {
        if (shape[i] < 0) return false;
        if (shape[i] == 0)
            empty = true;
        else if (!size_mul(*n, shape[i], n))
            return false;
    }
    if (*n > INT64_MAX / 16) return false; /* leaves room for bytes and sums of them */
    if (empty) *n = 0;
    return true;
}

char *tensor_shape_text(const int64_t *shape, int n_dims) {
    strbuf b = {0};
    strbuf_add(&b, "(");
    for (int i = 0; i < n_dims; i++) strbuf_addf(&b, "%s%" PRId64, i > 0 ? ", " : "", shape[i]);
    strbuf_add(&b, ")");
    return b.s;
}

void tensor_entry_matrix(const tensor_entry *t, int64_t *rows, int64_t *cols) {
    *rows = t->n_dims > 1 ? t->shape[0] : 1;
    *cols = *rows > 0 ? t->n / *rows : 0;
}

tensor_entry *tensor_file_add(tensor_file *f, char *name) {
    if ((f->n & (f->n - 1)) == 0) /* the room doubles whenever it is full */
        f->tensors =
            mem_realloc(f->tensors, (f->n > 0 ? 2 * (size_t)f->n : 1) * sizeof *f->tensors);
    tensor_entry *t = &f->tensors[f->n++];
    *t = (tensor_entry){.name = name};
    return t;
}

/* ---- checked files ---- */

static status refuse_damaged(const tensor_file *f, const char *what, diags *d) {
    diag_error(d, ERR_INPUT, "%s: the file is damaged: %s", f->path, what);
    diag_hint(d, "`quantbench verify %s` says where; with --repair it mends what can be mended",
              f->path);
    return ERR_INPUT;
}

/* What the area itself lost is no reason to refuse data that the rest of it proves. */
static void warn_of_parity(const tensor_file *f, const integrity_report *r, diags *d) {
    diag_warning_at(d, NULL,
                    "%s: parity damaged: %" PRId64
                    " of the blocks behind the data %s not what was written; header and data are "
                    "whole",
                    f->path, r->n, r->n == 1 ? "is" : "are");
    diag_hint(d, "`quantbench verify --repair %s` mends it", f->path);
}

static status check_report(const tensor_file *f, const integrity_report *r, diags *d) {
    char what[96];
    if (!r->found || integrity_fine(r)) return OK;
    if (integrity_payload_fine(r)) {
        warn_of_parity(f, r, d);
        return OK;
    }
    if (r->present != r->g.total)
        snprintf(what, sizeof what, "it has %" PRId64 " bytes, it was written with %" PRId64,
                 r->present, r->g.total);
    else
        snprintf(what, sizeof what, "%" PRId64 " of its blocks %s not what was written", r->n,
                 r->n == 1 ? "is" : "are");
    return refuse_damaged(f, what, d);
}

/* The header must name the area of the checks, all of it and nothing else; no user sees
 * that tensor. */
static status take_area(tensor_file *f, const integrity_report *r, diags *d) {
    const tensor_entry *e = tensor_file_find(f, INTEGRITY_TENSOR);
    if (e == NULL && !r->found) return OK;
    if (e == NULL) return refuse_damaged(f, "its header does not name its checks", d);
    if (!r->found) return refuse_damaged(f, "its checks are lost", d);
    if (e->data - (const uint8_t *)f->bytes != r->g.payload)
        return refuse_damaged(f, "its header places its checks elsewhere", d);
    int i = (int)(e - f->tensors);
    free(f->tensors[i].name);
    memmove(&f->tensors[i], &f->tensors[i + 1], (size_t)(f->n - i - 1) * sizeof *f->tensors);
    f->n--;
    return OK;
}

static status open_safetensors(tensor_file *f, diags *d) {
    integrity_report r;
    integrity_check((const uint8_t *)f->bytes, f->n_bytes, &r);
    status bad = check_report(f, &r, d);
    if (!bad) bad = safetensors_parse(f, d);
    if (!bad) bad = take_area(f, &r, d);
    integrity_report_fini(&r);
    return bad;
}

static int by_name(const void *a, const void *b, void *tensors) {
    const tensor_entry *t = tensors;
    return strcmp(t[*(const int *)a].name, t[*(const int *)b].name);
}

/* So that a file of many tensors is not searched from its beginning for each of them. */
static void sort_names(tensor_file *f) {
    f->by_name = mem_calloc((size_t)f->n + 1, sizeof *f->by_name);
    for (int i = 0; i < f->n; i++) f->by_name[i] = i;
    qsort_r(f->by_name, (size_t)f->n, sizeof *f->by_name, by_name, f->tensors);
}

static status parse_by_suffix(tensor_file *f, diags *d) {
    static const struct {
        const char *suffix;
        status (*parse)(tensor_file *f, diags *d);
    } formats[] = {{".npy", npy_parse},
                   {".safetensors", open_safetensors},
                   {".gguf", gguf_parse},
                   {".npz", npz_parse}};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (!path_has_suffix(f->path, formats[i].suffix)) continue;
        f->format = formats[i].suffix + 1;
        return formats[i].parse(f, d);
    }
    diag_error(d, ERR_INPUT, "%s: unknown kind of tensor file", f->path);
    diag_hint(d, "known are .safetensors, .gguf, .npz and .npy");
    return ERR_INPUT;
}

status tensor_file_parse(tensor_file *f, diags *d) {
    status bad = parse_by_suffix(f, d);
    if (!bad) sort_names(f);
    return bad;
}

/* What comes with checks is compared with them first. */
static status check_safetensors_head(tensor_file *head, diags *d) {
    diags own;
    diags_init(&own);
    status bad = safetensors_parse(head, &own);
    if (bad && memmem(head->bytes, HEAD, INTEGRITY_TENSOR, sizeof INTEGRITY_TENSOR - 1) == NULL)
        diag_error(d, bad, "%s", own.list[0].message);
    else
        bad = OK;
    diags_fini(&own);
    return bad;
}

static status check_tail(const char *path, diags *d) {
    char *tail;
    status bad = file_tail(path, LARGE, NPZ_TAIL, ERR_INPUT, d, &tail);
    if (!bad && tail != NULL) bad = npz_check_tail(path, tail, d);
    free(tail);
    return bad;
}

status tensor_file_check_head(const char *path, size_t n, tensor_file_parser *parse, diags *d) {
    tensor_file head = {0};
    status bad = file_head(path, LARGE, n, ERR_INPUT, d, &head.bytes, &head.n_bytes);
    if (bad || head.bytes == NULL) return bad;
    head.path = mem_strdup(path);
    bad = parse(&head, d);
    tensor_file_close(&head);
    return bad;
}

static status check_head(const char *path, diags *d) {
    if (path_has_suffix(path, ".npz")) return check_tail(path, d);
    tensor_file_parser *parse = path_has_suffix(path, ".npy")           ? npy_parse
                                : path_has_suffix(path, ".gguf")        ? gguf_check_header
                                : path_has_suffix(path, ".safetensors") ? check_safetensors_head
                                                                        : NULL;
    return parse != NULL ? tensor_file_check_head(path, HEAD, parse, d) : OK;
}

status tensor_file_open(tensor_file *f, const char *path, diags *d) {
    *f = (tensor_file){.path = mem_strdup(path)};
    size_t n;
    status bad = check_head(path, d);
    if (!bad) bad = file_read(path, FILE_LIMIT, ERR_INPUT, d, &f->bytes, &n);
    if (!bad) {
        f->n_bytes = (int64_t)n;
        bad = tensor_file_parse(f, d);
    }
    if (bad) tensor_file_close(f);
    return bad;
}

void tensor_file_close(tensor_file *f) {
    free(f->by_name);
    for (int i = 0; i < f->n; i++) free(f->tensors[i].name);
    for (int i = 0; i < f->n_texts; i++) {
        free((char *)(uintptr_t)f->texts[i].key);
        free((char *)(uintptr_t)f->texts[i].value);
    }
    gguf_values_free(f->values, f->n_values);
    free(f->tensors);
    free(f->texts);
    free(f->bytes);
    free(f->path);
    *f = (tensor_file){0};
}

const tensor_entry *tensor_file_find(const tensor_file *f, const char *name) {
    int lo = 0, hi = f->n;
    if (f->by_name == NULL) {
        while (lo < hi && strcmp(f->tensors[lo].name, name) != 0) lo++;
        return lo < hi ? &f->tensors[lo] : NULL;
    }
    while (lo < hi) {
        int mid = lo + (hi - lo) / 2;
        int order = strcmp(name, f->tensors[f->by_name[mid]].name);
        if (order == 0) return &f->tensors[f->by_name[mid]];
        if (order < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

const char *tensor_file_text(const tensor_file *f, const char *key) {
    for (int i = 0; i < f->n_texts; i++)
        if (strcmp(f->texts[i].key, key) == 0) return f->texts[i].value;
    return NULL;
}

double tensor_entry_value(const tensor_entry *t, int64_t i) {
    return dtype_value(t->type, t->data, i, t->big_endian);
}

int64_t tensor_entry_bytes(const tensor_entry *t) { return dtype_size(t->type, t->n); }

int64_t named_tensor_count(const named_tensor *t) {
    int64_t n = 1;
    for (int i = 0; i < t->n_dims; i++) n *= t->shape[i];
    return n;
}

int64_t named_tensor_bytes(const named_tensor *t) {
    return dtype_size(t->type, named_tensor_count(t));
}

/* Where element i of C order is stored if the first index runs fastest. */
static int64_t fortran_index(const tensor_entry *t, int64_t i) {
    int64_t at = 0, left = i, stride = t->n;
    for (int k = t->n_dims - 1; k >= 0; k--) {
        stride /= t->shape[k];
        at += left % t->shape[k] * stride;
        left /= t->shape[k];
    }
    return at;
}

double tensor_entry_at(const tensor_entry *t, int64_t i) {
    return tensor_entry_value(t, t->fortran ? fortran_index(t, i) : i);
}

void tensor_entry_copy(const tensor_entry *t, uint8_t *out) {
    if (!t->fortran && !t->big_endian) {
        memcpy(out, t->data, (size_t)tensor_entry_bytes(t));
        return;
    }
    int bytes = dtype_bytes(t->type); /* blocks are neither */
    for (int64_t i = 0; i < t->n; i++) {
        const uint8_t *p = t->data + (t->fortran ? fortran_index(t, i) : i) * bytes;
        for (int k = 0; k < bytes; k++) *out++ = p[t->big_endian ? bytes - 1 - k : k];
    }
}

static status refuse_value(const tensor_file *f, const tensor_entry *t, int64_t i, double v,
                           diags *d) {
    const char *what = isnan(v) ? "NaN" : isinf(v) ? "infinite" : "too large for float32";
    return diag_error(d, ERR_INPUT, "%s: tensor '%s': element %" PRId64 " is %s", f->path, t->name,
                      i, what);
}

static status refuse_type(const tensor_file *f, const tensor_entry *t, diags *d) {
    if (!dtype_is_known(t->type)) {
        diag_error(d, ERR_INPUT, "%s: tensor '%s' has the type %s, whose values cannot be read",
                   f->path, t->name, dtype_name(t->type));
        diag_hint(d, "of the block types Q8_0, Q4_0, TQ1_0 and TQ2_0 can");
        return ERR_INPUT;
    }
    diag_error(d, ERR_INPUT, "%s: tensor '%s' has the type %s", f->path, t->name,
               dtype_name(t->type));
    diag_hint(d, "floating-point tensors are wanted: F16, BF16, F32 or F64");
    return ERR_INPUT;
}

status tensor_entry_floats(const tensor_file *f, const tensor_entry *t, diags *d, float **out,
                           bool *rounded) {
    if (!dtype_is_real(t->type)) return refuse_type(f, t, d);
    float *x = mem_try_aligned((size_t)t->n * sizeof *x);
    if (x == NULL)
        return diag_error(d, ERR_RESOURCE, "%s: no memory for tensor '%s'", f->path, t->name);
    bool as_stored = t->type == DTYPE_F32 && !t->big_endian && !t->fortran;
    if (as_stored) memcpy(x, t->data, (size_t)t->n * sizeof *x);
    for (int64_t i = 0; i < t->n; i++) {
        double v = as_stored ? x[i] : tensor_entry_at(t, i);
        x[i] = (float)v;
        if (!isfinite(x[i])) {
            free(x);
            return refuse_value(f, t, i, v, d);
        }
        *rounded |= x[i] != v;
    }
    *out = x;
    return OK;
}
