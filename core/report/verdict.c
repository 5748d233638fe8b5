#include "report/verdict.h"

#include <math.h>
#include <stdlib.h>

/* ---- who is ahead ---- */

/* One seed says nothing about chance, so it makes nothing level but equals. */
static bool is_level(const summary *lead) {
    return lead->n > 1 ? fabs(lead->mean) <= lead->sd : lead->mean == 0;
}

/* Something that is to be judged: with a twin where any has one. */
static bool is_candidate(const selection *sel, const report_config *c) {
    bool paired_ones = false;
    for (int i = 0; i < sel->n; i++) paired_ones |= sel->configs[i].delta.n > 0;
    if (c->is_baseline || c->accuracy.n == 0) return false;
    return !paired_ones || c->delta.n > 0;
}

/* More accurate, or as accurate with fewer bits. */
static bool is_better(const report_config *a, const report_config *b) {
    double x = a->accuracy.mean, y = b->accuracy.mean;
    return x > y || (x == y && a->bits.mean < b->bits.mean);
}

static int best_but(const selection *sel, int other) {
    int best = -1;
    for (int i = 0; i < sel->n; i++)
        if (i != other && is_candidate(sel, &sel->configs[i]) &&
            (best < 0 || is_better(&sel->configs[i], &sel->configs[best])))
            best = i;
    return best;
}

static int find_winner(const selection *sel) {
    int best = best_but(sel, -1), winner = best, ahead;
    for (int i = 0; i < sel->n && best >= 0; i++) {
        const report_config *c = &sel->configs[i];
        if (i == best || !is_candidate(sel, c)) continue;
        summary lead = selection_paired(&sel->configs[best], c, COLUMN_ACCURACY, &ahead);
        if (is_level(&lead) && c->bits.mean < sel->configs[winner].bits.mean) winner = i;
    }
    return winner;
}

/* Of the fewest bits, the best. */
static int find_cheapest(const selection *sel) {
    int cheapest = -1;
    for (int i = 0; i < sel->n; i++) {
        const report_config *c = &sel->configs[i];
        if (!is_candidate(sel, c) || !isfinite(c->bits.mean)) continue;
        const report_config *b = cheapest >= 0 ? &sel->configs[cheapest] : NULL;
        if (b == NULL || c->bits.mean < b->bits.mean ||
            (c->bits.mean == b->bits.mean && is_better(c, b)))
            cheapest = i;
    }
    return cheapest;
}

static double lowest_float(const selection *sel) {
    double lowest = NAN;
    for (int i = 0; i < sel->n; i++) {
        const report_config *c = &sel->configs[i];
        if (c->is_baseline && c->accuracy.n > 0 && !(c->accuracy.mean >= lowest))
            lowest = c->accuracy.mean;
    }
    return lowest;
}

/* ---- in words ---- */

/* "0.13 +- 0.06" from fractions */
static void add_points(strbuf *b, double mean, double sd, const char *plus_minus) {
    strbuf_addf(b, "%.2f", 100 * fabs(mean));
    if (isfinite(sd)) strbuf_addf(b, "%s%.2f", plus_minus, 100 * sd);
}

static void add_loss(strbuf *b, const summary *delta, const char *plus_minus) {
    strbuf_add(b, delta->mean > 0 ? "gains " : "loses ");
    add_points(b, delta->mean, delta->sd, plus_minus);
}

static void add_seeds(strbuf *b, int n) { strbuf_addf(b, n == 1 ? "one seed" : "%d seeds", n); }

static void add_bits(strbuf *b, const report_config *c) {
    if (isfinite(c->bits.mean)) strbuf_addf(b, "at %.2f effective bits a weight ", c->bits.mean);
}

/* The winner, or the only one. */
static void say_winner(strbuf *b, const selection *sel, const verdict *v, const char *plus_minus) {
    const report_config *c = &sel->configs[v->winner];
    char *label = str_escape(c->label);
    strbuf_addf(b, v->rival >= 0 ? "%s wins: " : "%s: ", label);
    add_bits(b, c);
    if (c->delta.n > 0) {
        strbuf_add(b, "it ");
        add_loss(b, &c->delta, plus_minus);
        strbuf_addf(b, " points of accuracy against its float twin (%.2f %% against %.2f %%, ",
                    100 * c->accuracy.mean, 100 * sel->configs[c->twin].accuracy.mean);
        add_seeds(b, c->delta.n);
        strbuf_add(b, ", paired by seed)");
    } else {
        strbuf_addf(b, "it reaches %.2f", 100 * c->accuracy.mean);
        if (isfinite(c->accuracy.sd)) strbuf_addf(b, "%s%.2f", plus_minus, 100 * c->accuracy.sd);
        strbuf_add(b, " % accuracy (");
        add_seeds(b, c->accuracy.n);
        strbuf_add(b, c->is_baseline ? ")" : "), with no float twin to compare it with");
    }
    free(label);
}

static void say_rival(strbuf *b, const selection *sel, const verdict *v, const char *plus_minus) {
    const report_config *c = &sel->configs[v->rival];
    char *label = str_escape(c->label);
    if (v->level) {
        strbuf_addf(b, ", level in accuracy with %s", label);
        if (isfinite(c->bits.mean)) strbuf_addf(b, " (%.2f bits)", c->bits.mean);
    } else {
        strbuf_addf(b, ", ahead of %s by ", label);
        add_points(b, v->lead.mean, v->lead.sd, plus_minus);
        if (v->lead.n > 1)
            strbuf_addf(b, " in %d of %d seeds", v->ahead, v->lead.n);
        else
            strbuf_add(b, ", with one seed");
    }
    free(label);
}

static void say_cheapest(strbuf *b, const selection *sel, const verdict *v,
                         const char *plus_minus) {
    int i = find_cheapest(sel);
    if (i < 0 || i == v->winner) return;
    const report_config *c = &sel->configs[i];
    char *label = str_escape(c->label);
    strbuf_addf(b, "; %s has the fewest bits, %.2f, and ", label, c->bits.mean);
    if (c->delta.n > 0)
        add_loss(b, &c->delta, plus_minus);
    else
        strbuf_addf(b, "reaches %.2f %%", 100 * c->accuracy.mean);
    free(label);
}

/* Nothing is quantized: what there is, is float. */
static void say_floats(strbuf *b, const selection *sel, const verdict *v, const char *plus_minus) {
    for (int i = 0; i < sel->n; i++) {
        const report_config *c = &sel->configs[i];
        if (c->accuracy.n == 0) continue;
        verdict one = *v;
        one.winner = i;
        say_winner(b, sel, &one, plus_minus);
        strbuf_add(b, ".");
        return;
    }
    char *title = str_escape(sel->title);
    strbuf_addf(b, "%s has no accuracy to judge.", title);
    free(title);
}

verdict verdict_of(const selection *sel, const char *plus_minus) {
    strbuf b = {0};
    verdict v = {.winner = find_winner(sel), .rival = -1, .float_accuracy = lowest_float(sel)};
    if (v.winner >= 0) v.rival = best_but(sel, v.winner);
    if (v.rival >= 0) {
        v.lead = selection_paired(&sel->configs[v.winner], &sel->configs[v.rival], COLUMN_ACCURACY,
                                  &v.ahead);
        v.level = is_level(&v.lead);
    }
    if (v.winner < 0) {
        say_floats(&b, sel, &v, plus_minus);
    } else {
        say_winner(&b, sel, &v, plus_minus);
        if (v.rival >= 0) say_rival(&b, sel, &v, plus_minus);
        if (v.rival >= 0) say_cheapest(&b, sel, &v, plus_minus);
        strbuf_add(&b, ".");
    }
    v.sentence = b.s;
    return v;
}

void verdict_free(verdict *v) {
    free(v->sentence);
    *v = (verdict){0};
}
