#include "run/bench_train.h"

#include <stdlib.h>

#include "run/bench_measure.h"
#include "run/runner.h"
#include "run/numeric_version.h"
#include "util/clock.h"
#include "util/mem.h"
#include "util/summary.h"

enum { TURN = 20, SCALAR_TURN = 2, WARM_UP = 20, STEPS_MAX = 20000, NETWORKS_MAX = 2 };

#define NETWORK                                                                                    \
    "version: 1\n"                                                                                 \
    "kind: qat\n"                                                                                  \
    "data: {train: {format: glyphs, n: 60000}, test: {format: glyphs, n: 1}}\n"                    \
    "model: {type: mlp, hidden: [512, 512]}\n"                                                     \
    "train: {steps: 1000000}\n"

static const char float_spec[] = NETWORK "name: float\n";
static const char bitnet_spec[] = NETWORK "name: bitnet158\n"
                                          "quant:\n"
                                          "  weights: bitnet158\n"
                                          "  activations: {scheme: int, bits: 8}\n";

typedef struct network {
    study study;
    const spec *s;
    const plan *p;
    trainer t;
    double *seconds; /* of each whole step that was timed, the first STEPS_MAX */
    int64_t steps;
    double phases_before[STEP_PHASES];
    int64_t phase_steps; /* all steps since then */
} network;

/* The samples are loaded by the first network; the others share them. */
static status prepare(network *n, const char *path, const char *const *settings, int n_settings,
                      const char *text, const registry *r, dataset *train, diags *d) {
    status bad;
    n->seconds = mem_calloc(STEPS_MAX, sizeof *n->seconds);
    if (path != NULL) {
        bad = runner_study(&n->study, path, settings, n_settings, r, d);
    } else {
        bad = study_open_text(&n->study, "bench train", text, r, NUMERIC_VERSION, d);
    }
    if (!bad && n->study.n_points > 1)
        bad = diag_error(d, ERR_SPEC, "%s: a sweep of %d points; bench train wants one network",
                         path, n->study.n_points);
    if (bad) return bad;
    n->s = &n->study.points[0].s, n->p = &n->study.points[0].p;
    if (n->s->kind != KIND_QAT)
        return diag_error(d, ERR_SPEC, "%s: only kind: qat has a training to measure", n->s->file);
    if (n->p->train_size.n < n->s->data.batch) {
        bad = diag_error(d, ERR_SPEC, "%s: %lld training samples are fewer than one batch of %lld",
                         n->s->file, (long long)n->p->train_size.n, (long long)n->s->data.batch);
        diag_hint(d, "a smaller data.batch, or more samples");
    }
    if (!bad && train->x == NULL) bad = dataset_load(&n->p->train, d, train);
    if (!bad) bad = trainer_open(&n->t, n->p, train, n->s->seed, d);
    return bad;
}

static void release(network *n) {
    if (n->t.order != NULL) trainer_close(&n->t);
    study_close(&n->study);
    free(n->seconds);
}

static status take_steps(network *n, int count, bool timed, diags *d) {
    for (int i = 0; i < count; i++) {
        double loss, start = clock_seconds();
        int64_t rows;
        if (n->t.step == n->p->steps) n->t.step = 0; /* a short training starts over */
        status bad = trainer_step(&n->t, &loss, &rows, d);
        if (bad) return bad;
        n->phase_steps++;
        bool whole = rows == n->s->data.batch; /* the last batch of an epoch may be short */
        if (timed && whole && n->steps < STEPS_MAX)
            n->seconds[n->steps++] = clock_seconds() - start;
    }
    return OK;
}

static bench_train_row summarize(network *n, const network *scalar) {
    bench_train_row row = {.name = n->s->name,
                           .batch = n->s->data.batch,
                           .steps = n->steps,
                           .params = n->p->params};
    double sum = 0, after[STEP_PHASES];
    for (int64_t i = 0; i < n->steps; i++) sum += n->seconds[i];
    double mid = summary_median(n->seconds, n->steps);
    row.ms_median = mid * 1e3;
    row.ms_mad = summary_mad(n->seconds, n->steps, mid) * 1e3;
    row.samples_per_second = (double)row.batch / mid;
    row.ratio_scalar = summary_median(scalar->seconds, scalar->steps) / mid;
    row.overall = (double)row.batch * (double)n->steps / sum;
    trainer_seconds(&n->t, after);
    for (int i = 0; i < STEP_PHASES; i++)
        row.phase_ms[i] = (after[i] - n->phases_before[i]) / (double)n->phase_steps * 1e3;
    return row;
}

/* Of a network whose plugins were opened for it. */
static status take_scalar_steps(network *n, diags *d) {
    const char *level = bench_use_level("scalar");
    status bad = take_steps(n, SCALAR_TURN, true, d);
    bench_use_level(level);
    return bad;
}

static status measure(network *nets, network *scalar, int count, double seconds, diags *d) {
    status bad = OK;
    for (int i = 0; i < count && !bad; i++) {
        bad = take_steps(&nets[i], WARM_UP, false, d);
        if (bad) return bad;
        trainer_seconds(&nets[i].t, nets[i].phases_before);
        nets[i].phase_steps = 0;
    }
    for (double left = seconds * count; left > 0 && !bad;) {
        double started = clock_seconds();
        for (int i = 0; i < count && !bad; i++) bad = take_steps(&nets[i], TURN, true, d);
        left -= clock_seconds() - started; /* the twins' time is not theirs */
        for (int i = 0; i < count && !bad; i++) bad = take_scalar_steps(&scalar[i], d);
    }
    return bad;
}

status bench_train(const char *path, const char *const *settings, int n_settings, double seconds,
                   const registry *r, bench_train_visit_fn visit, void *arg, diags *d) {
    static const char *const texts[] = {float_spec, bitnet_spec};
    int count = path != NULL ? 1 : NETWORKS_MAX;
    if (path == NULL && n_settings > 0) {
        diag_error(d, ERR_USAGE, "--set changes a SPEC, and none is given");
        diag_hint(d, "quantbench bench train SPEC --set %s", settings[0]);
        return ERR_USAGE;
    }
    network *nets = mem_calloc(2 * NETWORKS_MAX, sizeof *nets), *scalar = nets + NETWORKS_MAX;
    dataset train = {0};
    status bad = OK;
    for (int i = 0; i < count && !bad; i++)
        bad = prepare(&nets[i], path, settings, n_settings, texts[i], r, &train, d);
    const char *level = bench_use_level("scalar");
    for (int i = 0; i < count && !bad; i++)
        bad = prepare(&scalar[i], path, settings, n_settings, texts[i], r, &train, d);
    bench_use_level(level);
    if (!bad) bad = measure(nets, scalar, count, seconds, d);
    for (int i = 0; i < count; i++) {
        if (!bad && nets[i].steps > 0) {
            bench_train_row row = summarize(&nets[i], &scalar[i]);
            visit(&row, arg);
        }
        release(&nets[i]);
        release(&scalar[i]);
    }
    dataset_free(&train);
    free(nets);
    return bad;
}
