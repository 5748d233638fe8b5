/*
 * io/dtype.h - the types that elements of stored tensors have.
 *
 * Most are numbers of a few bytes; some are blocks, which have bytes for a number of
 * elements together (io/blocks.h). Blocks of types that have no definition there can
 * be listed and copied, their values are not known.
 */
#ifndef IO_DTYPE_H
#define IO_DTYPE_H

#include <stdbool.h>
#include <stdint.h>

typedef enum dtype {
    DTYPE_BOOL,
    DTYPE_U8,
    DTYPE_I8,
    DTYPE_U16,
    DTYPE_I16,
    DTYPE_U32,
    DTYPE_I32,
    DTYPE_U64,
    DTYPE_I64,
    DTYPE_F16,
    DTYPE_BF16,
    DTYPE_F32,
    DTYPE_F64,
    /* blocks, of GGUF files */
    DTYPE_Q8_0,
    DTYPE_Q4_0,
    DTYPE_TQ1_0,
    DTYPE_TQ2_0,
    /* blocks whose values are not known here */
    DTYPE_Q4_1,
    DTYPE_Q5_0,
    DTYPE_Q5_1,
    DTYPE_Q8_1,
    DTYPE_Q2_K,
    DTYPE_Q3_K,
    DTYPE_Q4_K,
    DTYPE_Q5_K,
    DTYPE_Q6_K,
    DTYPE_Q8_K,
    DTYPE_IQ2_XXS,
    DTYPE_IQ2_XS,
    DTYPE_IQ3_XXS,
    DTYPE_IQ1_S,
    DTYPE_IQ4_NL,
    DTYPE_IQ3_S,
    DTYPE_IQ2_S,
    DTYPE_IQ4_XS,
    DTYPE_IQ1_M,
    DTYPE_MXFP4,
    DTYPE_NVFP4,
    DTYPE_Q1_0,
    DTYPE_Q2_0,
    DTYPE_COUNT,
} dtype;

const char *dtype_name(dtype t); /* as safetensors and GGUF write it: "F32", "Q8_0" */
/* Bytes of an element, of a block where the type has them. */
int dtype_bytes(dtype t);
/* Elements of a block; 1 for all others. */
int dtype_block(dtype t);
/* Bytes of n elements, a whole number of blocks. */
int64_t dtype_size(dtype t, int64_t n);
bool dtype_is_known(dtype t);  /* has values          */
bool dtype_is_real(dtype t);   /* has values, which are floating-point */
bool dtype_is_signed(dtype t); /* an integer that can be negative */

/* Element i as a number; integers up to 2^53 exactly, NaN for types without values. */
double dtype_value(dtype t, const uint8_t *data, int64_t i, bool big_endian);

/* The same of integers, all bits of them: of signed ones, extended by their sign. */
uint64_t dtype_integer(dtype t, const uint8_t *data, int64_t i, bool big_endian);

/* Writes n finite values, a whole number of blocks, as F32, F16, BF16 (to nearest even)
 * or one of the known blocks. The index of the first value (in a block: of its first)
 * that the type cannot hold, -1 if it holds all. out: dtype_size(t, n) bytes, host order */
int64_t dtype_encode(dtype t, const float *x, int64_t n, uint8_t *out);

#endif
