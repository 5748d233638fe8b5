/*
 * simd/amx.c - the five operations of AMX-INT8 that amx.inc wants. The system has been asked
 * for the tiles (cpu.c).
 *
 * In assembly, as the intrinsics of gcc 12 do not say what memory they read: stores that a tile
 * is loaded from could be dropped or come too late.
 */
#include "simd/kernels.h"

#define TILE_CONFIGURE(config) __asm__ volatile("ldtilecfg %0" : : "m"(*(config)) : "memory")
#define TILE_RELEASE() __asm__ volatile("tilerelease" : : : "memory")
#define TILE_LOAD(t, from, stride)                                                                 \
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #t                                               \
                     :                                                                             \
                     : "r"(from), "r"((int64_t)(stride))                                           \
                     : "memory")
#define TILE_STORE(t, to, stride)                                                                  \
    __asm__ volatile("tilestored %%tmm" #t ", (%0,%1,1)"                                           \
                     :                                                                             \
                     : "r"(to), "r"((int64_t)(stride))                                             \
                     : "memory")
#define TILE_DOT(c, a, b) __asm__ volatile("tdpbusd %tmm" #b ", %tmm" #a ", %tmm" #c)
#define AMX_FN(name) amx_##name
#define AMX_BELOW kernels_vnni
#define AMX_CODES kernels_avx512

#include "simd/amx.inc"

const kernels kernels_amx = {.level = "amx",
                             .linear_arrange = amx_linear_arrange,
                             .linear_sums = amx_linear_sums,
                             .linear_product = amx_linear_product};
