/*
 * GGUF's values as JSON, with their types, and back.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "io/gguf.h"
#include "util/cursor.h"
#include "util/mem.h"

#define ARRAY_OF "array of "

/* ---- types ---- */

static json_t *array_type(cursor *c);

/* Goes past a value. */
static json_t *type_of(uint32_t type, cursor *c) {
    if (type == GGUF_ARRAY) return array_type(c);
    if (type == GGUF_STRING)
        cursor_take(c, cursor_u64le(c));
    else
        cursor_take(c, (size_t)gguf_scalar_bytes(type));
    return json_string(gguf_type_name(type));
}

/* Recursion ends: reading has checked how deep arrays go. */
static json_t *array_type(cursor *c) {
    uint32_t of = cursor_u32le(c);
    uint64_t n = cursor_u64le(c);
    json_t *list = of == GGUF_ARRAY ? json_array() : NULL;
    for (uint64_t i = 0; i < n; i++) {
        json_t *each = type_of(of, c);
        if (list != NULL)
            json_array_append_new(list, each);
        else
            json_decref(each);
    }
    return list != NULL ? list : json_sprintf(ARRAY_OF "%s", gguf_type_name(of));
}

json_t *gguf_type_json(const gguf_value *v) {
    cursor c = cursor_of(v->data, (size_t)v->n_bytes);
    return type_of(v->type, &c);
}

/* No array; GGUF_TYPES: none. */
static uint32_t find_type(const char *name) {
    uint32_t t = 0;
    while (t < GGUF_TYPES && (t == GGUF_ARRAY || strcmp(gguf_type_name(t), name) != 0)) t++;
    return t;
}

/* ---- values ---- */

static bool add_whole(strbuf *b, uint32_t type, const json_t *v) {
    int bits = 8 * gguf_scalar_bytes(type);
    bool negative = type == GGUF_I8 || type == GGUF_I16 || type == GGUF_I32 || type == GGUF_I64;
    uint64_t large = 0;
    if (type == GGUF_U64 && json_is_string(v)) { /* json_of_seed() */
        if (!str_to_uint(json_string_value(v), &large)) return false;
        gguf_add_int(b, large, 8);
        return true;
    }
    int64_t i = json_integer_value(v);
    int64_t most = type == GGUF_U64 || bits == 64
                       ? INT64_MAX
                       : ((int64_t)1 << (negative ? bits - 1 : bits)) - 1;
    if (!json_is_integer(v) || i > most || i < (negative ? -most - 1 : 0)) return false;
    gguf_add_int(b, (uint64_t)i, bits / 8);
    return true;
}

static bool add_real(strbuf *b, uint32_t type, const json_t *v) {
    double x = json_number_value(v);
    if (!json_is_number(v) || !isfinite(x)) return false;
    if (type == GGUF_F64) {
        strbuf_addn(b, (const char *)&x, sizeof x);
        return true;
    }
    float y = fabs(x) <= (double)FLT_MAX ? (float)x : 0;
    strbuf_addn(b, (const char *)&y, sizeof y);
    return fabs(x) <= (double)FLT_MAX;
}

static bool add_scalar(strbuf *b, uint32_t type, const json_t *v) {
    if (type == GGUF_STRING) {
        gguf_add_int(b, json_string_length(v), 8);
        strbuf_addn(b, json_is_string(v) ? json_string_value(v) : "", json_string_length(v));
        return json_is_string(v);
    }
    if (type == GGUF_BOOL) {
        gguf_add_int(b, json_is_true(v), 1);
        return json_is_boolean(v);
    }
    return type == GGUF_F32 || type == GGUF_F64 ? add_real(b, type, v) : add_whole(b, type, v);
}

static bool add_array(strbuf *b, const json_t *type, const json_t *v, int depth) {
    size_t n = json_array_size(v);
    const char *name = json_string_value(type);
    bool fits = json_is_array(v), nested = json_is_array(type);
    if (nested && (json_array_size(type) != n || depth == GGUF_ARRAY_DEPTH)) return false;
    if (!nested && strncmp(name, ARRAY_OF, strlen(ARRAY_OF)) != 0) return false;
    uint32_t of = nested ? GGUF_ARRAY : find_type(name + strlen(ARRAY_OF));
    fits &= of < GGUF_TYPES;
    gguf_add_int(b, of, 4);
    gguf_add_int(b, n, 8);
    for (size_t i = 0; i < n && fits; i++) {
        const json_t *each = nested ? json_array_get(type, i) : NULL, *x = json_array_get(v, i);
        fits = !nested                                       ? add_scalar(b, of, x)
               : json_is_array(each) || json_is_string(each) ? add_array(b, each, x, depth + 1)
                                                             : false;
    }
    return fits;
}

bool gguf_value_of_json(char *key, const json_t *type, const json_t *v, gguf_value *out) {
    strbuf b = {0};
    if (!json_is_string(type) && !json_is_array(type)) return false;
    uint32_t scalar = json_is_string(type) ? find_type(json_string_value(type)) : GGUF_TYPES;
    bool is_array = scalar == GGUF_TYPES;
    if (!(is_array ? add_array(&b, type, v, 1) : add_scalar(&b, scalar, v))) {
        strbuf_fini(&b);
        return false;
    }
    *out = (gguf_value){.key = key,
                        .type = is_array ? GGUF_ARRAY : scalar,
                        .data = (const uint8_t *)b.s,
                        .n_bytes = (int64_t)b.len};
    return true;
}
