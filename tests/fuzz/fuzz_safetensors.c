#include "fuzz/fuzz.h"

#include <stdlib.h>

#include "io/safetensors.h"

void target_make(dice *r, strbuf *out) { make_safetensors(r, out); }
void (*const target_mend)(strbuf *b) = NULL;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    bool least; /* of a file that is damaged, too */
    if (safetensors_size((const char *)bytes, (int64_t)n, &least) < 0) abort();
    int count;
    char **names = safetensors_behind((const char *)bytes, (int64_t)n, &count);
    for (int i = 0; i < count; i++) free(names[i]);
    free(names);
    return fuzz_tensors("t.safetensors", tensor_file_parse, bytes, n);
}
