#include "run/qat.h"

#include <inttypes.h>

#include "run/evaluate.h"
#include "run/interrupt.h"
#include "run/load.h"
#include "run/progress.h"
#include "run/record.h"
#include "run/sensitivity.h"
#include "run/trainer.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/str.h"

/* ---- training ---- */

/* What has been seen since the last point of the series. */
typedef struct stretch {
    double loss_sum;
    int64_t samples;
} stretch;

typedef struct progress {
    stretch point, epoch; /* since the last point, since the last evaluation */
    double train_seconds; /* without evaluations */
    int64_t samples;
    evaluation last;   /* of the test set */
    double train_loss; /* up to it */
} progress;

static double mean(const stretch *s) {
    return s->samples > 0 ? s->loss_sum / (double)s->samples : 0;
}

/* About 20 points an epoch. */
static int64_t steps_of_point(const plan *p) {
    return p->steps_per_epoch > 20 ? p->steps_per_epoch / 20 : 1;
}

static double epoch_of(const plan *p, int64_t step) {
    return (double)step / (double)p->steps_per_epoch;
}

static status record_point(const run_job *j, const trainer *t, progress *g, diags *d) {
    double epoch = epoch_of(j->p, t->step);
    status bad =
        store_metric(j->s, j->run, -1, t->step, epoch, "loss", "train", mean(&g->point), d);
    if (!bad) bad = store_metric(j->s, j->run, -1, t->step, epoch, "lr", "train", trainer_lr(t), d);
    g->point = (stretch){0};
    return bad;
}

static status record_evaluation(const run_job *j, trainer *t, progress *g, diags *d) {
    status bad = evaluate(&t->m, j->test, &g->last, d);
    if (bad) return bad;
    double epoch = epoch_of(j->p, t->step);
    g->train_loss = mean(&g->epoch);
    char speed[32];
    str_thousands(speed, (int64_t)((double)g->samples / g->train_seconds));
    void (*say)(const char *fmt, ...) = j->talkative ? log_info : log_verbose;
    say("  epoch %-5.4g loss %.4f  test loss %.4f  accuracy %6.2f %%  %s samples/s", epoch,
        g->train_loss, g->last.loss, 100 * g->last.accuracy, speed);
    bad = store_metric(j->s, j->run, -1, t->step, epoch, "accuracy", "test", g->last.accuracy, d);
    if (!bad) bad = store_metric(j->s, j->run, -1, t->step, epoch, "loss", "test", g->last.loss, d);
    g->epoch = (stretch){0};
    return bad;
}

static void add(stretch *s, double loss_sum, int64_t n) {
    s->loss_sum += loss_sum;
    s->samples += n;
}

static status train(const run_job *j, trainer *t, progress *g, diags *d) {
    const plan *p = j->p;
    while (t->step < p->steps) {
        if (interrupt_seen())
            return diag_error(d, ERR_INTERRUPTED, "interrupted at step %" PRId64, t->step);
        double start = clock_seconds(), loss_sum;
        int64_t n;
        status bad = trainer_step(t, &loss_sum, &n, d);
        if (bad) return bad;
        g->train_seconds += clock_seconds() - start;
        g->samples += n;
        add(&g->point, loss_sum, n);
        add(&g->epoch, loss_sum, n);
        progress_step(t->step, p->steps, (double)g->samples / g->train_seconds);
        bool last = t->step == p->steps;
        if (t->step % steps_of_point(p) == 0 || last) bad = record_point(j, t, g, d);
        if (!bad && (t->step % p->eval_every == 0 || last)) bad = record_evaluation(j, t, g, d);
        if (bad) return bad;
    }
    return OK;
}

/* ---- what came out ---- */

static status finish(const run_job *j, trainer *t, const progress *g, diags *d) {
    record r;
    sensitivity s = {0};
    status bad = record_open(&r, j, &t->m, &g->last, d);
    if (!bad) bad = sensitivity_measure(&s, j->p, &t->m, j->test, d);
    if (!bad) {
        store_begin(j->s);
        record_rows(&r, j);
        store_final(j->s, j->run, "accuracy", "test", g->last.accuracy, j->test->n);
        store_final(j->s, j->run, "loss", "test", g->last.loss, j->test->n);
        store_final(j->s, j->run, "loss", "train", g->train_loss, 0);
        store_final(j->s, j->run, "samples_per_second", "train",
                    (double)g->samples / g->train_seconds, g->samples);
        sensitivity_rows(&s, j);
        bad = store_commit(j->s, d);
    }
    if (!bad) bad = record_verdict(&r, j, d);
    sensitivity_free(&s);
    record_close(&r);
    return bad;
}

status qat_run(const run_job *j, diags *d) {
    trainer t;
    progress g = {0};
    status bad = trainer_open(&t, j->p, j->train, j->seed, d);
    if (bad) return bad;
    bad = load_weights(j->p, &j->p->weights, &t.m, d);
    if (!bad) bad = train(j, &t, &g, d);
    if (!bad) bad = trainer_check_weights(&t, d);
    if (!bad) bad = store_flush(j->s, d);
    if (!bad) bad = finish(j, &t, &g, d);
    trainer_close(&t);
    evaluation_free(&g.last);
    return bad;
}
