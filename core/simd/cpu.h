/*
 * simd/cpu.h - what the CPU has, and the system lets a program use.
 */
#ifndef SIMD_CPU_H
#define SIMD_CPU_H

#include <stdint.h>

/* The first three make a level each (README.md); the others stand beside the levels. */
enum {
    CPU_SSE4 = 1 << 0,     /* SSE4.1 and SSSE3                       */
    CPU_AVX2 = 1 << 1,     /* AVX2                                   */
    CPU_AVX512 = 1 << 2,   /* AVX-512 F, BW, DQ, VL                  */
    CPU_VNNI = 1 << 3,     /* AVX512_VNNI: int8 dot products         */
    CPU_VBMI = 1 << 4,     /* AVX512_VBMI: permutes of bytes         */
    CPU_AMX_INT8 = 1 << 5, /* AMX-TILE and AMX-INT8, and this process may use them */
    CPU_VBMI2 = 1 << 6,    /* AVX512_VBMI2: bytes moved together and apart */
    CPU_BMI2 = 1 << 7      /* bits moved together and apart   */
};

/* arm64: NEON is a level, and every CPU has it. */
enum {
    CPU_NEON = 1 << 24,
    CPU_DOTPROD = 1 << 25 /* int8 dot products, beside the level */
};

/* The CPU_ bits of this machine: CPUID, and XGETBV for the registers that the system
 * saves; on arm64 what Linux says of the CPU. 0 where it is neither. */
uint32_t cpu_features(void);

#endif
