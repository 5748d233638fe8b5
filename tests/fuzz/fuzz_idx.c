/* IDX, plain and compressed: in memory, and now and then as a file, or as the beginning of one of
 * 64 MiB. */
#include "fuzz/fuzz.h"

#include <unistd.h>

#include "io/gzip.h"
#include "io/idx.h"

void target_make(dice *r, strbuf *out) { make_idx(r, out); }
void (*const target_mend)(strbuf *b) = NULL;

static void read_file(const uint8_t *bytes, size_t n, bool large) {
    tensor_file f;
    diags d;
    diags_init(&d);
    const char *path = fuzz_file(bytes, n);
    if (large) fuzz_require(truncate(path, (64 << 20) + 1) == 0, "the file grows");
    if (idx_read(path, &d, &f) == OK) {
        fuzz_check_tensors(&f);
        tensor_file_close(&f);
    }
    diags_fini(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    if (n % 16 == 0) read_file(bytes, n, n % 64 == 0 && !gzip_is(bytes, (int64_t)n));
    return fuzz_tensors("t.idx", idx_parse, bytes, n);
}
