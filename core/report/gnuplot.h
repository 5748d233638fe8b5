/*
 * report/gnuplot.h - from a finished figure to a picture: gnuplot in a folder of its
 * own, without a shell, with a time limit.
 */
#ifndef REPORT_GNUPLOT_H
#define REPORT_GNUPLOT_H

#include "report/figure.h"

/* The picture's bytes; free(*data). ERR_RESOURCE with a hint if gnuplot is not there,
 * fails or does not end. */
status gnuplot_draw(const figure *f, diags *d, char **data, size_t *n);

bool gnuplot_is_there(void);

#endif
