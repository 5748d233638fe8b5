#include "quant/conv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/parallel.h"

static int64_t length_of(const conv_shape *s, int axis) {
    int64_t size = axis == 0 ? s->height : s->width;
    int64_t span = s->dilation[axis] * (s->kernel[axis] - 1) + 1;
    return (size + 2 * s->padding[axis] - span) / s->stride[axis] + 1;
}

int64_t conv_height(const conv_shape *s) { return length_of(s, 0); }
int64_t conv_width(const conv_shape *s) { return length_of(s, 1); }
int64_t conv_columns(const conv_shape *s) {
    return s->channels / s->groups * s->kernel[0] * s->kernel[1];
}

static bool in_range(int64_t v, int64_t least) { return v >= least && v <= INT32_MAX; }

/* NULL or what is wrong. */
static const char *check_axis(const conv_shape *s, int axis) {
    if (!in_range(s->kernel[axis], 1) || !in_range(s->stride[axis], 1) ||
        !in_range(s->dilation[axis], 1) || !in_range(s->padding[axis], 0))
        return "kernel, stride and dilation are at least 1, padding at least 0";
    int64_t size = (axis == 0 ? s->height : s->width) + 2 * s->padding[axis];
    if (s->dilation[axis] * (s->kernel[axis] - 1) + 1 > size)
        return "the kernel is larger than the padded image";
    return NULL;
}

static const char *check_shape(const conv_shape *s) {
    int64_t cells;
    if (!in_range(s->n, 1) || !in_range(s->channels, 1) || !in_range(s->height, 1) ||
        !in_range(s->width, 1) || !in_range(s->outputs, 1) || !in_range(s->groups, 1))
        return "a size is not positive";
    if (s->channels % s->groups != 0 || s->outputs % s->groups != 0)
        return "groups must divide channels and outputs";
    const char *why = check_axis(s, 0);
    if (why == NULL) why = check_axis(s, 1);
    if (why != NULL) return why;
    const int64_t factors[] = {s->channels,    s->kernel[0],  s->kernel[1],
                               conv_height(s), conv_width(s), s->n};
    cells = 1;
    for (int i = 0; i < 6; i++)
        if (!size_mul(cells, factors[i], &cells)) return "it has too many elements";
    return NULL;
}

status conv_check(const conv_shape *s, const char *what, diags *d) {
    const char *why = check_shape(s);
    return why == NULL ? OK : diag_error(d, ERR_INPUT, "%s: no convolution: %s", what, why);
}

/* ---- im2col ---- */

typedef struct im2col_job {
    const conv_shape *s;
    int64_t g;
    const int8_t *x;
    int8_t zero, *out;
} im2col_job;

/* One place (row, col) of the output in the order channels, rows, columns. */
static void see_nchw(const im2col_job *j, int64_t row, int64_t col, int8_t *out) {
    const conv_shape *s = j->s;
    const int64_t channels = s->channels / s->groups;
    for (int64_t c = 0; c < channels; c++)
        for (int64_t i = 0; i < s->kernel[0]; i++) {
            int64_t h = row * s->stride[0] - s->padding[0] + i * s->dilation[0];
            const int8_t *line = j->x + ((j->g * channels + c) * s->height + h) * s->width;
            for (int64_t k = 0; k < s->kernel[1]; k++) {
                int64_t w = col * s->stride[1] - s->padding[1] + k * s->dilation[1];
                bool inside = h >= 0 && h < s->height && w >= 0 && w < s->width;
                *out++ = inside ? line[w] : j->zero;
            }
        }
}

static void see_nhwc(const im2col_job *j, int64_t row, int64_t col, int8_t *out) {
    const conv_shape *s = j->s;
    const int64_t channels = s->channels / s->groups;
    for (int64_t i = 0; i < s->kernel[0]; i++)
        for (int64_t k = 0; k < s->kernel[1]; k++, out += channels) {
            int64_t h = row * s->stride[0] - s->padding[0] + i * s->dilation[0];
            int64_t w = col * s->stride[1] - s->padding[1] + k * s->dilation[1];
            bool inside = h >= 0 && h < s->height && w >= 0 && w < s->width;
            if (inside)
                memcpy(out, j->x + (h * s->width + w) * s->channels + j->g * channels,
                       (size_t)channels);
            else
                memset(out, j->zero, (size_t)channels);
        }
}

static void im2col_row(int64_t row, void *arg) {
    const im2col_job *j = arg;
    const int64_t width = conv_width(j->s), columns = conv_columns(j->s);
    for (int64_t col = 0; col < width; col++) {
        int8_t *out = j->out + (row * width + col) * columns;
        if (j->s->order == CONV_NCHW)
            see_nchw(j, row, col, out);
        else
            see_nhwc(j, row, col, out);
    }
}

void conv_im2col(const conv_shape *s, int64_t g, const int8_t *x, int32_t zero, int8_t *out) {
    im2col_job j = {.s = s, .g = g, .x = x, .zero = (int8_t)zero, .out = out};
    parallel_for(conv_height(s), im2col_row, &j);
}

/* ---- the product, image by image ---- */

static void multiply(const conv_shape *s, const linear_matrix *m, const linear_input *x,
                     const float *bias, float *y, int32_t *sums) {
    const int64_t places = conv_height(s) * conv_width(s), each = s->outputs / s->groups,
                  size = s->channels * s->height * s->width;
    int8_t *rows = mem_aligned((size_t)(places * conv_columns(s)));
    int32_t *zero = mem_aligned((size_t)places * sizeof *zero);
    float *scale = mem_floats(places);
    linear_input seen = {.x = rows, .n = places, .zero = zero, .scale = scale};
    for (int64_t i = 0; i < s->n; i++) {
        int32_t own_zero = x->zero != NULL ? x->zero[i] : 0;
        for (int64_t t = 0; t < places; t++) zero[t] = own_zero;
        for (int64_t t = 0; t < places && y != NULL; t++) scale[t] = x->scale[i];
        for (int64_t g = 0; g < s->groups; g++) {
            conv_im2col(s, g, x->x + i * size, own_zero, rows);
            if (y != NULL)
                linear_multiply_rows(m, &seen, g * each, (g + 1) * each, bias,
                                     y + i * places * s->outputs);
            else
                linear_sums_rows(m, &seen, g * each, (g + 1) * each,
                                 sums + i * places * s->outputs * m->w.groups);
        }
    }
    free(rows);
    free(zero);
    free(scale);
}

void conv_multiply(const conv_shape *s, const linear_matrix *m, const linear_input *x,
                   const float *bias, float *y) {
    multiply(s, m, x, bias, y, NULL);
}

void conv_sums(const conv_shape *s, const linear_matrix *m, const linear_input *x, int32_t *out) {
    multiply(s, m, x, NULL, NULL, out);
}
