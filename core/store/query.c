#include "store/query.h"

#include <stdlib.h>
#include <string.h>

#include "store/handle.h"
#include "util/clock.h"
#include "util/mem.h"
#include "util/str.h"

/* ---- the guard ---- */

static const char *const pragmas[] = {
    "table_info",  "table_xinfo",      "table_list",    "index_list",    "index_info",
    "index_xinfo", "foreign_key_list", "database_list", "function_list", "compile_options",
};

static bool is_harmless_pragma(const char *name) {
    for (size_t i = 0; i < sizeof pragmas / sizeof *pragmas; i++)
        if (sqlite3_stricmp(name, pragmas[i]) == 0) return true;
    return false;
}

static int deny(store *s, const char *what, const char *name) {
    free(s->denied);
    s->denied = str_format("%s%s%s", what, name != NULL ? " " : "", name != NULL ? name : "");
    return SQLITE_DENY;
}

static int authorize(void *arg, int action, const char *first, const char *second, const char *db,
                     const char *trigger) {
    (void)db, (void)trigger;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE: return SQLITE_OK;
    case SQLITE_FUNCTION:
        return sqlite3_stricmp(second, "load_extension") == 0 ? deny(arg, "load_extension()", NULL)
                                                              : SQLITE_OK;
    case SQLITE_PRAGMA: return is_harmless_pragma(first) ? SQLITE_OK : deny(arg, "PRAGMA", first);
    case SQLITE_INSERT: return deny(arg, "INSERT INTO", first);
    case SQLITE_UPDATE: /* what declaring json_each asks for; nobody can do it: see below */
        return strcmp(first, "sqlite_master") == 0 ? SQLITE_OK : deny(arg, "UPDATE", first);
    case SQLITE_DELETE: return deny(arg, "DELETE FROM", first);
    case SQLITE_ATTACH: return deny(arg, "ATTACH", NULL);
    case SQLITE_DETACH: return deny(arg, "DETACH", NULL);
    case SQLITE_TRANSACTION:
    case SQLITE_SAVEPOINT: return deny(arg, "a transaction", NULL);
    default: return deny(arg, "what changes the database", NULL);
    }
}

static int watch(void *arg) {
    const store *s = arg;
    return clock_seconds() > s->deadline;
}

/* The last of three: the connection is open for reading only, defensive mode keeps the
 * schema from SQL, and what is no reading statement is not run. */
void store_guard(store *s, double seconds, const char *longer) {
    enum { OPCODES = 10000 /* between two looks at the clock: well under 1 ms */ };
    s->guarded = true;
    s->limit_seconds = seconds;
    s->longer = longer;
    s->deadline = clock_seconds() + seconds;
    sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, 100 << 20); /* of one text or blob */
    sqlite3_limit(s->db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_set_authorizer(s->db, authorize, s);
    sqlite3_progress_handler(s->db, OPCODES, watch, s);
}

/* ---- queries ---- */

/* The line and column of a byte of the SQL. source: that line; free() */
static place place_of(const char *sql, int offset, char **source) {
    const char *line = sql, *at = sql + offset;
    place p = {.file = "--sql", .line = 1, .width = 1};
    for (const char *c = sql; c < at; c++)
        if (*c == '\n') p.line++, line = c + 1;
    p.col = str_chars(line, (size_t)(at - line)) + 1;
    *source = mem_strndup(line, strcspn(line, "\n"));
    p.source = *source;
    return p;
}

static status refuse_denied(store *s, const char *what, diags *d) {
    s->failed = diag_error(d, ERR_STORE, "--sql: not allowed: %s", what);
    s->why = str_format("--sql: not allowed: %s", what);
    diag_hint(d, "queries only read: SELECT, functions, PRAGMA table_info and its like");
    return s->failed;
}

/* What SQLite says of a name that is nowhere, and where such names are: of columns those of
 * the tables that the SQL (?1) names. */
static const struct {
    const char *says, *names, *lists;
} unknown[] = {
    {"no such column: ",
     "SELECT DISTINCT c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c"
     " WHERE m.type IN ('table', 'view')"
     " AND ' ' || ?1 || ' ' GLOB '*[^A-Za-z0-9_]' || m.name || '[^A-Za-z0-9_]*'",
     "`--sql 'PRAGMA table_info(v_run)'` lists the columns of v_run"},
    {"no such table: ", "SELECT name FROM sqlite_master WHERE ?1 <> ''",
     "`--sql 'PRAGMA table_list'` lists the tables and views"},
    {"no such function: ", "SELECT DISTINCT name FROM pragma_function_list WHERE ?1 <> ''",
     "`--sql 'PRAGMA function_list'` lists the functions"},
};

static void hint_names(store *s, const char *sql, const char *message, diags *d) {
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        size_t n = strlen(unknown[i].says);
        if (strncmp(message, unknown[i].says, n) != 0) continue;
        const char *dot = strrchr(message + n, '.'); /* of `r.label` the column */
        const char *word = dot != NULL ? dot + 1 : message + n;
        char *near = store_nearest(s, word, unknown[i].names, sql);
        if (near != NULL)
            diag_hint(d, "did you mean '%s'?", near);
        else
            diag_hint(d, "%s", unknown[i].lists);
        free(near);
    }
}

static status refuse(store *s, const char *sql, int code, diags *d) {
    if (s->denied != NULL) return refuse_denied(s, s->denied, d);
    if (code != SQLITE_ERROR && code != SQLITE_AUTH && code != SQLITE_TOOBIG) {
        store_fail(s, code);
        return store_status(s, d);
    }
    int offset = sqlite3_error_offset(s->db);
    char *message = mem_strdup(sqlite3_errmsg(s->db)); /* the hint asks the database again */
    if (offset < 0) {
        diag_error(d, ERR_USAGE, "--sql: %s", message);
    } else {
        char *source;
        place p = place_of(sql, offset, &source);
        diag_error_at(d, ERR_USAGE, &p, "%s", message);
        free(source);
    }
    hint_names(s, sql, message, d);
    free(message);
    return ERR_USAGE;
}

static void bind_named(sqlite3_stmt *stmt, const store_arg *args, int n) {
    for (int i = 0; i < n; i++) {
        int at = sqlite3_bind_parameter_index(stmt, args[i].name);
        if (at == 0) continue;
        switch (args[i].type) {
        case 'i': sqlite3_bind_int64(stmt, at, args[i].i); break;
        case 'd': sqlite3_bind_double(stmt, at, args[i].d); break;
        case 't': sqlite3_bind_text(stmt, at, args[i].t, -1, SQLITE_STATIC); break;
        default: sqlite3_bind_null(stmt, at);
        }
    }
}

/* Is there a second statement? Comments and white space are none. */
static bool has_more(store *s, const char *tail) {
    sqlite3_stmt *stmt = NULL;
    while (*tail != '\0') {
        const char *from = tail;
        int code = sqlite3_prepare_v2(s->db, from, -1, &stmt, &tail);
        sqlite3_finalize(stmt);
        if (code != SQLITE_OK || stmt != NULL) return true;
        if (tail == from) break;
    }
    return false;
}

status store_query(store *s, const char *sql, const store_arg *args, int n_args, diags *d,
                   store_rows **rows) {
    const char *tail;
    sqlite3_stmt *stmt = NULL;
    *rows = NULL;
    if (s->failed) return store_status(s, d);
    int code = sqlite3_prepare_v2(s->db, sql, -1, &stmt, &tail);
    if (code != SQLITE_OK) return refuse(s, sql, code & 0xff, d);
    if (stmt == NULL) return diag_error(d, ERR_USAGE, "--sql: there is no SQL in it");
    if (sqlite3_column_count(stmt) == 0 || !sqlite3_stmt_readonly(stmt)) { /* VACUUM INTO */
        sqlite3_finalize(stmt);
        return refuse_denied(s, "what is no SELECT", d);
    }
    if (has_more(s, tail)) {
        sqlite3_finalize(stmt);
        return diag_error(d, ERR_USAGE, "--sql: more than one statement");
    }
    bind_named(stmt, args, n_args);
    *rows = mem_calloc(1, sizeof **rows);
    (*rows)->s = s;
    (*rows)->stmt = stmt;
    return OK;
}
