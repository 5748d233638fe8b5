#include "conformance/cases.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/rng.h"

/* ---- one call of each function, with everything about it watched ---- */

static void describe(checker *k, int kind, int64_t groups, int64_t n) {
    checker_case(k, "groups %" PRId64 ", n %" PRId64 ", %s", groups, n, data_names[kind]);
}

static bool fit(subject *s, int64_t groups, int64_t n, guard_edge edge) {
    checker *k = s->k;
    size_t bytes = (size_t)(groups * s->q.info.n_meta) * sizeof(float);
    guard_place(&k->meta, bytes, sizeof(float), edge, 0xff); /* 0xffffffff is a NaN */
    call_begin(k, "fit()");
    k->p->scheme.fit(s->r, (const float *)(const void *)k->x.r, groups, n,
                     (float *)(void *)k->meta.w);
    return CALL_END(k, &k->meta);
}

static void place_x(checker *k, int64_t n, guard_edge edge) {
    guard_place(&k->x, (size_t)n * sizeof(float), sizeof(float), edge, 0);
}

static bool fill_and_fit(subject *s, int kind, int64_t groups, int64_t n, guard_edge edge) {
    checker *k = s->k;
    place_x(k, groups * n, edge);
    data_fill(kind, k->seed, (float *)(void *)k->x.w, groups, n);
    return fit(s, groups, n, edge);
}

static float *meta_of(checker *k) { return (float *)(void *)k->meta.w; }

/* Is the metadata what the header asks for? Rounds it to its stored form. */
static bool check_meta(subject *s, int64_t groups) {
    checker *k = s->k;
    int n = s->q.info.n_meta;
    float *meta = meta_of(k);
    for (int64_t i = 0; i < groups * n && !k->failed; i++) {
        const qb_meta *m = &s->q.info.meta[i % n];
        uint32_t bits;
        memcpy(&bits, &meta[i], sizeof bits);
        if (bits == 0xffffffff)
            checker_fail(k, "%s of group %" PRId64 " is not written", m->name, i / n);
        else if (!isfinite(meta[i]))
            checker_fail(k, "%s of group %" PRId64 " is %s", m->name, i / n,
                         isnan(meta[i]) ? "NaN" : "infinite");
        else if (m->role == QB_SCALE && meta[i] < 0)
            checker_fail(k, "%s of group %" PRId64 " is negative: %g", m->name, i / n,
                         (double)meta[i]);
        else if (!stored_round(m, SCALE_F32, &meta[i]))
            checker_fail(k, "%s of group %" PRId64 ", %g, does not fit its stored form", m->name,
                         i / n, (double)meta[i]);
    }
    for (int64_t g = 0; g < groups && !k->failed && s->q.kind != LEVELS_OWN; g++)
        if (!levels_are_finite(&s->q, meta + g * n, 1))
            checker_fail(k, "the levels of group %" PRId64 " decode to infinity", g);
    return !k->failed;
}

/* Codes of k->x under k->meta, in k->code. */
static bool encode(subject *s, int64_t groups, int64_t n, qb_rng rng, guard_edge edge,
                   uint8_t poison) {
    checker *k = s->k;
    const float *meta = (const float *)(const void *)k->meta.r;
    const float *x = (const float *)(const void *)k->x.r;
    guard_place(&k->code, (size_t)(groups * n), 1, edge, poison);
    if (s->q.kind == LEVELS_OWN) {
        call_begin(k, "encode()");
        k->p->scheme.encode(s->r, meta, x, groups, n, rng, k->code.w);
        return CALL_END(k, &k->code);
    }
    float *u = mem_aligned((size_t)(groups * n) * sizeof *u);
    s->host.kernels->uniform(rng, groups * n, u);
    levels_encode(&s->q, meta, x, groups, n, u, k->code.w);
    free(u);
    return true;
}

/* The values of k->code under k->meta, in k->y. */
static bool decode(subject *s, int64_t groups, int64_t n, guard_edge edge) {
    checker *k = s->k;
    const float *meta = (const float *)(const void *)k->meta.r;
    guard_place(&k->y, (size_t)(groups * n) * sizeof(float), sizeof(float), edge, 0xff);
    float *y = (float *)(void *)k->y.w;
    if (s->q.kind == LEVELS_OWN) {
        call_begin(k, "decode()");
        k->p->scheme.decode(s->r, meta, k->code.r, groups, n, y);
        return CALL_END(k, &k->y);
    }
    levels_decode(&s->q, meta, k->code.r, groups, n, y);
    return true;
}

/* ---- over data ---- */

/* Calls each() for kinds of data, sizes, numbers of groups and both edges. */
static void for_each_data(subject *s, bool few,
                          void (*each)(subject *s, int kind, int64_t groups, int64_t n,
                                       guard_edge edge)) {
    int sizes = few ? data_n_small : data_n_sizes, kinds = few ? 4 : DATA_KINDS;
    for (int i = 0; i < sizes; i++)
        for (int kind = 0; kind < kinds; kind++) {
            int64_t n = data_sizes[i], groups = n > 1000 ? 1 : kind % 2 ? 1 : 5;
            guard_edge edge = (guard_edge)((i + kind) % 2);
            for (int both = 0; both < (few ? 1 : 2); both++, edge = (guard_edge)!edge) {
                if (s->k->failed) return;
                describe(s->k, kind, groups, n);
                each(s, kind, groups, n, edge);
            }
        }
    for (int i = 0; i < data_n_groups && !few && !s->k->failed; i++) {
        int64_t groups = data_groups[i][0], n = data_groups[i][1];
        describe(s->k, 0, groups, n);
        each(s, 0, groups, n, GUARD_END);
    }
}

static void metadata_case(subject *s, int kind, int64_t groups, int64_t n, guard_edge edge) {
    if (fill_and_fit(s, kind, groups, n, edge)) check_meta(s, groups);
    checker *k = s->k;
    if (k->failed || k->p->scheme.bounds == NULL) return;
    guard_place(&k->stat, sizeof(float), sizeof(float), edge, 0xff);
    guard_place(&k->state, sizeof(float), sizeof(float), edge, 0xff);
    float *lo = (float *)(void *)k->stat.w, *hi = (float *)(void *)k->state.w;
    call_begin(k, "bounds()");
    k->p->scheme.bounds(s->r, meta_of(k), lo, hi);
    CALL_END(k, &k->stat, &k->state);
    if (!isfinite(*lo) || !isfinite(*hi) || !(*lo <= *hi))
        checker_fail(k, "it gives the range %g .. %g", (double)*lo, (double)*hi);
}

static void check_metadata_of(subject *s, bool few) { for_each_data(s, few, metadata_case); }
static void check_metadata(checker *k) { for_each_setting(k, check_metadata_of); }

/* ---- codes ---- */

static void check_values(subject *s, int64_t n, const char *of) {
    checker *k = s->k;
    const float *y = (const float *)(const void *)k->y.r;
    for (int64_t i = 0; i < n && !k->failed; i++) {
        uint32_t bits;
        memcpy(&bits, &y[i], sizeof bits);
        if (bits == 0xffffffff)
            checker_fail(k, "value %" PRId64 " of %s is not written", i, of);
        else if (!isfinite(y[i]))
            checker_fail(k, "value %" PRId64 " of %s is %s", i, of,
                         isnan(y[i]) ? "NaN" : "infinite");
    }
}

/* All levels under the first metadata row ascend, and the code of zero is zero. */
static void check_levels_ascend(subject *s, guard_edge edge) {
    checker *k = s->k;
    int n = s->q.info.n_levels;
    const float *y;
    guard_place(&k->code, (size_t)n, 1, edge, 0);
    for (int c = 0; c < n; c++) k->code.w[c] = (uint8_t)c;
    if (!decode(s, 1, n, edge)) return;
    check_values(s, n, "the levels");
    y = (const float *)(const void *)k->y.r;
    for (int c = 1; c < n && !k->failed; c++)
        if (y[c] < y[c - 1])
            checker_fail(k, "not monotone: code %d decodes to %g and code %d to %g", c - 1,
                         (double)y[c - 1], c, (double)y[c]);
    int zero = s->q.info.zero_code;
    if (!k->failed && s->q.kind == LEVELS_OWN && zero >= 0 && y[zero] != 0)
        checker_fail(k, "zero_code %d decodes to %g", zero, (double)y[zero]);
}

static void check_codes_in_range(subject *s, int64_t n) {
    checker *k = s->k;
    for (int64_t i = 0; i < n && !k->failed; i++)
        if (k->code.r[i] >= s->q.info.n_levels)
            checker_fail(k, "code %" PRId64 " is %d, there are %d levels", i, k->code.r[i],
                         s->q.info.n_levels);
}

/* What is in no file can be no part of what codes mean. */
static void without_unstored(subject *s, int64_t groups, int64_t n, guard_edge edge) {
    checker *k = s->k;
    const qb_scheme_info *info = &s->q.info;
    int64_t changed = 0;
    float *y = mem_floats(groups * n);
    memcpy(y, k->y.r, k->y.n);
    for (int64_t i = 0; i < groups * info->n_meta; i++)
        if (info->meta[i % info->n_meta].store == QB_NOT_STORED) meta_of(k)[i] = -7.5f, changed++;
    if (changed > 0 && decode(s, groups, n, edge) && memcmp(y, k->y.r, k->y.n) != 0)
        checker_fail(k, "the values depend on metadata that is QB_NOT_STORED");
    free(y);
}

static void codes_case(subject *s, int kind, int64_t groups, int64_t n, guard_edge edge) {
    checker *k = s->k;
    size_t all = (size_t)(groups * n);
    const qb_rng rng = {.key = kind % 2 ? 77 : 0, .offset = 12};
    if (!fill_and_fit(s, kind, groups, n, edge) || !check_meta(s, groups)) return;
    if (!encode(s, groups, n, rng, edge, 0)) return;
    check_codes_in_range(s, groups * n);
    if (k->failed) return;
    if (s->q.kind == LEVELS_OWN) { /* what is not written shows as two different codes */
        uint8_t *first = mem_aligned(all);
        memcpy(first, k->code.r, all);
        bool fine = encode(s, groups, n, rng, edge, 0xff);
        for (size_t i = 0; i < all && fine && !k->failed; i++)
            if (k->code.r[i] != first[i])
                checker_fail(k, "code %zu is not written, or not the same the second time", i);
        free(first);
        if (!fine || k->failed) return;
    }
    if (decode(s, groups, n, edge)) check_values(s, groups * n, "the decoded codes");
    if (!k->failed && s->q.kind == LEVELS_OWN) without_unstored(s, groups, n, edge);
    if (!k->failed && s->q.info.n_levels <= s->group) check_levels_ascend(s, edge);
}

static void check_codes_of(subject *s, bool few) { for_each_data(s, few, codes_case); }
static void check_codes(checker *k) { for_each_setting(k, check_codes_of); }

/* ---- encode(decode(c)) == c ---- */

static void idempotent_case(subject *s, int kind, int64_t groups, int64_t n, guard_edge edge) {
    checker *k = s->k;
    int levels = s->q.info.n_levels;
    (void)groups;
    if (!fill_and_fit(s, kind, 1, n, edge) || !check_meta(s, 1)) return;
    check_levels_ascend(s, edge);
    const float *y = (const float *)(const void *)k->y.r;
    for (int c = 1; c < levels && !k->failed; c++)
        if (!(y[c] > y[c - 1])) return; /* two levels in one place: the code cannot come back */
    if (k->failed) return;
    place_x(k, levels, edge);
    memcpy(k->x.w, y, (size_t)levels * sizeof *y);
    if (!encode(s, 1, levels, (qb_rng){0, 0}, edge, 0)) return;
    for (int c = 0; c < levels && !k->failed; c++)
        if (k->code.r[c] != c)
            checker_fail(k,
                         "code %d decodes to %.9g, which encodes to %d, and the scheme is not "
                         "QB_NOT_IDEMPOTENT",
                         c, (double)y[c], k->code.r[c]);
}

static void check_idempotent_of(subject *s, bool few) {
    if ((s->q.info.flags & QB_NOT_IDEMPOTENT) || s->q.info.round != QB_NEAREST) return;
    for_each_data(s, few, idempotent_case);
}
static void check_idempotent(checker *k) { for_each_setting(k, check_idempotent_of); }

/* ---- cuts ---- */

static bool same_floats(const float *a, const float *b, int64_t n) {
    return memcmp(a, b, (size_t)n * sizeof *a) == 0;
}

/* Many groups against one at a time. */
static void one_by_one(subject *s, const float *x, int64_t groups, int64_t n, guard_edge edge) {
    checker *k = s->k;
    int each = s->q.info.n_meta;
    float *together = mem_floats(groups * each + 1);
    memcpy(together, k->meta.r, k->meta.n);
    for (int64_t g = 0; g < groups && !k->failed; g++) {
        place_x(k, n, edge);
        memcpy(k->x.w, x + g * n, (size_t)n * sizeof *x);
        if (!fit(s, 1, n, edge)) break;
        if (!same_floats(meta_of(k), together + g * each, each))
            checker_fail(k,
                         "group %" PRId64 " alone has other metadata than among %" PRId64 " groups",
                         g, groups);
    }
    guard_place(&k->meta, (size_t)(groups * each) * sizeof(float), sizeof(float), edge, 0);
    memcpy(k->meta.w, together, k->meta.n);
    free(together);
}

/* Pieces of one group against the whole, with the offset of the random numbers moved. */
static void pieces(subject *s, const float *x, const float *meta, int64_t n, qb_rng rng,
                   const uint8_t *code, const float *y, guard_edge edge) {
    checker *k = s->k;
    int64_t each = s->q.info.n_meta;
    for (int64_t at = 0, len; at < n && !k->failed; at += len) {
        len = 1 + (int64_t)(rng_u32(k->seed, (uint64_t)(at + n)) % (uint32_t)(n / 3 + 1));
        if (len > n - at) len = n - at;
        guard_place(&k->meta, (size_t)each * sizeof(float), sizeof(float), edge, 0);
        memcpy(k->meta.w, meta, k->meta.n);
        place_x(k, len, edge);
        memcpy(k->x.w, x + at, (size_t)len * sizeof *x);
        if (!encode(s, 1, len, (qb_rng){rng.key, rng.offset + (uint64_t)at}, edge, 0)) return;
        for (int64_t i = 0; i < len && !k->failed; i++)
            if (k->code.r[i] != code[at + i])
                checker_fail(k,
                             "code %" PRId64 " depends on the cut: %d in the whole group, %d in "
                             "a piece from %" PRId64 " to %" PRId64,
                             at + i, code[at + i], k->code.r[i], at, at + len);
        if (k->failed || !decode(s, 1, len, edge)) return;
        if (!same_floats((const float *)(const void *)k->y.r, y + at, len))
            checker_fail(k, "values from %" PRId64 " to %" PRId64 " depend on the cut", at,
                         at + len);
    }
}

static void cuts_case(subject *s, int kind, int64_t groups, int64_t n, guard_edge edge) {
    checker *k = s->k;
    int64_t all = groups * n, each = s->q.info.n_meta;
    const qb_rng rng = {.key = kind % 3 ? 99 : 0, .offset = 1000};
    if (!fill_and_fit(s, kind, groups, n, edge)) return;
    float *x = mem_floats(all), *meta = mem_floats(groups * each + 1), *y = mem_floats(all);
    uint8_t *code = mem_aligned((size_t)all);
    memcpy(x, k->x.r, (size_t)all * sizeof *x);
    if (groups > 1) one_by_one(s, x, groups, n, edge);
    if (!k->failed && s->q.kind == LEVELS_OWN && check_meta(s, groups)) {
        memcpy(meta, k->meta.r, k->meta.n);
        place_x(k, all, edge);
        memcpy(k->x.w, x, (size_t)all * sizeof *x);
        if (encode(s, groups, n, rng, edge, 0) && decode(s, groups, n, edge)) {
            memcpy(code, k->code.r, (size_t)all);
            memcpy(y, k->y.r, (size_t)all * sizeof *y);
            for (int64_t g = 0; g < groups && !k->failed; g++)
                pieces(s, x + g * n, meta + g * each, n,
                       (qb_rng){rng.key, rng.offset + (uint64_t)(g * n)}, code + g * n, y + g * n,
                       edge);
        }
    }
    free(x), free(meta), free(y), free(code);
}

static void check_cuts_of(subject *s, bool few) { for_each_data(s, few, cuts_case); }
static void check_cuts(checker *k) { for_each_setting(k, check_cuts_of); }

/* ---- QB_BY_RANGE ---- */

static void range_case(subject *s, int kind, int64_t groups, int64_t n, guard_edge edge) {
    checker *k = s->k;
    int each = s->q.info.n_meta;
    (void)groups;
    if (!fill_and_fit(s, kind, 1, n, edge)) return;
    float ends[2], *whole = mem_floats(each + 1);
    memcpy(whole, k->meta.r, k->meta.n);
    s->host.kernels->minmax((const float *)(const void *)k->x.r, 1, n, &ends[0], &ends[1]);
    place_x(k, 2, edge);
    memcpy(k->x.w, ends, sizeof ends);
    if (fit(s, 1, 2, edge))
        for (int i = 0; i < each && !k->failed; i++)
            if (meta_of(k)[i] != whole[i])
                checker_fail(k,
                             "it is QB_BY_RANGE, but %s is %.9g of the group and %.9g of its "
                             "smallest and largest value",
                             s->q.info.meta[i].name, (double)whole[i], (double)meta_of(k)[i]);
    free(whole);
}

static void check_range_of(subject *s, bool few) {
    if (s->q.info.flags & QB_BY_RANGE) for_each_data(s, few, range_case);
}
static void check_range(checker *k) { for_each_setting(k, check_range_of); }

/* ---- QB_SHOWS_NONFINITE ---- */

static bool group_shows(checker *k, int64_t group, int n) {
    for (int i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &meta_of(k)[group * n + i], sizeof bits);
        if (bits != 0xffffffff && !isfinite(meta_of(k)[group * n + i])) return true;
    }
    return false;
}

static void nonfinite_case(subject *s, int kind, int64_t groups, int64_t n, guard_edge edge) {
    static const float odd[] = {NAN, INFINITY, -INFINITY};
    static const char *const name[] = {"NaN", "infinity", "-infinity"};
    checker *k = s->k;
    for (int i = 0; i < 3 && !k->failed; i++) {
        int64_t at = i == 0 ? groups * n - 1 : i == 1 ? 0 : groups * n / 2;
        place_x(k, groups * n, edge);
        float *x = (float *)(void *)k->x.w;
        data_fill(kind, k->seed, x, groups, n);
        x[at] = odd[i];
        if (fit(s, groups, n, edge) && !group_shows(k, at / n, s->q.info.n_meta))
            checker_fail(k,
                         "it is QB_SHOWS_NONFINITE, but group %" PRId64
                         ", which has a %s, gets finite metadata",
                         at / n, name[i]);
    }
}

static void check_nonfinite_of(subject *s, bool few) {
    if (s->q.info.flags & QB_SHOWS_NONFINITE) for_each_data(s, few, nonfinite_case);
}
static void check_nonfinite(checker *k) { for_each_setting(k, check_nonfinite_of); }

/* ---- gradients of metadata ---- */

static bool grad(subject *s, int64_t n, double start, guard_edge edge) {
    checker *k = s->k;
    size_t each = (size_t)s->q.info.n_meta;
    guard_place(&k->stat, each * sizeof(double), sizeof(double), edge, 0);
    double *dmeta = (double *)(void *)k->stat.w;
    for (size_t j = 0; j < each; j++) dmeta[j] = start;
    call_begin(k, "grad_meta()");
    k->p->scheme.grad_meta(s->r, (const float *)(const void *)k->meta.r,
                           (const float *)(const void *)k->x.r,
                           (const float *)(const void *)k->dy.r, n, dmeta);
    return CALL_END(k, &k->stat);
}

/* It adds, it is finite, and no gradient gives none. */
static void gradient_case(subject *s, int kind, int64_t groups, int64_t n, guard_edge edge) {
    checker *k = s->k;
    int each = s->q.info.n_meta;
    double first[256];
    (void)groups;
    if (!fill_and_fit(s, kind, 1, n, edge) || !check_meta(s, 1)) return;
    guard_place(&k->dy, (size_t)n * sizeof(float), sizeof(float), edge, 0);
    if (!grad(s, n, 0, edge)) return;
    const double *dmeta = (const double *)(const void *)k->stat.r;
    for (int j = 0; j < each && !k->failed; j++)
        if (dmeta[j] != 0) checker_fail(k, "dy is 0, but dmeta[%d] is %g", j, dmeta[j]);
    data_fill(0, k->seed + 1, (float *)(void *)k->dy.w, 1, n);
    if (k->failed || !grad(s, n, 0, edge)) return;
    memcpy(first, k->stat.r, k->stat.n);
    if (!grad(s, n, 1024, edge)) return;
    dmeta = (const double *)(const void *)k->stat.r;
    for (int j = 0; j < each && !k->failed; j++)
        if (!isfinite(first[j]))
            checker_fail(k, "dmeta[%d] is not finite", j);
        else if (fabs(dmeta[j] - 1024 - first[j]) > 1e-9 * (1024 + fabs(first[j])) * (double)n)
            checker_fail(k, "dmeta[%d] is not added to what was there", j);
}

static void check_gradient_of(subject *s, bool few) {
    if (s->k->p->scheme.grad_meta != NULL) for_each_data(s, few, gradient_case);
}
static void check_gradient(checker *k) { for_each_setting(k, check_gradient_of); }

/* ---- for the checks of all kinds ---- */

uint64_t scheme_work(const subject *s, uint64_t seed, int i) {
    int64_t n = data_sizes[i % (data_n_sizes - 1)], groups = 1 + i % 3, each = s->q.info.n_meta;
    const qb_scheme *f = &s->k->p->scheme;
    float *x = mem_floats(groups * n), *y = mem_floats(groups * n);
    float *meta = mem_floats(groups * each + 1);
    uint8_t *code = mem_aligned((size_t)(groups * n));
    data_fill(i % DATA_KINDS, seed + (uint64_t)i, x, groups, n);
    f->fit(s->r, x, groups, n, meta);
    uint64_t h = digest(0, meta, (size_t)(groups * each) * sizeof *meta);
    for (int64_t k = 0; k < groups * each; k++)
        stored_round(&s->q.info.meta[k % each], SCALE_F32, &meta[k]);
    if (f->encode != NULL) {
        f->encode(s->r, meta, x, groups, n, (qb_rng){(uint64_t)i, 3}, code);
        h = digest(h, code, (size_t)(groups * n));
        for (int64_t k = 0; k < groups * n; k++) /* a wrong code is another check's */
            if (code[k] >= s->q.info.n_levels) code[k] = 0;
        f->decode(s->r, meta, code, groups, n, y);
        h = digest(h, y, (size_t)(groups * n) * sizeof *y);
    }
    free(x), free(y), free(meta), free(code);
    return h;
}

const check_entry scheme_checks[] = {
    CHECK_INIT,
    {"metadata", "metadata is finite and fits its stored form; bounds() is a range",
     check_metadata},
    {"codes", "codes are levels, levels ascend and are finite", check_codes},
    {"idempotent", "encode(decode(c)) is c, unless it is declared otherwise", check_idempotent},
    {"cuts", "groups at once or alone, whole or in pieces: the same bits", check_cuts},
    {"range", "QB_BY_RANGE: only the smallest and largest value count", check_range},
    {"nonfinite", "QB_SHOWS_NONFINITE: a NaN or an infinity shows in the metadata",
     check_nonfinite},
    {"gradients", "grad_meta() adds finite numbers, none for no gradient", check_gradient},
    CHECKS_OF_ALL,
};
