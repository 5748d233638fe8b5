/*
 * Training curves: loss and test accuracy, mean over seeds with a band of one
 * standard deviation.
 */
#include "report/plot.h"

#include <math.h>
#include <stdlib.h>

#include "util/mem.h"

enum { CURVES_MAX = 10, POINTS_MAX = 160 };

typedef struct curve {
    double *epoch, *mean, *sd; /* sd NAN: one seed */
    int n;
} curve;

typedef struct series {
    const char *name, *split;
    curve curves[CURVES_MAX]; /* of the configurations that were picked */
} series;

typedef struct chart {
    figure *f;
    const selection *sel;
    int picked[CURVES_MAX], n, left;
    series loss, accuracy;
} chart;

static const char points_sql[] =
    "SELECT p.step, p.epoch, p.value\n"
    "FROM v_done d JOIN metric_point p ON p.run = d.run\n"
    "WHERE d.config_key = ? AND p.name = ? AND p.split = ? AND p.layer = -1 AND p.site = ''\n"
    "ORDER BY p.step";

/* ---- reading ---- */

static void append(curve *c, double epoch, const double *values, int n) {
    summary st = summary_of(values, n);
    if (st.n == 0) return;
    size_t size = (size_t)(c->n + 1) * sizeof *c->epoch;
    c->epoch = mem_realloc(c->epoch, size);
    c->mean = mem_realloc(c->mean, size);
    c->sd = mem_realloc(c->sd, size);
    c->epoch[c->n] = epoch, c->mean[c->n] = st.mean, c->sd[c->n] = st.sd;
    c->n++;
}

/* The last point of a training is the mean of the few steps that are left: noise. */
static void drop_stub(curve *c) {
    int n = c->n;
    if (n > 10 && c->epoch[n - 1] - c->epoch[n - 2] < 0.6 * (c->epoch[n - 2] - c->epoch[n - 3]))
        c->n--;
}

/* Means of neighbours until the points fit. */
static void thin(curve *c) {
    int of_one = (c->n + POINTS_MAX - 1) / POINTS_MAX, n = 0;
    if (of_one < 2) return;
    for (int i = 0; i < c->n; i += of_one, n++) {
        int here = c->n - i < of_one ? c->n - i : of_one;
        double epoch = 0, mean = 0, sd = 0;
        for (int k = i; k < i + here; k++) epoch += c->epoch[k], mean += c->mean[k], sd += c->sd[k];
        c->epoch[n] = epoch / here, c->mean[n] = mean / here, c->sd[n] = sd / here;
    }
    c->n = n;
}

static curve read_curve(store *s, const report_config *config, const series *of) {
    curve c = {0};
    double *values = mem_calloc((size_t)config->n_seeds + 1, sizeof *values), epoch = 0;
    int n = 0;
    int64_t step = -1;
    store_rows *r = store_select(s, points_sql, "ttt", config->config_key, of->name, of->split);
    while (store_next(r)) {
        if (store_int(r, 0) != step) append(&c, epoch, values, n), n = 0;
        step = store_int(r, 0), epoch = store_real(r, 1);
        if (n < config->n_seeds) values[n++] = store_real(r, 2);
    }
    append(&c, epoch, values, n);
    store_rows_end(r);
    free(values);
    drop_stub(&c);
    thin(&c);
    return c;
}

static int read_series(store *s, chart *g, series *of) {
    int points = 0;
    for (int i = 0; i < g->n; i++) {
        of->curves[i] = read_curve(s, &g->sel->configs[g->picked[i]], of);
        points += of->curves[i].n;
    }
    return points;
}

static void free_series(series *of) {
    for (int i = 0; i < CURVES_MAX; i++)
        free(of->curves[i].epoch), free(of->curves[i].mean), free(of->curves[i].sd);
}

/* ---- drawing ---- */

static void write_data(chart *g) {
    const series *both[] = {&g->accuracy, &g->loss};
    figure_block(g->f, "metric\tlabel\tepoch\tmean\tstandard_deviation");
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < g->n; i++) {
            const curve *c = &both[k]->curves[i];
            for (int p = 0; p < c->n; p++) {
                figure_cell_text(g->f, k == 0 ? "test accuracy" : "train loss", 20);
                figure_cell_text(g->f, g->sel->configs[g->picked[i]].label, 60);
                figure_cell(g->f, c->epoch[p]);
                figure_cell(g->f, c->mean[p]);
                figure_cell(g->f, c->sd[p]);
                figure_line_ends(g->f);
            }
        }
    figure_data_ends(g->f);
}

/* The axis of a loss is logarithmic where it falls tenfold. */
static double on_axis(const accuracy_axis *axis, double v) {
    return axis != NULL ? accuracy_on(axis, v) : v;
}

static void draw_curve(chart *g, const series *of, int i, const accuracy_axis *axis, double floor) {
    const curve *c = &of->curves[i];
    figure *f = g->f;
    uint32_t colour = figure_colour(g->sel, g->picked[i]);
    const char letter[] = {figure_letter(g->picked[i]), '\0'};
    if (c->n == 0) return;
    int block = figure_block(f, "curve: epoch, mean, low, high, letter");
    for (int p = 0; p < c->n; p++) {
        double sd = isfinite(c->sd[p]) ? c->sd[p] : 0, low = c->mean[p] - sd;
        figure_cell(f, c->epoch[p]);
        figure_cell(f, on_axis(axis, c->mean[p]));
        figure_cell(f, on_axis(axis, low > floor ? low : floor));
        figure_cell(f, on_axis(axis, c->mean[p] + sd));
        figure_cell_text(f, letter, 1);
        figure_line_ends(f);
    }
    if (f->c.to == MEDIUM_TERMINAL) {
        figure_plot(f, "index %d using 1:2:5 with labels noenhanced", block);
        return;
    }
    if (g->sel->configs[g->picked[i]].n_seeds > 1)
        figure_plot(f,
                    "index %d using 1:3:4 with filledcurves fs transparent solid 0.18 noborder fc "
                    "rgb '#%06x'",
                    block, colour);
    figure_plot(f, "index %d using 1:2 with %s lw 2 pt 7 ps 0.5 lc rgb '#%06x'", block,
                c->n <= 30 ? "linespoints" : "lines", colour);
}

static void set_epochs(chart *g) {
    double last = 0;
    for (int i = 0; i < g->n; i++) {
        const curve *a = &g->accuracy.curves[i], *b = &g->loss.curves[i];
        if (a->n > 0) last = fmax(last, a->epoch[a->n - 1]);
        if (b->n > 0) last = fmax(last, b->epoch[b->n - 1]);
    }
    figure_add(g->f, "set xrange [0:%.8g]\n", last > 0 ? last * 1.01 : 1);
}

static void draw_accuracy(chart *g, double height) {
    double lowest = INFINITY, highest = -INFINITY;
    for (int i = 0; i < g->n; i++) {
        const curve *c = &g->accuracy.curves[i];
        for (int p = 0; p < c->n; p++) {
            double sd = isfinite(c->sd[p]) ? c->sd[p] : 0;
            lowest = fmin(lowest, fmax(c->mean[p] - sd, 0));
            highest = fmax(highest, c->mean[p] + sd < 1 ? c->mean[p] + sd : c->mean[p]);
        }
    }
    if (!(lowest <= highest)) return; /* no points: an empty place */
    accuracy_axis axis = accuracy_axis_of(lowest, highest);
    set_epochs(g);
    accuracy_axis_set(&axis, g->f, height);
    for (int i = 0; i < g->n; i++) draw_curve(g, &g->accuracy, i, &axis, 0);
    figure_plot_ends(g->f);
}

static void draw_loss(chart *g) {
    double lowest = INFINITY, highest = -INFINITY;
    for (int i = 0; i < g->n; i++) {
        const curve *c = &g->loss.curves[i];
        for (int p = 0; p < c->n; p++)
            lowest = fmin(lowest, c->mean[p]), highest = fmax(highest, c->mean[p]);
    }
    if (!(lowest <= highest)) return;
    bool is_log = lowest > 0 && highest > 10 * lowest;
    set_epochs(g);
    if (is_log) figure_add(g->f, "set logscale y\nset ytics format '%%g'\n");
    double pad = 0.05 * (highest - lowest);
    if (is_log)
        figure_add(g->f, "set yrange [%.8g:%.8g]\n", lowest * 0.85, highest * 1.1);
    else if (pad > 0)
        figure_add(g->f, "set yrange [%.8g:%.8g]\n", lowest - pad, highest + pad);
    for (int i = 0; i < g->n; i++)
        draw_curve(g, &g->loss, i, NULL, is_log ? lowest * 0.85 : -INFINITY);
    figure_plot_ends(g->f);
}

/* Two panels beside each other, or one above the other where that is too narrow. */
static void draw(chart *g) {
    figure *f = g->f;
    bool term = f->c.to == MEDIUM_TERMINAL, beside = !term && f->c.width >= 600;
    double w = f->c.width, h = f->c.height, left = term ? 8 : 50, below = term ? 3 : 50;
    double top =
        figure_legend(f, g->sel, g->picked, g->n, term ? 1 : 10, w - 8, h - (term ? 1 : 14));
    double head = figure_line(f) * 1.2, middle = beside ? w / 2 : (top + (term ? 0 : 10)) / 2;
    if (term) { /* one panel is what fits */
        figure_label(f, 1, top, LEFT, INK, "test accuracy, %, by epoch");
        figure_panel(f, left, below, w - 2, top - 1);
        draw_accuracy(g, top - 1 - below);
        return;
    }
    if (beside) {
        figure_label_more(f, 10, top - 4, LEFT, 0, true, INK, "test accuracy, %");
        figure_label_more(f, middle + 14, top - 4, LEFT, 0, true, INK, "training loss, nats");
        figure_label(f, middle - 16, 9, RIGHT, MUTED, "epoch");
        figure_label(f, w - 16, 9, RIGHT, MUTED, "epoch");
        figure_panel(f, left, below, middle - 16, top - head);
        draw_accuracy(g, top - head - below);
        figure_panel(f, middle + left + 4, below, w - 16, top - head);
        draw_loss(g);
    } else {
        figure_label_more(f, 10, top - 4, LEFT, 0, true, INK, "test accuracy, %");
        figure_label_more(f, 10, middle - 8, LEFT, 0, true, INK, "training loss, nats");
        figure_label(f, w - 12, 9, RIGHT, MUTED, "epoch");
        figure_panel(f, left, middle + 40, w - 12, top - head);
        draw_accuracy(g, top - head - middle - 40);
        figure_panel(f, left, below, w - 12, middle - 8 - head);
        draw_loss(g);
    }
}

static void write_words(chart *g) {
    strbuf alt = {0};
    strbuf_add(&alt, "Test accuracy after the last epoch: ");
    for (int i = 0, said = 0; i < g->n; i++) {
        const curve *c = &g->accuracy.curves[i];
        if (c->n == 0) continue;
        strbuf_addf(&alt, "%s%s %.2f %%", said++ > 0 ? ", " : "",
                    g->sel->configs[g->picked[i]].label, 100 * c->mean[c->n - 1]);
    }
    strbuf_add(&alt, ".");
    g->f->alt = alt.s;
    char *left = g->left > 0 ? str_format(" %d less accurate configurations are left out.", g->left)
                             : mem_strdup("");
    g->f->caption = str_format("Lines are means over seeds, bands one standard deviation.%s", left);
    free(left);
}

status plot_training_curves(store *s, const selection *sel, const canvas *c, diags *d, figure *f) {
    chart *g = mem_calloc(1, sizeof *g);
    canvas size = *c;
    if (c->to != MEDIUM_TERMINAL && c->width < 600) size.height = 540;
    *g = (chart){.f = f,
                 .sel = sel,
                 .loss = {"loss", "train", {{0}}},
                 .accuracy = {"accuracy", "test", {{0}}}};
    figure_begin(f, &size, "training_curves");
    f->sql = points_sql;
    g->n = figure_pick(sel, CURVES_MAX, g->picked, &g->left);
    int points = read_series(s, g, &g->accuracy) + read_series(s, g, &g->loss);
    status bad = store_status(s, d);
    if (!bad && points == 0) {
        bad = diag_error(d, ERR_STORE, "no points of a training to draw");
        diag_hint(d, "runs of kind qat record them; `train.eval_every` says how often");
    } else if (!bad) {
        write_data(g);
        draw(g);
        figure_end(f);
        write_words(g);
    }
    free_series(&g->loss);
    free_series(&g->accuracy);
    free(g);
    return bad;
}
