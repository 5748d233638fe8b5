/* IDX, plain and compressed: in memory, and now and then as a file. */
#include "fuzz/fuzz.h"

#include "io/idx.h"

void target_make(dice *r, strbuf *out) { make_idx(r, out); }
void (*const target_mend)(strbuf *b) = NULL;

static void read_file(const uint8_t *bytes, size_t n) {
    tensor_file f;
    diags d;
    diags_init(&d);
    if (idx_read(fuzz_file(bytes, n), &d, &f) == OK) {
        fuzz_check_tensors(&f);
        tensor_file_close(&f);
    }
    diags_fini(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    if (n % 16 == 0) read_file(bytes, n);
    return fuzz_tensors("t.idx", idx_parse, bytes, n);
}
