/*
 * Reading GGUF. Everything a file declares is checked against the bytes that are left
 * before it is used, so a file costs memory in proportion to its size.
 */
#include "io/gguf.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/cursor.h"
#include "util/mem.h"

/* The least that a value and a tensor take in a file; no more than COUNT_LIMIT of each. */
enum { VALUE_LEAST = 8 + 1 + 4 + 1, TENSOR_LEAST = 8 + 1 + 4 + 8 + 4 + 8, COUNT_LIMIT = 1 << 20 };

typedef struct reader {
    tensor_file *f;
    cursor c;
    diags *d;
    uint64_t *offsets; /* of the tensors, as declared */
    uint64_t n_values, n_tensors;
    const char *what; /* "metadata", "tensor" */
    const char *name; /* of what is being read; NULL: not known yet */
    uint64_t index;
} reader;

static status refuse(const reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static status refuse(const reader *r, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *why = str_vformat(fmt, ap);
    va_end(ap);
    strbuf b = {0};
    strbuf_addf(&b, "%s: ", r->f->path);
    if (r->what != NULL && r->name != NULL)
        strbuf_addf(&b, "%s '%s': ", r->what, r->name);
    else if (r->what != NULL)
        strbuf_addf(&b, "%s %" PRIu64 ": ", r->what, r->index);
    diag_error(r->d, ERR_INPUT, "%s%s (byte %zu)", b.s, why, r->c.at);
    strbuf_fini(&b);
    free(why);
    return ERR_INPUT;
}

static status truncated(const reader *r) {
    return refuse(r, "truncated: the file has %" PRId64 " bytes", r->f->n_bytes);
}

/* ---- header ---- */

static status check_count(const reader *r, const char *what, uint64_t n, size_t least) {
    if (n > cursor_left(&r->c) / least)
        return refuse(r, "%" PRIu64 " %s, but only %zu bytes are left", n, what,
                      cursor_left(&r->c));
    return n > COUNT_LIMIT ? refuse(r, "more than %d %s", COUNT_LIMIT, what) : OK;
}

static status read_header(reader *r) {
    const uint8_t *magic = cursor_take(&r->c, 4);
    if (magic == NULL || memcmp(magic, "GGUF", 4) != 0)
        return diag_error(r->d, ERR_INPUT, "%s: not a GGUF file (bad magic): '%.*s'", r->f->path,
                          magic != NULL ? 4 : 0, magic != NULL ? (const char *)magic : "");
    uint32_t version = cursor_u32le(&r->c);
    if (r->c.failed) return truncated(r);
    if (version != 0 && (version & 0xffff) == 0)
        return refuse(r, "a big-endian GGUF file, which is not supported");
    if (version != 2 && version != 3)
        return refuse(r, "GGUF version %" PRIu32 ", known are 2 and 3", version);
    r->n_tensors = cursor_u64le(&r->c);
    r->n_values = cursor_u64le(&r->c);
    if (r->c.failed) return truncated(r);
    status bad = check_count(r, "tensors", r->n_tensors, TENSOR_LEAST);
    if (!bad) bad = check_count(r, "metadata values", r->n_values, VALUE_LEAST);
    return bad;
}

/* A key or a name of 1 to `most` bytes. free(*out) */
static status read_name(reader *r, const char *what, uint64_t most, char **out) {
    uint64_t n = cursor_u64le(&r->c);
    if (r->c.failed) return truncated(r);
    if (n == 0) return refuse(r, "its %s is empty", what);
    if (n > most) return refuse(r, "%s length %" PRIu64 ", at most %" PRIu64, what, n, most);
    const char *text = (const char *)cursor_take(&r->c, n);
    if (text == NULL) return truncated(r);
    if (memchr(text, '\0', n) != NULL || str_find_bad_utf8(text, n) >= 0)
        return refuse(r, "its %s is not UTF-8 text", what);
    *out = mem_strndup(text, n);
    return OK;
}

/* ---- values ---- */

static status skip_value(reader *r, uint32_t type, int depth);

static status skip_string(reader *r) {
    uint64_t n = cursor_u64le(&r->c);
    if (r->c.failed) return truncated(r);
    if (n > cursor_left(&r->c))
        return refuse(r, "string length %" PRIu64 ", but only %zu bytes are left", n,
                      cursor_left(&r->c));
    cursor_take(&r->c, n);
    return OK;
}

static status skip_bools(reader *r, uint64_t n) {
    for (uint64_t i = 0; i < n; i++) {
        uint8_t v = cursor_u8(&r->c);
        if (v > 1) return refuse(r, "a bool of value %d", v);
    }
    return r->c.failed ? truncated(r) : OK;
}

static status skip_array(reader *r, int depth) {
    uint32_t type = cursor_u32le(&r->c);
    uint64_t n = cursor_u64le(&r->c);
    if (r->c.failed) return truncated(r);
    if (type >= GGUF_TYPES) return refuse(r, "an array of invalid type %" PRIu32, type);
    if (type == GGUF_ARRAY && depth == GGUF_ARRAY_DEPTH)
        return refuse(r, "nested arrays deeper than %d", GGUF_ARRAY_DEPTH);
    size_t each = type == GGUF_STRING  ? 8
                  : type == GGUF_ARRAY ? 12
                                       : (size_t)gguf_scalar_bytes(type);
    if (n > cursor_left(&r->c) / each)
        return refuse(r, "an array of %" PRIu64 " values, but only %zu bytes are left", n,
                      cursor_left(&r->c));
    if (type == GGUF_BOOL) return skip_bools(r, n);
    if (gguf_scalar_bytes(type) > 0) {
        cursor_take(&r->c, n * each);
        return OK;
    }
    status bad = OK;
    for (uint64_t i = 0; i < n && !bad; i++) bad = skip_value(r, type, depth + 1);
    return bad;
}

static status skip_value(reader *r, uint32_t type, int depth) {
    if (type >= GGUF_TYPES) return refuse(r, "invalid type %" PRIu32, type);
    if (type == GGUF_STRING) return skip_string(r);
    if (type == GGUF_ARRAY) return skip_array(r, depth);
    if (type == GGUF_BOOL) return skip_bools(r, 1);
    return cursor_take(&r->c, (size_t)gguf_scalar_bytes(type)) == NULL ? truncated(r) : OK;
}

/* A whole number of a key, -1 without it. */
static int64_t find_whole(const reader *r, const char *key) {
    for (int i = 0; i < r->f->n_values; i++) {
        const gguf_value *v = &r->f->values[i];
        if (strcmp(v->key, key) != 0) continue;
        cursor c = cursor_of(v->data, (size_t)v->n_bytes);
        if (v->type == GGUF_U16) return cursor_u16le(&c);
        if (v->type == GGUF_U32) return cursor_u32le(&c);
    }
    return -1;
}

/* One of the files that gguf-split makes of one holds a part of the tensors. */
static status check_whole(reader *r) {
    int64_t parts = find_whole(r, "split.count"), no = find_whole(r, "split.no");
    if (parts <= 1) return OK;
    r->name = "split.count";
    return refuse(r, "this is part %" PRId64 " of %" PRId64 "; merge them (gguf-split --merge)",
                  no + 1, parts);
}

static status check_keys(reader *r) {
    const char **keys = mem_calloc((size_t)r->f->n_values + 1, sizeof *keys);
    for (int i = 0; i < r->f->n_values; i++) keys[i] = r->f->values[i].key;
    r->name = str_find_twice(keys, r->f->n_values);
    free(keys);
    if (r->name != NULL) return refuse(r, "the key is there twice");
    if (gguf_alignment(r->f->values, r->f->n_values) > 0) return check_whole(r);
    r->name = "general.alignment";
    return refuse(r, "the alignment must be a power of two up to %d, of type u32",
                  GGUF_ALIGNMENT_MOST);
}

static status read_values(reader *r) {
    r->what = "metadata";
    r->f->values = mem_calloc(r->n_values + 1, sizeof *r->f->values);
    for (uint64_t i = 0; i < r->n_values; i++) {
        gguf_value *v = &r->f->values[i];
        r->index = i, r->name = NULL;
        status bad = read_name(r, "key", GGUF_MAX_KEY, &v->key);
        if (bad) return bad;
        r->f->n_values++;
        r->name = v->key;
        v->type = cursor_u32le(&r->c);
        if (r->c.failed) return truncated(r);
        size_t from = r->c.at;
        v->data = r->c.bytes + from;
        bad = skip_value(r, v->type, 1);
        if (bad) return bad;
        v->n_bytes = (int64_t)(r->c.at - from);
    }
    return check_keys(r);
}

/* ---- tensors ---- */

static status read_shape(reader *r, tensor_entry *t) {
    uint32_t n = cursor_u32le(&r->c);
    if (r->c.failed) return truncated(r);
    if (n < 1 || n > GGUF_MAX_DIMS)
        return refuse(r, "%" PRIu32 " dimensions, known are 1 to %d", n, GGUF_MAX_DIMS);
    t->n_dims = (int)n;
    for (int i = 0; i < t->n_dims; i++) {
        int64_t size = (int64_t)cursor_u64le(&r->c);
        if (r->c.failed) return truncated(r);
        if (size < 0) return refuse(r, "dimension %d is %" PRId64, i, size);
        t->shape[t->n_dims - 1 - i] = size;
    }
    return tensor_count(t->shape, t->n_dims, &t->n) ? OK : refuse(r, "element count overflows");
}

static status read_type(reader *r, tensor_entry *t) {
    uint32_t id = cursor_u32le(&r->c);
    if (r->c.failed) return truncated(r);
    if (!gguf_find_dtype(id, &t->type)) return refuse(r, "unknown tensor type %" PRIu32, id);
    int64_t row = t->shape[t->n_dims - 1];
    if (row % dtype_block(t->type) == 0) return OK;
    return refuse(r, "its rows of %" PRId64 " elements are not a multiple of %d, a block of %s",
                  row, dtype_block(t->type), dtype_name(t->type));
}

static status read_tensor(reader *r, uint64_t i) {
    char *name;
    r->index = i, r->name = NULL;
    status bad = read_name(r, "name", GGUF_MAX_NAME, &name);
    if (bad) return bad;
    tensor_entry *t = tensor_file_add(r->f, name);
    r->name = name;
    bad = read_shape(r, t);
    if (!bad) bad = read_type(r, t);
    if (bad) return bad;
    r->offsets[i] = cursor_u64le(&r->c);
    return r->c.failed ? truncated(r) : OK;
}

static status check_names(reader *r) {
    const char **names = mem_calloc((size_t)r->f->n + 1, sizeof *names);
    for (int i = 0; i < r->f->n; i++) names[i] = r->f->tensors[i].name;
    r->name = str_find_twice(names, r->f->n);
    free(names);
    return r->name != NULL ? refuse(r, "the name is there twice") : OK;
}

static int64_t padded(int64_t n, int64_t alignment) {
    return (n + alignment - 1) / alignment * alignment;
}

/* What is wrong with where a tensor's data begins, NULL if nothing is. */
static const char *check_offset(uint64_t offset, uint64_t expected, int64_t alignment) {
    if (offset % (uint64_t)alignment != 0) return "it is not a multiple of the alignment";
    if (offset < expected) return "it overlaps the tensor before it";
    return offset > expected ? "there is a gap before it" : NULL;
}

/* No holes (something could hide there), no overlap (memory could multiply). Each end is
 * inside of the file before the next begins, so no sum overflows. */
static status place_data(reader *r) {
    int64_t alignment = gguf_alignment(r->f->values, r->f->n_values), n = r->f->n_bytes;
    int64_t start = padded((int64_t)r->c.at, alignment), at = 0;
    for (int i = 0; i < r->f->n; i++) {
        tensor_entry *t = &r->f->tensors[i];
        r->name = t->name;
        const char *why = check_offset(r->offsets[i], (uint64_t)at, alignment);
        if (why != NULL)
            return refuse(r, "offset %" PRIu64 ", expected %" PRId64 ": %s", r->offsets[i], at,
                          why);
        int64_t bytes = tensor_entry_bytes(t);
        if (start + at > n || bytes > n - start - at)
            return refuse(r,
                          "%" PRId64 " bytes of data from byte %" PRId64
                          " on, the file has %" PRId64,
                          bytes, start + at, n);
        t->data = (const uint8_t *)r->f->bytes + start + at;
        at = padded(at + bytes, alignment);
    }
    if (start + at >= n) return OK;
    r->what = NULL, r->c.at = (size_t)(start + at);
    return refuse(r, "there are bytes behind the last tensor");
}

static status read_tensors(reader *r) {
    r->what = "tensor";
    r->offsets = mem_calloc(r->n_tensors, sizeof *r->offsets);
    status bad = OK;
    for (uint64_t i = 0; i < r->n_tensors && !bad; i++) bad = read_tensor(r, i);
    if (!bad) bad = check_names(r);
    if (!bad) bad = place_data(r);
    free(r->offsets);
    return bad;
}

status gguf_check_header(tensor_file *f, diags *d) {
    reader r = {.f = f, .c = cursor_of(f->bytes, (size_t)f->n_bytes), .d = d};
    return read_header(&r);
}

status gguf_parse(tensor_file *f, diags *d) {
    reader r = {.f = f, .c = cursor_of(f->bytes, (size_t)f->n_bytes), .d = d};
    status bad = read_header(&r);
    if (!bad) bad = read_values(&r);
    r.what = NULL;
    if (!bad && r.n_tensors == 0) bad = refuse(&r, "it has no tensors");
    return bad ? bad : read_tensors(&r);
}
