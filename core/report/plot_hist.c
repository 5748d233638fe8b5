/*
 * Weights before and after quantization: a panel for each layer and configuration.
 * The area is where the weights were, the sticks where the levels took them.
 */
#include "report/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

enum { PANELS_MAX = 12, STICKS_MAX = 32, BINS_MAX = 128, MERGED = 4 };

typedef struct panel {
    char *layer, *label;
    int64_t index; /* of the layer */
    uint32_t colour;
    double lo, hi;
    double before[BINS_MAX], after[BINS_MAX]; /* shares of all weights */
    int bins;
    bool quantized;
    float *levels;
    int n_levels;
} panel;

typedef struct chart {
    figure *f;
    const selection *sel;
    panel panels[PANELS_MAX];
    int n, left;
} chart;

static const char hist_sql[] =
    "SELECT l.name, h.what, h.lo, h.hi, h.counts, h.levels, h.layer\n"
    "FROM histogram h JOIN layer l ON l.run = h.run AND l.idx = h.layer\n"
    "WHERE h.run = ? AND h.site = 'weight' AND h.what IN ('before', 'after')\n"
    "  AND h.step = (SELECT max(step) FROM histogram o WHERE o.run = h.run)\n"
    "ORDER BY h.layer, h.what DESC";

/* ---- reading ---- */

static int to_shares(const store_rows *r, double shares[BINS_MAX]) {
    uint64_t *counts;
    int n = store_counts(r, 4, &counts);
    double sum = 0;
    for (int i = 0; i < n; i++) sum += (double)counts[i];
    for (int i = 0; i < n && i < BINS_MAX; i++) shares[i] = sum > 0 ? (double)counts[i] / sum : 0;
    free(counts);
    return n < BINS_MAX ? n : BINS_MAX;
}

/* `before` comes first and opens the panel of a layer. */
static void read_row(chart *g, const store_rows *r, int config) {
    bool before = strcmp(store_text(r, 1), "before") == 0;
    if (before && g->n == PANELS_MAX) g->left++;
    if (before && g->n < PANELS_MAX) {
        panel *p = &g->panels[g->n++];
        p->layer = figure_cut(store_text(r, 0), 60);
        p->index = store_int(r, 6);
        p->label = mem_strdup(g->sel->configs[config].label);
        p->colour = figure_colour(g->sel, config);
        p->lo = store_real(r, 2), p->hi = store_real(r, 3);
        p->bins = to_shares(r, p->before);
    } else if (!before && g->n > 0 && g->left == 0) {
        panel *p = &g->panels[g->n - 1];
        if (p->index != store_int(r, 6)) return;
        to_shares(r, p->after);
        p->quantized = true;
        p->n_levels = store_floats(r, 5, &p->levels);
    }
}

/* The run that was named, else the first seed of each configuration; float ones only
 * where there is nothing else. */
static void read_panels(store *s, chart *g) {
    for (int pass = 0; pass < 2 && g->n == 0; pass++)
        for (int i = 0; i < g->sel->n; i++) {
            const report_config *c = &g->sel->configs[i];
            int64_t run = c->seeds[0].run;
            for (int k = 0; k < c->n_seeds; k++)
                if (c->seeds[k].run == g->sel->chosen) run = g->sel->chosen;
            if (pass == 0 && c->is_baseline) continue;
            if (g->sel->chosen != 0 && run != g->sel->chosen) continue;
            store_rows *r = store_select(s, hist_sql, "i", run);
            while (store_next(r)) read_row(g, r, i);
            store_rows_end(r);
        }
}

/* ---- drawing ---- */

static void write_data(chart *g) {
    figure *f = g->f;
    figure_block(f, "layer\tlabel\tbin_low\tshare_before\tshare_after");
    for (int i = 0; i < g->n; i++) {
        const panel *p = &g->panels[i];
        for (int b = 0; b < p->bins; b++) {
            figure_cell_text(f, p->layer, 60);
            figure_cell_text(f, p->label, 60);
            figure_cell(f, p->lo + (p->hi - p->lo) * b / p->bins);
            figure_cell(f, p->before[b]);
            figure_cell(f, p->quantized ? p->after[b] : (double)NAN);
            figure_line_ends(f);
        }
    }
    figure_data_ends(f);
}

static double highest_of(const double *v, int n) {
    double highest = 0;
    for (int i = 0; i < n; i++) highest = fmax(highest, v[i]);
    return highest > 0 ? highest : 1;
}

/* As core/run/histogram.c counts, to the last bit: levels may stand between two bins. */
static int bin_of(const panel *p, double v) {
    int bin = (int)floor((v - p->lo) * (p->bins / (p->hi - p->lo)));
    return bin < 0 ? 0 : bin >= p->bins ? p->bins - 1 : bin;
}

/* Levels as sticks where there are few; else an outline of fewer bins, since levels
 * that are about as many as the bins would make a comb. */
static void draw_after(chart *g, const panel *p) {
    figure *f = g->f;
    bool sticks = p->n_levels > 0 && p->n_levels <= STICKS_MAX;
    int n = sticks ? p->n_levels : p->bins / MERGED;
    double share[BINS_MAX] = {0};
    for (int i = 0; i < n; i++)
        for (int k = 0; k < (sticks ? 1 : MERGED); k++)
            share[i] += p->after[sticks ? bin_of(p, (double)p->levels[i]) : i * MERGED + k];
    double top = highest_of(share, n);
    int block = figure_block(f, "after: x, y");
    for (int i = 0; i < n; i++) {
        figure_cell(f, sticks ? (double)p->levels[i] : p->lo + (p->hi - p->lo) * (i + 0.5) / n);
        figure_cell(f, share[i] / top);
        figure_line_ends(f);
    }
    if (sticks) {
        figure_plot(f, "index %d using 1:2 with impulses lw 3 lc rgb '#%06x'", block, p->colour);
        figure_plot(f, "index %d using 1:2 with points pt 7 ps 0.7 lc rgb '#%06x'", block,
                    p->colour);
    } else {
        figure_plot(f, "index %d using 1:2 with histeps lw 1.5 lc rgb '#%06x'", block, p->colour);
    }
}

/* Three or four tics: 1, 2 or 5 times a power of ten. */
static double tic_step(double range) {
    double raw = range / 4.5, power = pow(10, floor(log10(raw))), digit = raw / power;
    return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
}

static void draw_panel(chart *g, const panel *p, double x0, double y0, double x1, double y1) {
    figure *f = g->f;
    double line = figure_line(f), margin = 0.015 * (p->hi - p->lo);
    int max = (int)((x1 - x0) / figure_text_width(f, "x"));
    char *name = str_format("%s  %s", p->layer, p->label), *title = figure_cut(name, max);
    figure_label(f, x0, y1 - line * 0.5, LEFT, INK, title);
    free(name);
    free(title);
    figure_panel(f, x0, y0 + 30, x1, y1 - line * 1.3);
    figure_add(f,
               "unset ytics\nunset grid\nset border 1\nset yrange [0:1.12]\n"
               "set xrange [%.8g:%.8g]\nset xtics %.8g format '%%.4g'\n",
               p->lo - margin, p->hi + margin, tic_step(p->hi - p->lo));
    double top = highest_of(p->before, p->bins);
    int block = figure_block(f, "before: x, y");
    for (int b = 0; b < p->bins; b++) {
        figure_cell(f, p->lo + (p->hi - p->lo) * (b + 0.5) / p->bins);
        figure_cell(f, p->before[b] / top);
        figure_line_ends(f);
    }
    figure_plot(f, "index %d using 1:2 with fillsteps fs solid 0.25 noborder fc rgb '#%06x'", block,
                MUTED);
    if (p->quantized) draw_after(g, p);
    figure_plot_ends(f);
}

/* A terminal has one line of eighths of blocks for each. */
static void draw_spark(figure *f, const double *shares, int bins, double x, double y, int width) {
    static const char *const eighths[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    double column[160] = {0}, top = 0;
    strbuf row = {0};
    if (width > 160) width = 160;
    for (int b = 0; b < bins; b++) column[b * width / bins] += shares[b];
    for (int i = 0; i < width; i++) top = fmax(top, column[i]);
    for (int i = 0; i < width; i++)
        strbuf_add(&row, eighths[top > 0 ? (int)ceil(8 * column[i] / top) : 0]);
    figure_label(f, x, y, LEFT, INK, row.s);
    strbuf_fini(&row);
}

static void draw_rows(chart *g) {
    figure *f = g->f;
    double y = f->c.height - 1;
    int width = f->c.width - 12;
    for (int i = 0; i < g->n && y >= 3; i++) {
        const panel *p = &g->panels[i];
        char *name = str_format("%s  %s  %.3g .. %.3g", p->layer, p->label, p->lo, p->hi);
        figure_label(f, 1, y--, LEFT, INK, name);
        figure_label(f, 1, y, LEFT, INK, "before");
        draw_spark(f, p->before, p->bins, 9, y--, width);
        if (p->quantized) {
            figure_label(f, 1, y, LEFT, INK, "after");
            draw_spark(f, p->after, p->bins, 9, y--, width);
        }
        y--;
        free(name);
    }
}

/* A row for each configuration where its layers fit into one. */
static int columns_of(const chart *g, double width) {
    int fit = width >= 600 ? 4 : 2, layers = 0;
    while (layers < g->n && strcmp(g->panels[layers].label, g->panels[0].label) == 0) layers++;
    if (layers <= fit) return layers;
    return fit > 2 ? 3 : 2;
}

static void draw(chart *g) {
    double w = g->f->c.width, h = g->f->c.height;
    int columns = columns_of(g, w), rows = (g->n + columns - 1) / columns;
    for (int i = 0; i < g->n; i++) {
        double x = w / columns * (i % columns), y = h - h / rows * (i / columns);
        draw_panel(g, &g->panels[i], x + 14, y - h / rows + 4, x + w / columns - 14, y - 4);
    }
}

static void write_words(chart *g) {
    strbuf alt = {0}, caption = {0};
    strbuf_add(&alt, "Weights before and after quantization: ");
    for (int i = 0; i < g->n; i++) {
        const panel *p = &g->panels[i];
        strbuf_addf(&alt, "%s%s of %s lies in %.3g to %.3g", i > 0 ? "; " : "", p->layer, p->label,
                    p->lo, p->hi);
        if (!p->quantized) continue;
        int used = 0;
        for (int b = 0; b < p->bins; b++) used += p->after[b] > 0;
        strbuf_addf(&alt, " and takes %d of %d bins after", used, p->bins);
    }
    strbuf_add(&alt, ".");
    strbuf_add(&caption, "The area is the distribution of a layer's weights as they were trained, "
                         "the coloured sticks (an outline where there are many levels) the share "
                         "of weights at each level after quantization; each is scaled to its own "
                         "highest value. The first seed of each configuration.");
    if (g->left > 0) strbuf_addf(&caption, " %d more layers are left out.", g->left);
    g->f->alt = alt.s;
    g->f->caption = caption.s;
}

status plot_weight_hist(store *s, const selection *sel, const canvas *c, diags *d, figure *f) {
    chart *g = mem_calloc(1, sizeof *g);
    *g = (chart){.f = f, .sel = sel};
    read_panels(s, g);
    canvas size = *c;
    if (c->to != MEDIUM_TERMINAL && g->n > 0) {
        int columns = columns_of(g, c->width);
        size.height = 160 * ((g->n + columns - 1) / columns);
    }
    figure_begin(f, &size, "weight_hist");
    f->sql = hist_sql;
    status bad = store_status(s, d);
    if (!bad && g->n == 0) {
        bad = diag_error(d, ERR_STORE, "no histograms of weights to draw");
        diag_hint(d,
                  "runs of kind qat record them when they end; `run --again` makes them for runs "
                  "of an older version");
    } else if (!bad) {
        write_data(g);
        if (c->to == MEDIUM_TERMINAL)
            draw_rows(g);
        else
            draw(g);
        figure_end(f);
        write_words(g);
    }
    for (int i = 0; i < g->n; i++)
        free(g->panels[i].layer), free(g->panels[i].label), free(g->panels[i].levels);
    free(g);
    return bad;
}
