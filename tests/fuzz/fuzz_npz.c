#include "fuzz/fuzz.h"

#include <string.h>

#include "io/npy.h"

void target_make(dice *r, strbuf *out) { make_npz(r, out); }
void (*const target_mend)(strbuf *b) = NULL;

/* What looks at the end of a large file before that is read. */
static status check_tail(const tensor_file *f) {
    static char tail[NPZ_TAIL];
    size_t n = f->n_bytes < NPZ_TAIL ? (size_t)f->n_bytes : NPZ_TAIL;
    diags d;
    memset(tail, 0, sizeof tail);
    memcpy(tail + NPZ_TAIL - n, f->bytes + f->n_bytes - n, n);
    diags_init(&d);
    status bad = npz_check_tail(f->path, tail, &d);
    diags_fini(&d);
    return bad;
}

/* The reader puts what it inflates in the place of the bytes: their end, where there is one, is
 * looked at first. */
static status parse(tensor_file *f, diags *d) {
    bool has_end = memmem(f->bytes, (size_t)f->n_bytes, "PK\5\6", 4) != NULL;
    status bad_tail = has_end ? check_tail(f) : OK, bad = tensor_file_parse(f, d);
    fuzz_require(bad || !bad_tail, "an archive has an end");
    return bad;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    return fuzz_tensors("t.npz", parse, bytes, n);
}
