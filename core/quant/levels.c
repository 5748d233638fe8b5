#include "quant/levels.h"

#include <float.h>
#include <stdlib.h>

#include "host/params.h"

_Static_assert((int)ROUND_EVEN == QB_NEAREST && (int)ROUND_AWAY == QB_TIES_AWAY &&
                   (int)ROUND_UP == QB_TIES_UP && (int)ROUND_DOWN == QB_TIES_DOWN &&
                   (int)ROUND_FLOOR == QB_FLOOR && (int)ROUND_CEIL == QB_CEIL &&
                   (int)ROUND_STOCHASTIC == QB_STOCHASTIC,
               "kernels and plugins number the rounding modes alike");

/* ---- where one level gives way to the next ---- */

static float at_least(double v) { /* the smallest float >= v */
    float f = (float)v;
    return f < v ? nextafterf(f, INFINITY) : f;
}

static float above(double v) { /* the smallest float > v */
    float f = (float)v;
    return f > v ? f : nextafterf(f, INFINITY);
}

/* The smallest float that `round` takes to b or beyond, for two neighbouring
 * levels a < b; `toward_b` says where an even tie goes. */
static float step_to(double a, double b, rounding round, bool toward_b) {
    double middle = (a + b) / 2;
    switch (round) {
    case ROUND_FLOOR: return at_least(b);
    case ROUND_CEIL: return above(a);
    case ROUND_UP: return at_least(middle);
    case ROUND_DOWN: return above(middle);
    case ROUND_AWAY: return middle > 0 ? at_least(middle) : above(middle);
    default: return toward_b ? at_least(middle) : above(middle);
    }
}

/* steps[c] under `zero`. Even ties count from the level nearest 0 (the upper of
 * two such): the code at an even distance from it wins. */
static void make_steps(const quantizer *q, float zero, rounding round, float *steps) {
    const float *levels = q->info.levels;
    int n = q->info.n_levels, base = 0;
    for (int c = 1; c < n; c++)
        if (fabs((double)levels[c] - zero) <= fabs((double)levels[base] - zero)) base = c;
    for (int c = 0; c + 1 < n; c++)
        steps[c] = step_to((double)levels[c] - zero, (double)levels[c + 1] - zero, round,
                           (c + 1 - base) % 2 == 0);
}

/* ---- preparation ---- */

static bool are_consecutive_integers(const quantizer *q) {
    const float *levels = q->info.levels;
    int n = q->info.n_levels;
    if (levels[0] != floorf(levels[0]) || fabsf(levels[0]) > 65536) return false;
    for (int i = 1; i < n; i++)
        if (levels[i] != levels[0] + (float)i) return false;
    return true;
}

/* Integers, with 0 among them whatever the zero point: then rounding to even
 * integers is what the short way asks for. */
static bool is_affine(const quantizer *q) {
    const float *levels = q->info.levels;
    if (!are_consecutive_integers(q)) return false;
    if (q->zero_at >= 0) return levels[0] == 0 && q->info.meta[q->zero_at].store == QB_U8;
    return levels[0] <= 0 && levels[q->info.n_levels - 1] >= 0;
}

enum { TABLE = 16 }; /* levels that a vector looks up faster than it computes */

static float magnitude(const small_float *f, int m) {
    int exponent = m >> f->mantissa, part = m - (exponent << f->mantissa);
    if (exponent == 0) return ldexpf((float)part, f->least - f->mantissa);
    return ldexpf((float)(part + (1 << f->mantissa)), f->least + exponent - 1 - f->mantissa);
}

static bool are_floats(const quantizer *q, const small_float *f) {
    for (int m = 0; m <= f->top; m++)
        if (q->info.levels[f->top + m] != magnitude(f, m) ||
            q->info.levels[f->top - m] != -magnitude(f, m))
            return false;
    return true;
}

/* The levels of a small float about one zero, with a scale alone and rounded to even, as
 * small floats are. Few levels are found faster as such. */
static bool is_float(quantizer *q) {
    int n = q->info.n_levels, exponent;
    const float *levels = q->info.levels;
    if (n <= TABLE || n % 2 == 0 || q->info.round != QB_NEAREST || q->info.n_meta != 1 ||
        q->scale_at != 0 || levels[n / 2] != 0)
        return false;
    frexpf(levels[n / 2 + 1], &exponent);
    for (int bits = 1; bits <= 7; bits++) {
        q->floats = (small_float){bits, exponent - 1 + bits, n / 2};
        if (abs(q->floats.least) < 64 && are_floats(q, &q->floats)) return true;
    }
    return false;
}

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

float levels_median_gap(const float *levels, int n) {
    float gap[255];
    for (int i = 0; i + 1 < n; i++) gap[i] = levels[i + 1] - levels[i];
    qsort(gap, (size_t)(n - 1), sizeof *gap, by_value);
    return gap[(n - 2) / 2];
}

static const char *find_roles(quantizer *q) {
    int *at[] = {NULL, &q->scale_at, &q->zero_at, &q->offset_at, &q->threshold_at};
    for (int r = QB_SCALE; r <= QB_THRESHOLD; r++) *at[r] = -1;
    for (int i = 0; i < q->info.n_meta; i++) {
        const qb_meta *m = &q->info.meta[i];
        if (!params_is_name(m->name)) return "the name of its metadata is not [a-z][a-z0-9_]*";
        if (m->role < QB_OTHER || m->role > QB_THRESHOLD || m->store < QB_AS_SPEC ||
            m->store > QB_NOT_STORED)
            return "its metadata has an unknown role or stored form";
        if (m->learn) return "it has learned metadata, which this version cannot train";
        if (m->role == QB_OTHER) continue;
        if (*at[m->role] >= 0) return "two of its metadata have the same role";
        *at[m->role] = i;
    }
    return NULL;
}

static const char *check_levels(const quantizer *q) {
    const float *levels = q->info.levels;
    for (int i = 0; i < q->info.n_levels; i++)
        if (!isfinite(levels[i]) || (i > 0 && !(levels[i] > levels[i - 1])))
            return "its levels do not ascend";
    if (q->threshold_at >= 0 && q->info.n_levels != 3) return "a threshold needs three levels";
    return NULL;
}

const char *levels_prepare(quantizer *q) {
    qb_scheme_info *info = &q->info;
    if (info->n_levels < 2 || info->n_levels > 256) return "n_levels is not in 2..256";
    if (info->n_meta < 0 || info->n_meta > 256) return "n_meta is not in 0..256";
    if (info->n_meta > 0 && info->meta == NULL) return "its metadata is not described";
    if (info->round < QB_NEAREST || info->round > QB_STOCHASTIC) return "unknown rounding";
    if (info->group < -1) return "group is negative";
    const char *why = find_roles(q);
    if (why != NULL) return why;
    if (q->table->encode != NULL) {
        q->kind = LEVELS_OWN;
        return info->zero_code < info->n_levels ? NULL : "zero_code is not a code";
    }
    if (info->levels == NULL) return "it has neither levels nor encode() and decode()";
    why = check_levels(q);
    if (why != NULL) return why;
    q->kind = q->threshold_at >= 0 ? LEVELS_THRESHOLD
              : is_affine(q)       ? LEVELS_AFFINE
              : is_float(q)        ? LEVELS_FLOAT
                                   : LEVELS_STEPS;
    q->median_gap = levels_median_gap(info->levels, info->n_levels);
    info->zero_code = -1;
    for (int i = 0; i < info->n_levels; i++)
        if (info->levels[i] == 0 && q->zero_at < 0 && q->offset_at < 0) info->zero_code = i;
    if (q->kind == LEVELS_STEPS) make_steps(q, 0, (rounding)info->round, q->steps);
    return NULL;
}

/* ---- at work ---- */

static float role(const float *meta, int at, float absent) { return at >= 0 ? meta[at] : absent; }

float levels_outermost(const quantizer *q) { /* they ascend */
    return fmaxf(fabsf(q->info.levels[0]), fabsf(q->info.levels[q->info.n_levels - 1]));
}

static bool row_is_finite(const quantizer *q, const float *meta) {
    float scale = role(meta, q->scale_at, 1), zero = role(meta, q->zero_at, 0);
    float offset = role(meta, q->offset_at, 0), top = q->info.levels[q->info.n_levels - 1];
    /* decoding is monotonic: the others lie between the outer two */
    return isfinite((q->info.levels[0] - zero) * scale + offset) &&
           isfinite((top - zero) * scale + offset);
}

bool levels_are_finite(const quantizer *q, const float *meta, int64_t groups) {
    const int n = q->info.n_meta;
    if (n == 1 && q->scale_at == 0) { /* as most are: a loop of vectors */
        float outer = levels_outermost(q);
        int bad = 0;
        for (int64_t g = 0; g < groups; g++) bad |= !(fabsf(meta[g]) * outer <= FLT_MAX);
        return !bad;
    }
    for (int64_t g = 0; g < groups; g++)
        if (!row_is_finite(q, meta + g * n)) return false;
    return true;
}

/* One kind of metadata of all groups in a row of its own: kernels want it so. */
enum { COLUMN = 128 };
typedef struct columns {
    float scale[COLUMN], zero[COLUMN], offset[COLUMN], threshold[COLUMN];
    scaling s;
} columns;

static const float *column(const quantizer *q, const float *meta, int64_t groups, int at,
                           float *to) {
    if (at < 0) return NULL;
    if (q->info.n_meta == 1) return meta;
    for (int64_t g = 0; g < groups; g++) to[g] = meta[g * q->info.n_meta + at];
    return to;
}

/* groups: at most COLUMN */
static const scaling *scaling_of(const quantizer *q, const float *meta, int64_t groups,
                                 columns *c) {
    c->s = (scaling){column(q, meta, groups, q->scale_at, c->scale),
                     column(q, meta, groups, q->zero_at, c->zero),
                     column(q, meta, groups, q->offset_at, c->offset)};
    return &c->s;
}

/* Between two levels: up with probability distance / gap. */
static void encode_stochastic(const quantizer *q, const scaling *s, float zero, const float *x,
                              int64_t n, const float *u, uint8_t *code) {
    float begin[255], scale = s->scale != NULL ? *s->scale : 1;
    float inv = scale >= FLT_MIN ? 1.0f / scale : 0, offset = s->offset != NULL ? *s->offset : 0;
    make_steps(q, zero, ROUND_FLOOR, begin);
    simd_kernels()->encode_steps(x, 1, n, s, begin, q->info.n_levels - 1, code);
    for (int64_t i = 0; i < n; i++) {
        if (code[i] == q->info.n_levels - 1) continue;
        float v = (x[i] - offset) * inv;
        double low = (double)q->info.levels[code[i]] - zero;
        double high = (double)q->info.levels[code[i] + 1] - zero;
        code[i] = (uint8_t)(code[i] + (u[i] < (v - low) / (high - low)));
    }
}

/* Steps that depend on the group: by its zero point, or drawn. */
static bool has_own_steps(const quantizer *q) {
    return q->kind == LEVELS_STEPS && (q->info.round == QB_STOCHASTIC || q->zero_at >= 0);
}

static void encode_own_steps(const quantizer *q, const float *meta, const float *x, int64_t groups,
                             int64_t n, const float *u, uint8_t *code) {
    columns c;
    float steps[255];
    for (int64_t g = 0; g < groups; g++, meta += q->info.n_meta, x += n, code += n) {
        float zero = role(meta, q->zero_at, 0);
        const scaling *s = scaling_of(q, meta, 1, &c);
        if (q->info.round == QB_STOCHASTIC) {
            encode_stochastic(q, s, zero, x, n, u + g * n, code);
            continue;
        }
        make_steps(q, zero, (rounding)q->info.round, steps);
        simd_kernels()->encode_steps(x, 1, n, s, steps, q->info.n_levels - 1, code);
    }
}

static void encode_some(const quantizer *q, const float *meta, const float *x, int64_t groups,
                        int64_t n, const float *u, uint8_t *code) {
    const kernels *k = simd_kernels();
    const float *levels = q->info.levels;
    columns c;
    const scaling *s = scaling_of(q, meta, groups, &c);
    int n_levels = q->info.n_levels;
    if (q->kind == LEVELS_THRESHOLD)
        k->encode_threshold(x, groups, n, column(q, meta, groups, q->threshold_at, c.threshold),
                            code);
    else if (q->kind == LEVELS_AFFINE)
        k->encode_affine(x, groups, n, s, levels[0], levels[n_levels - 1], (rounding)q->info.round,
                         u, code);
    else if (q->kind == LEVELS_FLOAT)
        k->encode_float(x, groups, n, meta, &q->floats, code);
    else
        k->encode_steps(x, groups, n, s, q->steps, n_levels - 1, code);
}

void levels_encode(const quantizer *q, const float *meta, const float *x, int64_t groups, int64_t n,
                   const float *u, uint8_t *code) {
    if (has_own_steps(q)) {
        encode_own_steps(q, meta, x, groups, n, u, code);
        return;
    }
    for (int64_t g = 0; g < groups; g += COLUMN)
        encode_some(q, meta + g * q->info.n_meta, x + g * n,
                    groups - g < COLUMN ? groups - g : COLUMN, n, u + g * n, code + g * n);
}

void levels_decode(const quantizer *q, const float *meta, const uint8_t *code, int64_t groups,
                   int64_t n, float *y) {
    const kernels *k = simd_kernels();
    columns c;
    for (int64_t g = 0; g < groups; g += COLUMN) {
        int64_t some = groups - g < COLUMN ? groups - g : COLUMN;
        const scaling *s = scaling_of(q, meta + g * q->info.n_meta, some, &c);
        if (q->kind == LEVELS_AFFINE && q->info.n_levels > TABLE)
            k->decode_affine(code + g * n, some, n, s, q->info.levels[0], y + g * n);
        else if (q->kind == LEVELS_FLOAT)
            k->decode_float(code + g * n, some, n, meta + g, &q->floats, y + g * n);
        else
            k->decode_scaled(code + g * n, some, n, s, q->info.levels, q->info.n_levels, y + g * n);
    }
}

static void fake_some(const quantizer *q, const float *meta, const float *x, int64_t groups,
                      int64_t n, const float *u, float *y) {
    const kernels *k = simd_kernels();
    const float *levels = q->info.levels;
    columns c;
    const scaling *s = scaling_of(q, meta, groups, &c);
    int n_levels = q->info.n_levels;
    if (q->kind == LEVELS_THRESHOLD)
        k->fake_threshold(x, groups, n, column(q, meta, groups, q->threshold_at, c.threshold), s,
                          levels, y);
    else if (q->kind == LEVELS_AFFINE)
        k->fake_affine(x, groups, n, s, levels[0], levels[n_levels - 1], (rounding)q->info.round, u,
                       y);
    else
        k->fake_steps(x, groups, n, s, q->steps, n_levels - 1, levels, y);
}

void levels_fake(const quantizer *q, const float *meta, const float *x, int64_t groups, int64_t n,
                 const float *u, float *y) {
    uint8_t code[PIECE_MAX];
    if (q->kind == LEVELS_FLOAT || has_own_steps(q)) {
        levels_encode(q, meta, x, groups, n, u, code);
        levels_decode(q, meta, code, groups, n, y);
        return;
    }
    for (int64_t g = 0; g < groups; g += COLUMN)
        fake_some(q, meta + g * q->info.n_meta, x + g * n,
                  groups - g < COLUMN ? groups - g : COLUMN, n, u + g * n, y + g * n);
}

/* In one call, as the sums of a piece are those of its lanes, whatever its groups. */
void levels_error(const quantizer *q, const float *meta, const float *x, const uint8_t *code,
                  int64_t groups, int64_t n, error_sums *out) {
    float column_of[3][PIECE_MAX];
    const scaling s = {column(q, meta, groups, q->scale_at, column_of[0]),
                       column(q, meta, groups, q->zero_at, column_of[1]),
                       column(q, meta, groups, q->offset_at, column_of[2])};
    simd_kernels()->error_levels(x, code, groups, n, &s, q->info.levels, q->info.n_levels, out);
}
