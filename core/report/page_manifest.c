/*
 * What was run: specs, data, plugins and machine, the runs one by one, and the command
 * that makes them again.
 */
#include "report/page.h"

#include <inttypes.h>
#include <stdlib.h>

#include "report/html.h"

enum { SPEC_MAX = 120 << 10, SPECS_MAX = 8, RUNS_MAX = 400 };

/* A query over the runs; %s is their list, which is numbers only. */
static store_rows *over(store *s, const char *before, const char *runs, const char *after) {
    char *sql = str_format("%s%s%s", before, runs, after);
    store_rows *r = store_select(s, sql, "");
    free(sql);
    return r;
}

/* ---- the command ---- */

static void add_spec(const store_rows *r, strbuf *b) {
    strbuf_add(b, "<pre class=\"command\">");
    html_text(b, store_is_null(r, 1) ? "quantbench run SPEC" : store_text(r, 1));
    strbuf_addf(b, "</pre>\n<details><summary>The spec of these %" PRId64 " runs</summary>\n<pre>",
                store_int(r, 2));
    html_text_cut(b, store_text(r, 0), SPEC_MAX);
    strbuf_add(b, "</pre></details>\n");
}

static void add_specs(store *s, const char *runs, strbuf *b) {
    store_rows *r = over(s,
                         "SELECT p.source, r.command, count(*), min(r.id) FROM run r JOIN spec p"
                         " ON p.id = r.spec WHERE r.id IN ",
                         runs, " GROUP BY p.source, r.command ORDER BY 4");
    int n = 0;
    strbuf_add(
        b,
        "<h3>To run it again</h3>\n<p>This was typed; with <code>--again</code> it runs once more what is done. Runs with the same settings, seed, "
        "data and plugins give the same weights bit by bit on the same kind of CPU; "
        "their hashes are in the list of runs.</p>\n");
    for (; store_next(r) && n < SPECS_MAX; n++) add_spec(r, b);
    store_rows_end(r);
    if (n == 0) strbuf_add(b, "<p class=\"note\">No spec is recorded.</p>\n");
}

/* ---- tables ---- */

static void add_inputs(store *s, const char *runs, strbuf *b) {
    static const char *const heads[] = {"role", "what", "SHA-256", NULL};
    store_rows *r = over(s, "SELECT DISTINCT role, path, hash FROM run_input WHERE run IN ", runs,
                         " ORDER BY role DESC, path");
    html_table_begin(b, "Data, by content", heads);
    while (store_next(r)) {
        html_row_begin(b);
        html_cell(b, store_text(r, 0)), html_cell(b, store_text(r, 1));
        html_cell_code(b, store_text(r, 2));
        html_row_end(b);
    }
    store_rows_end(r);
    html_table_end(b);
}

static void add_plugins(store *s, const char *runs, strbuf *b) {
    static const char *const heads[] = {"kind", "plugin", "version", "SHA-256 of the file", NULL};
    store_rows *r = over(s,
                         "SELECT DISTINCT p.kind, p.name, p.version, p.sha256 FROM run_plugin x "
                         "JOIN plugin p ON p.id = x.plugin WHERE x.run IN ",
                         runs, " ORDER BY 1, 2, 3, 4");
    html_table_begin(b, "Plugins", heads);
    while (store_next(r)) {
        html_row_begin(b);
        html_cell(b, store_text(r, 0)), html_cell(b, store_text(r, 1));
        html_cell(b, store_text(r, 2)), html_cell_code(b, store_text(r, 3));
        html_row_end(b);
    }
    store_rows_end(r);
    html_table_end(b);
}

static void add_environments(store *s, const char *runs, strbuf *b) {
    static const char *const heads[] = {"quantbench", "commit",   "CPU",   "kernels",
                                        "BLAS",       ">threads", ">runs", NULL};
    store_rows *r = over(s,
                         "SELECT v.version, v.git_commit, v.cpu, v.simd, v.blas, v.threads, "
                         "count(*) FROM run r JOIN environment v ON v.id = r.environment WHERE "
                         "r.id IN ",
                         runs, " GROUP BY v.id ORDER BY v.id");
    html_table_begin(b, "Machines and programs", heads);
    while (store_next(r)) {
        html_row_begin(b);
        for (int i = 0; i < 5; i++) html_cell(b, store_text(r, i));
        html_cell_real(b, store_real(r, 5), 0, ""), html_cell_real(b, store_real(r, 6), 0, "");
        html_row_end(b);
    }
    store_rows_end(r);
    html_table_end(b);
}

static void add_runs(store *s, const selection *sel, strbuf *b) {
    static const char *const heads[] = {
        "run",      "configuration",          ">seed", ">accuracy", ">bits",
        ">seconds", "SHA-256 of the weights", NULL};
    int n = 0, left = 0;
    strbuf_add(b, "<details><summary>Every run</summary>\n");
    html_table_begin(b, "Runs", heads);
    for (int i = 0; i < sel->n; i++)
        for (int k = 0; k < sel->configs[i].n_seeds; k++) {
            const report_seed *run = &sel->configs[i].seeds[k];
            if (n++ >= RUNS_MAX) {
                left++;
                continue;
            }
            store_rows *r =
                store_select(s, "SELECT sha256 FROM artifact WHERE run = ? AND role = 'weights'",
                             "i", run->run);
            html_row_begin(b);
            html_cell_code(b, run->uid);
            html_cell(b, sel->configs[i].label);
            strbuf_addf(b, "<td class=\"n\">%" PRIu64 "</td>", (uint64_t)run->seed);
            html_cell_real(b, 100 * run->accuracy, 2, " %");
            html_cell_real(b, run->bits, 3, "");
            html_cell_real(b, run->seconds, 1, "");
            html_cell_code(b, store_next(r) ? store_text(r, 0) : NULL);
            html_row_end(b);
            store_rows_end(r);
        }
    html_table_end(b);
    if (left > 0) strbuf_addf(b, "<p class=\"note\">%d more runs: quantbench ls</p>\n", left);
    strbuf_add(b, "</details>\n");
}

void page_manifest(store *s, const selection *sel, const char *runs, strbuf *b) {
    strbuf_add(b, "<section>\n<h2>What was run</h2>\n");
    if (sel->sweep != 0) {
        store_rows *r = store_select(s, "SELECT axes FROM sweep WHERE id = ?", "i", sel->sweep);
        if (store_next(r)) {
            strbuf_add(b, "<details><summary>The axes of the sweep</summary><pre>");
            html_text_cut(b, store_text(r, 0), 20000);
            strbuf_add(b, "</pre></details>\n");
        }
        store_rows_end(r);
    }
    add_specs(s, runs, b);
    add_inputs(s, runs, b);
    add_plugins(s, runs, b);
    add_environments(s, runs, b);
    add_runs(s, sel, b);
    strbuf_add(b, "</section>\n");
}
