#include "report/page.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "report/figure.h"
#include "report/html.h"
#include "report/sensitivity_table.h"
#include "util/clock.h"
#include "util/mem.h"

typedef struct page {
    store *s;
    const selection *sel;
    const verdict *v;
    char *runs; /* "(1,2,3)" */
    strbuf *b;
} page;

static char *list_runs(const selection *sel) {
    strbuf list = {0};
    strbuf_add(&list, "(");
    for (int i = 0; i < sel->n; i++)
        for (int k = 0; k < sel->configs[i].n_seeds; k++)
            strbuf_addf(&list, "%s%" PRId64, list.len > 1 ? "," : "", sel->configs[i].seeds[k].run);
    strbuf_add(&list, ")");
    return list.s;
}

/* A final number of a configuration, over its runs: their sum or their mean. */
static double final_of(store *s, const report_config *c, const char *name, bool sum) {
    store_rows *r = store_select(s,
                                 "SELECT sum(m.value), avg(m.value) FROM v_done d JOIN metric m ON "
                                 "m.run = d.run WHERE d.config_key = ? AND m.name = ? AND m.split "
                                 "= 'model' AND m.at = 'last'",
                                 "tt", c->config_key, name);
    double v = store_next(r) ? store_real(r, sum ? 0 : 1) : (double)NAN;
    store_rows_end(r);
    return v;
}

/* ---- the head ---- */

static void add_tile(strbuf *b, const char *name, const char *value, const char *more) {
    strbuf_addf(b, "<div><dt>%s</dt><dd>", name);
    html_text(b, value);
    strbuf_add(b, "<small>");
    html_text(b, more);
    strbuf_add(b, "</small></dd></div>\n");
}

static void add_tiles(page *p) {
    if (p->v->winner < 0) return;
    const report_config *c = &p->sel->configs[p->v->winner];
    double samples = final_of(p->s, c, "parity_samples", true);
    double differences = final_of(p->s, c, "parity_differences", true);
    char *value = NULL, *more = NULL;
    strbuf_add(p->b, "<dl class=\"tiles\">\n");
    value = figure_cut(c->label, 28);
    more = str_format("%d seed%s", c->n_seeds, c->n_seeds == 1 ? "" : "s");
    add_tile(p->b, p->v->rival >= 0 ? "winner" : "configuration", value, more);
    free(value), free(more);
    value = str_format("%.2f %%", 100 * c->accuracy.mean);
    more = isfinite(c->accuracy.sd) ? str_format("± %.2f", 100 * c->accuracy.sd)
                                    : mem_strdup("one seed: no deviation");
    add_tile(p->b, "test accuracy", value, more);
    free(value), free(more);
    if (c->delta.n > 0) {
        value = str_format("%+.2f", 100 * c->delta.mean);
        more = isfinite(c->delta.sd) ? str_format("± %.2f points", 100 * c->delta.sd)
                                     : mem_strdup("points");
        add_tile(p->b, "against its float twin", value, more);
        free(value), free(more);
    }
    if (c->bits.mean > 0) {
        value = str_format("%.2f bits", c->bits.mean);
        more = str_format("%.1f times smaller than float32", 32 / c->bits.mean);
        add_tile(p->b, "a weight, packed", value, more);
        free(value), free(more);
    }
    if (samples > 0) {
        char n[32];
        str_thousands(n, (int64_t)samples);
        value = str_format("%.0f differ", differences);
        more = str_format("of %s predictions", n);
        add_tile(p->b, "packed model", value, more);
        free(value), free(more);
    }
    strbuf_add(p->b, "</dl>\n");
}

static void add_certainty(page *p) {
    strbuf *b = p->b;
    const verdict *v = p->v;
    strbuf_add(b, "<p><strong>How sure?</strong> ");
    if (v->winner < 0 || p->sel->configs[v->winner].n_seeds == 1)
        strbuf_add(b, "One seed says nothing about chance: more <code>repeats</code> would. ");
    if (v->winner >= 0 && v->rival >= 0 && v->lead.n > 1) {
        strbuf_add(b, "Seed by seed, ");
        html_text(b, p->sel->configs[v->winner].label);
        strbuf_addf(b, " is %s ", v->lead.mean >= 0 ? "ahead of" : "behind");
        html_text(b, p->sel->configs[v->rival].label);
        strbuf_addf(b, " by %.2f ± %.2f points of accuracy; it is ahead in %d of %d seeds. ",
                    100 * fabs(v->lead.mean), 100 * v->lead.sd, v->ahead, v->lead.n);
        bool fewer = p->sel->configs[v->winner].bits.mean < p->sel->configs[v->rival].bits.mean;
        strbuf_add(b, !v->level ? "That is more than its deviation. "
                      : fewer   ? "That is not more than its deviation, so the two count as "
                                  "level, and the one with fewer bits wins. "
                                : "That is not more than its deviation: the two count as level. ");
    }
    strbuf_add(b, "No test of significance has been made");
    if (v->winner >= 0 && p->sel->configs[v->winner].n_seeds < 5)
        strbuf_add(b, ", and so few seeds show only large differences");
    strbuf_add(
        b,
        ".</p>\n<p class=\"note\">Losses are differences of test accuracy between a run "
        "and the float twin of the same seed; ± is one standard deviation over seeds. "
        "The winner is the most accurate; where others are level with it, within one deviation of "
        "the difference, the one with the fewest bits wins.</p>\n");
}

/* ---- the table ---- */

/* Twins first, then the most accurate. */
static double order_key(const report_config *c) {
    if (c->is_baseline) return INFINITY;
    return isfinite(c->accuracy.mean) ? c->accuracy.mean : -1;
}

static void sort_configs(const selection *sel, int *order) {
    for (int i = 0; i < sel->n; i++) {
        int at = i;
        for (; at > 0 && order_key(&sel->configs[order[at - 1]]) < order_key(&sel->configs[i]);
             at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

static void add_config(page *p, int i) {
    const report_config *c = &p->sel->configs[i];
    double samples = final_of(p->s, c, "parity_samples", true);
    strbuf_add(p->b, i == p->v->winner ? "<tr class=\"won\">" : "<tr>");
    strbuf_addf(p->b, "<td class=\"name\"><i class=\"swatch s%d\"></i>",
                figure_colour_index(p->sel, i));
    html_text(p->b, c->label);
    strbuf_add(p->b, "</td>");
    html_cell_real(p->b, c->bits.mean, 3, "");
    html_cell_stat(p->b, c->accuracy.mean, c->accuracy.sd, 100, " %");
    if (c->is_baseline)
        strbuf_add(p->b, "<td class=\"n\">twin</td>");
    else
        html_cell_stat(p->b, c->delta.mean, c->delta.sd, 100, "");
    html_cell_real(p->b, c->n_seeds, 0, "");
    char bytes[32] = "-";
    double packed = final_of(p->s, c, "packed_bytes", false);
    if (isfinite(packed)) str_bytes(bytes, (int64_t)packed);
    strbuf_addf(p->b, "<td class=\"n\">%s</td>", bytes);
    if (samples > 0)
        strbuf_addf(p->b, "<td class=\"n\">%.0f of %.0f</td>",
                    final_of(p->s, c, "parity_differences", true), samples);
    else
        strbuf_add(p->b, "<td class=\"n\">-</td>");
    html_row_end(p->b);
}

static void add_table(page *p) {
    static const char *const heads[] = {"configuration",  ">bits/weight",
                                        ">test accuracy", ">against float",
                                        ">seeds",         ">packed",
                                        ">differ",        NULL};
    int *order = mem_calloc((size_t)p->sel->n + 1, sizeof *order);
    sort_configs(p->sel, order);
    strbuf_add(p->b, "<section>\n<h2>Configurations</h2>\n");
    strbuf_add(p->b, "<p class=\"note\">The most accurate first. The last column counts, over all "
                     "seeds, predictions of the packed model that differ from those of the "
                     "trained one.</p>\n");
    html_table_begin(p->b, "Mean ± standard deviation over seeds", heads);
    for (int i = 0; i < p->sel->n; i++) add_config(p, order[i]);
    html_table_end(p->b);
    strbuf_add(p->b, "<details><summary>The query behind it</summary>\n<pre>");
    html_text(p->b, selection_sql);
    strbuf_add(p->b, "</pre></details>\n</section>\n");
    free(order);
}

/* ---- sensitivity, failures, the foot ---- */

static void add_ranking(page *p, const sensitivity_table *t) {
    static const char *const heads[] = {"candidate", "layers, the most sensitive first", NULL};
    int order[SENSITIVITY_LAYERS];
    strbuf caption = {0};
    html_text(&caption, sensitivity_table_text(t));
    strbuf_add(p->b, "<section>\n<h2>Which layers are sensitive</h2>\n");
    html_table_begin(p->b, caption.s, heads);
    for (int k = 0; k < t->n_candidates; k++) {
        int n = sensitivity_table_rank(t, k, order);
        if (n == 0) continue;
        html_row_begin(p->b);
        html_cell(p->b, t->candidates[k]);
        strbuf_add(p->b, "<td class=\"name\">");
        for (int i = 0; i < n && i < 8; i++) {
            strbuf_add(p->b, i > 0 ? ", " : "");
            html_text(p->b, t->layers[order[i]]);
            strbuf_addf(p->b, " %.3g", t->score[order[i]][k].mean);
        }
        if (n > 8) strbuf_addf(p->b, " and %d more", n - 8);
        strbuf_add(p->b, "</td>");
        html_row_end(p->b);
    }
    html_table_end(p->b);
    strbuf_add(p->b, "</section>\n");
    strbuf_fini(&caption);
}

static void add_sensitivity(page *p) {
    sensitivity_table *t = mem_calloc(1, sizeof *t);
    diags quiet;
    diags_init(&quiet);
    if (sensitivity_table_load(p->s, p->sel, &quiet, t) == OK && t->n_layers > 0) add_ranking(p, t);
    diags_fini(&quiet);
    sensitivity_table_free(t);
    free(t);
}

/* Runs of the same sweep or experiment that ended badly and were not made good since. */
static void add_failures(page *p) {
    static const char *const heads[] = {"run", "configuration", ">seed", "ended", "why", NULL};
    store_rows *r = store_select(
        p->s,
        "SELECT f.uid, r.label, f.seed, f.status, f.error FROM v_failed f JOIN run r ON r.id = "
        "f.run WHERE CASE WHEN ?1 > 0 THEN r.sweep = ?1 ELSE r.experiment = (SELECT experiment "
        "FROM run WHERE id = ?2) END AND NOT EXISTS (SELECT 1 FROM run o WHERE o.cache_key = "
        "r.cache_key AND o.status = 'done') ORDER BY f.run LIMIT 100",
        "ii", p->sel->sweep, p->sel->newest);
    int n = 0;
    for (; store_next(r); n++) {
        if (n == 0) {
            strbuf_add(p->b, "<section>\n<h2>What failed</h2>\n");
            html_table_begin(p->b, "Runs that are in none of the numbers above", heads);
        }
        html_row_begin(p->b);
        html_cell_code(p->b, store_text(r, 0)), html_cell(p->b, store_text(r, 1));
        strbuf_addf(p->b, "<td class=\"n\">%" PRIu64 "</td>", (uint64_t)store_int(r, 2));
        html_cell(p->b, store_text(r, 3)), html_cell(p->b, store_text(r, 4));
        html_row_end(p->b);
    }
    store_rows_end(r);
    if (n == 0) return;
    html_table_end(p->b);
    strbuf_add(p->b, "</section>\n");
}

/* The time of SOURCE_DATE_EPOCH where it is set: equal bytes for equal results. */
static void add_foot(page *p) {
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    char now[32];
    int64_t seconds;
    clock_utc_now(now);
    if (epoch != NULL && str_to_int(epoch, &seconds) && seconds >= 0 && seconds < 253402300800) {
        time_t at = (time_t)seconds;
        struct tm t;
        gmtime_r(&at, &t);
        strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &t);
    }
    strbuf_addf(p->b,
                "<p class=\"note\">Written %s by quantbench from its results database. This file "
                "needs no network and runs no script.</p>\n",
                now);
}

/* A number and its % stay on one line. */
static void add_sentence(strbuf *b, const char *sentence) {
    strbuf joined = {0};
    for (const char *p = sentence; *p != '\0'; p++)
        strbuf_addn(&joined, p[0] == ' ' && p[1] == '%' ? "\u00a0" : p,
                    p[0] == ' ' && p[1] == '%' ? 2 : 1);
    html_text(b, joined.s);
    strbuf_fini(&joined);
}

status report_page(store *s, const selection *sel, const verdict *v, diags *d, strbuf *out) {
    page p = {s, sel, v, list_runs(sel), out};
    html_begin(out, sel->title);
    strbuf_add(out, "<header>\n<h1>");
    html_text_cut(out, sel->title, 200);
    strbuf_add(out, "</h1>\n<p class=\"verdict\">");
    add_sentence(out, v->sentence);
    strbuf_add(out, "</p>\n");
    add_tiles(&p);
    add_certainty(&p);
    strbuf_add(out, "</header>\n");
    add_table(&p);
    status bad = page_figures(s, sel, d, out);
    add_sensitivity(&p);
    add_failures(&p);
    page_manifest(s, sel, p.runs, out);
    add_foot(&p);
    html_end(out);
    free(p.runs);
    status failed = store_status(s, d);
    return failed ? failed : bad;
}
