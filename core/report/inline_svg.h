/*
 * report/inline_svg.h - a picture of gnuplot as a part of a page.
 */
#ifndef REPORT_INLINE_SVG_H
#define REPORT_INLINE_SVG_H

#include "util/str.h"

/* Adds the <svg>: only known elements and attributes stay, ids and references to them
 * get the prefix, colours become #rrggbb so that the page's style can turn them in the
 * dark, empty groups go. alt: what it shows, as text (escaped here). */
void inline_svg(strbuf *b, const char *svg, const char *prefix, const char *css_class,
                const char *alt);

#endif
