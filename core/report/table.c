#include "report/table.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/str.h"

void table_open(table *t, const char *const *heads) {
    *t = (table){0};
    while (heads[t->columns] != NULL) t->heads[t->columns] = heads[t->columns], t->columns++;
}

void table_close(table *t) {
    for (int i = 0; i < t->cells; i++) free(t->cell[i]);
    free(t->cell);
    *t = (table){0};
}

void table_add(table *t, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *text = str_vformat(fmt, ap);
    va_end(ap);
    t->cell = mem_realloc(t->cell, (size_t)(t->cells + 1) * sizeof *t->cell);
    t->cell[t->cells++] = str_escape(text);
    free(text);
}

void table_add_real(table *t, double v, int decimals) {
    if (isfinite(v))
        table_add(t, "%.*f", decimals, v);
    else
        table_add(t, "-");
}

static int width_of(const char *s) { return str_chars(s, strlen(s)); }

static void print_cell(const table *t, int column, const char *text, int width, FILE *out) {
    int pad = width - width_of(text);
    bool right = t->heads[column][0] == '>', last = column == t->columns - 1;
    if (right)
        fprintf(out, "%*s%s", pad, "", text);
    else
        fprintf(out, "%s%*s", text, last ? 0 : pad, "");
    fputs(last ? "\n" : "  ", out);
}

void table_print(const table *t, FILE *out) {
    int width[TABLE_MAX_COLUMNS];
    for (int c = 0; c < t->columns; c++) {
        width[c] = width_of(t->heads[c] + (t->heads[c][0] == '>'));
        for (int i = c; i < t->cells; i += t->columns)
            if (width_of(t->cell[i]) > width[c]) width[c] = width_of(t->cell[i]);
    }
    for (int c = 0; c < t->columns; c++)
        print_cell(t, c, t->heads[c] + (t->heads[c][0] == '>'), width[c], out);
    for (int i = 0; i < t->cells; i++)
        print_cell(t, i % t->columns, t->cell[i], width[i % t->columns], out);
}
