#include "fuzz/fuzz.h"

#include "io/gguf.h"
#include "util/mem.h"

void target_make(dice *r, strbuf *out) { make_gguf(r, out); }
void (*const target_mend)(strbuf *b) = NULL;

/* The reader, and what stands beside the tensors. */
static status parse(tensor_file *f, diags *d) {
    status bad = tensor_file_parse(f, d);
    FILE *none = bad ? NULL : fopen("/dev/null", "w");
    for (int i = 0; !bad && i < f->n_values; i++) {
        strbuf type = {0};
        gguf_value_type(&f->values[i], &type);
        gguf_value_print(&f->values[i], none);
        strbuf_fini(&type);
    }
    if (none != NULL) fclose(none);
    return bad;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    return fuzz_tensors("t.gguf", parse, bytes, n);
}
