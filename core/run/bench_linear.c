#include "run/bench_linear.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "nn/gemm.h"
#include "quant/linear.h"
#include "run/bench_ceilings.h"
#include "util/mem.h"
#include "util/parallel.h"
#include "util/rng.h"
#include "util/str.h"

enum { SIZE = 4096, ROWS_MAX = 512 };
static const int64_t row_counts[] = {1, 32, ROWS_MAX};
enum { N_COUNTS = sizeof row_counts / sizeof *row_counts };

/* The weights: schemes and the forms that they are packed in. */
static const struct form {
    const char *name, *scheme, *bits; /* bits NULL: the scheme has none */
    int32_t form;
    granularity g;
    int64_t group;
} forms[] = {
    {"binary", "binary", NULL, 1, GRANULARITY_CHANNEL, 0},
    {"ternary, 2 bits", "bitnet158", NULL, 2, GRANULARITY_CHANNEL, 0},
    {"ternary, 2 bits", "bitnet158", NULL, 2, GRANULARITY_GROUP, 128},
    {"ternary, base 3", "bitnet158", NULL, LINEAR_BASE3, GRANULARITY_CHANNEL, 0},
    {"ternary, base 3", "bitnet158", NULL, LINEAR_BASE3, GRANULARITY_GROUP, 128},
    {"int3", "int", "3", 3, GRANULARITY_CHANNEL, 0},
    {"int4", "int", "4", 4, GRANULARITY_CHANNEL, 0},
    {"int4", "int", "4", 4, GRANULARITY_GROUP, 128},
    {"int8", "int", "8", 8, GRANULARITY_CHANNEL, 0},
    {"int8", "int", "8", 8, GRANULARITY_GROUP, 128},
};
enum { N_FORMS = sizeof forms / sizeof *forms };

typedef struct work {
    float *w, *x, *y; /* (SIZE, SIZE), (ROWS_MAX, SIZE), (ROWS_MAX, SIZE) */
    int8_t *integers; /* (ROWS_MAX, SIZE), with a scale each */
    float scale[ROWS_MAX];
    struct matrix {
        const struct work *of;
        const struct form *form;
        linear_matrix m;
        bench_time scalar; /* of one row of x */
    } matrices[N_FORMS];
    int n; /* matrices: those whose scheme is installed */
    int64_t rows;
    int threads;
    double fp32, int8;           /* operations of a second, one thread */
    bench_streams floats, codes; /* where weights of floats lie, and packed ones */
} work;

/* ---- calls ---- */

static void sgemm_call(void *arg, int64_t turn) {
    const work *k = arg;
    (void)turn;
    gemm_whole(k->y, k->x, k->w, k->rows, SIZE, SIZE, k->threads);
}

static void packed_call(void *arg, int64_t turn) {
    const struct matrix *m = arg;
    (void)turn;
    linear_input x = {.x = m->of->integers, .n = m->of->rows, .scale = m->of->scale};
    linear_multiply(&m->m, &x, NULL, m->of->y);
}

/* ---- rows ---- */

/* Operations of a product. */
static double operations(const work *k) { return 2.0 * SIZE * SIZE * (double)k->rows; }

static void visit(const work *k, const char *op, const struct form *f, const bench_time *t,
                  const bench_time *scalar, double sgemm, double least, const bench_options *o) {
    char *groups = f == NULL                   ? str_format("floats")
                   : f->g == GRANULARITY_GROUP ? str_format("group %lld", (long long)f->group)
                                               : str_format("%s", granularity_name(f->g));
    char *shape = str_format("%d x %d by %lld, %s", SIZE, SIZE, (long long)k->rows, groups);
    bench_row row = bench_row_of(op, shape, "", "GOP/s");
    bench_row_rate(&row, t, scalar, operations(k) * 1e-9);
    row.threads = k->threads;
    row.ratio_sgemm = sgemm / t->median;
    row.ceiling = operations(k) * 1e-9 * k->threads / least;
    if (f != NULL) row.bits = f->form == LINEAR_BASE3 ? 1.6 : f->form;
    o->visit(&row, o->arg);
    free(groups);
    free(shape);
}

/* Products of one number of rows take turns with the streams of their weights. On one thread
 * none can take less than it takes to read the weights, or to do the operations. Scalar takes
 * each row of x by itself, so that of one row says what it takes for many: minutes. */
static void measure(work *k, const bench_options *o) {
    enum { SGEMM, FLOATS, CODES = FLOATS + BENCH_STREAMS, PACKED = CODES + BENCH_STREAMS };
    bench_case cases[PACKED + 2 * N_FORMS];
    bench_time t[PACKED + 2 * N_FORMS];
    bool one = k->rows == 1; /* with more rows a call is long */
    int scalar = PACKED + k->n, n = scalar + (one ? k->n : 0);
    cases[SGEMM] = (bench_case){sgemm_call, k, k->threads, one, false};
    streams_cases(&k->floats, cases + FLOATS);
    streams_cases(&k->codes, cases + CODES);
    for (int i = PACKED; i < n; i++)
        cases[i] = (bench_case){packed_call, &k->matrices[(i - PACKED) % k->n], k->threads, one,
                                i >= scalar};
    bench_measure(cases, n, o->samples, t);
    double read = streams_seconds(&k->floats, t + FLOATS, 4.0 * SIZE * SIZE, 0);
    visit(k, "float, OpenBLAS", NULL, &t[SGEMM], NULL, t[SGEMM].median,
          fmax(read, operations(k) / k->fp32), o);
    for (int i = 0; i < k->n; i++) {
        struct matrix *m = &k->matrices[i];
        if (one) m->scalar = t[scalar + i];
        const bench_time rows = {.median = m->scalar.median * (double)k->rows};
        read = streams_seconds(&k->codes, t + CODES, (double)(m->m.w.row_bytes * SIZE), 0);
        visit(k, m->form->name, m->form, &t[PACKED + i], &rows, t[SGEMM].median,
              fmax(read, operations(k) / k->int8), o);
    }
}

/* ---- weights ---- */

static status open_matrix(work *k, const struct form *f, const registry *r, diags *d) {
    const plugin *scheme = registry_find(r, QB_SCHEME, f->scheme);
    if (scheme == NULL) return OK;
    quant_config config = {.scheme = params_defaults(scheme),
                           .granularity = f->g,
                           .group_size = f->group};
    if (f->bits != NULL) {
        char *why = params_set(&config.scheme, params_find(scheme, "bits"), f->bits);
        assert(why == NULL);
        free(why);
    }
    quantizer q;
    status bad = quantizer_open(&q, &config, "bench", false, SIZE, SIZE, d);
    if (bad) return bad;
    params_set_live(&q.scheme.choice, q.scheme.self, 1);
    float *meta = mem_floats(quantizer_groups(&q, SIZE) * q.info.n_meta);
    uint8_t *code = mem_aligned(SIZE * SIZE);
    struct matrix *m = &k->matrices[k->n];
    bad = quantizer_fit(&q, k->w, SIZE, meta, d);
    if (!bad) quantizer_encode(&q, k->w, SIZE, meta, 0, code);
    if (!bad) bad = linear_open(&m->m, &q, SIZE, code, meta, f->form, d);
    if (!bad) m->of = k, m->form = f, k->n++;
    free(meta);
    free(code);
    quantizer_close(&q);
    return bad;
}

static status work_open(work *k, const registry *r, diags *d) {
    k->w = mem_floats(SIZE * SIZE), k->x = mem_floats(ROWS_MAX * SIZE);
    k->y = mem_floats(SIZE * SIZE), k->integers = mem_aligned(ROWS_MAX * SIZE);
    for (int64_t i = 0; i < SIZE * SIZE; i++) k->w[i] = rng_uniform(9, (uint64_t)i) - 0.5f;
    for (int64_t i = 0; i < ROWS_MAX * SIZE; i++) {
        k->integers[i] = (int8_t)((int)(rng_u32(10, (uint64_t)i) % 255) - 127);
        k->x[i] = (float)k->integers[i];
    }
    for (int i = 0; i < ROWS_MAX; i++) k->scale[i] = 1;
    status bad = OK;
    for (int i = 0; i < N_FORMS && !bad; i++) bad = open_matrix(k, &forms[i], r, d);
    return bad;
}

static void work_close(work *k) {
    for (int i = 0; i < k->n; i++) linear_close(&k->matrices[i].m);
    free(k->w);
    free(k->x);
    free(k->y);
    free(k->integers);
}

static void measure_all(work *k, const bench_options *o) {
    int all = parallel_threads();
    int64_t floats = 4 * SIZE * SIZE, codes = SIZE * SIZE / 4;
    parallel_set_threads(1);
    streams_open(&k->floats, &(bench_place){"", floats, floats}, k->w, k->y);
    streams_open(&k->codes, &(bench_place){"", codes, codes}, k->w, k->y);
    k->fp32 = ceiling_peak(CEILING_FP32, o->samples);
    k->int8 = ceiling_peak(CEILING_INT8, o->samples);
    for (k->threads = 1;; k->threads = all) {
        parallel_set_threads(k->threads);
        for (int i = 0; i < N_COUNTS; i++) {
            k->rows = row_counts[i];
            measure(k, o);
        }
        if (k->threads == all) break;
    }
}

status bench_linear(const bench_options *o, diags *d) {
    work *k = mem_calloc(1, sizeof *k);
    status bad = work_open(k, o->plugins, d);
    if (!bad) measure_all(k, o);
    work_close(k);
    free(k);
    return bad;
}
