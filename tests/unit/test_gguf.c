/*
 * GGUF: files built byte by byte, hostile ones, blocks against the vectors and against an
 * independent reading of their layout, what is written is read back.
 */
#include "support/support.h"

#include "io/gguf.h"
#include "util/files.h"
#include "util/half.h"
#include "util/hash.h"
#include "util/str.h"

/* ---- helpers ---- */

static char *dir, *path;
static strbuf file; /* that is being built */

static void setup(void) { dir = temp_dir(), path = path_join(dir, "t.gguf"); }
static void teardown(void) {
    remove_dir(dir);
    free(dir);
    free(path);
    strbuf_fini(&file);
}

static void put(uint64_t v, int bytes) {
    for (int i = 0; i < bytes; i++) strbuf_addn(&file, &(char){(char)(v >> (8 * i))}, 1);
}
static void put_text(const char *text) {
    put(strlen(text), 8);
    strbuf_add(&file, text);
}
static void put_zeros(size_t n) {
    for (size_t i = 0; i < n; i++) put(0, 1);
}
static void align(size_t to) { put_zeros((to - file.len % to) % to); }

static void begin(uint32_t version, uint64_t tensors, uint64_t values) {
    strbuf_fini(&file);
    strbuf_add(&file, "GGUF");
    put(version, 4), put(tensors, 8), put(values, 8);
}
static void key(const char *name, uint32_t type) { put_text(name), put(type, 4); }
static void info(const char *name, int n_dims, const uint64_t *dims, uint32_t type,
                 uint64_t offset) {
    put_text(name), put((uint64_t)n_dims, 4);
    for (int i = 0; i < n_dims; i++) put(dims[i], 8);
    put(type, 4), put(offset, 8);
}
/* A tensor of n elements. */
static void vector(const char *name, uint64_t n, uint32_t type, uint64_t offset) {
    info(name, 1, &n, type, offset);
}

/* What was built, opened; the message if it was refused. */
static const char *open_bytes(tensor_file *f, size_t n) {
    static char message[512];
    diags d;
    diags_init(&d);
    write_bytes(path, file.s, n);
    status bad = tensor_file_open(f, path, &d);
    *message = '\0';
    if (bad) {
        cr_assert(bad == ERR_INPUT && d.n == 1, "one error of the input");
        snprintf(message, sizeof message, "%s", d.list[0].message);
        cr_assert(strstr(message, path) != NULL, "%s", message);
    }
    diags_fini(&d);
    return message;
}

static tensor_file open_built(void) {
    tensor_file f;
    const char *why = open_bytes(&f, file.len);
    cr_assert_str_empty(why);
    return f;
}

static void refused(const char *because) {
    tensor_file f;
    const char *why = open_bytes(&f, file.len);
    cr_assert(strstr(why, because) != NULL, "refused for '%s', expected '%s'", why, because);
}

static char *value_text(const gguf_value *v) {
    char *text;
    size_t n;
    FILE *out = open_memstream(&text, &n);
    gguf_value_print(v, out);
    cr_assert(fclose(out) == 0);
    return text;
}

/* ---- reading ---- */

static const char *const all_types =
    "u8=200 i8=-3 u16=60000 i16=-300 u32=4000000000 i32=-70000 f32=0.5 bool=true string=\"hi\" "
    "array of u16=[1,2] u64=\"18446744073709551615\" i64=-9223372036854775808 f64=0.25 "
    "array of array=[[\"a\",\"\"],[false]] array of f32=[] ";

static void put_all_types(void) {
    float f = 0.5f;
    double g = 0.25;
    uint64_t bits = 0;
    key("a", 0), put(200, 1), key("b", 1), put(0xfd, 1), key("c", 2), put(60000, 2);
    key("d", 3), put((uint64_t)-300, 2), key("e", 4), put(4000000000, 4);
    key("f", 5), put((uint64_t)-70000, 4);
    memcpy(&bits, &f, 4), key("g", 6), put(bits, 4), key("h", 7), put(1, 1);
    key("i", 8), put_text("hi"), key("j", 9), put(2, 4), put(2, 8), put(1, 2), put(2, 2);
    key("k", 10), put(UINT64_MAX, 8), key("l", 11), put((uint64_t)INT64_MIN, 8);
    memcpy(&bits, &g, 8), key("m", 12), put(bits, 8);
    key("n", 9), put(9, 4), put(2, 8); /* an array of arrays */
    put(8, 4), put(2, 8), put_text("a"), put_text("");
    put(7, 4), put(1, 8), put(0, 1);
    key("o", 9), put(6, 4), put(0, 8);
}

Test(gguf, every_type_of_value_is_read, .init = setup, .fini = teardown) {
    for (uint32_t version = 2; version <= 3; version++) {
        begin(version, 1, 15);
        put_all_types();
        vector("x", 1, 0, 0), align(32), put(0x3f800000, 4);
        tensor_file f = open_built();
        strbuf all = {0};
        cr_assert(f.n == 1 && f.n_values == 15 && strcmp(f.format, "gguf") == 0);
        for (int i = 0; i < f.n_values; i++) {
            char *text = value_text(&f.values[i]);
            gguf_value_type(&f.values[i], &all);
            strbuf_addf(&all, "=%s ", text);
            cr_assert(f.values[i].key[0] == 'a' + i);
            free(text);
        }
        cr_assert_str_eq(all.s, all_types);
        cr_assert(tensor_entry_value(&f.tensors[0], 0) == 1);
        strbuf_fini(&all);
        tensor_file_close(&f);
    }
}

Test(gguf, the_first_dimension_runs_fastest_and_ours_are_in_c_order, .init = setup,
     .fini = teardown) {
    const float rows[2][3] = {{1, 2, 3}, {4, 5, 6}};
    begin(3, 2, 1);
    key("general.alignment", 4), put(64, 4);
    info("w", 2, (uint64_t[]){3, 2}, 0, 0);
    vector("h", 2, 1, 64);
    align(64);
    for (int i = 0; i < 6; i++) {
        uint32_t bits;
        memcpy(&bits, &rows[i / 3][i % 3], 4), put(bits, 4);
    }
    align(64), put(half_from_float(-2), 2), put(half_from_float(0.25f), 2);
    tensor_file f = open_built(); /* without padding behind the last tensor */
    const tensor_entry *w = tensor_file_find(&f, "w"), *h = tensor_file_find(&f, "h");
    cr_assert(w->n_dims == 2 && w->shape[0] == 2 && w->shape[1] == 3);
    for (int i = 0; i < 6; i++) cr_assert(tensor_entry_value(w, i) == i + 1);
    cr_assert(h->type == DTYPE_F16 && tensor_entry_value(h, 0) == -2 &&
              tensor_entry_value(h, 1) == 0.25);
    tensor_file_close(&f);
}

Test(gguf, types_without_values_are_listed_and_refused_when_values_are_wanted, .init = setup,
     .fini = teardown) {
    begin(3, 2, 0);
    info("k", 2, (uint64_t[]){256, 3}, 12, 0), vector("m", 32, 39, 448);
    align(32), put_zeros(448 + 17);
    tensor_file f = open_built();
    diags d;
    float *x;
    bool rounded = false;
    diags_init(&d);
    cr_assert_str_eq(dtype_name(f.tensors[0].type), "Q4_K");
    cr_assert(tensor_entry_bytes(&f.tensors[0]) == 3 * 144 && f.tensors[0].n == 768);
    cr_assert_str_eq(dtype_name(f.tensors[1].type), "MXFP4");
    for (int i = 0; i < 2; i++) {
        cr_assert(tensor_entry_floats(&f, &f.tensors[i], &d, &x, &rounded) == ERR_INPUT);
        cr_assert(strstr(d.list[i].message, "whose values cannot be read"));
    }
    diags_fini(&d);
    tensor_file_close(&f);
}

/* ---- hostile files ---- */

Test(gguf, every_truncation_is_refused, .init = setup, .fini = teardown) {
    begin(3, 3, 16);
    put_all_types();
    key("general.alignment", 4), put(32, 4);
    info("w", 2, (uint64_t[]){32, 2}, 8, 0), vector("b", 3, 0, 96), vector("t", 256, 34, 128);
    align(32), put_zeros(128 + 54);
    tensor_file f = open_built();
    tensor_file_close(&f);
    for (size_t cut = 0; cut < file.len; cut++)
        cr_assert_str_not_empty(open_bytes(&f, cut), "cut at %zu", cut);
}

Test(gguf, every_changed_byte_of_a_header_is_refused_or_read, .init = setup, .fini = teardown) {
    begin(3, 2, 15);
    put_all_types();
    vector("w", 256, 35, 0), vector("b", 3, 0, 96);
    size_t header = file.len;
    align(32), put_zeros(96 + 12);
    for (size_t i = 0; i < header; i++)
        for (int k = 0; k < 5; k++) {
            const uint8_t with[5] = {0, 1, 0x0c, 0x7f, 0xff};
            char old = file.s[i];
            tensor_file f;
            file.s[i] = (char)with[k];
            if (*open_bytes(&f, file.len) == '\0') {
                for (int t = 0; t < f.n; t++)
                    for (int64_t e = 0; e < f.tensors[t].n; e++)
                        tensor_entry_value(&f.tensors[t], e);
                for (int v = 0; v < f.n_values; v++) free(value_text(&f.values[v]));
                tensor_file_close(&f);
            }
            file.s[i] = old;
        }
}

static const uint64_t large[] = {(uint64_t)1 << 63, (uint64_t)1 << 60, UINT64_MAX, 1000000000};

Test(gguf, files_of_other_kinds_and_versions_are_refused, .init = setup, .fini = teardown) {
    const struct {
        uint32_t version;
        const char *because;
    } versions[] = {{0, "GGUF version 0, known are 2 and 3"},
                    {1, "GGUF version 1"},
                    {4, "GGUF version 4"},
                    {0x03000000, "big-endian"},
                    {0x02000000, "big-endian"}};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        begin(versions[i].version, 1, 0), vector("x", 1, 0, 0), align(32), put(0, 4);
        refused(versions[i].because);
    }
    begin(3, 1, 0), memcpy(file.s, "GGML", 4);
    refused("not a GGUF file (bad magic)");
    begin(3, 0, 0);
    refused("it has no tensors");
}

Test(gguf, counts_and_lengths_beyond_the_file_are_refused, .init = setup, .fini = teardown) {
    for (int i = 0; i < 4; i++) {
        begin(3, large[i], 0), put_zeros(64);
        refused(" tensors, but only 64 bytes are left");
        begin(3, 1, large[i]), put_zeros(64);
        refused(" metadata values, but only 64 bytes are left");
        begin(3, 1, 1), put(large[i], 8), put_zeros(64);
        refused("metadata 0: key length");
        begin(3, 1, 1), key("k", 8), put(large[i], 8), put_zeros(64);
        refused("metadata 'k': string length");
        begin(3, 1, 1), key("k", 9), put(4, 4), put(large[i], 8), put_zeros(64);
        refused("metadata 'k': an array of");
        begin(3, 1, 1), key("k", 9), put(8, 4), put(1, 8), put(large[i], 8), put_zeros(64);
        refused("metadata 'k': string length");
        begin(3, 1, 1), key("k", 9), put(9, 4), put(large[i], 8), put_zeros(64);
        refused("metadata 'k': an array of");
        begin(3, 1, 0), put(large[i], 8), put_zeros(64);
        refused("tensor 0: name length");
    }
}

Test(gguf, malformed_values_are_refused, .init = setup, .fini = teardown) {
    begin(3, 1, 1), put_text(""), put_zeros(64);
    refused("metadata 0: its key is empty");
    begin(3, 1, 1), put(2, 8), put('a', 2), put_zeros(64);
    refused("its key is not UTF-8 text");
    begin(3, 1, 2), key("k", 0), put(1, 1), key("k", 0), put(1, 1), put_zeros(64);
    refused("metadata 'k': the key is there twice");
    begin(3, 1, 1), key("k", 13), put_zeros(64);
    refused("metadata 'k': invalid type 13");
    begin(3, 1, 1), key("k", UINT32_MAX), put_zeros(64);
    refused("invalid type 4294967295");
    begin(3, 1, 1), key("k", 9), put(13, 4), put(1, 8), put_zeros(64);
    refused("an array of invalid type 13");
    begin(3, 1, 1), key("k", 7), put(2, 1), put_zeros(64);
    refused("a bool of value 2");
    begin(3, 1, 1), key("k", 9);
    for (int i = 0; i < 10000; i++) put(9, 4), put(1, 8);
    refused("nested arrays deeper than 4");
    for (int depth = 4; depth <= 5; depth++) { /* the innermost has no values */
        begin(3, 1, 1), key("k", 9);
        for (int i = 1; i < depth; i++) put(9, 4), put(1, 8);
        put(0, 4), put(0, 8), vector("x", 1, 0, 0), align(32), put_zeros(32);
        if (depth == 5) refused("nested arrays deeper than 4");
        if (depth == 5) continue;
        tensor_file f = open_built();
        tensor_file_close(&f);
    }
    const uint64_t alignments[] = {0, 3, 13, 8192, (uint64_t)1 << 31};
    for (int i = 0; i < 5; i++) {
        begin(3, 1, 1), key("general.alignment", 4), put(alignments[i], 4), put_zeros(64);
        refused("metadata 'general.alignment': the alignment must be a power of two");
    }
    begin(3, 1, 1), key("general.alignment", 5), put(32, 4), put_zeros(64);
    refused("of type u32");
}

static void refused_tensor(int n_dims, const uint64_t *dims, uint32_t type, uint64_t offset,
                           const char *because) {
    begin(3, 1, 0), info("x", n_dims, dims, type, offset), align(32), put_zeros(256);
    refused(because);
}

Test(gguf, malformed_tensors_are_refused, .init = setup, .fini = teardown) {
    char name[65] = "";
    memset(name, 'n', 64);
    begin(3, 1, 0), vector(name, 1, 0, 0), align(32), put(0, 4);
    refused("name length 64, at most 63");
    begin(3, 1, 0), vector(name + 1, 1, 0, 0), align(32), put_zeros(32);
    tensor_file longest = open_built();
    cr_assert_str_eq(longest.tensors[0].name, name + 1);
    tensor_file_close(&longest);
    begin(3, 1, 0), vector("", 1, 0, 0), align(32), put(0, 4);
    refused("tensor 0: its name is empty");
    begin(3, 2, 0), vector("x", 1, 0, 0), vector("x", 1, 0, 32), align(32), put_zeros(64);
    refused("tensor 'x': the name is there twice");
    refused_tensor(0, NULL, 0, 0, "tensor 'x': 0 dimensions, known are 1 to 4");
    refused_tensor(5, (uint64_t[]){1, 1, 1, 1, 1}, 0, 0, "5 dimensions");
    refused_tensor(1, (uint64_t[]){UINT64_MAX}, 0, 0, "dimension 0 is -1");
    refused_tensor(2, (uint64_t[]){1, (uint64_t)1 << 63}, 0, 0, "dimension 1 is -");
    refused_tensor(2, (uint64_t[]){INT64_MAX, 2}, 24, 0, "element count overflows");
    refused_tensor(4, (uint64_t[]){1 << 16, 1 << 16, 1 << 16, 1 << 16}, 0, 0,
                   "element count overflows");
    refused_tensor(1, (uint64_t[]){(uint64_t)1 << 62}, 0, 0, "element count overflows");
    refused_tensor(1, (uint64_t[]){(uint64_t)1 << 58}, 0, 0, "bytes of data from byte");
    refused_tensor(1, (uint64_t[]){65}, 0, 0, "tensor 'x': 260 bytes of data from byte 64");
    refused_tensor(1, (uint64_t[]){64}, 4, 0, "unknown tensor type 4");
    refused_tensor(1, (uint64_t[]){64}, 1000, 0, "unknown tensor type 1000");
    refused_tensor(1, (uint64_t[]){64}, UINT32_MAX, 0, "unknown tensor type 4294967295");
    refused_tensor(2, (uint64_t[]){100, 3}, 12, 0, "not a multiple of 256, a block of Q4_K");
    refused_tensor(1, (uint64_t[]){8}, 0, 5, "offset 5, expected 0: it is not a multiple");
    refused_tensor(1, (uint64_t[]){8}, 0, 32, "there is a gap before it");
    refused_tensor(1, (uint64_t[]){8}, 0, (uint64_t)1 << 63, "there is a gap before it");
    refused_tensor(1, (uint64_t[]){8}, 0, 0, "there are bytes behind the last tensor");
    begin(3, 2, 0), vector("x", 9, 0, 0), vector("y", 8, 0, 32), align(32), put_zeros(96);
    refused("tensor 'y': offset 32, expected 64: it overlaps the tensor before it");
    begin(3, 3, 0), vector("x", (uint64_t)1 << 58, 24, 0);
    vector("y", (uint64_t)1 << 58, 24, (uint64_t)1 << 58), vector("z", 1, 24, 0);
    align(32), put_zeros(96);
    refused("tensor 'x': 288230376151711744 bytes");
}

Test(gguf, many_tensors_and_values_are_read_in_time, .init = setup, .fini = teardown) {
    enum { N = 100000 };
    char name[32];
    begin(3, N, N);
    for (int i = 0; i < N; i++) snprintf(name, sizeof name, "k%d", i), key(name, 0), put(1, 1);
    for (int i = 0; i < N; i++)
        snprintf(name, sizeof name, "t%d", i), vector(name, 8, 0, 32 * (uint64_t)i);
    align(32), put_zeros(32 * (size_t)N);
    tensor_file f = open_built();
    cr_assert(f.n == N && f.n_values == N);
    tensor_file_close(&f);
}

/* ---- blocks ---- */

/* CRC32C bit by bit: methods.md H.11. */
static uint32_t crc32c(const uint8_t *p, size_t n) {
    uint32_t c = UINT32_MAX;
    for (size_t i = 0; i < 8 * n; i++) {
        if (i % 8 == 0) c ^= p[i / 8];
        c = c >> 1 ^ (c & 1 ? 0x82F63B78 : 0);
    }
    return ~c;
}

static void assert_hex(const char *group, const char *key, const uint8_t *p) {
    char hex[24];
    for (int i = 0; i < 8; i++) snprintf(hex + 3 * i, 4, i < 7 ? "%02X " : "%02X", p[i]);
    cr_assert_str_eq(hex, vector_text(group, key));
}

static void check_vector(dtype t, const char *group) {
    float x[256];
    uint8_t block[66];
    char crc[16];
    int bytes = dtype_bytes(t);
    for (int i = 0; i < 256; i++) x[i] = (float)((7 * i + i / 5) % 3 - 1);
    cr_assert(dtype_encode(t, x, 256, block) == -1);
    cr_assert(bytes == (int)vector_real(group, "nbytes"));
    assert_hex(group, "first8", block);
    assert_hex(group, "last8", block + bytes - 8);
    snprintf(crc, sizeof crc, "0x%08X", crc32c(block, (size_t)bytes));
    cr_assert_str_eq(crc, vector_text(group, "crc32c"));
    for (int i = 0; i < 256; i++) cr_assert(dtype_value(t, block, i, false) == (double)x[i]);
}

Test(blocks, tq1_0_and_tq2_0_are_those_of_the_vectors) {
    check_vector(DTYPE_TQ1_0, "H_tq1_0");
    check_vector(DTYPE_TQ2_0, "H_tq2_0");
}

/* Ties and signs in every block, zeros in one, magnitudes over many powers of two. */
enum { N = 1024 };
static void fill(float *x) {
    for (int i = 0; i < N; i++) {
        x[i] = ldexpf((float)(i * 7919 % 2001 - 1000), 2 * (i / 32 % 12) - 17);
        if (i / 32 == 5) x[i] = 0;
        if (i / 32 == 7) x[i] = (float)(i % 8 - 4) * 0.5f;
        if (i / 32 == 9) x[i] = (float)(i % 8 - 3);
    }
}

/* The checksums are those of what ggml's reference quantizers (quantize_row_*_ref) make of
 * these numbers. */
static const struct {
    dtype type;
    uint32_t crc;
} reference[] = {{DTYPE_F16, 0xC5000B2F},  {DTYPE_BF16, 0x797E8ACE},  {DTYPE_Q8_0, 0x5C79243F},
                 {DTYPE_Q4_0, 0xD2AEEE11}, {DTYPE_TQ1_0, 0x3A83B53F}, {DTYPE_TQ2_0, 0x992263CE}};
enum { N_REFERENCE = sizeof reference / sizeof *reference };

Test(blocks, bytes_are_those_of_the_reference_quantizers) {
    float x[N];
    uint8_t out[2 * N];
    fill(x);
    for (int i = 0; i < N_REFERENCE; i++) {
        dtype t = reference[i].type;
        cr_assert(dtype_encode(t, x, N, out) == -1);
        uint32_t crc = crc32c(out, (size_t)dtype_size(t, N));
        cr_assert(crc == reference[i].crc, "%s: %08X", dtype_name(t), crc);
    }
}

Test(blocks, values_are_within_half_a_step_and_encode_to_themselves) {
    static const double steps[] = {0.5 / 127, 1.0 / 8, 0.5,
                                   0.5}; /* of the largest; Q4_0: +8 is 7 */
    float x[256], y[256];
    uint8_t a[512], b[512];
    fill_gauss(3, x, 256, 0.02f);
    for (int k = 0; k < 4; k++) {
        dtype t = (dtype)(DTYPE_Q8_0 + k);
        int block = dtype_block(t);
        cr_assert(dtype_encode(t, x, 256, a) == -1);
        for (int i = 0; i < 256; i++) {
            double most = 0;
            for (int j = i / block * block; j < i / block * block + block; j++)
                most = fmax(most, fabs((double)x[j]));
            double v = dtype_value(t, a, i, false);
            y[i] = (float)v;
            cr_assert(fabs(v - x[i]) <= most * (steps[k] + 0x1p-10), "%s %d: %g, %g", dtype_name(t),
                      i, v, (double)x[i]); /* 2^-10: twice binary16's of d */
        }
        cr_assert(dtype_encode(t, y, 256, b) == -1);
        for (int i = 0; i < 256; i++) /* the sign of zero may differ */
            cr_assert(dtype_value(t, b, i, false) == dtype_value(t, a, i, false));
    }
}

Test(blocks, extremes_neither_overflow_nor_pass_in_silence) {
    float x[256] = {0};
    uint8_t out[2 * 256];
    for (int i = 0; i < N_REFERENCE; i++) {
        dtype t = reference[i].type;
        for (float tiny = 0x1p-149f; tiny < 0x1p-100f; tiny *= 2) {
            x[255] = -tiny;
            cr_assert(dtype_encode(t, x, 256, out) == -1);
            cr_assert(dtype_value(t, out, 255, false) == 0 || t == DTYPE_BF16);
        }
        x[255] = 0x1.fffffep127f;
        int64_t at = dtype_encode(t, x, 256, out), block = dtype_block(t);
        cr_assert(at == 256 - block, "%s: %d", dtype_name(t), (int)at);
        x[255] = 0;
    }
}

Test(blocks, the_invalid_code_of_tq2_0_is_no_number) {
    uint8_t block[66] = {0};
    block[65] = 0x3c, block[33] = 3 << 4;
    for (int i = 0; i < 256; i++) {
        double v = dtype_value(DTYPE_TQ2_0, block, i, false);
        cr_assert(i == 128 + 1 + 2 * 32 ? isnan(v) : v == -1);
    }
}

/* ---- writing ---- */

static status write_all(const named_tensor *t, int n, diags *d, int64_t *bytes) {
    const uint8_t alignment[] = {16, 0, 0, 0};
    char keys[2][20] = {"general.name", "general.alignment"};
    gguf_value values[2] = {gguf_text_value(keys[0], "a \"name\""),
                            {.key = keys[1], .type = GGUF_U32, .data = alignment, .n_bytes = 4}};
    status bad = gguf_write(path, t, n, values, 2, d, bytes);
    free((void *)(uintptr_t)values[0].data);
    return bad;
}

Test(gguf, what_is_written_is_read_back, .init = setup, .fini = teardown) {
    float x[N];
    uint8_t data[N_REFERENCE][2 * N];
    named_tensor t[N_REFERENCE + 2];
    const int32_t whole[3] = {-1, 2, 3};
    int64_t bytes;
    char first[HASH_HEX], second[HASH_HEX];
    diags d;
    diags_init(&d);
    fill(x);
    for (int i = 0; i < N_REFERENCE; i++) {
        dtype_encode(reference[i].type, x, N, data[i]);
        t[i] = (named_tensor){.name = dtype_name(reference[i].type),
                              .type = reference[i].type,
                              .n_dims = 2,
                              .shape = {4, 256},
                              .data = data[i]};
    }
    t[N_REFERENCE] = (named_tensor){
        .name = "whole", .type = DTYPE_I32, .n_dims = 1, .shape = {3}, .data = whole};
    t[N_REFERENCE + 1] = (named_tensor){.name = "scalar", .type = DTYPE_F32, .data = x};
    cr_assert(write_all(t, N_REFERENCE + 2, &d, &bytes) == OK);
    cr_assert(file_hash(path, ERR_INPUT, &d, first) == OK);
    tensor_file f;
    cr_assert(tensor_file_open(&f, path, &d) == OK && f.n == N_REFERENCE + 2);
    cr_assert(f.n_bytes == bytes && bytes % 16 == 0);
    for (int i = 0; i < f.n; i++) {
        const tensor_entry *e = &f.tensors[i];
        cr_assert_str_eq(e->name, t[i].name);
        cr_assert(e->type == t[i].type && e->n == named_tensor_count(&t[i]));
        cr_assert(memcmp(e->data, t[i].data, (size_t)tensor_entry_bytes(e)) == 0);
        cr_assert(i >= N_REFERENCE || (e->shape[0] == 4 && e->shape[1] == 256));
    }
    cr_assert(f.tensors[f.n - 1].n_dims == 1);
    const char *const values[] = {"\"a \\\"name\\\"\"", "16", "2"};
    cr_assert(f.n_values == 3);
    cr_assert_str_eq(f.values[2].key, "general.quantization_version");
    for (int i = 0; i < 3; i++) {
        char *text = value_text(&f.values[i]);
        cr_assert_str_eq(text, values[i]);
        free(text);
    }
    tensor_file_close(&f);
    cr_assert(write_all(t, N_REFERENCE + 2, &d, &bytes) == OK);
    cr_assert(file_hash(path, ERR_INPUT, &d, second) == OK);
    cr_assert_str_eq(first, second);
    diags_fini(&d);
}

Test(gguf, what_the_format_cannot_hold_is_not_written, .init = setup, .fini = teardown) {
    const float x[64] = {0};
    char name[65] = "";
    memset(name, 'n', 64);
    const struct {
        named_tensor t[2];
        int n;
        const char *because;
    } bad[] = {
        {{{.name = name, .type = DTYPE_F32, .data = x}}, 1, "longer than 63 bytes"},
        {{{.name = "", .type = DTYPE_F32, .data = x}}, 1, "its name is empty"},
        {{{.name = "x", .type = DTYPE_U8, .data = x}}, 1, "does not have its type"},
        {{{.name = "x", .type = DTYPE_F32, .n_dims = 5, .shape = {1, 1, 1, 1, 1}, .data = x}},
         1,
         "more than 4 dimensions"},
        {{{.name = "x", .type = DTYPE_Q8_0, .n_dims = 2, .shape = {2, 16}, .data = x}},
         1,
         "no whole number of blocks"},
        {{{.name = "x", .type = DTYPE_F32, .data = x}, {.name = "x", .type = DTYPE_F32, .data = x}},
         2,
         "another one has its name"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int64_t bytes;
        diags d;
        diags_init(&d);
        cr_assert(write_all(bad[i].t, bad[i].n, &d, &bytes) == ERR_INPUT);
        cr_assert(strstr(d.list[0].message, bad[i].because), "%s", d.list[0].message);
        cr_assert(!file_exists(path));
        diags_fini(&d);
    }
}
