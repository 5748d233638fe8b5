#include "io/idx.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "io/gzip.h"
#include "util/cursor.h"
#include "util/files.h"
#include "util/mem.h"

enum { HEAD = 4 + 4 * IDX_MAX_DIMS };
static const int64_t FILE_LIMIT = (int64_t)16 << 30;

/* By the third byte of the file. */
static bool find_type(uint8_t code, dtype *t) {
    static const struct {
        uint8_t code;
        uint8_t type;
    } types[] = {{0x08, DTYPE_U8},  {0x09, DTYPE_I8},  {0x0b, DTYPE_I16},
                 {0x0c, DTYPE_I32}, {0x0d, DTYPE_F32}, {0x0e, DTYPE_F64}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].code == code) return *t = (dtype)types[i].type, true;
    return false;
}

static status read_shape(gzip_file *g, tensor_entry *t, diags *d) {
    uint8_t head[4], dims[4 * IDX_MAX_DIMS];
    status bad = gzip_take(g, head, sizeof head, d);
    if (bad) return bad;
    if (head[0] != 0 || head[1] != 0)
        return diag_error(d, ERR_INPUT,
                          "%s: not an IDX file (bad magic: it begins with 0x%02x 0x%02x, two zero "
                          "bytes are wanted)",
                          g->path, head[0], head[1]);
    if (!find_type(head[2], &t->type))
        return diag_error(
            d, ERR_INPUT,
            "%s: IDX element type 0x%02x at byte 2, known are 0x08, 0x09, 0x0b, 0x0c, "
            "0x0d and 0x0e",
            g->path, head[2]);
    t->n_dims = head[3];
    if (t->n_dims < 1 || t->n_dims > IDX_MAX_DIMS)
        return diag_error(d, ERR_INPUT, "%s: %d dimensions at byte 3, 1 to %d are wanted", g->path,
                          t->n_dims, IDX_MAX_DIMS);
    bad = gzip_take(g, dims, 4 * t->n_dims, d);
    if (bad) return bad;
    cursor c = cursor_of(dims, sizeof dims);
    for (int i = 0; i < t->n_dims; i++) {
        t->shape[i] = cursor_u32be(&c);
        if (t->shape[i] == 0)
            return diag_error(d, ERR_INPUT, "%s: dimension %d is 0: it has no elements", g->path,
                              i);
    }
    t->big_endian = true;
    return tensor_count(t->shape, t->n_dims, &t->n)
               ? OK
               : diag_error(d, ERR_INPUT, "%s: element count overflows", g->path);
}

/* The elements: a part of a plain file, else memory of their own. */
static status read_body(tensor_file *f, gzip_file *g, tensor_entry *t, diags *d) {
    int64_t bytes = tensor_entry_bytes(t);
    if (bytes > gzip_most(g) - g->taken)
        return diag_error(d, ERR_INPUT,
                          "%s: its shape wants %" PRId64 " bytes, the file has %" PRId64 "%s",
                          f->path, bytes, g->z != NULL ? g->n : g->n - g->at,
                          g->z != NULL ? " compressed ones" : "");
    if (g->z == NULL) {
        t->data = g->bytes + g->at;
        g->at += bytes;
        return gzip_end(g, d);
    }
    uint8_t *to = mem_try_aligned((size_t)bytes);
    if (to == NULL)
        return diag_error(d, ERR_RESOURCE, "%s: no memory for %" PRId64 " bytes", f->path, bytes);
    status bad = gzip_take(g, to, bytes, d);
    if (!bad) bad = gzip_end(g, d);
    if (bad) {
        free(to);
        return bad;
    }
    free(f->bytes);
    f->bytes = (char *)to, f->n_bytes = bytes;
    t->data = to;
    return OK;
}

status idx_parse(tensor_file *f, diags *d) {
    gzip_file g;
    f->format = "idx";
    tensor_entry *t = tensor_file_add(f, mem_strdup(path_base(f->path)));
    status bad = gzip_open(&g, f->path, f->bytes, f->n_bytes, d);
    if (bad) return bad;
    bad = read_shape(&g, t, d);
    if (!bad) bad = read_body(f, &g, t, d);
    gzip_close(&g);
    return bad;
}

/* Parsing looks at no element of what is not compressed. */
static status check_head(tensor_file *head, diags *d) {
    return gzip_is(head->bytes, HEAD) ? OK : idx_parse(head, d);
}

status idx_read(const char *path, diags *d, tensor_file *f) {
    size_t n;
    *f = (tensor_file){.path = mem_strdup(path)};
    status bad = tensor_file_check_head(path, HEAD, check_head, d);
    if (!bad) bad = file_read(path, FILE_LIMIT, ERR_INPUT, d, &f->bytes, &n);
    if (!bad) {
        f->n_bytes = (int64_t)n;
        bad = idx_parse(f, d);
    }
    if (bad) tensor_file_close(f);
    return bad;
}
