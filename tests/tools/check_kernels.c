/*
 * build/tests/check_kernels: every kernel of every level that this CPU has against
 * scalar.c, and the kernels that are wrong on purpose. With the words that a failure
 * printed it repeats that case alone: LEVEL KERNEL VARIANT N OFFSET DATA SEED. LEVEL-only is
 * a level without what this CPU has beside it.
 */
#include <stdlib.h>
#include <string.h>

#include "kernels/check.h"

#define ONLY "-only"

/* LEVEL-only: without what the CPU has beside it. */
static const kernels *find_table(char *name, diags *d) {
    static kernels plain;
    char *only = strstr(name, ONLY);
    if (only != NULL) *only = '\0';
    const kernels *k = simd_find(name, simd_features(), d);
    for (int i = 0; k != NULL && only != NULL && simd_level_name(i) != NULL; i++)
        if (strcmp(simd_level_name(i), name) == 0) simd_fill(&plain, i, 0);
    return k != NULL && only != NULL ? &plain : k;
}

static int repeat(char **word) {
    diags d;
    char why[128] = "";
    check_case c = {.variant = atoi(word[2]), .n = atoll(word[3]), .at = atoi(word[4])};
    int which = 0;
    diags_init(&d);
    const kernels *k = find_table(word[0], &d);
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

static bool check_table(const kernels *k, const check_plan *plan) {
    long long cases = 0;
    int bad = 0;
    for (int which = 0; which < check_n_kernels; which++) {
        check_count n = check_all(which, k, plan);
        cases += n.cases, bad += n.failures > 0;
    }
    printf("%-11s %d kernels, %lld cases: %s\n", k->level, check_n_kernels, cases,
           bad == 0 ? "the bits of scalar" : "wrong");
    return bad == 0;
}

static bool check_level(int i, const kernels *k, const check_plan *plan) {
    kernels plain;
    char name[32];
    bool fine = check_table(k, plan);
    simd_fill(&plain, i, 0);
    if (memcmp(&plain, k, sizeof plain) == 0) return fine;
    snprintf(name, sizeof name, "%s" ONLY, k->level);
    plain.level = name;
    return check_table(&plain, plan) && fine;
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
            printf("%-11s skipped: this CPU lacks it\n", simd_level_name(i));
        else
            bad += !check_level(i, k, &plan);
    }
    for (int i = 0; i < n_broken_kernels; i++) {
        if (check_catches(&broken_kernels[i], &plan)) continue;
        missed++;
        printf("not found: %s that %s\n", broken_kernels[i].kernel, broken_kernels[i].what);
    }
    printf("broken      %d of %d wrong kernels found\n", n_broken_kernels - missed,
           n_broken_kernels);
    return bad + missed > 0;
}
