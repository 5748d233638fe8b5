#include "cli/study_args.h"

static void print_fine(const cli_args *a, const study *t) {
    const plan *p = &t->points[0].p;
    char points[32] = "", steps[32] = "";
    if (t->n_points > 1) snprintf(points, sizeof points, " of %d configurations", t->n_points);
    if (p->spec->kind == KIND_QAT)
        snprintf(steps, sizeof steps, " of %lld steps", (long long)p->steps);
    bool tensors = p->spec->kind == KIND_TENSORS;
    str_print_line(stdout, "%s: fine: %d run%s%s%s, %d %s, %lld %s", a->words[0], t->n_runs,
                   t->n_runs == 1 ? "" : "s", points, steps, p->n_layers,
                   tensors ? (p->n_layers == 1 ? "tensor" : "tensors")
                           : (p->n_layers == 1 ? "layer" : "layers"),
                   (long long)p->params, tensors ? "values" : "parameters");
}

static status run(const cli_args *a) {
    study_args s;
    status bad = study_args_open(&s, a);
    if (cli_has(a, "--json")) {
        diags_print_json(a->d, stdout);
        diags_fini(a->d); /* said */
    } else if (!bad) {
        print_fine(a, &s.t);
    }
    study_args_close(&s);
    return bad;
}

const verb verb_check = {
    .name = "check",
    .words = "SPEC",
    .min_words = 1,
    .max_words = 1,
    .summary = "check a spec: all errors at once, nothing is written",
    .options = {STUDY_SET_OPTION, {"--json", NULL, "one JSON object for each error on stdout"}},
    .run = run,
};
