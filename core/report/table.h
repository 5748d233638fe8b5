/*
 * report/table.h - text tables: columns as wide as their longest cell, numbers to
 * the right.
 */
#ifndef REPORT_TABLE_H
#define REPORT_TABLE_H

#include <stdio.h>

typedef struct table {
    int columns, cells, room;
    const char *const *heads; /* a leading '>' means: to the right */
    char **cell;
} table;

/* heads: NULL-terminated, borrowed until the table is closed. */
void table_open(table *t, const char *const *heads);
void table_close(table *t);

/* Adds the next cell, row by row. Text is escaped for the terminal. */
void table_add(table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void table_add_text(table *t, const char *text);
/* A number with that many decimals; "-" if it is not finite. */
void table_add_real(table *t, double v, int decimals);

void table_print(const table *t, FILE *out);

/* As a table of GitHub-flavoured Markdown. What Markdown would read is escaped. */
void table_print_markdown(const table *t, FILE *out);

#endif
