#include "report/compare.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/queries.h"
#include "report/selection.h"
#include "store/query.h"
#include "util/json.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"

/* ---- what is compared ---- */

typedef struct config {
    char *experiment, *label, *uid; /* of its newest run */
    report_config numbers;
} config;

typedef struct configs {
    config *list;
    int n;
} configs;

static void configs_free(configs *c) {
    for (int i = 0; i < c->n; i++) {
        free(c->list[i].experiment);
        free(c->list[i].label);
        free(c->list[i].uid);
        selection_config_free(&c->list[i].numbers);
    }
    free(c->list);
}

/* label NULL: that of its newest run */
static void add_config(configs *c, store *s, const char *key, const char *label) {
    for (int i = 0; i < c->n; i++)
        if (strcmp(c->list[i].numbers.config_key, key) == 0) return;
    store_rows *r = store_select(s,
                                 "SELECT e.name, r.label, r.uid FROM run r JOIN experiment e"
                                 " ON e.id = r.experiment WHERE r.config_key = ?"
                                 " ORDER BY r.id DESC LIMIT 1",
                                 "t", key);
    if (store_next(r)) {
        c->list = mem_realloc(c->list, (size_t)(c->n + 1) * sizeof *c->list);
        c->list[c->n++] = (config){.experiment = mem_strdup(store_text(r, 0)),
                                   .label = mem_strdup(label != NULL ? label : store_text(r, 1)),
                                   .uid = mem_strdup(store_text(r, 2)),
                                   .numbers = selection_config(s, key)};
    }
    store_rows_end(r);
}

/* Adds the config_keys that come out, with their labels in the sweep if there is a second
 * column (the runs may be older and have another); false if there are none. */
static bool add_keys(configs *c, store *s, store_rows *r) {
    bool any = false;
    for (; store_next(r); any = true)
        add_config(c, s, store_text(r, 0), store_columns(r) > 1 ? store_text(r, 1) : NULL);
    store_rows_end(r);
    return any;
}

static bool add_label(configs *c, store *s, const char *experiment, const char *word) {
    return add_keys(
        c, s,
        store_select(s,
                     "SELECT config_key, label FROM sweep_point WHERE sweep = ? AND label = ?"
                     " ORDER BY position LIMIT 1",
                     "it", selection_last_sweep(s, experiment, NULL), word));
}

static bool add_experiment(configs *c, store *s, const char *name) {
    int64_t sweep = selection_last_sweep(s, name, NULL);
    if (sweep > 0)
        return add_keys(c, s,
                        store_select(s,
                                     "SELECT config_key, label FROM sweep_point WHERE sweep = ?"
                                     " ORDER BY position",
                                     "i", sweep));
    return add_keys(c, s,
                    store_select(s,
                                 "SELECT r.config_key FROM run r JOIN experiment e"
                                 " ON e.id = r.experiment WHERE e.name = ?"
                                 " GROUP BY r.config_key ORDER BY min(r.id)",
                                 "t", name));
}

static status add_run(configs *c, store *s, const char *word, diags *d) {
    int64_t run;
    status bad = store_find_run(s, word, d, &run);
    if (bad) {
        diag_hint(d, "a run, an experiment, or a label of its last sweep; `quantbench ls` lists "
                     "them");
        return bad;
    }
    add_keys(c, s, store_select(s, "SELECT config_key FROM run WHERE id = ?", "i", run));
    return OK;
}

static status find_configs(store *s, const char *const *words, int n, const char *experiment,
                           configs *c, diags *d) {
    status bad = experiment != NULL ? store_find_experiment(s, experiment, d) : OK;
    for (int i = 0; !bad && i < n; i++)
        if (!add_label(c, s, experiment, words[i]) && !add_experiment(c, s, words[i]))
            bad = add_run(c, s, words[i], d);
    return bad ? bad : store_status(s, d);
}

/* As the SQL takes them; free() */
static char *keys_json(const configs *c) {
    json_t *list = json_array();
    for (int i = 0; i < c->n; i++)
        json_array_append_new(list, json_string(c->list[i].numbers.config_key));
    char *text = json_dumps(list, JSON_COMPACT);
    json_decref(list);
    return text;
}

/* ---- the table ---- */

static const row_column columns[] = {
    {NULL, "configuration", 0, false},
    {"experiment", NULL, 0, false},
    {"label", NULL, 0, false},
    {"uid", NULL, 0, false},
    {"config_key", NULL, 0, false},
    {"n", "n", 0, false},
    {NULL, "accuracy", 0, false},
    {"accuracy_mean", NULL, 0, false},
    {"accuracy_sd", NULL, 0, false},
    {NULL, "loss", 0, false},
    {"loss_mean", NULL, 0, false},
    {"loss_sd", NULL, 0, false},
    {"bits_per_weight_mean", "bits/w", 3, false},
    {"bits_per_weight_sd", NULL, 0, false},
    {NULL, "difference", 0, false},
    {"accuracy_difference_mean", NULL, 0, false},
    {"accuracy_difference_sd", NULL, 0, false},
    {NULL, "loss difference", 0, false},
    {"loss_difference_mean", NULL, 0, false},
    {"loss_difference_sd", NULL, 0, false},
    {"pairs", NULL, 0, false},
    {"settings", "settings that differ", 0, false},
};

/* Mean and deviation: for people as "98.38 % +- 0.19" or, as a difference, "-1.11 +- 0.08"
 * (points where the mean is a percentage); for programs two numbers. */
static void add_moments(row_printer *t, const summary *of, bool percent, bool difference,
                        const char *remark) {
    int decimals = percent ? 2 : 4;
    double scale = percent ? 100 : 1;
    char text[96] = "-", spread[32] = "";
    if (isfinite(of->sd)) snprintf(spread, sizeof spread, " +- %.*f", decimals, scale * of->sd);
    if (isfinite(of->mean) && difference)
        snprintf(text, sizeof text, "%+.*f%s", decimals, scale * of->mean, spread);
    else if (isfinite(of->mean))
        snprintf(text, sizeof text, "%.*f%s%s", decimals, scale * of->mean, percent ? " %" : "",
                 spread);
    rows_note(t, "%s%s", text, remark);
    rows_real(t, of->mean);
    rows_real(t, of->sd);
}

static const char *name_of(const config *c) { return *c->label != '\0' ? c->label : c->experiment; }

static void add_row(row_printer *t, const config *c, const config *first, const char *settings) {
    const report_config *n = &c->numbers;
    summary accuracy = summary_of(NULL, 0), loss = accuracy;
    char remark[48] = "";
    int ahead;
    if (c != first) {
        accuracy = selection_paired(n, &first->numbers, COLUMN_ACCURACY, &ahead);
        loss = selection_paired(n, &first->numbers, COLUMN_LOSS, &ahead);
    }
    if (accuracy.n > 0 && accuracy.n < n->n_seeds)
        snprintf(remark, sizeof remark, " (n = %d)", accuracy.n);
    rows_text(t, name_of(c));
    rows_text(t, c->experiment);
    rows_text(t, c->label);
    rows_text(t, c->uid);
    rows_text(t, n->config_key);
    rows_int(t, n->n_seeds);
    add_moments(t, &n->accuracy, true, false, "");
    add_moments(t, &n->loss, false, false, "");
    rows_real(t, n->bits.mean);
    rows_real(t, n->bits.sd);
    add_moments(t, &accuracy, true, true, remark);
    add_moments(t, &loss, false, true, remark);
    rows_int(t, accuracy.n);
    rows_text(t, settings);
}

/* ---- what the numbers do not say ---- */

static void add_caveats(strbuf *b, const configs *c) {
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < c->n; i++) {
        if (c->list[i].numbers.n_seeds < least) least = c->list[i].numbers.n_seeds;
        if (c->list[i].numbers.n_seeds > most) most = c->list[i].numbers.n_seeds;
    }
    if (most > 1) strbuf_add(b, "+- is the standard deviation over seeds\n");
    if (c->n > 1)
        strbuf_addf(b, "differences are to %s, between runs of one seed; of accuracy in points\n",
                    name_of(&c->list[0]));
    strbuf_add(b, "no test of significance yet; n = ");
    if (least < most) strbuf_addf(b, "%" PRId64 " to ", least);
    strbuf_addf(b, "%" PRId64 " seed%s\n", most, most == 1 ? "" : "s");
    if (least == 1 || (least == 0 && most == 1)) strbuf_add(b, "n=1: no spread known\n");
    if (least == 0) strbuf_add(b, "n=0: no run is done\n");
}

/* Under the table, or beside the data of programs. */
static void print_caveats(const configs *c, rows_format f, FILE *out) {
    strbuf b = {0};
    add_caveats(&b, c);
    char *save = NULL;
    if (f == ROWS_MARKDOWN) fputc('\n', out);
    for (char *line = strtok_r(b.s, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char *safe = str_escape(line);
        if (f == ROWS_TABLE || f == ROWS_MARKDOWN)
            fprintf(out, "%s%s\n", safe, f == ROWS_MARKDOWN ? "  " : "");
        else
            log_info("%s", safe);
        free(safe);
    }
    strbuf_fini(&b);
}

static status print_table(store *s, const configs *c, rows_format f, FILE *out, diags *d) {
    enum { N_COLUMNS = sizeof columns / sizeof *columns };
    char *keys = keys_json(c);
    store_arg arg = {.name = ":configs", .type = 't', .t = keys};
    store_rows *settings = NULL;
    status bad = store_query(s, compare_settings_sql, &arg, 1, d, &settings);
    if (!bad) {
        row_printer t;
        rows_open(&t, f, columns, N_COLUMNS, out);
        for (int i = 0; i < c->n && store_next(settings); i++)
            add_row(&t, &c->list[i], &c->list[0], store_text(settings, 1));
        rows_close(&t);
        print_caveats(c, f, out);
        bad = store_status(s, d);
    }
    if (settings != NULL) store_rows_end(settings);
    free(keys);
    return bad;
}

status compare_print(store *s, const char *const *words, int n_words, const char *experiment,
                     rows_format f, FILE *out, diags *d) {
    configs c = {0};
    status bad = find_configs(s, words, n_words, experiment, &c, d);
    if (!bad) bad = print_table(s, &c, f, out, d);
    configs_free(&c);
    return bad;
}
