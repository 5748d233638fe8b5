#include <stdlib.h>

#include "cli/cli.h"
#include "run/runner.h"

static status run(const cli_args *a) {
    const char *settings[CLI_MAX_ARGS];
    int n = cli_values(a, "--set", settings);
    registry r;
    spec s;
    plan p;
    registry_scan(&r);
    status bad = runner_plan(a->words[0], settings, n, &r, &s, &p, a->d);
    if (cli_has(a, "--json")) {
        diags_print_json(a->d, stdout);
        diags_fini(a->d); /* said */
    } else if (!bad) {
        const char *what = s.kind == KIND_TENSORS ? "tensors" : "layers";
        const char *values = s.kind == KIND_TENSORS ? "values" : "parameters";
        printf("%s: fine: %d run%s", a->words[0], p.n_runs, p.n_runs == 1 ? "" : "s");
        if (s.kind == KIND_QAT) printf(" of %lld steps", (long long)p.steps);
        printf(", %d %s, %lld %s\n", p.n_layers, what, (long long)p.params, values);
    }
    plan_close(&p);
    spec_close(&s);
    registry_fini(&r);
    return bad;
}

const verb verb_check = {
    .name = "check",
    .words = "SPEC",
    .min_words = 1,
    .max_words = 1,
    .summary = "check a spec: all errors at once, nothing is written",
    .options = {{"--set", "KEY=VALUE", "override a value of the spec; may be repeated"},
                {"--json", NULL, "one JSON object for each error on stdout"}},
    .run = run,
};
