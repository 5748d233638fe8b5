#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "cli/study_args.h"
#include "report/table.h"
#include "run/estimate.h"
#include "util/files.h"
#include "util/json.h"
#include "util/mem.h"

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

/* What is known of the runs of a study. */
typedef struct known {
    char (*done)[STORE_UID]; /* of each run; "" for to do */
    double *seconds;         /* of each point's run; NAN: nothing to go by */
} known;

static void print_rules(const plan *p) {
    if (p->n_rules > 0) printf("\nrules\n");
    for (int i = 0; i < p->n_rules; i++)
        str_print_line(stdout, "  line %-4d %-24s %d of %d layers", p->rules[i].line,
                       p->rules[i].match, p->rules[i].n_layers, p->n_layers);
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
    if (p->weights.path != NULL) str_print_line(stdout, "weights from: %s", p->weights.path);
    if (p->spec->kind == KIND_QAT)
        printf("training: %" PRId64 " steps of %" PRId64 " samples, %" PRId64 " an epoch\n",
               p->steps, p->spec->data.batch, p->steps_per_epoch);
}

static void print_sensitivity(const plan *p) {
    const plan_sensitivity *s = &p->sensitivity;
    if (s->n == 0) return;
    printf("\nsensitivity: %s on %" PRId64 " test samples; candidates\n",
           s->mode == LEAVE_ONE_IN ? "leave_one_in" : "leave_one_out", s->samples);
    for (int i = 0; i < s->n; i++) str_print_line(stdout, "  %s", s->candidates[i].label);
}

static void print_point(const plan *p) {
    char weights[32], memory[32];
    str_bytes(weights, p->weight_bytes);
    str_bytes(memory, p->memory_bytes);
    if (p->spec->kind == KIND_TENSORS)
        printf("tensors: %d, %" PRId64 " values\n", p->n_layers, p->params);
    else
        print_network(p);
    printf("weights: %s as stored, %.3f bits each; memory about %s\n\n", weights,
           p->bits_per_weight, memory);
    print_layers(p);
    print_rules(p);
    print_sensitivity(p);
}

static void add_time(table *t, double seconds) {
    char text[32];
    str_duration(text, seconds);
    table_add(t, "%s", isfinite(seconds) ? text : "?");
}

/* "3 of 5": runs of a point that are done. */
static void add_done(table *t, const study *s, int point, const known *k) {
    int n = 0, done = 0;
    for (int i = 0; i < s->n_runs; i++)
        if (s->runs[i].point == point) n++, done += k->done[i][0] != '\0';
    table_add(t, "%d of %d", done, n);
}

static void print_points(const study *s, const known *k) {
    static const char *const heads[] = {"configuration", "compared with", ">bits/w",
                                        ">bytes",        ">steps",        ">memory",
                                        ">done",         ">a run",        NULL};
    table t;
    table_open(&t, heads);
    for (int i = 0; i < s->n_points; i++) {
        const study_point *p = &s->points[i];
        char memory[32];
        str_bytes(memory, p->p.memory_bytes);
        table_add(&t, "%s", p->label);
        table_add(&t, "%s", p->baseline >= 0 ? s->points[p->baseline].label : "-");
        table_add_real(&t, p->p.bits_per_weight, 3);
        table_add(&t, "%" PRId64, p->p.weight_bytes);
        table_add(&t, "%" PRId64, p->p.steps);
        table_add(&t, "%s", memory);
        add_done(&t, s, i, k);
        add_time(&t, k->seconds[i]);
    }
    table_print(&t, stdout);
    table_close(&t);
}

static void print_runs(const study *s, const known *k) {
    char text[32];
    double left = 0;
    int done = 0;
    for (int i = 0; i < s->n_runs; i++) {
        if (k->done[i][0] != '\0')
            done++;
        else
            left += k->seconds[s->runs[i].point];
    }
    str_duration(text, left);
    printf("\nruns: %d, %d done, %d to do", s->n_runs, done, s->n_runs - done);
    if (done == s->n_runs)
        printf("\n");
    else if (isfinite(left))
        printf(", about %s by the runs in the database\n", text);
    else
        printf("; how long is not known before a first run\n");
    for (int i = 0; i < s->n_runs && s->n_points == 1; i++)
        printf("  seed %-6" PRIu64 " %s%s\n", s->runs[i].seed,
               k->done[i][0] != '\0' ? "done as " : "to do", k->done[i]);
}

static void print_text(const study *s, const known *k, bool all_layers) {
    str_print_line(stdout, "%s  %s", s->points[0].s.name, s->base.file);
    if (s->n_points > 1) print_points(s, k);
    for (int i = 0; i < s->n_points && (all_layers || s->n_points == 1); i++) {
        if (s->n_points > 1) printf("\n");
        if (s->n_points > 1) str_print_line(stdout, "%s", s->points[i].label);
        print_point(&s->points[i].p);
    }
    if (s->n_points > 1 && !all_layers) printf("\n--verbose shows the layers of each\n");
    print_runs(s, k);
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

static json_t *runs_json(const study *s, int point, const known *k) {
    json_t *runs = json_array();
    for (int i = 0; i < s->n_runs; i++) {
        if (s->runs[i].point != point) continue;
        json_t *run = json_object();
        json_set_seed(run, "seed", s->runs[i].seed);
        json_set_str(run, "cache_key", s->runs[i].cache_key);
        json_set_str(run, "done", k->done[i][0] != '\0' ? k->done[i] : NULL);
        json_array_append_new(runs, run);
    }
    return runs;
}

static void print_json(const study *s, int point, const known *k) {
    const study_point *sp = &s->points[point];
    const plan *p = &sp->p;
    json_t *o = json_object(), *rules = json_array(), *candidates = json_array();
    json_set_str(o, "name", p->spec->name);
    json_set_str(o, "file", p->spec->file);
    json_set_str(o, "label", sp->label);
    json_set_bool(o, "is_baseline", sp->is_baseline);
    json_set_str(o, "config_key", p->config_key);
    json_set_str(o, "baseline_key",
                 sp->baseline >= 0 ? s->points[sp->baseline].p.config_key : NULL);
    json_set_int(o, "steps", p->steps);
    json_set_int(o, "steps_per_epoch", p->steps_per_epoch);
    json_set_int(o, "params", p->params);
    json_set_int(o, "weight_bytes", p->weight_bytes);
    json_set_real(o, "bits_per_weight", p->bits_per_weight);
    json_set_int(o, "memory_bytes", p->memory_bytes);
    json_set_real(o, "seconds_of_a_run", k->seconds[point]);
    json_object_set_new(o, "layers", layers_json(p));
    for (int i = 0; i < p->sensitivity.n; i++)
        json_array_append_new(candidates, json_string(p->sensitivity.candidates[i].label));
    json_object_set_new(o, "candidates", candidates);
    for (int i = 0; i < p->n_rules; i++) {
        json_t *rule = json_object();
        json_set_int(rule, "line", p->rules[i].line);
        json_set_str(rule, "match", p->rules[i].match);
        json_set_int(rule, "layers", p->rules[i].n_layers);
        json_array_append_new(rules, rule);
    }
    json_object_set_new(o, "rules", rules);
    json_object_set_new(o, "runs", runs_json(s, point, k));
    json_print_line(o, stdout);
}

/* What the database knows; one that does not exist knows nothing. */
static status look_up(const cli_args *a, const study *s, known *k) {
    char *path;
    store *db;
    status bad = cli_db_path(a, false, &path);
    for (int i = 0; i < s->n_points; i++) k->seconds[i] = (double)NAN;
    if (!bad && file_exists(path)) {
        bad = store_open(path, true, a->d, &db);
        if (!bad) {
            bad = runner_done(s, db, k->done, a->d);
            for (int i = 0; i < s->n_points && !bad; i++)
                k->seconds[i] = estimate_seconds(db, &s->points[i].p);
            if (!bad) bad = store_status(db, a->d);
            store_close(db);
        }
    }
    free(path);
    return bad;
}

static status run(const cli_args *a) {
    study_args s;
    status bad = study_args_open(&s, a);
    if (!bad) {
        known k = {mem_calloc((size_t)s.t.n_runs + 1, sizeof *k.done),
                   mem_calloc((size_t)s.t.n_points + 1, sizeof *k.seconds)};
        bad = look_up(a, &s.t, &k);
        for (int i = 0; i < s.t.n_points && !bad && cli_has(a, "--json"); i++)
            print_json(&s.t, i, &k);
        if (!bad && !cli_has(a, "--json")) print_text(&s.t, &k, cli_has(a, "--verbose"));
        free(k.done);
        free(k.seconds);
    }
    study_args_close(&s);
    return bad;
}

const verb verb_plan = {
    .name = "plan",
    .words = "SPEC",
    .min_words = 1,
    .max_words = 1,
    .summary = "what a spec comes to: layers, bits, bytes, runs, what is done already",
    .text =
        "Nothing is trained and nothing is written. `line` is the line of the spec that decided on\n"
        "a layer. Of a sweep the configurations are listed; --verbose shows the layers of each.\n",
    .options = {STUDY_SET_OPTION,
                {"--db", "FILE", "the results database, to see what is done"},
                {"--json", NULL, "one JSON object for each configuration"}},
    .run = run,
};
