#include "store/store.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "store/functions.h"
#include "store/handle.h"
#include "util/clock.h"
#include "util/files.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/suggest.h"

static const char *const schema_lines[] = {
#include "store/schema.sql.inc"
};

enum { BUSY_MS = 10000 };

/* ---- failures ---- */

/* A query of the user's can fail by what it says; of ours only the database can. */
static status status_of(const store *s, int primary) {
    if (primary == SQLITE_FULL || primary == SQLITE_NOMEM || primary == SQLITE_INTERRUPT)
        return ERR_RESOURCE;
    bool text = primary == SQLITE_ERROR || primary == SQLITE_TOOBIG || primary == SQLITE_MISMATCH ||
                primary == SQLITE_AUTH;
    return s->guarded && text ? ERR_USAGE : ERR_STORE;
}

void store_fail(store *s, int code) {
    if (s->failed) return;
    int primary = code & 0xff;
    s->failed = status_of(s, primary);
    const char *why = sqlite3_errmsg(s->db);
    if (primary == SQLITE_BUSY) why = "locked by another process for 10 s";
    if (primary == SQLITE_INTERRUPT)
        s->why = str_format("the query was stopped after %.0f s", s->limit_seconds);
    else if (s->failed == ERR_USAGE)
        s->why = str_format("the query failed: %s", why);
    else
        s->why = str_format("%s: %s", s->path, why);
}

status store_status(store *s, diags *d) {
    if (!s->failed) return OK;
    diag_error(d, s->failed, "%s", s->why);
    if (s->failed == ERR_RESOURCE && s->guarded) diag_hint(d, "--timeout SECONDS gives it longer");
    return s->failed;
}

/* ---- statements ---- */

static sqlite3_stmt *prepare(store *s, const char *sql) {
    for (int i = 0; i < s->n_statements; i++)
        if (s->statements[i].sql == sql) return s->statements[i].stmt;
    sqlite3_stmt *stmt = NULL;
    int code = sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
    if (code != SQLITE_OK || s->n_statements == STATEMENTS_MAX) {
        sqlite3_finalize(stmt);
        store_fail(s, code);
        return NULL;
    }
    s->statements[s->n_statements].sql = sql;
    s->statements[s->n_statements++].stmt = stmt;
    return stmt;
}

/* What a b of types stands for. */
typedef struct blob_arg {
    const void *data; /* NULL: NULL */
    size_t bytes;
} blob_arg;

/* i int64_t, d double (NULL if not finite), t text (NULL if NULL), b const blob_arg * */
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

static void run_sql(store *s, const char *sql, const char *types, ...) {
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

/* One number; -1 if there is no row. */
static int64_t select_int(store *s, const char *sql, const char *text) {
    store_rows *r = store_select(s, sql, text != NULL ? "t" : "", text);
    int64_t v = store_next(r) ? store_int(r, 0) : -1;
    store_rows_end(r);
    return v;
}

/* ---- opening ---- */

static void exec(store *s, const char *sql) {
    if (s->failed) return;
    int code = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    if (code != SQLITE_OK) store_fail(s, code);
}

/* Is the file ours, or as good as empty? Everything that is asked before a byte is
 * written to it. *empty: the schema is still to be made. */
static status check_header(store *s, diags *d, bool *empty) {
    int64_t id = select_int(s, "PRAGMA application_id", NULL);
    int64_t version = select_int(s, "PRAGMA user_version", NULL);
    /* asked only where it matters: it reads the whole schema */
    *empty =
        id == 0 && version == 0 && select_int(s, "SELECT count(*) FROM sqlite_schema", NULL) == 0;
    if (s->failed) {
        diag_error(d, ERR_STORE, "%s: not a results database: %s", s->path, sqlite3_errmsg(s->db));
        diag_hint(d, "name another file with --db");
    } else if (!*empty && id != STORE_APPLICATION_ID) {
        diag_error(d, ERR_STORE, "%s: a database of another application (id 0x%08llx)", s->path,
                   (unsigned long long)id);
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

static bool has_wal(const char *path) {
    char *wal = str_format("%s-wal", path);
    bool there = file_exists(wal);
    free(wal);
    return there;
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
    status bad = check_header(&s, d, &empty);
    free(s.why);
    sqlite3_close(s.db);
    return bad;
}

static status create_schema(store *s, diags *d) {
    char now[32];
    bool empty;
    clock_utc_now(now);
    strbuf sql = {0};
    for (size_t i = 0; i < sizeof schema_lines / sizeof *schema_lines; i++)
        strbuf_add(&sql, schema_lines[i]);
    exec(s, "BEGIN EXCLUSIVE");
    /* another process may have been faster, ours or not */
    status bad = check_header(s, d, &empty);
    if (!bad && empty) {
        exec(s, sql.s);
        exec(s, "PRAGMA application_id = 0x51424E43");
        exec(s, "PRAGMA user_version = 1");
        run_sql(s, "INSERT INTO schema_migration(version, applied) VALUES (1, ?)", "t", now);
    }
    if (bad)
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    else
        exec(s, "COMMIT");
    strbuf_fini(&sql);
    if (!bad && !s->failed) sqlite3_exec(s->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
    return bad;
}

static void configure(store *s) {
    sqlite3_busy_timeout(s->db, BUSY_MS);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    exec(s, "PRAGMA trusted_schema = OFF");
    exec(s, "PRAGMA cell_size_check = ON");
    exec(s, "PRAGMA foreign_keys = ON");
    exec(s, "PRAGMA synchronous = NORMAL");
    functions_register(s->db);
}

status store_open(const char *path, bool read_only, diags *d, store **out) {
    *out = NULL;
    bool exists = file_exists(path), empty = false;
    if (!exists && read_only) {
        diag_error(d, ERR_STORE, "%s: there is no results database", path);
        diag_hint(d, "`quantbench run SPEC` makes it; --db and QUANTBENCH_DB name another");
        return ERR_STORE;
    }
    status bad = exists ? inspect(path, d) : OK;
    if (bad) return bad;
    store *s = mem_calloc(1, sizeof *s);
    s->path = mem_strdup(path);
    int flags = read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    int code = sqlite3_open_v2(path, &s->db, flags, NULL);
    if (code != SQLITE_OK)
        store_fail(s, code);
    else
        configure(s);
    bad = s->failed ? store_status(s, d) : check_header(s, d, &empty);
    if (!bad && empty && !read_only) bad = create_schema(s, d);
    s->last_flush = clock_seconds();
    if (!bad) bad = store_status(s, d);
    if (bad)
        store_close(s);
    else
        *out = s;
    return bad;
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

/* ---- writing ---- */

void store_begin(store *s) {
    exec(s, "BEGIN IMMEDIATE"); /* a deferred one that reads first can lose its write to BUSY */
    s->in_transaction = !s->failed;
}

status store_commit(store *s, diags *d) {
    exec(s, "COMMIT");
    if (s->failed) store_rollback(s);
    s->in_transaction = false;
    return store_status(s, d);
}

void store_rollback(store *s) {
    if (s->in_transaction) sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->in_transaction = false;
}

static void make_uid(char uid[STORE_UID]) {
    static const char letter[] = "0123456789abcdefghjkmnpqrstvwxyz"; /* Crockford's 32 */
    unsigned char random[STORE_UID - 1];
    for (size_t have = 0; have < sizeof random;) {
        ssize_t got = getrandom(random + have, sizeof random - have, 0);
        if (got > 0) have += (size_t)got;
    }
    for (int i = 0; i < STORE_UID - 1; i++) uid[i] = letter[random[i] & 31];
    uid[STORE_UID - 1] = '\0';
}

static int64_t environment_id(store *s, const store_environment *e) {
    run_sql(s,
            "INSERT INTO environment(version, git_commit, cpu, simd, blas, threads) VALUES (?, ?, "
            "?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            "ttttti", e->version, e->git_commit, e->cpu, e->simd, e->blas, (int64_t)e->threads);
    store_rows *r =
        store_select(s,
                     "SELECT id FROM environment WHERE version = ? AND git_commit = ? AND cpu = ?"
                     " AND simd = ? AND blas = ? AND threads = ?",
                     "ttttti", e->version, e->git_commit, e->cpu, e->simd, e->blas,
                     (int64_t)e->threads);
    int64_t id = store_next(r) ? store_int(r, 0) : 0;
    store_rows_end(r);
    return id;
}

static void add_experiment(store *s, const char *name, const char *kind) {
    run_sql(s, "INSERT INTO experiment(name, kind) VALUES (?, ?) ON CONFLICT DO NOTHING", "tt",
            name, kind);
}

int64_t store_sweep(store *s, const char *experiment, const char *kind, const char *axes,
                    const char *compare_metric) {
    char now[32];
    clock_utc_now(now);
    add_experiment(s, experiment, kind);
    run_sql(s,
            "INSERT INTO sweep(experiment, axes, compare_metric, used) SELECT id, ?3, ?4, ?5"
            " FROM experiment WHERE name = ?1 AND kind = ?2 ON CONFLICT DO UPDATE"
            " SET compare_metric = excluded.compare_metric, used = excluded.used",
            "ttttt", experiment, kind, axes, compare_metric, now);
    store_rows *r = store_select(s,
                                 "SELECT w.id FROM sweep w JOIN experiment e ON e.id = w.experiment"
                                 " WHERE e.name = ? AND e.kind = ? AND w.axes = ?",
                                 "ttt", experiment, kind, axes);
    int64_t id = store_next(r) ? store_int(r, 0) : 0;
    store_rows_end(r);
    run_sql(s, "DELETE FROM sweep_point WHERE sweep = ?", "i", id);
    return id;
}

void store_sweep_point(store *s, int64_t sweep, int position, const char *config_key,
                       const char *label, const char *baseline_key) {
    run_sql(s,
            "INSERT INTO sweep_point(sweep, config_key, position, label, baseline_key)"
            " VALUES (?, ?, ?, ?, ?)",
            "ititt", sweep, config_key, (int64_t)position, label, baseline_key);
}

int64_t store_run_begin(store *s, const store_run *r, char uid[STORE_UID]) {
    char now[32];
    clock_utc_now(now);
    make_uid(uid);
    int64_t environment = environment_id(s, r->environment);
    add_experiment(s, r->experiment, r->kind);
    run_sql(s, "INSERT INTO spec(sha256, source, resolved) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            "ttt", r->spec_sha256, r->spec_source, r->spec_resolved);
    run_sql(s,
            "INSERT INTO run(uid, experiment, spec, sweep, environment, config_key, cache_key,"
            " baseline_key, label, seed, status, started, command, attempt)"
            " SELECT ?1, (SELECT id FROM experiment WHERE name = ?2 AND kind = ?3),"
            " (SELECT id FROM spec WHERE sha256 = ?4), nullif(?5, 0), ?6, ?7, ?8, ?9, ?10, ?11,"
            " 'running', ?12, ?13,"
            " 1 + (SELECT count(*) FROM run WHERE config_key = ?7 AND seed = ?11"
            "      AND cache_key = ?8 AND status IN ('failed', 'interrupted'))",
            "ttttiittttitt", uid, r->experiment, r->kind, r->spec_sha256, r->sweep, environment,
            r->config_key, r->cache_key, r->baseline_key, r->label != NULL ? r->label : "",
            (int64_t)r->seed, now, r->command);
    return s->failed ? 0 : sqlite3_last_insert_rowid(s->db);
}

void store_run_end(store *s, int64_t run, const char *outcome, double seconds, double cpu_seconds,
                   int64_t peak_bytes, const char *error) {
    run_sql(
        s,
        "UPDATE run SET status = ?1, seconds = ?2, cpu_seconds = ?3, peak_bytes = ?4, error = ?5,"
        " replica = CASE ?1 WHEN 'done' THEN (SELECT count(*) FROM run o WHERE o.status = 'done'"
        " AND o.cache_key = run.cache_key) END WHERE id = ?6",
        "tdditi", outcome, seconds, cpu_seconds, peak_bytes, error, run);
}

void store_param(store *s, int64_t run, const char *key, const char *given, const char *used,
                 bool swept) {
    run_sql(s, "INSERT INTO run_param(run, key, given, used, swept) VALUES (?, ?, ?, ?, ?)",
            "ittti", run, key, given, used, (int64_t)swept);
}

void store_plugin(store *s, int64_t run, const char *kind, const char *name, const char *version,
                  const char *abi, const char *sha256) {
    run_sql(s,
            "INSERT INTO plugin(kind, name, version, abi, sha256) VALUES (?, ?, ?, ?, ?) ON "
            "CONFLICT DO NOTHING",
            "ttttt", kind, name, version, abi, sha256);
    run_sql(
        s,
        "INSERT INTO run_plugin(run, plugin) SELECT ?, id FROM plugin WHERE kind = ? AND name = ?"
        " AND version = ? AND sha256 = ?",
        "itttt", run, kind, name, version, sha256);
}

void store_input(store *s, int64_t run, const char *role, const char *hash, const char *path) {
    run_sql(s, "INSERT INTO run_input(run, role, hash, path) VALUES (?, ?, ?, ?)", "ittt", run,
            role, hash, path);
}

void store_layer(store *s, int64_t run, int layer, const char *name, const char *type,
                 const char *shape, int64_t params, int64_t macs) {
    run_sql(
        s,
        "INSERT INTO layer(run, idx, name, type, shape, params, macs) VALUES (?, ?, ?, ?, ?, ?, ?)",
        "iitttii", run, (int64_t)layer, name, type, shape, params, macs);
}

void store_quantizer_row(store *s, int64_t run, int layer, const store_quantizer *q) {
    run_sql(s,
            "INSERT INTO quantizer(run, layer, site, scheme, params, n_levels, granularity, "
            "group_size, n_groups,"
            " ste, packer, packed_bytes, bits_per_weight, rule_line) VALUES (?, ?, ?, ?, ?, ?, ?,"
            " nullif(?, 0), nullif(?, 0), ?, ?, nullif(?, 0), ?, nullif(?, 0))",
            "iitttitiittidi", run, (int64_t)layer, q->site, q->scheme, q->params,
            (int64_t)q->n_levels, q->granularity, q->group_size, q->n_groups, q->ste, q->packer,
            q->packed_bytes, q->bits_per_weight, (int64_t)q->rule_line);
}

void store_final(store *s, int64_t run, const char *name, const char *split, double value,
                 int64_t n) {
    run_sql(s,
            "INSERT INTO metric(run, name, split, value, non_finite, n) VALUES (?, ?, ?, ?, ?, "
            "nullif(?, 0))",
            "ittdii", run, name, split, value, (int64_t)!isfinite(value), n);
}

void store_layer_metric(store *s, int64_t run, int layer, const char *site, const char *name,
                        double value) {
    run_sql(s,
            "INSERT INTO layer_metric(run, layer, site, name, value, non_finite) VALUES (?, ?, ?, "
            "?, ?, ?)",
            "iittdi", run, (int64_t)layer, site, name, value, (int64_t)!isfinite(value));
}

void store_candidate(store *s, int64_t run, int candidate, const char *label, const char *scheme,
                     const char *params, double nominal_bits) {
    run_sql(s,
            "INSERT INTO candidate(run, id, label, scheme, params, nominal_bits) VALUES (?, ?, ?, "
            "?, ?, ?)",
            "iitttd", run, (int64_t)candidate, label, scheme, params, nominal_bits);
}

void store_sensitivity(store *s, int64_t run, int layer, const char *site, int candidate,
                       const char *method, double score, double standard_error) {
    run_sql(s,
            "INSERT INTO sensitivity(run, layer, site, candidate, method, score, stderr) VALUES "
            "(?, ?, ?, ?, ?, ?, ?)",
            "iititdd", run, (int64_t)layer, site, (int64_t)candidate, method, score,
            standard_error);
}

void store_artifact(store *s, int64_t run, const char *role, const char *path, const char *sha256,
                    int64_t bytes) {
    run_sql(s, "INSERT INTO artifact(run, role, path, sha256, bytes) VALUES (?, ?, ?, ?, ?)",
            "ittti", run, role, path, sha256, bytes);
}

/* ---- arrays of numbers: little-endian, whatever the machine ---- */

static uint8_t *to_little(const void *values, int n, int width) {
    uint8_t *out = mem_calloc((size_t)n + 1, (size_t)width);
    for (int i = 0; i < n; i++) {
        uint64_t bits = 0;
        uint32_t narrow;
        if (width == 8) {
            bits = ((const uint64_t *)values)[i];
        } else {
            memcpy(&narrow, (const float *)values + i, sizeof narrow);
            bits = narrow;
        }
        for (int k = 0; k < width; k++) out[i * width + k] = (uint8_t)(bits >> (8 * k));
    }
    return out;
}

static uint64_t from_little(const uint8_t *bytes, int width) {
    uint64_t bits = 0;
    for (int k = 0; k < width; k++) bits |= (uint64_t)bytes[k] << (8 * k);
    return bits;
}

int store_counts(const store_rows *r, int column, uint64_t **out) {
    int bytes;
    const uint8_t *data = store_blob(r, column, &bytes);
    int n = bytes / 8;
    *out = mem_calloc((size_t)n + 1, sizeof **out);
    for (int i = 0; i < n; i++) (*out)[i] = from_little(data + (size_t)i * 8, 8);
    return n;
}

int store_floats(const store_rows *r, int column, float **out) {
    int bytes;
    const uint8_t *data = store_blob(r, column, &bytes);
    int n = bytes / 4;
    *out = mem_calloc((size_t)n + 1, sizeof **out);
    for (int i = 0; i < n; i++) {
        uint32_t bits = (uint32_t)from_little(data + (size_t)i * 4, 4);
        memcpy(*out + i, &bits, sizeof bits);
    }
    return n;
}

void store_histogram(store *s, int64_t run, int layer, const store_histogram_row *h) {
    uint8_t *counts = to_little(h->counts, h->n, 8);
    uint8_t *levels = h->levels != NULL ? to_little(h->levels, h->n_levels, 4) : NULL;
    const blob_arg c = {counts, (size_t)h->n * 8}, l = {levels, (size_t)h->n_levels * 4};
    run_sql(s,
            "INSERT INTO histogram(run, layer, site, what, step, lo, hi, counts, levels)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            "iittiddbb", run, (int64_t)layer, h->site, h->what, h->step, h->lo, h->hi, &c, &l);
    free(counts);
    free(levels);
}

status store_flush(store *s, diags *d) {
    if (s->n_points == 0) return store_status(s, d);
    store_begin(s);
    for (int i = 0; i < s->n_points; i++) {
        const point *p = &s->points[i];
        run_sql(s,
                "INSERT INTO metric_point(run, name, split, layer, site, step, epoch, value, "
                "non_finite)"
                " VALUES (?, ?, ?, ?, '', ?, ?, ?, ?)",
                "ittiiddi", p->run, p->name, p->split, (int64_t)p->layer, p->step, p->epoch,
                p->value, (int64_t)!isfinite(p->value));
    }
    s->n_points = 0;
    s->last_flush = clock_seconds();
    return store_commit(s, d);
}

status store_metric(store *s, int64_t run, int layer, int64_t step, double epoch, const char *name,
                    const char *split, double value, diags *d) {
    s->points[s->n_points++] = (point){run, step, layer, epoch, value, name, split};
    bool due = s->n_points == POINTS_MAX || clock_seconds() - s->last_flush > 1;
    return due ? store_flush(s, d) : OK;
}

/* ---- finding runs ---- */

bool store_find_done(store *s, const char *cache_key, char uid[STORE_UID]) {
    store_rows *r =
        store_select(s, "SELECT uid FROM run WHERE cache_key = ? AND status = 'done' ORDER BY id",
                     "t", cache_key);
    bool found = store_next(r);
    if (found) snprintf(uid, STORE_UID, "%s", store_text(r, 0));
    store_rows_end(r);
    return found;
}

static status no_run(store *s, const char *selector, diags *d) {
    status bad = store_status(s, d);
    if (bad) return bad;
    diag_error(d, ERR_STORE, "%s: no run '%s'", s->path, selector);
    diag_hint(d, "`quantbench ls` lists them; @last is the newest");
    return ERR_STORE;
}

status store_find_run(store *s, const char *selector, diags *d, int64_t *run) {
    store_rows *r;
    int64_t back = 1;
    bool counted = selector[0] == '@' && (strcmp(selector, "@last") == 0 ||
                                          (str_to_int(selector + 1, &back) && back >= 1));
    if (counted) {
        r = store_select(s, "SELECT id FROM run ORDER BY id DESC LIMIT 1 OFFSET ?", "i", back - 1);
    } else {
        r = store_select(s,
                         "SELECT id FROM run WHERE substr(uid, 1, length(?1)) = ?1 ORDER BY uid = "
                         "?1 DESC LIMIT 2",
                         "t", selector);
    }
    bool found = store_next(r);
    if (found) *run = store_int(r, 0);
    bool several = found && !counted && strlen(selector) < STORE_UID - 1 && store_next(r);
    store_rows_end(r);
    if (several)
        return diag_error(d, ERR_STORE, "'%s' is the beginning of several runs; write more letters",
                          selector);
    if (found) return OK;
    *run = select_int(
        s,
        "SELECT r.id FROM run r JOIN experiment e ON e.id = r.experiment WHERE e.name = ?"
        " ORDER BY r.id DESC LIMIT 1",
        selector);
    return *run >= 0 ? OK : no_run(s, selector, d);
}

/* Whether `name` is among the rows of sql, which have one name each. */
static status find_name(store *s, const char *what, const char *name, const char *sql, diags *d) {
    char **names = NULL;
    int n = 0;
    bool found = false;
    store_rows *r = store_select(s, sql, "");
    while (store_next(r)) {
        found |= strcmp(store_text(r, 0), name) == 0;
        names = mem_realloc(names, (size_t)(n + 1) * sizeof *names);
        names[n++] = mem_strdup(store_text(r, 0));
    }
    store_rows_end(r);
    status bad = store_status(s, d);
    if (!bad && !found) {
        const char *near = suggest_nearest(name, (const char *const *)names, n);
        bad = diag_error(d, ERR_STORE, "%s: no %s '%s'", s->path, what, name);
        if (near != NULL) diag_hint(d, "did you mean '%s'?", near);
    }
    for (int i = 0; i < n; i++) free(names[i]);
    free(names);
    return bad;
}

status store_find_experiment(store *s, const char *name, diags *d) {
    return find_name(s, "experiment", name, "SELECT DISTINCT name FROM experiment", d);
}

status store_find_metric(store *s, const char *name, diags *d) {
    return find_name(s, "metric", name, "SELECT name FROM metric_def", d);
}
