#include "run/run_row.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/claim.h"
#include "run/environment.h"
#include "spec/language.h"
#include "spec/tree.h"
#include "util/clock.h"
#include "util/files.h"

/* ---- settings ---- */

typedef struct param_job {
    store *s;
    int64_t run;
    const study_point *point;
} param_job;

static bool is_swept(const study_point *p, const char *key) {
    for (int i = 0; i < p->n_swept; i++) {
        size_t n = strlen(p->swept[i].path);
        if (strncmp(p->swept[i].path, key, n) == 0 && (key[n] == '\0' || key[n] == '.'))
            return true;
    }
    return false;
}

static void record_param(const schema_value *v, void *arg) {
    const param_job *j = arg;
    if (v->given == NULL && v->is_default) return;
    strbuf given = {0};
    if (v->given != NULL && v->given->kind != YAML_SCALAR) tree_print(v->given, &given);
    const char *text = v->given == NULL                ? NULL
                       : v->given->kind == YAML_SCALAR ? v->given->text
                                                       : given.s;
    store_param(j->s, j->run, v->key, text, v->value, is_swept(j->point, v->key));
    strbuf_fini(&given);
}

static void add_resolved(const schema_value *v, void *arg) {
    strbuf_addf(arg, "%s=%s\n", v->key, v->value);
}

/* ---- plugins and inputs ---- */

static void record_plugins(const plan *p, store *s, int64_t run) {
    for (int i = 0; i < p->n_plugins; i++) {
        const plugin *g = p->plugins[i];
        char abi[32];
        snprintf(abi, sizeof abi, "%d.%d", g->entry.abi_major, g->entry.abi_minor);
        store_plugin(s, run, plugin_kind_name(g->entry.kind), g->entry.name, g->entry.version, abi,
                     g->sha256);
    }
}

static void record_input(store *s, int64_t run, const char *role, const data_source *source,
                         const char *hash) {
    if (source->format == DATA_GLYPHS) {
        store_input(s, run, role, hash, "glyphs");
        return;
    }
    char *home = path_dir(store_path(s));
    char *files = path_relative(home, source->images);
    if (source->labels != NULL) {
        char *samples = files, *labels = path_relative(home, source->labels);
        files = str_format("%s + %s", samples, labels);
        free(samples);
        free(labels);
    }
    store_input(s, run, role, hash, files);
    free(home);
    free(files);
}

static void record_file(store *s, int64_t run, const char *role, const char *path,
                        const char *hash) {
    char *home = path_dir(store_path(s)), *relative = path_relative(home, path);
    store_input(s, run, role, hash, relative);
    free(home);
    free(relative);
}

static void record_inputs(const plan *p, store *s, int64_t run) {
    if (p->has_train) record_input(s, run, "train", &p->train, p->train_hash);
    if (*p->test_hash != '\0') record_input(s, run, "test", &p->test, p->test_hash);
    if (p->weights.path != NULL) record_file(s, run, "weights", p->weights.path, p->weights_hash);
    if (p->source.path != NULL) record_file(s, run, "source", p->source.path, p->source_hash);
}

/* ---- begin and end ---- */

static const char *baseline_of(const study *t, const study_point *p) {
    return p->baseline >= 0 ? t->points[p->baseline].p.config_key : NULL;
}

status run_row_sweep(const study *t, store *s, int64_t *sweep_row, diags *d) {
    const spec *first = &t->points[0].s;
    *sweep_row = 0;
    if (t->sweep.axes == NULL) return OK;
    store_begin(s);
    *sweep_row = store_sweep(s, first->name, spec_kinds[first->kind], t->sweep.axes,
                             spec_compare_metrics[first->compare.metric]);
    for (int i = 0; i < t->n_points; i++)
        store_sweep_point(s, *sweep_row, i, t->points[i].p.config_key, t->points[i].label,
                          baseline_of(t, &t->points[i]));
    return store_commit(s, d);
}

static void add_row(run_row *row, const study *t, int i, int64_t sweep_row, store *s) {
    study_point *p = &t->points[t->runs[i].point];
    const char *source = t->base.source;
    environment e;
    environment_read(&e);
    store_environment se = {e.version, e.git_commit, e.cpu, e.simd, e.blas, e.threads};
    strbuf resolved = {0};
    char sha256[HASH_HEX];
    spec_walk(&p->s, add_resolved, &resolved);
    hasher h;
    hash_init(&h);
    hash_add(&h, source, strlen(source));
    hash_add(&h, resolved.s, resolved.len);
    hash_end(&h, sha256);
    store_run new = {.experiment = p->s.name,
                     .kind = spec_kinds[p->s.kind],
                     .spec_source = source,
                     .spec_resolved = resolved.s,
                     .spec_sha256 = sha256,
                     .config_key = p->p.config_key,
                     .cache_key = t->runs[i].cache_key,
                     .baseline_key = baseline_of(t, p),
                     .label = p->label,
                     .sweep = sweep_row,
                     .seed = t->runs[i].seed,
                     .command = environment_command(),
                     .environment = &se};
    row->id = store_run_begin(s, &new, row->uid);
    strbuf_fini(&resolved);
    param_job j = {s, row->id, p};
    spec_walk(&p->s, record_param, &j);
    record_plugins(&p->p, s, row->id);
    record_inputs(&p->p, s, row->id);
}

static void free_row(run_row *row) {
    claim_release(row->dir, row->claim);
    free(row->dir);
    free(row->rel);
}

/* Of a row that is not there: its folder goes, too. */
static void drop_row(run_row *row) {
    claim_release(row->dir, row->claim);
    row->claim = -1;
    rmdir(row->dir);
    free_row(row);
}

status run_row_begin(run_row *row, const study *t, int i, int64_t sweep_row, store *s, diags *d) {
    *row = (run_row){.claim = -1, .start = clock_seconds(), .start_cpu = clock_cpu_seconds()};
    store_begin(s);
    add_row(row, t, i, sweep_row, s);
    char *home = path_dir(store_path(s));
    row->rel = str_format("runs/%s", row->uid);
    row->dir = path_join(home, row->rel);
    free(home);
    /* the claim before the row can be seen: nobody takes the run for abandoned */
    status bad = store_status(s, d);
    if (!bad) bad = dir_make(row->dir, d);
    if (!bad) bad = claim_take(row->dir, d, &row->claim);
    if (bad)
        store_rollback(s);
    else
        bad = store_commit(s, d);
    if (bad) drop_row(row);
    return bad;
}

status run_row_end(run_row *row, store *s, status result, const diags *why, diags *d) {
    const char *outcome = result == OK                ? "done"
                          : result == ERR_INTERRUPTED ? "interrupted"
                                                      : "failed";
    const diag *first = diags_first_error(why);
    store_begin(s);
    store_run_end(s, row->id, outcome, clock_seconds() - row->start,
                  clock_cpu_seconds() - row->start_cpu, environment_peak_bytes(),
                  first != NULL ? first->message : NULL);
    status bad = store_commit(s, d);
    free_row(row);
    return bad;
}
