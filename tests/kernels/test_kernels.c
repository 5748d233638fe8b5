/*
 * The scalar kernels against plain definitions in double or in integers, at odd
 * sizes and offsets, with canaries behind every output. test_levels.c compares the
 * other levels with them bit by bit.
 */
#include "support/support.h"

#include "simd/kernels.h"
#include "util/rng.h"

#define K (&kernels_scalar)

static const int64_t sizes[] = {1, 2, 3, 5, 15, 16, 17, 31, 33, 100, 4095, 4097};
enum { N_SIZES = sizeof sizes / sizeof *sizes, MAX = 4097 };

/* ---- reductions ---- */

Test(kernels, sums_agree_with_a_long_double_sum_at_any_size_and_offset) {
    static float x[MAX + 16], y[MAX + 16];
    fill_gauss(1, x, MAX + 16, 3);
    fill_gauss(2, y, MAX + 16, 3);
    for (int s = 0; s < N_SIZES; s++)
        for (int at = 0; at < 16; at += 5) {
            int64_t n = sizes[s];
            long double sum = 0, abs = 0, sq = 0, dot = 0;
            for (int64_t i = at; i < at + n; i++) {
                sum += x[i], abs += fabsl(x[i]), sq += (long double)x[i] * x[i],
                    dot += (long double)x[i] * y[i];
            }
            double a, b, c;
            K->sum(x + at, 1, n, &a);
            K->sum_abs(x + at, 1, n, &b);
            K->sum_sq(x + at, 1, n, &c);
            double tolerance = 1e-15 * (double)n * 10; /* n roundings of terms below 10 */
            assert_near(a, (double)sum, 0, tolerance);
            assert_near(b, (double)abs, 1e-15, tolerance);
            assert_near(c, (double)sq, 1e-15, tolerance);
            assert_near(K->dot(x + at, y + at, n), (double)dot, 0, tolerance * 10);
        }
}

/* README.md of core/simd: lane j takes elements j, j + 16, ...; lanes fold 8, 4, 2,
 * 1; blocks of 65,536 are added in order. Written once more, on its own. */
static double sum_by_the_book(const float *x, int64_t n) {
    double total = 0;
    for (int64_t b = 0; b < n; b += 65536) {
        double lane[16] = {0};
        for (int64_t i = b; i < n && i < b + 65536; i++) lane[(i - b) & 15] += x[i];
        for (int half = 8; half; half >>= 1)
            for (int j = 0; j < half; j++) lane[j] += lane[j + half];
        total += lane[0];
    }
    return total;
}

Test(kernels, a_sum_has_the_order_that_the_definition_says) {
    enum { N = 200001 };
    float *x = malloc(N * sizeof *x);
    fill_gauss(3, x, N, 1e4f);
    for (int64_t n = N - 3; n <= N; n++) {
        double s;
        K->sum(x, 1, n, &s);
        cr_assert(s == sum_by_the_book(x, n));
    }
    free(x);
}

Test(kernels, reductions_of_many_groups_are_those_of_each_group) {
    static float x[37 * 53], t[37];
    float a[37], lo[37], hi[37], one, l, h;
    double s[37], above[37], o;
    int64_t count[37], c;
    fill_gauss(4, x, 37 * 53, 1);
    fill_uniform(5, t, 37, 0, 2);
    K->absmax(x, 37, 53, a);
    K->minmax(x, 37, 53, lo, hi);
    K->sum_abs(x, 37, 53, s);
    K->sum_abs_above(x, 37, 53, t, above, count);
    for (int g = 0; g < 37; g++) {
        const float *p = x + g * 53;
        K->absmax(p, 1, 53, &one);
        K->minmax(p, 1, 53, &l, &h);
        cr_assert(one == a[g] && l == lo[g] && h == hi[g] && a[g] == fmaxf(fabsf(l), fabsf(h)));
        K->sum_abs(p, 1, 53, &o);
        cr_assert(o == s[g]);
        K->sum_abs_above(p, 1, 53, &t[g], &o, &c);
        double sum = 0;
        int64_t n = 0;
        for (int i = 0; i < 53; i++)
            if (fabsf(p[i]) > t[g]) sum += fabsf(p[i]), n++;
        cr_assert(o == above[g] && c == count[g] && c == n);
        assert_near(o, sum, 1e-14, 0);
    }
}

Test(kernels, the_first_value_that_is_not_finite_is_found) {
    static float x[3000];
    fill_gauss(6, x, 3000, 1e37f);
    cr_assert(K->find_nonfinite(x, 3000) == 3000);
    const int64_t places[] = {0, 1, 1023, 1024, 2047, 2999};
    for (int p = 0; p < 6; p++) {
        float keep = x[places[p]];
        x[places[p]] = p % 3 == 0 ? NAN : p % 3 == 1 ? INFINITY : -INFINITY;
        cr_assert(K->find_nonfinite(x, 3000) == places[p]);
        x[places[p]] = keep;
    }
    x[5] = x[2000] = NAN;
    cr_assert(K->find_nonfinite(x, 3000) == 5 && K->find_nonfinite(x + 6, 2994) == 1994);
}

Test(kernels, error_sums_match_the_worked_metrics) {
    double xs[8], ys[8];
    float x[8], y[8];
    vector_list("G_metrics", "x", xs, 8);
    vector_list("G_metrics", "y", ys, 8);
    for (int i = 0; i < 8; i++) x[i] = (float)xs[i], y[i] = (float)ys[i];
    error_sums s;
    K->error_sums(x, y, 8, &s);
    assert_near(s.ee / 8, vector_real("G_metrics", "mse"), 1e-12, 0);
    assert_near(s.abs_e / 8, vector_real("G_metrics", "mae"), 1e-12, 0);
    assert_near(s.max_e, vector_real("G_metrics", "max_abs"), 1e-12, 0);
    assert_near(10 * log10(s.xx / s.ee), vector_real("G_metrics", "sqnr_db"), 1e-9, 0);
    assert_near(s.xy / sqrt(s.xx * s.yy), vector_real("G_metrics", "cosine"), 1e-9, 0);
    assert_near((double)s.zeros / 8, vector_real("G_metrics", "sparsity_y"), 1e-12, 0);
}

/* ---- elementwise ---- */

static double ulps(float got, double want) {
    float w = (float)fabs(want);
    return fabs(got - want) / (nextafterf(w, INFINITY) - w);
}

Test(kernels, exp_log_and_tanh_are_within_two_ulps) {
    double worst = 0;
    for (double v = -87; v < 88.7; v += 0.0013) {
        float x = (float)v, y;
        K->exp(&x, 1, &y);
        worst = fmax(worst, ulps(y, exp((double)x)));
    }
    for (double v = 1e-40; v < 3e38; v *= 1.0007) {
        float x = (float)v, y;
        K->log(&x, 1, &y);
        worst = fmax(worst, ulps(y, log((double)x)));
    }
    for (double v = -9; v < 9; v += 0.0003) {
        float x = (float)v, y;
        K->tanh(&x, 1, &y);
        worst = fmax(worst, ulps(y, tanh((double)x)));
    }
    cr_assert(worst <= 2, "%g ulps", worst);
    float x[] = {-1000, 1000, 0, -0.0f}, y[4];
    K->exp(x, 4, y);
    cr_assert(y[0] == 0 && isinf(y[1]) && y[2] == 1 && y[3] == 1);
    K->log(&x[2], 1, y);
    cr_assert(isinf(y[0]) && y[0] < 0);
}

Test(kernels, uniform_numbers_depend_on_the_counter_alone) {
    float a[100], b[100];
    double sum = 0;
    K->uniform(9, 1000, 100, a);
    K->uniform(9, 1003, 97, b);
    cr_assert(memcmp(a + 3, b, 97 * sizeof *a) == 0);
    for (int i = 0; i < 100; i++) {
        cr_assert(a[i] >= 0 && a[i] < 1);
        sum += a[i];
    }
    cr_assert(fabs(sum / 100 - 0.5) < 0.15); /* 5 standard deviations of the mean */
    K->uniform(0, 0, 3, b);
    cr_assert(b[0] == 0.5f && b[2] == 0.5f);
}

/* ---- levels and codes ---- */

/* What each rounding does to a value between two integers, in double. */
static double rounded(double v, rounding r, double u) {
    double f = floor(v), frac = v - f;
    switch (r) {
    case ROUND_EVEN: return frac == 0.5 ? 2 * rint(v / 2) : floor(v + 0.5);
    case ROUND_AWAY: return v < 0 ? -floor(-v + 0.5) : floor(v + 0.5);
    case ROUND_UP: return floor(v + 0.5);
    case ROUND_DOWN: return ceil(v - 0.5);
    case ROUND_FLOOR: return f;
    case ROUND_CEIL: return ceil(v);
    default: return u < frac ? f + 1 : f;
    }
}

Test(kernels, affine_codes_are_those_of_double_arithmetic_for_every_rounding) {
    enum { N = 4001 };
    static float x[N], u[N], y[N];
    static uint8_t code[N + 1];
    const float scale = 0.25f, offset = 0.5f;
    const scaling s = {.scale = &scale, .offset = &offset};
    for (int i = 0; i < N; i++)
        x[i] = (float)(i - 2000) / 512; /* eighths of a step, ties among them */
    fill_uniform(7, u, N, 0, 1);
    for (rounding r = ROUND_EVEN; r <= ROUND_STOCHASTIC; r++) {
        code[N] = 0xAB;
        K->encode_affine(x, 1, N, &s, -7, 8, r, u, code);
        K->decode_affine(code, 1, N, &s, -7, y);
        cr_assert(code[N] == 0xAB);
        for (int i = 0; i < N; i++) {
            double v = ((double)x[i] - 0.5) * 4, q = fmin(fmax(rounded(v, r, u[i]), -7), 8);
            cr_assert(code[i] == q + 7, "rounding %d of %g: code %d, expected %g", r, v, code[i],
                      q + 7);
            cr_assert(y[i] == (float)(q * 0.25 + 0.5));
        }
    }
}

Test(kernels, affine_codes_of_extreme_values_are_the_outer_ones) {
    const float x[] = {3e38f, -3e38f, 0.0f, -0.0f, 1e-45f};
    const float scales[] = {1e-30f, 0};
    const scaling a = {.scale = &scales[0]}, zero = {.scale = &scales[1]};
    uint8_t code[5];
    K->encode_affine(x, 1, 5, &a, -127, 127, ROUND_EVEN, NULL, code);
    cr_assert(code[0] == 254 && code[1] == 0 && code[2] == 127 && code[3] == 127 && code[4] == 127);
    K->encode_affine(x, 1, 5, &zero, -127, 127, ROUND_EVEN, NULL,
                     code); /* scale 0: everything is 0 */
    for (int i = 0; i < 5; i++) cr_assert(code[i] == 127);
}

Test(kernels, codes_by_steps_and_by_levels_are_those_of_a_search) {
    float levels[256], steps[255], x[2000], y[2000];
    uint8_t a[2000], b[2000];
    for (int n = 2; n <= 256; n = n * 2 - n / 3) {
        for (int i = 0; i < n; i++) levels[i] = (float)(i * i) / 50 - 3;
        for (int i = 0; i + 1 < n; i++) steps[i] = (levels[i] + levels[i + 1]) / 2;
        fill_uniform((uint64_t)n, x, 2000, levels[0] - 1, levels[n - 1] + 1);
        x[0] = steps[0]; /* a tie */
        K->encode_levels(x, 2000, levels, n, a);
        K->encode_steps(x, 1, 2000, &(scaling){0}, steps, n - 1, b);
        K->decode_levels(a, 2000, levels, n, y);
        for (int i = 0; i < 2000; i++) {
            int nearest = 0, passed = 0;
            for (int k = 1; k < n; k++)
                if (fabs((double)levels[k] - x[i]) < fabs((double)levels[nearest] - x[i]))
                    nearest = k;
            for (int k = 0; k + 1 < n; k++) passed += steps[k] <= x[i];
            cr_assert(a[i] == nearest && b[i] == passed && y[i] == levels[nearest]);
        }
    }
}

/* ---- packing ---- */

Test(kernels, bits_pack_to_the_golden_bytes) {
    uint8_t out[8];
    const uint8_t trits[] = {2, 1, 0, 2, 0, 0, 1, 1}, four[] = {0, 7, 8, 15},
                  one[] = {1, 0, 0, 1, 1, 1, 0, 1};
    K->pack_bits(trits, 8, 2, out); /* methods H.2 */
    cr_assert(out[0] == 0x86 && out[1] == 0x50);
    K->pack_bits(four, 4, 4, out); /* H.10 */
    cr_assert(out[0] == 0x70 && out[1] == 0xF8);
    K->pack_bits(one, 8, 1, out);
    cr_assert(out[0] == 0xB9);
}

Test(kernels, base3_packs_to_the_golden_bytes) {
    uint8_t out[2], back[5];
    const uint8_t digits[] = {2, 1, 0, 2, 2}, zeros[] = {1, 1, 1, 1, 1};
    K->pack_base3(digits, 5, out); /* methods H.3 */
    cr_assert(out[0] == 0xD0);
    cr_assert(K->unpack_base3(out, 5, back) == -1 && memcmp(back, digits, 5) == 0);
    K->pack_base3(zeros, 5, out);
    cr_assert(out[0] == 0x80);
    K->pack_base3(zeros, 1, out); /* a short byte is filled with code 1 */
    cr_assert(out[0] == 0x80);
}

Test(kernels, every_base3_byte_is_read_or_refused) {
    int valid = 0;
    for (int b = 0; b < 256; b++) {
        uint8_t byte = (uint8_t)b, code[5], again;
        if (K->unpack_base3(&byte, 5, code) >= 0) continue;
        valid++;
        K->pack_base3(code, 5, &again);
        cr_assert(again == byte);
    }
    cr_assert(valid == 243);
}

Test(kernels, what_is_packed_comes_back_and_nothing_else_is_written) {
    static uint8_t code[300], packed[310], back[310];
    for (int bits = 1; bits <= 8; bits++)
        for (int64_t n = 0; n < 300; n += n < 40 ? 1 : 37) {
            for (int64_t i = 0; i < n; i++)
                code[i] = (uint8_t)(rng_u32(8, (uint64_t)i) & ((1u << bits) - 1));
            memset(packed, 0xCD, sizeof packed);
            memset(back, 0xCD, sizeof back);
            K->pack_bits(code, n, bits, packed);
            K->unpack_bits(packed, n, bits, back);
            cr_assert(memcmp(code, back, (size_t)n) == 0);
            cr_assert(packed[(n * bits + 7) / 8] == 0xCD && back[n] == 0xCD);
            for (int64_t i = 0; i < n; i++) code[i] %= 3;
            memset(packed, 0xCD, sizeof packed);
            memset(back, 0xCD, sizeof back);
            K->pack_base3(code, n, packed);
            cr_assert(K->unpack_base3(packed, n, back) == -1 && memcmp(code, back, (size_t)n) == 0);
            cr_assert(packed[(n + 4) / 5] == 0xCD && back[n] == 0xCD);
        }
}

Test(kernels, code_counts_add_up) {
    uint8_t code[1000];
    int64_t counts[256] = {0};
    for (int i = 0; i < 1000; i++) code[i] = (uint8_t)(i % 7);
    K->count_codes(code, 1000, counts);
    cr_assert(counts[0] == 143 && counts[6] == 142 && counts[7] == 0);
}
