/*
 * Sensitivity: layers by candidates, a colour and a number in each cell.
 */
#include "report/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/sensitivity_table.h"
#include "util/mem.h"

enum { ROW = 54, FOOT_TURNED = 92 };

typedef struct chart {
    figure *f;
    const selection *sel;
    sensitivity_table t;
    double lo, hi; /* of the scores, on the scale of the colours */
    bool is_log;
} chart;

/* viridis (Smith, van der Walt 2015), nine of its colours; gnuplot 5.4 has it not. */
static const uint32_t viridis[] = {0x440154, 0x472D7B, 0x3B528B, 0x2C728E, 0x21918C,
                                   0x28AE80, 0x5EC962, 0xADDC30, 0xFDE725};

static uint32_t viridis_at(double v) {
    enum { LAST = sizeof viridis / sizeof *viridis - 1 };
    double at = fmin(fmax(v, 0), 1) * LAST;
    int i = (int)at < LAST ? (int)at : LAST - 1;
    uint32_t mixed = 0;
    for (int shift = 0; shift <= 16; shift += 8) {
        double a = (viridis[i] >> shift) & 255, b = (viridis[i + 1] >> shift) & 255;
        mixed |= (uint32_t)lround(a + (b - a) * (at - i)) << shift;
    }
    return mixed;
}

/* Black or white, whichever has the higher contrast (WCAG 2.1 relative luminance). */
static uint32_t readable_on(uint32_t colour) {
    double luminance = 0;
    static const double weight[] = {0.0722, 0.7152, 0.2126};
    for (int i = 0; i < 3; i++) {
        double v = ((colour >> (8 * i)) & 255) / 255.0;
        luminance += weight[i] * (v <= 0.04045 ? v / 12.92 : pow((v + 0.055) / 1.055, 2.4));
    }
    return luminance > 0.179 ? 0x000000 : 0xFFFFFE; /* PAPER would turn in the dark */
}

static double on_scale(const chart *g, double v) { return g->is_log ? log10(v) : v; }

static void find_range(chart *g) {
    double lo = INFINITY, hi = -INFINITY;
    for (int l = 0; l < g->t.n_layers; l++)
        for (int k = 0; k < g->t.n_candidates; k++) {
            const summary *st = &g->t.score[l][k];
            if (st->n > 0) lo = fmin(lo, st->mean), hi = fmax(hi, st->mean);
        }
    g->is_log = lo > 0 && hi > 30 * lo;
    g->lo = on_scale(g, lo), g->hi = on_scale(g, hi);
}

/* 0: harmless, 1: the worst. */
static double heat(const chart *g, double v) {
    double at = g->hi > g->lo ? (on_scale(g, v) - g->lo) / (g->hi - g->lo) : 0.5;
    return g->t.higher_is_better ? 1 - at : at;
}

static void write_data(chart *g) {
    figure *f = g->f;
    figure_block(f, "layer\tcandidate\tnominal_bits\tscore\tstandard_deviation\tseeds");
    for (int l = 0; l < g->t.n_layers; l++)
        for (int k = 0; k < g->t.n_candidates; k++) {
            const summary *st = &g->t.score[l][k];
            if (st->n == 0) continue;
            figure_cell_text(f, g->t.layers[l], 60);
            figure_cell_text(f, g->t.candidates[k], 60);
            figure_cell(f, g->t.bits[k]), figure_cell(f, st->mean);
            figure_cell(f, st->sd), figure_cell(f, st->n);
            figure_line_ends(f);
        }
    figure_data_ends(f);
}

/* Three digits at most, as long as the cell: 0.00012 becomes 1.2e-4. */
static char *number(double v) {
    double size = fabs(v);
    if (v == 0) return mem_strdup("0");
    if (size >= 99.95) return str_format("%.0f", v);
    if (size >= 0.0995) return str_format("%.3g", v);
    if (size >= 0.000995) return str_format("%.2g", v);
    char *text = str_format("%.1e", v), *e = strchr(text, 'e');
    char *shorter = str_format("%.*se%d", (int)(e - text), text, atoi(e + 1));
    free(text);
    return shorter;
}

static double widest(const figure *f, char *const *names, int n, int max) {
    double w = 0;
    for (int i = 0; i < n; i++) {
        char *cut = figure_cut(names[i], max);
        w = fmax(w, figure_text_width(f, cut));
        free(cut);
    }
    return w;
}

static void draw_scale(chart *g, double x1, double y) {
    figure *f = g->f;
    double width = 110, x0 = x1 - width;
    for (int i = 0; i < 24; i++)
        figure_fill(f, x0 + width * i / 24, y - 5, x0 + width * (i + 1) / 24, y + 5,
                    viridis_at((i + 0.5) / 24));
    figure_label(f, x0 - 6, y, RIGHT, MUTED, "harmless");
    figure_label(f, x1 + 6, y, LEFT, MUTED, "sensitive");
}

static void draw_cells(chart *g, double x0, double y1, double w, double h) {
    figure *f = g->f;
    bool term = f->c.to == MEDIUM_TERMINAL, room = term || w > 34;
    for (int l = 0; l < g->t.n_layers; l++)
        for (int k = 0; k < g->t.n_candidates; k++) {
            const summary *st = &g->t.score[l][k];
            double x = x0 + w * k, y = y1 - h * (l + 1);
            if (st->n == 0) continue;
            uint32_t colour = viridis_at(heat(g, st->mean));
            if (!term) figure_fill(f, x + 1, y + 1, x + w - 1, y + h - 1, colour);
            char *text = number(st->mean);
            if (room) figure_label(f, x + w / 2, y + h / 2, CENTER, readable_on(colour), text);
            free(text);
        }
}

/* Names of candidates stand askew where the columns are too narrow for them. */
static bool is_turned(const chart *g, double w) {
    return g->f->c.to != MEDIUM_TERMINAL &&
           widest(g->f, g->t.candidates, g->t.n_candidates, 24) > w - 4;
}

/* As high as the rows want it. */
static int height_of(chart *g, const canvas *c) {
    g->f->c = *c;
    double x0 = widest(g->f, g->t.layers, g->t.n_layers, c->width > 500 ? 22 : 12) + 18;
    bool turned = is_turned(g, (c->width - 12 - x0) / g->t.n_candidates);
    int rows = g->t.n_layers, row = rows <= 4 ? ROW : rows <= 12 ? 36 : 22;
    return 46 + rows * row + (turned ? FOOT_TURNED : 34);
}

static void draw(chart *g) {
    figure *f = g->f;
    bool term = f->c.to == MEDIUM_TERMINAL;
    int name_max = term ? 12 : f->c.width > 500 ? 22 : 12;
    double line = figure_line(f), top = f->c.height - (term ? 1 : 16);
    double x0 = widest(f, g->t.layers, g->t.n_layers, name_max) + (term ? 3 : 18);
    double x1 = f->c.width - (term ? 1 : 12), w = (x1 - x0) / g->t.n_candidates;
    if (w > (term ? 16 : 150)) w = term ? 16 : 150;
    bool turned = is_turned(g, w);
    double foot = term ? 2 : turned ? FOOT_TURNED : line + 12, head = top - (term ? 1 : 26);
    double h = (head - foot) / g->t.n_layers;
    if (h > (term ? 2 : ROW)) h = term ? 2 : ROW;
    foot = head - h * g->t.n_layers;
    figure_label_more(f, term ? 1 : 10, top, LEFT, 0, true, INK, sensitivity_table_text(&g->t));
    draw_cells(g, x0, head, w, h);
    for (int l = 0; l < g->t.n_layers; l++) {
        char *name = figure_cut(g->t.layers[l], name_max);
        figure_label(f, x0 - (term ? 1 : 8), head - h * (l + 0.5), RIGHT, INK, name);
        free(name);
    }
    int max = turned ? 14 : term ? (int)w - 1 : 24;
    for (int k = 0; k < g->t.n_candidates; k++) {
        char *name = figure_cut(g->t.candidates[k], max);
        if (turned)
            figure_label_more(f, x0 + w * (k + 0.5) + 4, foot - 10, RIGHT, 40, false, INK, name);
        else
            figure_label(f, x0 + w * (k + 0.5), foot - (term ? 1 : 12), CENTER, INK, name);
        free(name);
    }
    if (!term && f->c.width > 500) draw_scale(g, x1 - 68, top);
}

static void write_words(chart *g) {
    strbuf alt = {0}, caption = {0};
    int order[SENSITIVITY_LAYERS];
    strbuf_addf(&alt, "Sensitivity by %s: ", g->t.method);
    for (int k = 0; k < g->t.n_candidates; k++) {
        if (sensitivity_table_rank(&g->t, k, order) == 0) continue;
        char *text = number(g->t.score[order[0]][k].mean);
        strbuf_addf(&alt, "%sat %s %s is the most sensitive layer (%s)", k > 0 ? "; " : "",
                    g->t.candidates[k], g->t.layers[order[0]], text);
        free(text);
    }
    strbuf_add(&alt, ".");
    strbuf_addf(&caption,
                "%s (%s of each layer, mean over %d seeds of %s). Bright cells hurt most%s.",
                sensitivity_table_text(&g->t), g->t.site, g->sel->configs[g->t.config].n_seeds,
                g->sel->configs[g->t.config].label, g->is_log ? "; colours are logarithmic" : "");
    if (caption.s[0] >= 'a' && caption.s[0] <= 'z') caption.s[0] = (char)(caption.s[0] - 32);
    if (g->t.others > 0)
        strbuf_addf(&caption, " %d more configurations have sensitivities: name a run of one.",
                    g->t.others);
    g->f->alt = alt.s;
    g->f->caption = caption.s;
}

status plot_sensitivity_heatmap(store *s, const selection *sel, const canvas *c, diags *d,
                                figure *f) {
    chart *g = mem_calloc(1, sizeof *g);
    g->f = f, g->sel = sel;
    canvas size = *c;
    status bad = sensitivity_table_load(s, sel, d, &g->t);
    if (c->to != MEDIUM_TERMINAL && g->t.n_layers > 0) size.height = height_of(g, c);
    figure_begin(f, &size, "sensitivity_heatmap");
    f->sql = sensitivity_sql;
    if (!bad && g->t.n_layers == 0) {
        bad = diag_error(d, ERR_STORE, "no sensitivities to draw");
        diag_hint(d, "a `sensitivity:` in the spec, or `kind: sensitivity`, measures them");
    } else if (!bad) {
        find_range(g);
        write_data(g);
        draw(g);
        figure_end(f);
        write_words(g);
    }
    sensitivity_table_free(&g->t);
    free(g);
    return bad;
}
