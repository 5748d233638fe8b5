/*
 * simd/ceiling.h - what the machine can do at most: loops that only move bytes, multiply or
 * add, in the ways that are fastest somewhere. The best of a kind on this machine, here and
 * now, is the ceiling that kernels are compared with; which one that is, is measured
 * (run/bench_ceilings.h).
 *
 * They are no kernels: they compute nothing, so there is nothing to check them against.
 */
#ifndef SIMD_CEILING_H
#define SIMD_CEILING_H

#include <stdint.h>

typedef enum ceiling_kind {
    CEILING_READ,  /* bytes of src                                              */
    CEILING_WRITE, /* bytes of dst                                              */
    CEILING_COPY,  /* bytes of src to dst                                       */
    CEILING_SUM,   /* reads bytes of src as floats, adds them as doubles        */
    CEILING_FP32,  /* operations: a fused multiply and add of two floats is two */
    CEILING_INT8,  /* operations: a product of two bytes, added to 32 bits, is two */
    CEILING_KINDS,
} ceiling_kind;

typedef struct ceiling_loop {
    const char *name; /* "avx512, not through the caches" */
    ceiling_kind kind;
    uint32_t needs; /* features (simd/cpu.h) */
    /* n: bytes or operations, a multiple of 4096 and of 3 if no bytes are moved. src and dst
     * are 64-byte aligned. */
    void (*run)(const void *src, void *dst, int64_t n);
} ceiling_loop;

extern const ceiling_loop ceiling_loops[];
extern const int ceiling_n_loops;

#endif
