#include "quant/linear.h"

#include <math.h>
#include <stdlib.h>

#include "simd/linear.h"
#include "util/mem.h"
#include "util/parallel.h"

enum { LARGEST_INPUT = 255 }; /* |x - zero| */

/* ---- which quantizers ---- */

/* Evenly spaced integers from *low on, *step apart. */
static bool are_integers(const quantizer *q, int32_t *low, int32_t *step) {
    const float *levels = q->info.levels;
    int n = q->info.n_levels;
    if (q->kind == LEVELS_OWN || floorf(levels[0]) != levels[0]) return false;
    if (fabsf(levels[0]) > 65536 || fabsf(levels[n - 1]) > 65536) return false;
    if (q->zero_at >= 0 && q->info.meta[q->zero_at].store != QB_U8) return false;
    float gap = levels[1] - levels[0];
    if (floorf(gap) != gap) return false;
    for (int i = 1; i < n; i++)
        if (levels[i] != levels[0] + (float)i * gap) return false;
    *low = (int32_t)levels[0], *step = (int32_t)gap;
    return true;
}

/* The largest |level - zero|. */
static int64_t largest_of(const quantizer *q, int32_t low, int32_t step) {
    int64_t top = low + (int64_t)step * (q->info.n_levels - 1), zero = q->zero_at >= 0 ? 255 : 0;
    int64_t least = low - zero, most = llabs(top) > llabs(low) ? llabs(top) : llabs(low);
    return llabs(least) > most ? llabs(least) : most;
}

static int64_t group_columns(const quantizer *q) {
    return q->config.granularity == GRANULARITY_GROUP && q->config.group_size < q->cols
               ? q->config.group_size
               : q->cols;
}

const char *linear_refuses_weights(const quantizer *q) {
    int32_t low = -1, step = 2; /* what two levels of any kind are taken for */
    bool two = q->kind == LEVELS_OWN && q->info.n_levels == 2;
    if (!two && !are_integers(q, &low, &step)) return "its levels are no evenly spaced integers";
    if (q->cols > LINEAR_MAX_COLS) return "it has more than 262144 columns";
    if (group_columns(q) * largest_of(q, low, step) * LARGEST_INPUT > INT32_MAX)
        return "sums over its groups could pass 2^31: choose smaller groups or fewer bits";
    return NULL;
}

const char *linear_refuses_input(const quantizer *q) {
    int32_t low, step;
    if (!are_integers(q, &low, &step)) return "its levels are no evenly spaced integers";
    if (q->offset_at >= 0) return "it has an offset that is no integer";
    if (q->config.granularity == GRANULARITY_GROUP) return "a row has more than one scale";
    if (largest_of(q, low, step) > LARGEST_INPUT || step * (q->info.n_levels - 1) > UINT8_MAX)
        return "its integers do not fit 8 bits";
    return NULL;
}

int32_t linear_form(int n_levels) {
    return n_levels <= 2 ? 1 : n_levels <= 4 ? 2 : n_levels <= 16 ? 4 : 8;
}

/* ---- preparing ---- */

typedef struct group_numbers {
    int32_t shift;
    float scale, offset;
} group_numbers;

static group_numbers numbers_of(const quantizer *q, int32_t low, const float *meta) {
    if (q->kind != LEVELS_OWN)
        return (group_numbers){
            .shift = low - (q->zero_at >= 0 ? (int32_t)meta[q->zero_at] : 0),
            .scale = q->scale_at >= 0 ? meta[q->scale_at] : 1,
            .offset = q->offset_at >= 0 ? meta[q->offset_at] : 0,
        };
    float levels[256];
    quantizer_levels(q, meta, levels);
    double half = ((double)levels[1] - levels[0]) / 2, middle = ((double)levels[1] + levels[0]) / 2;
    return (group_numbers){.shift = -1, .scale = (float)half, .offset = (float)middle};
}

static void *room_for(linear_matrix *m, int i, int64_t bytes) {
    return m->buffers[i] = mem_aligned((size_t)bytes);
}

static void pack_row(const linear_weights *w, const uint8_t *code, uint8_t *out) {
    if (w->form == LINEAR_BASE3)
        simd_kernels()->pack_base3(code, w->cols, out);
    else
        simd_kernels()->pack_bits(code, w->cols, w->form, out);
}

static void fill(linear_matrix *m, const quantizer *q, int32_t low, const uint8_t *code,
                 const float *meta) {
    linear_weights *w = &m->w;
    int64_t all = w->rows * w->groups;
    uint8_t *bytes = room_for(m, 0, w->rows * w->row_bytes);
    int32_t *shift = room_for(m, 1, all * 4), *code_sum = room_for(m, 2, all * 4);
    float *scale = room_for(m, 3, all * 4), *offset = room_for(m, 4, all * 4);
    bool one_meta = q->config.granularity == GRANULARITY_TENSOR, has_offset = false;
    for (int64_t i = 0; i < all; i++) {
        const float *own = meta + (one_meta ? 0 : i) * q->info.n_meta;
        group_numbers n = numbers_of(q, low, own);
        const uint8_t *row = code + i / w->groups * w->cols;
        int64_t from = i % w->groups * w->group, to = linear_least(from + w->group, w->cols);
        int32_t sum = 0;
        for (int64_t k = from; k < to; k++) sum += row[k];
        shift[i] = n.shift, code_sum[i] = sum, scale[i] = n.scale, offset[i] = n.offset;
        has_offset |= n.offset != 0;
    }
    for (int64_t r = 0; r < w->rows; r++) pack_row(w, code + r * w->cols, bytes + r * w->row_bytes);
    w->bytes = bytes, w->shift = shift, w->code_sum = code_sum, w->scale = scale;
    w->offset = has_offset ? offset : NULL;
}

status linear_open(linear_matrix *m, const quantizer *q, int64_t rows, const uint8_t *code,
                   const float *meta, int32_t form, diags *d) {
    int32_t low = -1, step = 2;
    *m = (linear_matrix){0};
    const char *why = linear_refuses_weights(q);
    int most = form == LINEAR_BASE3 ? 3 : 1 << form;
    if (why == NULL && q->info.n_levels > most) why = "it has more levels than its packed form";
    if (why != NULL)
        return diag_error(d, ERR_INPUT, "%s: it cannot be multiplied as integers: %s", q->site,
                          why);
    are_integers(q, &low, &step);
    int64_t group = group_columns(q);
    m->w = (linear_weights){.rows = rows,
                            .cols = q->cols,
                            .row_bytes = linear_row_bytes(form, q->cols),
                            .group = group,
                            .groups = (q->cols + group - 1) / group,
                            .form = form,
                            .step = step};
    fill(m, q, low, code, meta);
    return OK;
}

void linear_close(linear_matrix *m) {
    for (int i = 0; i < 5; i++) free(m->buffers[i]);
    *m = (linear_matrix){0};
}

/* ---- the input ---- */

typedef struct quantize_job {
    const quantizer *q;
    const float *meta;
    int32_t low, step, base; /* integer = step * code + base, level = step * code + low */
    int8_t *out;
    float *scale;
    int32_t *zero;
} quantize_job;

static void quantize_row(int64_t t, void *arg) {
    const quantize_job *j = arg;
    const quantizer *q = j->q;
    bool one_meta = q->config.granularity == GRANULARITY_TENSOR;
    const float *meta = j->meta + (one_meta ? 0 : t) * q->info.n_meta;
    int8_t *x = j->out + t * q->cols; /* codes stand there */
    for (int64_t k = 0; k < q->cols; k++) x[k] = (int8_t)(j->step * (uint8_t)x[k] + j->base);
    int32_t zero = q->zero_at >= 0 ? (int32_t)meta[q->zero_at] : 0;
    j->zero[t] = zero - j->low + j->base;
    j->scale[t] = q->scale_at >= 0 ? meta[q->scale_at] : 1;
}

void linear_quantize(const quantizer *q, const float *x, int64_t rows, const float *meta,
                     int8_t *out, float *scale, int32_t *zero) {
    quantize_job j = {.q = q, .meta = meta, .out = out, .scale = scale, .zero = zero};
    are_integers(q, &j.low, &j.step);
    int32_t top = j.low + j.step * (q->info.n_levels - 1);
    j.base = j.low >= INT8_MIN && top <= INT8_MAX ? j.low : INT8_MIN;
    quantizer_encode(q, x, rows, meta, 0, (uint8_t *)out);
    parallel_for(rows, quantize_row, &j);
}

/* ---- the product ---- */

/* Rows of W of one task: a multiple of what the kernels take at a time. */
enum { TASK_ROWS = 96 };

typedef struct multiply_job {
    linear_weights w;
    const linear_input *x;
    int64_t from, to;
    void *room;
    float *y; /* or */
    int32_t *sums;
} multiply_job;

static void multiply_task(int64_t i, void *arg) {
    const multiply_job *j = arg;
    int64_t from = j->from + i * TASK_ROWS, to = linear_least(from + TASK_ROWS, j->to);
    if (j->y != NULL)
        simd_kernels()->linear_product(&j->w, j->x, j->room, from, to, j->y);
    else
        simd_kernels()->linear_sums(&j->w, j->x, j->room, from, to, j->sums);
}

static void multiply(multiply_job *j) {
    if (j->x->n == 0) return;
    j->room = mem_aligned((size_t)linear_room(&j->w, j->x->n));
    simd_kernels()->linear_arrange(&j->w, j->x, j->room);
    parallel_for((j->to - j->from + TASK_ROWS - 1) / TASK_ROWS, multiply_task, j);
    free(j->room);
}

void linear_multiply_rows(const linear_matrix *m, const linear_input *x, int64_t from, int64_t to,
                          const float *bias, float *y) {
    multiply_job j = {.w = m->w, .x = x, .from = from, .to = to, .y = y};
    j.w.bias = bias;
    multiply(&j);
}

void linear_sums_rows(const linear_matrix *m, const linear_input *x, int64_t from, int64_t to,
                      int32_t *out) {
    multiply_job j = {.w = m->w, .x = x, .from = from, .to = to, .sums = out};
    multiply(&j);
}

void linear_multiply(const linear_matrix *m, const linear_input *x, const float *bias, float *y) {
    linear_multiply_rows(m, x, 0, m->w.rows, bias, y);
}

void linear_multiply_sums(const linear_matrix *m, const linear_input *x, int32_t *out) {
    linear_sums_rows(m, x, 0, m->w.rows, out);
}
