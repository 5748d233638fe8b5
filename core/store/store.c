#include "store/store.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/functions.h"
#include "store/handle.h"
#include "store/schema.h"
#include "util/clock.h"
#include "util/files.h"
#include "util/mem.h"
#include "util/str.h"

enum { BUSY_MS = 10000 };

/* ---- failures ---- */

/* A query of the user's can fail by what it says; of ours only the database can. */
static status status_of(const store *s, int primary) {
    int exactly = sqlite3_extended_errcode(s->db);
    if (exactly == SQLITE_IOERR_SHORT_READ || exactly == SQLITE_IOERR_CORRUPTFS) return ERR_STORE;
    if (primary == SQLITE_FULL || primary == SQLITE_NOMEM || primary == SQLITE_INTERRUPT ||
        primary == SQLITE_IOERR)
        return ERR_RESOURCE;
    bool text = primary == SQLITE_ERROR || primary == SQLITE_TOOBIG || primary == SQLITE_MISMATCH ||
                primary == SQLITE_AUTH;
    return s->guarded && text ? ERR_USAGE : ERR_STORE;
}

void store_fail(store *s, int code) {
    if (s->failed) return;
    int primary = code & 0xff;
    s->failed = status_of(s, primary);
    const char *why = primary == SQLITE_NOMEM ? "out of memory" : sqlite3_errmsg(s->db);
    int number = primary == SQLITE_IOERR ? sqlite3_system_errno(s->db) : 0;
    if (primary == SQLITE_BUSY) why = "locked by another process for 10 s";
    if (primary == SQLITE_INTERRUPT)
        s->why = str_format("the query was stopped after %.0f s", s->limit_seconds);
    else if (s->failed == ERR_USAGE)
        s->why = str_format("the query failed: %s", why);
    else
        s->why = str_format("%s: %s%s%s%s", s->path, why, number != 0 ? " (" : "",
                            number != 0 ? strerror(number) : "", number != 0 ? ")" : "");
}

status store_status(store *s, diags *d) {
    if (!s->failed) return OK;
    diag_error(d, s->failed, "%s", s->why);
    if (s->failed == ERR_RESOURCE && s->guarded && s->longer != NULL)
        diag_hint(d, "%s gives it longer", s->longer);
    return s->failed;
}

/* ---- statements ---- */

static sqlite3_stmt *prepare(store *s, const char *sql) {
    for (int i = 0; i < s->n_statements; i++)
        if (s->statements[i].sql == sql) return s->statements[i].stmt;
    sqlite3_stmt *stmt = NULL;
    assert(s->n_statements < STATEMENTS_MAX);
    int code = sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    if (code != SQLITE_OK) {
        store_fail(s, code);
        return NULL;
    }
    s->statements[s->n_statements].sql = sql;
    s->statements[s->n_statements++].stmt = stmt;
    return stmt;
}

static void bind(sqlite3_stmt *stmt, const char *types, va_list ap) {
    for (int i = 1; *types != '\0'; types++, i++) {
        double v;
        const blob_arg *b;
        switch (*types) {
        case 'b':
            b = va_arg(ap, const blob_arg *);
            sqlite3_bind_blob64(stmt, i, b->data, b->bytes, SQLITE_STATIC);
            break;
        case 'i': sqlite3_bind_int64(stmt, i, va_arg(ap, int64_t)); break;
        case 't': sqlite3_bind_text(stmt, i, va_arg(ap, const char *), -1, SQLITE_STATIC); break;
        default:
            v = va_arg(ap, double);
            if (isfinite(v))
                sqlite3_bind_double(stmt, i, v);
            else
                sqlite3_bind_null(stmt, i);
        }
    }
}

void store_write(store *s, const char *sql, const char *types, ...) {
    sqlite3_stmt *stmt = s->failed ? NULL : prepare(s, sql);
    if (stmt == NULL) return;
    va_list ap;
    va_start(ap, types);
    bind(stmt, types, ap);
    va_end(ap);
    int code = sqlite3_step(stmt);
    if (code != SQLITE_DONE && code != SQLITE_ROW) store_fail(s, code);
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
}

store_rows *store_select(store *s, const char *sql, const char *types, ...) {
    store_rows *r = mem_calloc(1, sizeof *r);
    r->s = s;
    if (s->failed) return r;
    int code = sqlite3_prepare_v2(s->db, sql, -1, &r->stmt, NULL);
    if (code != SQLITE_OK) {
        store_fail(s, code);
        return r;
    }
    va_list ap;
    va_start(ap, types);
    bind(r->stmt, types, ap);
    va_end(ap);
    return r;
}

bool store_next(store_rows *r) {
    if (r->stmt == NULL) return false;
    int code = sqlite3_step(r->stmt);
    if (code != SQLITE_ROW && code != SQLITE_DONE) store_fail(r->s, code);
    return code == SQLITE_ROW;
}

bool store_is_null(const store_rows *r, int column) {
    return sqlite3_column_type(r->stmt, column) == SQLITE_NULL;
}

int64_t store_int(const store_rows *r, int column) { return sqlite3_column_int64(r->stmt, column); }

double store_real(const store_rows *r, int column) {
    return store_is_null(r, column) ? (double)NAN : sqlite3_column_double(r->stmt, column);
}

const char *store_text(const store_rows *r, int column) {
    return (const char *)sqlite3_column_text(r->stmt, column);
}

int store_columns(const store_rows *r) { return sqlite3_column_count(r->stmt); }

const char *store_column(const store_rows *r, int column) {
    return sqlite3_column_name(r->stmt, column);
}

store_type store_type_of(const store_rows *r, int column) {
    switch (sqlite3_column_type(r->stmt, column)) {
    case SQLITE_NULL: return STORE_NULL;
    case SQLITE_INTEGER: return STORE_INT;
    case SQLITE_FLOAT: return STORE_REAL;
    case SQLITE_TEXT: return STORE_TEXT;
    default: return STORE_BLOB;
    }
}

const unsigned char *store_blob(const store_rows *r, int column, int *bytes) {
    const unsigned char *blob = sqlite3_column_blob(r->stmt, column);
    *bytes = sqlite3_column_bytes(r->stmt, column);
    return blob;
}

void store_rows_end(store_rows *r) {
    sqlite3_finalize(r->stmt);
    free(r);
}

int64_t store_select_int(store *s, const char *sql, const char *text) {
    store_rows *r = store_select(s, sql, text != NULL ? "t" : "", text);
    int64_t v = store_next(r) ? store_int(r, 0) : -1;
    store_rows_end(r);
    return v;
}

/* ---- opening ---- */

void store_exec(store *s, const char *sql) {
    if (s->failed) return;
    int code = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    if (code != SQLITE_OK) store_fail(s, code);
}

/* Is the file ours, or as good as empty? Everything that is asked before a byte is
 * written to it. *empty: the schema is still to be made. */
static status check_header(store *s, diags *d, bool *empty) {
    int64_t id = store_select_int(s, "PRAGMA application_id", NULL);
    int64_t version = store_select_int(s, "PRAGMA user_version", NULL);
    /* asked only where it matters: it reads the whole schema */
    *empty = id == 0 && version == 0 &&
             store_select_int(s, "SELECT count(*) FROM sqlite_schema", NULL) == 0;
    int code = sqlite3_errcode(s->db);
    if (s->failed && code != SQLITE_NOTADB && code != SQLITE_CORRUPT) return store_status(s, d);
    if (s->failed) {
        diag_error(d, ERR_STORE, "%s: not a results database: %s", s->path, sqlite3_errmsg(s->db));
        diag_hint(d, "name another file with --db");
    } else if (!*empty && id != STORE_APPLICATION_ID) {
        diag_error(d, ERR_STORE, "%s: a database of another application (id 0x%08llx)", s->path,
                   (unsigned long long)id);
        diag_hint(d, "name another file with --db");
    } else if (!*empty && version < 1) {
        diag_error(d, ERR_STORE, "%s: schema %lld, which no quantbench wrote", s->path,
                   (long long)version);
        diag_hint(d, "name another file with --db");
    } else if (version > STORE_SCHEMA) {
        diag_error(d, ERR_STORE, "%s: schema %lld, this program knows up to %d", s->path,
                   (long long)version, STORE_SCHEMA);
        diag_hint(d, "use a newer quantbench for it");
    } else {
        return OK;
    }
    return ERR_STORE;
}

static char *file_uri(const char *path, const char *query) {
    strbuf b = {0};
    strbuf_add(&b, "file:");
    for (; *path != '\0'; path++) {
        if (strchr("%?#", *path) != NULL)
            strbuf_addf(&b, "%%%02x", (unsigned char)*path);
        else
            strbuf_addn(&b, path, 1);
    }
    strbuf_add(&b, query);
    return b.s;
}

static bool has_beside(const char *path, const char *suffix) {
    char *file = str_format("%s%s", path, suffix);
    bool there = file_exists(file);
    free(file);
    return there;
}

static bool has_wal(const char *path) { return has_beside(path, "-wal"); }

/* What SQLite would wait for, as a FIFO, or take for an empty file: one of a byte. */
static status check_file(const char *path, diags *d) {
    enum { HEADER_BYTES = 100 };
    struct stat now;
    if (stat(path, &now) != 0) return diag_error(d, ERR_STORE, "%s: %s", path, strerror(errno));
    bool regular = S_ISREG(now.st_mode);
    if (regular && (now.st_size == 0 || now.st_size >= HEADER_BYTES)) return OK;
    if (S_ISDIR(now.st_mode))
        diag_error(d, ERR_STORE, "%s: is a directory", path);
    else if (!regular)
        diag_error(d, ERR_STORE, "%s: not a regular file", path);
    else
        diag_error(d, ERR_STORE, "%s: not a results database: it is too short", path);
    diag_hint(d, "name another file with --db");
    return ERR_STORE;
}

/* Looks at a file without changing it or leaving -wal and -shm beside it. Where a
 * -wal is there already, only a connection that reads it sees what is in the file. */
static status inspect(const char *path, diags *d) {
    char *uri = file_uri(path, has_wal(path) ? "?mode=ro" : "?immutable=1");
    store s = {.path = (char *)(uintptr_t)path};
    bool empty;
    int code = sqlite3_open_v2(uri, &s.db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
    free(uri);
    if (code != SQLITE_OK) store_fail(&s, code);
    sqlite3_busy_timeout(s.db, BUSY_MS); /* the log of a process that died is being read */
    /* with a journal it may be half of what it was, until a connection that writes takes it back */
    bool torn = has_beside(path, "-journal");
    if (torn) {
        int64_t id = store_select_int(&s, "PRAGMA application_id", NULL);
        torn = s.failed || id <= 0 || id == STORE_APPLICATION_ID;
    }
    status bad = torn ? OK : check_header(&s, d, &empty);
    free(s.why);
    sqlite3_close(s.db);
    return bad;
}

static status create_schema(store *s, diags *d) {
    char now[32];
    bool empty;
    clock_utc_now(now);
    char *sql = schema_text();
    store_exec(s, "BEGIN EXCLUSIVE");
    /* another process may have been faster, ours or not */
    status bad = check_header(s, d, &empty);
    if (!bad && empty) {
        store_exec(s, sql);
        store_exec(s, "PRAGMA application_id = 0x51424E43");
        store_exec(s, "PRAGMA user_version = 1");
        store_write(s, "INSERT INTO schema_migration(version, applied) VALUES (1, ?)", "t", now);
    }
    if (bad)
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    else
        store_exec(s, "COMMIT");
    free(sql);
    return bad;
}

/* A log beside it instead of a rollback journal. Another process may be in it, or the file system
 * may not have it: then it stays as it is until the next time. */
static void use_wal(store *s) {
    enum { MOMENT_MS = 1000 };
    sqlite3_busy_timeout(s->db, MOMENT_MS);
    int code = sqlite3_exec(s->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL),
        why = code & 0xff;
    if (why == SQLITE_IOERR || why == SQLITE_FULL || why == SQLITE_NOMEM) store_fail(s, code);
    sqlite3_busy_timeout(s->db, BUSY_MS);
}

/* A process died in a transaction before there was a log: only who may write can take back what
 * it left. What is in the way is told by the connection that follows. */
static void roll_back(const char *path) {
    sqlite3 *db = NULL;
    if (has_beside(path, "-journal") && access(path, W_OK) == 0 &&
        sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) {
        sqlite3_busy_timeout(db, BUSY_MS);
        sqlite3_exec(db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
    }
    sqlite3_close(db);
}

static status nothing_in_it(const char *path, diags *d) {
    diag_error(d, ERR_STORE, "%s: there is no results database", path);
    diag_hint(d, "`quantbench run SPEC` makes it; --db and QUANTBENCH_DB name another");
    return ERR_STORE;
}

static void configure(store *s) {
    sqlite3_busy_timeout(s->db, BUSY_MS);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    if (has_wal(s->path)) /* until accept_file() */
        sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    store_exec(s, "PRAGMA trusted_schema = OFF");
    store_exec(s, "PRAGMA cell_size_check = ON");
    store_exec(s, "PRAGMA foreign_keys = ON");
    store_exec(s, "PRAGMA synchronous = NORMAL");
    functions_register(s->db);
}

/* Readers, too, make -wal and -shm beside it. Where they cannot, nobody else can write. */
static int connect(store *s, bool read_only) {
    int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    char *folder = path_dir(s->path);
    bool still = read_only && access(folder, W_OK) != 0 && !has_wal(s->path);
    free(folder);
    if (!still) return sqlite3_open_v2(s->path, &s->db, flags, NULL);
    char *uri = file_uri(s->path, "?immutable=1");
    int code = sqlite3_open_v2(uri, &s->db, flags | SQLITE_OPEN_URI, NULL);
    free(uri);
    return code;
}

/* It is ours and sound: from here on its log may be written into it, and it is known again. */
static status accept_file(store *s, diags *d) {
    struct stat now;
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    s->owner = getpid();
    if (stat(s->path, &now) != 0)
        return diag_error(d, ERR_STORE, "%s: %s", s->path, strerror(errno));
    s->device = now.st_dev, s->inode = now.st_ino;
    return OK;
}

/* A file that was removed or replaced takes what is written to it along. */
void store_check_file(store *s) {
    struct stat now;
    assert(s->owner == getpid()); /* no connection crosses a fork */
    if (s->failed) return;
    if (stat(s->path, &now) == 0 && now.st_dev == s->device && now.st_ino == s->inode) return;
    s->failed = ERR_STORE;
    s->why = str_format("%s: the database file was replaced while it was in use", s->path);
}

status store_open(const char *path, bool read_only, diags *d, store **out) {
    *out = NULL;
    bool exists = file_exists(path), empty = false;
    if (!exists && read_only) return nothing_in_it(path, d);
    status bad = exists ? check_file(path, d) : OK;
    if (!bad && exists) bad = inspect(path, d);
    if (bad) return bad;
    if (exists && read_only) roll_back(path);
    store *s = mem_calloc(1, sizeof *s);
    s->path = mem_strdup(path);
    int code = connect(s, read_only);
    if (code != SQLITE_OK)
        store_fail(s, code);
    else
        configure(s);
    bad = s->failed ? store_status(s, d) : check_header(s, d, &empty);
    if (!bad && empty) bad = read_only ? nothing_in_it(path, d) : create_schema(s, d);
    if (!bad && !empty) bad = schema_check(s, !read_only, d);
    if (!bad && !empty && !read_only) bad = schema_quick_check(s, d);
    if (!bad) bad = accept_file(s, d);
    if (!bad && !read_only) use_wal(s);
    s->last_flush = clock_seconds();
    if (!bad) bad = store_status(s, d);
    if (bad)
        store_close(s);
    else
        *out = s;
    return bad;
}

status store_finish(store *s, diags *d) {
    status bad = store_flush(s, d);
    if (bad) return bad;
    int code = sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY && (code & 0xff) != SQLITE_LOCKED)
        store_fail(s, code);
    return store_status(s, d);
}

void store_close(store *s) {
    if (s == NULL) return;
    diags late;
    diags_init(&late);
    store_flush(s, &late);
    diags_fini(&late);
    for (int i = 0; i < s->n_statements; i++) sqlite3_finalize(s->statements[i].stmt);
    sqlite3_close(s->db);
    free(s->path);
    free(s->why);
    free(s->denied);
    free(s);
}

const char *store_path(const store *s) { return s->path; }
