#include "report/sensitivity_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/figure.h"
#include "report/sensitivity_rank.h"
#include "util/mem.h"

const char sensitivity_sql[] =
    "SELECT v.layer_name, v.label, v.nominal_bits, v.score, v.method, v.site\n"
    "FROM v_done d JOIN v_sensitivity v ON v.run = d.run\n"
    "WHERE d.config_key = ? AND v.method = ? AND v.site = ?\n"
    "ORDER BY v.nominal_bits, v.candidate, v.layer, d.seed";

/* The method and site to show of a configuration; false if it has none. */
static bool choose(store *s, const char *config_key, sensitivity_table *t) {
    store_rows *r = store_select(s,
                                 "SELECT DISTINCT v.method, v.site FROM v_done d JOIN sensitivity "
                                 "v ON v.run = d.run WHERE d.config_key = ? ORDER BY v.site = "
                                 "'weight' DESC, v.site, v.method",
                                 "t", config_key);
    int best = SENSITIVITY_METHODS + 1;
    while (store_next(r)) {
        bool same_site = t->site == NULL || strcmp(t->site, store_text(r, 1)) == 0;
        int preference = sensitivity_method_find(store_text(r, 0));
        if (!same_site || preference >= best) continue;
        best = preference;
        free(t->method);
        free(t->site);
        t->method = mem_strdup(store_text(r, 0));
        t->site = mem_strdup(store_text(r, 1));
    }
    store_rows_end(r);
    return best <= SENSITIVITY_METHODS;
}

/* The index of a name, as it is shown, in a list that grows; -1: the list is full. */
static int index_of(char **names, int *n, int max, const char *full) {
    char *name = figure_cut(full, 60);
    int at = 0;
    while (at < *n && strcmp(names[at], name) != 0) at++;
    if (at == *n && at < max)
        names[(*n)++] = name;
    else
        free(name);
    return at < max ? at : -1;
}

static void read_scores(store *s, const report_config *c, sensitivity_table *t) {
    double *values = mem_calloc((size_t)c->n_seeds + 1, sizeof *values);
    int layer = -1, candidate = -1, n = 0;
    store_rows *r = store_select(s, sensitivity_sql, "ttt", c->config_key, t->method, t->site);
    for (;;) {
        bool more = store_next(r);
        int l = -1, k = -1;
        if (more) {
            l = index_of(t->layers, &t->n_layers, SENSITIVITY_LAYERS, store_text(r, 0));
            k = index_of(t->candidates, &t->n_candidates, SENSITIVITY_CANDIDATES, store_text(r, 1));
        }
        if ((l != layer || k != candidate) && layer >= 0 && candidate >= 0)
            t->score[layer][candidate] = summary_of(values, n);
        if (!more) break;
        if (l != layer || k != candidate) n = 0;
        layer = l, candidate = k;
        if (k >= 0) t->bits[k] = store_real(r, 2);
        if (n < c->n_seeds) values[n++] = store_real(r, 3);
    }
    store_rows_end(r);
    free(values);
    t->higher_is_better = sensitivity_higher_is_better(s, t->method);
}

status sensitivity_table_load(store *s, const selection *sel, diags *d, sensitivity_table *t) {
    *t = (sensitivity_table){.config = -1};
    for (int i = 0; i < sel->n; i++) {
        if (t->config >= 0) {
            sensitivity_table other = {0};
            t->others += choose(s, sel->configs[i].config_key, &other);
            sensitivity_table_free(&other);
        } else if (choose(s, sel->configs[i].config_key, t)) {
            t->config = i;
            read_scores(s, &sel->configs[i], t);
        }
    }
    return store_status(s, d);
}

void sensitivity_table_free(sensitivity_table *t) {
    for (int i = 0; i < t->n_layers; i++) free(t->layers[i]);
    for (int i = 0; i < t->n_candidates; i++) free(t->candidates[i]);
    free(t->method);
    free(t->site);
    *t = (sensitivity_table){0};
}

int sensitivity_table_rank(const sensitivity_table *t, int candidate,
                           int order[SENSITIVITY_LAYERS]) {
    double score[SENSITIVITY_LAYERS];
    for (int l = 0; l < t->n_layers; l++) {
        const summary *of = &t->score[l][candidate];
        score[l] = of->n > 0 ? of->mean : (double)NAN;
    }
    return sensitivity_rank(score, t->n_layers, t->higher_is_better, order);
}

const char *sensitivity_table_text(const sensitivity_table *t) {
    int k = sensitivity_method_find(t->method);
    return k < SENSITIVITY_METHODS ? sensitivity_methods[k].text : t->method;
}
