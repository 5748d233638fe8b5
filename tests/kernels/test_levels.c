/*
 * Every level of every kernel has the bits of scalar.c (`make check-kernels` has more
 * cases), and wrong kernels are found.
 */
#include "support/support.h"

#include "kernels/check.h"
#include "simd/cpu.h"

static const check_plan reduced = {.n_small = 130,
                                   .n_random = 100,
                                   .at_step = 7,
                                   .report = true,
                                   .again = "build/tests/check_kernels"};

static void check_table(const kernels *k) {
    for (int which = 0; which < check_n_kernels; which++) {
        check_count n = check_all(which, k, &reduced);
        cr_assert(n.failures == 0 && n.cases > 1000, "%s %s, %lld cases", k->level,
                  check_kernels[which].name, (long long)n.cases);
    }
}

/* With all that the CPU has, and with the level's own instructions alone. */
static void check_level(int level) {
    const kernels *k = simd_level(level, simd_features());
    if (k == NULL) cr_skip_test("this CPU lacks %s", simd_level_name(level));
    kernels plain;
    simd_fill(&plain, level, 0);
    check_table(k);
    if (memcmp(k, &plain, sizeof plain) != 0) check_table(&plain);
}

Test(levels, scalar_without_vectors_has_the_bits_of_scalar) { check_table(&kernels_scalar_plain); }

#ifdef __x86_64__
Test(levels, sse4_has_the_bits_of_scalar) { check_level(1); }
Test(levels, avx2_has_the_bits_of_scalar) { check_level(2); }
Test(levels, avx512_has_the_bits_of_scalar) { check_level(3); }
#endif
#ifdef __aarch64__
Test(levels, neon_has_the_bits_of_scalar) { check_level(1); }
#endif

Test(levels, the_algorithm_of_amx_has_the_bits_of_scalar_on_a_model_of_the_tiles) {
    kernels k = kernels_scalar;
    k.level = "model";
    k.linear_arrange = check_amx_model.linear_arrange;
    k.linear_sums = check_amx_model.linear_sums;
    k.linear_product = check_amx_model.linear_product;
    check_table(&k);
}

Test(levels, wrong_kernels_are_found) {
    for (int i = 0; i < n_broken_kernels; i++)
        cr_assert(check_catches(&broken_kernels[i], &reduced), "%s that %s",
                  broken_kernels[i].kernel, broken_kernels[i].what);
}

Test(levels, the_best_level_of_the_cpu_is_the_default) {
    const kernels *best = NULL;
    for (int i = 0; simd_level_name(i) != NULL; i++) {
        const kernels *k = simd_level(i, simd_features());
        if (k != NULL) best = k;
    }
    cr_assert(simd_kernels() == best);
}

Test(levels, every_kernel_is_there_at_every_level) {
    for (int i = 0; simd_level_name(i) != NULL; i++) {
        const kernels *k = simd_level(i, UINT32_MAX);
        cr_assert_str_eq(k->level, simd_level_name(i));
#define KERNEL(result, name, parameters) cr_assert(k->name != NULL, #name);
#include "simd/kernels.def"
#undef KERNEL
    }
}

Test(levels, a_level_that_the_cpu_lacks_is_an_error_that_names_those_it_has) {
    diags d;
    diags_init(&d);
    cr_assert(simd_find("--simd", "scalar", 0, &d) != NULL && d.errors == 0);
#ifdef __x86_64__
    cr_assert(simd_find("--simd", "avx2", CPU_SSE4, &d) == NULL && d.errors == 1);
    cr_assert_str_eq(d.list[0].message, "--simd: this CPU lacks the SIMD level 'avx2'");
    cr_assert_str_eq(d.list[0].hint, "this CPU runs: scalar, sse4");
    /* AVX-512 alone is not the level: it falls through to AVX2 and SSE4 */
    cr_assert(simd_find("--simd", "avx512", CPU_AVX512, &d) == NULL && d.errors == 2);
    cr_assert(simd_find("--simd", "neon", UINT32_MAX, &d) == NULL && d.errors == 3);
    cr_assert_str_eq(d.last->message, "--simd: this CPU lacks the SIMD level 'neon'");
#endif
    cr_assert(simd_force("--simd", "avx9", &d) == ERR_USAGE);
    cr_assert_str_eq(d.last->message, "--simd: unknown SIMD level 'avx9'");
    cr_assert(simd_force("--simd", "scalar", &d) == OK &&
              strcmp(simd_kernels()->level, "scalar") == 0);
    diags_fini(&d);
}
