/*
 * The pipeline of tiles has the bits of whole tensors: what it packs is what fit, encode and
 * pack give one after the other, and what it unpacks likewise.
 */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>

#include "plugins/matrix.h"
#include "quant/pipeline.h"
#include "util/mem.h"
#include "util/parallel.h"

static const form schemes[] = {{"bitnet158", ""},
                               {"ternary", ""},
                               {"ternary", "threshold=median"},
                               {"binary", "center=offset"},
                               {"int", "bits=4"},
                               {"int", "bits=8 symmetric=false"},
                               {"nf4", ""},
                               {"mx", ""}};
static const form packers[] = {{"bits", ""},
                               {"base3", ""},
                               {"planes", "alignment=64"},
                               {"sparse", "block_size=1024"},
                               {"entropy", "block_size=4096"},
                               {"raw", ""}};
enum { SCHEMES = sizeof schemes / sizeof *schemes, PACKERS = sizeof packers / sizeof *packers };

/* The bytes of the whole tensor's codes; NULL: the packer cannot hold them. */
static void check_one(const form *f, const form *p, int64_t group, int64_t rows, int64_t cols,
                      const float *x) {
    result r = quantize(f, group, SCALE_F16, x, rows, cols);
    plugin_choice c = choose(QB_PACKER, p->name, p->settings);
    diags d;
    packing k;
    diags_init(&d);
    if (packing_open(&k, &c, r.q->info.n_levels, r.q->info.zero_code, NULL, &d) == OK) {
        uint8_t *whole;
        int64_t bytes, at;
        size_t meta = (size_t)(quantizer_groups(r.q, rows) * r.q->info.n_meta) * sizeof(float);
        quant_packed o;
        float *y = mem_floats(rows * cols);
        cr_assert(packing_pack(&k, "w", r.code, rows, cols, &d, &whole, &bytes) == OK);
        cr_assert(quant_packed_open(&o, r.q, &k, rows, true, &d) == OK);
        cr_assert(quant_pack(r.q, &k, x, rows, 0, true, &d, &o) == OK);
        cr_assert(o.n_bytes == bytes && memcmp(o.bytes, whole, (size_t)bytes) == 0,
                  "%s %s, group %lld of %lld x %lld", f->name, p->name, (long long)group,
                  (long long)rows, (long long)cols);
        cr_assert(memcmp(o.meta, r.meta, meta) == 0);
        cr_assert(memcmp(o.code, r.code, (size_t)(rows * cols)) == 0);
        cr_assert(quant_unpack(r.q, &k, whole, bytes, rows, r.meta, y, &at) == NULL);
        cr_assert(memcmp(y, r.y, (size_t)(rows * cols) * sizeof *y) == 0);
        quant_packed_close(&o);
        packing_close(&k);
        free(whole);
        free(y);
    }
    diags_fini(&d);
    drop(&r);
}

/* group 0: the tensor; cols: channels; the others leave a shorter last group in 777. */
static void check_shape(int64_t rows, int64_t cols) {
    const int64_t groups[] = {0, cols, 32, 100, 1};
    float *x = mem_floats(rows * cols);
    fill_gauss((uint64_t)cols, x, rows * cols, 1);
    for (int threads = 1; threads <= 3; threads += 2)
        for (int s = 0; s < SCHEMES; s++)
            for (int p = 0; p < PACKERS; p++)
                for (int g = 0; g < 5; g++) {
                    parallel_set_threads(threads);
                    check_one(&schemes[s], &packers[p], groups[g], rows, cols, x);
                }
    free(x);
}

Test(pipeline, has_the_bits_of_whole_tensors_where_rows_are_short) { check_shape(37, 64); }
Test(pipeline, has_the_bits_of_whole_tensors_where_groups_are_ragged) { check_shape(5, 777); }
Test(pipeline, has_the_bits_of_whole_tensors_where_rows_are_pieces) { check_shape(3, 4096); }
Test(pipeline, has_the_bits_of_whole_tensors_where_a_row_is_long) { check_shape(1, 9000); }

Test(pipeline, has_the_bits_of_whole_tensors_where_a_row_is_more_than_a_span) {
    const form int8 = {"int", "bits=8"}, ternary = {"ternary", ""}, bits = {"bits", ""},
               entropy = {"entropy", ""};
    enum { COLS = 200 * 1000 };
    float *x = mem_floats(2 * COLS);
    fill_gauss(3, x, 2 * COLS, 1);
    for (int threads = 1; threads <= 4; threads++) {
        parallel_set_threads(threads);
        check_one(&int8, &bits, 128, 2, COLS, x);
        check_one(&int8, &bits, COLS, 2, COLS, x);
        check_one(&ternary, &entropy, 0, 2, COLS, x);
    }
    free(x);
}

Test(pipeline, stochastic_codes_do_not_depend_on_tiles) {
    enum { ROWS = 20, COLS = 500 };
    static float x[ROWS * COLS];
    static uint8_t code[ROWS * COLS];
    const form f = {"int", "bits=4"};
    quant_config c = config_of(&f, 125, SCALE_F32);
    plugin_choice bits = choose(QB_PACKER, "bits", "");
    quantizer q;
    packing k;
    quant_packed o;
    diags d;
    diags_init(&d);
    fill_gauss(9, x, ROWS * COLS, 1);
    c.round = ROUND_STOCHASTIC;
    cr_assert(quantizer_open(&q, &c, "w", false, ROWS, COLS, &d) == OK);
    cr_assert(packing_open(&k, &bits, q.info.n_levels, q.info.zero_code, NULL, &d) == OK);
    cr_assert(quant_packed_open(&o, &q, &k, ROWS, true, &d) == OK);
    cr_assert(quant_pack(&q, &k, x, ROWS, 77, true, &d, &o) == OK);
    quantizer_encode(&q, x, ROWS, o.meta, 77, code);
    cr_assert(memcmp(o.code, code, sizeof code) == 0);
    quant_packed_close(&o);
    packing_close(&k);
    quantizer_close(&q);
    diags_fini(&d);
}

Test(pipeline, the_first_nan_is_named_for_any_number_of_threads) {
    enum { ROWS = 64, COLS = 300 };
    static float x[ROWS * COLS];
    const form f = {"int", "bits=4"};
    plugin_choice bits = choose(QB_PACKER, "bits", "");
    fill_gauss(4, x, ROWS * COLS, 1);
    x[17 * COLS + 5] = x[17 * COLS + 200] = x[60 * COLS] = NAN;
    for (int threads = 1; threads <= 4; threads++)
        for (int64_t group = 0; group <= COLS; group += 100) {
            quant_config c = config_of(&f, group, SCALE_F32);
            quantizer q;
            packing k;
            quant_packed o;
            diags d;
            diags_init(&d);
            parallel_set_threads(threads);
            cr_assert(quantizer_open(&q, &c, "w", false, ROWS, COLS, &d) == OK);
            cr_assert(packing_open(&k, &bits, q.info.n_levels, q.info.zero_code, NULL, &d) == OK);
            cr_assert(quant_packed_open(&o, &q, &k, ROWS, false, &d) == OK);
            cr_assert(quant_pack(&q, &k, x, ROWS, 0, true, &d, &o) == ERR_INPUT);
            cr_assert_str_eq(d.list[0].message, "w: element (17, 5) is NaN");
            quant_packed_close(&o);
            packing_close(&k);
            quantizer_close(&q);
            diags_fini(&d);
        }
}
