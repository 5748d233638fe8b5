#include "report/figure.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

const canvas canvas_wide = {MEDIUM_SVG, 760, 440};
const canvas canvas_narrow = {MEDIUM_SVG, 380, 440};

enum { FONT = 13 };

void figure_free(figure *f) {
    for (int i = 0; i < f->n_texts; i++) free(f->texts[i].text);
    free(f->texts);
    free(f->boxes);
    free(f->caption);
    free(f->alt);
    strbuf_fini(&f->tsv);
    strbuf_fini(&f->gp);
    *f = (figure){0};
}

/* ---- data ---- */

int figure_block(figure *f, const char *columns) {
    if (f->blocks > 0) strbuf_add(&f->tsv, "\n\n");
    strbuf_addf(&f->tsv, "# %s\n", columns);
    return f->blocks++;
}

void figure_data_ends(figure *f) { f->data_bytes = f->tsv.len; }

/* Bytes of the first n characters. */
static size_t first_chars(const char *text, int n) {
    size_t at = 0;
    for (int i = 0; i < n; i++) at += (size_t)str_char_bytes(text + at);
    return at;
}

char *figure_cut(const char *text, int max) {
    char *safe = str_escape(text);
    int chars = str_chars(safe, strlen(safe));
    if (chars <= max) return safe;
    int tail = max >= 12 ? max * 2 / 5 : 0, head = max > 1 ? max - 1 - tail : 0;
    char *cut = str_format("%.*s…%s", (int)first_chars(safe, head), safe,
                           safe + first_chars(safe, chars - tail));
    free(safe);
    return cut;
}

static void next_cell(figure *f) {
    if (f->tsv.len > 0 && f->tsv.s[f->tsv.len - 1] != '\n') strbuf_add(&f->tsv, "\t");
}

/* In double quotes gnuplot reads "" as " and understands escapes, so both are doubled;
 * its SVG output passes "&#" on, so a word joiner (invisible) parts the two. */
void figure_cell_text(figure *f, const char *text, int max) {
    char *cut = figure_cut(text, max);
    next_cell(f);
    strbuf_add(&f->tsv, "\"");
    for (const char *p = cut; *p != '\0'; p++) {
        if (*p == '"' || *p == '\\') strbuf_addn(&f->tsv, p, 1);
        strbuf_addn(&f->tsv, *p == '\t' ? " " : p, 1);
        if (p[0] == '&' && p[1] == '#') strbuf_add(&f->tsv, "\u2060");
    }
    strbuf_add(&f->tsv, "\"");
    free(cut);
}

void figure_cell(figure *f, double v) {
    next_cell(f);
    if (isfinite(v))
        strbuf_addf(&f->tsv, "%.10g", v);
    else
        strbuf_add(&f->tsv, "NaN");
}

void figure_line_ends(figure *f) { strbuf_add(&f->tsv, "\n"); }

/* ---- the script ---- */

void figure_add(figure *f, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *text = str_vformat(fmt, ap);
    va_end(ap);
    strbuf_add(&f->gp, text);
    free(text);
}

static void set_terminal(figure *f) {
    const canvas *c = &f->c;
    switch (c->to) {
    case MEDIUM_SVG:
        figure_add(f,
                   "set terminal svg size %d,%d noenhanced font 'sans-serif,%d' background "
                   "'#ffffff'\nset output '%s.svg'\n",
                   c->width, c->height, FONT, f->kind);
        break;
    case MEDIUM_PNG: /* two pixels for one */
        figure_add(f,
                   "set terminal pngcairo size %d,%d noenhanced font 'sans-serif,%g' fontscale 2 "
                   "linewidth 2 pointscale 2 background '#ffffff'\nset output '%s.png'\n",
                   2 * c->width, 2 * c->height, FONT * 0.75, f->kind); /* points of 1/72 inch */
        break;
    case MEDIUM_TERMINAL:
        figure_add(f, "set terminal dumb size %d,%d noenhanced mono\nset output '%s.txt'\n",
                   c->width, c->height, f->kind);
    }
}

void figure_begin(figure *f, const canvas *c, const char *kind) {
    *f = (figure){.c = *c, .kind = kind};
    figure_add(f, "# %s: `gnuplot %s.gp` draws it from %s.tsv\n", kind, kind, kind);
    figure_add(f, "set encoding utf8\n");
    set_terminal(f);
    figure_add(f, "set datafile separator \"\\t\"\nset datafile missing 'NaN'\n"
                  "unset key\nset multiplot\n");
}

/* A terminal's first and last characters are at 0 and width - 1. */
static double last_x(const figure *f) { return f->c.width - (f->c.to == MEDIUM_TERMINAL); }

static double last_y(const figure *f) { return f->c.height - (f->c.to == MEDIUM_TERMINAL); }

void figure_panel(figure *f, double x0, double y0, double x1, double y1) {
    double w = last_x(f), h = last_y(f);
    figure_add(f,
               "\nreset\nset datafile separator \"\\t\"\nset datafile missing 'NaN'\nunset key\n"
               "set lmargin at screen %.5f\nset rmargin at screen %.5f\n"
               "set bmargin at screen %.5f\nset tmargin at screen %.5f\n",
               x0 / w, x1 / w, y0 / h, y1 / h);
    figure_add(f, "set border 3 lc rgb '#%06x'\n", f->c.to == MEDIUM_TERMINAL ? INK : MUTED);
    figure_add(f, "set tics nomirror out scale 0.5 textcolor rgb '#%06x'\n", MUTED);
    if (f->c.to != MEDIUM_TERMINAL)
        figure_add(f, "set grid y lt 1 lw 0.7 lc rgb '#%06x'\nset grid back\n", GRID);
}

void figure_plot(figure *f, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *text = str_vformat(fmt, ap);
    va_end(ap);
    if (f->in_plot)
        figure_add(f, ", \\\n  '' ");
    else
        figure_add(f, "plot '%s.tsv' ", f->kind);
    strbuf_add(&f->gp, text);
    f->in_plot = true;
    free(text);
}

void figure_plot_ends(figure *f) {
    if (f->in_plot) strbuf_add(&f->gp, "\n");
    f->in_plot = false;
}

/* ---- texts and boxes ---- */

double figure_line(const figure *f) { return f->c.to == MEDIUM_TERMINAL ? 1 : FONT * 1.45; }

double figure_text_width(const figure *f, const char *text) {
    double chars = str_chars(text, strlen(text));
    return f->c.to == MEDIUM_TERMINAL ? chars : chars * FONT * 0.58;
}

void figure_label_more(figure *f, double x, double y, align at, int angle, bool bold,
                       uint32_t colour, const char *text) {
    f->texts = mem_realloc(f->texts, (size_t)(f->n_texts + 1) * sizeof *f->texts);
    f->texts[f->n_texts++] = (figure_text){x, y, at, angle, bold, colour, mem_strdup(text)};
}

void figure_label(figure *f, double x, double y, align at, uint32_t colour, const char *text) {
    figure_label_more(f, x, y, at, 0, false, colour, text);
}

void figure_fill(figure *f, double x0, double y0, double x1, double y1, uint32_t colour) {
    f->boxes = mem_realloc(f->boxes, (size_t)(f->n_boxes + 1) * sizeof *f->boxes);
    f->boxes[f->n_boxes++] = (figure_box){x0, y0, x1, y1, colour};
}

static bool is_line(const figure_box *b) { return b->x0 == b->x1 || b->y0 == b->y1; }

static void draw_boxes(figure *f, bool lines) {
    int block = -1;
    for (int i = 0; i < f->n_boxes; i++) {
        const figure_box *b = &f->boxes[i];
        if (is_line(b) != lines) continue;
        if (block < 0)
            block = figure_block(f, lines ? "lines: x, y, dx, dy, colour"
                                          : "boxes: x, y, x0, x1, y0, y1, colour");
        figure_cell(f, lines ? b->x0 : (b->x0 + b->x1) / 2);
        figure_cell(f, lines ? b->y0 : (b->y0 + b->y1) / 2);
        if (lines) {
            figure_cell(f, b->x1 - b->x0);
            figure_cell(f, b->y1 - b->y0);
        } else {
            figure_cell(f, b->x0), figure_cell(f, b->x1);
            figure_cell(f, b->y0), figure_cell(f, b->y1);
        }
        figure_cell(f, b->colour);
        figure_line_ends(f);
    }
    if (block >= 0 && lines)
        figure_plot(f, "index %d using 1:2:3:4:5 with vectors nohead lw 2 lc rgb variable", block);
    else if (block >= 0)
        figure_plot(f,
                    "index %d using 1:2:3:4:5:6:7 with boxxyerror fs solid 1 noborder fc rgb "
                    "variable",
                    block);
}

/* Texts of one kind are one block. */
static void draw_texts(figure *f, align at, int angle, bool bold) {
    static const char *const name[] = {"left", "center", "right"};
    int block = -1;
    for (int i = 0; i < f->n_texts; i++) {
        const figure_text *t = &f->texts[i];
        if (t->at != at || t->angle != angle || t->bold != bold) continue;
        if (block < 0) block = figure_block(f, "texts: x, y, colour, text");
        figure_cell(f, t->x);
        figure_cell(f, t->y);
        figure_cell(f, t->colour);
        figure_cell_text(f, t->text, 200);
        figure_line_ends(f);
    }
    if (block < 0) return;
    bool colours = f->c.to != MEDIUM_TERMINAL;
    figure_plot(f, "index %d using 1:2:4%s with labels noenhanced %s rotate by %d%s%s", block,
                colours ? ":3" : "", name[at], angle,
                bold && colours ? " font 'sans-serif Bold'" : "",
                colours ? " tc rgb variable" : "");
}

void figure_end(figure *f) {
    static const int angles[] = {0, 40};
    if (f->n_texts + f->n_boxes > 0) {
        figure_panel(f, 0, 0, last_x(f), last_y(f));
        figure_add(f,
                   "unset border\nunset tics\nunset grid\nset xrange [0:%g]\nset yrange [0:%g]\n",
                   last_x(f), last_y(f));
        draw_boxes(f, false);
        draw_boxes(f, true);
        for (align at = LEFT; at <= RIGHT; at++)
            for (int i = 0; i < 4; i++) draw_texts(f, at, angles[i / 2], i % 2 == 1);
        figure_plot_ends(f);
    }
    figure_add(f, "unset multiplot\n");
}

/* ---- configurations ---- */

int figure_colour_index(const selection *sel, int config) {
    if (sel->configs[config].is_baseline) return 0;
    int nth = 0;
    for (int i = 0; i < config; i++) nth += !sel->configs[i].is_baseline;
    return 1 + nth % 14;
}

/* Okabe and Ito's seven, then the same mixed with grey. */
uint32_t figure_colour(const selection *sel, int config) {
    static const uint32_t colours[] = {INK,      0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7,
                                       0xE69F00, 0x56B4E9, 0xF0E442, 0x306989, 0x9A5F30,
                                       0x307F69, 0x966C83, 0xA37F30, 0x5B8AA4, 0xA8A251};
    return colours[figure_colour_index(sel, config)];
}

char figure_letter(int config) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return config < (int)sizeof letters - 1 ? letters[config] : '?';
}

int figure_pick(const selection *sel, int max, int *picked, int *left) {
    bool *in = mem_calloc((size_t)sel->n + 1, sizeof *in);
    int n = 0;
    for (int i = 0; i < sel->n && n < max; i++)
        if (sel->configs[i].is_baseline) in[i] = true, n++;
    while (n < max) {
        int best = -1;
        for (int i = 0; i < sel->n; i++) {
            double v = sel->configs[i].accuracy.mean;
            if (!in[i] && (best < 0 || v > sel->configs[best].accuracy.mean)) best = i;
        }
        if (best < 0) break;
        in[best] = true, n++;
    }
    n = 0;
    for (int i = 0; i < sel->n; i++)
        if (in[i]) picked[n++] = i;
    free(in);
    *left = sel->n - n;
    return n;
}

double figure_legend(figure *f, const selection *sel, const int *configs, int n, double x0,
                     double x1, double y) {
    bool term = f->c.to == MEDIUM_TERMINAL;
    double line = figure_line(f), x = x0, swatch = term ? 2 : 18, gap = term ? 2 : 16;
    int max = (int)((x1 - x0 - swatch) / figure_text_width(f, "x"));
    if (max > 32) max = 32;
    for (int i = 0; i < n; i++) {
        char *label = figure_cut(sel->configs[configs[i]].label, max);
        double w = swatch + figure_text_width(f, label);
        if (x > x0 && x + w > x1) x = x0, y -= line;
        uint32_t colour = figure_colour(sel, configs[i]);
        if (term) {
            const char letter[] = {figure_letter(configs[i]), '\0'};
            figure_label(f, x, y, LEFT, INK, letter);
        } else {
            figure_fill(f, x, y - 4, x + 12, y + 4, colour);
        }
        figure_label(f, x + swatch, y, LEFT, INK, label);
        x += w + gap;
        free(label);
    }
    return y - line;
}

/* ---- accuracies ---- */

accuracy_axis accuracy_axis_of(double lowest, double highest) {
    accuracy_axis a = {0};
    a.log_error = highest < 1 && (1 - lowest) > 4 * (1 - highest);
    double lo = accuracy_on(&a, lowest), hi = accuracy_on(&a, highest);
    double pad = hi > lo ? 0.08 * (hi - lo) : a.log_error ? 0.05 : 0.5;
    a.lo = lo - pad, a.hi = hi + pad;
    return a;
}

double accuracy_on(const accuracy_axis *a, double accuracy) {
    if (!a->log_error) return 100 * accuracy;
    return -log10(accuracy < 1 - 1e-9 ? 1 - accuracy : 1e-9);
}

void accuracy_axis_set(const accuracy_axis *a, figure *f, double height) {
    static const char *const tics[] = {"0",     "20",    "40",    "60",     "70",    "80",   "85",
                                       "90",    "92",    "94",    "95",     "96",    "97",   "98",
                                       "98.5",  "99",    "99.3",  "99.5",   "99.7",  "99.8", "99.9",
                                       "99.95", "99.97", "99.99", "99.995", "99.999"};
    figure_add(f, "set yrange [%.8g:%.8g]\n", a->lo, a->hi);
    if (!a->log_error) {
        figure_add(f, "set ytics format '%%.5g'\n");
        return;
    }
    double room = (a->hi - a->lo) * figure_line(f) / height, last = -1;
    figure_add(f, "set ytics (");
    for (size_t i = 0; i < sizeof tics / sizeof *tics; i++) {
        double at = accuracy_on(a, strtod(tics[i], NULL) / 100);
        if (at < a->lo || at > a->hi || at - last < room) continue;
        figure_add(f, "%s'%s' %.6f", last >= 0 ? ", " : "", tics[i], at);
        last = at;
    }
    figure_add(f, ")\n");
}
