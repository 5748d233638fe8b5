#include "run/runner.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "run/environment.h"
#include "run/interrupt.h"
#include "run/numeric_version.h"
#include "run/ptq.h"
#include "run/qat.h"
#include "run/tensors.h"
#include "spec/language.h"
#include "util/clock.h"
#include "util/files.h"
#include "util/log.h"
#include "util/mem.h"

status runner_plan(const char *path, const char *const *settings, int n_settings, const registry *r,
                   spec *s, plan *p, diags *d) {
    *p = (plan){0};
    status bad = spec_load(s, path, settings, n_settings, r, d);
    if (bad && s->root == NULL) return bad;
    bad = plan_build(p, s, r, NUMERIC_VERSION, d);
    return d->errors > 0 ? diags_status(d) : bad;
}

void runner_done(const plan *p, store *s, char (*uids)[STORE_UID]) {
    for (int i = 0; i < p->n_runs; i++)
        if (!store_find_done(s, p->runs[i].cache_key, uids[i])) uids[i][0] = '\0';
}

/* ---- what is known before a run begins ---- */

typedef struct given_list {
    const char *keys[4096], *texts[4096];
    int n;
} given_list;

static void note_given(const char *key, const char *text, void *arg) {
    given_list *g = arg;
    if (g->n < 4096) g->keys[g->n] = key, g->texts[g->n++] = text;
}

typedef struct param_job {
    store *s;
    int64_t run;
    const given_list *given;
} param_job;

static const char *find_given(const given_list *g, const char *key) {
    for (int i = 0; i < g->n; i++)
        if (strcmp(g->keys[i], key) == 0) return g->texts[i];
    return NULL;
}

static void record_param(const schema_value *v, void *arg) {
    const param_job *j = arg;
    const char *given = find_given(j->given, v->key);
    if (given != NULL || !v->is_default) store_param(j->s, j->run, v->key, given, v->value, false);
}

/* Settings by the schema, then the trees, which are used as they are given. */
static void record_params(const plan *p, store *s, int64_t run) {
    given_list *given = mem_calloc(1, sizeof *given);
    spec_walk_given(p->spec, note_given, given);
    param_job j = {s, run, given};
    spec_walk(p->spec, record_param, &j);
    for (int i = 0; i < given->n; i++)
        if (spec_is_tree_key(given->keys[i]))
            store_param(s, run, given->keys[i], given->texts[i], given->texts[i], false);
    free(given);
}

static void record_plugins(const plan *p, store *s, int64_t run) {
    for (int i = 0; i < p->n_plugins; i++) {
        const plugin *g = p->plugins[i];
        char abi[32];
        snprintf(abi, sizeof abi, "%d.%d", g->entry.abi_major, g->entry.abi_minor);
        store_plugin(s, run, plugin_kind_name(g->entry.kind), g->entry.name, g->entry.version, abi,
                     g->sha256);
    }
}

static const char *path_of(const data_source *s) {
    return s->format == DATA_GLYPHS ? "glyphs" : s->images;
}

static void record_inputs(const plan *p, store *s, int64_t run) {
    if (p->has_train) store_input(s, run, "train", p->train_hash, path_of(&p->train));
    if (*p->test_hash != '\0') store_input(s, run, "test", p->test_hash, path_of(&p->test));
    if (p->weights.path != NULL) store_input(s, run, "weights", p->weights_hash, p->weights.path);
    if (p->source.path != NULL) store_input(s, run, "source", p->source_hash, p->source.path);
}

static void add_resolved(const schema_value *v, void *arg) {
    strbuf_addf(arg, "%s=%s\n", v->key, v->value);
}

static void add_given(const char *key, const char *text, void *arg) {
    if (spec_is_tree_key(key)) strbuf_addf(arg, "%s=%s\n", key, text);
}

static status begin_run(const plan *p, int i, store *s, diags *d, int64_t *run,
                        char uid[STORE_UID]) {
    environment e;
    environment_read(&e);
    store_environment se = {e.version, e.git_commit, e.cpu, e.simd, e.blas, e.threads};
    strbuf resolved = {0};
    char sha256[HASH_HEX];
    spec_walk(p->spec, add_resolved, &resolved);
    spec_walk_given(p->spec, add_given, &resolved);
    hasher h;
    hash_init(&h);
    hash_add(&h, p->spec->source, strlen(p->spec->source));
    hash_add(&h, resolved.s, resolved.len);
    hash_end(&h, sha256);
    store_run row = {.experiment = p->spec->name,
                     .kind = spec_kinds[p->spec->kind],
                     .spec_source = p->spec->source,
                     .spec_resolved = resolved.s,
                     .spec_sha256 = sha256,
                     .config_key = p->config_key,
                     .cache_key = p->runs[i].cache_key,
                     .seed = p->runs[i].seed,
                     .environment = &se};
    store_begin(s);
    *run = store_run_begin(s, &row, uid);
    record_params(p, s, *run);
    record_plugins(p, s, *run);
    record_inputs(p, s, *run);
    strbuf_fini(&resolved);
    return store_commit(s, d);
}

/* ---- one run ---- */

static status end_run(store *s, int64_t run, status result, const diags *why, double seconds,
                      double cpu, diags *d) {
    const char *outcome = result == OK                ? "done"
                          : result == ERR_INTERRUPTED ? "interrupted"
                                                      : "failed";
    store_begin(s);
    store_run_end(s, run, outcome, seconds, cpu, environment_peak_bytes(),
                  why->n > 0 ? why->list[0].message : NULL);
    return store_commit(s, d);
}

static status run_kind(const run_job *j, diags *d) {
    switch (j->p->spec->kind) {
    case KIND_QAT: return qat_run(j, d);
    case KIND_TENSORS: return tensors_run(j, d);
    default: return ptq_run(j, d);
    }
}

/* What the kind reads of the data, once for all runs. */
static status load_data(const plan *p, dataset *train, dataset *test, diags *d) {
    status bad = OK;
    if (p->spec->kind == KIND_TENSORS) return OK;
    if (p->spec->kind == KIND_QAT && train->x == NULL) bad = dataset_load(&p->train, d, train);
    if (!bad && test->x == NULL) bad = dataset_load(&p->test, d, test);
    return bad;
}

static status run_one(const plan *p, int i, const dataset *train, const dataset *test, store *s,
                      diags *d, int64_t *run) {
    char uid[STORE_UID];
    diags own;
    diags_init(&own);
    status bad = begin_run(p, i, s, d, run, uid);
    if (bad) return bad;
    char *home = path_dir(store_path(s)), *rel = str_format("runs/%s", uid),
         *dir = path_join(home, rel);
    log_info("run %s  %s  seed %" PRIu64 "  (%d of %d)", uid, p->spec->name, p->runs[i].seed, i + 1,
             p->n_runs);
    double start = clock_seconds(), cpu = clock_cpu_seconds();
    bad = dir_make(dir, &own);
    run_job j = {.p = p,
                 .seed = p->runs[i].seed,
                 .train = train,
                 .test = test,
                 .s = s,
                 .run = *run,
                 .dir = dir,
                 .rel = rel};
    if (!bad) bad = run_kind(&j, &own);
    status ended =
        end_run(s, *run, bad, &own, clock_seconds() - start, clock_cpu_seconds() - cpu, d);
    if (bad && bad != ERR_STORE) {
        diag_error(d, bad, "run %s, seed %" PRIu64 ": %s", uid, p->runs[i].seed,
                   own.n > 0 ? own.list[0].message : "failed");
        if (own.n > 0 && own.list[0].hint != NULL) diag_hint(d, "%s", own.list[0].hint);
    }
    diags_fini(&own);
    free(home);
    free(rel);
    free(dir);
    return bad ? bad : ended;
}

/* ---- all of them ---- */

/* Whether the next run can be tried after this one. */
static bool goes_on(status st) { return st == OK || st == ERR_FAILED; }

status runner_run(const plan *p, store *s, bool again, diags *d, int64_t **runs) {
    dataset train = {0}, test = {0};
    status first = OK;
    *runs = mem_calloc((size_t)p->n_runs, sizeof **runs);
    for (int i = 0; i < p->n_runs; i++) (*runs)[i] = -1;
    interrupt_watch();
    for (int i = 0; i < p->n_runs && (goes_on(first)); i++) {
        char uid[STORE_UID];
        if (!again && store_find_done(s, p->runs[i].cache_key, uid)) {
            log_info("seed %" PRIu64 ": done before as run %s, skipped (--again runs it once more)",
                     p->runs[i].seed, uid);
            first = store_find_run(s, uid, d, &(*runs)[i]) ? ERR_STORE : first;
            continue;
        }
        status bad = load_data(p, &train, &test, d);
        if (!bad) bad = run_one(p, i, &train, &test, s, d, &(*runs)[i]);
        if (bad && (first == OK || !goes_on(bad))) first = bad;
    }
    dataset_free(&train);
    dataset_free(&test);
    if (first == ERR_INTERRUPTED)
        diag_hint(d, "the same command goes on with the runs that are not done");
    return first;
}
