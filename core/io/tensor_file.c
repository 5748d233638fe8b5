#include "io/tensor_file.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/files.h"
#include "util/float_bits.h"
#include "util/half.h"
#include "util/mem.h"
#include "util/str.h"

static const int64_t FILE_LIMIT = (int64_t)64 << 30;

static const struct {
    const char *name;
    int bytes;
} types[] = {
    [DTYPE_BOOL] = {"BOOL", 1}, [DTYPE_U8] = {"U8", 1},     [DTYPE_I8] = {"I8", 1},
    [DTYPE_U16] = {"U16", 2},   [DTYPE_I16] = {"I16", 2},   [DTYPE_U32] = {"U32", 4},
    [DTYPE_I32] = {"I32", 4},   [DTYPE_U64] = {"U64", 8},   [DTYPE_I64] = {"I64", 8},
    [DTYPE_F16] = {"F16", 2},   [DTYPE_BF16] = {"BF16", 2}, [DTYPE_F32] = {"F32", 4},
    [DTYPE_F64] = {"F64", 8},
};

const char *dtype_name(dtype t) { return types[t].name; }
int dtype_bytes(dtype t) { return types[t].bytes; }

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
    f->tensors = mem_realloc(f->tensors, (size_t)(f->n + 1) * sizeof *f->tensors);
    tensor_entry *t = &f->tensors[f->n++];
    *t = (tensor_entry){.name = name};
    return t;
}

status tensor_file_open(tensor_file *f, const char *path, diags *d) {
    *f = (tensor_file){.path = mem_strdup(path)};
    size_t n;
    status bad = file_read(path, FILE_LIMIT, ERR_INPUT, d, &f->bytes, &n);
    if (bad) {
        tensor_file_close(f);
        return bad;
    }
    f->n_bytes = (int64_t)n;
    if (path_has_suffix(path, ".npy")) {
        f->format = "npy";
        bad = npy_parse(f, d);
    } else if (path_has_suffix(path, ".safetensors")) {
        f->format = "safetensors";
        bad = safetensors_parse(f, d);
    } else if (path_has_suffix(path, ".npz")) {
        f->format = "npz";
        bad = npz_parse(f, d);
    } else {
        bad = diag_error(d, ERR_INPUT, "%s: unknown kind of tensor file", path);
        diag_hint(d, "known are .safetensors, .npz and .npy");
    }
    if (bad) tensor_file_close(f);
    return bad;
}

void tensor_file_close(tensor_file *f) {
    for (int i = 0; i < f->n; i++) free(f->tensors[i].name);
    free(f->tensors);
    free(f->bytes);
    free(f->path);
    *f = (tensor_file){0};
}

static double signed_value(uint64_t bits, int bytes) {
    int shift = 64 - 8 * bytes;
    return (double)((int64_t)(bits << shift) >> shift);
}

double tensor_entry_value(const tensor_entry *t, int64_t i) {
    int bytes = dtype_bytes(t->type);
    const uint8_t *p = t->data + i * bytes;
    uint64_t bits = 0;
    for (int k = 0; k < bytes; k++)
        bits |= (uint64_t)p[t->big_endian ? bytes - 1 - k : k] << (8 * k);
    double real;
    switch (t->type) {
    case DTYPE_F16: return half_to_float((uint16_t)bits);
    case DTYPE_BF16: return bf16_to_float((uint16_t)bits);
    case DTYPE_F32: return float_from_bits((uint32_t)bits);
    case DTYPE_F64: memcpy(&real, &bits, sizeof real); return real;
    case DTYPE_I8:
    case DTYPE_I16:
    case DTYPE_I32:
    case DTYPE_I64: return signed_value(bits, bytes);
    default: return (double)bits;
    }
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

static status refuse_value(const tensor_file *f, const tensor_entry *t, int64_t i, double v,
                           diags *d) {
    const char *what = isnan(v) ? "NaN" : isinf(v) ? "infinite" : "too large for float32";
    return diag_error(d, ERR_INPUT, "%s: tensor '%s': element %" PRId64 " is %s", f->path, t->name,
                      i, what);
}

status tensor_entry_floats(const tensor_file *f, const tensor_entry *t, diags *d, float **out,
                           bool *rounded) {
    if (t->type < DTYPE_F16) {
        diag_error(d, ERR_INPUT, "%s: tensor '%s' has the type %s", f->path, t->name,
                   dtype_name(t->type));
        diag_hint(d, "floating-point tensors are wanted: F16, BF16, F32 or F64");
        return ERR_INPUT;
    }
    float *x = mem_try_aligned((size_t)t->n * sizeof *x);
    if (x == NULL)
        return diag_error(d, ERR_RESOURCE, "%s: no memory for tensor '%s'", f->path, t->name);
    bool as_stored = t->type == DTYPE_F32 && !t->big_endian && !t->fortran;
    if (as_stored) memcpy(x, t->data, (size_t)t->n * sizeof *x);
    for (int64_t i = 0; i < t->n; i++) {
        double v = as_stored ? x[i] : tensor_entry_value(t, t->fortran ? fortran_index(t, i) : i);
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
