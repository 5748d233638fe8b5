/*
 * What the host offers to plugins.
 */
#include "support/support.h"

#include <float.h>
#include <signal.h>

#include "host/instance.h"
#include "util/parallel.h"

Test(services, the_table_of_kernels_is_written_once_as_threads_may_be_reading_it) {
    const qb_kernels *table = services_kernels();
    cr_assert(services_kernels() == table && services_kernels() == table);
}

Test(services, who_writes_into_the_table_of_kernels_crashes, .signal = SIGSEGV) {
    const qb_kernels *table = services_kernels();
    signal(SIGSEGV, SIG_DFL); /* a sanitizer's handler exits */
    *(const char **)(uintptr_t)&table->isa = "a mark";
}

static int float_order(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    if (x != y) return x < y ? -1 : 1;
    return (signbit(y) != 0) - (signbit(x) != 0);
}

Test(services, sorting_is_ascending_at_every_length_with_minus_zero_first) {
    for (int n = 1; n < 5000; n = n < 140 ? n + 1 : n * 3) {
        float *x = calloc((size_t)n, sizeof *x), *y = calloc((size_t)n, sizeof *y);
        fill_gauss((uint64_t)n, x, n, 1e-3f);
        for (int i = 0; i < n; i += 7) x[i] = i % 2 ? -0.0f : 0.0f;
        for (int i = 3; i < n; i += 11) x[i] = x[i - 3]; /* equal ones */
        if (n > 2) x[1] = -FLT_MAX, x[2] = FLT_MIN / 4;
        memcpy(y, x, (size_t)n * sizeof *x);
        qsort(y, (size_t)n, sizeof *y, float_order);
        services_kernels()->sort(x, n);
        cr_assert(memcmp(x, y, (size_t)n * sizeof *x) == 0, "n = %d", n);
        free(x);
        free(y);
    }
}

/* Blocks of 65,536 are added up in order, whoever counted them. */
Test(services, bins_of_a_long_tensor_do_not_depend_on_the_threads) {
    enum { N = 300000, BINS = 50, BLOCK = 65536 };
    const qb_kernels *k = services_kernels();
    float *x = calloc(N, sizeof *x);
    qb_bin one[BINS] = {{0}}, two[BINS] = {{0}}, by_block[BINS] = {{0}};
    fill_gauss(3, x, N, 1);
    parallel_set_threads(1);
    k->bin_abs(x, N, 10, BINS, one);
    parallel_set_threads(2);
    k->bin_abs(x, N, 10, BINS, two);
    for (int at = 0; at < N; at += BLOCK) {
        qb_bin part[BINS] = {{0}};
        k->bin_abs(x + at, N - at < BLOCK ? N - at : BLOCK, 10, BINS, part);
        for (int b = 0; b < BINS; b++)
            by_block[b].sum += part[b].sum, by_block[b].count += part[b].count;
    }
    cr_assert(memcmp(one, two, sizeof one) == 0 && memcmp(one, by_block, sizeof one) == 0);
    free(x);
}

/* Another sum would index beyond the kernels' tables. */
Test(services, entropy_coding_refuses_frequencies_that_are_not_32768_together) {
    const qb_kernels *k = services_kernels();
    const uint8_t code[] = {1, 0, 1};
    uint8_t words[8] = {0}, back[3];
    uint32_t state[16];
    uint16_t f[256] = {16384, 16384};
    for (int i = 0; i < 16; i++) state[i] = 1 << 16;
    cr_assert(k->rans_encode(code, 3, f, state, words + 8, 8) == 0);
    cr_assert(k->rans_decode(words, 8, f, state, 3, back) == 0 && memcmp(code, back, 3) == 0);
    f[255] = 1;
    cr_assert(k->rans_encode(code, 3, f, state, words + 8, 8) == -1);
    cr_assert(k->rans_decode(words, 8, f, state, 3, back) == -1);
    f[255] = 0, f[1]--;
    cr_assert(k->rans_decode(words, 8, f, state, 3, back) == -1);
}
