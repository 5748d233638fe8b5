/*
 * Writing NPY, version 1.0.
 */
#include "io/npy.h"

#include <assert.h>
#include <inttypes.h>

#include "util/files.h"
#include "util/str.h"

bool npy_has_type(dtype t) { return npy_type_name(t) != NULL; }

void npy_add_header(strbuf *b, dtype type, const int64_t *shape, int n_dims) {
    strbuf h = {0};
    assert(npy_has_type(type));
    strbuf_addf(&h, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                dtype_bytes(type) == 1 ? '|' : '<', npy_type_name(type));
    for (int i = 0; i < n_dims; i++) strbuf_addf(&h, "%s%" PRId64, i > 0 ? ", " : "", shape[i]);
    strbuf_add(&h, n_dims == 1 ? ",), }" : "), }");
    while ((10 + h.len + 1) % 64 != 0) strbuf_add(&h, " ");
    strbuf_add(&h, "\n");
    char start[10] = {'\x93', 'N', 'U', 'M', 'P', 'Y', 1, 0};
    start[8] = (char)(h.len & 255), start[9] = (char)(h.len >> 8);
    strbuf_addn(b, start, sizeof start);
    strbuf_addn(b, h.s, h.len);
    strbuf_fini(&h);
}

status npy_write(const char *path, dtype type, const int64_t *shape, int n_dims, const void *data,
                 diags *d) {
    strbuf b = {0};
    int64_t n = 1;
    for (int i = 0; i < n_dims; i++) n *= shape[i];
    npy_add_header(&b, type, shape, n_dims);
    file_out out;
    status bad = file_out_open(&out, path, d);
    if (!bad) {
        bad = file_out_add(&out, b.s, b.len, d);
        if (!bad) bad = file_out_add(&out, data, (size_t)(n * dtype_bytes(type)), d);
        if (!bad)
            bad = file_out_commit(&out, d);
        else
            file_out_abort(&out);
    }
    strbuf_fini(&b);
    return bad;
}
