#include "run/bench_linear.h"

#include <math.h>
#include <stdlib.h>

#include "nn/gemm.h"
#include "run/bench_ceilings.h"
#include "util/mem.h"
#include "util/parallel.h"
#include "util/rng.h"
#include "util/str.h"

enum { SIZE = 4096, ROWS_MAX = 512 };
static const int64_t row_counts[] = {1, 32, ROWS_MAX};
enum { N_COUNTS = sizeof row_counts / sizeof *row_counts };

typedef struct work {
    float *w, *x, *y; /* (SIZE, SIZE), (ROWS_MAX, SIZE), (ROWS_MAX, SIZE) */
    int64_t rows;
    int threads;
    double fp32; /* operations of a second, one thread */
} work;

static void sgemm_call(void *arg, int64_t turn) {
    const work *k = arg;
    (void)turn;
    gemm_whole(k->y, k->x, k->w, k->rows, SIZE, SIZE, k->threads);
}

/* Operations of a product. */
static double operations(const work *k) { return 2.0 * SIZE * SIZE * (double)k->rows; }

/* Seconds in which the weights can be read and the operations done. */
static double least_seconds(const work *k, const bench_streams *s, const bench_time *streams,
                            double bytes, double peak) {
    double one = fmax(streams_seconds(s, streams, bytes, 0), operations(k) / peak);
    return one / k->threads;
}

static void visit(const work *k, const char *op, const bench_time *t, double sgemm, double least,
                  const bench_options *o) {
    char *shape =
        str_format("%d x %d, %lld row%s", SIZE, SIZE, (long long)k->rows, k->rows == 1 ? "" : "s");
    bench_row row = bench_row_of(op, shape, "", "GOP/s");
    bench_row_rate(&row, t, operations(k) * 1e-9);
    row.threads = k->threads;
    row.ratio_sgemm = sgemm / t->median;
    row.ceiling = operations(k) * 1e-9 / least;
    o->visit(&row, o->arg);
    free(shape);
}

/* The products of one number of rows take turns with the stream of the weights. */
static void measure(work *k, const bench_streams *streams, const bench_options *o) {
    enum { SGEMM, STREAMS };
    bench_case cases[STREAMS + BENCH_STREAMS] = {{sgemm_call, k, k->threads, false}};
    bench_time t[STREAMS + BENCH_STREAMS];
    bench_streams s = *streams;
    streams_cases(&s, cases + STREAMS);
    bench_measure(cases, STREAMS + BENCH_STREAMS, o->samples, t);
    double least = least_seconds(k, &s, t + STREAMS, 4.0 * SIZE * SIZE, k->fp32);
    visit(k, "float, OpenBLAS", &t[SGEMM], t[SGEMM].median, least, o);
}

static void fill(float *x, int64_t n, uint64_t key) {
    for (int64_t i = 0; i < n; i++) x[i] = rng_uniform(key, (uint64_t)i) - 0.5f;
}

status bench_linear(const bench_options *o, diags *d) {
    (void)d;
    const int64_t bytes = 4 * SIZE * SIZE;
    int all = parallel_threads();
    work k = {.w = mem_floats(SIZE * SIZE),
              .x = mem_floats(ROWS_MAX * SIZE),
              .y = mem_floats(SIZE * SIZE)};
    fill(k.w, SIZE * SIZE, 9), fill(k.x, ROWS_MAX * SIZE, 10);
    parallel_set_threads(1);
    bench_streams streams;
    streams_open(&streams, &(bench_place){"", bytes, bytes}, k.w, k.y);
    k.fp32 = ceiling_peak(CEILING_FP32, o->samples);
    for (k.threads = 1;; k.threads = all) {
        for (int i = 0; i < N_COUNTS; i++) {
            k.rows = row_counts[i];
            measure(&k, &streams, o);
        }
        if (k.threads == all) break;
    }
    parallel_set_threads(all);
    free(k.w);
    free(k.x);
    free(k.y);
    return OK;
}
