#include "report/table.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/str.h"

void table_open(table *t, const char *const *heads) {
    *t = (table){.heads = heads};
    while (heads[t->columns] != NULL) t->columns++;
}

void table_close(table *t) {
    for (int i = 0; i < t->cells; i++) free(t->cell[i]);
    free(t->cell);
    *t = (table){0};
}

void table_add_text(table *t, const char *text) {
    if (t->cells == t->room) {
        t->room = 2 * t->room + 64;
        t->cell = mem_realloc(t->cell, (size_t)t->room * sizeof *t->cell);
    }
    t->cell[t->cells++] = str_escape(text);
}

void table_add(table *t, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *text = str_vformat(fmt, ap);
    va_end(ap);
    table_add_text(t, text);
    free(text);
}

void table_add_real(table *t, double v, int decimals) {
    if (isfinite(v))
        table_add(t, "%.*f", decimals, v);
    else
        table_add(t, "-");
}

static int width_of(const char *s) { return str_chars(s, strlen(s)); }

static bool is_right(const table *t, int column) { return t->heads[column][0] == '>'; }

static const char *head_of(const table *t, int column) {
    return t->heads[column] + is_right(t, column);
}

static void print_blanks(int n, FILE *out) {
    while (n-- > 0) putc(' ', out);
}

static void print_cell(const table *t, int column, const char *text, int width, FILE *out) {
    int pad = width - width_of(text);
    bool last = column == t->columns - 1;
    if (is_right(t, column)) print_blanks(pad, out);
    fputs(text, out);
    if (!is_right(t, column) && !last) print_blanks(pad, out);
    fputs(last ? "\n" : "  ", out);
}

void table_print(const table *t, FILE *out) {
    int *width = mem_calloc((size_t)t->columns, sizeof *width);
    for (int c = 0; c < t->columns; c++) width[c] = width_of(head_of(t, c));
    for (int i = 0; i < t->cells; i++) {
        int w = width_of(t->cell[i]), *most = &width[i % t->columns];
        if (w > *most) *most = w;
    }
    for (int c = 0; c < t->columns; c++) print_cell(t, c, head_of(t, c), width[c], out);
    for (int i = 0; i < t->cells; i++)
        print_cell(t, i % t->columns, t->cell[i], width[i % t->columns], out);
    free(width);
}

static void print_markdown_cell(const char *text, FILE *out) {
    fputs(" ", out);
    for (; *text != '\0'; text++) {
        if (strchr("|\\`*<[", *text) != NULL) fputc('\\', out);
        fputc(*text, out);
    }
    fputs(" |", out);
}

void table_print_markdown(const table *t, FILE *out) {
    fputc('|', out);
    for (int c = 0; c < t->columns; c++) print_markdown_cell(head_of(t, c), out);
    fputs("\n|", out);
    for (int c = 0; c < t->columns; c++) fputs(is_right(t, c) ? " ---: |" : " --- |", out);
    fputc('\n', out);
    for (int i = 0; i < t->cells; i++) {
        if (i % t->columns == 0) fputc('|', out);
        print_markdown_cell(t->cell[i], out);
        if (i % t->columns == t->columns - 1) fputc('\n', out);
    }
}
