/*
 * Histograms of weights: what a run leaves in the store.
 */
#include "cli/command.h"

#include "util/str.h"

#define SPEC                                                                                       \
    "version: 1\nkind: qat\nname: small\nseed: 1\n"                                                \
    "data: {train: {format: glyphs, n: 500}, test: {format: glyphs, n: 200}, batch: 96}\n"         \
    "model: {type: mlp, hidden: [48]}\n"                                                           \
    "quant: {weights: bitnet158, rules: [{match: last, weights: none}]}\n"                         \
    "train: {epochs: 2}\n"

static void setup_spec(void) {
    setup();
    write_file("s.yaml", SPEC);
}

static store *run_spec(const char *db, const char *words) {
    free(expect(0, "$Q run s.yaml -q --db %s %s", db, words));
    return open_store(db, true);
}

static char *text(store *s, const char *sql) {
    store_rows *r = store_select(s, sql, "");
    cr_assert(store_next(r), "no row: %s", sql);
    char *copy = str_format("%s", store_text(r, 0));
    store_rows_end(r);
    return copy;
}

Test(histogram, every_weight_is_counted_once_before_and_after, .init = setup_spec,
     .fini = teardown) {
    store *s = run_spec("r.db", "");
    store_rows *r = store_select(
        s,
        "SELECT l.params, h.what, h.counts, h.levels, h.lo, h.hi, h.step, l.name FROM histogram h"
        " JOIN layer l ON l.run = h.run AND l.idx = h.layer ORDER BY h.layer, h.what",
        "");
    int rows = 0;
    for (; store_next(r); rows++) {
        uint64_t *counts, sum = 0;
        float *levels;
        int n = store_counts(r, 2, &counts), used = 0, n_levels = store_floats(r, 3, &levels);
        bool after = strcmp(store_text(r, 1), "after") == 0;
        for (int i = 0; i < n; i++) sum += counts[i], used += counts[i] > 0;
        cr_assert(n == 128 && store_int(r, 6) == 12);
        cr_assert(sum == (uint64_t)(strcmp(store_text(r, 7), "fc1") == 0 ? 784 * 48 : 48 * 10));
        if (after) {
            cr_assert(used == 3 && n_levels == 3 && levels[1] == 0 && levels[0] == -levels[2]);
            for (int i = 0; i < 3; i++) { /* each level stands in a bin that is counted */
                double bins = 128 / (store_real(r, 5) - store_real(r, 4));
                int bin = (int)floor((levels[i] - store_real(r, 4)) * bins);
                bin = bin < 128 ? bin : 127;
                cr_assert(counts[bin] > 0);
            }
        } else {
            cr_assert(used > 20 && n_levels == 0);
        }
        free(counts);
        free(levels);
    }
    cr_assert(rows == 3, "fc1 before and after, fc2 stays float: before");
    store_rows_end(r);
    store_close(s);
}

Test(histogram, it_does_not_depend_on_the_threads, .init = setup_spec, .fini = teardown) {
    const char sql[] = "SELECT group_concat(hex(counts) || hex(coalesce(levels, '')) || lo || hi)"
                       " FROM histogram";
    store *one = run_spec("one.db", "--threads 1"), *four = run_spec("four.db", "--threads 4");
    char *a = text(one, sql), *b = text(four, sql);
    cr_assert(strlen(a) > 1000);
    cr_assert_str_eq(a, b);
    free(a);
    free(b);
    store_close(one);
    store_close(four);
}
