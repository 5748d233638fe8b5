/*
 * Accuracy against effective bits: the front as steps, deviations over seeds as bars,
 * the float twins as bands.
 */
#include "report/plot.h"

#include <math.h>
#include <stdlib.h>

#include "util/mem.h"

enum { LABELS_MAX = 24 };

typedef struct chart {
    figure *f;
    const selection *sel;
    accuracy_axis y;
    double lo, hi;         /* of log2(bits) */
    double x0, x1, y0, y1; /* of the panel */
    int *order, n;         /* what is drawn, by bits */
    bool *front;           /* of the configurations */
} chart;

static bool is_drawn(const report_config *c) {
    return !c->is_baseline && c->accuracy.n > 0 && c->bits.mean > 0;
}

static double sd_or_0(const summary *st) { return isfinite(st->sd) ? st->sd : 0; }

/* ---- which, and in which order ---- */

static const selection *sorting; /* qsort has no argument; used in one call only */

static int by_bits(const void *a, const void *b) {
    const report_config *x = &sorting->configs[*(const int *)a],
                        *y = &sorting->configs[*(const int *)b];
    if (x->bits.mean != y->bits.mean) return x->bits.mean < y->bits.mean ? -1 : 1;
    return x->accuracy.mean > y->accuracy.mean ? -1 : x->accuracy.mean < y->accuracy.mean;
}

static void order_and_front(chart *g) {
    const selection *sel = g->sel;
    g->order = mem_calloc((size_t)sel->n + 1, sizeof *g->order);
    g->front = mem_calloc((size_t)sel->n + 1, sizeof *g->front);
    for (int i = 0; i < sel->n; i++)
        if (is_drawn(&sel->configs[i])) g->order[g->n++] = i;
    sorting = sel;
    qsort(g->order, (size_t)g->n, sizeof *g->order, by_bits);
    double best = -1;
    for (int i = 0; i < g->n; i++) {
        double v = sel->configs[g->order[i]].accuracy.mean;
        g->front[g->order[i]] = v > best;
        if (v > best) best = v;
    }
}

static void find_ranges(chart *g) {
    double lowest = INFINITY, highest = -INFINITY;
    g->lo = INFINITY, g->hi = -INFINITY;
    for (int i = 0; i < g->sel->n; i++) {
        const report_config *c = &g->sel->configs[i];
        if (c->accuracy.n == 0) continue;
        double sd = sd_or_0(&c->accuracy), low = c->accuracy.mean - sd;
        double high = c->accuracy.mean + sd;
        lowest = fmin(lowest, low > 0 ? low : 0);
        highest = fmax(highest, high < 1 ? high : c->accuracy.mean);
        if (!is_drawn(c)) continue;
        g->lo = fmin(g->lo, log2(c->bits.mean));
        g->hi = fmax(g->hi, log2(c->bits.mean));
    }
    g->y = accuracy_axis_of(lowest, highest);
    double pad = 0.12 * (g->hi - g->lo) + 0.15;
    g->lo -= pad, g->hi += pad;
}

/* ---- data ---- */

static void write_data(chart *g) {
    figure *f = g->f;
    figure_block(f, "label\tbits_per_weight\taccuracy_percent\tstandard_deviation\tseeds\tfront");
    for (int i = 0; i < g->sel->n; i++) {
        const report_config *c = &g->sel->configs[i];
        if (c->accuracy.n == 0) continue;
        figure_cell_text(f, c->label, 60);
        figure_cell(f, c->bits.mean);
        figure_cell(f, 100 * c->accuracy.mean);
        figure_cell(f, 100 * c->accuracy.sd);
        figure_cell(f, c->accuracy.n);
        figure_cell(f, g->front[i]);
        figure_line_ends(f);
    }
    figure_data_ends(f);
}

/* Bands and lines of the float twins. */
static void draw_twins(chart *g) {
    figure *f = g->f;
    bool any = false, band = false;
    for (int i = 0; i < g->sel->n; i++) {
        const report_config *c = &g->sel->configs[i];
        any |= c->is_baseline && c->accuracy.n > 0;
        band |= c->is_baseline && sd_or_0(&c->accuracy) > 0;
    }
    if (band && f->c.to != MEDIUM_TERMINAL) {
        int block = figure_block(f, "bands: x, y, x0, x1, y0, y1");
        for (int i = 0; i < g->sel->n; i++) {
            const report_config *c = &g->sel->configs[i];
            double sd = sd_or_0(&c->accuracy);
            if (!c->is_baseline || sd == 0) continue;
            double high = c->accuracy.mean + sd < 1 ? c->accuracy.mean + sd : c->accuracy.mean;
            figure_cell(f, (g->lo + g->hi) / 2);
            figure_cell(f, accuracy_on(&g->y, c->accuracy.mean));
            figure_cell(f, g->lo), figure_cell(f, g->hi);
            figure_cell(f, accuracy_on(&g->y, c->accuracy.mean - sd));
            figure_cell(f, accuracy_on(&g->y, high));
            figure_line_ends(f);
        }
        figure_plot(f,
                    "index %d using 1:2:3:4:5:6 with boxxyerror fs transparent solid 0.12 "
                    "noborder fc rgb '#%06x'",
                    block, INK);
    }
    if (!any) return;
    int block = figure_block(f, "twins: x, y, dx, dy");
    for (int i = 0; i < g->sel->n; i++) {
        const report_config *c = &g->sel->configs[i];
        if (!c->is_baseline || c->accuracy.n == 0) continue;
        figure_cell(f, g->lo), figure_cell(f, accuracy_on(&g->y, c->accuracy.mean));
        figure_cell(f, g->hi - g->lo), figure_cell(f, 0);
        figure_line_ends(f);
    }
    figure_plot(f, "index %d using 1:2:3:4 with vectors nohead lw 1.5 dt (8,5) lc rgb '#%06x'",
                block, INK);
}

static void draw_front(chart *g) {
    figure *f = g->f;
    int block = figure_block(f, "front: x, y");
    double last = 0;
    for (int i = 0; i < g->n; i++) {
        const report_config *c = &g->sel->configs[g->order[i]];
        if (!g->front[g->order[i]]) continue;
        last = accuracy_on(&g->y, c->accuracy.mean);
        figure_cell(f, log2(c->bits.mean)), figure_cell(f, last);
        figure_line_ends(f);
    }
    figure_cell(f, g->hi), figure_cell(f, last);
    figure_line_ends(f);
    figure_plot(f, "index %d using 1:2 with steps lw 2 lc rgb '#%06x'", block, MUTED);
}

static void draw_points(chart *g) {
    figure *f = g->f;
    bool term = f->c.to == MEDIUM_TERMINAL;
    int block = figure_block(f, "points: x, y, low, high, colour, letter");
    for (int k = 0; k < 2 * g->n; k++) { /* those of the front over the others */
        int i = k % g->n;
        if (g->front[g->order[i]] != (k >= g->n)) continue;
        const report_config *c = &g->sel->configs[g->order[i]];
        double sd = sd_or_0(&c->accuracy), high = c->accuracy.mean + sd;
        const char letter[] = {figure_letter(g->order[i]), '\0'};
        figure_cell(f, log2(c->bits.mean));
        figure_cell(f, accuracy_on(&g->y, c->accuracy.mean));
        figure_cell(f, accuracy_on(&g->y, c->accuracy.mean - sd));
        figure_cell(f, accuracy_on(&g->y, high < 1 ? high : c->accuracy.mean));
        figure_cell(f, figure_colour(g->sel, g->order[i]));
        figure_cell_text(f, letter, 1);
        figure_line_ends(f);
    }
    if (term) {
        figure_plot(f, "index %d using 1:2:6 with labels noenhanced", block);
        return;
    }
    figure_plot(f, "index %d using 1:2:3:4:5 with yerrorbars pt 0 lw 1.5 lc rgb variable", block);
    figure_plot(f, "index %d using 1:2:5 with points pt 7 ps 1.3 lc rgb variable", block);
}

/* ---- labels where there is room ---- */

static double on_x(const chart *g, double bits) {
    return g->x0 + (log2(bits) - g->lo) / (g->hi - g->lo) * (g->x1 - g->x0);
}

static double on_y(const chart *g, double accuracy) {
    return g->y0 + (accuracy_on(&g->y, accuracy) - g->y.lo) / (g->y.hi - g->y.lo) * (g->y1 - g->y0);
}

typedef struct area {
    double x0, y0, x1, y1;
} area;

static double overlap(const area *a, const area *b) {
    double w = fmin(a->x1, b->x1) - fmax(a->x0, b->x0), h = fmin(a->y1, b->y1) - fmax(a->y0, b->y0);
    return w > 0 && h > 0 ? w * h : 0;
}

/* What a label at this place would cover, and how far it would leave the panel. */
static double cost_of(const chart *g, const area *a, const area *taken, int n_taken) {
    double cost = 0;
    for (int i = 0; i < n_taken; i++) cost += overlap(a, &taken[i]);
    cost += 1e4 * (fmax(0, g->x0 - a->x0) + fmax(0, a->x1 - (g->f->c.width - 4)));
    cost += 1e4 * (fmax(0, g->y0 - a->y0) + fmax(0, a->y1 - g->y1));
    return cost;
}

/* Tries the eight places around the point and takes the emptiest. */
static area place_label(const chart *g, double x, double y, double w, double h, const area *taken,
                        int n_taken) {
    const double dx[] = {10, -10 - w, -w / 2, -w / 2, 8, -8 - w, 8, -8 - w};
    const double dy[] = {-h / 2, -h / 2, 8, -8 - h, 6, 6, -6 - h, -6 - h};
    area best = {0};
    double least = INFINITY;
    for (int i = 0; i < 8; i++) {
        area a = {x + dx[i], y + dy[i], x + dx[i] + w, y + dy[i] + h};
        double cost = cost_of(g, &a, taken, n_taken) + i * 0.01;
        if (cost < least) least = cost, best = a;
    }
    return best;
}

/* The steps of the front, which labels should not cross. */
static int add_front(const chart *g, area *taken) {
    double x = NAN, y = NAN;
    int n = 0;
    for (int i = 0; i <= g->n; i++) {
        const report_config *c = i < g->n ? &g->sel->configs[g->order[i]] : NULL;
        if (c != NULL && !g->front[g->order[i]]) continue;
        double to = c != NULL ? on_x(g, c->bits.mean) : g->x1;
        double up = c != NULL ? on_y(g, c->accuracy.mean) : y;
        if (isfinite(x)) taken[n++] = (area){x, y - 2, to, y + 2};
        if (isfinite(x)) taken[n++] = (area){to - 2, y, to + 2, up};
        x = to, y = up;
    }
    return n;
}

/* Above or below its line, at the left or the right. Returns the new count. */
static int label_twin(chart *g, const report_config *c, area *taken, int n) {
    char *label = figure_cut(c->label, 24);
    double w = figure_text_width(g->f, label), h = figure_line(g->f), least = INFINITY;
    double y = on_y(g, c->accuracy.mean);
    area best = {0};
    for (int k = 0; k < 4; k++) {
        double x = k % 2 == 0 ? g->x0 + 6 : g->x1 - 6 - w, up = k < 2 ? y + 2 : y - 2 - h;
        area a = {x, up, x + w, up + h};
        double cost = cost_of(g, &a, taken, n) + k * 0.01;
        if (cost < least) least = cost, best = a;
    }
    figure_label(g->f, best.x0, (best.y0 + best.y1) / 2, LEFT, INK, label);
    free(label);
    taken[n++] = best;
    taken[n++] = (area){g->x0, y - 2, g->x1, y + 2};
    return n;
}

static void add_labels(chart *g) {
    figure *f = g->f;
    double h = figure_line(f);
    area *taken = mem_calloc((size_t)g->sel->n * 5 + 8, sizeof *taken);
    int n = add_front(g, taken);
    for (int i = 0; i < g->sel->n; i++) {
        const report_config *c = &g->sel->configs[i];
        if (!is_drawn(c)) continue;
        double x = on_x(g, c->bits.mean), y = on_y(g, c->accuracy.mean);
        double low = on_y(g, c->accuracy.mean - sd_or_0(&c->accuracy));
        double high = on_y(g, fmin(c->accuracy.mean + sd_or_0(&c->accuracy), 1 - 1e-6));
        taken[n++] = (area){x - 6, fmin(low, y - 6), x + 6, fmax(high, y + 6)};
    }
    for (int i = 0; i < g->sel->n; i++)
        if (g->sel->configs[i].is_baseline && g->sel->configs[i].accuracy.n > 0)
            n = label_twin(g, &g->sel->configs[i], taken, n);
    for (int i = 0, labelled = 0; i < g->n && labelled < LABELS_MAX; i++) {
        const report_config *c = &g->sel->configs[g->order[i]];
        if (g->n > LABELS_MAX && !g->front[g->order[i]]) continue;
        char *label = figure_cut(c->label, 24);
        area a = place_label(g, on_x(g, c->bits.mean), on_y(g, c->accuracy.mean),
                             figure_text_width(f, label) + 12, h, taken, n);
        double y = (a.y0 + a.y1) / 2;
        figure_fill(f, a.x0, y - 4, a.x0 + 8, y + 4, figure_colour(g->sel, g->order[i]));
        figure_label(f, a.x0 + 12, y, LEFT, INK, label);
        taken[n++] = a;
        labelled++;
        free(label);
    }
    free(taken);
}

/* ---- words ---- */

static void write_words(chart *g) {
    strbuf alt = {0};
    strbuf_add(&alt, "Test accuracy against effective bits a weight: ");
    for (int i = 0; i < g->n && i < 12; i++) {
        const report_config *c = &g->sel->configs[g->order[i]];
        strbuf_addf(&alt, "%s%s %.2f %%", i > 0 ? ", " : "", c->label, 100 * c->accuracy.mean);
        if (isfinite(c->accuracy.sd)) strbuf_addf(&alt, " ± %.2f", 100 * c->accuracy.sd);
        strbuf_addf(&alt, " at %.2f bits", c->bits.mean);
    }
    if (g->n > 12) strbuf_addf(&alt, " and %d more", g->n - 12);
    for (int i = 0; i < g->sel->n; i++) {
        const report_config *c = &g->sel->configs[i];
        if (c->is_baseline && c->accuracy.n > 0)
            strbuf_addf(&alt, "; %s reaches %.2f %%", c->label, 100 * c->accuracy.mean);
    }
    strbuf_add(&alt, ".");
    g->f->alt = alt.s;
    g->f->caption = str_format(
        "Mean test accuracy over seeds against the bits that a weight takes in the packed model; "
        "bars are one standard deviation. Up and to the left is better: the line joins the "
        "configurations that no other one beats in both. The dashed line and its band are the "
        "float twin.%s",
        g->y.log_error ? " The axis is linear in the logarithm of the error." : "");
}

static void draw(chart *g) {
    figure *f = g->f;
    bool term = f->c.to == MEDIUM_TERMINAL;
    double w = f->c.width, h = f->c.height, top = h - (term ? 1 : 16);
    g->x0 = term ? 8 : 52, g->x1 = w - (term ? 2 : 20);
    g->y0 = term ? 3 : 52, g->y1 = top - (term ? 1 : 26);
    if (term) {
        int *all = mem_calloc((size_t)g->sel->n + 1, sizeof *all);
        for (int i = 0; i < g->sel->n; i++) all[i] = i;
        g->y1 = figure_legend(f, g->sel, all, g->sel->n, 1, w, top - 1);
        free(all);
    }
    figure_label_more(f, term ? 1 : 10, top, LEFT, 0, true, INK, "test accuracy, %");
    figure_label(f, g->x1, term ? 0 : 9, RIGHT, MUTED, "effective bits a weight");
    figure_panel(f, g->x0, g->y0, g->x1, g->y1);
    figure_add(f, "set xrange [%.8g:%.8g]\n", g->lo, g->hi);
    figure_add(f, "set xtics ('1' 0, '1.58' 0.66297, '2' 1, '3' 1.58496, '4' 2, '5' 2.32193, "
                  "'6' 2.58496, '8' 3, '12' 3.58496, '16' 4, '32' 5)\n");
    accuracy_axis_set(&g->y, f, g->y1 - g->y0);
    draw_twins(g);
    draw_front(g);
    draw_points(g);
    figure_plot_ends(f);
    if (!term) add_labels(g);
}

status plot_pareto(store *s, const selection *sel, const canvas *c, diags *d, figure *f) {
    (void)s;
    chart g = {.f = f, .sel = sel};
    figure_begin(f, c, "pareto");
    f->sql = selection_sql;
    order_and_front(&g);
    status bad = OK;
    if (g.n == 0) {
        bad =
            diag_error(d, ERR_STORE, "no accuracy of a configuration with packed weights to draw");
        diag_hint(d, "runs of kind qat record accuracy and bits_per_weight; a `sweep` gives more "
                     "than one point");
    } else {
        find_ranges(&g);
        write_data(&g);
        draw(&g);
        figure_end(f);
        write_words(&g);
    }
    free(g.order);
    free(g.front);
    return bad;
}
