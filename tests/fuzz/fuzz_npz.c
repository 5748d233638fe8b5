#include "fuzz/fuzz.h"

#include <string.h>

#include "io/npy.h"

void target_make(dice *r, strbuf *out) { make_npz(r, out); }
void (*const target_mend)(strbuf *b) = NULL;

/* The reader, and what looks at the end of a large file before that is read. */
static status parse(tensor_file *f, diags *d) {
    static char tail[NPZ_TAIL];
    size_t n = f->n_bytes < NPZ_TAIL ? (size_t)f->n_bytes : NPZ_TAIL;
    diags own;
    memset(tail, 0, sizeof tail);
    memcpy(tail + NPZ_TAIL - n, f->bytes + f->n_bytes - n, n);
    diags_init(&own);
    status bad = tensor_file_parse(f, d), bad_tail = npz_check_tail(f->path, tail, &own);
    fuzz_require(bad || !bad_tail, "an archive has an end");
    diags_fini(&own);
    return bad;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    return fuzz_tensors("t.npz", parse, bytes, n);
}
