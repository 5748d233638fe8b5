/*
 * Writing safetensors: the header is sorted, so equal content gives equal bytes.
 */
#include "io/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "io/integrity.h"
#include "util/files.h"
#include "util/hash.h"
#include "util/json.h"
#include "util/mem.h"

static int by_name(const void *a, const void *b) {
    return strcmp(((const named_tensor *)a)->name, ((const named_tensor *)b)->name);
}

static int by_key(const void *a, const void *b) {
    return strcmp(((const named_text *)a)->key, ((const named_text *)b)->key);
}

static json_t *tensor_header(const named_tensor *t, int64_t at) {
    json_t *entry = json_object(), *shape = json_array(), *range = json_array();
    for (int k = 0; k < t->n_dims; k++) json_array_append_new(shape, json_integer(t->shape[k]));
    json_array_append_new(range, json_integer(at));
    json_array_append_new(range, json_integer(at + named_tensor_bytes(t)));
    json_object_set_new(entry, "dtype", json_string(dtype_name(t->type)));
    json_object_set_new(entry, "shape", shape);
    json_object_set_new(entry, "data_offsets", range);
    return entry;
}

/* NULL if a name or text is not UTF-8. */
static char *make_header(const named_tensor *tensors, int n, const named_text *texts, int n_texts) {
    json_t *root = json_object(), *meta = json_object();
    bool fine = true;
    int64_t at = 0;
    for (int i = 0; i < n_texts; i++)
        fine &= json_object_set_new(meta, texts[i].key, json_string(texts[i].value)) == 0;
    if (n_texts > 0) json_object_set(root, "__metadata__", meta);
    for (int i = 0; i < n; i++) {
        fine &= json_object_set_new(root, tensors[i].name, tensor_header(&tensors[i], at)) == 0;
        at += named_tensor_bytes(&tensors[i]);
    }
    char *text = fine ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    json_decref(meta);
    return text;
}

int64_t safetensors_header_bytes(const named_tensor *tensors, int n, const named_text *texts,
                                 int n_texts) {
    char *header = make_header(tensors, n, texts, n_texts);
    int64_t bytes = header != NULL ? (int64_t)strlen(header) : 0;
    free(header);
    return bytes;
}

status safetensors_check_count(const char *path, int64_t n, diags *d) {
    if (n <= SAFETENSORS_MAX_TENSORS) return OK;
    diag_error(d, ERR_INPUT, "%s: %" PRId64 " tensors, a safetensors file has at most %d", path, n,
               SAFETENSORS_MAX_TENSORS);
    diag_hint(d, "choose some with --tensor");
    return ERR_INPUT;
}

static status check_names(const char *path, const named_tensor *tensors, int n, diags *d) {
    for (int i = 0; i < n; i++) {
        const char *name = tensors[i].name;
        if (i > 0 && strcmp(tensors[i - 1].name, name) == 0)
            return diag_error(d, ERR_INPUT, "%s: two tensors would be named '%s'", path, name);
        if (strcmp(name, "__metadata__") == 0)
            return diag_error(d, ERR_INPUT, "%s: the format keeps the name '%s' for itself", path,
                              name);
        if (strlen(name) > SAFETENSORS_MAX_NAME)
            return diag_error(d, ERR_INPUT, "%s: a name of more than %d bytes: '%s'", path,
                              SAFETENSORS_MAX_NAME, name);
    }
    return OK;
}

/* What stands before the data: the length and the header, padded with blanks. free() */
static char *make_start(const named_tensor *tensors, int n, const named_text *texts, int n_texts,
                        int64_t *bytes) {
    char *header = make_header(tensors, n, texts, n_texts);
    if (header == NULL) return NULL;
    size_t length = strlen(header), padded = (length + 7) & ~(size_t)7;
    char *start = mem_aligned(8 + padded);
    for (int i = 0; i < 8; i++) start[i] = (char)((uint64_t)padded >> (8 * i));
    memcpy(start + 8, header, length);
    memset(start + 8 + length, ' ', padded - length);
    free(header);
    *bytes = 8 + (int64_t)padded;
    return start;
}

static status add(file_out *f, hasher *h, const void *data, int64_t n, diags *d) {
    hash_add(h, data, (size_t)n);
    return file_out_add(f, data, (size_t)n, d);
}

/* Start, then the tensors' data. */
static status write_file(const char *path, const char *start, int64_t start_bytes,
                         const named_tensor *tensors, int n, diags *d, char sha256[65],
                         int64_t *bytes) {
    file_out out;
    hasher h;
    hash_init(&h);
    status bad = file_out_open(&out, path, d);
    if (bad) return bad;
    bad = add(&out, &h, start, start_bytes, d);
    *bytes = start_bytes;
    for (int i = 0; i < n && !bad; i++) {
        bad = add(&out, &h, tensors[i].data, (size_t)named_tensor_bytes(&tensors[i]), d);
        *bytes += named_tensor_bytes(&tensors[i]);
    }
    if (!bad)
        bad = file_out_commit(&out, d);
    else
        file_out_abort(&out);
    hash_end(&h, sha256);
    return bad;
}

/* What a file has, in its order. */
typedef struct contents {
    named_tensor *tensors; /* room for one more */
    named_text *texts;
    int n, n_texts;
} contents;

static void contents_close(contents *c) {
    free(c->tensors);
    free(c->texts);
}

/* contents_close() always. */
static status contents_open(contents *c, const char *path, const named_tensor *tensors, int n,
                            const named_text *texts, int n_texts, diags *d) {
    *c = (contents){.n = n, .n_texts = n_texts};
    status bad = safetensors_check_count(path, n, d);
    if (bad) return bad;
    if (n_texts > SAFETENSORS_MAX_TEXTS)
        return diag_error(d, ERR_INPUT, "%s: %d texts beside the tensors, at most %d are read",
                          path, n_texts, SAFETENSORS_MAX_TEXTS);
    c->tensors = mem_calloc((size_t)n + 1, sizeof *c->tensors);
    c->texts = mem_calloc((size_t)n_texts + 1, sizeof *c->texts);
    if (n > 0) memcpy(c->tensors, tensors, (size_t)n * sizeof *tensors);
    if (n_texts > 0) memcpy(c->texts, texts, (size_t)n_texts * sizeof *texts);
    qsort(c->tensors, (size_t)n, sizeof *tensors, by_name);
    qsort(c->texts, (size_t)n_texts, sizeof *texts, by_key);
    return check_names(path, c->tensors, n, d);
}

/* Of what make_start() made: a header that the reader takes. */
static status check_start(const char *path, const char *start, int64_t bytes, diags *d) {
    if (start == NULL)
        return diag_error(d, ERR_INPUT, "%s: the name of a tensor or a text is not UTF-8", path);
    if (bytes - 8 <= SAFETENSORS_MAX_HEADER) return OK;
    return diag_error(d, ERR_INPUT,
                      "%s: its header would have %" PRId64 " bytes, at most 16 MiB are read", path,
                      bytes - 8);
}

static status write_plain(const char *path, const contents *c, diags *d, char sha256[65],
                          int64_t *bytes) {
    int64_t start_bytes = 0;
    char *start = make_start(c->tensors, c->n, c->texts, c->n_texts, &start_bytes);
    status bad = check_start(path, start, start_bytes, d);
    if (!bad) bad = write_file(path, start, start_bytes, c->tensors, c->n, d, sha256, bytes);
    free(start);
    return bad;
}

status safetensors_write_tensors(const char *path, const named_tensor *tensors, int n,
                                 const named_text *texts, int n_texts, diags *d, char sha256[65],
                                 int64_t *bytes) {
    contents c;
    status bad = contents_open(&c, path, tensors, n, texts, n_texts, d);
    if (!bad) bad = write_plain(path, &c, d, sha256, bytes);
    contents_close(&c);
    return bad;
}

/* ---- writing with checks ---- */

/* The start where the checks are the last of n + 1 tensors. Their size depends on that
 * of the header, which says it: both grow together until they fit. */
static char *make_checked_start(const contents *c, int parity, integrity *g, int64_t *bytes) {
    int64_t data = 0;
    for (int i = 0; i < c->n; i++) data += named_tensor_bytes(&c->tensors[i]);
    named_tensor *checks = &c->tensors[c->n];
    *checks = (named_tensor){.name = INTEGRITY_TENSOR, .type = DTYPE_U8, .n_dims = 1};
    for (;;) {
        char *start = make_start(c->tensors, c->n + 1, c->texts, c->n_texts, bytes);
        if (start == NULL) return NULL;
        *g = integrity_of(*bytes + data, parity);
        if (g->total - g->payload == checks->shape[0]) return start;
        checks->shape[0] = g->total - g->payload;
        free(start);
    }
}

static status add_checks(const char *path, const char *start, int64_t start_bytes,
                         const contents *c, const integrity *g, diags *d, char sha256[65],
                         int64_t *bytes) {
    uint8_t *all = mem_try_aligned((size_t)g->total);
    if (all == NULL)
        return diag_error(d, ERR_RESOURCE, "%s: no memory for its %" PRId64 " bytes", path,
                          g->total);
    int64_t at = start_bytes;
    memcpy(all, start, (size_t)start_bytes);
    for (int i = 0; i < c->n; i++) {
        memcpy(all + at, c->tensors[i].data, (size_t)named_tensor_bytes(&c->tensors[i]));
        at += named_tensor_bytes(&c->tensors[i]);
    }
    integrity_write(g, all);
    status bad = write_file(path, (const char *)all, g->total, NULL, 0, d, sha256, bytes);
    free(all);
    return bad;
}

static status write_checked(const char *path, const contents *c, int parity, diags *d,
                            char sha256[65], int64_t *bytes) {
    int64_t start_bytes = 0;
    integrity g;
    status bad = safetensors_check_count(path, (int64_t)c->n + 1, d); /* the checks are one */
    if (bad) return bad;
    for (int i = 0; i < c->n; i++)
        if (strcmp(c->tensors[i].name, INTEGRITY_TENSOR) == 0)
            return diag_error(d, ERR_INPUT, "%s: checked files keep the name '%s' for themselves",
                              path, INTEGRITY_TENSOR);
    char *start = make_checked_start(c, parity, &g, &start_bytes);
    bad = check_start(path, start, start_bytes, d);
    if (!bad) bad = add_checks(path, start, start_bytes, c, &g, d, sha256, bytes);
    free(start);
    return bad;
}

status safetensors_write_checked(const char *path, const named_tensor *tensors, int n,
                                 const named_text *texts, int n_texts, int parity, diags *d,
                                 char sha256[65], int64_t *bytes) {
    contents c;
    status bad = contents_open(&c, path, tensors, n, texts, n_texts, d);
    if (!bad) bad = write_checked(path, &c, parity, d, sha256, bytes);
    contents_close(&c);
    return bad;
}

status safetensors_write(const char *path, const named_floats *tensors, int n, diags *d,
                         char sha256[65], int64_t *bytes) {
    named_tensor *list = mem_calloc((size_t)n + 1, sizeof *list);
    for (int i = 0; i < n; i++) {
        list[i] = (named_tensor){.name = tensors[i].name,
                                 .type = DTYPE_F32,
                                 .n_dims = tensors[i].n_dims,
                                 .data = tensors[i].data};
        memcpy(list[i].shape, tensors[i].shape, sizeof list[i].shape);
    }
    status bad = safetensors_write_tensors(path, list, n, NULL, 0, d, sha256, bytes);
    free(list);
    return bad;
}
