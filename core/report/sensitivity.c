#include "report/sensitivity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/sensitivity_rank.h"
#include "report/table.h"
#include "util/mem.h"

/* One place with one candidate, over the runs. */
typedef struct entry {
    char *label, *site, *layer;
    int order; /* of its candidate and site */
    struct {
        int n, infinite; /* runs */
        double sum, error;
    } score[SENSITIVITY_METHODS];
} entry;

typedef struct entries {
    entry *list;
    int n, groups, runs;
} entries;

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
        int k = sensitivity_method_find(store_text(r, 3));
        if (k == SENSITIVITY_METHODS) continue; /* of a newer program */
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
    while (k < SENSITIVITY_METHODS - 1 && all->list[0].score[k].n == 0) k++;
    return k;
}

static void add_score(table *t, const entry *e, int k, int runs) {
    bool points = k == SENSITIVITY_ACCURACY, decibel = k == SENSITIVITY_SQNR;
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

static void add_entry(table *t, const entry *e, int rank, int runs) {
    table_add(t, "%s", rank == 1 ? e->label : "");
    table_add(t, "%s", rank == 1 ? e->site : "");
    table_add(t, "%d", rank);
    table_add(t, "%s", e->layer);
    for (int k = 0; k < SENSITIVITY_METHODS; k++) add_score(t, e, k, runs);
}

/* The layers of each candidate and site by `method`; those that it did not measure last. */
static void print_entries(const entries *all, int method, bool higher_is_better, FILE *out) {
    static const char *const heads[] = {"candidate",   "site",         ">rank",
                                        "layer",       ">KL nats",     ">loss",
                                        ">accuracy %", ">out SQNR dB", NULL};
    double *score = mem_calloc((size_t)all->n, sizeof *score);
    int *of = mem_calloc((size_t)all->n, sizeof *of),
        *order = mem_calloc((size_t)all->n, sizeof *order);
    table t;
    table_open(&t, heads);
    for (int group = 0; group < all->groups; group++) {
        int n = 0, rank = 0;
        for (int i = 0; i < all->n; i++)
            if (all->list[i].order == group) score[n] = mean_of(&all->list[i], method), of[n++] = i;
        int ranked = sensitivity_rank(score, n, higher_is_better, order);
        for (int i = 0; i < ranked; i++) add_entry(&t, &all->list[of[order[i]]], ++rank, all->runs);
        for (int i = 0; i < n; i++)
            if (isnan(score[i])) add_entry(&t, &all->list[of[i]], ++rank, all->runs);
    }
    table_print(&t, out);
    table_close(&t);
    free(score);
    free(of);
    free(order);
}

status report_sensitivity(store *s, const int64_t *runs, int n, FILE *out, diags *d) {
    entries all = {0};
    for (int i = 0; i < n; i++)
        if (runs[i] >= 0) add_run(&all, s, runs[i]);
    if (all.n > 0) {
        int k = ranking_method(&all);
        const char *method = sensitivity_methods[k].name;
        fprintf(out, "\nsensitivity, the most sensitive layer first by %s", method);
        if (all.runs > 1)
            fprintf(out, " (means of %d runs)\n", all.runs);
        else
            fprintf(out, " (+-: standard error over the samples)\n");
        print_entries(&all, k, sensitivity_higher_is_better(s, method), out);
    }
    for (int i = 0; i < all.n; i++) {
        free(all.list[i].label);
        free(all.list[i].site);
        free(all.list[i].layer);
    }
    free(all.list);
    return store_status(s, d);
}
