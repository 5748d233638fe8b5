#include "support/support.h"

#include <zip.h>
#include <zlib.h>

#include "io/idx.h"
#include "io/npy.h"
#include "io/safetensors.h"
#include "util/files.h"
#include "util/str.h"

/* ---- helpers ---- */

static char *dir, *path;

static void setup(void) { dir = temp_dir(); }
static void teardown(void) {
    remove_dir(dir);
    free(dir);
    free(path);
}

static const char *file_of(const char *name, const void *bytes, size_t n) {
    free(path);
    path = path_join(dir, name);
    write_bytes(path, bytes, n);
    return path;
}

/* The message with which a tensor file is refused. */
static const char *refusal(const char *name, const void *bytes, size_t n) {
    static char message[512];
    tensor_file f;
    diags d;
    diags_init(&d);
    cr_assert(tensor_file_open(&f, file_of(name, bytes, n), &d) == ERR_INPUT, "%.60s was accepted",
              (const char *)bytes);
    snprintf(message, sizeof message, "%s", d.list[0].message);
    cr_assert(strstr(message, path) != NULL, "the message names the file: %s", message);
    diags_fini(&d);
    return message;
}

static size_t npy_bytes(char *to, const char *header, const void *data, size_t n) {
    size_t length = strlen(header);
    memcpy(to, "\x93NUMPY\x01\x00", 8);
    to[8] = (char)(length & 255), to[9] = (char)(length >> 8);
    memcpy(to + 10, header, length);
    memcpy(to + 10 + length, data, n);
    return 10 + length + n;
}

static const char *npy_refusal(const char *header, size_t data_bytes) {
    char bytes[2048] = {0}, zeros[256] = {0};
    return refusal("t.npy", bytes, npy_bytes(bytes, header, zeros, data_bytes));
}

static size_t safetensors_bytes(char *to, const char *header, size_t data_bytes) {
    uint64_t length = strlen(header);
    memcpy(to, &length, 8);
    memcpy(to + 8, header, length);
    memset(to + 8 + length, 0, data_bytes);
    return 8 + length + data_bytes;
}

static const char *safetensors_refusal(const char *header, size_t data_bytes) {
    char bytes[2048];
    return refusal("t.safetensors", bytes, safetensors_bytes(bytes, header, data_bytes));
}

/* ---- NPY ---- */

Test(npy, what_is_written_is_read_back, .init = setup, .fini = teardown) {
    const float x[6] = {1, -2, 3.5f, 0, 1e-30f, 6};
    const int64_t shape[] = {2, 3};
    diags d;
    tensor_file f;
    float *y;
    bool rounded = false;
    diags_init(&d);
    path = path_join(dir, "a.npy");
    cr_assert(npy_write(path, DTYPE_F32, shape, 2, x, &d) == OK &&
              tensor_file_open(&f, path, &d) == OK);
    cr_assert(f.n == 1 && strcmp(f.tensors[0].name, "a") == 0 && f.tensors[0].shape[1] == 3);
    cr_assert(((size_t)(f.tensors[0].data - (const uint8_t *)f.bytes)) % 64 == 0,
              "data is aligned as NumPy aligns it");
    cr_assert(tensor_entry_floats(&f, &f.tensors[0], &d, &y, &rounded) == OK && !rounded);
    cr_assert(memcmp(x, y, sizeof x) == 0);
    free(y);
    tensor_file_close(&f);
    diags_fini(&d);
}

Test(npy, fortran_order_big_endian_and_other_floats_are_read, .init = setup, .fini = teardown) {
    char bytes[512];
    const double data[6] = {1, 4, 2, 5, 3, 6};   /* columns of [[1 2 3] [4 5 6]] */
    const uint16_t halves[2] = {0x003c, 0x00c0}; /* 1 and -2, bytes swapped */
    diags d;
    tensor_file f;
    float *y;
    bool rounded = false;
    diags_init(&d);
    size_t n = npy_bytes(bytes, "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3), }\n",
                         data, sizeof data);
    cr_assert(tensor_file_open(&f, file_of("f.npy", bytes, n), &d) == OK);
    cr_assert(tensor_entry_floats(&f, &f.tensors[0], &d, &y, &rounded) == OK && !rounded);
    for (int i = 0; i < 6; i++) cr_assert(y[i] == (float)(i + 1));
    free(y);
    tensor_file_close(&f);
    n = npy_bytes(bytes, "{'descr': '>f2', 'fortran_order': False, 'shape': (2,)}", halves,
                  sizeof halves);
    cr_assert(tensor_file_open(&f, file_of("h.npy", bytes, n), &d) == OK);
    cr_assert(tensor_entry_floats(&f, &f.tensors[0], &d, &y, &rounded) == OK && y[0] == 1 &&
              y[1] == -2);
    free(y);
    tensor_file_close(&f);
    diags_fini(&d);
}

Test(npy, nan_and_values_too_large_are_named, .init = setup, .fini = teardown) {
    char bytes[512];
    const double data[3] = {1, 1e300, 2};
    const float nans[3] = {0, 1, NAN};
    diags d;
    tensor_file f;
    float *y;
    bool rounded = false;
    diags_init(&d);
    size_t n = npy_bytes(bytes, "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }", data,
                         sizeof data);
    cr_assert(tensor_file_open(&f, file_of("x.npy", bytes, n), &d) == OK);
    cr_assert(tensor_entry_floats(&f, &f.tensors[0], &d, &y, &rounded) == ERR_INPUT);
    cr_assert(strstr(d.list[0].message, "tensor 'x': element 1 is too large for float32"));
    tensor_file_close(&f);
    n = npy_bytes(bytes, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", nans,
                  sizeof nans);
    cr_assert(tensor_file_open(&f, file_of("x.npy", bytes, n), &d) == OK);
    cr_assert(tensor_entry_floats(&f, &f.tensors[0], &d, &y, &rounded) == ERR_INPUT);
    cr_assert(strstr(d.list[1].message, "element 2 is NaN"));
    tensor_file_close(&f);
    diags_fini(&d);
}

Test(npy, malformed_files_are_refused, .init = setup, .fini = teardown) {
    cr_assert(strstr(refusal("t.npy", "", 0), "bad magic"));
    cr_assert(strstr(refusal("t.npy", "\x93NUMPY\x04\x00\x10\x00", 10), "version 4.0"));
    cr_assert(strstr(refusal("t.npy", "\x93NUMPY\x01\x00\xff\xff  ", 12), "truncated NPY header"));
    cr_assert(strstr(npy_refusal("[1, 2]", 4), "not a dict"));
    cr_assert(strstr(npy_refusal("{'descr': '<f4', 'fortran_order': False, }", 4), "no 'shape'"));
    cr_assert(strstr(npy_refusal("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8),
                     "pickle"));
    cr_assert(strstr(npy_refusal("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", 8),
                     "element type"));
    cr_assert(strstr(
        npy_refusal("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", 4),
        "twice"));
    cr_assert(strstr(npy_refusal("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", 4),
                     "bad dimension"));
    cr_assert(strstr(npy_refusal("{'descr': '<f4', 'fortran_order': False, 'shape': (4194305, "
                                 "4194305, 211106198978564), }",
                                 16),
                     "overflows"));
    cr_assert(
        strstr(npy_refusal("{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,), }",
                           16),
               "needs 8796093022208 bytes, the file has 16"));
    cr_assert(strstr(npy_refusal("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 8),
                     "needs 12 bytes, the file has 8"));
    cr_assert(strstr(
        npy_refusal("{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,1), }", 4),
        "8 dimensions"));
}

Test(npy, every_truncation_is_refused, .init = setup, .fini = teardown) {
    char bytes[512];
    const float data[4] = {1, 2, 3, 4};
    size_t n = npy_bytes(bytes, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }\n",
                         data, sizeof data);
    for (size_t cut = 0; cut < n; cut++) refusal("t.npy", bytes, cut);
}

/* ---- NPZ ---- */

/* Adds an array {v, v + 1} of that name. */
static void zip_array(zip_t *z, const char *name, float v, int method) {
    char bytes[256];
    const float data[2] = {v, v + 1};
    size_t n = npy_bytes(bytes, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", data,
                         sizeof data);
    char *own = malloc(n);
    memcpy(own, bytes, n);
    zip_int64_t i = zip_file_add(z, name, zip_source_buffer(z, own, n, 1), ZIP_FL_ENC_UTF_8);
    cr_assert(i >= 0 && zip_set_file_compression(z, (zip_uint64_t)i, method, 0) == 0);
}

/* A stored and a deflated member; bytes: room for 2048. Returns the size. */
static size_t npz_bytes(char *bytes, const char *first, const char *second) {
    char *file = path_join(dir, "made.zip");
    zip_t *z = zip_open(file, ZIP_CREATE | ZIP_TRUNCATE, NULL);
    zip_array(z, first, 1, ZIP_CM_STORE);
    zip_array(z, second, 3, ZIP_CM_DEFLATE);
    cr_assert(zip_close(z) == 0);
    FILE *f = fopen(file, "rb");
    size_t n = fread(bytes, 1, 2048, f);
    fclose(f);
    free(file);
    cr_assert(n > 0 && n < 2048);
    return n;
}

/* Where `what` stands in the bytes, the k-th time from 0. */
static char *find_bytes(char *bytes, size_t n, const char *what, int k) {
    for (size_t i = 0; i + strlen(what) <= n; i++)
        if (memcmp(bytes + i, what, strlen(what)) == 0 && k-- == 0) return bytes + i;
    cr_assert_fail("no '%s'", what);
    return NULL;
}

Test(npz, stored_and_deflated_members_are_tensors, .init = setup, .fini = teardown) {
    char bytes[2048];
    size_t n = npz_bytes(bytes, "0.weight.npy", "0.bias.npy");
    diags d;
    tensor_file f;
    diags_init(&d);
    cr_assert(tensor_file_open(&f, file_of("a.npz", bytes, n), &d) == OK);
    cr_assert(f.n == 2 && strcmp(f.format, "npz") == 0);
    cr_assert_str_eq(f.tensors[0].name, "0.weight");
    cr_assert_str_eq(f.tensors[1].name, "0.bias");
    for (int i = 0; i < 2; i++)
        cr_assert(f.tensors[i].n == 2 && tensor_entry_value(&f.tensors[i], 0) == 1 + 2 * i &&
                  tensor_entry_value(&f.tensors[i], 1) == 2 + 2 * i);
    tensor_file_close(&f);
    diags_fini(&d);
}

Test(npz, malformed_archives_are_refused, .init = setup, .fini = teardown) {
    char bytes[2048];
    size_t n = npz_bytes(bytes, "a.npy", "b.txt");
    cr_assert(strstr(refusal("t.npz", bytes, n), "member 'b.txt': it is no .npy file"));
    cr_assert(strstr(refusal("t.npz", "PK", 2), "not an NPZ file"));
    n = npz_bytes(bytes, "a.npy", "b.npy");
    find_bytes(bytes, n, "NUMPY", 0)[0] = 'M';
    cr_assert(strstr(refusal("t.npz", bytes, n), "member 'a.npy'"), "the checksum is compared");
}

/* The directory (offset 24 of an entry: the size) and the member's own header (22)
 * claim more than the data can hold: refused before memory is taken for it. */
Test(npz, bombs_are_refused_by_what_they_claim, .init = setup, .fini = teardown) {
    char bytes[2048];
    const uint32_t huge = 0xfffffff0u;
    for (int k = 0; k < 2; k++) {
        size_t n = npz_bytes(bytes, "a.npy", "b.npy");
        memcpy(find_bytes(bytes, n, "PK\x03\x04", k) + 22, &huge, 4);
        memcpy(find_bytes(bytes, n, "PK\x01\x02", k) + 24, &huge, 4);
        cr_assert(strstr(refusal("t.npz", bytes, n), "more than its data can hold"));
    }
    /* both members are the same data: names equal, so that only the sum tells */
    size_t n = npz_bytes(bytes, "a.npy", "b.npy");
    char *first = find_bytes(bytes, n, "PK\x01\x02", 0), *second = first + 46 + 5;
    while (memcmp(second, "PK\x01\x02", 4) != 0) second++;
    refusal("t.npz", (memcpy(second + 42, first + 42, 4), bytes), n);
}

Test(npz, every_truncation_is_refused, .init = setup, .fini = teardown) {
    char bytes[2048];
    size_t n = npz_bytes(bytes, "a.npy", "b.npy");
    for (size_t cut = 0; cut < n; cut++) refusal("t.npz", bytes, cut);
}

/* ---- safetensors ---- */

#define T(name, from, to)                                                                          \
    "\"" name "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[" #from "," #to "]}"

Test(safetensors, equal_tensors_in_any_order_give_equal_bytes, .init = setup, .fini = teardown) {
    const float a[2] = {1, 2}, b[1] = {3};
    named_floats one[] = {{.name = "b", .n_dims = 1, .shape = {1}, .data = b},
                          {.name = "a", .n_dims = 2, .shape = {1, 2}, .data = a}};
    named_floats two[] = {one[1], one[0]};
    char x[65], y[65], *p = path_join(dir, "x.safetensors"), *q = path_join(dir, "y.safetensors");
    int64_t bytes;
    diags d;
    tensor_file f;
    diags_init(&d);
    cr_assert(safetensors_write(p, one, 2, &d, x, &bytes) == OK &&
              safetensors_write(q, two, 2, &d, y, &bytes) == OK);
    cr_assert_str_eq(x, y);
    cr_assert(files_equal(p, q));
    cr_assert(tensor_file_open(&f, p, &d) == OK && f.n == 2 && f.n_bytes == bytes);
    cr_assert_str_eq(f.tensors[0].name, "a");
    cr_assert(f.tensors[0].n_dims == 2 && f.tensors[1].n == 1);
    tensor_file_close(&f);
    free(p);
    free(q);
    diags_fini(&d);
}

Test(safetensors, a_name_that_the_header_cannot_hold_is_refused, .init = setup, .fini = teardown) {
    const float x[1] = {1};
    named_floats bad[] = {{.name = "a\xff", .n_dims = 1, .shape = {1}, .data = x}};
    named_floats twice[] = {{.name = "a", .n_dims = 1, .shape = {1}, .data = x},
                            {.name = "a", .n_dims = 1, .shape = {1}, .data = x}};
    char hex[65], *p = path_join(dir, "x.safetensors");
    int64_t bytes;
    diags d;
    diags_init(&d);
    cr_assert(safetensors_write(p, bad, 1, &d, hex, &bytes) == ERR_INPUT && !file_exists(p));
    cr_assert(safetensors_write(p, twice, 2, &d, hex, &bytes) == ERR_INPUT && !file_exists(p));
    free(p);
    diags_fini(&d);
}

/* What a file of floats is, byte by byte: the hash of a weights file is a promise. */
Test(safetensors, floats_alone_are_header_and_data_and_nothing_else, .init = setup,
     .fini = teardown) {
    const float w[3] = {1, -2, 0.5f};
    const named_floats t[] = {{.name = "fc1.weight", .n_dims = 2, .shape = {1, 2}, .data = w},
                              {.name = "fc1.bias", .n_dims = 1, .shape = {1}, .data = w + 2}};
    const char *header = "{\"fc1.bias\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                         "\"fc1.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[4,"
                         "12]}}";
    const uint8_t data[] = {0, 0, 0, 0x3f, 0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0};
    char *p = path_join(dir, "w.safetensors"), sha256[65], *text;
    size_t n, length = strlen(header), padded = (length + 7) / 8 * 8;
    int64_t bytes;
    diags d;
    diags_init(&d);
    cr_assert(safetensors_write(p, t, 2, &d, sha256, &bytes) == OK);
    cr_assert(file_read(p, 1 << 20, ERR_INPUT, &d, &text, &n) == OK);
    cr_assert(n == 8 + padded + sizeof data && (int64_t)n == bytes);
    cr_assert((uint8_t)text[0] == padded && memcmp(text + 1, "\0\0\0\0\0\0", 7) == 0);
    cr_assert(memcmp(text + 8, header, length) == 0, "%s", text + 8);
    for (size_t i = length; i < padded; i++) cr_assert(text[8 + i] == ' ');
    cr_assert(memcmp(text + 8 + padded, data, sizeof data) == 0);
    free(text);
    free(p);
    diags_fini(&d);
}

Test(safetensors, tensors_of_any_type_and_texts_are_read_back, .init = setup, .fini = teardown) {
    const uint8_t code[5] = {0, 1, 2, 254, 255};
    const uint16_t half[2] = {0x3c00, 0xc000};
    const float real[1] = {3};
    named_tensor t[] = {
        {.name = "z", .type = DTYPE_U8, .n_dims = 1, .shape = {5}, .data = code},
        {.name = "h", .type = DTYPE_F16, .n_dims = 2, .shape = {1, 2}, .data = half},
        {.name = "a", .type = DTYPE_F32, .n_dims = 0, .data = real}};
    named_text texts[] = {{"key", "two\nlines \"quoted\" \xc3\xa9"}, {"a key", ""}};
    named_tensor again[] = {t[2], t[0], t[1]};
    named_text texts_again[] = {texts[1], texts[0]};
    char x[65], y[65], *p = path_join(dir, "x.safetensors");
    int64_t bytes;
    diags d;
    tensor_file f;
    diags_init(&d);
    cr_assert(safetensors_write_tensors(p, t, 3, texts, 2, &d, x, &bytes) == OK);
    cr_assert(safetensors_write_tensors(p, again, 3, texts_again, 2, &d, y, &bytes) == OK);
    cr_assert_str_eq(x, y, "the order of the arrays does not matter");
    cr_assert(tensor_file_open(&f, p, &d) == OK && f.n == 3 && f.n_texts == 2);
    const tensor_entry *z = tensor_file_find(&f, "z"), *h = tensor_file_find(&f, "h");
    cr_assert(z->type == DTYPE_U8 && z->n == 5 && memcmp(z->data, code, 5) == 0);
    cr_assert(h->type == DTYPE_F16 && tensor_entry_value(h, 1) == -2);
    cr_assert_str_eq(tensor_file_text(&f, "key"), "two\nlines \"quoted\" \xc3\xa9");
    cr_assert_str_eq(tensor_file_text(&f, "a key"), "");
    cr_assert(tensor_file_text(&f, "none") == NULL && tensor_file_find(&f, "none") == NULL);
    tensor_file_close(&f);
    free(p);
    diags_fini(&d);
}

Test(safetensors, names_that_the_format_cannot_hold_are_refused, .init = setup, .fini = teardown) {
    const float x[1] = {0};
    const char *const names[][2] = {{"w", "w"}, {"w", "__metadata__"}, {"w", "\xff"}};
    const char *const why[] = {"two tensors would be named 'w'", "keeps the name", "not UTF-8"};
    for (int i = 0; i < 3; i++) {
        named_floats t[] = {{.name = names[i][0], .n_dims = 0, .data = x},
                            {.name = names[i][1], .n_dims = 0, .data = x}};
        char *p = path_join(dir, "x.safetensors"), hex[65];
        int64_t bytes;
        diags d;
        diags_init(&d);
        cr_assert(safetensors_write(p, t, 2, &d, hex, &bytes) == ERR_INPUT);
        cr_assert(strstr(d.list[0].message, why[i]) != NULL, "%s", d.list[0].message);
        cr_assert(!file_exists(p));
        diags_fini(&d);
        free(p);
    }
}

Test(safetensors, malformed_files_are_refused, .init = setup, .fini = teardown) {
    cr_assert(strstr(refusal("t.safetensors", "1234567", 7), "fewer than 8 bytes"));
    cr_assert(strstr(refusal("t.safetensors", "\xff\xff\xff\xff\xff\xff\xff\xff{}", 10),
                     "larger than 16 MiB"));
    cr_assert(strstr(refusal("t.safetensors", "\x10\0\0\0\0\0\0\0{}", 10), "truncated"));
    cr_assert(strstr(safetensors_refusal(" {}", 0), "begin with '{'"));
    cr_assert(strstr(safetensors_refusal("{]", 0), "not valid JSON"));
    cr_assert(strstr(safetensors_refusal("{" T("w", 0, 4) "," T("w", 4, 8) "}", 8),
                     "not valid JSON: duplicate"));
    cr_assert(strstr(safetensors_refusal("{" T("w", 0, 4) "," T("v", 0, 4) "}", 4), "overlaps"));
    cr_assert(strstr(safetensors_refusal("{" T("w", 0, 4) "," T("v", 8, 12) "}", 12), "gap"));
    cr_assert(strstr(safetensors_refusal("{" T("w", 0, 4) "}", 8), "behind the last tensor"));
    cr_assert(strstr(safetensors_refusal("{" T("w", 0, 8) "}", 8), "do not fit shape and dtype"));
    cr_assert(strstr(safetensors_refusal("{" T("w", 0, 400) "}", 8), "outside the file"));
    cr_assert(strstr(safetensors_refusal("{\"__metadata__\":{\"a\":1}," T("w", 0, 4) "}", 4),
                     "strings to strings"));
    cr_assert(strstr(
        safetensors_refusal("{\"w\":{\"dtype\":\"f32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4),
        "unknown dtype"));
    cr_assert(strstr(
        safetensors_refusal("{\"w\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4),
        "tensor 'w': shape[0]: a negative number"));
    cr_assert(strstr(safetensors_refusal("{\"w\":{\"dtype\":\"F32\",\"shape\":[4194305,4194305,"
                                         "211106198978564],\"data_offsets\":[0,16]}}",
                                         16),
                     "overflows"));
}

Test(safetensors, empty_and_scalar_tensors_are_fine, .init = setup, .fini = teardown) {
    char bytes[512];
    tensor_file f;
    diags d;
    diags_init(&d);
    size_t n =
        safetensors_bytes(bytes,
                          "{\"s\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},\"e\":{"
                          "\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[4,4]}}",
                          4);
    cr_assert(tensor_file_open(&f, file_of("t.safetensors", bytes, n), &d) == OK);
    cr_assert(f.tensors[0].n == 1 && f.tensors[1].n == 0);
    tensor_file_close(&f);
    diags_fini(&d);
}

/* ---- IDX ---- */

static const uint8_t idx_images[] = {0, 0, 8, 3, 0, 0,  0,  2,  0,  0,  0,
                                     1, 0, 0, 0, 3, 10, 20, 30, 40, 50, 60};

static const char *idx_refusal(const void *bytes, size_t n) {
    static char message[512];
    tensor_file a;
    diags d;
    diags_init(&d);
    cr_assert(idx_read(file_of("t.idx", bytes, n), &d, &a) == ERR_INPUT);
    snprintf(message, sizeof message, "%s", d.list[0].message);
    diags_fini(&d);
    return message;
}

Test(idx, plain_and_compressed_files_read_alike, .init = setup, .fini = teardown) {
    tensor_file a, b;
    diags d;
    diags_init(&d);
    cr_assert(idx_read(file_of("a.idx", idx_images, sizeof idx_images), &d, &a) == OK);
    cr_assert(a.tensors->n_dims == 3 && a.tensors->n == 6 && a.tensors->shape[2] == 3 &&
              a.tensors->data[5] == 60);
    char *gz_path = path_join(dir, "a.gz");
    gzFile gz = gzopen(gz_path, "wb");
    gzwrite(gz, idx_images, sizeof idx_images);
    gzclose(gz);
    cr_assert(idx_read(gz_path, &d, &b) == OK && memcmp(a.tensors->data, b.tensors->data, 6) == 0);
    tensor_file_close(&a);
    tensor_file_close(&b);
    free(gz_path);
    diags_fini(&d);
}

Test(idx, malformed_files_are_refused, .init = setup, .fini = teardown) {
    uint8_t bytes[64];
    for (size_t cut = 0; cut < sizeof idx_images; cut++) idx_refusal(idx_images, cut);
    memcpy(bytes, idx_images, sizeof idx_images);
    cr_assert(strstr(idx_refusal(bytes, sizeof idx_images + 1), "behind the last element"));
    bytes[0] = 1;
    cr_assert(strstr(idx_refusal(bytes, sizeof idx_images), "bad magic"));
    bytes[0] = 0, bytes[2] = 0x0a;
    cr_assert(strstr(idx_refusal(bytes, sizeof idx_images), "element type 0x0a"));
    bytes[2] = 8, bytes[3] = 255;
    cr_assert(strstr(idx_refusal(bytes, sizeof idx_images), "255 dimensions"));
    bytes[3] = 3;
    memset(bytes + 4, 0xff, 12);
    cr_assert(strstr(idx_refusal(bytes, sizeof idx_images), "overflows"));
    memset(bytes + 4, 0, 4);
    cr_assert(strstr(idx_refusal(bytes, sizeof idx_images), "dimension 0 is 0"));
}

Test(idx, a_gz_whose_end_is_cut_off_or_changed_is_refused, .init = setup, .fini = teardown) {
    char *gz_path = path_join(dir, "a.gz"), *bytes;
    size_t n;
    diags d;
    diags_init(&d);
    gzFile gz = gzopen(gz_path, "wb");
    gzwrite(gz, idx_images, sizeof idx_images);
    gzclose(gz);
    cr_assert(file_read(gz_path, 1 << 20, ERR_INPUT, &d, &bytes, &n) == OK);
    for (size_t cut = 0; cut < n; cut++) idx_refusal(bytes, cut);
    for (size_t i = n - 8; i < n; i++) { /* CRC, then length */
        bytes[i] ^= 1;
        const char *why = idx_refusal(bytes, n);
        cr_assert(strstr(why, i < n - 4 ? "t.idx: incorrect data check"
                                        : "t.idx: incorrect length check") != NULL &&
                      strstr(strstr(why, "t.idx") + 1, "t.idx") == NULL,
                  "%s", why);
        bytes[i] ^= 1;
    }
    free(bytes);
    free(gz_path);
    diags_fini(&d);
}
