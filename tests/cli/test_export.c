/*
 * Tensors from one format to another, and .gguf files where the others go.
 */
#include "cli/command.h"
#include "support/formats.h"

#include "io/gguf.h"
#include "io/npy.h"
#include "io/safetensors.h"
#include "util/files.h"
#include "util/half.h"
#include "util/hash.h"
#include "util/mem.h"
#include "util/str.h"

/* ---- helpers ---- */

enum { ROWS = 4, COLS = 512 };

/* t.safetensors: a matrix, its biases, a matrix with short rows, and a text. */
static void make_tensors(float largest) {
    static float w[ROWS * COLS], s[ROWS * 10];
    float b[COLS];
    named_text text = {"author", "someone"};
    named_tensor t[] = {
        {.name = "fc.weight", .type = DTYPE_F32, .n_dims = 2, .shape = {ROWS, COLS}, .data = w},
        {.name = "fc.bias", .type = DTYPE_F32, .n_dims = 1, .shape = {COLS}, .data = b},
        {.name = "short", .type = DTYPE_F32, .n_dims = 2, .shape = {ROWS, 10}, .data = s}};
    char *path = in_dir("t.safetensors"), hex[HASH_HEX];
    int64_t bytes;
    diags d;
    diags_init(&d);
    fill_gauss(1, w, ROWS * COLS, 0.1f);
    fill_gauss(2, b, COLS, 1);
    fill_gauss(3, s, ROWS * 10, 1);
    w[7] = largest;
    cr_assert(safetensors_write_tensors(path, t, 3, &text, 1, &d, hex, &bytes) == OK);
    free(path);
    diags_fini(&d);
}

/* The largest difference of two tensors of one shape. */
static double difference(const tensor_entry *a, const tensor_entry *b) {
    double most = 0;
    cr_assert(a != NULL && b != NULL && a->n == b->n && a->shape[0] == b->shape[0]);
    for (int64_t i = 0; i < a->n; i++)
        most = fmax(most, fabs(tensor_entry_value(a, i) - tensor_entry_value(b, i)));
    return most;
}

/* ---- formats ---- */

Test(export, float32_tensors_pass_through_every_format_unchanged, .init = setup, .fini = teardown) {
    make_tensors(0);
    free(expect(0, "$Q export t.safetensors -o t.gguf && $Q export t.gguf -o g.safetensors"));
    cr_assert(same_files("t.safetensors", "g.safetensors"), "the text goes along");
    free(expect(0, "$Q export t.safetensors -o t.npz && $Q export t.npz -o z.gguf"
                   " && $Q export z.gguf -o z.npz"));
    cr_assert(same_files("t.npz", "z.npz"));
    free(expect(0, "$Q export t.npz --tensor short -o short.npy"
                   " && $Q export short.npy -o short.bin --format gguf"
                   " && mv short.bin short.gguf"));
    tensor_file t = open_tensors("t.safetensors");
    const char *const files[] = {"t.gguf", "t.npz", "z.gguf", "short.npy", "short.gguf"};
    for (int i = 0; i < 5; i++) {
        tensor_file f = open_tensors(files[i]);
        cr_assert(f.n == (i < 3 ? 3 : 1));
        for (int k = 0; k < f.n; k++) {
            const tensor_entry *e = tensor_file_find(&t, f.tensors[k].name);
            cr_assert(f.tensors[k].n_dims == e->n_dims && f.tensors[k].type == DTYPE_F32);
            cr_assert(difference(&f.tensors[k], e) == 0);
        }
        tensor_file_close(&f);
    }
    tensor_file_close(&t);
}

Test(export, csv_has_a_line_for_each_row_and_numbers_that_read_back, .init = setup,
     .fini = teardown) {
    make_tensors(0);
    free(expect(0, "$Q export t.safetensors --tensor short -o s.csv"));
    char *text = read_file("s.csv"), *at = text;
    tensor_file t = open_tensors("t.safetensors");
    const tensor_entry *e = tensor_file_find(&t, "short");
    for (int i = 0; i < ROWS * 10; i++) {
        cr_assert(strtof(at, &at) == (float)tensor_entry_value(e, i));
        cr_assert(*at++ == (i % 10 == 9 ? '\n' : ','));
    }
    cr_assert(*at == '\0');
    tensor_file_close(&t);
    free(text);
}

Test(export, csv_has_every_digit_of_an_integer, .init = setup, .fini = teardown) {
    static const struct {
        dtype type;
        uint64_t v[3];
        const char *text;
    } integers[] = {{DTYPE_I64,
                     {(uint64_t)INT64_MIN, INT64_MAX, ((uint64_t)1 << 53) + 1},
                     "-9223372036854775808,9223372036854775807,9007199254740993\n"},
                    {DTYPE_U64,
                     {UINT64_MAX, ((uint64_t)1 << 63) + 1, 100000},
                     "18446744073709551615,9223372036854775809,100000\n"},
                    {DTYPE_I32,
                     {(uint32_t)INT32_MIN, 100000, UINT32_MAX},
                     "-2147483648,100000,-1\n"},
                    {DTYPE_U32, {UINT32_MAX, 100000, 0}, "4294967295,100000,0\n"},
                    {DTYPE_I16, {0x8000, 0x7fff, 0xffff}, "-32768,32767,-1\n"},
                    {DTYPE_U16, {0x8000, 0x7fff, 0xffff}, "32768,32767,65535\n"},
                    {DTYPE_I8, {0x80, 0x7f, 0xff}, "-128,127,-1\n"},
                    {DTYPE_U8, {0x80, 0x7f, 0xff}, "128,127,255\n"},
                    {DTYPE_BOOL, {0, 1, 1}, "0,1,1\n"}};
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        uint8_t bytes[24];
        int each = dtype_bytes(integers[i].type);
        char *path = in_dir("i.npy");
        diags d;
        diags_init(&d);
        for (int k = 0; k < 3; k++) memcpy(bytes + k * each, &integers[i].v[k], (size_t)each);
        cr_assert(npy_write(path, integers[i].type, (int64_t[]){3}, 1, bytes, &d) == OK);
        free(expect(0, "$Q export i.npy -o i.csv"));
        char *text = read_file("i.csv");
        cr_assert_str_eq(text, integers[i].text);
        diags_fini(&d);
        free(text);
        free(path);
    }
}

Test(export, types_are_kept_where_the_format_has_them, .init = setup, .fini = teardown) {
    make_tensors(0);
    free(expect(0,
                "$Q export t.safetensors -o h.gguf --type BF16 && $Q export h.gguf -o h.safetensors"
                " && $Q export h.gguf -o h.npz"));
    tensor_file s = open_tensors("h.safetensors"), z = open_tensors("h.npz"),
                g = open_tensors("h.gguf");
    for (int i = 0; i < 3; i++) {
        const char *name = g.tensors[i].name;
        cr_assert(g.tensors[i].type == DTYPE_BF16);
        cr_assert(tensor_file_find(&s, name)->type == DTYPE_BF16);
        cr_assert(tensor_file_find(&z, name)->type == DTYPE_F32);
        cr_assert(difference(&g.tensors[i], tensor_file_find(&z, name)) == 0);
    }
    tensor_file_close(&s), tensor_file_close(&z), tensor_file_close(&g);
}

Test(export, each_tensor_is_listed_with_its_own_type_in_the_order_of_the_source, .init = setup,
     .fini = teardown) {
    static const char *const outs[] = {"o.safetensors", "o.gguf", "o.npz"};
    strbuf b = {0};
    const char header[] = "{\"z\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                          "\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[4,6]},"
                          "\"m\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[6,10]}}";
    safetensors_file(&b, header, "\0\0\x80\x3f\0\x3c\3\0\0\0", 10);
    char *path = in_dir("zam.safetensors");
    write_bytes(path, b.s, b.len);
    for (int i = 0; i < 3; i++) {
        char *out = expect(0, "$Q export zam.safetensors -o %s --json", outs[i]);
        for (int k = 0; k < 3; k++) {
            json_t *o = json_line(out, k);
            const char *type = k == 0 ? "F32" : k == 1 ? "F16" : "I32";
            cr_assert(text_of(o, "tensor")[0] == "zam"[k], "%s: %s", outs[i], out);
            cr_assert_str_eq(text_of(o, "from"), type);
            cr_assert_str_eq(text_of(o, "dtype"), type);
            json_decref(o);
        }
        free(out);
    }
    strbuf_fini(&b);
    free(path);
}

Test(export, integers_stay_integers_or_are_refused, .init = setup, .fini = teardown) {
    make_tensors(0);
    free(expect(0, "$Q quantize t.safetensors --tensor short --scheme int --codes c.npy -q"));
    free(expect(0,
                "$Q export c.npy -o c.safetensors --type F16 && $Q export c.safetensors -o c2.npz"
                " && $Q export c2.npz -o c3.safetensors"));
    tensor_file f = open_tensors("c.safetensors");
    cr_assert(f.tensors[0].type == DTYPE_U8);
    tensor_file_close(&f);
    cr_assert(same_files("c.safetensors", "c3.safetensors"));
    refused(4, "'c' has the type U8, which gguf files do not have", "$Q export c.npy -o c.gguf");
}

/* ---- metadata ---- */

/* The bytes of a value, by a format: 1, 2, 4, 8 an integer of so many bytes, s a string. */
static void put_value(strbuf *b, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    for (; *format != '\0'; format++) {
        if (*format != 's') {
            put_le(b, va_arg(ap, uint64_t), *format - '0');
            continue;
        }
        const char *text = va_arg(ap, const char *);
        put_le(b, strlen(text), 8);
        strbuf_add(b, text);
    }
    va_end(ap);
}

#define U(x) ((uint64_t)(x))
enum { N_VALUES = 20, LEFT_OUT = 3 };

/* m.gguf: a value of every type; the last LEFT_OUT have no text. */
static void make_metadata(int n) {
    static const char *const keys[N_VALUES] = {"general.architecture",
                                               "general.alignment",
                                               "u8",
                                               "i8",
                                               "u16",
                                               "i16",
                                               "u32",
                                               "i32",
                                               "f32",
                                               "bool",
                                               "empty",
                                               "u64",
                                               "i64",
                                               "f64",
                                               "numbers",
                                               "words",
                                               "lists",
                                               "infinite",
                                               "nul",
                                               "gguf.types"};
    static const uint32_t types[N_VALUES] = {8, 4,  0,  1,  2, 3, 4, 5, 6, 7,
                                             8, 10, 11, 12, 9, 9, 9, 6, 8, 8};
    strbuf b[N_VALUES] = {{0}};
    gguf_value values[N_VALUES];
    float x[64] = {1, -2};
    named_tensor t[] = {{.name = "x", .n_dims = 1, .shape = {64}, .type = DTYPE_F32, .data = x}};
    put_value(&b[0], "s", "a \"name\" \\ \xc3\xa9");
    put_value(&b[1], "4", U(64));
    put_value(&b[2], "1", U(200)), put_value(&b[3], "1", U(-5));
    put_value(&b[4], "2", U(65535)), put_value(&b[5], "2", U(-300));
    put_value(&b[6], "4", U(4000000000)), put_value(&b[7], "4", U(-7));
    put_value(&b[8], "4", U(0x3dcccccd)), put_value(&b[9], "1", U(1));
    put_value(&b[10], "s", "");
    put_value(&b[11], "8", UINT64_MAX), put_value(&b[12], "8", U(INT64_MIN));
    put_value(&b[13], "8", U(0x3fb999999999999a));
    put_value(&b[14], "48444", U(5), U(3), U(1), U(-2), U(3));
    put_value(&b[15], "48sss", U(8), U(3), "a", "b,\"c", "");
    put_value(&b[16], "484814848s", U(9), U(3), U(7), U(1), U(1), U(10), U(0), U(8), U(1), "x");
    put_value(&b[17], "4", U(0x7f800000));
    put_le(&b[18], 3, 8), strbuf_addn(&b[18], "a\0b", 3);
    put_value(&b[19], "s", "{}");
    for (int i = 0; i < n; i++)
        values[i] = (gguf_value){(char *)(uintptr_t)keys[i], types[i], (const uint8_t *)b[i].s,
                                 (int64_t)b[i].len};
    char *path = in_dir("m.gguf");
    int64_t bytes;
    diags d;
    diags_init(&d);
    cr_assert(gguf_write(path, t, 1, values, n, &d, &bytes) == OK);
    diags_fini(&d);
    free(path);
    for (int i = 0; i < N_VALUES; i++) strbuf_fini(&b[i]);
}

/* Has b the first n values of a, and no more? */
static void check_same_values(const char *a, const char *b, int n) {
    tensor_file f = open_tensors(a), g = open_tensors(b);
    cr_assert(g.n_values == n, "%d values", g.n_values);
    for (int i = 0, found = 0; i < n; i++, found = 0) {
        const gguf_value *v = &f.values[i];
        for (int k = 0; k < n; k++) {
            const gguf_value *w = &g.values[k];
            if (strcmp(v->key, w->key) != 0) continue;
            found++;
            cr_assert(v->type == w->type && v->n_bytes == w->n_bytes, "%s", v->key);
            cr_assert(memcmp(v->data, w->data, (size_t)v->n_bytes) == 0, "%s", v->key);
        }
        cr_assert(found == 1, "%s", v->key);
    }
    tensor_file_close(&f), tensor_file_close(&g);
}

Test(export, metadata_of_every_type_goes_through_safetensors_and_back, .init = setup,
     .fini = teardown) {
    make_metadata(N_VALUES - LEFT_OUT);
    char *out = expect_both(0, "$Q export m.gguf -o m.safetensors && $Q export m.safetensors -o "
                               "s.safetensors && $Q export s.safetensors -o m2.gguf");
    cr_assert(strstr(out, "warning") == NULL, "%s", out);
    free(out);
    check_same_values("m.gguf", "m2.gguf", N_VALUES - LEFT_OUT);
    tensor_file f = open_tensors("m.safetensors");
    cr_assert_str_eq(tensor_file_text(&f, "u32"), "4000000000");
    cr_assert_str_eq(tensor_file_text(&f, "words"), "[\"a\",\"b,\\\"c\",\"\"]");
    cr_assert(strstr(tensor_file_text(&f, "gguf.types"), "\"words\":\"array of string\"") != NULL);
    tensor_file_close(&f);
}

Test(export, metadata_that_safetensors_cannot_hold_is_named, .init = setup, .fini = teardown) {
    make_metadata(N_VALUES);
    char *out = expect_both(0, "$Q export m.gguf -o m.safetensors && $Q export m.safetensors -o "
                               "m2.gguf");
    cr_assert(strstr(out, "metadata left out: 'infinite', 'nul', 'gguf.types'") != NULL, "%s", out);
    free(out);
    check_same_values("m.gguf", "m2.gguf", N_VALUES - LEFT_OUT);
}

Test(export, the_longest_metadata_is_left_out_and_named_where_the_header_would_be_too_long,
     .init = setup, .fini = teardown) {
    const size_t n = (size_t)16 << 20;
    char *text = mem_calloc(1, n + 1), *path = in_dir("l.gguf");
    memset(text, 'x', n);
    gguf_value values[] = {gguf_text_value((char *)(uintptr_t) "short", "is kept"),
                           gguf_text_value((char *)(uintptr_t) "long", text)};
    float x = 1;
    named_tensor t = {.name = "x", .n_dims = 1, .shape = {1}, .type = DTYPE_F32, .data = &x};
    int64_t bytes;
    diags d;
    diags_init(&d);
    cr_assert(gguf_write(path, &t, 1, values, 2, &d, &bytes) == OK);
    char *out = expect_both(0, "$Q export l.gguf -o l.safetensors");
    cr_assert(strstr(out, "metadata left out: 'long'") != NULL && strstr(out, "16 MiB"), "%s", out);
    tensor_file f = open_tensors("l.safetensors");
    cr_assert(f.n_texts == 1);
    cr_assert_str_eq(tensor_file_text(&f, "short"), "is kept");
    tensor_file_close(&f);
    for (int i = 0; i < 2; i++) free((void *)(uintptr_t)values[i].data);
    diags_fini(&d);
    free(text), free(path), free(out);
}

Test(export, a_text_that_is_not_of_its_type_goes_along_as_a_string, .init = setup,
     .fini = teardown) {
    static const char *const types[] = {"{\\\"k\\\":\\\"u8\\\"}",
                                        "{\\\"k\\\":\\\"array of u8\\\"}",
                                        "{\\\"k\\\":\\\"f16\\\"}",
                                        "{\\\"k\\\":[7]}",
                                        "{\\\"k\\\":[\\\"u16\\\"]}",
                                        "{\\\"k\\\":7}",
                                        "[1]",
                                        "{"};
    for (int i = 0; i < 8; i++) {
        strbuf b = {0};
        char *header = str_format("{\"__metadata__\":{\"k\":\"[256]\",\"gguf.types\":\"%s\"},"
                                  "\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
                                  types[i]);
        char *path = in_dir("h.safetensors");
        safetensors_file(&b, header, "\0\0\x80\x3f", 4);
        write_bytes(path, b.s, b.len);
        char *out = expect_both(0, "$Q export h.safetensors -o h.gguf");
        cr_assert(strstr(out, "as strings") != NULL || strstr(out, "as a string") != NULL, "%s",
                  out);
        tensor_file f = open_tensors("h.gguf");
        cr_assert(f.n_values == 1 && f.values[0].type == GGUF_STRING && f.values[0].n_bytes == 13);
        tensor_file_close(&f);
        strbuf_fini(&b);
        free(header), free(path), free(out);
    }
}

/* ---- blocks ---- */

Test(export, whole_rows_of_blocks_of_matrices_are_quantized, .init = setup, .fini = teardown) {
    static const char *const types[] = {"Q8_0", "Q4_0", "TQ1_0", "TQ2_0"};
    static const int bytes[] = {34 * 64, 18 * 64, 54 * 8, 66 * 8};
    make_tensors(0);
    for (int i = 0; i < 4; i++) {
        char *out =
            expect(0, "$Q export t.safetensors -o %s.gguf --type %s --json", types[i], types[i]);
        for (int k = 0; k < 3; k++) {
            json_t *o = json_line(out, k);
            bool matrix = strcmp(text_of(o, "tensor"), "fc.weight") == 0;
            cr_assert_str_eq(text_of(o, "from"), "F32");
            cr_assert_str_eq(text_of(o, "dtype"), matrix ? types[i] : "F32");
            cr_assert(!matrix || real_of(o, "bytes") == bytes[i]);
            json_decref(o);
        }
        free(out);
        free(expect(0, "$Q export %s.gguf -o again.gguf", types[i]));
        char *name = str_format("%s.gguf", types[i]);
        cr_assert(same_files(name, "again.gguf"), "blocks are copied, not quantized again");
        free(name);
    }
    char *out = expect(0, "$Q export t.safetensors --tensor fc.bias --type Q4_0 -o b.gguf --json");
    cr_assert(strstr(out, "\"dtype\":\"Q4_0\"") != NULL, "a vector alone");
    free(out);
    refused(4, "no tensor has rows of whole blocks of Q8_0",
            "$Q export t.safetensors --tensor short --type Q8_0 -o s.gguf");
}

/* A ternary tensor has values -s, 0 and s: blocks keep them, s as binary16. */
static void check_ternary(const char *scheme, const char *settings, const char *type) {
    free(expect(0,
                "$Q quantize t.safetensors --tensor fc.weight --scheme %s %s -o p.safetensors -q"
                " && $Q export p.safetensors -o v.npy && $Q export p.safetensors --type %s"
                " -o q.gguf",
                scheme, settings, type));
    tensor_file v = open_tensors("v.npy"), q = open_tensors("q.gguf");
    cr_assert_str_eq(dtype_name(q.tensors[0].type), type);
    int zeros = 0;
    for (int64_t i = 0; i < ROWS * COLS; i++) {
        float x = (float)tensor_entry_value(&v.tensors[0], i);
        float s = half_to_float(half_from_float(fabsf(x)));
        zeros += x == 0;
        cr_assert(tensor_entry_value(&q.tensors[0], i) == (double)(x < 0 ? -s : s));
    }
    cr_assert(zeros > ROWS * COLS / 10 && zeros < ROWS * COLS / 2);
    tensor_file_close(&v), tensor_file_close(&q);
}

Test(export, packed_ternary_tensors_keep_their_values_but_for_the_scale_in_binary16, .init = setup,
     .fini = teardown) {
    static const char *const types[] = {"TQ1_0", "TQ2_0"};
    make_tensors(0);
    for (int i = 0; i < 2; i++) {
        check_ternary("bitnet158", "--set granularity=tensor", types[i]);
        check_ternary("ternary", "--set granularity=tensor", types[i]);
        check_ternary("ternary", "--set granularity=channel", types[i]);
    }
}

/* SMALL with what a packed model decodes to. */
#define FLOAT_WEIGHTS                                                                              \
    "version: 1\nkind: qat\nname: small\nseed: 1\n"                                                \
    "data: {train: {format: glyphs, n: 500}, test: {format: glyphs, n: 200}, batch: 96}\n"         \
    "model: {type: mlp, hidden: [48], bias: false, norm: rmsnorm}\n"                               \
    "quant: {activations: {scheme: int, round: stochastic}}\ntrain: {epochs: 2}\n"

Test(export, a_packed_model_becomes_weights_that_evaluate_alike, .init = setup, .fini = teardown) {
    write_file("s.yaml", SMALL);
    free(expect(0, "$Q run s.yaml --db r.db -q && cp runs/*/model.packed.safetensors p.safetensors"
                   " && cp runs/*/weights.safetensors w.safetensors"));
    char *out = expect(0, "$Q export p.safetensors -o p.gguf --json");
    cr_assert(strstr(out, "\"from\":\"bitnet158\",\"dtype\":\"F32\"") != NULL, "%s", out);
    free(out);
    free(expect(0, "$Q export w.safetensors -o w.gguf"));
    char *given = expect(0, "$Q eval w.safetensors --data s.yaml --json");
    char *same_weights = expect(0, "$Q eval w.gguf --data s.yaml --json");
    char *packed = expect(0, "$Q eval p.safetensors --data s.yaml --json");
    write_file("f.yaml", FLOAT_WEIGHTS);
    char *decoded = expect(0, "$Q eval p.gguf --data f.yaml --json");
    json_t *a = json_line(given, 0), *b = json_line(same_weights, 0);
    json_t *c = json_line(packed, 0), *e = json_line(decoded, 0);
    cr_assert_str_eq(text_of(a, "logits_sha256"), text_of(b, "logits_sha256"));
    /* not bit for bit: packed weights may be multiplied as integers */
    assert_near(real_of(c, "loss"), real_of(e, "loss"), 1e-4, 0);
    assert_near(real_of(c, "accuracy"), real_of(e, "accuracy"), 0, 2 / 200.0);
    json_decref(a), json_decref(b), json_decref(c), json_decref(e);
    free(given), free(same_weights), free(packed), free(decoded);
}

/* ---- .gguf where the other formats go ---- */

Test(gguf, quantize_tensors_and_networks_take_it, .init = setup, .fini = teardown) {
    make_tensors(0);
    free(expect(0, "$Q export t.safetensors -o t.gguf"));
    char *a = expect(0, "$Q quantize t.safetensors --scheme int --set bits=4 --tensor '*t' --json");
    char *b = expect(0, "$Q quantize t.gguf --scheme int --set bits=4 --tensor '*t' --json");
    cr_assert_str_eq(a, b);
    free(a), free(b);
    write_file("t.yaml", "version: 1\nkind: tensors\ndata: {source: {format: gguf, path: t.gguf, "
                         "match: fc.*}}\nquant: {weights: {scheme: int, bits: 4}}\n");
    a = expect(0, "$Q run t.yaml --db r.db");
    cr_assert(strstr(a, "fc.weight") != NULL, "%s", a);
    free(a);
    refused(3, "write `format: gguf`",
            "$Q check t.yaml --set data.source.format=npz --set data.source.path=t.gguf");
    write_file("s.yaml", SMALL);
    free(expect(0, "$Q run s.yaml --db m.db -q && $Q export runs/*/weights.safetensors -o w.gguf"));
    write_file("p.yaml",
               "version: 1\nkind: ptq\ndata: {test: {format: glyphs, n: 200}}\n"
               "model: {type: mlp, hidden: [48], bias: false, norm: rmsnorm, weights: w.gguf}\n"
               "quant: {weights: bitnet158}\n");
    free(expect(0, "$Q run p.yaml --db m.db -q"));
}

Test(gguf, inspect_shows_types_shapes_ranges_and_metadata, .init = setup, .fini = teardown) {
    make_tensors(1);
    free(expect(0, "$Q export t.safetensors -o t.gguf --type Q8_0"));
    char *out = expect(0, "$Q inspect t.gguf --json");
    json_t *text = json_line(out, 0), *version = json_line(out, 1), *w;
    cr_assert_str_eq(text_of(text, "metadata"), "author");
    cr_assert_str_eq(text_of(text, "value"), "someone");
    cr_assert_str_eq(text_of(version, "type"), "u32");
    cr_assert(real_of(version, "value") == 2);
    w = json_line(out, 3);
    cr_assert_str_eq(text_of(w, "tensor"), "fc.weight");
    cr_assert_str_eq(text_of(w, "dtype"), "Q8_0");
    cr_assert(json_integer_value(json_array_get(json_object_get(w, "shape"), 1)) == COLS);
    assert_near(real_of(w, "max"), 1, 0x1p-11, 0);
    json_decref(text), json_decref(version), json_decref(w);
    free(out);
    out = expect(0, "$Q inspect t.gguf");
    cr_assert(strstr(out, "(4, 512)") && strstr(out, "2 metadata values"), "%s", out);
    free(out);
}

/* ---- errors ---- */

Test(export, mistakes_have_the_right_exit_code_and_leave_no_file, .init = setup, .fini = teardown) {
    make_tensors(70000);
    refused(2, "export wants -o OUT", "$Q export t.safetensors");
    refused(2, "in which format?", "$Q export t.safetensors -o x.bin");
    refused(2, "--format is one of", "$Q export t.safetensors -o x.bin --format hdf5");
    refused(2, "--type is one of", "$Q export t.safetensors -o x.gguf --type Q5_0");
    refused(2, "a npy file holds one tensor, 3 are chosen", "$Q export t.safetensors -o x.npy");
    refused(2, "a csv file holds one tensor, 3 are chosen", "$Q export t.safetensors -o x.csv");
    refused(2, "npz files do not have the type BF16",
            "$Q export t.safetensors -o x.npz --type BF16");
    refused(2, "safetensors files do not have the type TQ2_0",
            "$Q export t.safetensors -o x.safetensors --type TQ2_0");
    refused(4, "no tensor matches 'z'", "$Q export t.safetensors -o x.gguf --tensor z");
    refused(4, "tensor 'fc.weight': from element 7 on F16 cannot hold it",
            "$Q export t.safetensors -o x.gguf --type F16");
    refused(4, "from element 0 on TQ2_0 cannot hold it",
            "$Q export t.safetensors -o x.gguf --type TQ2_0");
    refused(4, "no.safetensors", "$Q export no.safetensors -o x.gguf");
    cr_assert(count_files("x.*") == 0);
}
