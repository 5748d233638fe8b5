#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "report/table.h"
#include "run/runner.h"
#include "util/files.h"
#include "util/json.h"

static const char *or_dash(const char *s) { return s != NULL && *s != '\0' ? s : "-"; }

static void print_layers(const plan *p) {
    static const char *const heads[] = {"layer",  "shape",   ">params", "weights", "input", "ste",
                                        "packer", ">bits/w", ">bytes",  ">line",   NULL};
    table t;
    table_open(&t, heads);
    for (int i = 0; i < p->n_layers; i++) {
        const plan_layer *l = &p->layers[i];
        table_add(&t, "%s", l->desc.name);
        table_add(&t, "(%" PRId64 ", %" PRId64 ")", l->desc.out, l->desc.in);
        table_add(&t, "%" PRId64, l->desc.params);
        table_add(&t, "%s", l->weights.label != NULL ? l->weights.label : "float32");
        table_add(&t, "%s", l->input.label != NULL ? l->input.label : "float32");
        table_add(&t, "%s", or_dash(l->ste));
        table_add(&t, "%s", or_dash(l->packer));
        table_add_real(&t, l->bits_per_weight, 3);
        table_add(&t, "%" PRId64, l->weight_bytes);
        if (l->rule_line > 0)
            table_add(&t, "%d", l->rule_line);
        else
            table_add(&t, "-");
    }
    table_print(&t, stdout);
    table_close(&t);
}

static void print_network(const plan *p) {
    if (p->has_train)
        printf("data: %" PRId64 " training and %" PRId64 " test samples of %" PRId64
               " values, %d classes\n",
               p->train_size.n, p->test_size.n, p->train_size.features, p->train_size.classes);
    else
        printf("data: %" PRId64 " test samples of %" PRId64 " values, %d classes\n", p->test_size.n,
               p->test_size.features, p->test_size.classes);
    printf("model: mlp%s, biases: %s, %" PRId64 " parameters, %" PRId64 " multiply-adds a sample\n",
           p->model.norm ? " with RMSNorm before each layer" : "", p->model.bias ? "yes" : "no",
           p->params, p->macs);
    if (p->weights.path != NULL) printf("weights from: %s\n", p->weights.path);
    if (p->spec->kind == KIND_QAT)
        printf("training: %" PRId64 " steps of %" PRId64 " samples, %" PRId64 " an epoch\n",
               p->steps, p->spec->data.batch, p->steps_per_epoch);
}

static void print_sensitivity(const plan *p) {
    const plan_sensitivity *s = &p->sensitivity;
    if (s->n == 0) return;
    printf("\nsensitivity: %s on %" PRId64 " test samples; candidates\n",
           s->mode == LEAVE_ONE_IN ? "leave_one_in" : "leave_one_out", s->samples);
    for (int i = 0; i < s->n; i++) printf("  %s\n", s->candidates[i].label);
}

static void print_text(const plan *p, char (*done)[STORE_UID]) {
    char weights[32], memory[32];
    str_bytes(weights, p->weight_bytes);
    str_bytes(memory, p->memory_bytes);
    printf("%s  %s\n", p->spec->name, p->spec->file);
    if (p->spec->kind == KIND_TENSORS)
        printf("tensors: %d, %" PRId64 " values\n", p->n_layers, p->params);
    else
        print_network(p);
    printf("weights: %s as stored, %.3f bits each; memory about %s\n\n", weights,
           p->bits_per_weight, memory);
    print_layers(p);
    if (p->n_rules > 0) printf("\nrules\n");
    for (int i = 0; i < p->n_rules; i++)
        printf("  line %-4d %-24s %d of %d layers\n", p->rules[i].line, p->rules[i].match,
               p->rules[i].n_layers, p->n_layers);
    print_sensitivity(p);
    printf("\nruns\n");
    for (int i = 0; i < p->n_runs; i++)
        printf("  seed %-6" PRIu64 " %s%s\n", p->runs[i].seed,
               done[i][0] != '\0' ? "done as " : "to do", done[i]);
}

static json_t *site_json(const plan_site *s) {
    if (s->scheme == NULL) return json_null();
    json_t *o = json_object();
    json_set_str(o, "scheme", s->scheme);
    json_set_str(o, "params", s->params);
    json_set_str(o, "granularity", s->granularity);
    json_set_int(o, "group_size", s->group_size);
    json_set_int(o, "n_levels", s->n_levels);
    json_set_int(o, "n_groups", s->n_groups);
    return o;
}

static json_t *layers_json(const plan *p) {
    json_t *list = json_array();
    for (int i = 0; i < p->n_layers; i++) {
        const plan_layer *l = &p->layers[i];
        json_t *o = json_object();
        json_set_str(o, "layer", l->desc.name);
        json_set_str(o, "type", l->desc.type);
        json_object_set_new(o, "shape",
                            json_pack("[I, I]", (json_int_t)l->desc.out, (json_int_t)l->desc.in));
        json_set_int(o, "params", l->desc.params);
        json_set_int(o, "macs", l->desc.macs);
        json_object_set_new(o, "weights", site_json(&l->weights));
        json_object_set_new(o, "input", site_json(&l->input));
        json_set_str(o, "ste", l->ste);
        json_set_str(o, "packer", l->packer);
        json_set_real(o, "bits_per_weight", l->bits_per_weight);
        json_set_int(o, "bytes", l->weight_bytes);
        json_set_int(o, "rule_line", l->rule_line);
        json_array_append_new(list, o);
    }
    return list;
}

static void print_json(const plan *p, char (*done)[STORE_UID]) {
    json_t *o = json_object(), *runs = json_array(), *rules = json_array(),
           *candidates = json_array();
    json_set_str(o, "name", p->spec->name);
    json_set_str(o, "file", p->spec->file);
    json_set_str(o, "config_key", p->config_key);
    json_set_int(o, "steps", p->steps);
    json_set_int(o, "steps_per_epoch", p->steps_per_epoch);
    json_set_int(o, "params", p->params);
    json_set_int(o, "weight_bytes", p->weight_bytes);
    json_set_real(o, "bits_per_weight", p->bits_per_weight);
    json_set_int(o, "memory_bytes", p->memory_bytes);
    json_object_set_new(o, "layers", layers_json(p));
    for (int i = 0; i < p->sensitivity.n; i++)
        json_array_append_new(candidates, json_string(p->sensitivity.candidates[i].label));
    json_object_set_new(o, "candidates", candidates);
    for (int i = 0; i < p->n_rules; i++)
        json_array_append_new(rules, json_pack("{s:i, s:s, s:i}", "line", p->rules[i].line, "match",
                                               p->rules[i].match, "layers", p->rules[i].n_layers));
    for (int i = 0; i < p->n_runs; i++) {
        json_t *run = json_object();
        json_set_int(run, "seed", (int64_t)p->runs[i].seed);
        json_set_str(run, "cache_key", p->runs[i].cache_key);
        json_set_str(run, "done", done[i][0] != '\0' ? done[i] : NULL);
        json_array_append_new(runs, run);
    }
    json_object_set_new(o, "rules", rules);
    json_object_set_new(o, "runs", runs);
    json_print_line(o, stdout);
}

/* Which runs are done; a database that does not exist has none. */
static status find_done(const cli_args *a, const plan *p, char (*done)[STORE_UID]) {
    char *path;
    store *s;
    status bad = cli_db_path(a, false, &path);
    if (!bad && file_exists(path)) {
        bad = store_open(path, true, a->d, &s);
        if (!bad) {
            runner_done(p, s, done);
            store_close(s);
        }
    }
    free(path);
    return bad;
}

static status run(const cli_args *a) {
    const char *settings[CLI_MAX_ARGS];
    int n = cli_values(a, "--set", settings);
    registry r;
    spec s;
    plan p;
    registry_scan(&r);
    status bad = runner_plan(a->words[0], settings, n, &r, &s, &p, a->d);
    if (!bad) {
        char(*done)[STORE_UID] = calloc((size_t)p.n_runs, sizeof *done);
        bad = done != NULL ? find_done(a, &p, done) : ERR_RESOURCE;
        if (!bad && cli_has(a, "--json"))
            print_json(&p, done);
        else if (!bad)
            print_text(&p, done);
        free(done);
    }
    plan_close(&p);
    spec_close(&s);
    registry_fini(&r);
    return bad;
}

const verb verb_plan = {
    .name = "plan",
    .words = "SPEC",
    .min_words = 1,
    .max_words = 1,
    .summary = "what a spec comes to: layers, bits, bytes, runs, what is done already",
    .text = "Nothing is trained and nothing is written. `line` is the line of the spec that "
            "decided on a layer.\n",
    .options = {{"--set", "KEY=VALUE", "override a value of the spec; may be repeated"},
                {"--db", "FILE", "the results database, to see what is done"},
                {"--json", NULL, "one JSON object"}},
    .run = run,
};
