/*
 * Data sets of files: the values are those of the file in every form that it can have.
 */
#include "support/support.h"

#include "data/dataset.h"
#include "support/formats.h"
#include "util/files.h"
#include "util/str.h"

static char *dir, *paths[3];

static void setup(void) { dir = temp_dir(); }
static void teardown(void) {
    remove_dir(dir);
    free(dir);
    for (int i = 0; i < 3; i++) free(paths[i]);
}

/* The path of the folder's file k, which is written; takes b. */
static const char *file(int k, const char *name, strbuf *b) {
    free(paths[k]);
    paths[k] = path_join(dir, name);
    write_bytes(paths[k], b->s, b->len);
    strbuf_fini(b);
    return paths[k];
}

static dataset load(data_source s) {
    dataset a;
    diags d;
    diags_init(&d);
    if (s.std == 0) s.std = 1;
    status bad = dataset_load(&s, &d, &a);
    assert_fine(&d);
    cr_assert(bad == OK);
    diags_fini(&d);
    return a;
}

/* Three samples of two values, 0.5 1 1.5 2 2.5 3, with the labels 0 1 2. */
static void check_six(dataset a, const char *what) {
    cr_assert(a.n == 3 && a.features == 2 && a.classes == 3, "%s", what);
    for (int i = 0; i < 6; i++)
        cr_assert(a.x[i] == (float)(i + 1) / 2, "%s: value %d is %g", what, i, (double)a.x[i]);
    for (int i = 0; i < 3; i++) cr_assert(a.y[i] == i, "%s", what);
    dataset_free(&a);
}

#define NPY(descr, fortran, shape)                                                                 \
    "{'descr': '" descr "', 'fortran_order': " fortran ", 'shape': " shape ", }\n"

Test(data, arrays_in_any_order_and_type_are_the_same_samples, .init = setup, .fini = teardown) {
    const float c[] = {0.5f, 1, 1.5f, 2, 2.5f, 3}, fortran[] = {0.5f, 1.5f, 2.5f, 1, 2, 3};
    const uint16_t half[] = {0x3800, 0x3c00, 0x3e00, 0x4000, 0x4100, 0x4200};
    const double real[] = {0.5, 1, 1.5, 2, 2.5, 3};
    const int64_t y[] = {0, 1, 2};
    strbuf big = {0}, b = {0};
    for (int i = 0; i < 6; i++) put_be(&big, (uint64_t)((const uint32_t *)(const void *)c)[i], 4);
    const struct {
        const char *header;
        const void *data;
        size_t n;
    } forms[] = {{NPY("<f4", "False", "(3, 2)"), c, 24},
                 {NPY("<f4", "True", "(3, 2)"), fortran, 24},
                 {NPY(">f4", "False", "(3, 2)"), big.s, 24},
                 {NPY("<f2", "False", "(3, 2)"), half, 12},
                 {NPY("<f8", "False", "(3, 1, 2)"), real, 48}};
    npy_file(&b, NPY("<i8", "False", "(3,)"), y, 24);
    const char *labels = file(1, "y.npy", &b);
    for (int i = 0; i < 5; i++) {
        b = (strbuf){0};
        npy_file(&b, forms[i].header, forms[i].data, forms[i].n);
        const char *x = file(0, "x.npy", &b);
        check_six(load((data_source){.format = DATA_NPY, .images = x, .labels = labels}),
                  forms[i].header);
    }
    strbuf x = {0}, z = {0};
    npy_file(&x, forms[1].header, forms[1].data, forms[1].n);
    npy_file(&b, NPY("<i8", "False", "(3,)"), y, 24);
    zip_file(&z,
             (zip_member[]){{.name = "a.npy", .data = x.s, .n = x.len, .method = 8},
                            {.name = "b.npy", .data = b.s, .n = b.len}},
             2);
    const char *npz = file(2, "t.npz", &z);
    check_six(load((data_source){.format = DATA_NPZ, .images = npz, .x = "a", .y = "b"}), "npz");
    strbuf_fini(&big), strbuf_fini(&x), strbuf_fini(&b);
}

Test(data, idx_elements_of_every_type_are_their_values, .init = setup, .fini = teardown) {
    const int types[] = {8, 9, 0x0b, 0x0c, 0x0d, 0x0e}, bytes[] = {1, 1, 2, 4, 4, 8};
    for (int t = 0; t < 6; t++) {
        strbuf x = {0}, y = {0}, z = {0};
        put_be(&x, (uint64_t)types[t], 3), put_be(&x, 2, 1), put_be(&x, 3, 4), put_be(&x, 2, 4);
        for (int i = 0; i < 6; i++) {
            const float f = -(float)i;
            const double g = -(double)i;
            uint64_t bits = (uint64_t)-i;
            if (types[t] == 8) bits = (uint64_t)i;
            if (types[t] == 0x0d) bits = 0, memcpy(&bits, &f, 4);
            if (types[t] == 0x0e) memcpy(&bits, &g, 8);
            put_be(&x, bits, bytes[t]);
        }
        put_be(&y, 0x801, 4), put_be(&y, 3, 4), put_be(&y, 0x000102, 3);
        if (t % 2) gzip_bytes(&z, x.s, x.len);
        const char *images = file(0, "x.idx", t % 2 ? &z : &x), *labels = file(1, "y.idx", &y);
        dataset a = load((data_source){.format = DATA_IDX, .images = images, .labels = labels});
        for (int i = 0; i < 6; i++)
            cr_assert(a.x[i] == (types[t] == 8 ? (float)(i / 255.0) : -(float)i), "type %d",
                      types[t]);
        cr_assert(a.n == 3 && a.features == 2 && a.classes == 3);
        dataset_free(&a);
        if (t % 2) strbuf_fini(&x);
    }
}

Test(data, tables_in_any_form_are_the_same_samples, .init = setup, .fini = teardown) {
    const char *forms[] = {"0.5,1,0\n1.5,2,1\n2.5,3,2\n",
                           "a,b,y\n0.5,1,0\n1.5,2,1\n2.5,3,2\n",
                           "a,b,y\r\n0.5,1,0\r\n1.5,2,1\r\n2.5,3,2\r\n",
                           "a,b,y\r0.5,1,0\r1.5,2,1\r2.5,3,2",
                           ("\xef\xbb\xbf"
                            "a,b,y\n0.5,1,0\n1.5,2,1\n2.5,3,2\n\n\n"),
                           "\"a\",\"b\nc\",y\n\"0.5\", 1 ,0\n15e-1,2.0,1\n+2.5,\" 3 \",2\n"};
    for (int i = 0; i < 6; i++) {
        strbuf b = {0};
        strbuf_add(&b, forms[i]);
        check_six(load((data_source){.format = DATA_CSV, .images = file(0, "t.csv", &b), .y = ""}),
                  forms[i]);
    }
    const char *columns[] = {"class", "1"};
    for (int i = 0; i < 2; i++) {
        strbuf b = {0};
        strbuf_add(&b, "class,a,b\n0,0.5,1\n1,1.5,2\n2,2.5,3\n");
        check_six(load((data_source){.format = DATA_CSV,
                                     .images = file(0, "t.csv", &b),
                                     .y = columns[i]}),
                  columns[i]);
    }
}

Test(data, a_limit_takes_the_first_samples_and_keeps_the_classes, .init = setup, .fini = teardown) {
    strbuf b = {0};
    strbuf_add(&b, "1,0\n2,1\n3,2\n");
    data_source s = {.format = DATA_CSV,
                     .images = file(0, "t.csv", &b),
                     .y = "",
                     .limit = 2,
                     .mean = 1,
                     .std = 2};
    dataset a = load(s);
    cr_assert(a.n == 2 && a.classes == 3 && a.x[0] == 0 && a.x[1] == 0.5f);
    dataset_catalog c = {0};
    dataset_size size;
    char hash[65];
    diags d;
    diags_init(&d);
    cr_assert(dataset_describe(&c, &s, &d, &size, hash) == OK);
    cr_assert(size.n == 2 && size.features == 1 && size.classes == 3 && strlen(hash) == 64);
    dataset_catalog_fini(&c);
    dataset_free(&a);
    diags_fini(&d);
}
