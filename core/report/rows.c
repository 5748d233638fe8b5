#include "report/rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/str.h"

const char *const rows_format_names[] = {"table", "markdown", "csv", "json", NULL};

bool rows_format_find(const char *name, rows_format *f) {
    for (int i = 0; rows_format_names[i] != NULL; i++) {
        if (strcmp(rows_format_names[i], name) != 0) continue;
        *f = (rows_format)i;
        return true;
    }
    return false;
}

bool rows_is_human(const row_printer *r) {
    return r->format == ROWS_TABLE || r->format == ROWS_MARKDOWN;
}

int rows_count(const row_printer *r) { return r->t.columns > 0 ? r->t.cells / r->t.columns : 0; }

static const char *name_of(const row_printer *r, int c) {
    return rows_is_human(r) ? r->columns[c].head : r->columns[c].name;
}

/* ---- CSV ---- */

/* A text keeps its line ends and tabs; what else could drive a terminal is escaped. Spreadsheets
 * would calculate what begins as a formula does: before it stands a ' (OWASP, "CSV injection"). */
static void put_csv(const char *text, FILE *out) {
    bool formula = *text != '\0' && strchr("=+-@\t\r", *text) != NULL;
    bool quoted = *text == '\0' || formula || strpbrk(text, ",\"\r\n") != NULL || *text == ' ' ||
                  text[strlen(text) - 1] == ' ';
    if (quoted) fputc('"', out);
    if (formula) fputc('\'', out);
    while (*text != '\0') {
        size_t plain = strcspn(text, "\"\r\n\t");
        char *part = mem_strndup(text, plain), *safe = str_escape(part);
        fputs(safe, out);
        free(part);
        free(safe);
        text += plain;
        if (*text == '"') fputc('"', out);
        if (*text != '\0') fputc(*text++, out);
    }
    if (quoted) fputc('"', out);
}

static void csv_head(const row_printer *r) {
    bool first = true;
    for (int c = 0; c < r->n_columns; c++) {
        if (name_of(r, c) == NULL) continue;
        if (!first) fputc(',', r->out);
        put_csv(name_of(r, c), r->out);
        first = false;
    }
    fputs("\r\n", r->out);
}

/* Whether a column to the left is there, too. */
static bool is_first(const row_printer *r) {
    for (int c = 0; c < r->at; c++)
        if (name_of(r, c) != NULL) return false;
    return true;
}

/* ---- cells ---- */

/* A cell as text: `plain` has no need of escapes. */
static void put_text(row_printer *r, const char *text, bool plain) {
    if (r->format == ROWS_CSV) {
        if (!is_first(r)) fputc(',', r->out);
        if (plain)
            fputs(text, r->out);
        else
            put_csv(text, r->out);
    } else {
        table_add_text(&r->t, text);
    }
}

static void next(row_printer *r) {
    if (++r->at < r->n_columns) return;
    r->at = 0;
    if (r->format == ROWS_CSV) fputs("\r\n", r->out);
    if (r->format == ROWS_JSON) {
        json_print_line(r->object, r->out);
        r->object = json_object();
    }
}

static bool is_shown(const row_printer *r) { return name_of(r, r->at) != NULL; }

void rows_null(row_printer *r) {
    if (is_shown(r)) {
        if (r->format == ROWS_JSON)
            json_set_str(r->object, name_of(r, r->at), NULL);
        else
            put_text(r, rows_is_human(r) ? "-" : "", true);
    }
    next(r);
}

void rows_text(row_printer *r, const char *s) {
    if (s == NULL) {
        rows_null(r);
        return;
    }
    r->text[r->at] = true;
    if (is_shown(r)) {
        if (r->format != ROWS_JSON) {
            put_text(r, s, false);
        } else {
            char *safe = str_find_bad_utf8(s, strlen(s)) >= 0 ? str_escape(s) : NULL;
            json_set_str(r->object, name_of(r, r->at), safe != NULL ? safe : s);
            free(safe);
        }
    }
    next(r);
}

void rows_int(row_printer *r, int64_t v) {
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, v);
    if (is_shown(r)) {
        if (r->format == ROWS_JSON)
            json_set_int(r->object, name_of(r, r->at), v);
        else
            put_text(r, text, true);
    }
    next(r);
}

/* JSON has no integers beyond int64_t that every reader takes: those are text. */
void rows_uint(row_printer *r, uint64_t v) {
    char text[32];
    if (v <= INT64_MAX) {
        rows_int(r, (int64_t)v);
        return;
    }
    snprintf(text, sizeof text, "%" PRIu64, v);
    if (is_shown(r)) {
        if (r->format == ROWS_JSON)
            json_set_str(r->object, name_of(r, r->at), text);
        else
            put_text(r, text, true);
    }
    next(r);
}

static void human_real(const row_column *c, double v, char text[64]) {
    if (c->decimals == ROWS_SHORT || fabs(v) >= 1e15)
        snprintf(text, 64, "%.6g", v);
    else
        snprintf(text, 64, "%.*f", c->decimals, c->percent ? 100 * v : v);
    if (c->percent) strcat(text, " %");
}

void rows_real(row_printer *r, double v) {
    char text[64];
    if (!isfinite(v)) {
        rows_null(r);
        return;
    }
    if (is_shown(r)) {
        if (r->format == ROWS_JSON) {
            json_set_real(r->object, name_of(r, r->at), v);
        } else {
            if (rows_is_human(r))
                human_real(&r->columns[r->at], v, text);
            else
                str_real(text, v);
            put_text(r, text, true);
        }
    }
    next(r);
}

void rows_note(row_printer *r, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *text = str_vformat(fmt, ap);
    va_end(ap);
    rows_text(r, text);
    free(text);
}

/* ---- begin and end ---- */

void rows_open(row_printer *r, rows_format f, const row_column *columns, int n_columns, FILE *out) {
    *r = (row_printer){.format = f, .columns = columns, .n_columns = n_columns, .out = out};
    r->heads = mem_calloc((size_t)n_columns + 1, sizeof *r->heads);
    r->text = mem_calloc((size_t)n_columns, sizeof *r->text);
    int n = 0;
    if (rows_is_human(r)) {
        for (int c = 0; c < n_columns; c++) {
            if (columns[c].head == NULL) continue;
            char *safe = str_escape(columns[c].head);
            r->heads[n++] = str_format(">%s", safe);
            free(safe);
        }
        table_open(&r->t, (const char *const *)r->heads);
    }
    if (f == ROWS_CSV) csv_head(r);
    if (f == ROWS_JSON) r->object = json_object();
}

/* Columns with nothing but numbers stay to the right. */
static void align(row_printer *r) {
    int n = 0;
    for (int c = 0; c < r->n_columns; c++) {
        if (r->columns[c].head == NULL) continue;
        if (r->text[c] || r->t.cells == 0)
            memmove(r->heads[n], r->heads[n] + 1, strlen(r->heads[n]));
        n++;
    }
}

void rows_close(row_printer *r) {
    if (rows_is_human(r)) {
        align(r);
        if (r->format == ROWS_TABLE)
            table_print(&r->t, r->out);
        else
            table_print_markdown(&r->t, r->out);
        table_close(&r->t);
    }
    for (int i = 0; i < r->n_columns; i++) free(r->heads[i]);
    free(r->heads);
    free(r->text);
    json_decref(r->object);
    *r = (row_printer){0};
}
