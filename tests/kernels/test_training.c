/*
 * The scalar kernels for selection, histograms and training against plain definitions;
 * test_levels.c compares the other levels with them.
 */
#include "support/support.h"

#include "simd/kernels.h"
#include "util/rng.h"

#define K (&kernels_scalar)

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

/* Halves and quarters among them, so that magnitudes are equal; zeros of both signs. */
static void some_floats(float *x, int64_t n) {
    fill_gauss((uint64_t)n, x, n, 1);
    for (int64_t i = 0; i < n; i += 2) x[i] = rintf(x[i] * 4) / 4;
}

Test(selection, a_magnitude_of_any_rank_is_that_of_a_sort) {
    static const int64_t sizes[] = {1, 2, 3, 15, 16, 17, 100, 1001, 4096};
    static float x[3 * 4096], a[4096];
    some_floats(x, 3 * 4096);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        int64_t n = sizes[s], less[3];
        float at[3], below[3];
        for (int64_t rank = 0; rank < n; rank += 1 + n / 7) {
            K->select_abs(x, 3, n, rank, at, below, less);
            for (int g = 0; g < 3; g++) {
                for (int64_t i = 0; i < n; i++) a[i] = fabsf(x[g * n + i]);
                qsort(a, (size_t)n, sizeof *a, by_value);
                int64_t first = rank;
                while (first > 0 && a[first - 1] == a[rank]) first--;
                cr_assert(at[g] == a[rank] && less[g] == first);
                cr_assert(below[g] == (first > 0 ? a[first - 1] : 0));
            }
        }
    }
}

Test(selection, bins_hold_every_magnitude_with_its_sum) {
    enum { N = 5000, BINS = 20 };
    static float x[N];
    bin_sum bins[BINS] = {{0}};
    double sums[BINS] = {0}, counts[BINS] = {0};
    some_floats(x, N);
    K->bin_abs(x, N, 8, BINS, bins); /* quarters stand at the ends of bins */
    for (int i = 0; i < N; i++) {
        int b = (int)floorf(fabsf(x[i]) * 8);
        b = b < BINS ? b : BINS - 1;
        sums[b] += (double)fabsf(x[i]), counts[b]++;
    }
    for (int b = 0; b < BINS; b++) cr_assert(bins[b].sum == sums[b] && bins[b].count == counts[b]);
    K->bin_abs(x, 1, INFINITY, BINS, bins); /* no product is beyond the last bin */
    cr_assert(bins[BINS - 1].count == counts[BINS - 1] + 1);
}

Test(selection, a_histogram_is_closed_at_both_ends) {
    const float x[] = {-2, -1, -0.76f, -0.75f, 0, 0.25f, 0.99f, 1, 5, 1e30f, -1e30f};
    uint64_t counts[8] = {1};
    K->histogram(x, 11, -1, 4, 8, counts);
    const uint64_t expected[8] = {1 + 4, 1, 0, 0, 1, 1, 0, 4};
    cr_assert(memcmp(counts, expected, sizeof counts) == 0);
}

/* Three groups of 1100, longer than a stretch of the definition. */
enum { G = 3, LONG = 1100 };

Test(training, values_without_codes_are_those_of_encode_and_decode) {
    static float x[G * LONG], u[G * LONG], y[G * LONG], z[G * LONG];
    static uint8_t code[G * LONG];
    const float scale[G] = {0.1f, 0, 0.037f}, zero[G] = {3, 0, 7}, offset[G] = {0, -1, 0.3f},
                t[G] = {0.5f, 0, 1.25f}, levels[] = {-1, 0.25f, 1, 4}, steps[] = {-0.5f, 0.5f, 2};
    const scaling s = {scale, zero, offset};
    some_floats(x, G * LONG);
    fill_uniform(5, u, G * LONG, 0, 1);
    for (rounding r = ROUND_EVEN; r <= ROUND_STOCHASTIC; r++) {
        K->encode_affine(x, G, LONG, &s, 0, 15, r, u, code);
        K->decode_affine(code, G, LONG, &s, 0, y);
        K->fake_affine(x, G, LONG, &s, 0, 15, r, u, z);
        cr_assert(memcmp(y, z, sizeof y) == 0, "rounding %d", r);
    }
    K->encode_threshold(x, G, LONG, t, code);
    K->decode_scaled(code, G, LONG, &s, levels, 3, y);
    K->fake_threshold(x, G, LONG, t, &s, levels, z);
    cr_assert(memcmp(y, z, sizeof y) == 0);
    K->encode_steps(x, G, LONG, &s, steps, 3, code);
    K->decode_scaled(code, G, LONG, &s, levels, 4, y);
    K->fake_steps(x, G, LONG, &s, steps, 3, levels, z);
    cr_assert(memcmp(y, z, sizeof y) == 0);
}

/* What is left out of a step, 1 / cosh^2(10) of its peak, is 8.3e-9; exp is within 2 ulp and its
 * argument rounded to float, -20 at most: 20 * 2^-24 = 1.2e-6 of the value. */
Test(training, the_slope_of_soft_steps_is_that_of_their_tanhs) {
    enum { N = 2000, STEPS = 5 };
    static float x[N], dy[N], dx[N];
    const float t[STEPS] = {-2, -0.5f, 0, 0.75f, 3};
    const double peak[STEPS] = {1, 0.5, 2, 0.25, 1}, widths[] = {0.05, 0.3, 2};
    fill_uniform(1, x, N, -5, 5);
    fill_uniform(2, dy, N, -1, 1);
    for (int w = 0; w < 3; w++) {
        K->soft_steps(x, dy, N, t, peak, STEPS, widths[w], dx);
        for (int i = 0; i < N; i++) {
            double slope = 0;
            for (int j = 0; j < STEPS; j++)
                slope += peak[j] / pow(cosh(((double)x[i] - t[j]) / widths[w]), 2);
            assert_near(dx[i], dy[i] * slope, 2e-6, 5e-8);
        }
    }
}
