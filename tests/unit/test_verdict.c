/*
 * The verdict, and the parts of the report that are plain functions.
 */
#include "support/results.h"
#include "support/support.h"

#include "report/html.h"
#include "report/inline_svg.h"
#include "report/verdict.h"
#include "util/str.h"

static char *dir, *path;
static store *s;
static diags d;

static void setup(void) {
    diags_init(&d);
    dir = temp_dir();
    path = str_format("%s/r.db", dir);
    cr_assert(store_open(path, false, &d, &s) == OK);
}

static void teardown(void) {
    store_close(s);
    remove_dir(dir);
    free(dir);
    free(path);
    diags_fini(&d);
}

/* A configuration with these accuracies in percent for the seeds 1, 2, ... */
static void add(const char *label, const char *config, const char *baseline, double bits, int n,
                const double *percent) {
    for (int i = 0; i < n; i++)
        results_add(s, &(result){.experiment = "study",
                                 .label = label,
                                 .config = config,
                                 .baseline = baseline,
                                 .seed = (uint64_t)i + 1,
                                 .accuracy = percent[i] / 100,
                                 .bits = bits,
                                 .layers = {"fc1"}});
}

#define ADD(label, config, baseline, bits, ...)                                                    \
    add(label, config, baseline, bits, sizeof((double[]){__VA_ARGS__}) / sizeof(double),           \
        (double[]){__VA_ARGS__})

static verdict judge(void) {
    selection sel;
    cr_assert(selection_find(s, "study", &d, &sel) == OK, "%s", d.list[0].message);
    verdict v = verdict_of(&sel, " +- ");
    selection_free(&sel);
    return v;
}

Test(verdict, says_loss_deviation_bits_and_seeds_as_computed_by_hand, .init = setup,
     .fini = teardown) {
    ADD("float", "f", NULL, 32, 98, 97, 99);
    ADD("one", "q", "f", 1.5, 97, 95, 96); /* -1 -2 -3: mean -2, deviation 1 */
    verdict v = judge();
    cr_assert_str_eq(v.sentence,
                     "one: at 1.50 effective bits a weight it loses 2.00 +- 1.00 points of accuracy"
                     " against its float twin (96.00 % against 98.00 %, 3 seeds, paired by seed).");
    assert_near(v.float_accuracy, 0.98, 1e-12, 0);
    cr_assert(v.rival == -1);
    verdict_free(&v);
}

Test(verdict, pairs_by_seed_and_names_the_winner_its_lead_and_the_fewest_bits, .init = setup,
     .fini = teardown) {
    ADD("float", "f", NULL, 32, 98, 97, 99);
    ADD("two", "b", "f", 2, 90, 89, 91);
    ADD("four", "q", "f", 4, 97.5, 96.5, 98.5); /* the deviations of seeds cancel in pairs */
    ADD("three", "t", "f", 3, 97, 96.2, 97.8);  /* four is ahead by .5 .3 .7 */
    verdict v = judge();
    cr_assert_str_eq(v.sentence,
                     "four wins: at 4.00 effective bits a weight it loses 0.50 +- 0.00 points of"
                     " accuracy against its float twin (97.50 % against 98.00 %, 3 seeds, paired by"
                     " seed), ahead of three by 0.50 +- 0.20 in 3 of 3 seeds; two has the fewest"
                     " bits, 2.00, and loses 8.00 +- 0.00.");
    assert_near(v.lead.mean, 0.005, 1e-9, 0);
    assert_near(v.lead.sd, 0.002, 1e-9, 0);
    cr_assert(v.ahead == 3 && !v.level);
    verdict_free(&v);
}

Test(verdict, of_level_ones_the_one_with_fewer_bits_wins, .init = setup, .fini = teardown) {
    ADD("float", "f", NULL, 32, 98, 97, 99);
    ADD("eight", "e", "f", 8, 97.6, 96.4, 98.6); /* ahead of four by .1 -.1 .1: .033 +- .115 */
    ADD("four", "q", "f", 4, 97.5, 96.5, 98.5);
    verdict v = judge();
    cr_assert(strstr(v.sentence, "four wins: at 4.00") == v.sentence, "%s", v.sentence);
    cr_assert(strstr(v.sentence, ", level in accuracy with eight (8.00 bits).") != NULL, "%s",
              v.sentence);
    cr_assert(v.level && v.ahead == 1);
    verdict_free(&v);
}

Test(verdict, one_seed_has_no_deviation_and_says_so, .init = setup, .fini = teardown) {
    ADD("float", "f", NULL, 32, 98);
    ADD("four", "q", "f", 4, 99);
    ADD("two", "b", "f", 2, 97);
    verdict v = judge();
    cr_assert(strstr(v.sentence, "it gains 1.00 points") != NULL, "%s", v.sentence);
    cr_assert(strstr(v.sentence,
                     "one seed, paired by seed), ahead of two by 2.00, with one seed;") != NULL,
              "%s", v.sentence);
    verdict_free(&v);
}

Test(verdict, equals_are_level_with_one_seed_too, .init = setup, .fini = teardown) {
    ADD("float", "f", NULL, 32, 98);
    ADD("eight", "e", "f", 8, 97);
    ADD("four", "q", "f", 4, 97);
    verdict v = judge();
    cr_assert(strstr(v.sentence, "four wins: at 4.00") == v.sentence, "%s", v.sentence);
    cr_assert(strstr(v.sentence, ", level in accuracy with eight") != NULL, "%s", v.sentence);
    verdict_free(&v);
}

Test(verdict, the_rival_of_equals_is_the_one_with_fewer_bits, .init = setup, .fini = teardown) {
    ADD("float", "f", NULL, 32, 98, 97);
    ADD("four", "q", "f", 4, 97, 96);
    ADD("eight", "e", "f", 8, 95, 93); /* the first of the equals */
    ADD("six", "s", "f", 6, 93, 95);
    verdict v = judge();
    cr_assert(strstr(v.sentence, "ahead of six by 2.50 +- 2.12 in 2 of 2 seeds") != NULL, "%s",
              v.sentence);
    verdict_free(&v);
}

Test(verdict, a_seed_in_which_both_are_equal_is_not_ahead, .init = setup, .fini = teardown) {
    ADD("float", "f", NULL, 32, 98, 97, 99);
    ADD("four", "q", "f", 4, 97, 96, 98);
    ADD("two", "b", "f", 2, 95, 96, 96); /* behind by 2 0 2 */
    verdict v = judge();
    cr_assert(strstr(v.sentence, "ahead of two by 1.33 +- 1.15 in 2 of 3 seeds") != NULL, "%s",
              v.sentence);
    verdict_free(&v);
}

Test(verdict, without_a_twin_it_states_no_loss, .init = setup, .fini = teardown) {
    ADD("", "q", NULL, 4, 97, 96);
    verdict v = judge();
    cr_assert_str_eq(v.sentence, "study: at 4.00 effective bits a weight it reaches 96.50 +- 0.71 %"
                                 " accuracy (2 seeds), with no float twin to compare it with.");
    cr_assert(isnan(v.float_accuracy));
    verdict_free(&v);
}

Test(verdict, of_several_twins_the_gate_is_the_lowest, .init = setup, .fini = teardown) {
    ADD("float", "f", NULL, 32, 98);
    ADD("float norm", "g", NULL, 32, 95);
    ADD("four", "q", "f", 4, 97);
    ADD("two", "b", "g", 2, 94);
    verdict v = judge();
    assert_near(v.float_accuracy, 0.95, 1e-12, 0);
    verdict_free(&v);
}

Test(verdict, unpaired_seeds_do_not_count, .init = setup, .fini = teardown) {
    ADD("float", "f", NULL, 32, 98, 97);
    ADD("one", "q", "f", 1.5, 97, 96, 10); /* seed 3 has no twin */
    verdict v = judge();
    cr_assert(strstr(v.sentence, "it loses 1.00 +- 0.00 points") != NULL, "%s", v.sentence);
    cr_assert(strstr(v.sentence, ", 2 seeds, paired by seed)") != NULL, "%s", v.sentence);
    verdict_free(&v);
}

Test(selection, is_a_sweep_with_its_twins_a_run_with_its_repeats_or_an_experiment, .init = setup,
     .fini = teardown) {
    selection sel;
    cr_assert(selection_find(s, NULL, &d, &sel) == ERR_STORE, "nothing is done");
    selection_free(&sel);
    ADD("float", "f", NULL, 32, 98, 97);
    store_begin(s);
    int64_t sweep = store_sweep(s, "study", "qat", "{}", "accuracy");
    store_sweep_point(s, sweep, 0, "f", "float", NULL);
    store_sweep_point(s, sweep, 1, "q1", "same", "f");
    store_sweep_point(s, sweep, 2, "q2", "same", "f");
    store_sweep_point(s, sweep, 3, "q3", "not run yet", "f");
    cr_assert(store_commit(s, &d) == OK);
    results_add(s, &(result){.experiment = "study",
                             .label = "same",
                             .config = "q1",
                             .baseline = "f",
                             .sweep = sweep,
                             .seed = 1,
                             .accuracy = 0.9,
                             .bits = 4,
                             .layers = {"fc1"}});
    results_add(s, &(result){.experiment = "study",
                             .label = "same",
                             .config = "q2",
                             .baseline = "f",
                             .sweep = sweep,
                             .seed = 1,
                             .accuracy = 0.9,
                             .bits = 2,
                             .layers = {"fc1"}});
    cr_assert(selection_find(s, NULL, &d, &sel) == OK);
    cr_assert(sel.n == 3 && sel.sweep == sweep && sel.configs[0].is_baseline &&
                  sel.configs[0].n_seeds == 2 && sel.configs[2].twin == 0,
              "the twin ran outside of the sweep");
    cr_assert_str_eq(sel.configs[1].label, "same #q1");
    cr_assert_str_eq(sel.configs[2].label, "same #q2");
    selection_free(&sel);
    cr_assert(selection_find(s, "@3", &d, &sel) == OK && sel.n == 1 && sel.chosen == 2);
    cr_assert(sel.configs[0].n_seeds == 2);
    selection_free(&sel);
    cr_assert(selection_find(s, "study", &d, &sel) == OK && sel.n == 3 && sel.sweep == sweep);
    selection_free(&sel);
    cr_assert(selection_find(s, "nothing", &d, &sel) == ERR_STORE);
    selection_free(&sel);
}

Test(selection, a_configuration_is_called_what_its_newest_run_says, .init = setup,
     .fini = teardown) {
    const char *labels[] = {"old", "new"};
    for (int i = 0; i < 2; i++) /* the newest run has the lower seed */
        results_add(s, &(result){.experiment = "study",
                                 .label = labels[i],
                                 .config = "q",
                                 .seed = 2 - (uint64_t)i,
                                 .accuracy = 0.9,
                                 .bits = 4,
                                 .layers = {"fc1"}});
    report_config c = selection_config(s, "q");
    cr_assert(c.n_seeds == 2 && c.seeds[0].seed == 1);
    cr_assert_str_eq(c.label, "new");
    selection_config_free(&c);
}

/* An experiment of one name can have several kinds, each with sweeps of its own. */
Test(selection, the_last_sweep_is_that_of_the_experiment_and_kind_that_are_asked_for, .init = setup,
     .fini = teardown) {
    cr_assert(selection_last_sweep(s, NULL, NULL) == 0);
    store_begin(s);
    int64_t a = store_sweep(s, "a", "qat", "1", "accuracy");
    int64_t b = store_sweep(s, "a", "ptq", "2", "accuracy");
    int64_t c = store_sweep(s, "c", "qat", "3", "accuracy");
    cr_assert(store_commit(s, &d) == OK);
    cr_assert(selection_last_sweep(s, NULL, NULL) == c);
    cr_assert(selection_last_sweep(s, "a", NULL) == b);
    cr_assert(selection_last_sweep(s, "a", "qat") == a);
    cr_assert(selection_last_sweep(s, "a", "tensors") == 0);
}

/* ---- html ---- */

Test(html, text_cannot_become_markup) {
    strbuf b = {0};
    html_text(&b, "<a href='x' on=\"y\">&amp;\n\t\x1b[31m\xe2\x80\xae\xff</a>");
    cr_assert_str_eq(b.s, "&lt;a href=&#39;x&#39; on=&quot;y&quot;&gt;&amp;amp;\n\t\\x1b[31m"
                          "\\xe2\\x80\\xae\\xff&lt;/a&gt;");
    strbuf_fini(&b);
    html_text_cut(&b, "äöü<", 3);
    cr_assert_str_eq(b.s, "äöü…");
    strbuf_fini(&b);
}

Test(inline_svg, keeps_known_things_only_and_prefixes_ids) {
    strbuf b = {0};
    inline_svg(&b,
               "<?xml version='1.0'?>\n<svg width='9' viewBox=\"0 0 10 20\" onload='x()'>"
               "<title>t</title><script>alert(1)</script><!-- c --><style>*{}</style>"
               "<defs><circle id='p' r='1' onclick='y()' style='fill:red'/></defs>"
               "<g color=\"black\"><g stroke='rgb( 36,  41,  47)'></g></g>"
               "<a href='javascript:z()'><path d='M0'/></a><image href='http://e/'/>"
               "<use xlink:href='#p' color='#FFFFFF'/><use xlink:href='http://e/x'/>"
               "<text fill=\"rgb(0,114,178)\"> a &lt;b> id=\"p\" </text></svg>",
               "k-", "wide", "a \"picture\"");
    cr_assert_str_eq(b.s, "<svg class=\"wide\" role=\"img\" aria-label=\"a &quot;picture&quot;\""
                          " viewBox=\"0 0 10 20\">\n"
                          "<defs><circle id=\"k-p\" r=\"1\"/></defs>\n"
                          "<use href=\"#k-p\" color=\"#ffffff\"/><use href=\"\"/>"
                          "<text fill=\"#0072b2\"> a &lt;b> id=\"p\" </text>\n</svg>\n");
    strbuf_fini(&b);
}
