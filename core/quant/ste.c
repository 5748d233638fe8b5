#include "quant/ste.h"

#include <string.h>

#include "util/parallel.h"

status estimator_open(estimator *e, const plugin_choice *c, const quantizer *q, const place *at,
                      diags *d) {
    *e = (estimator){0};
    if (c->plugin == NULL) return OK; /* a model that is only evaluated */
    layout l = quantizer_layout(q, q->rows_max);
    qb_site site = {.size = sizeof site,
                    .activation = q->activation,
                    .rows = q->rows_max,
                    .cols = q->cols,
                    .group = l.group,
                    .name = q->site};
    *e = (estimator){.info = {.size = sizeof e->info}, .table = &c->plugin->guarded.ste};
    status bad = instance_open_ste(&e->in, c, &site, &e->info, ERR_SPEC, at, d);
    if (bad) return bad;
    if (e->info.learn == QB_LEARN_NO && e->info.n_stat == 0 && e->info.n_state == 0) return OK;
    bad = diag_error_at(d, ERR_PLUGIN, at,
                        "%s: '%s' learns the scale or keeps statistics, which this version "
                        "cannot do",
                        c->plugin->path, c->plugin->entry.name);
    estimator_close(e);
    return bad;
}

void estimator_close(estimator *e) {
    instance_close(&e->in);
    *e = (estimator){0};
}

void estimator_set_progress(estimator *e, double progress) {
    if (e->table != NULL) params_set_live(&e->in.choice, e->in.self, progress);
}

typedef struct job {
    const estimator *e;
    const quantizer *q;
    layout l;
    const float *x, *y, *meta, *dy;
    uint64_t key;
    float *out; /* dx, or y of the forward pass */
    bool forward;
} job;

/* Levels and the thresholds half-way between them, if the estimator wants them. */
static void add_levels(const job *j, const float *meta, qb_ste_span *s, float *levels,
                       float *thresholds) {
    if (!j->e->info.wants_levels) return;
    quantizer_levels(j->q, meta, levels);
    s->n_levels = j->q->info.n_levels;
    for (int i = 0; i + 1 < s->n_levels; i++)
        thresholds[i] = (float)(((double)levels[i] + (double)levels[i + 1]) / 2);
    if (j->q->threshold_at >= 0)
        thresholds[0] = -meta[j->q->threshold_at], thresholds[1] = meta[j->q->threshold_at];
    s->levels = levels, s->thresholds = thresholds;
}

static void run_piece(const job *j, int64_t at, int64_t n, int64_t group, int64_t group_n) {
    const float *meta = j->meta + group * j->q->info.n_meta;
    float levels[256], thresholds[255];
    qb_ste_span s = {.size = sizeof s,
                     .n = n,
                     .x = j->x + at,
                     .y = j->y + at,
                     .dy = j->forward ? NULL : j->dy + at,
                     .group = group_n,
                     .rng = {.key = j->key, .offset = (uint64_t)at}};
    quantizer_bounds(j->q, meta, &s.lo, &s.hi, &s.step);
    if (!(s.step > 0)) { /* a group of one level: the gradient passes unchanged */
        if (!j->forward && j->out != j->dy)
            memcpy(j->out + at, j->dy + at, (size_t)n * sizeof(float));
        return;
    }
    add_levels(j, meta, &s, levels, thresholds);
    if (j->forward)
        j->e->table->forward(j->e->in.self, &s, j->out + at);
    else
        j->e->table->backward(j->e->in.self, &s, j->out + at);
}

static void tile_task(int64_t i, void *arg) {
    const job *j = arg;
    tile t = layout_tile(&j->l, i);
    for (int64_t g = 0; g < t.groups; g++)
        for (int64_t at = 0; at < t.n; at += PIECE_MAX)
            run_piece(j, t.at + g * t.n + at, t.n - at < PIECE_MAX ? t.n - at : PIECE_MAX,
                      t.group + g, t.n);
}

static void piece_task(int64_t i, void *arg) {
    const job *j = arg;
    tile t = layout_tile(&j->l, 0), p = tile_piece(&t, i);
    run_piece(j, p.at, p.n, p.group, t.n);
}

static void spread(const job *j) {
    tile first = layout_tile(&j->l, 0);
    job copy = *j;
    if (layout_tiles(&j->l) == 1 && first.groups == 1) /* one long group: by its pieces */
        parallel_for(tile_pieces(&first), piece_task, &copy);
    else
        parallel_for(layout_tiles(&j->l), tile_task, &copy);
}

static job job_of(const estimator *e, const quantizer *q, const float *x, const float *y,
                  int64_t rows, const float *meta, uint64_t key) {
    return (job){
        .e = e, .q = q, .l = quantizer_layout(q, rows), .x = x, .y = y, .meta = meta, .key = key};
}

void estimator_backward(const estimator *e, const quantizer *q, const float *x, const float *y,
                        int64_t rows, const float *meta, uint64_t key, const float *dy, float *dx) {
    job j = job_of(e, q, x, y, rows, meta, key);
    j.dy = dy, j.out = dx;
    spread(&j);
}

void estimator_forward(const estimator *e, const quantizer *q, const float *x, int64_t rows,
                       const float *meta, uint64_t key, float *y) {
    if (e->table->forward == NULL) return;
    job j = job_of(e, q, x, y, rows, meta, key);
    j.out = y, j.forward = true;
    spread(&j);
}
