#include "report/sensitivity_table.h"

#include <stdlib.h>
#include <string.h>

#include "report/figure.h"
#include "util/mem.h"

const char sensitivity_sql[] =
    "SELECT v.layer_name, v.label, v.nominal_bits, v.score, v.method, v.site, m.higher_is_better\n"
    "FROM v_done d JOIN v_sensitivity v ON v.run = d.run LEFT JOIN metric_def m ON m.name = "
    "v.method\n"
    "WHERE d.config_key = ? AND v.method = ? AND v.site = ?\n"
    "ORDER BY v.nominal_bits, v.candidate, v.layer, d.seed";

static const struct {
    const char *part, *text; /* part: of a method's name; the best first */
} methods[] = {
    {"kl_logits", "KL divergence of the predictions, nats"},
    {"loss_delta", "change of the loss, nats"},
    {"accuracy_delta", "change of accuracy"},
    {"sqnr_out", "SQNR of the layer's output, dB"},
};
enum { N_METHODS = sizeof methods / sizeof *methods };

const char *sensitivity_method_text(const char *method) {
    for (int i = 0; i < N_METHODS; i++)
        if (strstr(method, methods[i].part) != NULL) return methods[i].text;
    return method;
}

static int preference(const char *method) {
    for (int i = 0; i < N_METHODS; i++)
        if (strstr(method, methods[i].part) != NULL) return i;
    return N_METHODS;
}

/* The method and site to show of a configuration; false if it has none. */
static bool choose(store *s, const char *config_key, sensitivity_table *t) {
    store_rows *r = store_select(s,
                                 "SELECT DISTINCT v.method, v.site FROM v_done d JOIN sensitivity "
                                 "v ON v.run = d.run WHERE d.config_key = ? ORDER BY v.site = "
                                 "'weight' DESC, v.site, v.method",
                                 "t", config_key);
    int best = N_METHODS + 1;
    while (store_next(r)) {
        bool same_site = t->site == NULL || strcmp(t->site, store_text(r, 1)) == 0;
        if (!same_site || preference(store_text(r, 0)) >= best) continue;
        best = preference(store_text(r, 0));
        free(t->method);
        free(t->site);
        t->method = mem_strdup(store_text(r, 0));
        t->site = mem_strdup(store_text(r, 1));
    }
    store_rows_end(r);
    return best <= N_METHODS;
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
        t->higher_is_better = store_is_null(r, 6) ? strstr(t->method, "sqnr") != NULL ||
                                                        strstr(t->method, "accuracy") != NULL
                                                  : store_int(r, 6) == 1;
    }
    store_rows_end(r);
    free(values);
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

int sensitivity_rank(const sensitivity_table *t, int candidate, int order[SENSITIVITY_LAYERS]) {
    int n = 0;
    for (int l = 0; l < t->n_layers; l++) {
        if (t->score[l][candidate].n == 0) continue;
        double v = t->score[l][candidate].mean * (t->higher_is_better ? -1 : 1);
        int at = n++;
        for (; at > 0; at--) { /* insertion keeps equals in the order of the layers */
            double other = t->score[order[at - 1]][candidate].mean;
            if (other * (t->higher_is_better ? -1 : 1) >= v) break;
            order[at] = order[at - 1];
        }
        order[at] = l;
    }
    return n;
}
