/*
 * util/half.h - IEEE binary16 and bfloat16, converted to nearest even.
 */
#ifndef UTIL_HALF_H
#define UTIL_HALF_H

#include <stdint.h>

uint16_t half_from_float(float x); /* overflows to infinity */
float half_to_float(uint16_t h);
uint16_t bf16_from_float(float x);
float bf16_to_float(uint16_t b);

#endif
