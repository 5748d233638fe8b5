/*
 * The metrics of a tensor against double arithmetic.
 */
#include "plugins/tensors.h"

#include "quant/metrics.h"

static tensor_metrics measured(const result *r, const packing *k, const float *x, int64_t rows) {
    quant_packed o;
    diags d;
    diags_init(&d);
    cr_assert(quant_packed_open(&o, r->q, k, rows, true, &d) == OK);
    cr_assert(quant_pack(r->q, k, x, rows, 0, true, &d, &o) == OK);
    tensor_metrics m = tensor_metrics_of(r->q, x, &o, rows);
    quant_packed_close(&o);
    diags_fini(&d);
    return m;
}

Test(metrics, those_of_a_tensor_match_double_arithmetic) {
    static float x[N];
    fill(GAUSS, x);
    x[7] = 1; /* the largest error is not in the last piece of the work */
    diags d;
    diags_init(&d);
    result r = quantize(&(form){"bitnet158", ""}, 0, SCALE_F32, x, R, C);
    packing k;
    plugin_choice base3 = choose(QB_PACKER, "base3", "");
    cr_assert(packing_open(&k, &base3, 3, 1, NULL, &d) == OK);
    tensor_metrics m = measured(&r, &k, x, R);
    double ee = 0, xx = 0, yy = 0, xy = 0, abs = 0, zeros = 0, most = 0, count[3] = {0},
           entropy = 0;
    for (int i = 0; i < N; i++) {
        double y = (r.code[i] - 1) * (double)r.meta[0], e = x[i] - y;
        ee += e * e, abs += fabs(e), xx += (double)x[i] * x[i], yy += y * y, xy += x[i] * y;
        zeros += y == 0, count[r.code[i]]++, most = fmax(most, fabs(e));
    }
    for (int i = 0; i < 3; i++) entropy -= count[i] / N * log2(count[i] / N);
    assert_near(m.mse, ee / N, 1e-12, 0);
    assert_near(m.mae, abs / N, 1e-12, 0);
    assert_near(m.max_abs_error, most, 1e-12, 0);
    assert_near(m.sqnr_db, 10 * log10(xx / ee), 1e-12, 0);
    assert_near(m.cosine, xy / sqrt(xx * yy), 1e-12, 0);
    assert_near(m.sparsity, zeros / N, 1e-12, 0);
    assert_near(m.code_entropy, entropy, 1e-12, 0);
    assert_near(m.nominal_bits, log2(3), 1e-12, 0);
    cr_assert(m.packed_bytes == R * C / 5 + 4);
    assert_near(m.bits_per_weight, 8.0 * m.packed_bytes / N, 1e-12, 0);
    assert_near(m.vs_f32, 4.0 * N / m.packed_bytes, 1e-12, 0);
    packing_close(&k);
    drop(&r);
    diags_fini(&d);
}

Test(metrics, an_exact_tensor_has_infinite_sqnr_and_an_all_zero_one_none) {
    static float x[N];
    plugin_choice bits = choose(QB_PACKER, "bits", "");
    for (int zero = 0; zero < 2; zero++) {
        diags d;
        packing k;
        diags_init(&d);
        fill(zero ? ZERO : CONSTANT, x);
        result r = quantize(&(form){"int", "bits=2"}, 0, SCALE_F32, x, R, C);
        cr_assert(packing_open(&k, &bits, 3, 1, NULL, &d) == OK);
        tensor_metrics m = measured(&r, &k, x, R);
        cr_assert(zero ? isnan(m.sqnr_db) && isnan(m.cosine) && m.sparsity == 1
                       : isinf(m.sqnr_db) && m.cosine == 1);
        cr_assert(m.mse == 0 && m.code_entropy == 0);
        packing_close(&k);
        drop(&r);
        diags_fini(&d);
    }
}

/* 3 / (sqrt 3 sqrt 3) is more than 1 in double. */
Test(metrics, a_cosine_is_at_most_one) {
    const float x[3] = {1, 1, 1};
    plugin_choice bits = choose(QB_PACKER, "bits", "");
    packing k;
    diags d;
    diags_init(&d);
    result r = quantize(&(form){"int", "bits=2"}, 0, SCALE_F32, x, 1, 3);
    cr_assert(3 / (sqrt(3) * sqrt(3)) > 1);
    cr_assert(packing_open(&k, &bits, 3, 1, NULL, &d) == OK);
    tensor_metrics m = measured(&r, &k, x, 1);
    cr_assert(m.mse == 0 && m.cosine == 1);
    packing_close(&k);
    drop(&r);
    diags_fini(&d);
}
