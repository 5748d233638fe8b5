/*
 * report/page.h - the HTML report: one file that a person who reads nothing else
 * understands. It opens offline, runs nothing and loads nothing.
 */
#ifndef REPORT_PAGE_H
#define REPORT_PAGE_H

#include "report/selection.h"
#include "report/verdict.h"

/* Adds the page to `out`. ERR_RESOURCE: pictures could not be drawn; the page is whole,
 * with their data in their places. */
status report_page(store *s, const selection *sel, const verdict *v, diags *d, strbuf *out);

/* Its parts. `runs`: the ids as "(1,2,3)". */
status page_figures(store *s, const selection *sel, diags *d, strbuf *b);
void page_manifest(store *s, const selection *sel, const char *runs, strbuf *b);

#endif
