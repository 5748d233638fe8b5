#include "report/inline_svg.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/html.h"

static bool is_in(const char *const *list, const char *name, size_t n) {
    for (; *list != NULL; list++)
        if (strlen(*list) == n && memcmp(*list, name, n) == 0) return true;
    return false;
}

static bool keeps_element(const char *name, size_t n) {
    static const char *const list[] = {"g",   "path", "polygon", "polyline", "rect", "circle",
                                       "use", "text", "tspan",   "defs",     NULL};
    return is_in(list, name, n);
}

static bool keeps_attribute(const char *name, size_t n) {
    static const char *const list[] = {"id",
                                       "href",
                                       "xlink:href",
                                       "x",
                                       "y",
                                       "width",
                                       "height",
                                       "cx",
                                       "cy",
                                       "r",
                                       "d",
                                       "points",
                                       "transform",
                                       "fill",
                                       "fill-opacity",
                                       "stroke",
                                       "stroke-width",
                                       "stroke-opacity",
                                       "stroke-linecap",
                                       "stroke-linejoin",
                                       "stroke-dasharray",
                                       "color",
                                       "font-size",
                                       "font-weight",
                                       "font-style",
                                       "text-anchor",
                                       "shape-rendering",
                                       "opacity",
                                       NULL};
    return is_in(list, name, n);
}

/* ---- attributes ---- */

/* "rgb(36, 41, 47)" as "#24292f"; others in lower case where they begin with '#'. */
static void add_colour(strbuf *b, const char *value, size_t n) {
    int rgb[3], at = 0;
    char text[64];
    snprintf(text, sizeof text, "%.*s", (int)n, value);
    if (strncmp(text, "rgb(", 4) == 0) {
        char *p = text + 4;
        for (; at < 3; at++) {
            rgb[at] = (int)strtol(p, &p, 10) & 255;
            p += strspn(p, " ,");
        }
        strbuf_addf(b, "#%02x%02x%02x", rgb[0], rgb[1], rgb[2]);
        return;
    }
    for (char *p = text; *p != '\0' && *text == '#'; p++)
        if (*p >= 'A' && *p <= 'F') *p = (char)(*p + 32);
    strbuf_add(b, text);
}

static bool is_colour(const char *name, size_t n) {
    static const char *const list[] = {"fill", "stroke", "color", NULL};
    return is_in(list, name, n);
}

/* Adds name="value", quotes apart; gnuplot's values have no character to escape. */
static void add_attribute(strbuf *b, const char *name, size_t n, const char *value, size_t length,
                          const char *prefix) {
    if (n == 10) name += 6, n -= 6; /* xlink:href */
    strbuf_addf(b, " %.*s=\"", (int)n, name);
    bool href = n == 4 && memcmp(name, "href", 4) == 0;
    if (n == 2 && memcmp(name, "id", 2) == 0)
        strbuf_addf(b, "%s%.*s", prefix, (int)length, value);
    else if (href && length > 1 && *value == '#')
        strbuf_addf(b, "#%s%.*s", prefix, (int)length - 1, value + 1);
    else if (is_colour(name, n))
        add_colour(b, value, length);
    else if (!href)
        for (size_t i = 0; i < length; i++)
            if (strchr("<>\"&", value[i]) == NULL)
                strbuf_addn(b, value[i] == '\n' || value[i] == '\t' ? " " : &value[i], 1);
    strbuf_add(b, "\"");
}

/* The attributes of a tag whose name ends at p; returns what follows '>'. */
static const char *add_attributes(strbuf *b, const char *p, const char *prefix, bool *closed) {
    *closed = false;
    for (;;) {
        p += strspn(p, " \t\r\n");
        if (*p == '\0') return p;
        if (*p == '>') return p + 1;
        if (*p == '/') {
            *closed = true, p++;
            continue;
        }
        const char *name = p;
        size_t n = strcspn(p, " \t\r\n=/>");
        p += n;
        p += strspn(p, " \t\r\n");
        if (*p != '=') continue;
        p++;
        p += strspn(p, " \t\r\n");
        char quote = *p;
        if (quote != '"' && quote != '\'') return p + strcspn(p, ">");
        const char *value = ++p, *end = strchr(p, quote);
        if (end == NULL) return p + strlen(p);
        if (b != NULL && keeps_attribute(name, n))
            add_attribute(b, name, n, value, (size_t)(end - value), prefix);
        p = end + 1;
    }
}

/* ---- elements ---- */

enum { DEPTH_MAX = 64 };

typedef struct writer {
    strbuf *b;
    const char *prefix;
    size_t begin[DEPTH_MAX], content[DEPTH_MAX]; /* of open elements, in b */
    char name[DEPTH_MAX][12];
    int depth;
    bool in_text;
} writer;

/* Behind the end of an element that is left out. */
static const char *skip_element(const char *p, const char *name, size_t n) {
    char *end = str_format("</%.*s>", (int)n, name);
    const char *at = strstr(p, end);
    at = at != NULL ? at + strlen(end) : p + strlen(p);
    free(end);
    return at;
}

static const char *open_tag(writer *w, const char *p) {
    const char *name = p + 1;
    size_t n = strcspn(name, " \t\r\n/>"), begin = w->b->len;
    bool closed;
    if (!keeps_element(name, n) || w->depth == DEPTH_MAX) {
        p = add_attributes(NULL, name + n, w->prefix, &closed);
        return closed ? p : skip_element(p, name, n);
    }
    strbuf_addf(w->b, "<%.*s", (int)n, name);
    p = add_attributes(w->b, name + n, w->prefix, &closed);
    strbuf_add(w->b, closed ? "/>" : ">");
    if (closed) return p;
    w->begin[w->depth] = begin, w->content[w->depth] = w->b->len;
    snprintf(w->name[w->depth++], sizeof w->name[0], "%.*s", (int)n, name);
    w->in_text |= n == 4 && memcmp(name, "text", 4) == 0;
    return p;
}

/* An element without content goes altogether. */
static void close_tag(writer *w) {
    if (w->depth == 0) return;
    w->depth--;
    if (w->b->len == w->content[w->depth]) {
        w->b->len = w->begin[w->depth];
        w->b->s[w->b->len] = '\0';
    } else {
        strbuf_addf(w->b, "</%s>", w->name[w->depth]);
        if (w->depth < 3) strbuf_add(w->b, "\n");
    }
    if (strcmp(w->name[w->depth], "text") == 0) w->in_text = false;
}

static void add_view_box(strbuf *b, const char *svg, size_t n) {
    static const char key[] = "viewBox=\"";
    const char *at = memmem(svg, n, key, sizeof key - 1);
    const char *value = at != NULL ? at + sizeof key - 1 : "0 0 760 440\"";
    strbuf_addf(b, " viewBox=\"%.*s\"", (int)strspn(value, "0123456789. -"), value);
}

void inline_svg(strbuf *b, const char *svg, const char *prefix, const char *css_class,
                const char *alt) {
    writer w = {.b = b, .prefix = prefix};
    const char *p = strstr(svg, "<svg");
    if (p == NULL) return;
    const char *inside = strchr(p, '>');
    if (inside == NULL) return;
    strbuf_addf(b, "<svg class=\"%s\" role=\"img\" aria-label=\"", css_class);
    html_text(b, alt);
    strbuf_add(b, "\"");
    add_view_box(b, p, (size_t)(inside - p));
    strbuf_add(b, ">\n");
    for (p = inside + 1; *p != '\0' && strncmp(p, "</svg", 5) != 0;) {
        if (strncmp(p, "<!--", 4) == 0) {
            const char *end = strstr(p, "-->");
            p = end != NULL ? end + 3 : p + strlen(p);
        } else if (strncmp(p, "</", 2) == 0) {
            close_tag(&w);
            p += strcspn(p, ">");
            p += *p == '>';
        } else if (*p == '<') {
            p = open_tag(&w, p);
        } else {
            size_t n = strcspn(p, "<");
            if (w.in_text) strbuf_addn(b, p, n);
            p += n;
        }
    }
    while (w.depth > 0) close_tag(&w);
    strbuf_add(b, "</svg>\n");
}
