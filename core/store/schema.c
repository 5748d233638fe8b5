#include "store/schema.h"

#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/str.h"

static const char *const schema_lines[] = {
#include "store/schema.sql.inc"
};

char *schema_text(void) {
    strbuf sql = {0};
    for (size_t i = 0; i < sizeof schema_lines / sizeof *schema_lines; i++)
        strbuf_add(&sql, schema_lines[i]);
    return sql.s;
}

/* ---- is it ours? ---- */

/* A statement without its comments and with one space where there is white space. */
static char *plain(const char *sql, size_t n) {
    strbuf b = {0};
    strbuf_add(&b, "");
    for (const char *end = sql + n; sql < end; sql++) {
        if (end - sql > 1 && sql[0] == '-' && sql[1] == '-')
            while (sql < end && *sql != '\n') sql++;
        bool space = sql == end || strchr(" \t\r\n", *sql) != NULL;
        if (!space)
            strbuf_addn(&b, sql, 1);
        else if (b.len > 0 && b.s[b.len - 1] != ' ')
            strbuf_addn(&b, " ", 1);
        if (sql == end) break;
    }
    while (b.len > 0 && b.s[b.len - 1] == ' ') b.s[--b.len] = '\0';
    return b.s;
}

/* What the database has under this name: "table" or "view", with its SQL; "" and NULL: nothing. */
static void find_object(store *s, const char *name, char type[16], char **sql) {
    store_rows *r =
        store_select(s, "SELECT type, sql FROM sqlite_schema WHERE name = ?", "t", name);
    type[0] = '\0';
    *sql = NULL;
    if (store_next(r)) {
        const char *text = store_text(r, 1);
        snprintf(type, 16, "%s", store_text(r, 0));
        *sql = text != NULL ? plain(text, strlen(text)) : NULL;
    }
    store_rows_end(r);
}

static status damaged(const store *s, const char *what, const char *name, const char *how,
                      diags *d) {
    diag_error(d, ERR_STORE, "%s: not a results database of schema %d: %s '%s' %s", s->path,
               STORE_SCHEMA, what, name, how);
    diag_hint(d, "another program or an early quantbench made it so; name another file with --db");
    return ERR_STORE;
}

/* `statement`: "CREATE TABLE name(..." or "CREATE VIEW name AS ...", n bytes: as it was made. */
static status check_object(store *s, const char *statement, size_t n, bool table, diags *d) {
    const char *begin = statement + strlen(table ? "CREATE TABLE " : "CREATE VIEW ");
    char *name = mem_strndup(begin, strcspn(begin, "( ")), *sql, type[16];
    const char *what = table ? "table" : "view";
    find_object(s, name, type, &sql);
    char *wanted = plain(statement, n);
    status bad = store_status(s, d);
    if (!bad && strcmp(type, what) != 0)
        bad = damaged(s, what, name, *type == '\0' ? "is missing" : "is something else", d);
    else if (!bad && (sql == NULL || strcmp(sql, wanted) != 0))
        bad = damaged(s, what, name, table ? "has other columns" : "asks for something else", d);
    free(name);
    free(wanted);
    free(sql);
    return bad;
}

static status check_triggers(store *s, diags *d) {
    store_rows *r = store_select(s, "SELECT name FROM sqlite_schema WHERE type = 'trigger'", "");
    status bad = OK;
    if (store_next(r))
        bad = damaged(s, "trigger", store_text(r, 0), "would change what is recorded", d);
    store_rows_end(r);
    return bad ? bad : store_status(s, d);
}

status schema_check(store *s, bool writes, diags *d) {
    char *all = schema_text();
    status bad = writes ? check_triggers(s, d) : OK;
    for (const char *at = all; !bad && (at = strstr(at, "CREATE ")) != NULL; at++) {
        bool table = strncmp(at, "CREATE TABLE ", 13) == 0;
        if (!table && strncmp(at, "CREATE VIEW ", 12) != 0) continue;
        bad = check_object(s, at, (size_t)(strstr(at, ";\n") - at), table, d);
    }
    free(all);
    return bad;
}

/* The first line that says what is wrong: those above it name the database, all in stars. */
static const char *first_finding(const char *found) {
    for (const char *at = found; at != NULL; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (*at != '\0' && strncmp(at, "***", 3) != 0) return at;
        if (*at == '\0') break;
    }
    return found;
}

status schema_quick_check(store *s, diags *d) {
    store_rows *r = store_select(s, "PRAGMA quick_check(1)", "");
    status bad = OK;
    const char *found = store_next(r) ? store_text(r, 0) : "ok";
    if (found != NULL && strcmp(found, "ok") != 0) {
        const char *line = first_finding(found);
        bad = diag_error(d, ERR_STORE, "%s: the database is damaged: %.*s", s->path,
                         (int)strcspn(line, "\n"), line);
        diag_hint(d, "nothing was written; `sqlite3 FILE .recover` saves what can be read");
    }
    store_rows_end(r);
    return bad ? bad : store_status(s, d);
}
