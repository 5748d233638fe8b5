#include "io/csv.h"

#include <inttypes.h>
#include <stdlib.h>

#include "util/files.h"
#include "util/str.h"

enum { PIECE = 1 << 16 };

static void add_real(strbuf *b, dtype t, double v) {
    char text[32];
    if (t != DTYPE_F64) {
        for (int digits = 6; digits <= 9; digits++) {
            snprintf(text, sizeof text, "%.*g", digits, v);
            if (strtof(text, NULL) == (float)v) break;
        }
    } else {
        str_real(text, v);
    }
    strbuf_add(b, text);
}

/* Integers by all their bits: beyond 2^53, no double holds each of them. */
static void add_number(strbuf *b, const named_tensor *t, int64_t i) {
    if (dtype_is_real(t->type)) {
        add_real(b, t->type, dtype_value(t->type, t->data, i, false));
        return;
    }
    uint64_t bits = dtype_integer(t->type, t->data, i, false);
    if (dtype_is_signed(t->type))
        strbuf_addf(b, "%" PRId64, (int64_t)bits);
    else
        strbuf_addf(b, "%" PRIu64, bits);
}

static status add_rows(file_out *out, const named_tensor *t, diags *d) {
    int64_t n = named_tensor_count(t), rows = t->n_dims > 1 ? t->shape[0] : 1;
    strbuf b = {0};
    status bad = OK;
    for (int64_t i = 0; i < n && !bad; i++) {
        add_number(&b, t, i);
        strbuf_add(&b, (i + 1) % (n / rows) == 0 ? "\n" : ",");
        if (b.len < PIECE && i + 1 < n) continue;
        bad = file_out_add(out, b.s, b.len, d);
        b.len = 0;
    }
    strbuf_fini(&b);
    return bad;
}

status csv_write(const char *path, const named_tensor *t, diags *d) {
    file_out out;
    status bad = file_out_open(&out, path, d);
    if (bad) return bad;
    bad = add_rows(&out, t, d);
    if (!bad) return file_out_commit(&out, d);
    file_out_abort(&out);
    return bad;
}
