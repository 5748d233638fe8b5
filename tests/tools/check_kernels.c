/*
 * build/tests/check_kernels: every kernel of every level that this CPU has against
 * scalar.c, and the kernels that are wrong on purpose. With the words that a failure
 * printed it repeats that case alone: LEVEL KERNEL VARIANT N OFFSET DATA SEED.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/check.h"

static int repeat(char **word) {
    diags d;
    char why[128] = "";
    check_case c = {.variant = atoi(word[2]), .n = atoll(word[3]), .at = atoi(word[4])};
    int which = 0;
    diags_init(&d);
    const kernels *k = simd_find(word[0], simd_features(), &d);
    diags_print(&d, stderr);
    diags_fini(&d);
    while (which < check_n_kernels && strcmp(check_kernels[which].name, word[1]) != 0) which++;
    while (c.data < DATA_KINDS && strcmp(check_data_name(c.data), word[5]) != 0) c.data++;
    c.seed = strtoull(word[6], NULL, 10);
    if (k == NULL || which == check_n_kernels || c.data == DATA_KINDS) return ERR_USAGE;
    bool fine = check_one(which, k, &c, why, sizeof why);
    printf("%s %s: %s\n", word[0], word[1], fine ? "as scalar" : why);
    return fine ? 0 : 1;
}

static bool check_level(const kernels *k, const check_plan *plan) {
    long long cases = 0;
    int bad = 0;
    for (int which = 0; which < check_n_kernels; which++) {
        check_count n = check_all(which, k, plan);
        cases += n.cases, bad += n.failures > 0;
    }
    printf("%-7s %d kernels, %lld cases: %s\n", k->level, check_n_kernels, cases,
           bad == 0 ? "the bits of scalar" : "wrong");
    return bad == 0;
}

int main(int argc, char **argv) {
    const check_plan plan = {.n_small = 130, .n_random = 1000, .at_step = 1, .report = true};
    int missed = 0, bad = 0;
    if (argc == 8) return repeat(argv + 1);
    if (argc != 1) {
        fprintf(stderr, "usage: check_kernels [LEVEL KERNEL VARIANT N OFFSET DATA SEED]\n");
        return ERR_USAGE;
    }
    for (int i = 1; simd_level_name(i) != NULL; i++) {
        const kernels *k = simd_level(i, simd_features());
        if (k == NULL)
            printf("%-7s skipped: this CPU lacks it\n", simd_level_name(i));
        else
            bad += !check_level(k, &plan);
    }
    for (int i = 0; i < n_broken_kernels; i++) {
        if (check_catches(&broken_kernels[i], &plan)) continue;
        missed++;
        printf("not found: %s that %s\n", broken_kernels[i].kernel, broken_kernels[i].what);
    }
    printf("broken  %d of %d wrong kernels found\n", n_broken_kernels - missed, n_broken_kernels);
    return bad + missed > 0;
}
