/*
 * simd/scalar_plain.c - scalar.c once more, for the Makefile to compile without vectors: what
 * the levels gain is measured against both. No level: nothing but the bench and the check of
 * the kernels calls it.
 */
#define SCALAR_KERNELS kernels_scalar_plain
#define SCALAR_NAME "plain"
#include "simd/scalar.c"
