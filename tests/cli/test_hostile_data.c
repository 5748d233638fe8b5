/*
 * Data sets that are none: rows B22 to B24, C and D of the catalogue, through `plan` and `run`.
 */
#include "cli/hostile.h"

#include "util/files.h"

/* ---- IDX ---- */

#define IDX "{format: idx, images: x.idx, labels: y.idx}"

/* The header of n items of a type, with `dims` dimensions of 2 behind the first. */
static strbuf idx_head(int type, int dims, uint32_t n) {
    strbuf b = {0};
    put_be(&b, (uint64_t)type, 3);
    put_be(&b, (uint64_t)dims, 1);
    for (int i = 0; i < dims; i++) put_be(&b, i == 0 ? n : 2, 4);
    return b;
}

static strbuf idx_images(uint32_t n) {
    strbuf b = idx_head(8, 3, n);
    for (uint32_t i = 0; i < 4 * n; i++) put_le(&b, i * 7 % 256, 1);
    return b;
}

static strbuf idx_labels(uint32_t n) {
    strbuf b = idx_head(8, 1, n);
    for (uint32_t i = 0; i < n; i++) put_le(&b, i % 2, 1);
    return b;
}

static void idx(const char *row, strbuf images, const char *says) {
    strbuf labels = idx_labels(8);
    put_file("x.idx", &images);
    put_file("y.idx", &labels);
    refused_data(row, IDX, "x.idx", says);
}

Test(hostile_idx, headers_that_lie, .init = setup, .fini = teardown) {
    strbuf b = idx_images(8);
    b.s[2] = 0;
    idx("C01", b, "IDX element type 0x00");
    b = idx_images(8), b.s[2] = 0x0a;
    idx("C01", b, "IDX element type 0x0a");
    b = idx_images(8), b.s[0] = 1;
    idx("C01", b, "not an IDX file (bad magic");
    b = idx_images(8), b.s[3] = 0;
    idx("C02", b, "0 dimensions");
    b = idx_images(8), b.s[3] = (char)255;
    idx("C02", b, "255 dimensions");
    b = idx_images(8), memset(b.s + 4, 0xff, 12);
    idx("C03", b, "overflows");
    b = idx_images(10), memcpy(b.s + 4, "\0\0\xea\x60\0\0\0\x1c\0\0\0\x1c", 12);
    idx("C04", b, "its shape wants 47040000 bytes, the file has 40");
    b = idx_images(8), strbuf_add(&b, "xyz");
    idx("C05", b, "3 bytes behind the last element");
    idx("C06", idx_labels(8), "samples have 2 or more dimensions");
    idx("C11", idx_images(0), "dimension 0 is 0");
    for (size_t cut = 0; cut < 16; cut++) {
        b = idx_images(8), b.len = cut;
        idx("C12", b, cut < 4 ? "truncated: 4 bytes more" : "truncated: 12 bytes more");
    }
}

Test(hostile_idx, pairs_that_do_not_fit, .init = setup, .fini = teardown) {
    strbuf x = idx_images(8), y = idx_images(8);
    put_file("x.idx", &x), put_file("y.idx", &y);
    refused_data("C06", IDX, "y.idx", "labels have 1 dimension");
    y = idx_labels(9);
    put_file("y.idx", &y);
    refused_data("C07", IDX, "x.idx", "has 8 samples, y.idx has 9 labels");
}

Test(hostile_idx, compressed_files_that_are_damaged, .init = setup, .fini = teardown) {
    strbuf plain = idx_images(8), b = {0};
    gzip_bytes(&b, plain.s, plain.len);
    size_t n = b.len;
    strbuf_add(&b, "garbage");
    idx("C09", b, "7 bytes behind the end of the compressed data");
    for (size_t cut = 3; cut < n; cut += n / 8) {
        b = (strbuf){0};
        gzip_bytes(&b, plain.s, plain.len);
        b.len = cut;
        idx("C09", b, "truncated");
    }
    b = (strbuf){0};
    gzip_bytes(&b, plain.s, plain.len);
    b.s[n - 6] ^= 1;
    idx("C09", b, "incorrect data check");
    strbuf_fini(&plain);
    plain = idx_head(8, 3, 8);
    plain.len = 4;
    put_be(&plain, 60000, 4), put_be(&plain, 100, 4), put_be(&plain, 100, 4);
    b = (strbuf){0};
    gzip_bytes(&b, plain.s, plain.len);
    idx("C09", b, "its shape wants 600000000 bytes");
    strbuf_fini(&plain);
    b = (strbuf){0}; /* a bomb of 100 MiB that says so */
    plain = idx_head(8, 1, 100 << 20);
    plain.s[3] = 2, put_be(&plain, 1, 4);
    char *zeros = calloc(1, 100 << 20);
    strbuf_addn(&plain, zeros, 100 << 20);
    free(zeros);
    gzip_bytes(&b, plain.s, plain.len);
    strbuf_fini(&plain);
    idx("C09", b, "its shape wants 104857600 bytes");
}

Test(hostile_idx, every_type_plain_and_compressed_is_read, .init = setup, .fini = teardown) {
    const int types[] = {8, 9, 0x0b, 0x0c, 0x0d, 0x0e}, bytes[] = {1, 1, 2, 4, 4, 8};
    for (int i = 0; i < 6; i++) {
        strbuf x = idx_head(types[i], 3, 8), y = idx_labels(8), z = {0};
        for (int k = 0; k < 32 * bytes[i]; k++) put_le(&x, k % bytes[i] == 0 ? 0x40 : 0, 1);
        gzip_bytes(&z, x.s, x.len);
        put_file(i % 2 ? "x.idx" : "z.idx", &x), put_file(i % 2 ? "z.idx" : "x.idx", &z);
        put_file("y.idx", &y);
        accepted_data("C08, C10", IDX);
    }
}

/* ---- NPY and NPZ ---- */

#define NPY "{format: npy, images: x.npy, labels: y.npy}"

static void npy(const char *header, const char *name, const void *data, size_t n) {
    strbuf b = {0};
    npy_file(&b, header, data, n);
    put_file(name, &b);
}

Test(hostile_arrays, samples_and_labels_that_are_none, .init = setup, .fini = teardown) {
    float x[64] = {0};
    const int32_t y[8] = {0, 1, 0, 1, 0, 1, 0, 1};
    npy(NPY_DICT("<f4", "(8, 8)"), "x.npy", x, 256);
    npy(NPY_DICT("<i4", "(8,)"), "y.npy", y, 32);
    accepted_data("B22", NPY);
    x[17 + 8 * 2] = NAN;
    npy(NPY_DICT("<f4", "(8, 8)"), "x.npy", x, 256);
    refused_data("B22", NPY, "x.npy", "value 1 of sample 4 (both from 0) is NaN");
    x[33] = INFINITY;
    npy(NPY_DICT("<f4", "(8, 8)"), "x.npy", x, 256);
    refused_data("B22", NPY, "x.npy", "value 1 of sample 4 (both from 0) is infinite");
    x[33] = 1e-40f; /* denormal */
    npy(NPY_DICT("<f4", "(8, 8)"), "x.npy", x, 256);
    accepted_data("B22", NPY);
    const int32_t negative[8] = {0, 1, 0, -1}, large[8] = {0, 1, 0, 1000000};
    const float half[8] = {0, 1, 0.5f};
    npy(NPY_DICT("<i4", "(8,)"), "y.npy", negative, 32);
    refused_data("B23", NPY, "y.npy", "label -1 of sample 3 (from 0) is no integer in [0, 65535]");
    npy(NPY_DICT("<i4", "(8,)"), "y.npy", large, 32);
    refused_data("B23", NPY, "y.npy", "label 1000000 of sample 3");
    npy(NPY_DICT("<f4", "(8,)"), "y.npy", half, 32);
    refused_data("B23", NPY, "y.npy", "label 0.5 of sample 2");
    npy(NPY_DICT("<i4", "(7,)"), "y.npy", y, 28);
    refused_data("B24", NPY, "x.npy", "has 8 samples, y.npy has 7 labels");
    npy(NPY_DICT("<f4", "(0, 8)"), "x.npy", x, 0);
    npy(NPY_DICT("<i4", "(0,)"), "y.npy", y, 0);
    refused_data("B18", NPY, "x.npy", "it has 0 samples");
    npy(NPY_DICT("<f4", "(8, 0)"), "x.npy", x, 0);
    npy(NPY_DICT("<i4", "(8,)"), "y.npy", y, 32);
    refused_data("B18", NPY, "x.npy", "it has samples without values");
    npy(NPY_DICT("<f4", "(8,)"), "x.npy", x, 32);
    refused_data("B18", NPY, "x.npy", "samples have 2 or more dimensions");
}

Test(hostile_arrays, archives_without_the_arrays, .init = setup, .fini = teardown) {
    const float x[16] = {0};
    const uint8_t y[4] = {0, 1, 0, 1};
    strbuf a = {0}, b = {0}, z = {0};
    npy_file(&a, NPY_DICT("<f4", "(4, 4)"), x, 64);
    npy_file(&b, NPY_DICT("|u1", "(4,)"), y, 4);
    zip_member m[] = {{.name = "x.npy", .data = a.s, .n = a.len, .method = 8},
                      {.name = "labels.npy", .data = b.s, .n = b.len}};
    zip_file(&z, m, 2);
    put_file("t.npz", &z);
    refused_data("B24", "{format: npz, path: t.npz}", "t.npz", "it has no array 'y'");
    refused_data("B24", "{format: npz, path: t.npz, x: images}", "t.npz",
                 "it has no array 'images'");
    accepted_data("B24", "{format: npz, path: t.npz, y: labels}");
    strbuf_fini(&a);
    strbuf_fini(&b);
}

/* Training on a.csv, test on b.csv. */
static void refused_pair(const char *row, const char *train, const char *test, const char *name,
                         const char *says) {
    put_text_file("a.csv", train);
    put_text_file("b.csv", test);
    put_text_file("s.yaml",
                  "version: 1\nkind: qat\ndata: {train: {format: csv, path: a.csv}, test: "
                  "{format: csv, path: b.csv}}\nmodel: {type: mlp, hidden: [4]}\n");
    judge(row, 4, name, says, (const char *const[]){"plan", "s.yaml", "--db", "r.db", NULL});
    judge(row, 4, name, says, (const char *const[]){"run", "s.yaml", "--db", "r.db", NULL});
}

Test(hostile_arrays, sets_that_do_not_fit_each_other_are_both_named, .init = setup,
     .fini = teardown) {
    refused_pair("B24", "1,2,3,0\n4,5,6,1\n", "1,2,0\n4,5,1\n", "a.csv",
                 "a training sample has 3 values, a test sample of b.csv 2");
    refused_pair("B23", "1,2,3,0\n4,5,6,1\n", "1,2,3,0\n4,5,6,7\n", "b.csv",
                 "the test set has 8 classes, the training set a.csv 2");
}

/* ---- CSV ---- */

#define CSV "{format: csv, path: t.csv}"

static void csv(const char *row, const char *text, const char *says) {
    put_text_file("t.csv", text);
    refused_data(row, CSV, "t.csv", says);
}

static void fine_csv(const char *row, const char *text) {
    put_text_file("t.csv", text);
    accepted_data(row, CSV);
}

Test(hostile_csv, tables_that_are_none, .init = setup, .fini = teardown) {
    csv("D01", "", "no data rows");
    csv("D01", "\n\n", "no data rows");
    csv("D01", "x,y\n", "no data rows");
    csv("D02", "x,y,z,c\n1,2,3,0\n1,2,3,1\n\n1,2,0\n", "line 4: 1 column, expected 4");
    csv("D02", "1,2,3,0\n1,2,3,1\n1,2,0\n", "line 3: 3 columns, expected 4");
    csv("D02", "1,2,0\n1,2,3,1\n", "line 2: 4 columns, expected 3");
    csv("D03", "x,y\n1,0\n1,\"0\n1,0\n", "line 3: unterminated quote");
    csv("D03", "x,y\n\"1\"2,0\n", "line 2: text behind a quoted field");
    csv("D04", "x,y\n1,0\n2,abc\n", "line 3, column 2 ('y'): 'abc' is not a finite decimal number");
    csv("D04", "1,0\n,1\n", "line 2, column 1: '' is empty");
    csv("D09", "x,x\n1,0\n", "two columns are named 'x'");
    put_text_file("t.csv", "x,y\n1,0\n");
    refused_data("D09", "{format: csv, path: t.csv, label: class}", "t.csv",
                 "it has no column 'class'");
    refused_data("D09", "{format: csv, path: t.csv, label: 3}", "t.csv", "it has no column '3'");
    csv("D11", "x,\xff\n1,0\n", "the name of column 2 is not UTF-8 text");
    csv("D12", "x;y\n1;0\n2;1\n", "1 column found; is the separator ';'?");
    csv("D12", "x\ty\n1\t0\n", "1 column found; is the separator a tab?");
    csv("D12", "1\n0\n", "1 column; labels and at least one value are wanted");
    csv("D14", "x,animal\n1,cat\n2,dog\n", "line 2, column 2 ('animal'): 'cat' is not a finite");
    csv("D14", "x,y\n1,-1\n", "label -1 of sample 0");
    csv("D14", "x,y\n1,0.5\n", "label 0.5 of sample 0");
}

Test(hostile_csv, numbers_that_are_none, .init = setup, .fini = teardown) {
    const char *numbers[] = {"nan", "inf", "-inf",  "0x1p3", "1.2.3",
                             "1e",  "--1", "1_000", "1e5f",  "+"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char *text = str_format("x,y\n1,0\n%s,1\n", numbers[i]);
        csv("D05", text, "is not a finite decimal number");
        free(text);
    }
    csv("D05", "x,y\n1e999,0\n", "'1e999' is out of range");
    csv("D05", "x,y\n1e39,0\n", "'1e39' is too large for float32");
    csv("D05", "x,y\n1,000,0\n", "line 2: 3 columns, expected 2");
    csv("D06", "x,y\n\"1,5\",0\n", "'1,5' is not a finite decimal number");
    strbuf b = {0};
    strbuf_addn(&b, "x,y\n1,0\n\0,1\n", 12);
    put_file("t.csv", &b);
    refused_data("D08", CSV, "t.csv", "a NUL character at byte 8");
}

Test(hostile_csv, lines_without_end, .init = setup, .fini = teardown) {
    size_t n = 64 << 20;
    char *long_line = malloc(n);
    strbuf b = {0};
    memset(long_line, 'a', n);
    strbuf_add(&b, "x,y\n1,0\n\"");
    strbuf_addn(&b, long_line, n);
    put_file("t.csv", &b);
    refused_data("D03", CSV, "t.csv", "line 3: unterminated quote: 1 MiB without end");
    strbuf_addn(&b, long_line, n);
    put_file("t.csv", &b);
    refused_data("D03", CSV, "t.csv", "line 1: longer than 1 MiB");
    free(long_line);
}

Test(hostile_csv, forms_that_are_fine, .init = setup, .fini = teardown) {
    fine_csv("D05", "x,y\n 1 ,0\n+2.5e-3,1\n.5,0\n5.,1\n\"7\",0\n");
    fine_csv("D07", "x,y\r\n1,0\r\n2,1\r\n");
    fine_csv("D07", "x,y\r1,0\r2,1\r");
    fine_csv("D07", "\xef\xbb\xbfx,y\n1,0\n2,1");
    fine_csv("D07", "1,0\n2,1\n\n\n");
    fine_csv("D09", "a,\"b, \"\"c\"\"\"\n1,0\n2,1\n");
    put_text_file("t.csv", "class,x\n0,1\n1,2\n");
    accepted_data("D09", "{format: csv, path: t.csv, label: class}");
    accepted_data("D09", "{format: csv, path: t.csv, label: 1}");
    strbuf wide = {0};
    for (int row = 0; row < 2; row++)
        for (int k = 0; k < 100000; k++) strbuf_add(&wide, k < 99999 ? "1," : "1\n");
    put_file("t.csv", &wide);
    accepted_data("D10", CSV);
}
