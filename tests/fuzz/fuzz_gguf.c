#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "io/gguf.h"
#include "util/mem.h"

void target_make(dice *r, strbuf *out) { make_gguf(r, out); }
void (*const target_mend)(strbuf *b) = NULL;

/* A value as the one of a list of JSON. */
static json_t *printed(const gguf_value *v) {
    char *text;
    size_t n;
    json_trouble why;
    FILE *out = open_memstream(&text, &n);
    fputc('[', out);
    gguf_value_print(v, out);
    fputc(']', out);
    fclose(out);
    json_t *list = json_read(text, n, &why);
    free(text);
    return list;
}

static void from_json(const gguf_value *type_of, const json_t *list) {
    json_t *type = gguf_type_json(type_of);
    gguf_value back;
    if (json_array_size(list) == 1 &&
        gguf_value_of_json(type_of->key, type, json_array_get(list, 0), &back))
        free((void *)(uintptr_t)back.data);
    json_decref(type);
}

/* The reader, and what stands beside the tensors: as JSON and back, with its own type and with
 * that of another value. */
static status parse(tensor_file *f, diags *d) {
    status bad = tensor_file_parse(f, d);
    for (int i = 0; !bad && i < f->n_values; i++) {
        strbuf type = {0};
        json_t *list = printed(&f->values[i]);
        gguf_value_type(&f->values[i], &type);
        from_json(&f->values[i], list);
        from_json(&f->values[(i + 1) % f->n_values], list);
        json_decref(list);
        strbuf_fini(&type);
    }
    return bad;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    return fuzz_tensors("t.gguf", parse, bytes, n);
}
