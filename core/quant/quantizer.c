#include "quant/quantizer.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "quant/levels.h"
#include "quant/work.h"
#include "util/mem.h"
#include "util/parallel.h"

static const qb_meta one_scale = {.name = "scale", .role = QB_SCALE, .store = QB_AS_SPEC};

/* ---- opening ---- */

/* The scheme's own granularity, where the spec names none. */
static void resolve_groups(quantizer *q) {
    quant_config *c = &q->config;
    if (c->granularity == GRANULARITY_OWN)
        c->granularity = q->info.group == 0    ? GRANULARITY_TENSOR
                         : q->info.group == -1 ? GRANULARITY_CHANNEL
                                               : GRANULARITY_GROUP;
    if (c->granularity != GRANULARITY_GROUP)
        c->group_size = 0;
    else if (c->group_size == 0)
        c->group_size = q->info.group > 0 ? q->info.group : 128;
}

static status check_ragged(const quantizer *q, diags *d) {
    const quant_config *c = &q->config;
    if (c->granularity != GRANULARITY_GROUP || c->ragged_short || q->cols % c->group_size == 0)
        return OK;
    diag_error_at(d, ERR_SPEC, &c->at,
                  "group_size %" PRId64 " does not divide the %" PRId64 " columns of %s",
                  c->group_size, q->cols, q->site);
    diag_hint(d, "set `ragged: short` to let the last group of a row be shorter, or choose another "
                 "group_size");
    return ERR_SPEC;
}

status quantizer_open(quantizer *q, const quant_config *config, const char *site, bool activation,
                      int64_t rows, int64_t cols, diags *d) {
    const plugin *p = config->scheme.plugin;
    *q = (quantizer){.site = mem_strdup(site),
                     .activation = activation,
                     .config = *config,
                     .table = &p->guarded.scheme,
                     .rows_max = rows,
                     .cols = cols,
                     .data_error = ERR_INPUT};
    q->info = (qb_scheme_info){.size = sizeof q->info,
                               .zero_code = -1,
                               .n_meta = 1,
                               .round = (int32_t)config->round,
                               .meta = &one_scale,
                               .grad_scale = 1};
    /* init() is told the longest group that can come. The scheme's own choice is known
     * only afterwards: without a group size that is a row, without a granularity the
     * tensor. */
    layout l = layout_of(config->granularity, config->group_size > 0 ? config->group_size : cols,
                         rows, cols);
    qb_site s = {.size = sizeof s,
                 .activation = activation,
                 .rows = rows,
                 .cols = cols,
                 .group = l.group,
                 .name = q->site};
    status bad = instance_open_scheme(&q->scheme, &config->scheme, &s, &q->info, ERR_SPEC,
                                      config->at.file != NULL ? &config->at : NULL, d);
    if (bad) goto failed;
    const char *why = levels_prepare(q);
    if (why != NULL) {
        bad = diag_error(d, ERR_PLUGIN, "%s: scheme '%s' for %s: %s", p->path, p->entry.name, site,
                         why);
        goto failed;
    }
    resolve_groups(q);
    bad = check_ragged(q, d);
    if (!bad) return OK;
failed:
    quantizer_close(q);
    return bad;
}

void quantizer_close(quantizer *q) {
    instance_close(&q->scheme);
    free(q->site);
    *q = (quantizer){0};
}

layout quantizer_layout(const quantizer *q, int64_t rows) {
    return layout_of(q->config.granularity, q->config.group_size, rows, q->cols);
}

int64_t quantizer_groups(const quantizer *q, int64_t rows) {
    layout l = quantizer_layout(q, rows);
    return layout_groups(&l);
}

int quantizer_meta_bits(const quantizer *q) {
    int bits = 0;
    for (int i = 0; i < q->info.n_meta; i++)
        bits += stored_bits(&q->info.meta[i], q->config.scale_dtype);
    return bits;
}

/* ---- spreading the work ---- */

typedef struct job {
    quant_work w;
    uint8_t *code;
    const uint8_t *codes;
    float *y;
    error_sums *part; /* of each piece */
} job;

/* A tensor of few, long groups gives more work items by its pieces than by its
 * tiles: work item i is a piece of a tile. */
static int64_t n_pieces(const layout *l) {
    int64_t tiles = layout_tiles(l);
    tile first = layout_tile(l, 0);
    return tile_pieces(&first) == 1 ? tiles : tiles * tile_pieces(&first);
}

static bool piece_of(const layout *l, int64_t i, tile *p) {
    tile first = layout_tile(l, 0);
    int64_t each = tile_pieces(&first);
    tile t = layout_tile(l, i / each);
    if (i % each >= tile_pieces(&t)) return false; /* a tail has fewer */
    *p = tile_piece(&t, i % each);
    return true;
}

static void fit_task(int64_t i, void *arg) {
    job *j = arg;
    tile t = layout_tile(&j->w.l, i);
    work_fit(&j->w, &t);
}

static void check_task(int64_t i, void *arg) {
    job *j = arg;
    tile p;
    if (piece_of(&j->w.l, i, &p)) work_is_finite(&j->w, p.at, p.groups * p.n);
}

static void check_and_fit_task(int64_t i, void *arg) {
    job *j = arg;
    tile t = layout_tile(&j->w.l, i);
    work_check_and_fit(&j->w, &t);
}

static void encode_task(int64_t i, void *arg) {
    const job *j = arg;
    tile p;
    if (piece_of(&j->w.l, i, &p)) work_encode(&j->w, &p, j->code + p.at);
}

static void decode_task(int64_t i, void *arg) {
    const job *j = arg;
    tile p;
    if (piece_of(&j->w.l, i, &p)) work_decode(&j->w, &p, j->codes + p.at, j->y + p.at);
}

static void recode_task(int64_t i, void *arg) {
    const job *j = arg;
    tile p;
    if (piece_of(&j->w.l, i, &p)) work_fake(&j->w, &p, j->y + p.at);
}

static void fake_task(int64_t i, void *arg) {
    job *j = arg;
    tile t = layout_tile(&j->w.l, i);
    if (work_check_and_fit(&j->w, &t)) work_fake(&j->w, &t, j->y + t.at);
}

static bool groups_fit_a_piece(const layout *l) { return l->group <= PIECE_MAX; }

/* ---- the calls ---- */

status quantizer_fit(const quantizer *q, const float *x, int64_t rows, float *meta, diags *d) {
    job j = {0};
    work_open(&j.w, q, x, rows, meta, 0);
    if (groups_fit_a_piece(&j.w.l)) {
        parallel_for(layout_tiles(&j.w.l), check_and_fit_task, &j);
        return work_verdict(&j.w, d);
    }
    /* Few long groups: the reductions of the kernels use the threads themselves. */
    if (!(q->info.flags & QB_SHOWS_NONFINITE)) parallel_for(n_pieces(&j.w.l), check_task, &j);
    if (atomic_load(&j.w.bad_element) != INT64_MAX) return work_verdict(&j.w, d);
    if (layout_tiles(&j.w.l) >= parallel_threads() * 4) {
        parallel_for(layout_tiles(&j.w.l), fit_task, &j);
    } else {
        for (int64_t i = 0; i < layout_tiles(&j.w.l); i++) fit_task(i, &j);
    }
    return work_verdict(&j.w, d);
}

void quantizer_encode(const quantizer *q, const float *x, int64_t rows, const float *meta,
                      uint64_t key, uint8_t *code) {
    job j = {.code = code};
    work_open(&j.w, q, x, rows, meta, key);
    parallel_for(n_pieces(&j.w.l), encode_task, &j);
}

void quantizer_decode(const quantizer *q, const uint8_t *code, int64_t rows, const float *meta,
                      float *y) {
    job j = {.codes = code, .y = y};
    work_open(&j.w, q, NULL, rows, meta, 0);
    parallel_for(n_pieces(&j.w.l), decode_task, &j);
}

status quantizer_fake(const quantizer *q, const float *x, int64_t rows, uint64_t key, float *meta,
                      float *y, diags *d) {
    job j = {.y = y};
    work_open(&j.w, q, x, rows, meta, key);
    if (groups_fit_a_piece(&j.w.l)) {
        parallel_for(layout_tiles(&j.w.l), fake_task, &j);
        return work_verdict(&j.w, d);
    }
    status bad = quantizer_fit(q, x, rows, meta, d);
    if (!bad) parallel_for(n_pieces(&j.w.l), recode_task, &j);
    return bad;
}

static void error_task(int64_t i, void *arg) {
    const job *j = arg;
    const quantizer *q = j->w.q;
    tile p;
    float y[PIECE_MAX];
    if (!piece_of(&j->w.l, i, &p)) return;
    const uint8_t *code = j->codes + p.at;
    const float *x = j->w.x + p.at;
    if (q->kind == LEVELS_OWN) {
        work_decode(&j->w, &p, code, y);
        simd_kernels()->error_sums(x, y, p.groups * p.n, &j->part[i]);
        return;
    }
    levels_error(q, j->w.meta + p.group * q->info.n_meta, x, code, p.groups, p.n, &j->part[i]);
}

void quantizer_error(const quantizer *q, const float *x, const uint8_t *code, int64_t rows,
                     const float *meta, error_sums *out) {
    job j = {.codes = code};
    work_open(&j.w, q, x, rows, meta, 0);
    int64_t n = n_pieces(&j.w.l);
    j.part = mem_calloc((size_t)n, sizeof *j.part);
    parallel_for(n, error_task, &j);
    *out = (error_sums){0};
    for (int64_t i = 0; i < n; i++) { /* in the order of the pieces, whoever computed them */
        const error_sums *p = &j.part[i];
        out->xx += p->xx, out->yy += p->yy, out->xy += p->xy;
        out->ee += p->ee, out->abs_e += p->abs_e, out->zeros += p->zeros;
        out->max_e = p->max_e > out->max_e ? p->max_e : out->max_e;
    }
    free(j.part);
}

void quantizer_levels(const quantizer *q, const float *meta, float *levels) {
    uint8_t code[256];
    int64_t n = q->info.n_levels, group = quantizer_layout(q, q->rows_max).group;
    for (int i = 0; i < n; i++) code[i] = (uint8_t)i;
    if (q->kind != LEVELS_OWN) {
        levels_decode(q, meta, code, 1, n, levels);
        return;
    }
    for (int64_t at = 0; at < n; at += group) /* no call has more codes than a group */
        q->table->decode(q->scheme.self, meta, code + at, 1, n - at < group ? n - at : group,
                         levels + at);
}

void quantizer_bounds(const quantizer *q, const float *meta, float *lo, float *hi, float *step) {
    int n = q->info.n_levels;
    if (q->kind == LEVELS_OWN) {
        float levels[256];
        quantizer_levels(q, meta, levels);
        *lo = levels[0], *hi = levels[n - 1], *step = levels_median_gap(levels, n);
    } else {
        float scale = q->scale_at >= 0 ? meta[q->scale_at] : 1;
        float zero = q->zero_at >= 0 ? meta[q->zero_at] : 0;
        float offset = q->offset_at >= 0 ? meta[q->offset_at] : 0;
        *lo = (q->info.levels[0] - zero) * scale + offset;
        *hi = (q->info.levels[n - 1] - zero) * scale + offset;
        *step = q->median_gap * scale;
    }
    if (q->table->bounds != NULL) q->table->bounds(q->scheme.self, meta, lo, hi);
}

char *quantizer_label(const quantizer *q) {
    strbuf b = {0};
    const plugin_choice *c = &q->scheme.choice;
    strbuf_add(&b, c->plugin->entry.name);
    for (int i = 0; i < c->plugin->n_params; i++) {
        if (!c->values[i].given) continue;
        strbuf_addf(&b, " %s=", c->plugin->params[i].name);
        params_print(c, i, &b);
    }
    strbuf_addf(&b, " %s", granularity_name(q->config.granularity));
    if (q->config.granularity == GRANULARITY_GROUP)
        strbuf_addf(&b, " %" PRId64, q->config.group_size);
    return b.s;
}
