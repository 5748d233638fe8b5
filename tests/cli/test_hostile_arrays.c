/*
 * NPY and NPZ files that are no such files, or hide something: rows B of the catalogue.
 */
#include "cli/hostile.h"

enum { FLOATS = 16 };
static const float values[FLOATS] = {1, 2, 3, 4};

static void npy(const char *row, const char *header, size_t data, const char *says) {
    strbuf b = {0};
    npy_file(&b, header, values, data);
    refused_tensors(row, "t.npy", &b, says);
}

static void raw(const char *row, const char *name, const char *bytes, size_t n, const char *says) {
    strbuf b = {0};
    strbuf_addn(&b, bytes, n);
    refused_tensors(row, name, &b, says);
}

Test(hostile_npy, what_does_not_begin_as_one, .init = setup, .fini = teardown) {
    for (size_t n = 0; n < 10; n++)
        raw("B01", "t.npy", "\x93NUMPY\1\0\x76\0", n, "truncated NPY header");
    raw("B01", "t.npy", "\x93NUMPY\1\0\x76", 9, "it has 9 bytes, magic, version and length are 10");
    raw("B01", "t.npy", "\x93NUMPY\2\0\x76\0\0", 11,
        "it has 11 bytes, magic, version and length are 12");
    raw("B02", "t.npy", "\x92NUMPY\1\0\x10\0", 10, "bad magic");
    raw("B02", "t.npy", "PK\3\4\24\0\0\0\0\0", 10, "bad magic");
    raw("B02", "t.npy", "1,2,3\n4,5,6\n", 12, "bad magic");
    raw("B03", "t.npy", "\x93NUMPY\0\0\x10\0", 10, "NPY version 0.0");
    raw("B03", "t.npy", "\x93NUMPY\1\1\x10\0", 10, "NPY version 1.1");
    raw("B03", "t.npy", "\x93NUMPY\4\0\x10\0", 10, "NPY version 4.0, known are 1.0, 2.0 and 3.0");
    raw("B03", "t.npy", "\x93NUMPY\xff\xff\x10\0", 10, "NPY version 255.255");
    raw("B04", "t.npy", "\x93NUMPY\1\0\xff\xff{'descr': '<f4'}", 26,
        "wants 65535 bytes, 16 are left");
    raw("B05", "t.npy", "\x93NUMPY\2\0\xff\xff\xff\xff{'descr'}", 22,
        "wants 4294967295 bytes, 10 are left");
    npy("B06", "", 0, "empty header (byte 10)");
}

Test(hostile_npy, headers_that_are_not_the_dict, .init = setup, .fini = teardown) {
    npy("B07", "[1, 2]", 0, "malformed header: not a dict");
    npy("B07", "{", 0, "malformed header");
    npy("B07", "{'descr': '<f4", 0, "header");
    npy("B07", "{'descr: <f4, }", 0, "malformed header");
    npy("B07", NPY_DICT("<f4", "(4,)") "x", 16, "text behind the dict");
    strbuf deep = {0};
    strbuf_add(&deep, "{'descr': '<f4', 'fortran_order': False, 'shape': ");
    for (int i = 0; i < 5000; i++) strbuf_add(&deep, "(");
    npy("B07", deep.s, 4, "bad dimension");
    strbuf_fini(&deep);
    npy("B08", "{'fortran_order': False, 'shape': (4,), }", 16, "no 'descr'");
    npy("B08", "{'descr': '<f4', 'shape': (4,), }", 16, "no 'fortran_order'");
    npy("B08", "{'descr': '<f4', 'fortran_order': False, }", 16, "no 'shape'");
    npy("B08", "{'descr': '<f4', 'extra': 1, 'fortran_order': False, 'shape': (4,), }", 16,
        "unknown key in the header: 'extra'");
    npy("B08", "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", 16,
        "a key stands twice in the header: 'descr'");
    npy("B08", "{'descr': '<f4', 'fortran_order': 0, 'shape': (4,), }", 16,
        "neither True nor False");
    npy("B20", "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }\t", 16,
        "text behind the dict");
    npy("B21", "{'d\xc3\xa9scr': '<f4', 'fortran_order': False, 'shape': (4,), }", 16,
        "unknown key");
    npy("B21", "{'\xff': '<f4', 'fortran_order': False, 'shape': (4,), }", 16, "unknown key");
}

Test(hostile_npy, a_header_padded_with_nul_is_refused_as_numpy_does, .init = setup,
     .fini = teardown) {
    strbuf b = {0};
    strbuf_addn(&b, "\x93NUMPY\1\0", 8);
    strbuf header = {0};
    strbuf_add(&header, NPY_DICT("<f4", "(4,)"));
    strbuf_addn(&header, "\0\0\0\0", 4);
    put_le(&b, header.len, 2);
    strbuf_addn(&b, header.s, header.len);
    strbuf_addn(&b, (const char *)values, 16);
    strbuf_fini(&header);
    refused_tensors("B20", "t.npy", &b, "text behind the dict");
}

Test(hostile_npy, types_that_are_not_read, .init = setup, .fini = teardown) {
    npy("B09", NPY_DICT("|O", "(1,)"), 8,
        "object arrays need pickle, which is not supported: '|O'");
    npy("B10", "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", 4,
        "structured types are not supported");
    npy("B10", "{'descr': ('<f4', (2,)), 'fortran_order': False, 'shape': (1,), }", 8,
        "structured types are not supported");
    const char *types[] = {"<c8", "<U4", "<M8[s]", "<f16", "<x4", "f4", "", "<m8"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char header[128];
        snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': False, 'shape': (1,), }",
                 types[i]);
        npy("B11", header, 8, types[i]);
    }
}

Test(hostile_npy, types_and_orders_that_are_read, .init = setup, .fini = teardown) {
    const char *types[] = {"|b1", "|u1", "|i1", "<u2", "<i2", ">i2", "<f2", "<u4",
                           "<i4", "<f4", ">f4", "<u8", "<i8", "<f8", ">f8"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char header[128];
        strbuf b = {0};
        snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': %s, 'shape': (2, 2), }",
                 types[i], i % 2 ? "True" : "False");
        npy_file(&b, header, values, (size_t)(types[i][2] - '0') * 4);
        accepted_tensors("B11 to B13", "t.npy", &b);
    }
    strbuf scalar = {0}, empty = {0};
    npy_file(&scalar, NPY_DICT("<f4", "()"), values, 4);
    accepted_tensors("B18", "t.npy", &scalar);
    npy_file(&empty, NPY_DICT("<f4", "(3, 0)"), values, 0);
    accepted_tensors("B18", "t.npy", &empty);
}

Test(hostile_npy, shapes_that_lie, .init = setup, .fini = teardown) {
    const char *dims[] = {
        "(-1,)",   "(1.5,)", "('a',)", "(9223372036854775808,)", "(18446744073709551617,)",
        "(0x10,)", "(1e3,)", "(True,)"};
    for (size_t i = 0; i < sizeof dims / sizeof *dims; i++) {
        char header[128];
        snprintf(header, sizeof header, "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }",
                 dims[i]);
        npy("B14", header, 16, i == 1 || i > 4 ? "" : "bad dimension");
    }
    npy("B14", NPY_DICT("<f4", "[4]"), 16, "the shape is not a tuple");
    npy("B14", NPY_DICT("<f4", "4"), 16, "the shape is not a tuple");
    npy("B15", NPY_DICT("<f4", "(4194305, 4194305, 211106198978564)"), 16,
        "element count overflows");
    npy("B16", NPY_DICT("<f8", "(1099511627776,)"), 0,
        "the data needs 8796093022208 bytes, the file has 0");
    npy("B16", NPY_DICT("<f8", "(2305843009213693951,)"), 8, "overflows");
    strbuf many = {0};
    strbuf_add(&many, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (int i = 0; i < 1000; i++) strbuf_add(&many, "1, ");
    strbuf_add(&many, "), }");
    npy("B17", many.s, 4, "more than 8 dimensions");
    strbuf_fini(&many);
    npy("B19", NPY_DICT("<f4", "(4,)"), 15, "the data needs 16 bytes, the file has 15");
    npy("B19", NPY_DICT("<f4", "(4,)"), 17, "the data needs 16 bytes, the file has 17");
}

Test(hostile_npy, values_that_are_no_numbers, .init = setup, .fini = teardown) {
    const float odd[][2] = {{0, NAN}, {0, INFINITY}};
    const char *says[] = {"element 1 is NaN", "element 1 is infinite"};
    for (int i = 0; i < 2; i++) {
        strbuf b = {0};
        npy_file(&b, NPY_DICT("<f4", "(2,)"), odd[i], 8);
        refused_values("B22", "t.npy", &b, says[i]);
    }
    const double large[] = {1e300, 1};
    strbuf b = {0};
    npy_file(&b, NPY_DICT("<f8", "(2,)"), large, 16);
    refused_values("B22", "t.npy", &b, "element 0 is too large for float32");
}

/* ---- NPZ ---- */

static strbuf array_of(float v) {
    strbuf b = {0};
    const float x[] = {v, v};
    npy_file(&b, NPY_DICT("<f4", "(2,)"), x, sizeof x);
    return b;
}

/* A sound archive of two members but for what `change` does to the second. */
static void npz(const char *row, const char *says, zip_member change) {
    strbuf one = array_of(1), two = array_of(2), b = {0};
    zip_member m[] = {{.name = "a.npy", .data = one.s, .n = one.len}, change};
    if (m[1].name == NULL) m[1].name = "b.npy";
    if (m[1].data == NULL) m[1].data = two.s, m[1].n = two.len;
    zip_file(&b, m, 2);
    strbuf_fini(&one);
    strbuf_fini(&two);
    refused_tensors(row, "t.npz", &b, says);
}

Test(hostile_npz, what_is_no_archive, .init = setup, .fini = teardown) {
    raw("B25", "t.npz", "", 0, "not an NPZ file");
    raw("B25", "t.npz", "\x93NUMPY\1\0\0\0", 10, "not an NPZ file");
    raw("B25", "t.npz", "PK\3\4 and no more of it", 22, "not an NPZ file");
    raw("B25", "t.npz", "PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22, "it has no members");
    strbuf b = {0}, one = array_of(1);
    zip_file(&b, &(zip_member){.name = "a.npy", .data = one.s, .n = one.len}, 1);
    b.len -= 30; /* of the directory and all that follows */
    strbuf_fini(&one);
    refused_tensors("B25", "t.npz", &b, "not an NPZ file");
}

Test(hostile_npz, bombs, .init = setup, .fini = teardown) {
    const uint32_t less = 100, huge = 0xfffffff0u, most = 0xffffffffu;
    size_t n = 100 << 20;
    char *zeros = calloc(n, 1);
    const zip_member bomb = {.data = zeros, .n = n, .method = 8};
    zip_member lies = bomb;
    lies.size = &less;
    npz("B26", "t.npz", lies);
    npz("B26", "its size is more than its data can hold, or a bomb's", bomb);
    free(zeros);
    npz("B26", "more than its data can hold", (zip_member){.method = 8, .size = &huge});
    npz("B29", "member 'b.npy': inconsistent sizes: 0xFFFFFFFF without a zip64 field",
        (zip_member){.size = &most});
    npz("B29", "inconsistent", (zip_member){.local = &less});
}

Test(hostile_npz, members_with_names_that_lead_elsewhere, .init = setup, .fini = teardown) {
    npz("B27", "its name leads out of the archive", (zip_member){.name = "../../x.npy"});
    npz("B27", "its name leads out of the archive", (zip_member){.name = "/etc/x.npy"});
    npz("B27", "its name leads out of the archive", (zip_member){.name = "a/../../x.npy"});
    npz("B27", "its name leads out of the archive", (zip_member){.name = "..\\x.npy"});
    npz("B27", "NUL", (zip_member){.name = "b.npy\0.exe", .name_bytes = 10});
    npz("B27", "member 'a.npy': two members have this name", (zip_member){.name = "a.npy"});
    npz("B27", "it is no .npy file", (zip_member){.name = "b.txt"});
    npz("B27", "member 'b\\x1b[2J.npy': compression method 12",
        (zip_member){.name = "b\x1b[2J.npy", .method = 12});
    char *name = malloc(65000);
    memset(name, 'n', 65000);
    memcpy(name + 64995, ".npy", 5);
    npz("B27", "its name is longer than 1024 bytes", (zip_member){.name = name});
    free(name);
}

Test(hostile_npz, members_that_cannot_be_read, .init = setup, .fini = teardown) {
    const uint32_t crc = 1, start = 0;
    npz("B28", "it is encrypted", (zip_member){.flags = 1});
    npz("B28", "it is encrypted, which is not supported", (zip_member){.method = 99});
    const int methods[] = {1, 12, 14, 93};
    for (int i = 0; i < 4; i++) {
        char says[64];
        snprintf(says, sizeof says, "member 'b.npy': compression method %d is not supported",
                 methods[i]);
        npz("B28", says, (zip_member){.method = methods[i]});
    }
    npz("B30", "member 'b.npy'", (zip_member){.crc = &crc});
    npz("B30", "t.npz", (zip_member){.offset = &start});
    npz("B30", "b.npy: not an NPY file", (zip_member){.data = "no array at all", .n = 15});
}

/* What is not read is not written. */
Test(hostile_npz, names_that_no_member_can_have_are_not_written, .init = setup, .fini = teardown) {
    const char *const names[] = {"\\u001b[31m", "../x", "/x", "a\\\\b"},
                      *const says[] = {"tensor '\\x1b[31m': its name has a control character",
                                       "its name leads out", "its name leads out",
                                       "its name leads out"};
    for (int i = 0; i < 4; i++) {
        strbuf b = {0};
        char *header =
            str_format("{\"%s\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}",
                       names[i]);
        safetensors_file(&b, header, values, 16);
        put_file("t.safetensors", &b);
        judge("E20", 4, "o.npz", says[i],
              (const char *const[]){"export", "t.safetensors", "-o", "o.npz", NULL});
        free(header);
    }
}

/* The tensor of an NPY file is named as the file, which may be no UTF-8. */
Test(hostile_npy, a_file_whose_name_is_no_utf8_gives_a_tensor_whose_name_is, .init = setup,
     .fini = teardown) {
    strbuf b = {0};
    npy_file(&b, NPY_DICT("<f4", "(2, 2)"), values, 16);
    put_file("\xff.npy", &b);
    free(expect(0, "$Q quantize \xff.npy --scheme int -o \xfe.safetensors && $Q inspect "
                   "\xfe.safetensors | grep -q '^.xff '"));
    free(expect(0, "$Q export \xff.npy -o o.gguf && $Q inspect o.gguf | grep -q '^.xff '"));
}

static void many_members(int n, const char *says) {
    zip_member *m = calloc((size_t)n, sizeof *m);
    strbuf b = {0};
    for (int i = 0; i < n; i++) m[i].name = str_format("%d.npy", i), m[i].data = "";
    zip_file(&b, m, n);
    for (int i = 0; i < n; i++) free((char *)(uintptr_t)m[i].name);
    free(m);
    refused_tensors("B31", "t.npz", &b, says);
}

Test(hostile_npz, too_many_members, .init = setup, .fini = teardown) {
    many_members(4097, "more than 4096 members");
    many_members(65537, "t.npz"); /* the count in the directory wraps to 1 */
}
