#include "simd/kernels.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "simd/cpu.h"

/* The ladder, lowest first. A level gives the kernels that it has; the others are those
 * of the level below. It needs its own features and those of the levels below. */
static const struct {
    const kernels *own;
    uint32_t needs;
} ladder[] = {
    {&kernels_scalar, 0},
#ifdef __x86_64__
    {&kernels_sse4, CPU_SSE4},
    {&kernels_avx2, CPU_SSE4 | CPU_AVX2},
    {&kernels_avx512, CPU_SSE4 | CPU_AVX2 | CPU_AVX512},
#endif
#ifdef __aarch64__
    {&kernels_neon, CPU_NEON},
#endif
};
enum { N_LEVELS = sizeof ladder / sizeof *ladder };

/* Beside the ladder: what a level has more of where the CPU has more than it asks; NULL ends. */
static const struct {
    const kernels *own, *level;
    uint32_t needs;
} beside[] = {
#ifdef __x86_64__
    {&kernels_avx2_bmi2, &kernels_avx2, CPU_BMI2},
    {&kernels_vnni, &kernels_avx512, CPU_VNNI},
    {&kernels_amx, &kernels_avx512, CPU_VNNI | CPU_AMX_INT8},
    {&kernels_avx512_vbmi, &kernels_avx512, CPU_VBMI | CPU_VBMI2 | CPU_VNNI},
#endif
#ifdef __aarch64__
    {&kernels_neon_dotprod, &kernels_neon, CPU_DOTPROD},
#endif
    {NULL, NULL, 0},
};

static kernels filled[N_LEVELS];
static uint32_t features;
static const kernels *in_force;

static void take(kernels *k, const kernels *own) {
#define KERNEL(result, name, parameters)                                                           \
    if (own->name != NULL) k->name = own->name;
#include "simd/kernels.def"
#undef KERNEL
}

void simd_fill(kernels *k, int i, uint32_t have) {
    *k = (kernels){.level = ladder[i].own->level};
    for (int l = 0; l <= i; l++) {
        take(k, ladder[l].own);
        for (int b = 0; beside[b].own != NULL; b++)
            if (beside[b].level == ladder[l].own && (beside[b].needs & ~have) == 0)
                take(k, beside[b].own);
    }
}

/* Before main(), so that no thread sees half of it. */
__attribute__((constructor)) static void fill_ladder(void) {
    features = cpu_features();
    for (int i = 0; i < N_LEVELS; i++) {
        simd_fill(&filled[i], i, features);
        if (simd_level(i, features) != NULL) in_force = &filled[i];
    }
}

const kernels *simd_kernels(void) { return in_force; }

uint32_t simd_features(void) { return features; }

const char *simd_level_name(int i) { return i < N_LEVELS ? ladder[i].own->level : NULL; }

const kernels *simd_level(int i, uint32_t have) {
    bool runs = i < N_LEVELS && (ladder[i].needs & ~have) == 0;
    return runs ? &filled[i] : NULL;
}

static void hint_levels(diags *d, uint32_t have) {
    char list[128] = "";
    for (int i = 0; i < N_LEVELS; i++) {
        if (simd_level(i, have) == NULL) continue;
        if (*list != '\0') strcat(list, ", ");
        strcat(list, ladder[i].own->level);
    }
    diag_hint(d, "this CPU runs: %s", list);
}

/* Of all builds: another kind of CPU has some. */
static bool is_known(const char *level) {
    static const char *const names[] = {"scalar", "sse4", "avx2", "avx512", "neon"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], level) == 0) return true;
    return false;
}

const kernels *simd_find(const char *from, const char *level, uint32_t have, diags *d) {
    int found = 0;
    while (found < N_LEVELS && strcmp(ladder[found].own->level, level) != 0) found++;
    if (simd_level(found, have) != NULL) return &filled[found];
    if (is_known(level))
        diag_error(d, ERR_USAGE, "%s: this CPU lacks the SIMD level '%s'", from, level);
    else
        diag_error(d, ERR_USAGE, "%s: unknown SIMD level '%s'", from, level);
    hint_levels(d, have);
    return NULL;
}

status simd_force(const char *from, const char *level, diags *d) {
    const kernels *k = simd_find(from, level, features, d);
    if (k == NULL) return ERR_USAGE;
    in_force = k;
    return OK;
}
