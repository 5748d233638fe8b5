/*
 * Writing GGUF.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "io/gguf.h"
#include "util/files.h"
#include "util/mem.h"

#define QUANTIZATION_KEY "general.quantization_version"
enum { VERSION = 3, QUANTIZATION_VERSION = 2 };

void gguf_add_int(strbuf *b, uint64_t v, int bytes) {
    char p[8];
    for (int i = 0; i < bytes; i++) p[i] = (char)(v >> (8 * i));
    strbuf_addn(b, p, (size_t)bytes);
}

static void add_text(strbuf *b, const char *text) {
    gguf_add_int(b, strlen(text), 8);
    strbuf_add(b, text);
}

gguf_value gguf_text_value(char *key, const char *text) {
    uint64_t n = strlen(text);
    uint8_t *data = mem_calloc(1, 8 + n);
    for (int i = 0; i < 8; i++) data[i] = (uint8_t)(n >> (8 * i));
    memcpy(data + 8, text, n);
    return (gguf_value){.key = key, .type = GGUF_STRING, .data = data, .n_bytes = (int64_t)n + 8};
}

static int64_t padded(int64_t n, int64_t alignment) {
    return (n + alignment - 1) / alignment * alignment;
}

/* ---- checks ---- */

static const char *check_tensor(const named_tensor *t) {
    size_t n = strlen(t->name);
    if (n == 0) return "its name is empty";
    if (n > GGUF_MAX_NAME) return "its name is longer than 63 bytes";
    if (str_find_bad_utf8(t->name, n) >= 0) return "its name is not UTF-8";
    if (t->n_dims > GGUF_MAX_DIMS) return "it has more than 4 dimensions";
    if (!gguf_has_type(t->type)) return "the format does not have its type";
    int64_t row = t->n_dims > 0 ? t->shape[t->n_dims - 1] : 1;
    if (row % dtype_block(t->type) != 0) return "its rows are no whole number of blocks";
    return NULL;
}

static int by_name(const void *a, const void *b) {
    return strcmp((*(const named_tensor *const *)a)->name, (*(const named_tensor *const *)b)->name);
}

static status refuse(const char *path, const named_tensor *t, const char *why, diags *d) {
    return diag_error(d, ERR_INPUT, "%s: tensor '%s' (%s): %s", path, t->name, dtype_name(t->type),
                      why);
}

static status check_tensors(const char *path, const named_tensor *tensors, int n, diags *d) {
    const named_tensor **sorted = mem_calloc((size_t)n + 1, sizeof *sorted);
    status bad = OK;
    for (int i = 0; i < n && !bad; i++) {
        const char *why = check_tensor(&tensors[i]);
        sorted[i] = &tensors[i];
        if (why != NULL) bad = refuse(path, &tensors[i], why, d);
    }
    if (!bad) qsort(sorted, (size_t)n, sizeof *sorted, by_name);
    for (int i = 1; i < n && !bad; i++)
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
            bad = refuse(path, sorted[i], "another one has its name", d);
    free(sorted);
    return bad;
}

static status check_keys(const char *path, const gguf_value *values, int n, diags *d) {
    for (int i = 0; i < n; i++) {
        size_t length = strlen(values[i].key);
        if (length < 1 || length > GGUF_MAX_KEY)
            return diag_error(d, ERR_INPUT, "%s: a key of %zu bytes, the format has 1 to %d", path,
                              length, GGUF_MAX_KEY);
    }
    return OK;
}

/* ---- header ---- */

static bool wants_quantization_version(const named_tensor *tensors, int n, const gguf_value *values,
                                       int n_values) {
    for (int i = 0; i < n_values; i++)
        if (strcmp(values[i].key, QUANTIZATION_KEY) == 0) return false;
    for (int i = 0; i < n; i++)
        if (dtype_block(tensors[i].type) > 1) return true;
    return false;
}

static void add_tensor(strbuf *b, const named_tensor *t, int64_t offset) {
    add_text(b, t->name);
    gguf_add_int(b, t->n_dims > 0 ? (uint64_t)t->n_dims : 1, 4);
    if (t->n_dims == 0) gguf_add_int(b, 1, 8);
    for (int i = t->n_dims - 1; i >= 0; i--) gguf_add_int(b, (uint64_t)t->shape[i], 8);
    gguf_add_int(b, gguf_dtype_id(t->type), 4);
    gguf_add_int(b, (uint64_t)offset, 8);
}

/* All that stands before the data, without its padding. */
static void add_header(strbuf *b, const named_tensor *tensors, int n, const gguf_value *values,
                       int n_values, int64_t alignment) {
    bool version = wants_quantization_version(tensors, n, values, n_values);
    strbuf_add(b, "GGUF");
    gguf_add_int(b, VERSION, 4);
    gguf_add_int(b, (uint64_t)n, 8);
    gguf_add_int(b, (uint64_t)n_values + version, 8);
    for (int i = 0; i < n_values; i++) {
        add_text(b, values[i].key);
        gguf_add_int(b, values[i].type, 4);
        strbuf_addn(b, (const char *)values[i].data, (size_t)values[i].n_bytes);
    }
    if (version) {
        add_text(b, QUANTIZATION_KEY);
        gguf_add_int(b, GGUF_U32, 4);
        gguf_add_int(b, QUANTIZATION_VERSION, 4);
    }
    int64_t at = 0;
    for (int i = 0; i < n; i++) {
        add_tensor(b, &tensors[i], at);
        at = padded(at + named_tensor_bytes(&tensors[i]), alignment);
    }
}

/* ---- the file ---- */

static status add_padded(file_out *out, const void *data, int64_t n, int64_t alignment, diags *d,
                         int64_t *bytes) {
    static const char zeros[GGUF_ALIGNMENT_MOST];
    int64_t all = padded(n, alignment);
    status bad = file_out_add(out, data, (size_t)n, d);
    if (!bad) bad = file_out_add(out, zeros, (size_t)(all - n), d);
    *bytes += all;
    return bad;
}

status gguf_write(const char *path, const named_tensor *tensors, int n, const gguf_value *values,
                  int n_values, diags *d, int64_t *bytes) {
    int64_t alignment = gguf_alignment(values, n_values);
    file_out out;
    *bytes = 0;
    if (alignment == 0)
        return diag_error(d, ERR_INPUT, "%s: general.alignment is no power of two up to 4096",
                          path);
    status bad = check_tensors(path, tensors, n, d);
    if (!bad) bad = check_keys(path, values, n_values, d);
    if (!bad) bad = file_out_open(&out, path, d);
    if (bad) return bad;
    strbuf b = {0};
    add_header(&b, tensors, n, values, n_values, alignment);
    bad = add_padded(&out, b.s, (int64_t)b.len, alignment, d, bytes);
    strbuf_fini(&b);
    for (int i = 0; i < n && !bad; i++)
        bad =
            add_padded(&out, tensors[i].data, named_tensor_bytes(&tensors[i]), alignment, d, bytes);
    if (!bad) return file_out_commit(&out, d);
    file_out_abort(&out);
    return bad;
}
