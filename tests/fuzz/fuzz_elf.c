/* The header of a plugin file, read before anything of it is loaded. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "host/elf.h"

void target_make(dice *r, strbuf *out) { make_elf(r, out); }
void (*const target_mend)(strbuf *b) = NULL;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    enum { MOST = 4 };
    const char *names[MOST];
    char *copy = fuzz_copy(bytes, n), *why = elf_check(copy, n);
    int found = why == NULL ? elf_exports(copy, n, names, MOST) : 0;
    for (int i = 0; i < found && i < MOST; i++)
        fuzz_require(names[i] >= copy && names[i] + strlen(names[i]) < copy + n, "names are in it");
    fuzz_count(why == NULL);
    free(why);
    free(copy);
    return 0;
}
