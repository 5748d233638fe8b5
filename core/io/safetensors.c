#include "io/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/cursor.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/str.h"

/* ---- reading ---- */

static status refuse(const tensor_file *f, const char *tensor, const char *why, diags *d) {
    if (tensor == NULL) return diag_error(d, ERR_INPUT, "%s: %s", f->path, why);
    return diag_error(d, ERR_INPUT, "%s: tensor '%s': %s", f->path, tensor, why);
}

/* What is wrong with a tensor; "" if nothing is. */
typedef struct trouble {
    char text[192];
} trouble;

static void read_type(const json_t *v, tensor_entry *t, trouble *why) {
    const char *name = json_string_value(v);
    for (dtype k = DTYPE_BOOL; name != NULL && k <= DTYPE_F64; k++)
        if (strcmp(name, dtype_name(k)) == 0) {
            t->type = k;
            return;
        }
    if (name == NULL)
        snprintf(why->text, sizeof why->text, "dtype is missing or not a string");
    else
        snprintf(why->text, sizeof why->text, "unknown dtype '%.32s'", name);
}

static void read_shape(const json_t *v, tensor_entry *t, trouble *why) {
    if (!json_is_array(v)) {
        snprintf(why->text, sizeof why->text, "shape is missing or not a list");
        return;
    }
    if (json_array_size(v) > TENSOR_MAX_DIMS) {
        snprintf(why->text, sizeof why->text, "%zu dimensions, more than 8 dimensions are not read",
                 json_array_size(v));
        return;
    }
    t->n_dims = (int)json_array_size(v);
    for (int i = 0; i < t->n_dims; i++) {
        const json_t *dim = json_array_get(v, (size_t)i);
        if (!json_is_integer(dim)) {
            snprintf(why->text, sizeof why->text, "bad dimension: shape[%d] is no integer", i);
            return;
        }
        t->shape[i] = json_integer_value(dim);
    }
    if (!tensor_count(t->shape, t->n_dims, &t->n))
        snprintf(why->text, sizeof why->text, "the element count of its shape overflows");
}

/* Sets data; the range is checked against the bytes that follow the header. */
static void read_range(const json_t *v, tensor_entry *t, const uint8_t *data, int64_t n,
                       trouble *why) {
    const json_t *a = json_array_get(v, 0), *b = json_array_get(v, 1);
    if (json_array_size(v) != 2 || !json_is_integer(a) || !json_is_integer(b)) {
        snprintf(why->text, sizeof why->text, "data_offsets is not a pair of integers");
        return;
    }
    int64_t begin = json_integer_value(a), end = json_integer_value(b),
            bytes = tensor_entry_bytes(t);
    if (end < begin)
        snprintf(why->text, sizeof why->text,
                 "data_offsets [%" PRId64 ", %" PRId64 "] end before they begin", begin, end);
    else if (end > n)
        snprintf(why->text, sizeof why->text,
                 "data_offsets [%" PRId64 ", %" PRId64 "] lie outside the file, which has %" PRId64
                 " bytes of data",
                 begin, end, n);
    else if (end - begin != bytes)
        snprintf(why->text, sizeof why->text,
                 "data_offsets do not fit shape and dtype: %" PRId64 " bytes, %" PRId64
                 " are wanted",
                 end - begin, bytes);
    else
        t->data = data + begin;
}

static status read_tensor(tensor_file *f, const char *name, const json_t *v, const uint8_t *data,
                          int64_t n, diags *d) {
    if (strlen(name) > SAFETENSORS_MAX_NAME) return refuse(f, NULL, "a tensor name is too long", d);
    if (!json_is_object(v)) return refuse(f, name, "its entry is not an object", d);
    if (json_object_size(v) != 3)
        return refuse(f, name, "its entry has other keys than dtype, shape, data_offsets", d);
    tensor_entry *t = tensor_file_add(f, mem_strdup(name));
    trouble why = {""};
    read_type(json_object_get(v, "dtype"), t, &why);
    if (*why.text == '\0') read_shape(json_object_get(v, "shape"), t, &why);
    if (*why.text == '\0') read_range(json_object_get(v, "data_offsets"), t, data, n, &why);
    return *why.text != '\0' ? refuse(f, name, why.text, d) : OK;
}

static int by_data(const void *a, const void *b) {
    const tensor_entry *x = *(tensor_entry *const *)a, *y = *(tensor_entry *const *)b;
    if (x->data != y->data) return x->data < y->data ? -1 : 1;
    return x->n < y->n ? -1 : x->n > y->n; /* an empty tensor before one with data */
}

/* No holes (something could hide there), no overlap (memory could multiply). */
static status check_cover(const tensor_file *f, const uint8_t *data, int64_t n, diags *d) {
    tensor_entry **order = mem_calloc((size_t)f->n + 1, sizeof *order);
    for (int i = 0; i < f->n; i++) order[i] = &f->tensors[i];
    qsort(order, (size_t)f->n, sizeof *order, by_data);
    const uint8_t *at = data;
    status bad = OK;
    for (int i = 0; i < f->n && !bad; i++) {
        const tensor_entry *t = order[i];
        if (t->data != at)
            bad = diag_error(d, ERR_INPUT, "%s: tensor '%s': %s of %" PRId64 " bytes", f->path,
                             t->name,
                             t->data > at ? "there is a gap in the data before it,"
                                          : "its data overlaps another tensor's, a stretch",
                             (int64_t)(t->data > at ? t->data - at : at - t->data));
        at = t->data + tensor_entry_bytes(t);
    }
    if (!bad && at != data + n)
        bad = diag_error(d, ERR_INPUT, "%s: there are bytes behind the last tensor: %" PRId64,
                         f->path, (int64_t)(data + n - at));
    free(order);
    return bad;
}

static status read_texts(tensor_file *f, const json_t *v, diags *d) {
    const char *key;
    json_t *value;
    if (!json_is_object(v)) return refuse(f, NULL, "__metadata__ is not an object", d);
    if (json_object_size(v) > SAFETENSORS_MAX_TEXTS)
        return refuse(f, NULL, "more than 65536 texts in __metadata__", d);
    f->texts = mem_calloc(json_object_size(v) + 1, sizeof *f->texts);
    json_object_foreach((json_t *)(uintptr_t)v, key, value) {
        if (!json_is_string(value))
            return refuse(f, NULL, "__metadata__ must map strings to strings", d);
        f->texts[f->n_texts++] =
            (named_text){mem_strdup(key), mem_strdup(json_string_value(value))};
    }
    return OK;
}

static status read_header(tensor_file *f, json_t *root, const uint8_t *data, int64_t n, diags *d) {
    const char *name;
    json_t *v;
    bool has_texts = json_object_get(root, "__metadata__") != NULL;
    if (json_object_size(root) - has_texts > SAFETENSORS_MAX_TENSORS)
        return refuse(f, NULL, "more than 65536 tensors", d);
    json_object_foreach(root, name, v) {
        status bad = strcmp(name, "__metadata__") == 0 ? read_texts(f, v, d)
                                                       : read_tensor(f, name, v, data, n, d);
        if (bad) return bad;
    }
    return check_cover(f, data, n, d);
}

/* ---- the text of the header ---- */

typedef struct word {
    const char *s; /* NULL: none */
    int n;
} word;

/* The string whose quote stands at text[*at], which then is that at its end. */
static word take_string(const char *text, size_t n, size_t *at) {
    size_t from = ++*at;
    while (*at < n && text[*at] != '"') *at += text[*at] == '\\' ? 2 : 1;
    if (*at > n) *at = n;
    return (word){text + from, (int)(*at - from)};
}

/* What byte `at` of the header belongs to, for a message: "tensor 'w': shape[0]: "; nothing where
 * it stands in no tensor. free() */
static char *place_of(const char *text, size_t at) {
    word key[2] = {{0}}, last = {0};
    int depth = 0, index = 0;
    for (size_t i = 0; i < at; i++) {
        char c = text[i];
        if (c == '"') last = take_string(text, at, &i);
        if (c == '{' || c == '[') depth++, index = 0;
        if (c == '}' || c == ']') depth--;
        if (c == ',') index++;
        if (depth == 1 && (c == ',' || c == ':')) key[0] = c == ':' ? last : (word){0};
        if (depth == 2 && (c == ',' || c == ':' || c == '{')) key[1] = c == ':' ? last : (word){0};
    }
    strbuf b = {0};
    strbuf_add(&b, "");
    if (depth < 2 || key[0].s == NULL) return b.s;
    if (key[0].n == 12 && memcmp(key[0].s, "__metadata__", 12) == 0) {
        strbuf_add(&b, "__metadata__: ");
        return b.s;
    }
    strbuf_addf(&b, "tensor '%.*s': ", key[0].n, key[0].s);
    if (key[1].s == NULL) return b.s;
    strbuf_addn(&b, key[1].s, (size_t)key[1].n);
    if (depth == 3) strbuf_addf(&b, "[%d]", index);
    strbuf_add(&b, ": ");
    return b.s;
}

static status refuse_text(const tensor_file *f, const char *text, size_t at, const char *why,
                          diags *d) {
    char *owner = place_of(text, at);
    diag_error(d, ERR_INPUT, "%s: %s%s (byte %zu)", f->path, owner, why, at + 8);
    free(owner);
    return ERR_INPUT;
}

static status refuse_json(const tensor_file *f, const char *text, const json_trouble *t, diags *d) {
    char why[sizeof t->why + 64];
    if (t->too_large) return refuse_text(f, text, t->at, "a number that is too large", d);
    snprintf(why, sizeof why, "the header is not valid JSON: %s", t->why);
    return refuse_text(f, text, t->at, why, d);
}

int64_t safetensors_size(const char *bytes, int64_t n, bool *least) {
    cursor c = cursor_of(bytes, (size_t)n);
    uint64_t length = cursor_u64le(&c);
    *least = true;
    if (c.failed || length > SAFETENSORS_MAX_HEADER) return 0;
    int64_t data = 8 + (int64_t)length, most = 0;
    const char *name, *text = (const char *)cursor_take(&c, length);
    if (text == NULL) return data;
    *least = false;
    json_trouble why;
    json_t *root = json_read(text, length, &why), *v;
    if (!json_is_object(root)) data = 0;
    json_object_foreach(root, name, v) {
        json_int_t end = json_integer_value(json_array_get(json_object_get(v, "data_offsets"), 1));
        most = end > most ? end : most;
    }
    json_decref(root);
    return most > INT64_MAX - data ? 0 : data + most;
}

char **safetensors_behind(const char *bytes, int64_t n, int *count) {
    cursor c = cursor_of(bytes, (size_t)n);
    uint64_t length = cursor_u64le(&c);
    const char *name, *text = (const char *)cursor_take(&c, length);
    json_trouble why;
    json_t *root = text != NULL ? json_read(text, length, &why) : NULL, *v;
    char **names = mem_calloc(json_object_size(root) + 1, sizeof *names);
    *count = 0;
    json_object_foreach(root, name, v) {
        json_int_t end = json_integer_value(json_array_get(json_object_get(v, "data_offsets"), 1));
        if (end > (json_int_t)cursor_left(&c)) names[(*count)++] = mem_strdup(name);
    }
    json_decref(root);
    return names;
}

status safetensors_parse(tensor_file *f, diags *d) {
    cursor c = cursor_of(f->bytes, (size_t)f->n_bytes);
    uint64_t length = cursor_u64le(&c);
    if (c.failed) return refuse(f, NULL, "not a safetensors file: fewer than 8 bytes", d);
    if (length > SAFETENSORS_MAX_HEADER)
        return diag_error(
            d, ERR_INPUT,
            "%s: not a safetensors file, or its header is larger than 16 MiB: %" PRIu64
            " bytes by the length at byte 0",
            f->path, length);
    if (length > cursor_left(&c))
        return diag_error(d, ERR_INPUT,
                          "%s: truncated: the header has %" PRIu64 " bytes, %zu are left", f->path,
                          length, cursor_left(&c));
    const char *text = (const char *)cursor_take(&c, length);
    if (length < 2 || text[0] != '{')
        return diag_error(d, ERR_INPUT,
                          "%s: the header does not begin with '{' (byte 8; its length is %" PRIu64
                          ")",
                          f->path, length);
    json_trouble why;
    json_t *root = json_read(text, length, &why);
    if (root == NULL) return refuse_json(f, text, &why, d);
    int64_t minus = json_find_minus(text, length);
    if (minus >= 0) {
        json_decref(root);
        return refuse_text(f, text, (size_t)minus, "a negative number", d);
    }
    status bad = json_is_object(root)
                     ? read_header(f, root, c.bytes + c.at, (int64_t)cursor_left(&c), d)
                     : refuse(f, NULL, "the header is not an object", d);
    json_decref(root);
    return bad;
}
