/*
 * SQNR of the weights by layer and configuration. The mark on a bar is 6.02 b + 1.76
 * dB, what b bits give a full-scale sine: b of the number of levels.
 */
#include "report/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

enum { BARS_CONFIGS = 8, BARS_LAYERS = 24 };

typedef struct bar {
    summary sqnr;
    double bits; /* log2 of the levels */
} bar;

typedef struct chart {
    figure *f;
    const selection *sel;
    int picked[BARS_CONFIGS], n, left;
    char *layers[BARS_LAYERS];
    int n_layers, layers_left;
    bar bars[BARS_LAYERS][BARS_CONFIGS];
} chart;

static const char bars_sql[] =
    "SELECT w.layer_name, w.sqnr_db, w.n_levels\n"
    "FROM v_done d JOIN v_layer_wide w ON w.run = d.run\n"
    "WHERE d.config_key = ? AND w.site = 'weight' AND w.sqnr_db IS NOT NULL\n"
    "ORDER BY w.layer, w.layer_name, d.seed";

static double reference(double bits) { return 6.02 * bits + 1.76; }

static int layer_index(chart *g, const char *full) {
    char *name = figure_cut(full, 60);
    int at = 0;
    while (at < g->n_layers && strcmp(g->layers[at], name) != 0) at++;
    if (at == g->n_layers && at < BARS_LAYERS)
        g->layers[g->n_layers++] = name;
    else
        free(name);
    return at < BARS_LAYERS ? at : -1;
}

static void close_bar(chart *g, int layer, int config, const double *values, int n, double bits) {
    if (layer >= 0 && n > 0) g->bars[layer][config] = (bar){summary_of(values, n), bits};
}

static int read_config(store *s, chart *g, int k) {
    const report_config *c = &g->sel->configs[g->picked[k]];
    double *values = mem_calloc((size_t)c->n_seeds + 1, sizeof *values), bits = 0;
    int layer = -1, n = 0, rows = 0;
    store_rows *r = store_select(s, bars_sql, "t", c->config_key);
    for (; store_next(r); rows++) {
        int at = layer_index(g, store_text(r, 0));
        if (at < 0) g->layers_left++;
        if (at != layer) close_bar(g, layer, k, values, n, bits), n = 0;
        layer = at, bits = log2(store_real(r, 2));
        if (n < c->n_seeds) values[n++] = store_real(r, 1);
    }
    close_bar(g, layer, k, values, n, bits);
    store_rows_end(r);
    free(values);
    return rows;
}

/* Those that have bars, up to what fits. */
static int read_bars(store *s, chart *g) {
    int all[64], n_all, left, rows = 0;
    n_all = figure_pick(g->sel, 64, all, &left);
    g->left = left;
    for (int i = 0; i < n_all; i++) {
        if (g->n == BARS_CONFIGS) {
            g->left++;
            continue;
        }
        g->picked[g->n] = all[i];
        int got = read_config(s, g, g->n);
        rows += got;
        g->n += got > 0;
    }
    return rows;
}

/* ---- drawing ---- */

static void write_data(chart *g) {
    figure *f = g->f;
    figure_block(f, "layer\tlabel\tsqnr_db\tstandard_deviation\tseeds\tlevels_bits\treference_db");
    for (int l = 0; l < g->n_layers; l++)
        for (int k = 0; k < g->n; k++) {
            const bar *b = &g->bars[l][k];
            if (b->sqnr.n == 0) continue;
            figure_cell_text(f, g->layers[l], 60);
            figure_cell_text(f, g->sel->configs[g->picked[k]].label, 60);
            figure_cell(f, b->sqnr.mean), figure_cell(f, b->sqnr.sd);
            figure_cell(f, b->sqnr.n), figure_cell(f, b->bits);
            figure_cell(f, reference(b->bits));
            figure_line_ends(f);
        }
    figure_data_ends(f);
}

static double highest_of(const chart *g) {
    double highest = 1;
    for (int l = 0; l < g->n_layers; l++)
        for (int k = 0; k < g->n; k++)
            if (g->bars[l][k].sqnr.n > 0)
                highest =
                    fmax(highest, fmax(g->bars[l][k].sqnr.mean, reference(g->bars[l][k].bits)));
    return highest;
}

/* A terminal draws the bars as rows of text. */
static void draw_rows(chart *g, double top) {
    figure *f = g->f;
    double y = top, room = f->c.width - 34, scale = room / highest_of(g);
    figure_label(f, 1, y--, LEFT, INK, "SQNR of the weights, dB (| marks 6.02 b + 1.76)");
    for (int l = 0; l < g->n_layers; l++)
        for (int k = 0; k < g->n && y >= 0; k++) {
            const bar *b = &g->bars[l][k];
            if (b->sqnr.n == 0) continue;
            strbuf row = {0};
            int length = b->sqnr.mean > 0 ? (int)(b->sqnr.mean * scale) : 0;
            int mark = (int)(reference(b->bits) * scale);
            for (int i = 0; i <= (length > mark ? length : mark); i++)
                strbuf_add(&row, i == mark ? "|" : i < length ? "=" : " ");
            char *layer = figure_cut(g->layers[l], 10),
                 *label = figure_cut(g->sel->configs[g->picked[k]].label, 13),
                 *value = str_format("%.1f", b->sqnr.mean);
            figure_label(f, 1, y, LEFT, INK, layer);
            figure_label(f, 12, y, LEFT, INK, label);
            figure_label(f, 31, y, RIGHT, INK, value);
            figure_label(f, 32, y--, LEFT, INK, row.s);
            strbuf_fini(&row);
            free(layer), free(label), free(value);
        }
}

typedef struct bar_place {
    double x0, x1, base, scale; /* y = base + dB * scale */
} bar_place;

static void draw_bar(chart *g, const bar *b, const bar_place *p, int config, bool numbers) {
    figure *f = g->f;
    double gap = (p->x1 - p->x0) * 0.09, middle = (p->x0 + p->x1) / 2;
    double y = p->base + fmax(b->sqnr.mean, 0) * p->scale;
    double mark = p->base + reference(b->bits) * p->scale;
    figure_fill(f, p->x0 + gap, p->base, p->x1 - gap, fmax(y, p->base + 1),
                figure_colour(g->sel, config));
    figure_fill(f, p->x0, mark, p->x1, mark, INK);
    if (b->sqnr.sd * p->scale > 1)
        figure_fill(f, middle, y - b->sqnr.sd * p->scale, middle, y + b->sqnr.sd * p->scale, INK);
    if (!numbers) return;
    char *value = str_format("%.1f", b->sqnr.mean);
    double over = y + 9 + (isfinite(b->sqnr.sd) ? b->sqnr.sd * p->scale : 0);
    if (fabs(over - mark) < 9) over = mark + 9;
    figure_label(f, middle, over, CENTER, INK, value);
    free(value);
}

static void draw_bars(chart *g, double top) {
    figure *f = g->f;
    double w = f->c.width, x0 = 46, x1 = w - 12, base = 34, head = top - 30;
    double highest = highest_of(g) * 1.08, scale = (head - base) / highest;
    double slot = (x1 - x0) / g->n_layers, width = slot * 0.86 / g->n;
    if (width > 64) width = 64;
    figure_label_more(f, 10, top - 4, LEFT, 0, true, INK, "SQNR of the weights, dB");
    figure_fill(f, x1 - 150, top - 4, x1 - 130, top - 4, INK);
    figure_label(f, x1, top - 4, RIGHT, MUTED, "6.02 b + 1.76 dB");
    figure_panel(f, x0, base, x1, head);
    figure_add(f, "set xrange [0:1]\nset yrange [0:%.6g]\nunset xtics\n", highest);
    figure_plot(f, "index 0 using (NaN):(NaN) with points");
    figure_plot_ends(f);
    int max = (int)(slot / figure_text_width(f, "x"));
    for (int l = 0; l < g->n_layers; l++) {
        double begin = x0 + slot * l + (slot - width * g->n) / 2;
        for (int k = 0; k < g->n; k++) {
            bar_place p = {begin + k * width, begin + (k + 1) * width, base, scale};
            if (g->bars[l][k].sqnr.n > 0)
                draw_bar(g, &g->bars[l][k], &p, g->picked[k], width >= 30);
        }
        char *name = figure_cut(g->layers[l], max > 2 ? max : 2);
        figure_label(f, x0 + slot * (l + 0.5), base - 14, CENTER, INK, name);
        free(name);
    }
}

static void write_words(chart *g) {
    strbuf alt = {0}, caption = {0};
    strbuf_add(&alt, "Signal over quantization noise of the weights in dB: ");
    for (int l = 0, said = 0; l < g->n_layers && said < 16; l++)
        for (int k = 0; k < g->n && said < 16; k++)
            if (g->bars[l][k].sqnr.n > 0)
                strbuf_addf(&alt, "%s%s %s %.1f", said++ > 0 ? ", " : "", g->layers[l],
                            g->sel->configs[g->picked[k]].label, g->bars[l][k].sqnr.mean);
    strbuf_add(&alt, ".");
    strbuf_add(&caption, "Signal over quantization noise of each layer's final weights, mean over "
                         "seeds. The mark on a bar is 6.02 b + 1.76 dB, what b = log2(levels) bits "
                         "give a full-scale sine: weights are no sine, so the distance to it is "
                         "what their shape costs.");
    if (g->left > 0) strbuf_addf(&caption, " %d configurations are left out.", g->left);
    if (g->layers_left > 0) strbuf_addf(&caption, " The first %d layers are shown.", BARS_LAYERS);
    g->f->alt = alt.s;
    g->f->caption = caption.s;
}

status plot_sqnr_bars(store *s, const selection *sel, const canvas *c, diags *d, figure *f) {
    chart *g = mem_calloc(1, sizeof *g);
    *g = (chart){.f = f, .sel = sel};
    figure_begin(f, c, "sqnr_bars");
    f->sql = bars_sql;
    int rows = read_bars(s, g);
    status bad = store_status(s, d);
    if (!bad && rows == 0) {
        bad = diag_error(d, ERR_STORE, "no quantized weights to draw the SQNR of");
        diag_hint(d, "runs whose spec has `quant.weights` record it");
    } else if (!bad) {
        bool term = c->to == MEDIUM_TERMINAL;
        write_data(g);
        if (term) {
            draw_rows(g, c->height - 1);
        } else {
            draw_bars(g, figure_legend(f, sel, g->picked, g->n, 10, c->width - 8, c->height - 14));
        }
        figure_end(f);
        write_words(g);
    }
    for (int i = 0; i < g->n_layers; i++) free(g->layers[i]);
    free(g);
    return bad;
}
