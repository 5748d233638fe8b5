/*
 * Plots and the report as a user has them: files, messages, and names that try to be
 * more than names.
 */
#include "cli/command.h"
#include "support/results.h"

#include <sqlite3.h>
#include <strings.h>
#include <unistd.h>

#include "report/plot.h"
#include "util/hash.h"
#include "util/mem.h"
#include "util/str.h"

static char *db; /* r.db of each test */

static void setup_db(void) {
    setup();
    db = in_dir("r.db");
    unsetenv("SOURCE_DATE_EPOCH");
}

static void teardown_db(void) {
    teardown();
    free(db);
}

/* Sensitivities of the first run: each candidate has a score for each layer. */
static void add_sensitivity(const char *const *candidates, int n, int n_layers) {
    sqlite3 *c;
    sqlite3_stmt *q;
    cr_assert(sqlite3_open(db, &c) == SQLITE_OK);
    for (int k = 0; k < n; k++) {
        sqlite3_prepare_v2(c, "INSERT INTO candidate VALUES (1, ?, ?, 'int', '', ?)", -1, &q, NULL);
        sqlite3_bind_int(q, 1, k);
        sqlite3_bind_text(q, 2, candidates[k], -1, SQLITE_STATIC);
        sqlite3_bind_int(q, 3, k + 1);
        cr_assert(sqlite3_step(q) == SQLITE_DONE);
        sqlite3_finalize(q);
        for (int l = 0; l < n_layers; l++) {
            sqlite3_prepare_v2(c,
                               "INSERT INTO sensitivity(run, layer, site, candidate, method, score)"
                               " VALUES (1, ?, 'weight', ?, 'kl_logits', ?)",
                               -1, &q, NULL);
            sqlite3_bind_int(q, 1, l);
            sqlite3_bind_int(q, 2, k);
            sqlite3_bind_double(q, 3, (l + 1) / (k + 1.0));
            cr_assert(sqlite3_step(q) == SQLITE_DONE);
            sqlite3_finalize(q);
        }
    }
    sqlite3_close(c);
}

/* A float network and two quantized ones, three seeds each, with these names. */
static void fill(const char *experiment, const char *a, const char *b, const char *layer) {
    store *s = open_store("r.db", false);
    store_begin(s);
    int64_t sweep = store_sweep(s, experiment, "qat", "{\"quant.weights\": []}", "accuracy");
    store_sweep_point(s, sweep, 0, "f", "float", NULL);
    store_sweep_point(s, sweep, 1, "qa", a, "f");
    store_sweep_point(s, sweep, 2, "qb", b, "f");
    diags d;
    diags_init(&d);
    cr_assert(store_commit(s, &d) == OK);
    diags_fini(&d);
    for (uint64_t seed = 1; seed <= 3; seed++) {
        double luck = (double)seed / 100;
        results_add(s, &(result){.experiment = experiment,
                                 .label = "float",
                                 .config = "f",
                                 .sweep = sweep,
                                 .seed = seed,
                                 .accuracy = 0.95 + luck,
                                 .bits = 32,
                                 .layers = {layer, "fc2"}});
        results_add(s, &(result){.experiment = experiment,
                                 .label = a,
                                 .config = "qa",
                                 .baseline = "f",
                                 .sweep = sweep,
                                 .seed = seed,
                                 .accuracy = 0.94 + luck * 0.9,
                                 .bits = 4,
                                 .layers = {layer, "fc2"}});
        results_add(s, &(result){.experiment = experiment,
                                 .label = b,
                                 .config = "qb",
                                 .baseline = "f",
                                 .sweep = sweep,
                                 .seed = seed,
                                 .accuracy = 0.80 + luck * 2,
                                 .bits = 1.6,
                                 .layers = {layer, "fc2"}});
    }
    store_close(s);
    const char *candidates[] = {a, b};
    add_sensitivity(candidates, 2, 2);
}

/* ---- plots ---- */

Test(plot, every_kind_is_drawn_as_svg_png_and_text, .init = setup_db, .fini = teardown_db,
     .timeout = 120) {
    fill("study", "int bits=4", "binary", "fc1");
    for (int i = 0; i < plot_n_kinds; i++) {
        const char *kind = plot_kinds[i].name;
        free(expect(0, "$Q plot %s --db r.db", kind));
        free(expect(0, "grep -q '</svg>' plots/%s.svg && ! test -e plots/%s.gp", kind, kind));
        free(expect(0, "$Q plot %s study --db r.db -o a.png --keep", kind));
        free(expect(0, "head -c 4 a.png | grep -q PNG && test -s %s.gp && test -s %s.tsv", kind,
                    kind));
        free(expect(0, "mv a.png b.png && gnuplot %s.gp && cmp %s.png b.png", kind, kind));
        char *text = expect_both(0, "$Q plot %s --db r.db --term", kind);
        for (char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
            cr_assert(str_chars(line, strcspn(line, "\n")) <= 80, "%s:\n%s", kind, text);
        cr_assert(strlen(text) > 120, "%s", text);
        free(text);
    }
    char *text = expect_both(0, "$Q plot sqnr_bars --db r.db --term");
    cr_assert(strstr(text, "fc1") != NULL && strstr(text, "int bits=4") != NULL &&
                  strstr(text, "10.0 ====") != NULL,
              "%s", text);
    free(text);
}

Test(plot, where_there_is_nothing_it_says_what_would_make_it, .init = setup_db,
     .fini = teardown_db) {
    store *s = open_store("r.db", false);
    results_add(s, &(result){.experiment = "bare",
                             .label = "",
                             .config = "c",
                             .seed = 1,
                             .accuracy = NAN,
                             .bits = 32});
    store_close(s);
    free(expect(0, "sqlite3 r.db 'DELETE FROM metric_point'"));
    const char *const says[] = {"`sweep`",        "train.eval_every", "quant.weights",
                                "`sensitivity:`", "--again",          "experiments/packers.yaml",
                                "bench kernels"};
    for (int i = 0; i < plot_n_kinds; i++) {
        char *text = expect_both(6, "$Q plot %s --db r.db", plot_kinds[i].name);
        cr_assert(strstr(text, says[i]) != NULL, "%s: %s", plot_kinds[i].name, text);
        free(text);
    }
    char *text = expect_both(0, "$Q report --db r.db");
    cr_assert(strstr(text, "bare has no accuracy to judge.") == text, "%s", text);
    free(text);
}

/* Runs of kind tensors with one packer each, of the codes of one another. */
Test(plot, packers_draws_bits_against_zeros_where_two_packed_the_same_codes, .init = setup_db,
     .fini = teardown_db) {
    write_file("p.yaml",
               "version: 1\nkind: tensors\nname: p\ndata: {source: {format: random, shape: "
               "[64, 64]}}\nquant: {weights: {scheme: ternary, threshold: sparsity, "
               "granularity: tensor}}\nsweep: {axes: {quant.packer: [base3, sparse], "
               "quant.weights.sparsity: [0.25, 0.75]}}\n");
    free(expect(0, "$Q run p.yaml --db r.db -q"));
    free(expect(0, "$Q plot packers --db r.db -o p.svg --keep"));
    char *text = read_file("packers.tsv");
    /* 64 rows of 13 bytes, and 4 for the scale */
    cr_assert(strstr(text, "\"base3\"\t0.25\t1.6328125\t1.56") != NULL, "%s", text);
    /* 1 + 512 + 3072 / 8 bytes, 4 for the length and 4 for the scale */
    cr_assert(strstr(text, "\"sparse\"\t0.25\t1.767578125\t1.56") != NULL, "%s", text);
    free(text);
    free(expect(0, "$Q run p.yaml --db r2.db -q --set quant.packer=base3"));
    text = expect_both(6, "$Q plot packers --db r2.db");
    cr_assert(strstr(text, "no codes that two packers have packed") != NULL, "%s", text);
    free(text);
}

Test(plot, wrong_words_are_usage_errors, .init = setup_db, .fini = teardown_db) {
    fill("study", "a", "b", "fc1");
    char *text = expect_both(2, "$Q plot parteo --db r.db");
    cr_assert(strstr(text, "did you mean 'pareto'?") != NULL, "%s", text);
    free(text);
    free(expect(2, "$Q plot pareto --db r.db -o a.pdf"));
    free(expect(6, "$Q plot pareto nobody --db r.db"));
    free(expect(6, "$Q plot pareto --db none.db"));
    free(expect(7, "$Q plot pareto --db r.db -o nowhere/a.svg"));
}

/* A PATH with nothing but what the tests themselves need. */
static void make_tools(const char *gnuplot) {
    free(expect(0,
                "mkdir -p bin && for t in sh sleep cat rm ls; do ln -sf $(command -v $t) bin/$t; "
                "done"));
    if (gnuplot == NULL) return;
    char *script = str_format("#!/bin/sh\n%s\n", gnuplot);
    write_file("bin/gnuplot", script);
    free(expect(0, "chmod +x bin/gnuplot"));
    free(script);
}

Test(plot, without_gnuplot_the_data_is_written_and_it_says_how_to_get_it, .init = setup_db,
     .fini = teardown_db) {
    fill("study", "int bits=4", "binary", "fc1");
    make_tools(NULL);
    char *text = expect_both(7, "PATH=$PWD/bin $Q plot pareto --db r.db");
    cr_assert(strstr(text, "apt-get install gnuplot-nox") != NULL, "%s", text);
    free(text);
    text = read_file("plots/pareto.tsv");
    cr_assert(strstr(text, "\"int bits=4\"\t4\t95.8\t") != NULL, "%s", text);
    free(text);
    free(expect(0, "test -s plots/pareto.gp && ! test -e plots/pareto.svg"));
    free(expect(7, "PATH=$PWD/bin $Q report --db r.db"));
    text = read_file("report.html");
    cr_assert(strstr(text, "could not be drawn: pictures need gnuplot") != NULL);
    cr_assert(strstr(text, "int bits=4 95.80 % ± 0.90 at 4.00 bits") != NULL);
    cr_assert(strstr(text, "</html>") != NULL && strstr(text, "<svg") == NULL);
    free(text);
}

Test(plot, a_gnuplot_that_fails_is_named_with_its_first_words, .init = setup_db,
     .fini = teardown_db) {
    fill("study", "a", "b", "fc1");
    make_tools("echo 'x.gp line 1: warning: so so' >&2; echo '' >&2; echo 'too old' >&2; exit 3");
    char *text = expect_both(7, "PATH=$PWD/bin $Q plot pareto --db r.db");
    cr_assert(strstr(text, "gnuplot failed (exit 3): too old") != NULL, "%s", text);
    free(text);
}

Test(plot, numbers_that_leave_no_range_are_drawn_all_the_same, .init = setup_db,
     .fini = teardown_db) {
    store *s = open_store("r.db", false);
    for (uint64_t seed = 1; seed <= 2; seed++)
        results_add(s, &(result){.experiment = "flat",
                                 .label = "",
                                 .config = "c",
                                 .seed = seed,
                                 .accuracy = 1,
                                 .bits = 2,
                                 .layers = {"fc1"}});
    store_close(s);
    free(expect(0, "sqlite3 r.db \"UPDATE metric_point SET value = NULL, non_finite = 1 WHERE step "
                   "> 5; UPDATE histogram SET lo = -1e300, hi = 1e300; UPDATE layer_metric SET "
                   "value = -5\""));
    const char *const kinds[] = {"pareto", "training_curves", "sqnr_bars", "weight_hist"};
    for (int i = 0; i < 4; i++) {
        free(expect(0, "$Q plot %s --db r.db", kinds[i]));
        free(expect(0, "$Q plot %s --db r.db --term", kinds[i]));
    }
}

/* ---- the report ---- */

/* ids="..." of all SVGs, each once. */
static void assert_ids_are_unique(const char *page) {
    const char *ids[4096];
    int n = 0;
    for (const char *p = page; (p = strstr(p, " id=\"")) != NULL;) {
        p += 5;
        size_t length = strcspn(p, "\"") + 1;
        for (int i = 0; i < n; i++)
            cr_assert(strncmp(ids[i], p, length) != 0, "id %.*s twice", (int)length - 1, p);
        if (n < 4096) ids[n++] = p;
    }
    cr_assert(n > 50, "%d ids", n);
    for (const char *p = page; (p = strstr(p, " href=\"#")) != NULL;) {
        p += 8;
        bool found = false;
        size_t length = strcspn(p, "\"") + 1;
        for (int i = 0; i < n; i++) found |= strncmp(ids[i], p, length) == 0;
        cr_assert(found, "#%.*s is nowhere", (int)length - 1, p);
    }
}

Test(report, is_one_file_that_begins_with_the_verdict, .init = setup_db, .fini = teardown_db,
     .timeout = 120) {
    fill("study", "int bits=4", "binary", "fc1");
    char *spoken = expect_both(0, "$Q report --db r.db"), *page = read_file("report.html");
    /* mean of .94 + .9 seed / 100 less .95 + seed / 100: -1.1 -1.2 -1.3 */
    const char *verdict = "int bits=4 wins: at 4.00 effective bits a weight it loses 1.20 +- 0.10"
                          " points of accuracy against its float twin (95.80 % against 97.00 %, 3"
                          " seeds, paired by seed), ahead of binary by 11.80 +- 1.10 in 3 of 3"
                          " seeds; binary has the fewest bits, 1.60, and loses 13.00 +- 1.00.";
    cr_assert(strncmp(spoken, verdict, strlen(verdict)) == 0, "%s", spoken);
    const char *first = strstr(page, "<p class=\"verdict\">"), *body = strstr(page, "<body>");
    cr_assert(first != NULL && strstr(body, "<p") == first, "it is the first paragraph");
    cr_assert(strstr(first, "loses 1.20\u00a0±\u00a00.10 points") != NULL, "%.300s", first);
    cr_assert(strlen(page) < 2 << 20);
    const char *const parts[] = {"Accuracy against bits",
                                 "Training",
                                 "Error of the weights",
                                 "Sensitivity",
                                 "before and after",
                                 "Which layers",
                                 "quantbench run study.yaml --set &#39;name=&lt;b&gt; c&#39;",
                                 "aria-label=\"Test accuracy against"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        cr_assert(strstr(page, parts[i]) != NULL, "%s", parts[i]);
    const char *const never[] = {"<script", "http://", "https://", "src=",    "<link",
                                 "<iframe", "url(",    "@import",  " style=", "javascript:"};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        cr_assert(strstr(page, never[i]) == NULL, "%s", never[i]);
    assert_ids_are_unique(page);
    free(spoken);
    free(page);
}

Test(report, its_policy_allows_its_own_style_and_nothing_else, .init = setup_db,
     .fini = teardown_db) {
    fill("study", "a", "b", "fc1");
    free(expect(0, "$Q report --db r.db"));
    char *page = read_file("report.html"), *policy = strstr(page, "style-src 'sha256-") + 18;
    char *style = strstr(page, "<style>") + 7, hex[HASH_HEX];
    hash_bytes(style, (size_t)(strstr(style, "</style>") - style), hex);
    char *decoded = expect_both(0, "echo '%.*s' | base64 -d | od -An -v -tx1 | tr -d ' \\n'",
                                (int)strcspn(policy, "'"), policy);
    cr_assert_str_eq(decoded, hex);
    cr_assert(strstr(page, "content=\"default-src 'none'; style-src") != NULL);
    free(decoded);
    free(page);
}

Test(report, equal_results_are_equal_bytes_under_source_date_epoch, .init = setup_db,
     .fini = teardown_db, .timeout = 120) {
    fill("study", "a", "b", "fc1");
    free(expect(0, "SOURCE_DATE_EPOCH=86400 $Q report --db r.db -o 1.html"));
    free(expect(0, "sleep 1; SOURCE_DATE_EPOCH=86400 $Q report --db $PWD/r.db -o 2.html"));
    free(expect(0, "cmp 1.html 2.html && grep -q 1970-01-02T00:00:00Z 1.html"));
}

Test(report, names_what_failed, .init = setup_db, .fini = teardown_db) {
    fill("study", "a", "b", "fc1");
    free(expect(0, "sqlite3 r.db \"UPDATE run SET status = 'failed', replica = NULL, error = "
                   "'diverged <b>' WHERE id = 9\""));
    free(expect(0, "$Q report --db r.db"));
    char *page = read_file("report.html");
    cr_assert(strstr(page, "What failed") != NULL && strstr(page, "diverged &lt;b&gt;") != NULL);
    free(page);
}

/* ---- names that try to be more ---- */

/* No tag runs anything. (What stands between tags is text: a < there would begin one.) */
static void assert_tags_are_harmless(const char *markup) {
    for (const char *p = markup; (p = strchr(p, '<')) != NULL;) {
        const char *tag = p;
        cr_assert(strncasecmp(p, "<script", 7) != 0, "%.80s", tag);
        for (char quote = '\0'; *p != '\0' && (*p != '>' || quote != '\0'); p++) {
            if (quote == '\0' && (*p == '"' || *p == '\''))
                quote = *p;
            else if (*p == quote)
                quote = '\0';
            else
                cr_assert(quote != '\0' || strncasecmp(p, " on", 3) != 0, "%.80s", tag);
        }
    }
}

static char *long_name(void) {
    char *name = mem_calloc(100001, 1);
    memset(name, 'x', 100000);
    return name;
}

/* A run that failed, with `text` as its error and as the value of a setting. */
static void add_failure(const char *experiment, const char *label, const char *text) {
    store *s = open_store("r.db", false);
    results_add(s, &(result){.experiment = experiment,
                             .label = label,
                             .config = "qa",
                             .baseline = "f",
                             .sweep = 1,
                             .seed = 4,
                             .settings = {{"quant.weights.scheme", text}},
                             .error = text});
    store_close(s);
}

static const char *const hostile_names[] = {
    "`touch PWNED`",
    "$(touch PWNED)",
    "${IFS}touch${IFS}PWNED",
    "; touch PWNED #",
    "\"; system(\"touch PWNED\"); \"",
    "'; system('touch PWNED'); '",
    "a\nsystem \"touch PWNED\"\n!touch PWNED\n",
    "a\n!touch PWNED",
    "a\\\n!touch PWNED",
    "\" ; set output 'PWNED' ; #",
    "e\nEOD\n!touch PWNED",
    "$DATA << EOD",
    "@ARG1 @PWNED",
    "< touch PWNED",
    "| touch PWNED",
    "+",
    "-",
    "-e system('touch PWNED')",
    "--help",
    "../../PWNED",
    "/dev/PWNED",
    "a/b\\c:d*?",
    "<script>alert(1)</script>",
    "<ScRiPt src=//x>",
    "\" onload=\"alert(1)",
    "' onmouseover='alert(1)",
    "<img src=x onerror=alert(1)>",
    "</style></text></svg><script>alert(1)</script>",
    "]]><!-- --><![CDATA[",
    "javascript:alert(1)",
    "&#60;script&#62; &#bad; &lt; &bogus; &",
    "50% %s %n %d %.9999f",
    "{/Symbol a}_{b}^c @d ~e \\n \\042 \\",
    "$$x^2$$ \\(y\\)",
    "x'; DROP TABLE run;--",
    ("\xe2\x80\xae"
     "evil \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xe2\x81\xa7"),
    "\x1b[2J\x01\x7f\xff\xfe",
    "a\tb\r\"\"\"c",
    "",
};

/* One of the kinds as text too, so that every kind meets some of the names there. */
static void draw_all(int turn) {
    for (int k = 0; k < plot_n_kinds; k++) {
        free(expect(0, "$Q plot %s --db r.db -o a.svg --keep", plot_kinds[k].name));
        char *svg = read_file("a.svg");
        assert_tags_are_harmless(svg);
        cr_assert(strstr(svg, "&#") == NULL, "gnuplot passes references on");
        free(svg);
    }
    free(expect(0, "$Q plot %s --db r.db --term > t.txt", plot_kinds[turn % plot_n_kinds].name));
    free(expect(0, "! LC_ALL=C grep -q '[[:cntrl:]]' t.txt"));
}

static void write_page(void) {
    free(expect(0, "SOURCE_DATE_EPOCH=0 $Q report --db r.db"));
    char *page = read_file("report.html");
    assert_tags_are_harmless(page);
    cr_assert(str_find_bad_utf8(page, strlen(page)) == -1);
    cr_assert(strstr(page, "\xe2\x80\xae") == NULL && strchr(page, '\x1b') == NULL);
    cr_assert(strlen(page) < 2 << 20 && strstr(page, "</html>\n") != NULL);
    assert_ids_are_unique(page);
    free(page);
}

/* 40 names, each as experiment, both labels, layer, value of a setting and error. */
Test(hostile, names_run_nothing_and_break_nothing, .init = setup_db, .fini = teardown_db,
     .timeout = 590) {
    char *endless = long_name();
    enum { N = sizeof hostile_names / sizeof *hostile_names };
    for (int i = 0; i <= N; i++) {
        const char *name = i < N ? hostile_names[i] : endless;
        unlink(db);
        fill(name, name, name, name);
        add_failure(name, name, name);
        draw_all(i);
        write_page();
        free(expect(0, "! ls -R . | grep -q PWNED && ! test -e ../PWNED"));
    }
    free(endless);
}

Test(hostile, a_name_is_shown_as_it_is_written, .init = setup_db, .fini = teardown_db) {
    fill("study", "a \"q\" \\n `b` $c {d}_e 50%", "plain", "it's");
    free(expect(0, "$Q plot pareto --db r.db -o a.svg"));
    char *svg = read_file("a.svg");
    cr_assert(strstr(svg, ">a \"q\" \\n `b` $…{d}_e 50%<") != NULL, "%s", svg);
    free(svg);
    free(expect(0, "$Q plot weight_hist --db r.db -o a.svg"));
    svg = read_file("a.svg");
    cr_assert(strstr(svg, "it's  a \"q\" \\n `b` $c {d}_e 50%<") != NULL, "%s", svg);
    free(svg);
}
