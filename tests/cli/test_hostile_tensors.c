/*
 * safetensors and GGUF files that lie: rows E and F of the catalogue.
 */
#include "cli/hostile.h"

static const char zeros[4096];

/* ---- safetensors ---- */

static void st(const char *row, const char *header, size_t data, const char *says) {
    strbuf b = {0};
    safetensors_file(&b, header, zeros, data);
    refused_tensors(row, "t.safetensors", &b, says);
}

static void length_of(const char *row, uint64_t length, const char *says) {
    strbuf b = {0};
    put_le(&b, length, 8);
    strbuf_add(&b, "{}");
    refused_tensors(row, "t.safetensors", &b, says);
}

#define T(name, shape, from, to)                                                                   \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" from "," to "]}"
#define ONE(shape, from, to) "{" T("w", shape, from, to) "}"

Test(hostile_safetensors, headers_of_the_wrong_length, .init = setup, .fini = teardown) {
    for (size_t n = 0; n < 8; n++) {
        strbuf b = {0};
        strbuf_addn(&b, "\2\0\0\0\0\0\0\0", n);
        refused_tensors("E01", "t.safetensors", &b, "fewer than 8 bytes");
    }
    length_of("E02", 0, "does not begin with '{' (byte 8; its length is 0)");
    length_of("E02", 1, "its length is 1");
    length_of("E03", UINT64_MAX, "larger than 16 MiB: 18446744073709551615 bytes");
    length_of("E03", (uint64_t)1 << 63, "larger than 16 MiB");
    length_of("E03", 100000001, "larger than 16 MiB");
    length_of("E04", 3, "the header has 3 bytes, 2 are left");
}

Test(hostile_safetensors, headers_that_are_not_the_object, .init = setup, .fini = teardown) {
    st("E05", "{\"\xff\":1}", 0, "not valid JSON");
    st("E05", "{]", 0, "not valid JSON");
    st("E05", "[1]", 0, "does not begin with '{'");
    st("E05", " {}", 0, "does not begin with '{'");
    st("E05", "{} x", 0, "not valid JSON");
    st("E05", "{\"w\":1}", 0, "tensor 'w': its entry is not an object");
    st("E06", "{" T("w", "[1]", "0", "4") "," T("w", "[1]", "4", "8") "}", 8,
       "duplicate object key");
    st("E07", "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
       "duplicate object key");
    st("E08", "{\"__metadata__\":{\"a\":1}}", 0, "__metadata__ must map strings to strings");
    st("E08", "{\"__metadata__\":{\"a\":{\"b\":\"c\"}}}", 0, "must map strings to strings");
    st("E08", "{\"__metadata__\":[]}", 0, "__metadata__ is not an object");
    st("E09", "{\"w\":{\"dtype\":\"F128\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
       "unknown dtype 'F128'");
    st("E09", "{\"w\":{\"dtype\":\"f32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
       "unknown dtype 'f32'");
    st("E09", "{\"w\":{\"dtype\":7,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "dtype is missing");
    st("E09", "{\"w\":{\"shape\":[1],\"data_offsets\":[0,4],\"x\":0}}", 4, "dtype is missing");
    st("E09", "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":0}}", 4,
       "other keys than dtype, shape, data_offsets");
    st("E19", "{\"a\\u0000b\":1}", 0, "not valid JSON");
    st("E19", "{\"\\ud800\":1}", 0, "not valid JSON");
}

Test(hostile_safetensors, shapes_and_offsets_that_lie, .init = setup, .fini = teardown) {
    st("E10", ONE("[-1]", "0", "4"), 4, "tensor 'w': shape[0]: a negative number (byte 37)");
    st("E10", ONE("[-0]", "0", "0"), 0, "tensor 'w': shape[0]: a negative number (byte 37)");
    st("E10", ONE("[1,-1]", "0", "4"), 4, "tensor 'w': shape[1]: a negative number");
    st("E10", ONE("[1.0]", "0", "4"), 4, "tensor 'w': bad dimension: shape[0] is no integer");
    st("E10", ONE("[2,\"1\"]", "0", "4"), 4, "shape[1] is no integer");
    st("E10", ONE("[1e3]", "0", "4"), 4, "shape[0] is no integer");
    st("E10", ONE("[01]", "0", "4"), 4, "tensor 'w': shape[0]: the header is not valid JSON");
    st("E10", ONE("[1,18446744073709551616]", "0", "4"), 4,
       "tensor 'w': shape[1]: a number that is too large");
    st("E10", ONE("4", "0", "4"), 4, "shape is missing or not a list");
    st("E10", ONE("[1,1,1,1,1,1,1,1,1]", "0", "4"), 4, "9 dimensions");
    st("E11", ONE("[4194305,4194305,211106198978564]", "0", "16"), 16, "overflows");
    st("E12", ONE("[1]", "4", "0"), 4, "tensor 'w': data_offsets [4, 0] end before they begin");
    st("E12", ONE("[1]", "-1", "4"), 4, "tensor 'w': data_offsets[0]: a negative number");
    st("E12", ONE("[1]", "0", "9223372036854775808"), 4,
       "tensor 'w': data_offsets[1]: a number that is too large");
    st("E12", "{" T("v", "[1]", "0", "4") "," T("\\\"w", "[1]", "4", "-8") "}", 8,
       "tensor '\\\"w': data_offsets[1]: a negative number");
    st("E12", ONE("[1]", "8", "12"), 4, "data_offsets [8, 12] lie outside the file");
    st("E12", ONE("[1]", "0", "9223372036854775807"), 4, "lie outside the file");
    st("E12", "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "not a pair");
    st("E12", "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,\"4\"]}}", 4,
       "not a pair");
    st("E13", "{" T("w", "[2]", "0", "8") "," T("v", "[2]", "4", "12") "}", 12,
       "tensor 'v': its data overlaps another tensor's, a stretch of 4 bytes");
    st("E14", "{" T("w", "[1]", "0", "4") "," T("v", "[1]", "20", "24") "}", 24,
       "tensor 'v': there is a gap in the data before it, of 16 bytes");
    st("E15", ONE("[1]", "0", "4"), 11, "there are bytes behind the last tensor: 7");
    st("E16", ONE("[2]", "0", "4"), 4,
       "data_offsets do not fit shape and dtype: 4 bytes, 8 are wanted");
}

Test(hostile_safetensors, tensors_without_values_are_fine, .init = setup, .fini = teardown) {
    strbuf b = {0};
    safetensors_file(&b, "{" T("w", "[0,3]", "0", "0") "," T("s", "[]", "0", "4") "}", zeros, 4);
    accepted_tensors("E17", "t.safetensors", &b);
    safetensors_file(&b,
                     "{" T("../a/b", "[1]", "0", "4") "," T("new\\nline\\u001b[2J", "[1]", "4",
                                                            "8") "}",
                     zeros, 8);
    accepted_tensors("E20", "t.safetensors", &b);
}

/* As many texts, or one too many of what is read. */
static void texts(int n, const char *says) {
    strbuf h = {0}, b = {0};
    strbuf_add(&h, "{\"__metadata__\":{");
    for (int i = 0; i < n; i++) strbuf_addf(&h, "%s\"%d\":\"%d\"", i > 0 ? "," : "", i, i);
    strbuf_add(&h, "}}");
    safetensors_file(&b, h.s, zeros, 0);
    strbuf_fini(&h);
    if (says == NULL)
        accepted_tensors("E18", "t.safetensors", &b);
    else
        refused_tensors("E18", "t.safetensors", &b, says);
}

Test(hostile_safetensors, texts_beyond_those_that_are_read, .init = setup, .fini = teardown) {
    texts(65536, NULL);
    texts(65537, "more than 65536 texts in __metadata__");
    texts(329999, "more than 65536 texts in __metadata__");
    texts(600000, "__metadata__: the header is not valid JSON: more than 330000 keys");
}

/* n entries of 12 bytes: far more objects than bytes of memory each would be worth. */
static void bomb(const char *row, int n, const char *entry, const char *says) {
    strbuf h = {0}, b = {0};
    strbuf_add(&h, "{");
    for (int i = 0; i < n; i++) {
        if (i > 0) strbuf_add(&h, ",");
        strbuf_addf(&h, "\"%d\":%s", i, entry);
    }
    strbuf_add(&h, "}");
    safetensors_file(&b, h.s, zeros, 0);
    strbuf_fini(&h);
    refused_tensors(row, "t.safetensors", &b, says);
}

Test(hostile_safetensors, as_many_tensors_as_are_read_take_little_time, .init = setup,
     .fini = teardown) {
    strbuf h = {0}, b = {0};
    strbuf_add(&h, "{");
    for (int i = 0; i < 65536; i++)
        strbuf_addf(&h, "%s\"%d\":{\"dtype\":\"F32\",\"shape\":[0,1],\"data_offsets\":[0,0]}",
                    i > 0 ? "," : "", i);
    strbuf_add(&h, ",\"__metadata__\":{");
    for (int i = 0; i < 65536; i++) strbuf_addf(&h, "%s\"%d\":\"\"", i > 0 ? "," : "", i);
    strbuf_add(&h, "}}");
    safetensors_file(&b, h.s, zeros, 0);
    strbuf_fini(&h);
    accepted_tensors("E18", "t.safetensors", &b);
}

Test(hostile_safetensors, bombs, .init = setup, .fini = teardown) {
    bomb("E18", 10000000 / 8, "{}", "header");
    bomb("E18", 1000000, "{}", "more than 200000 objects and lists");
    bomb("E18", 100000, "{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}", "more than");
    bomb("E18", 65537, "{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}",
         "more than 65536 tensors");
    bomb("E18", 1, "[[],[]]", "its entry is not an object");
    strbuf h = {0}, b = {0};
    strbuf_add(&h, "{\"w\":");
    for (int i = 0; i < 100000; i++) strbuf_add(&h, "[");
    safetensors_file(&b, h.s, zeros, 0);
    refused_tensors("E19", "t.safetensors", &b, "nesting deeper than 32");
    strbuf_fini(&h);
    strbuf_add(&h, "{\"");
    for (int i = 0; i < 100000; i++) strbuf_add(&h, "0123456789");
    strbuf_add(&h, "\":{}}");
    safetensors_file(&b, h.s, zeros, 0);
    strbuf_fini(&h);
    refused_tensors("E19", "t.safetensors", &b, "a tensor name is too long");
    strbuf_add(&h, "{\"w\":[0");
    for (int i = 0; i < 4000000; i++) strbuf_add(&h, ",0");
    strbuf_add(&h, "]}");
    safetensors_file(&b, h.s, zeros, 0);
    strbuf_fini(&h);
    refused_tensors("E18", "t.safetensors", &b, "more than 1048576 values");
}

Test(hostile_safetensors, values_that_are_no_numbers, .init = setup, .fini = teardown) {
    const char *types[] = {"F16", "BF16"};
    for (int i = 0; i < 2; i++) {
        char header[96];
        const uint16_t nan[] = {0, 0x7fc1};
        strbuf b = {0};
        snprintf(header, sizeof header,
                 "{\"w\":{\"dtype\":\"%s\",\"shape\":[2],\"data_offsets\":[0,4]}}", types[i]);
        safetensors_file(&b, header, nan, 4);
        refused_values("E23", "t.safetensors", &b, "tensor 'w': element 1 is NaN");
    }
}

/* ---- GGUF ---- */

static void put_text(strbuf *b, const char *text) {
    put_le(b, strlen(text), 8);
    strbuf_add(b, text);
}

static strbuf gguf_head(uint64_t tensors, uint64_t values) {
    strbuf b = {0};
    strbuf_add(&b, "GGUF");
    put_le(&b, 3, 4);
    put_le(&b, tensors, 8);
    put_le(&b, values, 8);
    return b;
}

/* Pads to 32 and appends `data` bytes. */
static void put_data(strbuf *b, size_t data) {
    strbuf_addn(b, zeros, (32 - b->len % 32) % 32);
    strbuf_addn(b, zeros, data);
}

static void gguf(const char *row, strbuf b, const char *says) {
    refused_tensors(row, "t.gguf", &b, says);
}

static void put_tensor(strbuf *b, const char *name, int dims, const uint64_t *ne, uint32_t type,
                       uint64_t offset) {
    put_text(b, name);
    put_le(b, (uint64_t)dims, 4);
    for (int i = 0; i < dims && i < 4; i++) put_le(b, ne[i], 8);
    put_le(b, type, 4);
    put_le(b, offset, 8);
}

static void one_tensor(const char *row, int dims, const uint64_t *ne, uint32_t type,
                       const char *says) {
    strbuf b = gguf_head(1, 0);
    put_tensor(&b, "w", dims, ne, type, 0);
    put_data(&b, 256);
    gguf(row, b, says);
}

Test(hostile_gguf, headers_that_lie, .init = setup, .fini = teardown) {
    strbuf b = gguf_head(1, 0);
    memcpy(b.s, "GGML", 4);
    gguf("F01", b, "not a GGUF file (bad magic): 'GGML'");
    b = gguf_head(1, 0), memcpy(b.s, "\x1b[2J", 4);
    gguf("F01", b, "'\\x1b[2J'");
    b = gguf_head(1, 0), b.len = 3;
    gguf("F01", b, "not a GGUF file");
    b = (strbuf){0};
    gguf("F01", b, "not a GGUF file");
    const char *versions[] = {"\0\0\0\0", "\1\0\0\0", "\4\0\0\0", "\0\0\0\3"};
    for (int i = 0; i < 4; i++) {
        b = gguf_head(1, 0), memcpy(b.s + 4, versions[i], 4);
        gguf("F02", b, i < 3 ? "known are 2 and 3" : "big-endian");
    }
    const uint64_t counts[] = {UINT64_MAX, (uint64_t)1 << 63, (uint64_t)1 << 60, 1000000000};
    for (int i = 0; i < 4; i++) {
        gguf("F03", gguf_head(counts[i], 0), "tensors, but only 0 bytes are left");
        gguf("F04", gguf_head(0, counts[i]), "metadata values, but only 0 bytes are left");
    }
    gguf("F30", gguf_head(0, 0), "it has no tensors");
}

/* A file whose only value has this key, this type and these bytes, then a sound tensor. */
static void value(const char *row, const char *key, uint64_t key_bytes, uint32_t type,
                  const void *data, size_t n, const char *says) {
    strbuf b = gguf_head(1, 1);
    put_le(&b, key_bytes, 8);
    strbuf_add(&b, key);
    put_le(&b, type, 4);
    strbuf_addn(&b, data, n);
    put_tensor(&b, "w", 1, &(uint64_t){4}, 0, 0);
    put_data(&b, 16);
    gguf(row, b, says);
}

Test(hostile_gguf, values_that_lie, .init = setup, .fini = teardown) {
    const uint64_t lengths[] = {UINT64_MAX, (uint64_t)1 << 63, 70000};
    for (int i = 0; i < 3; i++) value("F05", "k", lengths[i], 4, zeros, 4, "key length");
    value("F05", "k", 1000, 4, zeros, 4, "truncated");
    value("F06", "", 0, 4, zeros, 4, "its key is empty");
    value("F07", "k", 1, 13, zeros, 4, "metadata 'k': invalid type 13");
    value("F07", "k", 1, UINT32_MAX, zeros, 4, "invalid type 4294967295");
    strbuf deep = {0};
    for (int i = 0; i < 300; i++) put_le(&deep, 9, 4), put_le(&deep, 1, 8);
    value("F08", "k", 1, 9, deep.s, deep.len, "nested arrays deeper than 4");
    strbuf_fini(&deep);
    put_le(&deep, 6, 4), put_le(&deep, (uint64_t)1 << 62, 8);
    value("F09", "k", 1, 9, deep.s, deep.len, "an array of 4611686018427387904 values");
    strbuf_fini(&deep);
    put_le(&deep, 8, 4), put_le(&deep, 1, 8), put_le(&deep, UINT64_MAX, 8);
    value("F10", "k", 1, 9, deep.s, deep.len, "string length 18446744073709551615");
    strbuf_fini(&deep);
    value("F10", "k", 1, 7, "\2", 1, "a bool of value 2");
    const uint64_t alignments[] = {0, 3, 13, (uint64_t)1 << 31, 8192};
    for (int i = 0; i < 5; i++)
        value("F11", "general.alignment", 17, 4, &alignments[i], 4, "power of two up to 4096");
    value("F11", "general.alignment", 17, 5, "\40\0\0\0", 4, "of type u32");
    value("F31", "split.count", 11, 2, "\3\0", 2, "this is part 0 of 3");
    strbuf b = gguf_head(1, 2);
    for (int i = 0; i < 2; i++) put_text(&b, "twice"), put_le(&b, 4, 4), put_le(&b, 1, 4);
    put_tensor(&b, "w", 1, &(uint64_t){4}, 0, 0);
    put_data(&b, 16);
    gguf("F06", b, "metadata 'twice': the key is there twice");
    b = gguf_head(1, 1);
    put_le(&b, 3, 8), strbuf_addn(&b, "a\0b", 3), put_le(&b, 4, 4), put_le(&b, 1, 4);
    put_tensor(&b, "w", 1, &(uint64_t){4}, 0, 0);
    put_data(&b, 16);
    gguf("F06", b, "its key is not UTF-8 text");
}

/* The whole of a list is printed, and takes no more memory than the file. */
Test(hostile_gguf, long_lists_beside_the_tensors_are_printed_in_little_memory, .init = setup,
     .fini = teardown) {
    const struct {
        uint32_t type;
        uint64_t n, bytes;
        const char *ends;
    } lists[] = {{0, 8 << 20, 1, ",0,0,7]}"},
                 {8, 1 << 20, 8, ",\"\",\"\"]}"},
                 {9, 1 << 19, 12, ",[],[]]}"}};
    for (int i = 0; i < 3; i++) {
        strbuf b = gguf_head(1, 1);
        put_text(&b, "k"), put_le(&b, 9, 4), put_le(&b, lists[i].type, 4),
            put_le(&b, lists[i].n, 8);
        for (uint64_t k = 0; k < lists[i].n * lists[i].bytes; k += 4096)
            strbuf_addn(&b, zeros, sizeof zeros);
        if (i == 0) b.s[b.len - 1] = 7;
        put_tensor(&b, "w", 1, &(uint64_t){4}, 0, 0);
        put_data(&b, 16);
        put_file("t.gguf", &b);
        judge("long list", 0, "t.gguf", "", ARGS("inspect", "t.gguf", "--json"));
        char *out = expect(0, "$Q inspect t.gguf --json | head -1"), *end = strchr(out, '\n');
        cr_assert(end != NULL && strlen(out) > 2 * lists[i].n, "%zu", strlen(out));
        *end = '\0';
        cr_assert_str_eq(end - strlen(lists[i].ends), lists[i].ends);
        free(out);
    }
}

Test(hostile_gguf, tensors_that_lie, .init = setup, .fini = teardown) {
    const uint64_t ok[] = {4, 4, 4, 4}, minus[] = {4, UINT64_MAX}, wide[] = {INT64_MAX, 2},
                   stride[] = {4, ((uint64_t)1 << 42) + 1}, pad[] = {UINT64_MAX / 4},
                   most[] = {INT64_MAX / 16}, k100[] = {100},
                   poc[] = {4194305, 4194305, 211106198978564};
    one_tensor("F15", 0, ok, 0, "0 dimensions");
    one_tensor("F15", 5, ok, 0, "5 dimensions, known are 1 to 4");
    one_tensor("F15", -1, ok, 0, "4294967295 dimensions");
    one_tensor("F17", 2, minus, 0, "dimension 1 is -1");
    one_tensor("F18", 2, wide, 24, "element count overflows");
    one_tensor("F18", 3, poc, 0, "element count overflows");
    one_tensor("F19", 2, stride, 0, "bytes of data from byte");
    one_tensor("F20", 1, pad, 0, "element count overflows");
    one_tensor("F21", 1, most, 24, "bytes of data from byte");
    /* 31 to 33 and 36 to 38 were removed, 39 to 42 (MXFP4, NVFP4, Q1_0, Q2_0) are sized */
    const uint32_t types[] = {4, 5, 31, 33, 36, 38, 43, 1000, UINT32_MAX};
    for (int i = 0; i < 9; i++) {
        char says[48];
        snprintf(says, sizeof says, "tensor 'w': unknown tensor type %u", types[i]);
        one_tensor("F22", 1, ok, types[i], says);
    }
    one_tensor("F23", 1, k100, 12, "not a multiple of 256");
    one_tensor("F26", 1, (uint64_t[]){65}, 0, "260 bytes of data from byte 64 on, the file has");
    const uint64_t offsets[] = {4, 32, 64, UINT64_MAX - 31, (uint64_t)1 << 62};
    for (int i = 0; i < 5; i++) {
        strbuf b = gguf_head(1, 0);
        put_tensor(&b, "w", 1, ok, 0, offsets[i]);
        put_data(&b, 32);
        gguf("F24", b, "expected 0");
    }
    strbuf b = gguf_head(2, 0);
    put_tensor(&b, "v", 1, ok, 0, 0), put_tensor(&b, "w", 1, ok, 0, 0);
    put_data(&b, 64);
    gguf("F25", b, "it overlaps the tensor before it");
    b = gguf_head(2, 0);
    put_tensor(&b, "w", 1, ok, 0, 0), put_tensor(&b, "w", 1, ok, 0, 32);
    put_data(&b, 64);
    gguf("F14", b, "tensor 'w': the name is there twice");
    b = gguf_head(1, 0);
    put_tensor(&b, "", 1, ok, 0, 0), put_data(&b, 32);
    gguf("F14", b, "its name is empty");
    b = gguf_head(1, 0);
    put_tensor(&b, "0123456789012345678901234567890123456789012345678901234567890123", 1, ok, 0, 0);
    put_data(&b, 32);
    gguf("F14", b, "name length 64, at most 63");
}

/* A file of n tensors of one element, or of one with a text of so many bytes. */
static void put_many(int n, size_t text) {
    strbuf b = gguf_head((uint64_t)n, text > 0);
    if (text > 0) {
        char *long_text = calloc(1, text + 1);
        memset(long_text, 'x', text);
        put_text(&b, "k"), put_le(&b, 8, 4), put_text(&b, long_text);
        free(long_text);
    }
    for (int i = 0; i < n; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        put_tensor(&b, name, 1, &(uint64_t){1}, 0, (uint64_t)i * 32);
    }
    put_data(&b, 0);
    for (int i = 0; i < n; i++) put_data(&b, 4);
    put_file("t.gguf", &b);
}

static void not_written(const char *out, const char *says) {
    judge("E18", 4, out, says, (const char *const[]){"export", "t.gguf", "-o", out, NULL});
}

Test(hostile_gguf, what_would_not_be_read_again_is_not_written, .init = setup, .fini = teardown) {
    put_many(4097, 0);
    not_written("o.npz", "4097 tensors, an NPZ file has at most 4096");
    put_many(65537, 0);
    not_written("o.safetensors", "65537 tensors, a safetensors file has at most 65536");
    judge("E18", 4, "o.safetensors", "65537 tensors, a safetensors file has at most 65536",
          (const char *const[]){"quantize", "t.gguf", "--scheme", "int", "-o", "o.safetensors",
                                NULL});
    put_many(1, 17 << 20);
    free(expect(0, "$Q export t.gguf -o o.safetensors && $Q inspect o.safetensors")); /* without */
    put_many(4096, 0);
    free(expect(0, "$Q export t.gguf -o o.npz && $Q inspect o.npz"));
    strbuf b = {0};
    safetensors_file(&b, "{\"__metadata__\":{\"\":\"x\"}," T("w", "[1]", "0", "4") "}", zeros, 4);
    put_file("t.safetensors", &b);
    judge("F06", 4, "o.gguf", "a key of 0 bytes, the format has 1 to 65535",
          (const char *const[]){"export", "t.safetensors", "-o", "o.gguf", NULL});
}

Test(hostile_gguf, blocks_without_a_number, .init = setup, .fini = teardown) {
    strbuf b = gguf_head(1, 0);
    put_tensor(&b, "w", 1, (uint64_t[]){32}, 2, 0);
    put_data(&b, 32);
    memcpy(b.s + b.len - 32, "\x00\x7e\x99", 3); /* Q4_0 with the scale NaN */
    refused_values("F29", "t.gguf", &b, "tensor 'w': element 0 is NaN");
    b = gguf_head(1, 0);
    put_tensor(&b, "w", 1, (uint64_t[]){0}, 0, 0);
    put_data(&b, 0);
    accepted_tensors("F16", "t.gguf", &b);
}
