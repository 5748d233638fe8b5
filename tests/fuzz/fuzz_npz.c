#include "fuzz/fuzz.h"

void target_make(dice *r, strbuf *out) { make_npz(r, out); }
void (*const target_mend)(strbuf *b) = NULL;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    return fuzz_tensors("t.npz", tensor_file_parse, bytes, n);
}
