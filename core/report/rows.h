/*
 * report/rows.h - rows of a listing in the format that the user asked for: a table
 * for the terminal, Markdown, CSV (RFC 4180, lines end with CR LF) or JSON lines.
 *
 * Tables and Markdown are for people: numbers are rounded, NULL and what is not
 * finite is "-", control characters are escaped. CSV and JSON are for programs:
 * stable names, all digits; NULL is an empty field in CSV (empty text is "") and
 * null in JSON. CSV keeps line ends and tabs of a text, in quotes, and escapes other
 * control characters; a text that begins with = + - @ tab or CR, which a spreadsheet
 * would take for a formula, gets a ' before it and quotes. Numbers stay numbers.
 */
#ifndef REPORT_ROWS_H
#define REPORT_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "report/table.h"
#include "util/json.h"

typedef enum rows_format { ROWS_TABLE = 0, ROWS_MARKDOWN, ROWS_CSV, ROWS_JSON } rows_format;

/* False if there is no format of that name. names: of all, NULL-terminated. */
bool rows_format_find(const char *name, rows_format *f);
extern const char *const rows_format_names[];

typedef struct row_column {
    const char *name; /* in CSV and JSON; NULL: not there                             */
    const char *head; /* in tables and Markdown; NULL: not there                      */
    int decimals;     /* of numbers in tables; ROWS_SHORT: six significant digits     */
    bool percent;     /* in tables as 98.40 %, to programs as 0.984                   */
} row_column;

enum { ROWS_SHORT = -1 };

typedef struct row_printer {
    rows_format format;
    const row_column *columns; /* borrowed */
    int n_columns, at;         /* column of the next cell */
    FILE *out;
    table t;      /* table and Markdown print at the end */
    char **heads; /* of t */
    bool *text;   /* columns with a cell that is no number: to the left */
    json_t *object;
} row_printer;

void rows_open(row_printer *r, rows_format f, const row_column *columns, int n_columns, FILE *out);

/* The next cell, row by row. A column that the format does not have is skipped. */
void rows_text(row_printer *r, const char *s); /* NULL: NULL */
void rows_int(row_printer *r, int64_t v);
void rows_uint(row_printer *r, uint64_t v);
void rows_real(row_printer *r, double v);
void rows_null(row_printer *r);
/* Text of a table alone, with printf's rules. */
void rows_note(row_printer *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* True for the formats that people read. */
bool rows_is_human(const row_printer *r);
int rows_count(const row_printer *r); /* kept for the table; 0 for CSV and JSON */

/* Prints what is not printed yet, and frees. */
void rows_close(row_printer *r);

#endif
