#include <string.h>

#include "cli/cli.h"
#include "spec/spec.h"

static status run(const cli_args *a) {
    if (a->n_words == 0) {
        cli_print_verbs(stdout);
        return OK;
    }
    if (strcmp(a->words[0], "spec") == 0) {
        strbuf text = {0};
        spec_print_reference(&text);
        fputs(text.s, stdout);
        strbuf_fini(&text);
        return OK;
    }
    const verb *v = cli_find_verb(a->words[0]);
    if (v != NULL) {
        cli_print_help(v, stdout);
        return OK;
    }
    diag_error(a->d, ERR_USAGE, "no help for '%s'", a->words[0]);
    diag_hint(a->d,
              "`quantbench help` lists the verbs; `quantbench help spec` is the spec language");
    return ERR_USAGE;
}

const verb verb_help = {
    .name = "help",
    .words = "[VERB | spec]",
    .max_words = 1,
    .summary = "help on a verb, or the reference of the spec language",
    .options = {{NULL, NULL, NULL}},
    .run = run,
};
