#include "run/runner.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "host/blame.h"
#include "run/claim.h"
#include "run/environment.h"
#include "run/gate.h"
#include "run/numeric_version.h"
#include "run/progress.h"
#include "run/ptq.h"
#include "run/qat.h"
#include "run/run_row.h"
#include "run/tensors.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"

status runner_study(study *t, const char *path, const char *const *settings, int n_settings,
                    const registry *r, diags *d) {
    return study_open(t, path, settings, n_settings, r, NUMERIC_VERSION, d);
}

status runner_done(const study *t, store *s, char (*uids)[STORE_UID], diags *d) {
    for (int i = 0; i < t->n_runs; i++)
        if (!store_find_done(s, t->runs[i].cache_key, uids[i])) uids[i][0] = '\0';
    return store_status(s, d);
}

/* ---- data that consecutive runs share ---- */

typedef struct loaded {
    data_source source;
    dataset data;
} loaded;

static status load(loaded *l, const data_source *s, diags *d) {
    if (l->data.x != NULL && data_source_equal(&l->source, s)) return OK;
    dataset_free(&l->data);
    l->source = *s;
    return dataset_load(s, d, &l->data);
}

/* ---- one run ---- */

typedef struct work {
    const study *t;
    store *s;
    diags *d;
    loaded train, test;
    int64_t sweep; /* 0: none */
    int to_do;
} work;

static const study_point *point_of(const work *w, int i) {
    return &w->t->points[w->t->runs[i].point];
}

/* "int bits=4  seed 2", for people. */
static char *name_of(const work *w, int i) {
    const study_point *p = point_of(w, i);
    return str_format("%s  seed %" PRIu64, *p->label != '\0' ? p->label : p->s.name,
                      w->t->runs[i].seed);
}

static status check_memory(const plan *p, diags *d) {
    char need[32], have[32];
    bool limited;
    int64_t most = environment_memory_left(&limited);
    if (p->memory_bytes <= most) return OK;
    str_bytes(need, p->memory_bytes);
    str_bytes(have, most);
    diag_error(d, ERR_RESOURCE, "it needs about %s of memory, %s %s", need,
               limited ? "the limit of this process (ulimit -v) leaves" : "this machine has", have);
    diag_hint(d, "a smaller model, or fewer samples (data.train.limit)");
    return ERR_RESOURCE;
}

static status make(const work *w, int i, const run_row *row, diags *own) {
    run_job j = {.p = &point_of(w, i)->p,
                 .seed = w->t->runs[i].seed,
                 .train = &w->train.data,
                 .test = &w->test.data,
                 .s = w->s,
                 .run = row->id,
                 .dir = row->dir,
                 .rel = row->rel,
                 .talkative = w->t->n_runs == 1};
    switch (j.p->spec->kind) {
    case KIND_QAT: return qat_run(&j, own);
    case KIND_TENSORS: return tensors_run(&j, own);
    default: return ptq_run(&j, own);
    }
}

/* What the kind reads of the data. */
static status load_data(work *w, const plan *p) {
    status bad = OK;
    if (p->spec->kind == KIND_QAT) bad = load(&w->train, &p->train, w->d);
    if (!bad && p->spec->kind != KIND_TENSORS) bad = load(&w->test, &p->test, w->d);
    return bad;
}

static status run_one(work *w, int i, int64_t *id) {
    const plan *p = &point_of(w, i)->p;
    status bad = check_memory(p, w->d);
    if (!bad) bad = load_data(w, p);
    run_row row;
    if (!bad) bad = run_row_begin(&row, w->t, i, w->sweep, w->s, w->d);
    if (bad) return bad;
    *id = row.id;
    char *name = name_of(w, i), uid[STORE_UID];
    memcpy(uid, row.uid, STORE_UID);
    diags own;
    diags_init(&own);
    log_info("run %s  %s", uid, name);
    progress_begin(name);
    bad = make(w, i, &row, &own);
    if (!bad) bad = blame_check(&own);
    progress_end();
    status ended = run_row_end(&row, w->s, bad, &own, w->d);
    const diag *why = diags_first_error(&own);
    if (bad && !ended) { /* else the database has said why nothing is recorded */
        diag_error(w->d, bad, "run %s, %s: %s", uid, name, why != NULL ? why->message : "failed");
        if (why != NULL && why->hint != NULL) diag_hint(w->d, "%s", why->hint);
    }
    diags_fini(&own);
    free(name);
    return ended ? ended : bad;
}

/* ---- all of them ---- */

/* Whether the next run can be tried after this one. */
static bool goes_on(const study *t, status st) {
    bool stops = t->points[0].s.sweep.on_failure == ON_FAILURE_STOP;
    return st == OK || (st == ERR_FAILED && !stops);
}

/* Skips what is done: its row, else -1. */
static int64_t row_of_done(work *w, int i, bool again) {
    char uid[STORE_UID];
    int64_t row = -1;
    if (again || !store_find_done(w->s, w->t->runs[i].cache_key, uid)) return -1;
    char *name = name_of(w, i);
    log_info("%s: done before as run %s, skipped (--again runs it once more)", name, uid);
    free(name);
    return store_find_run(w->s, uid, w->d, &row) ? -1 : row;
}

status runner_run(const study *t, store *s, bool again, diags *d, int64_t **rows) {
    work w = {.t = t, .s = s, .d = d};
    status first = claim_recover(s, d);
    if (!first) first = run_row_sweep(t, s, &w.sweep, d);
    *rows = mem_calloc((size_t)t->n_runs + 1, sizeof **rows);
    for (int i = 0; i < t->n_runs; i++) {
        (*rows)[i] = first ? -1 : row_of_done(&w, i, again);
        w.to_do += (*rows)[i] < 0;
    }
    progress_open(w.to_do);
    for (int i = 0; i < t->n_runs && goes_on(t, first); i++) {
        if ((*rows)[i] >= 0) continue;
        (*rows)[i] = row_of_done(&w, i, again); /* by another process */
        if ((*rows)[i] >= 0) {
            progress_skip();
            continue;
        }
        status bad = run_one(&w, i, &(*rows)[i]);
        if (bad && (first == OK || !goes_on(t, bad))) first = bad;
    }
    progress_close();
    dataset_free(&w.train.data);
    dataset_free(&w.test.data);
    if (first == ERR_INTERRUPTED) {
        char *command = str_escape(environment_command() != NULL ? environment_command() : "");
        diag_hint(d, "the same command goes on with the runs that are not done: %s", command);
        free(command);
    }
    if (first == OK || first == ERR_FAILED) {
        status gate = gate_check(t, s, *rows, d);
        if (gate && !first) first = gate;
    }
    return first ? first : store_status(s, d);
}
