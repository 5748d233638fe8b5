#include "nn/gemm.h"

#include <cblas.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "util/mem.h"
#include "util/parallel.h"

#undef I /* cblas.h brings the I of <complex.h> */

enum { BUFFER = 128 << 20 }; /* bytes of address space that OpenBLAS takes for a thread */

/* Large enough that OpenBLAS runs at over 90 % of one whole call, small enough to
 * keep several threads busy at batch 128; measured on 784 x 512. */
enum { FORWARD_COLS = 256, INPUT_COLS = 256, WEIGHT_ROWS = 64 };

int64_t shard_count(int64_t rows) { return (rows + SHARD - 1) / SHARD; }

int64_t shard_split(int64_t n) {
    int64_t p = 1;
    while (2 * p < n) p *= 2;
    return p;
}

static int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

int64_t gemm_buffer_bytes(void) { return (int64_t)parallel_threads() * BUFFER; }

/* OpenBLAS must not start threads of its own inside ours; and each of ours gets a buffer of it
 * for which it asks for ever where there is no memory. */
static void single_threaded(void) {
    static int done;
    if (done) return;
    openblas_set_num_threads(1);
    size_t bytes = (size_t)gemm_buffer_bytes();
    void *room = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) mem_exhausted(bytes);
    munmap(room, bytes);
    done = 1;
}

typedef struct job {
    float *out, *scratch;
    const float *a, *b, *bias;
    int64_t B, I, O;
    int64_t col_tiles; /* of a shard's rows */
    int64_t scratch_floats;
    const float *padded; /* forward: the rows of a last, partial shard and zeros up to 64 */
} job;

/* y[shard rows, 256 columns], the shards of a column tile one after the other: so a
 * thread reads those rows of w that it updates in the optimizer, and the caches of
 * two threads need not hand them to and fro (which doubled the time of the
 * optimizer). OpenBLAS clears y before it adds the product to it; a bias that stands
 * there instead costs nothing. */
static void forward_tile(int64_t task, void *arg) {
    const job *j = arg;
    int64_t shards = shard_count(j->B);
    int64_t row = task % shards * SHARD, col = task / shards * FORWARD_COLS;
    int64_t rows = smaller(SHARD, j->B - row), cols = smaller(FORWARD_COLS, j->O - col);
    float *y = j->out + row * j->O + col, tile[SHARD * FORWARD_COLS];
    bool partial = rows < SHARD;
    float *out = partial ? tile : y;
    int64_t stride = partial ? FORWARD_COLS : j->O;
    for (int64_t r = 0; r < SHARD && j->bias != NULL; r++)
        memcpy(out + r * stride, j->bias + col, (size_t)cols * sizeof *out);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, SHARD, (int)cols, (int)j->I, 1,
                partial ? j->padded : j->a + row * j->I, (int)j->I, j->b + col * j->I, (int)j->I,
                j->bias != NULL, out, (int)stride);
    for (int64_t r = 0; r < rows && partial; r++)
        memcpy(y + r * j->O, tile + r * stride, (size_t)cols * sizeof *y);
}

/* OpenBLAS multiplies few rows with other kernels than many, which add in another
 * order. So that a row's result does not depend on its batch, all shards have 64. */
static float *pad_last_shard(const float *x, int64_t B, int64_t I) {
    int64_t rows = B % SHARD;
    if (rows == 0) return NULL;
    float *padded = mem_aligned((size_t)(SHARD * I) * sizeof *padded);
    memcpy(padded, x + (B - rows) * I, (size_t)(rows * I) * sizeof *padded);
    memset(padded + rows * I, 0, (size_t)((SHARD - rows) * I) * sizeof *padded);
    return padded;
}

void gemm_forward(float *y, const float *x, const float *w, const float *b, int64_t B, int64_t I,
                  int64_t O) {
    single_threaded();
    float *padded = pad_last_shard(x, B, I);
    job j = {.out = y,
             .a = x,
             .b = w,
             .bias = b,
             .padded = padded,
             .B = B,
             .I = I,
             .O = O,
             .col_tiles = (O + FORWARD_COLS - 1) / FORWARD_COLS};
    parallel_for(shard_count(B) * j.col_tiles, forward_tile, &j);
    free(padded);
}

/* dx[shard rows, 256 columns] */
static void input_tile(int64_t task, void *arg) {
    const job *j = arg;
    int64_t row = task / j->col_tiles * SHARD, col = task % j->col_tiles * INPUT_COLS;
    int64_t rows = smaller(SHARD, j->B - row), cols = smaller(INPUT_COLS, j->I - col);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)rows, (int)cols, (int)j->O, 1,
                j->a + row * j->O, (int)j->O, j->b + col, (int)j->I, 0, j->out + row * j->I + col,
                (int)j->I);
}

void gemm_backward_input(float *dx, const float *dy, const float *w, int64_t B, int64_t I,
                         int64_t O) {
    single_threaded();
    job j = {.out = dx,
             .a = dy,
             .b = w,
             .B = B,
             .I = I,
             .O = O,
             .col_tiles = (I + INPUT_COLS - 1) / INPUT_COLS};
    parallel_for(shard_count(B) * j.col_tiles, input_tile, &j);
}

/* out (rows of dw) = the product of one shard, or += it. OpenBLAS sums the 64 terms
 * of an element before it adds them to what is there, so `add` gives the bits of
 * a separate addition (tests/unit/test_nn.c). */
static void weight_shard(const job *j, int64_t row, int64_t rows, int64_t shard, bool add,
                         float *out) {
    int64_t first = shard * SHARD;
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)rows, (int)j->I,
                (int)smaller(SHARD, j->B - first), 1, j->a + first * j->O + row, (int)j->O,
                j->b + first * j->I, (int)j->I, add, out, (int)j->I);
}

/* out = the tree sum over the shards [from, from + n); `free` is scratch for the
 * right-hand sides, one for each depth of the tree. */
static void weight_tree(const job *j, int64_t row, int64_t rows, int64_t from, int64_t n,
                        float *out, float *free) {
    if (n == 1) {
        weight_shard(j, row, rows, from, false, out);
        return;
    }
    int64_t left = shard_split(n), size = rows * j->I;
    weight_tree(j, row, rows, from, left, out, free);
    if (n - left == 1) {
        weight_shard(j, row, rows, from + left, true, out);
        return;
    }
    weight_tree(j, row, rows, from + left, n - left, free, free + size);
    for (int64_t i = 0; i < size; i++) out[i] += free[i];
}

static void weight_tile(int64_t task, void *arg) {
    const job *j = arg;
    int64_t row = task * WEIGHT_ROWS, rows = smaller(WEIGHT_ROWS, j->O - row);
    weight_tree(j, row, rows, 0, shard_count(j->B), j->out + row * j->I,
                j->scratch + parallel_thread() * j->scratch_floats);
}

void gemm_backward_weight(float *dw, const float *dy, const float *x, int64_t B, int64_t I,
                          int64_t O) {
    single_threaded();
    int64_t depth = 0;
    for (int64_t n = 2; n < shard_count(B); n *= 2) depth++;
    job j = {.out = dw,
             .a = dy,
             .b = x,
             .B = B,
             .I = I,
             .O = O,
             .scratch_floats = depth * smaller(WEIGHT_ROWS, O) * I};
    if (depth > 0)
        j.scratch = mem_aligned((size_t)(j.scratch_floats * parallel_threads()) * sizeof(float));
    parallel_for((O + WEIGHT_ROWS - 1) / WEIGHT_ROWS, weight_tile, &j);
    free(j.scratch);
}

void gemm_whole(float *y, const float *x, const float *w, int64_t B, int64_t I, int64_t O,
                int threads) {
    openblas_set_num_threads(threads);
    if (B == 1)
        cblas_sgemv(CblasRowMajor, CblasNoTrans, (int)O, (int)I, 1, w, (int)I, x, 1, 0, y, 1);
    else
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)B, (int)O, (int)I, 1, x, (int)I,
                    w, (int)I, 0, y, (int)O);
    openblas_set_num_threads(1);
}

void gemm_describe(char out[128]) {
    snprintf(out, 128, "%s %s", openblas_get_config(), openblas_get_corename());
}
