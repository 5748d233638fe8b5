#include "simd/cpu.h"

#include <stdbool.h>

#ifdef __x86_64__

#include <cpuid.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* Registers that the system saves and restores (XCR0). */
enum { SAVES_YMM = 0x6, SAVES_ZMM = 0xe6, SAVES_TILES = 0x60000 };

static uint32_t saved_registers(void) {
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static uint32_t has(uint32_t word, int bit) { return word >> bit & 1; }

static uint32_t avx512_features(uint32_t ebx, uint32_t ecx) {
    uint32_t f = has(ebx, 16) & has(ebx, 17) & has(ebx, 30) & has(ebx, 31) ? CPU_AVX512 : 0;
    if (f == 0) return 0;
    if (has(ecx, 11)) f |= CPU_VNNI;
    if (has(ecx, 1)) f |= CPU_VBMI;
    if (has(ecx, 6)) f |= CPU_VBMI2;
    return f;
}

/* Linux gives the tiles, 8 KiB of registers, to a process that asks for them. */
static bool may_use_tiles(void) {
#ifdef __linux__
    enum { REQUEST_STATE = 0x1023, TILE_DATA = 18 }; /* ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA */
    return syscall(SYS_arch_prctl, REQUEST_STATE, TILE_DATA) == 0;
#else
    return false;
#endif
}

uint32_t cpu_features(void) {
    uint32_t a, b, c, d, f = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
    if (has(c, 9) && has(c, 19)) f |= CPU_SSE4;
    if (!has(c, 27) || !has(c, 28)) return f; /* OSXSAVE, AVX */
    uint32_t saved = saved_registers();
    if ((saved & SAVES_YMM) != SAVES_YMM || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return f;
    if (has(b, 5)) f |= CPU_AVX2;
    if (has(b, 8)) f |= CPU_BMI2;
    if ((saved & SAVES_ZMM) == SAVES_ZMM) f |= avx512_features(b, c);
    bool tiles = (saved & SAVES_TILES) == SAVES_TILES && has(d, 24) && has(d, 25);
    if (tiles && may_use_tiles()) f |= CPU_AMX_INT8;
    return f;
}

#elif defined __aarch64__

#include <sys/auxv.h>

uint32_t cpu_features(void) {
    return CPU_NEON | ((getauxval(AT_HWCAP) & HWCAP_ASIMDDP) != 0 ? CPU_DOTPROD : 0);
}

#else

uint32_t cpu_features(void) { return 0; }

#endif
