/*
 * report/html.h - HTML as text: the one way in for text of others, tables, and the
 * frame of a page that needs nothing but itself.
 */
#ifndef REPORT_HTML_H
#define REPORT_HTML_H

#include "util/str.h"

/* Text for content and for attribute values: & < > " ' as references; control
 * characters, marks that turn the reading direction and bad UTF-8 as \xNN, visibly.
 * New lines and tabs stay. Every text that is not a literal of ours goes through here. */
void html_text(strbuf *b, const char *text);
/* The same, at most `max` characters and an ellipsis. */
void html_text_cut(strbuf *b, const char *text, int max);

/* From <!DOCTYPE> to <main>: the style with its hash in the Content-Security-Policy,
 * so that nothing else can run, load or style. */
void html_begin(strbuf *b, const char *title);
void html_end(strbuf *b);

/* A table that scrolls inside itself where it is too wide. heads: NULL-terminated, a
 * leading '>' means numbers. caption: trusted. */
void html_table_begin(strbuf *b, const char *caption, const char *const *heads);
void html_table_end(strbuf *b);
void html_row_begin(strbuf *b);
void html_row_end(strbuf *b);
void html_cell(strbuf *b, const char *text);      /* 400 characters; NULL: empty */
void html_cell_code(strbuf *b, const char *text); /* the same, in type of one width */
void html_cell_real(strbuf *b, double v, int decimals, const char *unit); /* "-" if not finite */
/* mean and deviation, times `scale` */
void html_cell_stat(strbuf *b, double mean, double sd, double scale, const char *unit);

#endif
