#include "plan/study.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "plan/identity.h"
#include "spec/language.h"
#include "spec/tree.h"
#include "util/mem.h"
#include "util/str.h"

/* Types and plans a tree as the next point; its index. */
static status add_point(study *t, const yaml_node *root, const registry *r, diags *d, int *index) {
    study_point *p = &t->points[t->n_points];
    *p = (study_point){.label = "", .baseline = -1};
    *index = t->n_points++;
    spec_fork(&p->s, &t->base, root);
    status bad = spec_check(&p->s, r, d);
    status planned = plan_build(&p->p, &p->s, r, &t->data, d);
    return bad ? bad : planned;
}

static void drop_last(study *t) {
    study_point *p = &t->points[--t->n_points];
    plan_close(&p->p);
    spec_close(&p->s);
}

/* An earlier point of the same configuration; -1. */
static int same_as(const study *t, int index) {
    for (int i = 0; i < index; i++)
        if (strcmp(t->points[i].p.config_key, t->points[index].p.config_key) == 0) return i;
    return -1;
}

static bool is_float(const plan *p) {
    for (int i = 0; i < p->n_layers; i++)
        if (p->layers[i].weights.scheme != NULL || p->layers[i].input.scheme != NULL) return false;
    return true;
}

/* "float", then what else its points set, and the norm where baselines differ in it. */
static void label_baselines(study *t) {
    bool with = false, without = false;
    for (int i = 0; i < t->n_points; i++) {
        const study_point *p = &t->points[i];
        if (!p->is_baseline) continue;
        with |= p->p.model.norm, without |= !p->p.model.norm;
    }
    for (int i = 0; i < t->n_points; i++) {
        study_point *p = &t->points[i];
        if (!p->is_baseline || p->swept != NULL) continue; /* also a point, with a label */
        p->label = arena_format(&t->base.a, "%s%s%s%s", is_float(&p->p) ? "float" : "baseline",
                                with && without && p->p.model.norm ? " rmsnorm" : "",
                                *p->label != '\0' ? " " : "", p->label);
    }
}

/* Plans the twin of a point; the same twin is one point. */
static status add_baseline(study *t, int point, const sweep_point *from, const registry *r,
                           diags *d) {
    schema_context c = spec_context(&t->base, d);
    const char *norm = t->points[point].p.model.norm ? "rmsnorm" : "none";
    yaml_node *root = sweep_baseline(&c, t->base.root, from, norm);
    if (root == NULL) return diags_status(d);
    int index;
    status bad = add_point(t, root, r, d, &index);
    if (bad) return bad;
    int before = same_as(t, index);
    if (before >= 0) drop_last(t), index = before;
    if (index == point) return OK; /* the point is its own twin */
    t->points[point].baseline = index;
    t->points[index].is_baseline = true;
    if (before < 0) t->points[index].label = sweep_label(&c, from, false);
    return OK;
}

static status add_points(study *t, const registry *r, diags *d) {
    int n = t->sweep.n;
    t->points = mem_calloc((size_t)n * 2, sizeof *t->points);
    const sweep_point **from = mem_calloc((size_t)n * 2, sizeof *from);
    status first = OK;
    for (int i = 0; i < n; i++) {
        int index;
        const sweep_point *sp = &t->sweep.points[i];
        status bad = add_point(t, sp->root, r, d, &index);
        if (bad && !first) first = bad;
        study_point *p = &t->points[index];
        p->label = sp->label, p->swept = sp->settings, p->n_swept = sp->n;
        if (!bad && strncmp(p->label, "float", 5) == 0 && !is_float(&p->p))
            p->label =
                arena_format(&t->base.a, "weights %s", p->label); /* its activations are not */
        from[index] = sp;
        if (!bad && same_as(t, index) >= 0) drop_last(t); /* one configuration, one run */
    }
    for (int i = 0, own = t->n_points; i < own && !first; i++)
        first = add_baseline(t, i, from[i], r, d);
    free(from);
    return first;
}

/* Baselines before the points, so that a study that is cut short has them. */
static void sort_points(study *t) {
    int *to = mem_calloc((size_t)t->n_points + 1, sizeof *to), n = 0;
    study_point *sorted = mem_calloc((size_t)t->n_points + 1, sizeof *sorted);
    for (int pass = 1; pass >= 0; pass--)
        for (int i = 0; i < t->n_points; i++)
            if (t->points[i].is_baseline == (pass == 1)) to[i] = n++;
    for (int i = 0; i < t->n_points; i++) {
        study_point *p = &sorted[to[i]];
        *p = t->points[i];
        p->p.spec = &p->s; /* moved with the point */
        if (p->baseline >= 0) p->baseline = to[p->baseline];
    }
    free(t->points);
    free(to);
    t->points = sorted;
}

static status check_verify(const study *t, diags *d) {
    const yaml_node *n = tree_get(t->base.root, "verify.baseline_accuracy");
    bool has_baseline = false;
    for (int i = 0; i < t->n_points; i++) has_baseline |= t->points[i].is_baseline;
    if (t->points[0].s.verify.baseline_accuracy == 0 || has_baseline) return OK;
    diag_error_at(d, ERR_SPEC, &n->at, "verify.baseline_accuracy without a sweep.baseline");
    diag_hint(d, "sweep: {baseline: {quant.weights: none}}");
    return ERR_SPEC;
}

static int count_seeds(const study *t) {
    return t->sweep.n_seeds > 0 ? t->sweep.n_seeds : (int)t->points[0].s.repeats;
}

static status check_runs(const study *t, diags *d) {
    int64_t seeds = count_seeds(t), runs = seeds * t->n_points;
    const yaml_node *n = tree_get(t->base.root, "repeats");
    if (n == NULL) n = tree_get(t->base.root, "sweep.axes");
    if (n != NULL && runs > STUDY_MAX_RUNS) {
        diag_error_at(d, ERR_SPEC, &n->at,
                      "the sweep has %" PRId64 " runs (%d points, %" PRId64 " seeds), more than %d",
                      runs, t->n_points, seeds, STUDY_MAX_RUNS);
        diag_hint(d, "fewer seeds or shorter axes, or make several specs of it");
        return ERR_SPEC;
    }
    uint64_t first = t->points[0].s.seed;
    if (t->sweep.n_seeds > 0 || first <= UINT64_MAX - (uint64_t)(seeds - 1)) return OK;
    diag_error_at(d, ERR_SPEC, &tree_get(t->base.root, "seed")->at,
                  "%" PRId64 " seeds from %" PRIu64 " on pass 2^64 - 1", seeds, first);
    diag_hint(d, "a smaller seed");
    return ERR_SPEC;
}

static void add_runs(study *t, int numeric_version) {
    const spec *s = &t->points[0].s;
    int seeds = count_seeds(t);
    t->runs = mem_calloc((size_t)seeds * (size_t)t->n_points, sizeof *t->runs);
    for (int k = 0; k < seeds; k++)
        for (int i = 0; i < t->n_points; i++) {
            study_run *run = &t->runs[t->n_runs++];
            run->point = i;
            run->seed = t->sweep.n_seeds > 0 ? t->sweep.seeds[k] : s->seed + (uint64_t)k;
            identity_cache_key(&t->points[i].p, numeric_version, run->seed, run->cache_key);
        }
}

/* Is a mapping wanted at the path, of which a part alone may be no site of its own? */
static bool wants_map(const char *path) {
    const field *f = schema_find(&spec_schema, path);
    return f != NULL && (f->type == FIELD_MAP || f->type == FIELD_VARIANT || f->type == FIELD_NODE);
}

/* Does the place of an error belong to the value, a scalar or a list of them? */
static bool is_within(const yaml_node *n, const place *at) {
    for (int i = 0; n->kind == YAML_LIST && i < n->n; i++)
        if (is_within(n->items[i], at)) return true;
    return n->at.line == at->line && n->at.col == at->col && at->file != NULL &&
           strcmp(n->at.file, at->file) == 0;
}

/* What an axis replaces at every point must be right all the same. */
static void check_replaced(study *t, const registry *r, diags *d) {
    const yaml_node *axes = tree_get(t->base.root, "sweep.axes");
    if (axes == NULL) return;
    spec s;
    diags own;
    diags_init(&own);
    spec_fork(&s, &t->base, t->base.root);
    spec_check(&s, r, &own);
    for (int p = 0; p < t->sweep.points[0].n; p++) {
        const char *path = t->sweep.points[0].settings[p].path;
        const yaml_node *n = tree_get(t->base.root, path);
        for (int i = 0; n != NULL && i < own.n; i++) {
            const diag *g = &own.list[i];
            if (g->warning || wants_map(path) || !is_within(n, &g->at)) continue;
            diag_error_at(d, g->st, &g->at, "%s", g->message);
            if (g->hint != NULL) diag_hint(d, "%s", g->hint);
        }
    }
    spec_close(&s);
    diags_fini(&own);
}

static status build(study *t, const registry *r, int numeric_version, diags *d) {
    schema_context c = spec_context(&t->base, d);
    status bad = sweep_expand(&c, t->base.root, &t->sweep);
    if (bad) { /* still say what is wrong with the spec itself */
        spec s;
        spec_fork(&s, &t->base, t->base.root);
        spec_check(&s, r, d);
        spec_close(&s);
        return bad;
    }
    bad = add_points(t, r, d);
    check_replaced(t, r, d);
    if (bad) return bad;
    bad = check_verify(t, d);
    if (!bad) bad = check_runs(t, d);
    if (bad) return bad;
    label_baselines(t);
    sort_points(t);
    add_runs(t, numeric_version);
    return OK;
}

/* Errors in a file that the spec extends name the spec too. */
static void name_both_files(diags *d, int from, const char *path) {
    for (int i = from; i < d->n; i++) {
        diag *g = &d->list[i];
        if (g->at.file == NULL || strcmp(g->at.file, path) == 0 ||
            strcmp(g->at.file, "--set") == 0 || strstr(g->message, path) != NULL)
            continue;
        char *both = str_format("%s (%s extends it)", g->message, path);
        free(g->message);
        g->message = both;
    }
}

status study_open(study *t, const char *path, const char *const *settings, int n_settings,
                  const registry *r, int numeric_version, diags *d) {
    *t = (study){0};
    int from = d->n;
    status bad = spec_read(&t->base, path, settings, n_settings, d);
    if (t->base.root == NULL) return bad;
    status built = build(t, r, numeric_version, d);
    name_both_files(d, from, path);
    status said = diags_status(d);
    return said ? said : bad ? bad : built;
}

status study_open_text(study *t, const char *name, const char *text, const registry *r,
                       int numeric_version, diags *d) {
    *t = (study){0};
    status bad = spec_read_text(&t->base, name, text, d);
    return bad ? bad : build(t, r, numeric_version, d);
}

void study_close(study *t) {
    for (int i = 0; i < t->n_points; i++) {
        plan_close(&t->points[i].p);
        spec_close(&t->points[i].s);
    }
    free(t->points);
    free(t->runs);
    dataset_catalog_fini(&t->data);
    spec_close(&t->base);
    *t = (study){0};
}
