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

/* Prints and frees a value, without the end of a line; its text is never whole in memory. */
void json_print(json_t *value, FILE *out);
/* Prints and frees the object. */
void json_print_line(json_t *object, FILE *out);

/* ---- reading what somebody else wrote ---- */

/* Jansson takes some hundred bytes for an object of two, and as many for a key with its value: a
 * text with more is refused unread. 65,536 tensors with three keys each and as many texts fit
 * (io/safetensors.h); the worst that fits is read with less than 256 MiB. */
enum {
    JSON_MAX_DEPTH = 32,
    JSON_MAX_LISTS = 200000,
    JSON_MAX_KEYS = 330000,
    JSON_MAX_VALUES = 1 << 20
};
typedef struct json_trouble {
    char why[160];
    size_t at;      /* byte of the text */
    bool too_large; /* a number that no int64_t or double holds */
} json_trouble;
/* One value of n bytes of text, whose keys are unique; NULL: see *t. */
json_t *json_read(const char *text, size_t n, json_trouble *t);
/* Where a minus stands outside of the strings of a text; -1: nowhere. */
int64_t json_find_minus(const char *text, size_t n);

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
