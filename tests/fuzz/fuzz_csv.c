#include "fuzz/fuzz.h"

#include <math.h>
#include <stdlib.h>

#include "io/csv.h"

void target_make(dice *r, strbuf *out) { make_csv(r, out); }
void (*const target_mend)(strbuf *b) = NULL;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    char *copy = fuzz_copy(bytes, n);
    csv_table t;
    diags d;
    diags_init(&d);
    status bad = n % 16 == 0 ? csv_read(fuzz_file(bytes, n), &d, &t)
                             : csv_parse("t.csv", copy, (int64_t)n, &d, &t);
    free(copy);
    fuzz_require(bad == OK ? d.errors == 0 : d.errors == 1, "one error, or none");
    fuzz_require(bad == OK || bad == ERR_INPUT, "the file is to blame");
    fuzz_require(bad || (t.rows > 0 && t.cols > 0), "there are numbers");
    for (int64_t i = 0; !bad && i < t.rows * t.cols; i++)
        fuzz_require(isfinite(t.x[i]), "numbers are finite");
    if (!bad) csv_free(&t);
    diags_fini(&d);
    fuzz_count(!bad);
    return 0;
}
