/*
 * Throughput of a benchmark's operations at their fastest level, a bar for each, with a mark
 * at the ceiling that was measured beside it.
 */
#include "report/plot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

enum { PLACES = 3, ROWS_MAX = 80, ROW_HEIGHT = 18, BAR = 0x0072B2 /* Okabe-Ito blue */ };

typedef struct bar {
    char *what, *place, *isa;
    double median, mad, ceiling;
} bar;

typedef struct chart {
    figure *f;
    bar *bars;
    int n, left;   /* left: rows of other units, or too many */
    char unit[32]; /* that most rows have                    */
    char **whats;  /* a line of the picture each             */
    char *places[PLACES];
    int n_whats, n_places;
} chart;

static const char bench_sql[] =
    "SELECT op, shape, place, threads, isa, median, mad, ceiling\n"
    "FROM (SELECT b.*, row_number() OVER (PARTITION BY op, shape, place, threads, unit\n"
    "                                     ORDER BY median DESC) AS best\n"
    "      FROM bench b WHERE run = ?)\n"
    "WHERE best = 1 AND unit = ?\n"
    "ORDER BY place = 'DRAM', op, shape, threads";

/* ---- data ---- */

static int index_of(char **names, int *n, int max, const char *name) {
    for (int i = 0; i < *n; i++)
        if (strcmp(names[i], name) == 0) return i;
    if (*n == max) return -1;
    names[*n] = mem_strdup(name);
    return (*n)++;
}

/* The unit of the most rows; false if there are none. */
static bool find_unit(store *s, chart *g, int64_t run) {
    store_rows *r = store_select(s,
                                 "SELECT unit FROM bench WHERE run = ? AND unit <> 'x scalar'"
                                 " GROUP BY unit ORDER BY count(*) DESC, unit LIMIT 1",
                                 "i", run);
    bool any = store_next(r);
    if (any) snprintf(g->unit, sizeof g->unit, "%s", store_text(r, 0));
    store_rows_end(r);
    return any;
}

static void read_bars(store *s, chart *g, int64_t run) {
    store_rows *r = store_select(s, bench_sql, "it", run, g->unit);
    g->whats = mem_calloc(ROWS_MAX, sizeof *g->whats);
    while (store_next(r)) {
        const char *shape = store_text(r, 1);
        char *what = store_int(r, 3) == 1
                         ? str_format("%s%s%s", store_text(r, 0), *shape != '\0' ? ", " : "", shape)
                         : str_format("%s%s%s, %d threads", store_text(r, 0),
                                      *shape != '\0' ? ", " : "", shape, (int)store_int(r, 3));
        if (index_of(g->whats, &g->n_whats, ROWS_MAX, what) < 0 ||
            index_of(g->places, &g->n_places, PLACES, store_text(r, 2)) < 0) {
            g->left++;
            free(what);
            continue;
        }
        g->bars = mem_realloc(g->bars, (size_t)(g->n + 1) * sizeof *g->bars);
        g->bars[g->n++] = (bar){what,
                                mem_strdup(store_text(r, 2)),
                                mem_strdup(store_text(r, 4)),
                                store_real(r, 5),
                                store_real(r, 6),
                                store_real(r, 7)};
    }
    store_rows_end(r);
}

static const bar *bar_of(const chart *g, const char *what, const char *where) {
    for (int i = 0; i < g->n; i++)
        if (strcmp(g->bars[i].what, what) == 0 && strcmp(g->bars[i].place, where) == 0)
            return &g->bars[i];
    return NULL;
}

static double highest_of(const chart *g, const char *where) {
    double highest = 0;
    for (int i = 0; i < g->n; i++)
        if (strcmp(g->bars[i].place, where) == 0)
            highest = fmax(highest, fmax(g->bars[i].median, g->bars[i].ceiling));
    return highest;
}

static void write_data(chart *g) {
    figure *f = g->f;
    figure_block(f, "operation\tplace\tlevel\tmedian\tdeviation\tceiling\tunit");
    for (int i = 0; i < g->n; i++) {
        const bar *b = &g->bars[i];
        figure_cell_text(f, b->what, 80);
        figure_cell_text(f, b->place, 16);
        figure_cell_text(f, b->isa, 16);
        figure_cell(f, b->median), figure_cell(f, b->mad), figure_cell(f, b->ceiling);
        figure_cell_text(f, g->unit, 16);
        figure_line_ends(f);
    }
    figure_data_ends(f);
}

/* ---- drawing ---- */

static char *number(const bar *b) {
    int digits = b->median < 9.95 ? 2 : b->median < 99.5 ? 1 : 0;
    if (!isfinite(b->ceiling)) return str_format("%.*f", digits, b->median);
    return str_format("%.*f, %.0f %%", digits, b->median, 100 * b->median / b->ceiling);
}

/* A terminal draws the bars as lines of text. */
static void draw_text_bar(figure *f, const bar *b, double x0, double width, double y,
                          double highest) {
    strbuf line = {0};
    int length = (int)(b->median / highest * width + 0.5);
    int mark = isfinite(b->ceiling) ? (int)(b->ceiling / highest * width + 0.5) : -1;
    for (int i = 0; i <= (length > mark ? length : mark); i++)
        strbuf_add(&line, i == mark ? "|" : i < length ? "=" : " ");
    figure_label(f, x0, y, LEFT, INK, line.s != NULL ? line.s : "");
    strbuf_fini(&line);
}

static void draw_bar(figure *f, const bar *b, double x0, double width, double y, double highest) {
    double end = x0 + b->median / highest * width, mark = x0 + b->ceiling / highest * width;
    figure_fill(f, x0, y - 6, fmax(end, x0 + 1), y + 6, BAR);
    if (isfinite(mark)) figure_fill(f, mark, y - 8, mark, y + 8, INK);
}

/* The bars of a place, with their numbers, from x0 to x1. */
static void draw_place(chart *g, const char *where, double x0, double x1, double head, double h) {
    figure *f = g->f;
    bool term = f->c.to == MEDIUM_TERMINAL;
    double highest = highest_of(g, where), room = figure_text_width(f, "99.9, 100 %");
    double width = x1 - x0 - room - (term ? 2 : 14);
    figure_label_more(f, x0, head, LEFT, 0, true, INK, where);
    for (int i = 0; i < g->n_whats; i++) {
        const bar *b = bar_of(g, g->whats[i], where);
        double y = head - h * (i + 1);
        if (b == NULL) continue;
        char *text = number(b);
        (term ? draw_text_bar : draw_bar)(f, b, x0, width, y, highest);
        figure_label(f, x1, y, RIGHT, INK, text);
        free(text);
    }
}

static int height_of(const chart *g, const canvas *c) {
    return c->to == MEDIUM_TERMINAL ? g->n_whats + 4 : 52 + ROW_HEIGHT * (g->n_whats + 1);
}

static void draw(chart *g) {
    figure *f = g->f;
    bool term = f->c.to == MEDIUM_TERMINAL;
    double h = term ? 1 : ROW_HEIGHT, top = f->c.height - (term ? 1 : 16);
    double head = top - (term ? 1 : 24), right = f->c.width - (term ? 1 : 10), x0 = 0;
    char *title = str_format("%s, each with its ceiling", g->unit);
    int most = term ? 22 : f->c.width > 500 ? 42 : 20;
    for (int i = 0; i < g->n_whats; i++) {
        char *cut = figure_cut(g->whats[i], most);
        x0 = fmax(x0, figure_text_width(f, cut) + (term ? 2 : 18));
        figure_label(f, term ? 1 : 10, head - h * (i + 1), LEFT, INK, cut);
        free(cut);
    }
    figure_label_more(f, term ? 1 : 10, top, LEFT, 0, true, INK, title);
    double slot = (right - x0) / g->n_places;
    for (int p = 0; p < g->n_places; p++)
        draw_place(g, g->places[p], x0 + slot * p + (p > 0 ? (term ? 1 : 12) : 0),
                   x0 + slot * (p + 1), head, h);
    free(title);
}

static void write_words(chart *g) {
    strbuf alt = {0}, caption = {0};
    strbuf_addf(&alt, "Throughput in %s: ", g->unit);
    for (int i = 0; i < g->n && i < 16; i++) {
        const bar *b = &g->bars[i];
        strbuf_addf(&alt, "%s%s%s%s %.2f", i > 0 ? ", " : "", b->what, *b->place ? " in " : "",
                    b->place, b->median);
        if (isfinite(b->ceiling)) strbuf_addf(&alt, " of %.2f", b->ceiling);
    }
    strbuf_add(&alt, ".");
    strbuf_addf(&caption,
                "Median throughput in %s of each operation at its fastest level; the mark is the "
                "ceiling that was measured in turns with it, and the share is of that. Each "
                "place has a scale of its own.",
                g->unit);
    if (g->left > 0) strbuf_addf(&caption, " %d rows are left out.", g->left);
    g->f->alt = alt.s;
    g->f->caption = caption.s;
}

static bool has_rows(store *s, int64_t run) {
    store_rows *r = store_select(s, "SELECT 1 FROM bench WHERE run = ? LIMIT 1", "i", run);
    bool any = store_next(r);
    store_rows_end(r);
    return any;
}

/* The run that was named, else the newest that has rows; 0: none. */
static int64_t find_run(store *s, const selection *sel) {
    int64_t newest = 0;
    if (sel->chosen != 0) return has_rows(s, sel->chosen) ? sel->chosen : 0;
    for (int i = 0; i < sel->n; i++)
        for (int k = 0; k < sel->configs[i].n_seeds; k++) {
            int64_t run = sel->configs[i].seeds[k].run;
            if (run > newest && has_rows(s, run)) newest = run;
        }
    return newest;
}

static void free_chart(chart *g) {
    for (int i = 0; i < g->n; i++)
        free(g->bars[i].what), free(g->bars[i].place), free(g->bars[i].isa);
    for (int i = 0; i < g->n_whats; i++) free(g->whats[i]);
    for (int i = 0; i < g->n_places; i++) free(g->places[i]);
    free(g->bars);
    free(g->whats);
    free(g);
}

status plot_bench(store *s, const selection *sel, const canvas *c, diags *d, figure *f) {
    chart *g = mem_calloc(1, sizeof *g);
    canvas size = *c;
    g->f = f;
    int64_t run = find_run(s, sel);
    if (run != 0 && find_unit(s, g, run)) read_bars(s, g, run);
    if (g->n > 0) size.height = height_of(g, c);
    figure_begin(f, &size, "bench");
    f->sql = bench_sql;
    status bad = store_status(s, d);
    if (!bad && g->n == 0) {
        bad = diag_error(d, ERR_STORE, "no benchmark to draw");
        diag_hint(d, "`quantbench bench kernels --db %s` makes one", store_path(s));
    } else if (!bad) {
        write_data(g);
        draw(g);
        figure_end(f);
        write_words(g);
    }
    free_chart(g);
    return bad;
}
