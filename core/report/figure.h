/*
 * report/figure.h - a picture in the making: the data that gnuplot reads, its script,
 * and the words that go with it.
 *
 * Text of users goes into the data file only, quoted, never into the script; so does
 * every number that is not ours. Coordinates of texts and boxes are those of the
 * canvas: pixels, or characters of a terminal, from the lower left.
 */
#ifndef REPORT_FIGURE_H
#define REPORT_FIGURE_H

#include <stdint.h>

#include "report/selection.h"
#include "util/str.h"

/* Colours as 0xRRGGBB. These four change in the dark (report/inline_svg.c). */
enum { INK = 0x24292F, MUTED = 0x57606A, GRID = 0xD8DEE4, PAPER = 0xFFFFFF };

typedef enum medium { MEDIUM_SVG, MEDIUM_PNG, MEDIUM_TERMINAL } medium;

typedef struct canvas {
    medium to;
    int width, height;
} canvas;

/* 760 x 440; a phone's 380 x 440. */
extern const canvas canvas_wide, canvas_narrow;

typedef enum align { LEFT, CENTER, RIGHT } align;

typedef struct figure_text {
    double x, y;
    align at;
    int angle; /* degrees */
    bool bold;
    uint32_t colour;
    char *text;
} figure_text;

typedef struct figure_box {
    double x0, y0, x1, y1; /* a line where it has no width or no height */
    uint32_t colour;
} figure_box;

typedef struct figure {
    canvas c;
    const char *kind; /* names its files */
    strbuf tsv;
    size_t data_bytes; /* of tsv: the data for readers; what follows is for drawing */
    strbuf gp;
    int blocks;      /* of tsv */
    bool in_plot;    /* gp is inside a plot command */
    const char *sql; /* the query behind the data */
    char *caption;   /* how to read it */
    char *alt;       /* the numbers in a sentence */
    figure_text *texts;
    figure_box *boxes;
    int n_texts, n_boxes;
} figure;

void figure_free(figure *f);

/* Begins the script; every figure is a multiplot. figure_end() draws texts and boxes. */
void figure_begin(figure *f, const canvas *c, const char *kind);
void figure_end(figure *f);

/* ---- data ---- */

/* Begins the next block of the data file and returns its index; every block needs a
 * line. columns: its heading. */
int figure_block(figure *f, const char *columns);
/* The blocks so far are the data for readers. */
void figure_data_ends(figure *f);
/* A cell: text as gnuplot reads it back literally, at most `max` characters of it. */
void figure_cell_text(figure *f, const char *text, int max);
void figure_cell(figure *f, double v);
void figure_line_ends(figure *f);

/* ---- the script ---- */

void figure_add(figure *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The next plot is in this rectangle of the canvas. */
void figure_panel(figure *f, double x0, double y0, double x1, double y1);
/* One more thing in the panel: "index 2 using 1:2 with lines". The first one begins the
 * plot command, figure_plot_ends() ends it. */
void figure_plot(figure *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void figure_plot_ends(figure *f);

/* ---- texts and boxes over all panels ---- */

void figure_label(figure *f, double x, double y, align at, uint32_t colour, const char *text);
void figure_label_more(figure *f, double x, double y, align at, int angle, bool bold,
                       uint32_t colour, const char *text);
void figure_fill(figure *f, double x0, double y0, double x1, double y1, uint32_t colour);

/* Sizes in units of the canvas: of a line of text, of n characters. */
double figure_line(const figure *f);
double figure_text_width(const figure *f, const char *text);
/* text, cut to `max` characters: its beginning, an ellipsis and, where there is room,
 * its end, which often makes the difference. free() */
char *figure_cut(const char *text, int max);

/* ---- configurations ---- */

/* Okabe-Ito for the quantized ones, ink for float twins; letters on a terminal. */
uint32_t figure_colour(const selection *sel, int config);
int figure_colour_index(const selection *sel, int config); /* 0: ink, 1..14 */
char figure_letter(int config);

/* Up to `max` configurations for a picture with room for no more: twins, then the most
 * accurate, in the order of the selection. Returns how many; *left: those left out. */
int figure_pick(const selection *sel, int max, int *picked, int *left);

/* Swatches and labels in rows from (x0, y) downwards; returns the y below them. */
double figure_legend(figure *f, const selection *sel, const int *configs, int n, double x0,
                     double x1, double y);

/* ---- an axis of accuracies ---- */

/* Linear in percent, or linear in the logarithm of the error where errors differ so
 * much that good ones would lie on one another. */
typedef struct accuracy_axis {
    bool log_error;
    double lo, hi; /* of the range, in the axis's unit */
} accuracy_axis;

accuracy_axis accuracy_axis_of(double lowest, double highest);
double accuracy_on(const accuracy_axis *a, double accuracy);
/* set yrange and set ytics of a panel of this height */
void accuracy_axis_set(const accuracy_axis *a, figure *f, double height);

#endif
