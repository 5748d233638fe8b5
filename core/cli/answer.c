#include "cli/answer.h"

#include <stdlib.h>

#include "util/mem.h"

void answer_open(answer *a) {
    *a = (answer){0};
    a->out = open_memstream(&a->text, &a->n);
    if (a->out == NULL) mem_exhausted(BUFSIZ);
}

status answer_close(answer *a, status bad, diags *d) {
    bool lost = ferror(a->out) != 0;
    lost |= fclose(a->out) != 0;
    if (!bad && lost) bad = diag_error(d, ERR_RESOURCE, "no memory for the answer");
    if (!bad) fwrite(a->text, 1, a->n, stdout);
    free(a->text);
    *a = (answer){0};
    return bad;
}
