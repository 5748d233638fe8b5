#include "util/err.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"
#include "util/mem.h"
#include "util/str.h"

enum { MESSAGE_MAX = 400, SOURCE_MAX = 160 }; /* bytes of a message, characters of a line */

void diags_init(diags *d) { *d = (diags){0}; }

void diags_fini(diags *d) {
    for (int i = 0; i < d->n; i++) {
        free((char *)(uintptr_t)d->list[i].at.file);
        free((char *)(uintptr_t)d->list[i].at.source);
        free(d->list[i].message);
        free(d->list[i].hint);
    }
    free(d->list);
    diags_init(d);
}

static bool same_place(const place *a, const place *b) {
    if (a->file == NULL || b->file == NULL) return a->file == b->file;
    return a->line == b->line && a->col == b->col && strcmp(a->file, b->file) == 0;
}

static bool already_said(const diags *d, const diag *new) {
    for (int i = 0; i < d->n; i++)
        if (same_place(&d->list[i].at, &new->at) && strcmp(d->list[i].message, new->message) == 0)
            return true;
    return false;
}

/* What is longer than a screen is text of the user's, somewhere in the middle. */
static char *shorten(char *text) {
    size_t n = strlen(text);
    if (n <= MESSAGE_MAX) return text;
    size_t head = MESSAGE_MAX / 2, tail = n - MESSAGE_MAX / 4;
    while (head > 0 && ((unsigned char)text[head] & 0xc0) == 0x80) head--;
    while (tail < n && ((unsigned char)text[tail] & 0xc0) == 0x80) tail++;
    char *cut = str_format("%.*s...%s", (int)head, text, text + tail);
    free(text);
    return cut;
}

__attribute__((format(printf, 5, 0))) static void add(diags *d, status st, bool warning,
                                                      const place *at, const char *fmt,
                                                      va_list ap) {
    diag new = {.st = st, .warning = warning, .message = shorten(str_vformat(fmt, ap))};
    if (at != NULL) new.at = *at;
    d->last = NULL;
    if (already_said(d, &new)) {
        free(new.message);
        return;
    }
    int *all = warning ? &d->warnings : &d->errors;
    if ((*all)++ >= DIAGS_KEPT) {
        free(new.message);
        return;
    }
    if (new.at.file != NULL) new.at.file = mem_strdup(new.at.file);
    if (new.at.source != NULL) new.at.source = mem_strdup(new.at.source);
    d->list = mem_realloc(d->list, (size_t)(d->n + 1) * sizeof *d->list);
    d->list[d->n] = new;
    d->last = &d->list[d->n++];
}

status diag_error(diags *d, status st, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    add(d, st, false, NULL, fmt, ap);
    va_end(ap);
    return st;
}

status diag_error_at(diags *d, status st, const place *at, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    add(d, st, false, at, fmt, ap);
    va_end(ap);
    return st;
}

void diag_warning_at(diags *d, const place *at, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    add(d, OK, true, at, fmt, ap);
    va_end(ap);
}

void diag_hint(diags *d, const char *fmt, ...) {
    if (d->last == NULL) return;
    va_list ap;
    va_start(ap, fmt);
    free(d->last->hint);
    d->last->hint = shorten(str_vformat(fmt, ap));
    va_end(ap);
}

static int by_place(const void *a, const void *b) {
    const diag *x = a, *y = b;
    if (x->at.file == NULL || y->at.file == NULL)
        return (x->at.file != NULL) - (y->at.file != NULL);
    int files = strcmp(x->at.file, y->at.file);
    if (files != 0) return files;
    if (x->at.line != y->at.line) return x->at.line < y->at.line ? -1 : 1;
    return x->at.col < y->at.col ? -1 : x->at.col > y->at.col;
}

static void sort(diags *d) {
    if (d->n > 1) qsort(d->list, (size_t)d->n, sizeof *d->list, by_place);
    d->last = NULL;
}

const diag *diags_first_error(const diags *d) {
    const diag *first = NULL;
    for (int i = 0; i < d->n; i++)
        if (!d->list[i].warning && (first == NULL || by_place(&d->list[i], first) < 0))
            first = &d->list[i];
    return first;
}

status diags_status(const diags *d) {
    const diag *first = diags_first_error(d);
    return first != NULL ? first->st : OK;
}

static const char *behind(const char *s, int chars) {
    for (int i = 0; i < chars && *s != '\0'; i++) s += str_char_bytes(s);
    return s;
}

/* A part of the line, escaped; free() */
static char *part_of(const char *from, const char *to) {
    char *part = mem_strndup(from, (size_t)(to - from)), *shown = str_escape(part);
    free(part);
    return shown;
}

/* The line and, below it, a caret under the place. Tabs are kept in the margin
 * so that the caret stands where the terminal shows the character. Of a long line what is
 * near the place. */
static void print_source(const place *at, FILE *out) {
    int before = at->col - 1, skip = before > SOURCE_MAX / 2 ? before - SOURCE_MAX / 2 : 0;
    bool whole = str_chars(at->source, strlen(at->source)) <= SOURCE_MAX;
    if (whole) skip = 0;
    const char *from = behind(at->source, skip), *to = behind(from, SOURCE_MAX);
    const char *left = skip > 0 ? "..." : "", *right = *to != '\0' ? "..." : "";
    char *shown = part_of(from, to), *margin = part_of(from, behind(from, before - skip));
    fprintf(out, "%5d | %s%s%s\n      | %*s", at->line, left, shown, right, (int)strlen(left), "");
    for (const char *s = margin; *s != '\0'; s += str_char_bytes(s))
        fputc(*s == '\t' ? '\t' : ' ', out);
    free(shown);
    free(margin);
    fputc('^', out);
    for (int i = 1; i < at->width && i < SOURCE_MAX / 2; i++) fputc('~', out);
    fputc('\n', out);
}

static void print_one(const diag *g, FILE *out) {
    const char *kind = g->warning ? "warning" : "error";
    if (g->at.file == NULL)
        str_print_line(out, "quantbench: %s: %s", kind, g->message);
    else if (g->at.line == 0)
        str_print_line(out, "%s: %s: %s", g->at.file, kind, g->message);
    else
        str_print_line(out, "%s:%d:%d: %s: %s", g->at.file, g->at.line, g->at.col, kind,
                       g->message);
    if (g->at.line > 0 && g->at.source != NULL) print_source(&g->at, out);
    if (g->hint != NULL) str_print_line(out, "  hint: %s", g->hint);
}

/* What print_each() left out. */
typedef struct left_out {
    int errors, warnings;
} left_out;

static left_out print_each(diags *d, void (*print)(const diag *g, FILE *out), FILE *out) {
    int errors = 0, warnings = 0;
    sort(d);
    for (int i = 0; i < d->n; i++) {
        int *shown = d->list[i].warning ? &warnings : &errors;
        if (*shown == DIAGS_SHOWN) continue;
        ++*shown;
        print(&d->list[i], out);
    }
    return (left_out){d->errors - errors, d->warnings - warnings};
}

static void print_more(int n, const char *what, FILE *out) {
    if (n > 0) fprintf(out, "... and %d more %s%s\n", n, what, n > 1 ? "s" : "");
}

void diags_print(diags *d, FILE *out) {
    left_out more = print_each(d, print_one, out);
    print_more(more.errors, "error", out);
    print_more(more.warnings, "warning", out);
}

static void print_one_json(const diag *g, FILE *out) {
    json_t *o = json_object();
    json_set_str(o, "severity", g->warning ? "warning" : "error");
    json_set_str(o, "file", g->at.file);
    if (g->at.line > 0) {
        json_set_int(o, "line", g->at.line);
        json_set_int(o, "col", g->at.col);
        json_set_int(o, "width", g->at.width);
    }
    json_set_str(o, "message", g->message);
    json_set_str(o, "hint", g->hint);
    json_set_int(o, "exit", g->st);
    json_print_line(o, out);
}

void diags_print_json(diags *d, FILE *out) {
    left_out more = print_each(d, print_one_json, out);
    if (more.errors == 0 && more.warnings == 0) return;
    json_t *o = json_object();
    json_set_str(o, "severity", "left out");
    json_set_int(o, "errors", more.errors);
    json_set_int(o, "warnings", more.warnings);
    json_print_line(o, out);
}
