/*
 * store/write.c - what a run leaves: its row, settings, layers, metrics, time series.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "store/handle.h"
#include "util/clock.h"
#include "util/mem.h"

/* ---- transactions ---- */

void store_begin(store *s) {
    store_exec(s,
               "BEGIN IMMEDIATE"); /* a deferred one that reads first can lose its write to BUSY */
    s->in_transaction = !s->failed;
}

status store_commit(store *s, diags *d) {
    store_check_file(s);
    store_exec(s, "COMMIT");
    if (s->failed) store_rollback(s);
    s->in_transaction = false;
    return store_status(s, d);
}

void store_rollback(store *s) {
    if (s->in_transaction) sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->in_transaction = false;
}

/* ---- runs and what belongs to them ---- */

static void make_uid(char uid[STORE_UID]) {
    static const char letter[] = "0123456789abcdefghjkmnpqrstvwxyz"; /* Crockford's 32 */
    unsigned char random[STORE_UID - 1];
    sqlite3_randomness(sizeof random, random); /* seeded by the system, and never without */
    for (int i = 0; i < STORE_UID - 1; i++) uid[i] = letter[random[i] & 31];
    uid[STORE_UID - 1] = '\0';
}

static int64_t environment_id(store *s, const store_environment *e) {
    store_write(
        s,
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
    store_write(s, "INSERT INTO experiment(name, kind) VALUES (?, ?) ON CONFLICT DO NOTHING", "tt",
                name, kind);
}

int64_t store_sweep(store *s, const char *experiment, const char *kind, const char *axes,
                    const char *compare_metric) {
    char now[32];
    clock_utc_now(now);
    add_experiment(s, experiment, kind);
    store_write(s,
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
    store_write(s, "DELETE FROM sweep_point WHERE sweep = ?", "i", id);
    return id;
}

void store_sweep_point(store *s, int64_t sweep, int position, const char *config_key,
                       const char *label, const char *baseline_key) {
    store_write(s,
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
    store_write(
        s, "INSERT INTO spec(sha256, source, resolved) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        "ttt", r->spec_sha256, r->spec_source, r->spec_resolved);
    store_write(s,
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
    store_write(
        s,
        "UPDATE run SET status = ?1, seconds = ?2, cpu_seconds = ?3, peak_bytes = ?4, error = ?5,"
        " replica = CASE ?1 WHEN 'done' THEN (SELECT count(*) FROM run o WHERE o.status = 'done'"
        " AND o.cache_key = run.cache_key) END WHERE id = ?6",
        "tdditi", outcome, seconds, cpu_seconds, peak_bytes, error, run);
}

bool store_run_died(store *s, int64_t run) {
    store_write(s,
                "UPDATE run SET status = 'interrupted', error = 'its process died'"
                " WHERE id = ? AND status = 'running'",
                "i", run);
    return !s->failed && sqlite3_changes(s->db) > 0;
}

void store_param(store *s, int64_t run, const char *key, const char *given, const char *used,
                 bool swept) {
    store_write(s, "INSERT INTO run_param(run, key, given, used, swept) VALUES (?, ?, ?, ?, ?)",
                "ittti", run, key, given, used, (int64_t)swept);
}

void store_plugin(store *s, int64_t run, const char *kind, const char *name, const char *version,
                  const char *abi, const char *sha256) {
    store_write(s,
                "INSERT INTO plugin(kind, name, version, abi, sha256) VALUES (?, ?, ?, ?, ?) ON "
                "CONFLICT DO NOTHING",
                "ttttt", kind, name, version, abi, sha256);
    store_write(
        s,
        "INSERT INTO run_plugin(run, plugin) SELECT ?, id FROM plugin WHERE kind = ? AND name = ?"
        " AND version = ? AND sha256 = ?",
        "itttt", run, kind, name, version, sha256);
}

void store_input(store *s, int64_t run, const char *role, const char *hash, const char *path) {
    store_write(s, "INSERT INTO run_input(run, role, hash, path) VALUES (?, ?, ?, ?)", "ittt", run,
                role, hash, path);
}

void store_layer(store *s, int64_t run, int layer, const char *name, const char *type,
                 const char *shape, int64_t params, int64_t macs) {
    store_write(
        s,
        "INSERT INTO layer(run, idx, name, type, shape, params, macs) VALUES (?, ?, ?, ?, ?, ?, ?)",
        "iitttii", run, (int64_t)layer, name, type, shape, params, macs);
}

void store_quantizer_row(store *s, int64_t run, int layer, const store_quantizer *q) {
    store_write(
        s,
        "INSERT INTO quantizer(run, layer, site, scheme, params, n_levels, granularity, "
        "group_size, n_groups,"
        " ste, packer, packed_bytes, bits_per_weight, rule_line) VALUES (?, ?, ?, ?, ?, ?, ?,"
        " nullif(?, 0), nullif(?, 0), ?, ?, nullif(?, 0), ?, nullif(?, 0))",
        "iitttitiittidi", run, (int64_t)layer, q->site, q->scheme, q->params, (int64_t)q->n_levels,
        q->granularity, q->group_size, q->n_groups, q->ste, q->packer, q->packed_bytes,
        q->bits_per_weight, (int64_t)q->rule_line);
}

void store_final(store *s, int64_t run, const char *name, const char *split, double value,
                 int64_t n) {
    store_write(s,
                "INSERT INTO metric(run, name, split, value, non_finite, n) VALUES (?, ?, ?, ?, ?, "
                "nullif(?, 0))",
                "ittdii", run, name, split, value, (int64_t)!isfinite(value), n);
}

void store_layer_metric(store *s, int64_t run, int layer, const char *site, const char *name,
                        double value) {
    store_write(
        s,
        "INSERT INTO layer_metric(run, layer, site, name, value, non_finite) VALUES (?, ?, ?, "
        "?, ?, ?)",
        "iittdi", run, (int64_t)layer, site, name, value, (int64_t)!isfinite(value));
}

void store_candidate(store *s, int64_t run, int candidate, const char *label, const char *scheme,
                     const char *params, double nominal_bits) {
    store_write(
        s,
        "INSERT INTO candidate(run, id, label, scheme, params, nominal_bits) VALUES (?, ?, ?, "
        "?, ?, ?)",
        "iitttd", run, (int64_t)candidate, label, scheme, params, nominal_bits);
}

void store_sensitivity(store *s, int64_t run, int layer, const char *site, int candidate,
                       const char *method, double score, double standard_error) {
    store_write(
        s,
        "INSERT INTO sensitivity(run, layer, site, candidate, method, score, stderr) VALUES "
        "(?, ?, ?, ?, ?, ?, ?)",
        "iititdd", run, (int64_t)layer, site, (int64_t)candidate, method, score, standard_error);
}

void store_bench(store *s, int64_t run, const store_bench_row *b) {
    store_write(s,
                "INSERT INTO bench(run, op, shape, isa, threads, place, median, mad, samples, unit,"
                " ratio_scalar, ceiling) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                "itttitdditdd", run, b->op, b->shape, b->isa, (int64_t)b->threads, b->place,
                b->median, b->mad, (int64_t)b->samples, b->unit, b->ratio_scalar, b->ceiling);
}

void store_artifact(store *s, int64_t run, const char *role, const char *path, const char *sha256,
                    int64_t bytes) {
    store_write(s, "INSERT INTO artifact(run, role, path, sha256, bytes) VALUES (?, ?, ?, ?, ?)",
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
    store_write(s,
                "INSERT INTO histogram(run, layer, site, what, step, lo, hi, counts, levels)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                "iittiddbb", run, (int64_t)layer, h->site, h->what, h->step, h->lo, h->hi, &c, &l);
    free(counts);
    free(levels);
}

/* ---- time series ---- */

status store_flush(store *s, diags *d) {
    if (s->n_points == 0) return store_status(s, d);
    store_begin(s);
    for (int i = 0; i < s->n_points; i++) {
        const point *p = &s->points[i];
        store_write(s,
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
