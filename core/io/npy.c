#include "io/npy.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/cursor.h"
#include "util/files.h"
#include "util/mem.h"

enum { HEADER_MOST = 1 << 20, START = 10, START_LONG = 12 }; /* magic, version, length */

/* ---- reading: the header is a Python dict of three entries ---- */

typedef struct header {
    const char *s, *end; /* what is left of the text */
    const char *found;   /* what is wrong; n_found of it are shown */
    int n_found;
    bool have_descr, have_order, have_shape;
} header;

static void skip_blanks(header *h) {
    while (h->s < h->end && (*h->s == ' ' || *h->s == '\n')) h->s++;
}

static bool take(header *h, const char *word) {
    skip_blanks(h);
    size_t n = strlen(word);
    if ((size_t)(h->end - h->s) < n || memcmp(h->s, word, n) != 0) return false;
    h->s += n;
    return true;
}

/* A quoted string without escapes; its text in [*from, *from + *n). */
static bool take_string(header *h, const char **from, size_t *n) {
    skip_blanks(h);
    if (h->s >= h->end || (*h->s != '\'' && *h->s != '"')) return false;
    char quote = *h->s++;
    const char *close = memchr(h->s, quote, (size_t)(h->end - h->s));
    if (close == NULL || memchr(h->s, '\\', (size_t)(close - h->s)) != NULL) return false;
    *from = h->s, *n = (size_t)(close - h->s);
    h->s = close + 1;
    return true;
}

static bool take_dimension(header *h, int64_t *out) {
    skip_blanks(h);
    char digits[24] = "";
    size_t n = 0;
    while (h->s < h->end && *h->s >= '0' && *h->s <= '9' && n < sizeof digits - 1)
        digits[n++] = *h->s++;
    return str_to_int(digits, out);
}

static const char *take_shape(header *h, tensor_entry *t) {
    if (!take(h, "(")) return "the shape is not a tuple";
    while (!take(h, ")")) {
        if (t->n_dims == TENSOR_MAX_DIMS) return "more than 8 dimensions";
        if (!take_dimension(h, &t->shape[t->n_dims++])) return "bad dimension";
        if (!take(h, ",")) {
            if (t->n_dims == 1 || !take(h, ")")) return "the shape is not a tuple";
            break;
        }
    }
    return NULL;
}

static const struct {
    const char *name;
    dtype type;
} known[] = {
    {"b1", DTYPE_BOOL}, {"u1", DTYPE_U8},  {"i1", DTYPE_I8},  {"u2", DTYPE_U16},
    {"i2", DTYPE_I16},  {"u4", DTYPE_U32}, {"i4", DTYPE_I32}, {"u8", DTYPE_U64},
    {"i8", DTYPE_I64},  {"f2", DTYPE_F16}, {"f4", DTYPE_F32}, {"f8", DTYPE_F64},
};
enum { N_KNOWN = sizeof known / sizeof *known };

static void show(header *h, const char *from, size_t n) {
    h->found = from, h->n_found = n < 32 ? (int)n : 32;
}

static const char *take_descr(header *h, tensor_entry *t) {
    const char *s;
    size_t n;
    if (!take_string(h, &s, &n))
        return h->s < h->end && (*h->s == '[' || *h->s == '(' || *h->s == '{')
                   ? "structured types are not supported"
                   : "malformed header: descr is not a text";
    show(h, s, n);
    if (n > 1 && s[1] == 'O') return "object arrays need pickle, which is not supported";
    if (n != 3 || strchr("<>|=", s[0]) == NULL) return "unknown element type";
    for (int i = 0; i < N_KNOWN; i++)
        if (memcmp(known[i].name, s + 1, 2) == 0) {
            t->type = known[i].type;
            t->big_endian = s[0] == '>';
            show(h, NULL, 0);
            return NULL;
        }
    return "element type is not one of bool, integers, f2, f4, f8";
}

static const char *take_entry(header *h, tensor_entry *t) {
    const char *key;
    size_t n;
    if (!take_string(h, &key, &n) || !take(h, ":")) return "malformed header";
    bool *have;
    const char *why = NULL;
    if (n == 5 && memcmp(key, "descr", n) == 0) {
        have = &h->have_descr;
        if (!*have) why = take_descr(h, t);
    } else if (n == 5 && memcmp(key, "shape", n) == 0) {
        have = &h->have_shape;
        if (!*have) why = take_shape(h, t);
    } else if (n == 13 && memcmp(key, "fortran_order", n) == 0) {
        have = &h->have_order;
        if (take(h, "True"))
            t->fortran = true;
        else if (!take(h, "False"))
            why = "fortran_order is neither True nor False";
    } else {
        show(h, key, n);
        return "unknown key in the header";
    }
    if (*have) {
        show(h, key, n);
        return "a key stands twice in the header";
    }
    *have = true;
    return why;
}

static const char *parse_header(header *h, tensor_entry *t) {
    if (!take(h, "{")) return "malformed header: not a dict";
    while (!take(h, "}")) {
        const char *why = take_entry(h, t);
        if (why != NULL) return why;
        if (!take(h, ",")) {
            if (!take(h, "}")) return "malformed header";
            break;
        }
    }
    skip_blanks(h);
    if (h->s != h->end) return "malformed header: text behind the dict";
    if (!h->have_descr) return "the header has no 'descr'";
    if (!h->have_order) return "the header has no 'fortran_order'";
    return h->have_shape ? NULL : "the header has no 'shape'";
}

/* Names of tensors are UTF-8, those of files need not be. */
static char *name_of_file(const char *path) {
    const char *base = path_base(path);
    char *name = mem_strndup(base, strlen(base) - strlen(".npy"));
    if (str_find_bad_utf8(name, strlen(name)) < 0) return name;
    char *escaped = str_escape(name);
    free(name);
    return escaped;
}

status npy_parse_array(tensor_file *f, char *name, const char *where, const char *bytes, size_t n,
                       diags *d) {
    tensor_entry *t = tensor_file_add(f, name);
    cursor c = cursor_of(bytes, n);
    const uint8_t *magic = cursor_take(&c, 6);
    if (magic == NULL || memcmp(magic, "\x93NUMPY", 6) != 0)
        return diag_error(d, ERR_INPUT, "%s: not an NPY file (bad magic%s)", where,
                          magic == NULL ? ": truncated NPY header, fewer than 6 bytes" : "");
    int major = cursor_u8(&c), minor = cursor_u8(&c);
    if (!c.failed && (major < 1 || major > 3 || minor != 0))
        return diag_error(d, ERR_INPUT, "%s: NPY version %d.%d, known are 1.0, 2.0 and 3.0", where,
                          major, minor);
    uint32_t length = major == 1 ? cursor_u16le(&c) : cursor_u32le(&c);
    if (c.failed)
        return diag_error(d, ERR_INPUT,
                          "%s: truncated NPY header: it has %zu bytes, magic, version and length "
                          "are %d",
                          where, n, major > 1 ? START_LONG : START);
    size_t left = cursor_left(&c);
    const uint8_t *text = cursor_take(&c, length);
    if (text == NULL)
        return diag_error(d, ERR_INPUT, "%s: truncated NPY header: it wants %u bytes, %zu are left",
                          where, length, left);
    if (length > HEADER_MOST)
        return diag_error(d, ERR_INPUT, "%s: an NPY header of %u bytes, at most %d are read", where,
                          length, HEADER_MOST);
    header h = {.s = (const char *)text, .end = (const char *)text + length};
    const char *why = length == 0 ? "empty header" : parse_header(&h, t);
    if (why == NULL && !tensor_count(t->shape, t->n_dims, &t->n)) why = "element count overflows";
    if (why != NULL)
        return diag_error(d, ERR_INPUT, "%s: %s%s%.*s%s (byte %zu)", where, why,
                          h.found != NULL ? ": '" : "", h.n_found, h.found != NULL ? h.found : "",
                          h.found != NULL ? "'" : "", (size_t)((const uint8_t *)h.s - c.bytes));
    int64_t want = t->n * dtype_bytes(t->type), have = (int64_t)cursor_left(&c);
    if (want != have)
        return diag_error(d, ERR_INPUT,
                          "%s: the data needs %" PRId64 " bytes, the file has %" PRId64
                          " behind its header (byte %zu)",
                          where, want, have, c.at);
    t->data = c.bytes + c.at;
    return OK;
}

status npy_parse(tensor_file *f, diags *d) {
    return npy_parse_array(f, name_of_file(f->path), f->path, f->bytes, (size_t)f->n_bytes, d);
}

const char *npy_type_name(dtype t) {
    for (int i = 0; i < N_KNOWN; i++)
        if (known[i].type == t) return known[i].name;
    return NULL;
}
