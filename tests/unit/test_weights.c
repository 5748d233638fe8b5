/*
 * Files of weights for a network, and tensors without one.
 */
#include "support/support.h"

#include "data/tensors.h"
#include "data/weights.h"
#include "io/safetensors.h"
#include "util/files.h"
#include "util/parallel.h"

/* ---- helpers ---- */

static char *dir, *path;
static diags d;

static void setup(void) {
    dir = temp_dir();
    path = path_join(dir, "w.safetensors");
    diags_init(&d);
}

static void teardown(void) {
    remove_dir(dir);
    free(dir);
    free(path);
    diags_fini(&d);
}

/* Values of every tensor: 0, 1, 2, ... */
static float ramp[64];

static named_floats tensor(const char *name, int64_t rows, int64_t cols) {
    named_floats t = {.name = name, .n_dims = 2, .shape = {rows, cols}, .data = ramp};
    if (rows == 0) t.n_dims = 1, t.shape[0] = cols;
    return t;
}

static void write_weights(named_floats *tensors, int n) {
    char sha256[65];
    int64_t bytes;
    for (int i = 0; i < 64; i++) ramp[i] = (float)i;
    cr_assert(safetensors_write(path, tensors, n, &d, sha256, &bytes) == OK);
}

static weight_rename to(const char *from, const char *name) {
    return (weight_rename){.from = from, .to = name, .hi = -1};
}

static weight_rename rows_to(const char *from, int64_t lo, int64_t hi, const char *name) {
    return (weight_rename){.from = from, .to = name, .sliced = true, .lo = lo, .hi = hi};
}

static weight_source source(const weight_rename *renames, int n, bool strict) {
    return (weight_source){.path = path, .renames = renames, .n_renames = n, .strict = strict};
}

static const weight_slot slots[] = {{"fc1.weight", 4, 3}, {"fc1.bias", 1, 4}, {"fc2.weight", 2, 4}};

/* Is there an error whose message and hint have these texts? */
static bool said(const char *message, const char *hint) {
    for (int i = 0; i < d.n; i++)
        if (strstr(d.list[i].message, message) != NULL &&
            (hint == NULL || (d.list[i].hint != NULL && strstr(d.list[i].hint, hint) != NULL)))
            return true;
    diags_print(&d, stderr);
    return false;
}

static bool refused(const weight_source *s, status st, const char *message, const char *hint) {
    diags_fini(&d);
    diags_init(&d);
    status bad = weights_check(s, slots, 3, &d);
    cr_assert(bad == st, "status %d, expected %d", bad, st);
    return said(message, hint);
}

/* ---- files of weights ---- */

Test(weights, renames_with_captures_fill_the_parameters, .init = setup, .fini = teardown) {
    named_floats t[] = {tensor("l.0.w", 4, 3), tensor("l.0.b", 0, 4), tensor("head.w", 2, 4)};
    const weight_rename renames[] = {to("l.0.{w,b}", "fc1.${1}"), to("*.w", "fc2.weight"),
                                     to("l.*", "never")};
    write_weights(t, 3);
    weight_source s = source(renames, 3, true);
    cr_assert(refused(&s, ERR_SPEC, "rename matches no tensor: 'l.*'", "tensors of the file: "));
    const weight_rename right[] = {to("l.0.b", "fc1.bias"), to("l.*.w", "fc1.weight"),
                                   to("h*.w", "fc2.weight")};
    float a[12], b[4], c[8];
    float *const data[] = {a, b, c};
    s = source(right, 3, true);
    diags_fini(&d);
    diags_init(&d);
    status bad = weights_load(&s, slots, 3, data, &d);
    assert_fine(&d);
    cr_assert(bad == OK && a[11] == 11 && b[3] == 3 && c[7] == 7);
}

Test(weights, slices_take_rows_of_a_fused_tensor, .init = setup, .fini = teardown) {
    named_floats t[] = {tensor("qkv", 9, 2)};
    const weight_slot three[] = {{"q", 2, 2}, {"k", 3, 2}, {"v", 4, 2}};
    weight_rename renames[] = {rows_to("q*", 0, 2, "q"), rows_to("qkv", 2, 5, "k"),
                               rows_to("{qkv}", 5, -1, "v")};
    float q[4], k[6], v[8];
    float *const data[] = {q, k, v};
    write_weights(t, 1);
    weight_source s = source(renames, 3, true);
    cr_assert(weights_load(&s, three, 3, data, &d) == OK);
    assert_fine(&d);
    cr_assert(q[0] == 0 && q[3] == 3 && k[0] == 4 && k[5] == 9 && v[0] == 10 && v[7] == 17);
    renames[2].lo = 6, renames[2].hi = 9;
    cr_assert(weights_check(&s, three, 3, &d) == ERR_INPUT && said("does not fit v (4, 2)", NULL));
    renames[2].lo = 5, renames[2].hi = 10;
    cr_assert(weights_check(&s, three, 3, &d) == ERR_SPEC || d.errors > 1);
    cr_assert(said("the slice ends at row 10, tensor 'qkv' has 9 rows", NULL));
}

Test(weights, rows_in_no_slice_are_an_error_if_strict, .init = setup, .fini = teardown) {
    named_floats t[] = {tensor("qk", 6, 2)};
    const weight_slot two[] = {{"q", 2, 2}, {"k", 3, 2}};
    const weight_rename renames[] = {rows_to("qk", 0, 2, "q"), rows_to("qk", 2, 5, "k")};
    write_weights(t, 1);
    weight_source s = source(renames, 2, false);
    cr_assert(weights_check(&s, two, 2, &d) == OK);
    s.strict = true;
    cr_assert(weights_check(&s, two, 2, &d) == ERR_SPEC &&
              said("row 5 of tensor 'qk' is in no slice", "it has 6 rows"));
}

Test(weights, strict_names_both_sides_and_suggests, .init = setup, .fini = teardown) {
    named_floats t[] = {tensor("0.weight", 4, 3), tensor("0.bias", 0, 4),
                        tensor("fc2.weight", 2, 4)};
    const weight_rename both[] = {to("0.*", "fc1.${1}"), to("fc2.weight", "fc1.weight")};
    write_weights(t, 3);
    weight_source s = source(NULL, 0, true);
    cr_assert(refused(&s, ERR_INPUT,
                      "2 tensors of the file land nowhere: '0.bias' (4), '0.weight' (4, 3)",
                      "rename them, as in `rename: {\"0.bias\": fc1.bias}`"));
    cr_assert(said("2 parameters of the model are not in the file: fc1.weight (4, 3), fc1.bias (4)",
                   "tensors of the file: 0.bias, 0.weight, fc2.weight"));
    s = source(both, 2, true);
    cr_assert(refused(&s, ERR_INPUT, "does not fit fc1.weight (4, 3)", NULL));
    s = source(both, 1, true);
    cr_assert(weights_check(&s, slots, 3, &d) == OK, "the rename that was proposed");
}

Test(weights, two_tensors_on_one_parameter_are_an_error, .init = setup, .fini = teardown) {
    named_floats t[] = {tensor("a", 4, 3), tensor("b", 4, 3)};
    const weight_rename renames[] = {to("*", "fc1.weight")};
    write_weights(t, 2);
    weight_source s = source(renames, 1, false);
    cr_assert(refused(&s, ERR_INPUT, "both 'a' (4, 3) and 'b' (4, 3) land on fc1.weight", NULL));
}

Test(weights, missing_biases_are_told_from_other_gaps, .init = setup, .fini = teardown) {
    named_floats t[] = {tensor("fc1.weight", 4, 3), tensor("fc2.weight", 2, 4)};
    write_weights(t, 2);
    weight_source s = source(NULL, 0, true);
    cr_assert(refused(&s, ERR_INPUT, "1 parameter of the model is not in the file: fc1.bias (4)",
                      "`model.bias: false`"));
}

Test(weights, without_strict_gaps_keep_what_they_hold, .init = setup, .fini = teardown) {
    named_floats t[] = {tensor("fc2.weight", 2, 4), tensor("other", 3, 3)};
    float a[12] = {7}, b[4] = {8}, c[8] = {9};
    float *const data[] = {a, b, c};
    write_weights(t, 2);
    weight_source s = source(NULL, 0, false);
    cr_assert(weights_load(&s, slots, 3, data, &d) == OK);
    cr_assert(a[0] == 7 && b[0] == 8 && c[0] == 0 && c[7] == 7);
}

/* ---- random tensors ---- */

static float *draw(const tensor_source *s, uint64_t seed) {
    tensor_set *set;
    float *x;
    cr_assert(tensor_set_open(s, &d, &set) == OK && tensor_set_count(set) == 1);
    cr_assert(tensor_set_floats(set, 0, seed, &d, &x) == OK);
    tensor_set_close(set);
    return x;
}

/* Means of x, |x| and x^2 of a million numbers against the distributions' own; six
 * standard errors. Student's t with 5 degrees of freedom has the variance 5/3. */
Test(tensors, random_ones_have_the_moments_of_their_distribution, .init = setup, .fini = teardown) {
    const struct {
        tensor_dist dist;
        double mean_abs, mean_square, sd_abs, sd_square;
    } cases[] = {{DIST_GAUSS, 0.7978845608, 1, 0.6028, 1.4142},
                 {DIST_LAPLACE, 1, 2, 1, 4.4721},
                 {DIST_UNIFORM, 0.5, 1 / 3.0, 0.28868, 0.29814},
                 {DIST_STUDENT, 0.9490, 5 / 3.0, 0.8755, 4.7140}};
    const int64_t n = 1 << 20;
    for (int i = 0; i < 4; i++) {
        tensor_source s = {.dist = cases[i].dist, .rows = 1024, .cols = 1024, .dof = 5};
        float *x = draw(&s, 3);
        double sum = 0, magnitude = 0, square = 0, root = sqrt((double)n);
        for (int64_t k = 0; k < n; k++)
            sum += x[k], magnitude += fabs(x[k]), square += (double)x[k] * x[k];
        const char *name = tensor_dist_name[cases[i].dist];
        cr_assert(fabs(sum / n) < 6 * sqrt(cases[i].mean_square) / root, "%s: mean %g", name,
                  sum / n);
        cr_assert(fabs(magnitude / n - cases[i].mean_abs) < 6 * cases[i].sd_abs / root + 1e-4,
                  "%s: mean magnitude %g", name, magnitude / n);
        cr_assert(fabs(square / n - cases[i].mean_square) < 6 * cases[i].sd_square / root,
                  "%s: mean square %g", name, square / n);
        free(x);
    }
}

Test(tensors, random_ones_depend_on_the_seed_alone, .init = setup, .fini = teardown) {
    tensor_source s = {.dist = DIST_GAUSS, .rows = 100, .cols = 100};
    parallel_set_threads(1);
    float *one = draw(&s, 5), *other = draw(&s, 6);
    parallel_set_threads(3);
    float *again = draw(&s, 5);
    cr_assert(memcmp(one, again, 10000 * sizeof *one) == 0);
    cr_assert(memcmp(one, other, 10000 * sizeof *one) != 0);
    s.outliers = 0.01, s.outlier_factor = 50;
    float *wild = draw(&s, 5);
    int enlarged = 0;
    for (int i = 0; i < 10000; i++) {
        bool same = wild[i] == one[i];
        cr_assert(same || near(wild[i], 50.0 * one[i], 1e-6, 0));
        enlarged += !same;
    }
    cr_assert(enlarged > 50 && enlarged < 160, "%d of 10000 at a share of 0.01", enlarged);
    free(one);
    free(other);
    free(again);
    free(wild);
}
