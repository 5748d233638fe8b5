/*
 * The figures of a report: a wide and a narrow picture, its caption, and the query and
 * the data behind it.
 */
#include "report/page.h"

#include <stdlib.h>

#include "report/gnuplot.h"
#include "report/html.h"
#include "report/inline_svg.h"
#include "report/plot.h"
#include "util/mem.h"

enum { DATA_MAX = 100 << 10 };

/* A figure of a kind; false where there is nothing to draw. */
static bool make(store *s, const selection *sel, const plot_kind *k, const canvas *c, figure *f) {
    diags quiet;
    diags_init(&quiet);
    status bad = k->make(s, sel, c, &quiet, f);
    diags_fini(&quiet);
    if (bad) figure_free(f);
    return !bad;
}

static status add_picture(const figure *f, const char *prefix, const char *css_class, diags *d,
                          strbuf *b) {
    char *svg;
    size_t n;
    status bad = gnuplot_draw(f, d, &svg, &n);
    if (!bad) inline_svg(b, svg, prefix, css_class, f->alt);
    free(svg);
    return bad;
}

static void add_data(const figure *f, strbuf *b) {
    size_t n = f->data_bytes;
    bool cut = n > DATA_MAX;
    for (n = cut ? DATA_MAX : n; cut && n > 0 && f->tsv.s[n - 1] != '\n';) n--;
    char *data = mem_strndup(f->tsv.s, n);
    strbuf_add(b, "<details><summary>The query and the data behind it</summary>\n<pre>");
    html_text(b, f->sql);
    strbuf_add(b, "</pre>\n<pre>");
    html_text(b, data);
    strbuf_addf(b, "%s</pre>\n", cut ? "..." : "");
    if (cut)
        strbuf_addf(b,
                    "<p class=\"note\">The first part; all of it: <code>quantbench plot %s "
                    "--keep</code></p>\n",
                    f->kind);
    strbuf_add(b, "</details>\n");
    free(data);
}

static status add_figure(store *s, const selection *sel, const plot_kind *k, diags *d, strbuf *b) {
    figure wide, narrow;
    char prefix[64];
    if (!make(s, sel, k, &canvas_wide, &wide)) return OK;
    strbuf_addf(b, "<section>\n<h2>%s</h2>\n<figure>\n", k->title);
    snprintf(prefix, sizeof prefix, "%s-w-", k->name);
    status bad = add_picture(&wide, prefix, "wide-picture", d, b);
    if (!bad && make(s, sel, k, &canvas_narrow, &narrow)) {
        snprintf(prefix, sizeof prefix, "%s-n-", k->name);
        bad = add_picture(&narrow, prefix, "narrow", d, b);
        figure_free(&narrow);
    }
    if (bad) {
        strbuf_add(b, "<p class=\"note\">The picture could not be drawn: ");
        html_text(b, d->n > 0 ? d->list[0].message : "gnuplot failed");
        strbuf_add(b, ".</p>\n<p>");
        html_text(b, wide.alt);
        strbuf_add(b, "</p>\n");
    }
    strbuf_add(b, "<figcaption>");
    html_text(b, wide.caption);
    strbuf_add(b, "</figcaption>\n");
    add_data(&wide, b);
    strbuf_add(b, "</figure>\n</section>\n");
    figure_free(&wide);
    return bad;
}

status page_figures(store *s, const selection *sel, diags *d, strbuf *b) {
    status first = OK;
    for (int i = 0; i < plot_n_kinds; i++) {
        status bad = add_figure(s, sel, &plot_kinds[i], d, b);
        if (first == OK) first = bad;
    }
    return first;
}
