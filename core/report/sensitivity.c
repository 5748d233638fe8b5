#include "report/sensitivity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/table.h"
#include "util/mem.h"

/* The methods, in the order in which the first that was measured ranks. */
enum { KL = 0, LOSS, ACCURACY, SQNR, METHODS };
static const char *const methods[METHODS] = {"kl_logits", "loss_delta", "accuracy_delta",
                                             "sqnr_out"};

/* One place with one candidate, over the runs. */
typedef struct entry {
    char *label, *site, *layer;
    int order; /* of its candidate and site */
    struct {
        int n, infinite; /* runs */
        double sum, error;
    } score[METHODS];
} entry;

typedef struct entries {
    entry *list;
    int n, groups, runs;
} entries;

static int method_of(const char *name) {
    int k = 0;
    while (k < METHODS && strcmp(methods[k], name) != 0) k++;
    return k;
}

static entry *find(entries *all, const char *label, const char *site, const char *layer) {
    int order = -1;
    for (int i = 0; i < all->n; i++) {
        entry *e = &all->list[i];
        if (strcmp(e->label, label) != 0 || strcmp(e->site, site) != 0) continue;
        if (strcmp(e->layer, layer) == 0) return e;
        order = e->order;
    }
    all->list = mem_realloc(all->list, (size_t)(all->n + 1) * sizeof *all->list);
    entry *e = &all->list[all->n++];
    *e = (entry){.label = mem_strdup(label),
                 .site = mem_strdup(site),
                 .layer = mem_strdup(layer),
                 .order = order >= 0 ? order : all->groups++};
    return e;
}

static void add_run(entries *all, store *s, int64_t run) {
    store_rows *r = store_select(s,
                                 "SELECT label, site, layer_name, method, score, stderr FROM "
                                 "v_sensitivity WHERE run = ? ORDER BY candidate, site DESC, layer",
                                 "i", run);
    bool any = false;
    while (store_next(r)) {
        int k = method_of(store_text(r, 3));
        if (k == METHODS) continue; /* of a newer program */
        entry *e = find(all, store_text(r, 0), store_text(r, 1), store_text(r, 2));
        bool infinite = store_is_null(r, 4);
        e->score[k].n++;
        e->score[k].infinite += infinite;
        if (!infinite) e->score[k].sum += store_real(r, 4);
        e->score[k].error = store_real(r, 5);
        any = true;
    }
    store_rows_end(r);
    all->runs += any;
}

/* NAN where the method was not measured, INFINITY where nothing changed. */
static double mean_of(const entry *e, int k) {
    if (e->score[k].n == 0) return (double)NAN;
    return e->score[k].infinite > 0 ? (double)INFINITY : e->score[k].sum / e->score[k].n;
}

static int ranking_method(const entries *all) {
    int k = 0;
    while (k < METHODS - 1 && all->list[0].score[k].n == 0) k++;
    return k;
}

static int rank_by; /* for qsort */

static int by_rank(const void *a, const void *b) {
    const entry *x = a, *y = b;
    if (x->order != y->order) return x->order < y->order ? -1 : 1;
    double u = mean_of(x, rank_by), v = mean_of(y, rank_by);
    bool low_is_worse = rank_by == SQNR || rank_by == ACCURACY;
    if (u != v) return (u < v) == low_is_worse ? -1 : 1;
    return strcmp(x->layer, y->layer);
}

static void add_score(table *t, const entry *e, int k, int runs) {
    bool points = k == ACCURACY, decibel = k == SQNR;
    double factor = points ? 100 : 1, v = mean_of(e, k) * factor;
    if (isnan(v))
        table_add(t, "-");
    else if (isinf(v))
        table_add(t, "inf");
    else if (runs > 1 || !isfinite(e->score[k].error))
        table_add(t, points || decibel ? "%.2f" : "%.3g", v);
    else
        table_add(t, points ? "%.2f +- %.2f" : "%.3g +- %.1g", v, e->score[k].error * factor);
}

static void print_entries(const entries *all, FILE *out) {
    static const char *const heads[] = {"candidate",   "site",         ">rank",
                                        "layer",       ">KL nats",     ">loss",
                                        ">accuracy %", ">out SQNR dB", NULL};
    table t;
    table_open(&t, heads);
    for (int i = 0; i < all->n; i++) {
        const entry *e = &all->list[i];
        bool first = i == 0 || all->list[i - 1].order != e->order;
        int rank = 1;
        while (rank <= i && all->list[i - rank].order == e->order) rank++;
        table_add(&t, "%s", first ? e->label : "");
        table_add(&t, "%s", first ? e->site : "");
        table_add(&t, "%d", rank);
        table_add(&t, "%s", e->layer);
        add_score(&t, e, KL, all->runs);
        add_score(&t, e, LOSS, all->runs);
        add_score(&t, e, ACCURACY, all->runs);
        add_score(&t, e, SQNR, all->runs);
    }
    table_print(&t, out);
    table_close(&t);
}

status report_sensitivity(store *s, const int64_t *runs, int n, FILE *out, diags *d) {
    entries all = {0};
    for (int i = 0; i < n; i++)
        if (runs[i] >= 0) add_run(&all, s, runs[i]);
    if (all.n > 0) {
        rank_by = ranking_method(&all);
        qsort(all.list, (size_t)all.n, sizeof *all.list, by_rank);
        fprintf(out, "\nsensitivity, the most sensitive layer first by %s", methods[rank_by]);
        if (all.runs > 1)
            fprintf(out, " (means of %d runs)\n", all.runs);
        else
            fprintf(out, " (+-: standard error over the samples)\n");
        print_entries(&all, out);
    }
    for (int i = 0; i < all.n; i++) {
        free(all.list[i].label);
        free(all.list[i].site);
        free(all.list[i].layer);
    }
    free(all.list);
    return store_status(s, d);
}
