/*
 * Bits a weight against the share of zeros, a line for each packer, with the entropy of
 * the codes as their limit.
 */
#include "report/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

enum { PACKERS = 14 };

typedef struct spot {
    int packer; /* the limit has the last one */
    double sparsity, bits, entropy;
} spot;

typedef struct chart {
    figure *f;
    selection lines; /* a configuration for each packer, and the limit as their twin */
    report_config line[PACKERS + 1];
    spot *spots;
    int n, packers_left;
    double lowest, highest;
} chart;

static const char packers_sql[] =
    "SELECT w.packer, w.sparsity, w.bits_per_weight, w.code_entropy\n"
    "FROM v_done d JOIN v_layer_wide w ON w.run = d.run\n"
    "WHERE d.config_key = ? AND w.site = 'weight' AND w.packer IS NOT NULL\n"
    "  AND w.sparsity IS NOT NULL AND w.code_entropy IS NOT NULL\n"
    "ORDER BY w.layer, d.seed";

/* ---- data ---- */

static int packer_index(chart *g, const char *name) {
    int at = 0;
    while (at < g->lines.n && strcmp(g->line[at].label, name) != 0) at++;
    if (at == PACKERS) return -1;
    if (at == g->lines.n) g->line[g->lines.n++].label = mem_strdup(name);
    return at;
}

static void read_spots(store *s, chart *g, const selection *sel) {
    for (int i = 0; i < sel->n; i++) {
        store_rows *r = store_select(s, packers_sql, "t", sel->configs[i].config_key);
        while (store_next(r)) {
            spot p = {packer_index(g, store_text(r, 0)), store_real(r, 1), store_real(r, 2),
                      store_real(r, 3)};
            g->packers_left += p.packer < 0;
            if (p.packer < 0) continue;
            g->spots = mem_realloc(g->spots, (size_t)(g->n + 1) * sizeof *g->spots);
            g->spots[g->n++] = p;
            g->highest = fmax(g->highest, fmax(p.bits, p.entropy));
            g->lowest = fmin(g->lowest, p.entropy > 0 ? fmin(p.bits, p.entropy) : p.bits);
        }
        store_rows_end(r);
    }
}

static int by_entropy(const void *a, const void *b) {
    const spot *x = a, *y = b;
    if (x->sparsity != y->sparsity) return x->sparsity < y->sparsity ? -1 : 1;
    if (x->entropy != y->entropy) return x->entropy < y->entropy ? -1 : 1;
    return x->packer - y->packer;
}

static bool are_alike(const spot *a, const spot *b) {
    return a->sparsity == b->sparsity && a->entropy == b->entropy;
}

/* Whether two packers had codes alike: else there is nothing to compare. */
static bool is_comparison(const chart *g) {
    for (int i = 1; i < g->n; i++) {
        const spot *a = &g->spots[i - 1], *b = &g->spots[i];
        if (are_alike(a, b) && a->packer != b->packer) return true;
    }
    return false;
}

static void write_data(chart *g) {
    figure *f = g->f;
    figure_block(f, "packer\tsparsity\tbits_per_weight\tcode_entropy");
    for (int k = 0; k < g->lines.n; k++)
        for (int i = 0; i < g->n; i++) {
            if (g->spots[i].packer != k) continue;
            figure_cell_text(f, g->line[k].label, 32);
            figure_cell(f, g->spots[i].sparsity);
            figure_cell(f, g->spots[i].bits);
            figure_cell(f, g->spots[i].entropy);
            figure_line_ends(f);
        }
    figure_data_ends(f);
}

/* ---- drawing ---- */

/* The line of a packer; that of the limit goes through all spots. Every third is dashed:
 * packers of one rate lie on one another. */
static void draw_line(chart *g, int k) {
    figure *f = g->f;
    bool limit = g->line[k].is_baseline;
    const char letter[] = {figure_letter(k), '\0'};
    int block = figure_block(f, "line: sparsity, bits, letter");
    for (int i = 0; i < g->n; i++) {
        const spot *p = &g->spots[i];
        if (!limit && p->packer != k) continue;
        if (limit && i > 0 && are_alike(p, p - 1)) continue;
        figure_cell(f, p->sparsity);
        figure_cell(f, limit ? p->entropy : p->bits);
        figure_cell_text(f, letter, 1);
        figure_line_ends(f);
    }
    if (f->c.to == MEDIUM_TERMINAL)
        figure_plot(f, "index %d using 1:2:3 with labels noenhanced", block);
    else if (limit)
        figure_plot(f, "index %d using 1:2 with lines lw 2 dt (8,5) lc rgb '#%06x'", block, INK);
    else
        figure_plot(f, "index %d using 1:2 with linespoints pt 7 ps 0.7 lw 2%s lc rgb '#%06x'",
                    block, k % 3 == 2 ? " dt (16,12)" : "", figure_colour(&g->lines, k));
}

static void draw(chart *g) {
    figure *f = g->f;
    bool term = f->c.to == MEDIUM_TERMINAL;
    double w = f->c.width, h = f->c.height, top = h - (term ? 1 : 14);
    double x0 = term ? 8 : 66, x1 = w - (term ? 2 : 16), y0 = term ? 3 : 48;
    int all[PACKERS + 1];
    for (int i = 0; i < g->lines.n; i++) all[i] = i;
    top = figure_legend(f, &g->lines, all, g->lines.n, term ? 1 : 10, x1, top);
    figure_label_more(f, term ? 1 : 10, top - (term ? 0 : 4), LEFT, 0, true, INK, "bits a weight");
    figure_label(f, x1, term ? 0 : 9, RIGHT, MUTED, "share of zeros");
    figure_panel(f, x0, y0, x1, top - (term ? 1 : 22));
    /* powers of two: raw has 8 bits, the others a tenth of one where nearly all is zero */
    figure_add(f, "set xrange [-0.02:1.02]\nset logscale y 2\nset yrange [%.6g:%.6g]\n",
               exp2(floor(log2(g->lowest))), 1.1 * exp2(ceil(log2(g->highest) - 0.05)));
    for (int i = 0; i < g->lines.n; i++) draw_line(g, i);
    figure_plot_ends(f);
}

static void write_words(chart *g) {
    strbuf alt = {0};
    strbuf_add(&alt, "Bits a weight by packer at the smallest and the largest share of zeros: ");
    for (int k = 0; k < g->lines.n; k++) {
        const spot *first = NULL, *last = NULL;
        bool limit = g->line[k].is_baseline;
        for (int i = 0; i < g->n; i++) {
            if (!limit && g->spots[i].packer != k) continue;
            if (first == NULL) first = &g->spots[i];
            last = &g->spots[i];
        }
        strbuf_addf(&alt, "%s%s %.3f at %.1f %% and %.3f at %.1f %%", k > 0 ? ", " : "",
                    g->line[k].label, limit ? first->entropy : first->bits, 100 * first->sparsity,
                    limit ? last->entropy : last->bits, 100 * last->sparsity);
    }
    strbuf_add(&alt, ".");
    g->f->alt = alt.s;
    strbuf caption = {0};
    strbuf_add(&caption, "Bits that a weight takes in a packed file, scales included, against the "
                         "share of weights that are zero. The dashed line is the entropy of the "
                         "codes: no packer that takes each code by itself can go below it.");
    if (g->packers_left > 0) strbuf_addf(&caption, " The first %d packers are shown.", PACKERS);
    g->f->caption = caption.s;
}

status plot_packers(store *s, const selection *sel, const canvas *c, diags *d, figure *f) {
    chart *g = mem_calloc(1, sizeof *g);
    g->f = f;
    g->lowest = INFINITY;
    g->lines.configs = g->line;
    figure_begin(f, c, "packers");
    f->sql = packers_sql;
    read_spots(s, g, sel);
    status bad = store_status(s, d);
    if (!bad && g->n > 0) qsort(g->spots, (size_t)g->n, sizeof *g->spots, by_entropy);
    if (!bad && !is_comparison(g)) {
        bad = diag_error(d, ERR_STORE, "no codes that two packers have packed");
        diag_hint(d, "a `sweep` over quant.packer makes them: experiments/packers.yaml");
    } else if (!bad) {
        g->line[g->lines.n++] =
            (report_config){.label = mem_strdup("entropy of the codes"), .is_baseline = true};
        write_data(g);
        draw(g);
        figure_end(f);
        write_words(g);
    }
    for (int i = 0; i < g->lines.n; i++) free(g->line[i].label);
    free(g->spots);
    free(g);
    return bad;
}
