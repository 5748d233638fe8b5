#include "report/runs.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/sensitivity.h"
#include "report/table.h"
#include "util/hash.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/summary.h"

/* ---- lines of v_run ---- */

static const row_column line_columns[] = {
    {"uid", "run", 0, false},         {"experiment", "experiment", 0, false},
    {"label", "label", 0, false},     {"seed", "seed", 0, false},
    {"status", "status", 0, false},   {"accuracy", "accuracy", 2, true},
    {"loss", "loss", 4, false},       {"bits_per_weight", "bits/w", 3, false},
    {"seconds", "seconds", 1, false}, {"started", "started", 0, false},
    {"error", NULL, 0, false},
};
enum { N_LINE_COLUMNS = sizeof line_columns / sizeof *line_columns };

#define LINE_COLUMNS                                                                               \
    "uid, experiment, label, seed, status, accuracy, loss, bits_per_weight, seconds, started, error"

static void add_line(row_printer *t, const store_rows *r, const char *label) {
    rows_text(t, store_text(r, 0));
    rows_text(t, store_text(r, 1));
    rows_text(t, label);
    rows_uint(t, (uint64_t)store_int(r, 3));
    rows_text(t, store_text(r, 4));
    for (int c = 5; c < 9; c++) rows_real(t, store_real(r, c));
    rows_text(t, store_text(r, 9));
    rows_text(t, store_text(r, 10));
}

status report_list(store *s, const report_filter *f, rows_format format, FILE *out, diags *d) {
    row_printer t;
    rows_open(&t, format, line_columns, N_LINE_COLUMNS, out);
    store_rows *r =
        store_select(s,
                     "SELECT " LINE_COLUMNS " FROM v_run"
                     " WHERE (?1 IS NULL OR experiment = ?1) AND (?2 IS NULL OR status = ?2)"
                     " AND (?3 = 0 OR run >= coalesce((SELECT run FROM v_run"
                     "  WHERE (?1 IS NULL OR experiment = ?1) AND (?2 IS NULL OR status = ?2)"
                     "  ORDER BY run DESC LIMIT 1 OFFSET ?3 - 1), 0)) ORDER BY run",
                     "tti", f->experiment, f->status, f->limit);
    while (store_next(r)) add_line(&t, r, store_text(r, 2));
    store_rows_end(r);
    rows_close(&t);
    return store_status(s, d);
}

/* ---- the runs of a study ---- */

/* The accuracies of one configuration. */
typedef struct sample {
    char key[HASH_HEX], *label;
    double *accuracy;
    int n;
} sample;

/* max: the most runs that a configuration has. */
static sample *sample_of(sample *all, int *n, int max, const char *key, const char *label) {
    for (int i = 0; i < *n; i++)
        if (strcmp(all[i].key, key) == 0) return &all[i];
    sample *s = &all[(*n)++];
    *s = (sample){.label = mem_strdup(label),
                  .accuracy = mem_calloc((size_t)max, sizeof *s->accuracy)};
    snprintf(s->key, sizeof s->key, "%s", key);
    return s;
}

static void print_samples(const sample *all, int n, FILE *out) {
    for (int i = 0; i < n; i++) {
        const sample *a = &all[i];
        summary m = summary_of(a->accuracy, a->n);
        if (m.n < 2) continue;
        str_print_line(out,
                       "%s%saccuracy %.2f %% +- %.2f (mean and standard deviation of %d seeds)",
                       a->label, *a->label != '\0' ? ": " : "", 100 * m.mean, 100 * m.sd, m.n);
    }
}

status report_results(store *s, const int64_t *runs, const char *const *labels, int n,
                      rows_format format, FILE *out, diags *d) {
    row_printer t;
    sample *all = mem_calloc((size_t)n + 1, sizeof *all);
    int samples = 0;
    rows_open(&t, format, line_columns, N_LINE_COLUMNS, out);
    for (int i = 0; i < n; i++) {
        store_rows *r =
            store_select(s, "SELECT " LINE_COLUMNS ", config_key FROM v_run WHERE run = ?", "i",
                         runs[i]);
        if (store_next(r)) {
            add_line(&t, r, labels[i]);
            sample *a = sample_of(all, &samples, n, store_text(r, 11), labels[i]);
            a->accuracy[a->n++] = store_real(r, 5);
        }
        store_rows_end(r);
    }
    rows_close(&t);
    if (format == ROWS_TABLE) print_samples(all, samples, out);
    for (int i = 0; i < samples; i++) {
        free(all[i].label);
        free(all[i].accuracy);
    }
    free(all);
    return store_status(s, d);
}

/* ---- one run ---- */

/* Adds rows of a query as an array of objects with these names. A name that begins
 * with '#' is a number. */
static void add_rows(json_t *o, const char *key, store *s, const char *sql, int64_t run,
                     const char *const *names) {
    json_t *list = json_array();
    store_rows *r = store_select(s, sql, "i", run);
    while (store_next(r)) {
        json_t *row = json_object();
        for (int c = 0; names[c] != NULL; c++) {
            const char *name = names[c] + (names[c][0] == '#');
            if (names[c][0] == '#')
                json_set_real(row, name, store_real(r, c));
            else
                json_set_str(row, name, store_text(r, c));
        }
        json_array_append_new(list, row);
    }
    store_rows_end(r);
    json_object_set_new(o, key, list);
}

static const char metrics_sql[] = "SELECT m.name, m.split, m.value, d.unit FROM metric m JOIN "
                                  "metric_def d USING (name) WHERE m.run = ?"
                                  " ORDER BY m.split DESC, m.name";
static const char layers_sql[] = "SELECT layer_name, site, scheme, params, granularity, ste, "
                                 "packer, n_levels, bits_per_weight, packed_bytes,"
                                 " sqnr_db, mse, cosine, sparsity, code_entropy FROM v_layer_wide "
                                 "WHERE run = ? ORDER BY layer, site DESC";
static const char sensitivity_sql[] =
    "SELECT label, site, layer_name, method, score, stderr, rank FROM v_sensitivity WHERE run = ?"
    " ORDER BY candidate, site DESC, method, rank, layer";
static const char params_sql[] =
    "SELECT key, given, used FROM run_param WHERE run = ? ORDER BY key";
static const char plugins_sql[] = "SELECT p.kind, p.name, p.version, p.abi, p.sha256 FROM "
                                  "run_plugin r JOIN plugin p ON p.id = r.plugin"
                                  " WHERE r.run = ? ORDER BY p.kind, p.name";
static const char inputs_sql[] =
    "SELECT role, hash, path FROM run_input WHERE run = ? ORDER BY role";
static const char artifacts_sql[] =
    "SELECT role, path, sha256, bytes FROM artifact WHERE run = ? ORDER BY role, path";
static const char head_sql[] =
    "SELECT r.uid, e.name, e.kind, r.status, r.seed, r.replica, r.started, r.seconds, "
    "r.cpu_seconds, r.peak_bytes,"
    " r.error, r.config_key, r.cache_key, v.version, v.git_commit, v.cpu, v.simd, v.blas, v.threads"
    " FROM run r JOIN experiment e ON e.id = r.experiment JOIN environment v ON v.id = "
    "r.environment WHERE r.id = ?";

static char *weights_hash(store *s, int64_t run) {
    store_rows *r =
        store_select(s, "SELECT sha256 FROM artifact WHERE run = ? AND role = 'weights'", "i", run);
    char *hash = store_next(r) ? str_format("%s", store_text(r, 0)) : NULL;
    store_rows_end(r);
    return hash;
}

/* What a run has at its end only is null before. */
static void set_int(json_t *o, const char *key, const store_rows *h, int column) {
    if (store_is_null(h, column))
        json_object_set_new(o, key, json_null());
    else
        json_set_int(o, key, store_int(h, column));
}

static void info_json(store *s, int64_t run, const store_rows *h, FILE *out) {
    json_t *o = json_object(), *e = json_object();
    char *weights = weights_hash(s, run);
    json_set_str(o, "uid", store_text(h, 0));
    json_set_str(o, "experiment", store_text(h, 1));
    json_set_str(o, "kind", store_text(h, 2));
    json_set_str(o, "status", store_text(h, 3));
    json_set_seed(o, "seed", (uint64_t)store_int(h, 4));
    set_int(o, "replica", h, 5);
    json_set_str(o, "started", store_text(h, 6));
    json_set_real(o, "seconds", store_real(h, 7));
    json_set_real(o, "cpu_seconds", store_real(h, 8));
    set_int(o, "peak_bytes", h, 9);
    json_set_str(o, "error", store_text(h, 10));
    json_set_str(o, "config_key", store_text(h, 11));
    json_set_str(o, "cache_key", store_text(h, 12));
    json_set_str(o, "weights_sha256", weights);
    json_set_str(e, "version", store_text(h, 13));
    json_set_str(e, "git_commit", store_text(h, 14));
    json_set_str(e, "cpu", store_text(h, 15));
    json_set_str(e, "simd", store_text(h, 16));
    json_set_str(e, "blas", store_text(h, 17));
    json_set_int(e, "threads", store_int(h, 18));
    json_object_set_new(o, "environment", e);
    add_rows(o, "metrics", s, metrics_sql, run,
             (const char *[]){"name", "split", "#value", "unit", NULL});
    add_rows(o, "quantizers", s, layers_sql, run,
             (const char *[]){"layer", "site", "scheme", "params", "granularity", "ste", "packer",
                              "#n_levels", "#bits_per_weight", "#packed_bytes", "#sqnr_db", "#mse",
                              "#cosine", "#sparsity", "#code_entropy", NULL});
    add_rows(o, "sensitivity", s, sensitivity_sql, run,
             (const char *[]){"candidate", "site", "layer", "method", "#score", "#stderr", "#rank",
                              NULL});
    add_rows(o, "params", s, params_sql, run, (const char *[]){"key", "given", "used", NULL});
    add_rows(o, "plugins", s, plugins_sql, run,
             (const char *[]){"kind", "name", "version", "abi", "sha256", NULL});
    add_rows(o, "inputs", s, inputs_sql, run, (const char *[]){"role", "sha256", "path", NULL});
    add_rows(o, "artifacts", s, artifacts_sql, run,
             (const char *[]){"role", "path", "sha256", "#bytes", NULL});
    free(weights);
    json_print_line(o, out);
}

static void print_metrics(store *s, int64_t run, FILE *out) {
    fprintf(out, "\nmetrics\n");
    store_rows *r = store_select(s, metrics_sql, "i", run);
    while (store_next(r))
        str_print_line(out, "  %-20s %-6s %.6g %s", store_text(r, 0), store_text(r, 1),
                       store_real(r, 2), store_text(r, 3));
    store_rows_end(r);
}

static void print_layers(store *s, int64_t run, FILE *out) {
    static const char *const heads[] = {"layer",   "site",      "scheme",   "granularity",
                                        "ste",     "packer",    ">bits/w",  ">SQNR dB",
                                        ">cosine", ">sparsity", ">entropy", NULL};
    table t;
    table_open(&t, heads);
    store_rows *r = store_select(s, layers_sql, "i", run);
    while (store_next(r)) {
        bool weight = strcmp(store_text(r, 1), "weight") == 0;
        const char *params = store_text(r, 3);
        table_add(&t, "%s", store_text(r, 0));
        table_add(&t, "%s", store_text(r, 1));
        table_add(&t, "%s%s%s", store_text(r, 2), *params != '\0' ? " " : "", params);
        table_add(&t, "%s", store_text(r, 4));
        table_add(&t, "%s", store_is_null(r, 5) ? "-" : store_text(r, 5));
        table_add(&t, "%s", weight ? store_text(r, 6) : "-");
        table_add_real(&t, store_real(r, 8), 4);
        table_add_real(&t, store_real(r, 10), 2);
        table_add_real(&t, store_real(r, 12), 4);
        table_add_real(&t, store_real(r, 13), 4);
        table_add_real(&t, store_real(r, 14), 3);
    }
    store_rows_end(r);
    if (t.cells > 0) {
        fprintf(out, "\nquantizers\n");
        table_print(&t, out);
    }
    table_close(&t);
}

status report_quantizers(store *s, int64_t run, FILE *out, diags *d) {
    print_layers(s, run, out);
    return store_status(s, d);
}

static void print_pairs(store *s, int64_t run, const char *title, const char *sql, FILE *out) {
    fprintf(out, "\n%s\n", title);
    store_rows *r = store_select(s, sql, "i", run);
    while (store_next(r)) str_print_line(out, "  %-28s %s", store_text(r, 0), store_text(r, 1));
    store_rows_end(r);
}

/* A run that has not ended, or whose process died, has neither times nor memory. */
static void print_times(const store_rows *h, FILE *out) {
    char seconds[2][32], peak[32] = "-";
    for (int i = 0; i < 2; i++) {
        double v = store_real(h, 7 + i);
        if (isfinite(v))
            snprintf(seconds[i], sizeof seconds[i], "%.1f", v);
        else
            snprintf(seconds[i], sizeof seconds[i], "-");
    }
    if (!store_is_null(h, 9)) str_bytes(peak, store_int(h, 9));
    fprintf(out, "  started %s, %s s, %s s of CPU, peak memory %s\n", store_text(h, 6), seconds[0],
            seconds[1], peak);
}

static void info_text(store *s, int64_t run, const store_rows *h, FILE *out, diags *d) {
    str_print_line(out, "run %s  %s (%s), seed %" PRIu64 ", %s", store_text(h, 0), store_text(h, 1),
                   store_text(h, 2), (uint64_t)store_int(h, 4), store_text(h, 3));
    print_times(h, out);
    str_print_line(out, "  quantbench %s (%s), %s, %s kernels, %" PRId64 " threads",
                   store_text(h, 13), store_text(h, 14), store_text(h, 15), store_text(h, 16),
                   store_int(h, 18));
    str_print_line(out, "  %s", store_text(h, 17));
    fprintf(out, "  config_key %.16s...  cache_key %.16s...  replica %s\n", store_text(h, 11),
            store_text(h, 12), store_is_null(h, 5) ? "-" : store_text(h, 5));
    if (!store_is_null(h, 10)) str_print_line(out, "  error: %s", store_text(h, 10));
    print_metrics(s, run, out);
    print_layers(s, run, out);
    report_sensitivity(s, &run, 1, out, d);
    print_pairs(s, run, "settings", "SELECT key, used FROM run_param WHERE run = ? ORDER BY key",
                out);
    print_pairs(s, run, "plugins",
                "SELECT p.kind || ' ' || p.name || ' ' || p.version, p.sha256 FROM run_plugin r"
                " JOIN plugin p ON p.id = r.plugin WHERE r.run = ? ORDER BY 1",
                out);
    print_pairs(s, run, "files",
                "SELECT role || ' ' || path, sha256 FROM artifact WHERE run = ?1 UNION ALL"
                " SELECT role || ' ' || path, hash FROM run_input WHERE run = ?1",
                out);
}

status report_info(store *s, int64_t run, bool json, FILE *out, diags *d) {
    store_rows *h = store_select(s, head_sql, "i", run);
    if (store_next(h)) {
        if (json)
            info_json(s, run, h, out);
        else
            info_text(s, run, h, out, d);
    }
    store_rows_end(h);
    return store_status(s, d);
}
