/*
 * Convolutions of packed filters with int8 images against the sum over what each place of the
 * output sees, written out.
 */
#include "plugins/matrix.h"

#include "quant/conv.h"
#include "util/mem.h"
#include "util/parallel.h"
#include "util/rng.h"

/* n, channels, height, width, outputs, groups; kernel, stride, padding, dilation */
static const conv_shape shapes[] = {
    {CONV_NCHW, 2, 3, 11, 9, 8, 1, {3, 3}, {1, 1}, {1, 1}, {1, 1}},
    {CONV_NHWC, 2, 5, 8, 13, 7, 1, {3, 2}, {2, 3}, {2, 0}, {1, 1}},
    {CONV_NCHW, 1, 6, 10, 10, 9, 3, {3, 3}, {1, 2}, {0, 2}, {3, 2}},
    {CONV_NHWC, 3, 8, 7, 5, 16, 8, {1, 1}, {1, 1}, {0, 0}, {1, 1}},
    {CONV_NHWC, 1, 4, 6, 6, 12, 2, {5, 5}, {1, 1}, {4, 4}, {2, 1}},
    {CONV_NCHW, 2, 1, 4, 4, 3, 1, {4, 4}, {1, 1}, {0, 0}, {1, 1}},
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

typedef struct job {
    const conv_shape *s;
    result w;
    linear_matrix m;
    int8_t *x;
    int32_t *zero;
    float *scale;
} job;

static job open_job(const conv_shape *s, const char *params) {
    job j = {.s = s};
    diags d;
    diags_init(&d);
    int64_t columns = conv_columns(s), size = s->channels * s->height * s->width;
    float *w = mem_floats(s->outputs * columns);
    fill_gauss(4, w, s->outputs * columns, 1);
    quant_config c = config_of(&(form){"int", params}, 0, SCALE_F32);
    c.granularity = GRANULARITY_CHANNEL;
    j.w = quantize_as(&c, w, s->outputs, columns);
    cr_assert(linear_open(&j.m, j.w.q, s->outputs, j.w.code, j.w.meta,
                          linear_form(j.w.q->info.n_levels), &d) == OK);
    j.x = mem_aligned((size_t)(s->n * size));
    for (int64_t i = 0; i < s->n * size; i++) j.x[i] = (int8_t)rng_u32(9, (uint64_t)i);
    j.zero = mem_calloc((size_t)s->n, sizeof *j.zero), j.scale = mem_floats(s->n);
    for (int64_t i = 0; i < s->n; i++) j.zero[i] = (int32_t)i * 50 - 70, j.scale[i] = 0.5f;
    free(w);
    diags_fini(&d);
    return j;
}

static void close_job(job *j) {
    drop(&j->w);
    linear_close(&j->m);
    free(j->x);
    free(j->zero);
    free(j->scale);
}

/* The integer of filter o at (c, i, k), without its zero point. */
static int64_t filter_at(const job *j, int64_t o, int64_t c, int64_t i, int64_t k) {
    const conv_shape *s = j->s;
    const quantizer *q = j->w.q;
    int64_t channels = s->channels / s->groups, at = s->order == CONV_NCHW
                                                         ? (c * s->kernel[0] + i) * s->kernel[1] + k
                                                         : (i * s->kernel[1] + k) * channels + c;
    const float *meta = j->w.meta + o * q->info.n_meta;
    float zero = q->zero_at >= 0 ? meta[q->zero_at] : 0;
    return (int64_t)(q->info.levels[j->w.code[o * j->w.cols + at]] - zero);
}

/* x - zero; 0 outside */
static int64_t pixel_at(const job *j, int64_t n, int64_t c, int64_t h, int64_t w) {
    const conv_shape *s = j->s;
    if (h < 0 || h >= s->height || w < 0 || w >= s->width) return 0;
    int64_t at = s->order == CONV_NCHW ? ((n * s->channels + c) * s->height + h) * s->width + w
                                       : ((n * s->height + h) * s->width + w) * s->channels + c;
    return j->x[at] - j->zero[n];
}

static int64_t direct(const job *j, int64_t n, int64_t row, int64_t col, int64_t o) {
    const conv_shape *s = j->s;
    int64_t channels = s->channels / s->groups, g = o / (s->outputs / s->groups), sum = 0;
    for (int64_t c = 0; c < channels; c++)
        for (int64_t i = 0; i < s->kernel[0]; i++)
            for (int64_t k = 0; k < s->kernel[1]; k++)
                sum += filter_at(j, o, c, i, k) *
                       pixel_at(j, n, g * channels + c,
                                row * s->stride[0] + i * s->dilation[0] - s->padding[0],
                                col * s->stride[1] + k * s->dilation[1] - s->padding[1]);
    return sum;
}

static void check(const job *j) {
    const conv_shape *s = j->s;
    int64_t height = conv_height(s), width = conv_width(s),
            all = s->n * height * width * s->outputs;
    const linear_input x = {.x = j->x, .n = s->n, .zero = j->zero, .scale = j->scale};
    int32_t *sums = mem_calloc((size_t)all, sizeof *sums);
    float *y = mem_floats(all), *bias = mem_floats(s->outputs);
    fill_gauss(6, bias, s->outputs, 1);
    conv_sums(s, &j->m, &x, sums);
    conv_multiply(s, &j->m, &x, bias, y);
    for (int64_t i = 0; i < all; i++) {
        int64_t o = i % s->outputs, col = i / s->outputs % width,
                row = i / s->outputs / width % height, n = i / s->outputs / width / height;
        int64_t sum = direct(j, n, row, col, o);
        const quantizer *q = j->w.q;
        float scale = j->w.meta[o * q->info.n_meta + q->scale_at];
        cr_assert(sums[i] == sum, "image %d, place (%d, %d), output %d", (int)n, (int)row, (int)col,
                  (int)o);
        cr_assert(y[i] == (float)sum * scale * 0.5f + bias[o]);
    }
    free(sums);
    free(y);
    free(bias);
}

Test(conv, sums_are_those_of_the_direct_convolution_of_codes) {
    for (int i = 0; i < N_SHAPES; i++)
        for (int k = 0; k < 2; k++) {
            job j = open_job(&shapes[i], k == 0 ? "bits=4" : "bits=8 symmetric=false");
            parallel_set_threads(1 + i % 3);
            check(&j);
            close_job(&j);
        }
}

Test(conv, shapes_that_are_none_are_refused) {
    diags d;
    diags_init(&d);
    conv_shape s = shapes[0];
    cr_assert(conv_check(&s, "c", &d) == OK);
    s.groups = 2;
    cr_assert(conv_check(&s, "c", &d) == ERR_INPUT);
    cr_assert_str_eq(d.last->message, "c: no convolution: groups must divide channels and outputs");
    s = shapes[0], s.kernel[1] = 12;
    cr_assert(conv_check(&s, "c", &d) == ERR_INPUT);
    cr_assert_str_eq(d.last->message,
                     "c: no convolution: the kernel is larger than the padded image");
    s = shapes[0], s.stride[0] = 0;
    cr_assert(conv_check(&s, "c", &d) == ERR_INPUT);
    s = shapes[0], s.n = s.height = s.width = INT32_MAX;
    cr_assert(conv_check(&s, "c", &d) == ERR_INPUT);
    cr_assert_str_eq(d.last->message, "c: no convolution: it has too many elements");
    diags_fini(&d);
}
