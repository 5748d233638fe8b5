/*
 * Reading CSV. The text is walked twice: to count, and to convert once the memory is there; what
 * a file can cost follows from its size.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/csv.h"
#include "util/files.h"
#include "util/mem.h"
#include "util/str.h"

enum { ROW_MOST = 1 << 20, NUMBER_MOST = 400, SHOWN = 32 };
enum { HEAD = 4 << 20 };
static const int64_t FILE_LIMIT = (int64_t)16 << 30, LARGE = (int64_t)64 << 20;

typedef struct reader {
    const char *path;
    const char *at, *end;
    int64_t line; /* of `at` */
    /* the row that is being read */
    const char *row;
    int64_t row_line, col; /* from 1 */
    diags *d;
    csv_table *t;
} reader;

/* One field: its text, inside of the quotes if it has them. */
typedef struct csv_field {
    const char *s;
    int64_t n;
    bool quoted, last; /* the last of its row */
} csv_field;

static status refuse_row(const reader *r, const char *why) {
    return diag_error(r->d, ERR_INPUT, "%s: line %" PRId64 ": %s", r->path, r->row_line, why);
}

/* "the text" of a field in a message, which says no more of a file than this. */
static status refuse_field(const reader *r, const csv_field *f, const char *why) {
    strbuf where = {0};
    strbuf_addf(&where, "%s: line %" PRId64 ", column %" PRId64, r->path, r->row_line, r->col);
    if (r->t->names != NULL && r->col <= r->t->cols)
        strbuf_addf(&where, " ('%.*s')", SHOWN, r->t->names[r->col - 1]);
    diag_error(r->d, ERR_INPUT, "%s: '%.*s'%s %s", where.s, (int)(f->n < SHOWN ? f->n : SHOWN),
               f->s, f->n > SHOWN ? "..." : "", why);
    strbuf_fini(&where);
    return ERR_INPUT;
}

/* Behind the end of a line that begins at s, or s. */
static const char *skip_break(const char *s, const char *end) {
    if (s < end && *s == '\r') return s + 1 < end && s[1] == '\n' ? s + 2 : s + 1;
    return s < end && *s == '\n' ? s + 1 : s;
}

/* Only ends of lines and blanks from here on? */
static bool nothing_follows(const reader *r) {
    const char *s = r->at;
    while (s < r->end && (*s == '\n' || *s == '\r' || *s == ' ' || *s == '\t')) s++;
    return s == r->end;
}

static void begin_row(reader *r) { r->row = r->at, r->row_line = r->line, r->col = 0; }

/* The text of a quoted field; r->at is behind its first quote. Doubled quotes stay doubled. */
static status quoted_text(reader *r, csv_field *f) {
    f->s = r->at;
    for (;;) {
        if (r->at == r->end) return refuse_row(r, "unterminated quote: it is open to the end");
        if (r->at - r->row > ROW_MOST)
            return refuse_row(r, "unterminated quote: 1 MiB without end");
        if (*r->at == '"') {
            if (r->at + 1 == r->end || r->at[1] != '"') break;
            r->at++;
        }
        const char *behind = skip_break(r->at, r->end);
        r->line += behind > r->at;
        r->at = behind > r->at ? behind : r->at + 1;
    }
    f->n = r->at++ - f->s;
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t')) r->at++;
    if (r->at == r->end || *r->at == ',' || *r->at == '\n' || *r->at == '\r') return OK;
    return refuse_row(r, "text behind a quoted field");
}

static void trim(csv_field *f) {
    while (f->n > 0 && (*f->s == ' ' || *f->s == '\t')) f->s++, f->n--;
    while (f->n > 0 && (f->s[f->n - 1] == ' ' || f->s[f->n - 1] == '\t')) f->n--;
}

static status next_field(reader *r, csv_field *f) {
    const char *blank = r->at;
    *f = (csv_field){0};
    r->col++;
    while (blank < r->end && *blank == ' ') blank++;
    if (blank < r->end && *blank == '"') {
        f->quoted = true;
        r->at = blank + 1;
        status bad = quoted_text(r, f);
        if (bad) return bad;
    } else {
        f->s = r->at;
        while (r->at < r->end && *r->at != ',' && *r->at != '\n' && *r->at != '\r') r->at++;
        f->n = r->at - f->s;
        trim(f);
    }
    if (r->at - r->row > ROW_MOST) return refuse_row(r, "longer than 1 MiB");
    const char *behind = skip_break(r->at, r->end);
    f->last = r->at == r->end || behind > r->at;
    r->line += behind > r->at;
    r->at = f->last ? behind : r->at + 1;
    return OK;
}

/* ---- numbers ---- */

/* NULL or what is wrong. */
static const char *to_number(csv_field *f, float *out) {
    char text[NUMBER_MOST + 1];
    double v;
    trim(f);
    if (f->n == 0) return "is empty, a number is wanted";
    if (f->n > NUMBER_MOST) return "is not a number";
    memcpy(text, f->s, (size_t)f->n);
    text[f->n] = '\0';
    if (!str_to_real(text, &v)) {
        bool digits = strspn(text, "0123456789.eE+-") == (size_t)f->n && isinf(strtod(text, NULL));
        return digits ? "is out of range" : "is not a finite decimal number";
    }
    *out = (float)v;
    return isfinite(*out) ? NULL : "is too large for float32";
}

/* ---- the first row ---- */

static status check_name(const reader *r, const char *name) {
    if (str_find_bad_utf8(name, strlen(name)) < 0) return OK;
    return diag_error(r->d, ERR_INPUT,
                      "%s: line %" PRId64 ": the name of column %" PRId64 " is not UTF-8 text",
                      r->path, r->row_line, r->col);
}

static status check_twice(const reader *r) {
    const char **names = mem_calloc((size_t)r->t->cols, sizeof *names);
    for (int64_t i = 0; i < r->t->cols; i++) names[i] = r->t->names[i];
    const char *twice = str_find_twice(names, r->t->cols);
    free(names);
    if (twice == NULL) return OK;
    return diag_error(r->d, ERR_INPUT, "%s: line %" PRId64 ": two columns are named '%s'", r->path,
                      r->row_line, twice);
}

/* Counts the columns and finds out whether they are names. */
static status look_at_first(reader r, bool *names) {
    csv_field f = {0};
    float v;
    *names = false;
    begin_row(&r);
    while (!f.last) {
        status bad = next_field(&r, &f);
        if (bad) return bad;
        *names |= to_number(&f, &v) != NULL;
    }
    r.t->cols = r.col;
    if (r.col > 1 || !*names) return OK;
    for (const char *s = r.row; s < r.at; s++)
        if (*s == ';' || *s == '\t')
            return refuse_row(&r,
                              *s == ';'
                                  ? "1 column found; is the separator ';'? A comma is wanted"
                                  : "1 column found; is the separator a tab? A comma is wanted");
    return OK;
}

static status read_names(reader *r) {
    csv_field f = {0};
    r->t->names = mem_calloc((size_t)r->t->cols, sizeof *r->t->names);
    begin_row(r);
    while (!f.last) {
        status bad = next_field(r, &f);
        if (bad) return bad;
        r->t->names[r->col - 1] = mem_strndup(f.s, (size_t)f.n);
        bad = check_name(r, r->t->names[r->col - 1]);
        if (bad) return bad;
    }
    return check_twice(r);
}

/* ---- the others ---- */

static status wrong_count(const reader *r, int64_t found) {
    return diag_error(r->d, ERR_INPUT,
                      "%s: line %" PRId64 ": %" PRId64 " column%s, expected %" PRId64, r->path,
                      r->row_line, found, found == 1 ? "" : "s", r->t->cols);
}

/* Does the row have as many columns as the first? */
static status check_row(reader *r) {
    csv_field f = {0};
    begin_row(r);
    while (!f.last) {
        status bad = next_field(r, &f);
        if (bad) return bad;
    }
    return r->col == r->t->cols ? OK : wrong_count(r, r->col);
}

static status count_rows(reader r) {
    while (!nothing_follows(&r)) {
        status bad = check_row(&r);
        if (bad) return bad;
        r.t->rows++;
    }
    return OK;
}

static status convert(reader *r) {
    csv_table *t = r->t;
    for (int64_t i = 0; i < t->rows; i++) {
        begin_row(r);
        for (int64_t k = 0; k < t->cols; k++) {
            csv_field f;
            status bad = next_field(r, &f);
            const char *why = bad ? NULL : to_number(&f, &t->x[i * t->cols + k]);
            if (why != NULL) bad = refuse_field(r, &f, why);
            if (bad) return bad;
        }
    }
    return OK;
}

static status allocate(const reader *r) {
    csv_table *t = r->t;
    int64_t n, bytes = 0;
    if (t->rows == 0) return diag_error(r->d, ERR_INPUT, "%s: no data rows", r->path);
    if (size_mul(t->rows, t->cols, &n)) size_mul(n, (int64_t)sizeof *t->x, &bytes);
    t->x = bytes > 0 ? mem_try_aligned((size_t)bytes) : NULL;
    return t->x != NULL ? OK
                        : diag_error(r->d, ERR_RESOURCE, "%s: no memory for %" PRId64 " numbers",
                                     r->path, t->rows * t->cols);
}

static status parse(reader *r) {
    bool names;
    if (nothing_follows(r)) return diag_error(r->d, ERR_INPUT, "%s: no data rows", r->path);
    status bad = look_at_first(*r, &names);
    if (!bad && names) bad = read_names(r);
    if (!bad) bad = count_rows(*r);
    if (!bad) bad = allocate(r);
    return bad ? bad : convert(r);
}

static status refuse_nul(const char *path, const char *bytes, int64_t n, diags *d) {
    const char *nul = memchr(bytes, '\0', (size_t)n);
    if (nul == NULL) return OK;
    return diag_error(d, ERR_INPUT, "%s: a NUL character at byte %" PRId64 ": this is no text",
                      path, (int64_t)(nul - bytes));
}

static reader begin(const char *path, const char *bytes, int64_t n, diags *d, csv_table *t) {
    int mark = n >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    return (reader){.path = path, .at = bytes + mark, .end = bytes + n, .line = 1, .d = d, .t = t};
}

/* The rows at the beginning of a large file: a gigabyte that is no table is not read. A row is
 * shorter than what is left when this ends. */
static status check_head(const char *path, diags *d) {
    char *bytes;
    int64_t size;
    csv_table t = {0};
    status bad = file_head(path, LARGE, HEAD, ERR_INPUT, d, &bytes, &size);
    if (bad || bytes == NULL) return bad;
    reader r = begin(path, bytes, HEAD, d, &t);
    bool names;
    bad = refuse_nul(path, bytes, HEAD, d);
    if (!bad) bad = look_at_first(r, &names);
    while (!bad && r.end - r.at > 2 * ROW_MOST) bad = check_row(&r);
    free(bytes);
    return bad;
}

status csv_parse(const char *path, const char *bytes, int64_t n, diags *d, csv_table *t) {
    *t = (csv_table){0};
    status bad = refuse_nul(path, bytes, n, d);
    if (bad) return bad;
    reader r = begin(path, bytes, n, d, t);
    bad = parse(&r);
    if (bad) csv_free(t);
    return bad;
}

status csv_read(const char *path, diags *d, csv_table *t) {
    char *bytes;
    size_t n;
    *t = (csv_table){0};
    status bad = check_head(path, d);
    if (!bad) bad = file_read(path, FILE_LIMIT, ERR_INPUT, d, &bytes, &n);
    if (bad) return bad;
    bad = csv_parse(path, bytes, (int64_t)n, d, t);
    free(bytes);
    return bad;
}

void csv_free(csv_table *t) {
    for (int64_t i = 0; t->names != NULL && i < t->cols; i++) free(t->names[i]);
    free(t->names);
    free(t->x);
    *t = (csv_table){0};
}
