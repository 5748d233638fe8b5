/*
 * util/json.h - what --json prints: Jansson objects with stable field order, a
 * number that is not finite as null, text that is not UTF-8 escaped, one object a line.
 */
#ifndef UTIL_JSON_H
#define UTIL_JSON_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

void json_set_str(json_t *object, const char *key, const char *value); /* NULL: null */
void json_set_int(json_t *object, const char *key, int64_t value);
/* As a number up to 2^63 - 1, the most that JSON readers and Jansson hold, else as text. */
void json_set_seed(json_t *object, const char *key, uint64_t seed);
void json_set_real(json_t *object, const char *key, double value);
void json_set_bool(json_t *object, const char *key, int value);

/* Prints and frees the object. */
void json_print_line(json_t *object, FILE *out);

#endif
