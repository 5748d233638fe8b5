#include "report/selection.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/figure.h"
#include "util/mem.h"

enum { NAME_MAX_SHOWN = 120 };

/* ---- one configuration ---- */

const char selection_sql[] =
    "SELECT r.id, r.uid, r.seed, r.label, r.baseline_key, e.name, r.seconds,\n"
    "  (SELECT value FROM metric m WHERE m.run = r.id AND m.name = 'accuracy' AND m.split = 'test' "
    "AND m.at = 'last') AS accuracy,\n"
    "  (SELECT value FROM metric m WHERE m.run = r.id AND m.name = 'loss' AND m.split = 'test' "
    "AND m.at = 'last') AS loss,\n"
    "  (SELECT value FROM metric m WHERE m.run = r.id AND m.name = 'bits_per_weight' AND m.split = "
    "'model' AND m.at = 'last') AS bits\n"
    "FROM v_done d JOIN run r ON r.id = d.run JOIN experiment e ON e.id = r.experiment\n"
    "WHERE d.config_key = ? ORDER BY r.seed, r.id";

static char *copy(const char *text) { return text != NULL ? mem_strdup(text) : NULL; }

static void replace(char **text, char *by) {
    free(*text);
    *text = by;
}

/* A name as reports show it: safe for a terminal, and of bounded length. */
static char *shown(const char *name) { return figure_cut(name, NAME_MAX_SHOWN); }

static report_seed seed_of(const store_rows *r) {
    report_seed row = {.run = store_int(r, 0),
                       .seed = store_int(r, 2),
                       .seconds = store_real(r, 6),
                       .accuracy = store_real(r, 7),
                       .loss = store_real(r, 8),
                       .bits = store_real(r, 9),
                       .delta = NAN};
    snprintf(row.uid, sizeof row.uid, "%s", store_text(r, 1));
    return row;
}

static double value_of(const report_seed *k, report_column which) {
    switch (which) {
    case COLUMN_ACCURACY: return k->accuracy;
    case COLUMN_LOSS: return k->loss;
    case COLUMN_BITS: return k->bits;
    default: return k->delta;
    }
}

static summary column_summary(const report_config *c, report_column which) {
    double *values = mem_calloc((size_t)c->n_seeds + 1, sizeof *values);
    for (int i = 0; i < c->n_seeds; i++) values[i] = value_of(&c->seeds[i], which);
    summary all = summary_of(values, c->n_seeds);
    free(values);
    return all;
}

summary selection_paired(const report_config *a, const report_config *b, report_column which,
                         int *ahead) {
    double *difference = mem_calloc((size_t)a->n_seeds + 1, sizeof *difference);
    int n = 0;
    *ahead = 0;
    for (int i = 0; i < a->n_seeds; i++)
        for (int k = 0; k < b->n_seeds; k++) {
            if (a->seeds[i].seed != b->seeds[k].seed) continue;
            double v = value_of(&a->seeds[i], which) - value_of(&b->seeds[k], which);
            if (isfinite(v)) difference[n++] = v, *ahead += v > 0;
            break;
        }
    summary all = summary_of(difference, n);
    free(difference);
    return all;
}

/* What it is called is what its newest run says. */
report_config selection_config(store *s, const char *config_key) {
    report_config own = {.config_key = mem_strdup(config_key), .twin = -1}, *c = &own;
    int64_t newest = -1;
    store_rows *r = store_select(s, selection_sql, "t", c->config_key);
    while (store_next(r)) {
        c->seeds = mem_realloc(c->seeds, (size_t)(c->n_seeds + 1) * sizeof *c->seeds);
        c->seeds[c->n_seeds++] = seed_of(r);
        if (store_int(r, 0) < newest) continue;
        newest = store_int(r, 0);
        const char *label = store_text(r, 3);
        replace(&c->label, shown(*label != '\0' ? label : store_text(r, 5)));
        if (!store_is_null(r, 4)) replace(&c->baseline_key, mem_strdup(store_text(r, 4)));
        replace(&c->experiment, shown(store_text(r, 5)));
    }
    store_rows_end(r);
    c->accuracy = column_summary(c, COLUMN_ACCURACY);
    c->loss = column_summary(c, COLUMN_LOSS);
    c->bits = column_summary(c, COLUMN_BITS);
    return own;
}

void selection_config_free(report_config *c) {
    free(c->config_key);
    free(c->baseline_key);
    free(c->label);
    free(c->experiment);
    free(c->seeds);
}

/* ---- all of them ---- */

static int find_config(const selection *sel, const char *config_key) {
    for (int i = 0; i < sel->n; i++)
        if (strcmp(sel->configs[i].config_key, config_key) == 0) return i;
    return -1;
}

/* What is done of a configuration, until the next one is added; NULL if nothing is. */
static report_config *add_config(store *s, selection *sel, const char *config_key) {
    int there = find_config(sel, config_key);
    if (there >= 0) return &sel->configs[there];
    report_config c = selection_config(s, config_key);
    if (c.n_seeds == 0) {
        selection_config_free(&c);
        return NULL;
    }
    c.position = sel->n;
    sel->configs = mem_realloc(sel->configs, (size_t)(sel->n + 1) * sizeof *sel->configs);
    sel->configs[sel->n] = c;
    return &sel->configs[sel->n++];
}

static int baselines_first(const void *a, const void *b) {
    const report_config *x = a, *y = b;
    if (x->is_baseline != y->is_baseline) return x->is_baseline ? -1 : 1;
    return x->position < y->position ? -1 : x->position > y->position;
}

static bool is_twin_here(const selection *sel, const char *config_key) {
    for (int i = 0; i < sel->n; i++)
        if (sel->configs[i].baseline_key != NULL &&
            strcmp(sel->configs[i].baseline_key, config_key) == 0)
            return true;
    return false;
}

/* Seed by seed. Who is whose twin, the selection knows and not the run: a point of a sweep
 * may have been run before, alone or beside another twin. */
static void pair_with_twin(const selection *sel, report_config *c) {
    const report_config *t = c->twin >= 0 ? &sel->configs[c->twin] : NULL;
    for (int i = 0; t != NULL && i < c->n_seeds; i++)
        for (int k = 0; k < t->n_seeds; k++)
            if (t->seeds[k].seed == c->seeds[i].seed)
                c->seeds[i].delta = c->seeds[i].accuracy - t->seeds[k].accuracy;
    c->delta = column_summary(c, COLUMN_DELTA);
}

static void add_twins(store *s, selection *sel) {
    int n = sel->n;
    for (int i = 0; i < n; i++) {
        char *key = copy(sel->configs[i].baseline_key); /* the list may move */
        if (key != NULL) add_config(s, sel, key);
        free(key);
    }
    for (int i = 0; i < sel->n; i++) {
        store_rows *r = store_select(s, "SELECT 1 FROM run WHERE baseline_key = ? LIMIT 1", "t",
                                     sel->configs[i].config_key);
        bool twin_of_a_run = store_next(r);
        sel->configs[i].is_baseline =
            sel->configs[i].baseline_key == NULL &&
            (twin_of_a_run || is_twin_here(sel, sel->configs[i].config_key));
        store_rows_end(r);
    }
    if (sel->n > 0) qsort(sel->configs, (size_t)sel->n, sizeof *sel->configs, baselines_first);
    for (int i = 0; i < sel->n; i++)
        if (sel->configs[i].baseline_key != NULL)
            sel->configs[i].twin = find_config(sel, sel->configs[i].baseline_key);
    for (int i = 0; i < sel->n; i++) pair_with_twin(sel, &sel->configs[i]);
}

static bool label_is_shared(const selection *sel, int i) {
    for (int k = 0; k < sel->n; k++)
        if (k != i && strcmp(sel->configs[k].label, sel->configs[i].label) == 0) return true;
    return false;
}

/* Two configurations of one name get the beginning of their keys. */
static void tell_apart(selection *sel) {
    bool *shared = mem_calloc((size_t)sel->n + 1, sizeof *shared);
    for (int i = 0; i < sel->n; i++) shared[i] = label_is_shared(sel, i);
    for (int i = 0; i < sel->n; i++) {
        if (!shared[i]) continue;
        char *label = str_format("%s #%.6s", sel->configs[i].label, sel->configs[i].config_key);
        free(sel->configs[i].label);
        sel->configs[i].label = label;
    }
    free(shared);
}

static status complete(store *s, selection *sel, diags *d) {
    add_twins(s, sel);
    tell_apart(sel);
    for (int i = 0; i < sel->n; i++)
        for (int k = 0; k < sel->configs[i].n_seeds; k++)
            if (sel->configs[i].seeds[k].run > sel->newest)
                sel->newest = sel->configs[i].seeds[k].run;
    for (int i = 0; i < sel->n && sel->title == NULL; i++)
        if (!sel->configs[i].is_baseline || sel->n == 1)
            sel->title = mem_strdup(sel->configs[i].experiment);
    status bad = store_status(s, d);
    if (bad || sel->n > 0) return bad;
    diag_error(d, ERR_STORE, "%s: no run of %s%s%s is done", store_path(s),
               sel->title != NULL ? "'" : "", sel->title != NULL ? sel->title : "it",
               sel->title != NULL ? "'" : "");
    diag_hint(d, "`quantbench ls` lists the runs and how they ended");
    return ERR_STORE;
}

static void add_keys(store *s, selection *sel, const char *sql, int64_t id) {
    store_rows *r = store_select(s, sql, "i", id);
    while (store_next(r)) add_config(s, sel, store_text(r, 0));
    store_rows_end(r);
}

#define KEYS "SELECT config_key FROM run WHERE status = 'done' AND "

/* The points of a sweep as of its last start, whichever sweep their runs began in. */
static void add_sweep(store *s, selection *sel, int64_t sweep) {
    sel->sweep = sweep;
    store_rows *r = store_select(s,
                                 "SELECT config_key, label, baseline_key FROM v_sweep_point WHERE "
                                 "sweep = ? ORDER BY position",
                                 "i", sweep);
    while (store_next(r)) {
        report_config *c = add_config(s, sel, store_text(r, 0));
        if (c == NULL) continue;
        if (*store_text(r, 1) != '\0') replace(&c->label, shown(store_text(r, 1)));
        replace(&c->baseline_key, store_is_null(r, 2) ? NULL : mem_strdup(store_text(r, 2)));
    }
    store_rows_end(r);
}

static int64_t one_int(store *s, const char *sql, int64_t id) {
    store_rows *r = store_select(s, sql, "i", id);
    int64_t v = store_next(r) && !store_is_null(r, 0) ? store_int(r, 0) : 0;
    store_rows_end(r);
    return v;
}

int64_t selection_last_sweep(store *s, const char *experiment, const char *kind) {
    store_rows *r = store_select(s,
                                 "SELECT w.id FROM sweep w JOIN experiment e"
                                 " ON e.id = w.experiment WHERE (?1 IS NULL OR e.name = ?1)"
                                 " AND (?2 IS NULL OR e.kind = ?2)"
                                 " ORDER BY w.used DESC, w.id DESC LIMIT 1",
                                 "tt", experiment, kind);
    int64_t sweep = store_next(r) ? store_int(r, 0) : 0;
    store_rows_end(r);
    return sweep;
}

/* An experiment of a name, in each of its kinds: the sweep that was started last, or
 * all that is done of it where it is none. */
static bool add_experiment(store *s, selection *sel, const char *name) {
    store_rows *r = store_select(s, "SELECT id, kind FROM experiment WHERE name = ?", "t", name);
    bool found = false;
    for (; store_next(r); found = true) {
        int64_t sweep = selection_last_sweep(s, name, store_text(r, 1));
        int before = sel->n;
        if (sweep != 0) add_sweep(s, sel, sweep);
        if (sel->n == before)
            add_keys(s, sel, KEYS "experiment = ? GROUP BY config_key ORDER BY min(id)",
                     store_int(r, 0));
    }
    store_rows_end(r);
    if (found) sel->title = shown(name);
    return found;
}

/* What was worked on last: a sweep that was started after the newest run or has it, or
 * the run. */
static status find_newest(store *s, diags *d, selection *sel) {
    int64_t run = one_int(s, "SELECT max(id) FROM run WHERE status = 'done' AND ?", 1);
    if (run == 0) {
        status bad = store_status(s, d);
        if (bad) return bad;
        diag_error(d, ERR_STORE, "%s: no run is done yet", store_path(s));
        diag_hint(d, "`quantbench run SPEC` makes one");
        return ERR_STORE;
    }
    int64_t sweep = one_int(s,
                            "SELECT w.id FROM sweep w, run r WHERE r.id = ? AND (w.used >= "
                            "r.started OR w.id = r.sweep) ORDER BY w.used DESC, w.id DESC LIMIT 1",
                            run);
    if (sweep != 0) add_sweep(s, sel, sweep);
    if (sel->n == 0) add_keys(s, sel, KEYS "id = ?", run);
    return OK;
}

status selection_find(store *s, const char *selector, diags *d, selection *sel) {
    *sel = (selection){0};
    if (selector == NULL) {
        status bad = find_newest(s, d, sel);
        return bad ? bad : complete(s, sel, d);
    }
    if (add_experiment(s, sel, selector)) return complete(s, sel, d);
    status bad = store_find_run(s, selector, d, &sel->chosen);
    if (bad) return bad;
    add_keys(s, sel, KEYS "id = ?", sel->chosen);
    if (sel->n == 0) sel->title = shown(selector);
    return complete(s, sel, d);
}

void selection_free(selection *sel) {
    for (int i = 0; i < sel->n; i++) selection_config_free(&sel->configs[i]);
    free(sel->configs);
    free(sel->title);
    *sel = (selection){0};
}
