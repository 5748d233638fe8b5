#include "util/outputs.h"

#include <stddef.h>

#include "util/files.h"

static status refuse(const output *o, const char *what, diags *d) {
    diag_error(d, ERR_USAGE, "%s are the same file: %s", what, o->path);
    diag_hint(d, "name another file with %s", o->option);
    return ERR_USAGE;
}

status outputs_differ(const output *list, int n, diags *d) {
    for (int i = 1; i < n; i++)
        for (int k = 0; k < i; k++)
            if (list[i].path != NULL && list[k].path != NULL &&
                file_same(list[i].path, list[k].path))
                return refuse(&list[i], "two outputs", d);
    return OK;
}

status outputs_spare(const output *list, int n, const char *input, diags *d) {
    for (int i = 0; i < n; i++)
        if (list[i].path != NULL && input != NULL && file_same(list[i].path, input))
            return refuse(&list[i], "input and output", d);
    return OK;
}
