/*
 * What stands in a GGUF file beside its tensors, and the numbers of its types.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "io/gguf.h"
#include "util/cursor.h"
#include "util/float_bits.h"
#include "util/mem.h"

static const struct {
    const char *name;
    int bytes;
} types[GGUF_TYPES] = {
    [GGUF_U8] = {"u8", 1},       [GGUF_I8] = {"i8", 1},     [GGUF_U16] = {"u16", 2},
    [GGUF_I16] = {"i16", 2},     [GGUF_U32] = {"u32", 4},   [GGUF_I32] = {"i32", 4},
    [GGUF_F32] = {"f32", 4},     [GGUF_BOOL] = {"bool", 1}, [GGUF_STRING] = {"string", 0},
    [GGUF_ARRAY] = {"array", 0}, [GGUF_U64] = {"u64", 8},   [GGUF_I64] = {"i64", 8},
    [GGUF_F64] = {"f64", 8},
};

const char *gguf_type_name(uint32_t type) { return types[type].name; }

int gguf_scalar_bytes(uint32_t type) { return type < GGUF_TYPES ? types[type].bytes : 0; }

/* ---- types of tensors, by the file's number; those left out were removed from it ---- */

static const struct {
    uint8_t id;
    uint8_t type;
} tensor_types[] = {
    {0, DTYPE_F32},      {1, DTYPE_F16},     {2, DTYPE_Q4_0},     {3, DTYPE_Q4_1},
    {6, DTYPE_Q5_0},     {7, DTYPE_Q5_1},    {8, DTYPE_Q8_0},     {9, DTYPE_Q8_1},
    {10, DTYPE_Q2_K},    {11, DTYPE_Q3_K},   {12, DTYPE_Q4_K},    {13, DTYPE_Q5_K},
    {14, DTYPE_Q6_K},    {15, DTYPE_Q8_K},   {16, DTYPE_IQ2_XXS}, {17, DTYPE_IQ2_XS},
    {18, DTYPE_IQ3_XXS}, {19, DTYPE_IQ1_S},  {20, DTYPE_IQ4_NL},  {21, DTYPE_IQ3_S},
    {22, DTYPE_IQ2_S},   {23, DTYPE_IQ4_XS}, {24, DTYPE_I8},      {25, DTYPE_I16},
    {26, DTYPE_I32},     {27, DTYPE_I64},    {28, DTYPE_F64},     {29, DTYPE_IQ1_M},
    {30, DTYPE_BF16},    {34, DTYPE_TQ1_0},  {35, DTYPE_TQ2_0},   {39, DTYPE_MXFP4},
    {40, DTYPE_NVFP4},   {41, DTYPE_Q1_0},   {42, DTYPE_Q2_0},
};
enum { N_TENSOR_TYPES = sizeof tensor_types / sizeof *tensor_types };

bool gguf_find_dtype(uint32_t id, dtype *t) {
    for (int i = 0; i < N_TENSOR_TYPES; i++)
        if (tensor_types[i].id == id) return *t = (dtype)tensor_types[i].type, true;
    return false;
}

static int find_id(dtype t) {
    for (int i = 0; i < N_TENSOR_TYPES; i++)
        if (tensor_types[i].type == t) return tensor_types[i].id;
    return -1;
}

bool gguf_has_type(dtype t) { return find_id(t) >= 0; }

uint32_t gguf_dtype_id(dtype t) {
    assert(gguf_has_type(t));
    return (uint32_t)find_id(t);
}

/* ---- values ---- */

void gguf_values_free(gguf_value *values, int n) {
    for (int i = 0; i < n; i++) free(values[i].key);
    free(values);
}

int64_t gguf_alignment(const gguf_value *values, int n) {
    for (int i = 0; i < n; i++) {
        if (strcmp(values[i].key, "general.alignment") != 0) continue;
        if (values[i].type != GGUF_U32) return 0;
        cursor c = cursor_of(values[i].data, (size_t)values[i].n_bytes);
        uint32_t a = cursor_u32le(&c);
        return a <= GGUF_ALIGNMENT_MOST && (a & (a - 1)) == 0 ? a : 0;
    }
    return GGUF_ALIGNMENT;
}

void gguf_value_type(const gguf_value *v, strbuf *b) {
    strbuf_add(b, types[v->type].name);
    if (v->type != GGUF_ARRAY) return;
    cursor c = cursor_of(v->data, (size_t)v->n_bytes);
    strbuf_addf(b, " of %s", types[cursor_u32le(&c)].name);
}

/* What the numbers are elsewhere; those of 64 bits without a sign are no numbers of JSON. */
static const uint8_t as[GGUF_TYPES] = {
    [GGUF_U8] = DTYPE_U8,   [GGUF_I8] = DTYPE_I8,   [GGUF_U16] = DTYPE_U16,
    [GGUF_I16] = DTYPE_I16, [GGUF_U32] = DTYPE_U32, [GGUF_I32] = DTYPE_I32,
    [GGUF_I64] = DTYPE_I64, [GGUF_F32] = DTYPE_F32, [GGUF_F64] = DTYPE_F64};

static bool is_integer(uint32_t type) { return as[type] != DTYPE_BOOL && !dtype_is_real(as[type]); }

static json_t *scalar_json(uint32_t type, cursor *c) {
    if (type == GGUF_BOOL) return json_boolean(cursor_u8(c));
    if (type == GGUF_U64) return json_of_seed(cursor_u64le(c));
    const uint8_t *at = cursor_take(c, (size_t)types[type].bytes);
    if (is_integer(type)) return json_integer((int64_t)dtype_integer(as[type], at, 0, false));
    return json_of_real(dtype_value(as[type], at, 0, false));
}

static json_t *text_json(cursor *c) {
    uint64_t n = cursor_u64le(c);
    char *text = mem_strndup((const char *)cursor_take(c, n), n);
    json_t *v = json_of_str(text);
    free(text);
    return v;
}

static json_t *single_json(uint32_t type, cursor *c) {
    return type == GGUF_STRING ? text_json(c) : scalar_json(type, c);
}

json_t *gguf_value_json(const gguf_value *v) {
    cursor c = cursor_of(v->data, (size_t)v->n_bytes);
    assert(v->type != GGUF_ARRAY);
    return single_json(v->type, &c);
}

/* What arrays have by the million, at a tenth of the time of Jansson. */
static void print_integer(dtype t, const uint8_t *at, FILE *out) {
    char text[24], *s = text + sizeof text;
    uint64_t bits = dtype_integer(t, at, 0, false);
    bool negative = dtype_is_signed(t) && (int64_t)bits < 0;
    if (negative) bits = -bits;
    do *--s = (char)('0' + bits % 10);
    while ((bits /= 10) > 0);
    if (negative) *--s = '-';
    fwrite_unlocked(s, 1, (size_t)(text + sizeof text - s), out);
}

/* Recursion ends: reading has checked how deep arrays go. */
static void print_value(uint32_t type, cursor *c, FILE *out) {
    if (type == GGUF_ARRAY) {
        uint32_t of = cursor_u32le(c);
        uint64_t n = cursor_u64le(c);
        for (uint64_t i = 0; i < n; i++) {
            putc_unlocked(i == 0 ? '[' : ',', out);
            print_value(of, c, out);
        }
        fputs(n == 0 ? "[]" : "]", out);
    } else if (type == GGUF_BOOL) {
        fputs_unlocked(cursor_u8(c) ? "true" : "false", out);
    } else if (is_integer(type)) {
        print_integer(as[type], cursor_take(c, (size_t)types[type].bytes), out);
    } else {
        json_print(single_json(type, c), out);
    }
}

void gguf_value_print(const gguf_value *v, FILE *out) {
    cursor c = cursor_of(v->data, (size_t)v->n_bytes);
    print_value(v->type, &c, out);
}
