/*
 * util/json.h - what --json prints: Jansson objects with stable field order, a
 * number that is not finite as null, text that is not UTF-8 escaped, one object a line.
 * And objects that a file has: every key is known and checked.
 */
#ifndef UTIL_JSON_H
#define UTIL_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* From here on Jansson's memory is that of util/mem.h: no value is left out because there was
 * none for it. */
void json_startup(void);

json_t *json_of_str(const char *value); /* NULL: null */
/* As a number up to 2^63 - 1, the most that JSON readers and Jansson hold, else as text. */
json_t *json_of_seed(uint64_t value);
json_t *json_of_real(double value);
/* The same as the value of a key. */
void json_set_str(json_t *object, const char *key, const char *value);
void json_set_int(json_t *object, const char *key, int64_t value);
void json_set_seed(json_t *object, const char *key, uint64_t seed);
void json_set_real(json_t *object, const char *key, double value);
void json_set_bool(json_t *object, const char *key, int value);

/* Prints and frees the object. */
void json_print_line(json_t *object, FILE *out);

/* ---- reading an object whose keys are all known ---- */

/* The first trouble stays in `why`; what is taken after it is 0 or NULL. */
typedef struct json_fields {
    const json_t *o;
    size_t taken;
    char why[128]; /* "" while all is fine */
} json_fields;

json_fields json_fields_of(const json_t *o); /* o may be NULL or no object */
int64_t json_take_int(json_fields *f, const char *key, int64_t lo, int64_t hi);
double json_take_real(json_fields *f, const char *key); /* finite */
bool json_take_bool(json_fields *f, const char *key);
const char *json_take_text(json_fields *f, const char *key);
const json_t *json_take_object(json_fields *f, const char *key);
const json_t *json_take_array(json_fields *f, const char *key);
/* The index of the text among NULL-terminated choices. */
int json_take_choice(json_fields *f, const char *key, const char *const *choices);
/* Are all keys taken, and was all well? */
bool json_fields_end(json_fields *f);

#endif
