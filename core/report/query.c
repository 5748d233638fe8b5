#include "report/query.h"

#include <stdlib.h>
#include <string.h>

#include "store/query.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/str.h"

enum { TABLE_MAX_CELLS = 2000000 }; /* about 200 MB */

const named_query *query_find(const char *name) {
    for (int i = 0; i < n_named_queries; i++)
        if (strcmp(named_queries[i].name, name) == 0) return &named_queries[i];
    return NULL;
}

bool query_takes(const named_query *q, const char *parameter) {
    size_t n = strlen(parameter);
    for (const char *at = q->sql; (at = strstr(at, parameter)) != NULL; at += n)
        if (strchr("abcdefghijklmnopqrstuvwxyz_", at[n]) == NULL) return true;
    return false;
}

/* ---- columns that are known only now ---- */

/* `name`, with a number where a column to the left is called the same. */
static char *unique_name(const store_rows *r, int c) {
    const char *name = store_column(r, c);
    int same = 1;
    for (int i = 0; i < c; i++) same += strcmp(store_column(r, i), name) == 0;
    return same > 1 ? str_format("%s_%d", name, same) : mem_strdup(name);
}

static row_column *make_columns(const store_rows *r) {
    int n = store_columns(r);
    row_column *list = mem_calloc((size_t)n, sizeof *list);
    for (int c = 0; c < n; c++) {
        char *name = unique_name(r, c);
        list[c] = (row_column){name, name, ROWS_SHORT, false};
    }
    return list;
}

static void free_columns(row_column *list, int n) {
    for (int c = 0; c < n; c++) free((char *)(uintptr_t)list[c].name);
    free(list);
}

/* Bytes in hexadecimal to programs, their number to people. */
static void add_blob(row_printer *t, const store_rows *r, int c) {
    int n;
    const unsigned char *bytes = store_blob(r, c, &n);
    if (rows_is_human(t)) {
        rows_note(t, "(%d bytes)", n);
        return;
    }
    char *hex = mem_calloc(2 * (size_t)n + 1, 1);
    for (int i = 0; i < n; i++) snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    rows_text(t, hex);
    free(hex);
}

/* A seed is an unsigned number that the database keeps as a signed one. */
static void add_cell(row_printer *t, const store_rows *r, int c) {
    switch (store_type_of(r, c)) {
    case STORE_NULL: rows_null(t); break;
    case STORE_INT:
        if (strcmp(store_column(r, c), "seed") == 0)
            rows_uint(t, (uint64_t)store_int(r, c));
        else
            rows_int(t, store_int(r, c));
        break;
    case STORE_REAL: rows_real(t, store_real(r, c)); break;
    case STORE_TEXT: rows_text(t, store_text(r, c)); break;
    case STORE_BLOB: add_blob(t, r, c); break;
    }
}

static status print_rows(store *s, store_rows *r, rows_format f, FILE *out, diags *d) {
    int n = store_columns(r);
    bool more = store_next(r), too_many = false;
    status bad = store_status(s, d);
    if (bad) return bad; /* without the head of a table that has no rows */
    if (!more) log_info("the query found nothing");
    row_column *columns = make_columns(r);
    row_printer t;
    rows_open(&t, f, columns, n, out);
    for (; more && !too_many; more = store_next(r)) {
        for (int c = 0; c < n; c++) add_cell(&t, r, c);
        too_many = rows_count(&t) > TABLE_MAX_CELLS / n;
    }
    rows_close(&t);
    free_columns(columns, n);
    if (!too_many) return store_status(s, d);
    diag_error(d, ERR_RESOURCE, "the table has more than %d cells", TABLE_MAX_CELLS);
    diag_hint(d, "--format csv and json have no limit");
    return ERR_RESOURCE;
}

/* ---- queries ---- */

status query_sql(store *s, const char *sql, rows_format f, FILE *out, diags *d) {
    store_rows *r;
    status bad = store_query(s, sql, NULL, 0, d, &r);
    if (bad) return bad;
    bad = print_rows(s, r, f, out, d);
    store_rows_end(r);
    return bad;
}

static store_arg text_arg(const char *name, const char *text) {
    return (store_arg){.name = name, .type = text != NULL ? 't' : 'n', .t = text};
}

status query_named(store *s, const named_query *q, const char *const *words, int n_words,
                   const query_options *o, rows_format f, FILE *out, diags *d) {
    store_arg args[] = {text_arg(":run", NULL),
                        text_arg(":a", NULL),
                        text_arg(":b", NULL),
                        text_arg(":experiment", o->experiment),
                        text_arg(":metric", o->metric != NULL ? o->metric : "accuracy"),
                        text_arg(":method", o->method),
                        {.name = ":bucket", .type = 'd', .d = o->bucket}};
    int64_t run[2];
    status bad = OK;
    for (int i = 0; !bad && i < n_words && i < 2; i++)
        bad = store_find_run(s, words[i], d, &run[i]);
    if (n_words > 0) args[0].type = args[1].type = 'i', args[0].i = args[1].i = run[0];
    if (n_words > 1) args[2].type = 'i', args[2].i = run[1];
    if (!bad && o->experiment != NULL) bad = store_find_experiment(s, o->experiment, d);
    if (!bad && o->metric != NULL) bad = store_find_metric(s, o->metric, d);
    store_rows *r;
    if (!bad) bad = store_query(s, q->sql, args, sizeof args / sizeof *args, d, &r);
    if (bad) return bad;
    bad = print_rows(s, r, f, out, d);
    store_rows_end(r);
    return bad;
}

void query_list(rows_format f, FILE *out) {
    static const row_column columns[] = {{"name", "name", 0, false},
                                         {"words", "words", 0, false},
                                         {"options", "options", 0, false},
                                         {"answers", "answers", 0, false}};
    static const char *const options[] = {"experiment", "metric", "method", "bucket"};
    row_printer t;
    rows_open(&t, f, columns, 4, out);
    for (int i = 0; i < n_named_queries; i++) {
        const named_query *q = &named_queries[i];
        strbuf list = {0};
        strbuf_add(&list, "");
        for (int k = 0; k < 4; k++) {
            char parameter[32];
            snprintf(parameter, sizeof parameter, ":%s", options[k]);
            if (query_takes(q, parameter))
                strbuf_addf(&list, "%s--%s", list.len > 0 ? " " : "", options[k]);
        }
        rows_text(&t, q->name);
        rows_text(&t, q->words);
        rows_text(&t, list.s);
        rows_text(&t, q->doc);
        strbuf_fini(&list);
    }
    rows_close(&t);
}
