#include "util/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/str.h"

void json_startup(void) { json_set_alloc_funcs(mem_malloc, free); }

json_t *json_of_str(const char *value) {
    json_t *text = value != NULL ? json_string(value) : json_null();
    if (text != NULL) return text;
    char *escaped = str_escape(value); /* not UTF-8 */
    text = json_string(escaped);
    free(escaped);
    return text;
}

json_t *json_of_seed(uint64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, value);
    return value <= INT64_MAX ? json_integer((int64_t)value) : json_string(text);
}

json_t *json_of_real(double value) { return isfinite(value) ? json_real(value) : json_null(); }

void json_set_str(json_t *object, const char *key, const char *value) {
    json_object_set_new(object, key, json_of_str(value));
}

void json_set_int(json_t *object, const char *key, int64_t value) {
    json_object_set_new(object, key, json_integer(value));
}

void json_set_seed(json_t *object, const char *key, uint64_t seed) {
    json_object_set_new(object, key, json_of_seed(seed));
}

void json_set_real(json_t *object, const char *key, double value) {
    json_object_set_new(object, key, json_of_real(value));
}

void json_set_bool(json_t *object, const char *key, int value) {
    json_object_set_new(object, key, json_boolean(value));
}

/* As all text of ours. */
static const size_t style = JSON_COMPACT | JSON_REAL_PRECISION(17) | JSON_ENSURE_ASCII;

void json_print(json_t *value, FILE *out) {
    json_dumpf(value, out, style | JSON_ENCODE_ANY);
    json_decref(value);
}

void json_print_line(json_t *object, FILE *out) {
    char *text = json_dumps(object, style);
    if (text != NULL) fprintf(out, "%s\n", text);
    free(text);
    json_decref(object);
}

/* ---- reading what somebody else wrote ---- */

/* The next byte that stands in no string, from *at on; '\0' at the end. */
static char next_outside(const char *text, size_t n, size_t *at) {
    for (bool inside = false; *at < n; ++*at) {
        char c = text[*at];
        if (inside && c == '\\')
            ++*at;
        else if (c == '"')
            inside = !inside;
        else if (!inside && c != '\0')
            return c;
    }
    return '\0';
}

int64_t json_find_minus(const char *text, size_t n) {
    size_t at = 0;
    for (char c; (c = next_outside(text, n, &at)) != '\0'; at++)
        if (c == '-') return (int64_t)at;
    return -1;
}

/* What is too much about it, NULL if nothing is. */
static const char *measure(const char *text, size_t n, size_t *at) {
    int depth = 0, lists = 0, keys = 0, values = 1;
    for (char c; (c = next_outside(text, n, at)) != '\0'; ++*at) {
        if (c == '{' || c == '[') depth++, lists++, values++;
        if (c == '}' || c == ']') depth--;
        values += c == ',', keys += c == ':';
        if (depth > JSON_MAX_DEPTH) return "nesting deeper than 32";
        if (lists > JSON_MAX_LISTS) return "more than 200000 objects and lists";
        if (keys > JSON_MAX_KEYS) return "more than 330000 keys";
        if (values > JSON_MAX_VALUES) return "more than 1048576 values";
    }
    return NULL;
}

json_t *json_read(const char *text, size_t n, json_trouble *t) {
    json_error_t e;
    *t = (json_trouble){0};
    const char *why = measure(text, n, &t->at);
    if (why != NULL) {
        snprintf(t->why, sizeof t->why, "%s", why);
        return NULL;
    }
    json_t *root = json_loadb(text, n, JSON_REJECT_DUPLICATES, &e);
    if (root == NULL) {
        snprintf(t->why, sizeof t->why, "%s", e.text);
        t->at = (size_t)e.position;
        t->too_large = json_error_code(&e) == json_error_numeric_overflow;
    }
    return root;
}

/* ---- reading an object whose keys are all known ---- */

json_fields json_fields_of(const json_t *o) {
    json_fields f = {.o = o};
    if (!json_is_object(o)) snprintf(f.why, sizeof f.why, "it is no object");
    return f;
}

/* The value of the key if nothing was wrong so far. */
static const json_t *take(json_fields *f, const char *key) {
    if (*f->why != '\0') return NULL;
    const json_t *v = json_object_get(f->o, key);
    if (v == NULL) snprintf(f->why, sizeof f->why, "'%s' is missing", key);
    f->taken += v != NULL;
    return v;
}

static void refuse(json_fields *f, const char *key, const char *what) {
    snprintf(f->why, sizeof f->why, "'%s' must be %s", key, what);
}

int64_t json_take_int(json_fields *f, const char *key, int64_t lo, int64_t hi) {
    const json_t *v = take(f, key);
    if (v == NULL) return 0;
    int64_t i = json_integer_value(v);
    if (json_is_integer(v) && i >= lo && i <= hi) return i;
    snprintf(f->why, sizeof f->why, "'%s' must be an integer in [%" PRId64 ", %" PRId64 "]", key,
             lo, hi);
    return 0;
}

double json_take_real(json_fields *f, const char *key) {
    const json_t *v = take(f, key);
    if (v == NULL) return 0;
    double r = json_number_value(v);
    if (json_is_number(v) && isfinite(r)) return r;
    refuse(f, key, "a number");
    return 0;
}

bool json_take_bool(json_fields *f, const char *key) {
    const json_t *v = take(f, key);
    if (v != NULL && !json_is_boolean(v)) refuse(f, key, "true or false");
    return v != NULL && json_is_true(v);
}

const char *json_take_text(json_fields *f, const char *key) {
    const json_t *v = take(f, key);
    if (v != NULL && !json_is_string(v)) refuse(f, key, "a text");
    return v != NULL ? json_string_value(v) : NULL;
}

const json_t *json_take_object(json_fields *f, const char *key) {
    const json_t *v = take(f, key);
    if (v != NULL && !json_is_object(v)) refuse(f, key, "an object");
    return json_is_object(v) ? v : NULL;
}

const json_t *json_take_array(json_fields *f, const char *key) {
    const json_t *v = take(f, key);
    if (v != NULL && !json_is_array(v)) refuse(f, key, "a list");
    return json_is_array(v) ? v : NULL;
}

int json_take_choice(json_fields *f, const char *key, const char *const *choices) {
    const char *text = json_take_text(f, key);
    for (int i = 0; text != NULL && choices[i] != NULL; i++)
        if (strcmp(text, choices[i]) == 0) return i;
    if (text != NULL) snprintf(f->why, sizeof f->why, "'%s' has an unknown value", key);
    return 0;
}

bool json_fields_end(json_fields *f) {
    if (*f->why != '\0') return false;
    if (f->taken == json_object_size(f->o)) return true;
    snprintf(f->why, sizeof f->why, "it has a key that this version does not know");
    return false;
}
