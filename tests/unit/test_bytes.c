/*
 * Every truncation and every flipped bit of files of every kind: read, or refused with one error
 * of the file. Under `make check-asan` also: no byte outside of them is touched.
 */
#include "support/support.h"

#include "io/csv.h"
#include "io/idx.h"
#include "support/formats.h"
#include "util/mem.h"

enum { FILES = 6, FLIPPED = 512 };

typedef enum how_read { READ, REFUSED } how_read;

/* A copy of exactly n bytes and a NUL, as file_read() gives it. */
static how_read read_csv(const char *bytes, size_t n, diags *d) {
    csv_table t;
    char *copy = mem_strndup(bytes, n);
    status bad = csv_parse("t.csv", copy, (int64_t)n, d, &t);
    free(copy);
    if (!bad) csv_free(&t);
    return bad ? REFUSED : READ;
}

static how_read read_tensors(const char *path, const char *bytes, size_t n, diags *d) {
    tensor_file f = {.path = mem_strdup(path), .bytes = malloc(n + 1), .n_bytes = (int64_t)n};
    memcpy(f.bytes, bytes, n);
    status bad = strcmp(path, "t.idx") == 0 ? idx_parse(&f, d) : tensor_file_parse(&f, d);
    for (int i = 0; !bad && i < f.n; i++) {
        const tensor_entry *t = &f.tensors[i];
        cr_assert(t->data >= (uint8_t *)f.bytes &&
                  t->data + tensor_entry_bytes(t) <= (uint8_t *)f.bytes + f.n_bytes);
        for (int64_t k = 0; dtype_is_known(t->type) && k < t->n; k++) tensor_entry_at(t, k);
    }
    tensor_file_close(&f);
    return bad ? REFUSED : READ;
}

static how_read read_one(const char *path, const char *bytes, size_t n) {
    diags d;
    diags_init(&d);
    how_read how =
        strcmp(path, "t.csv") == 0 ? read_csv(bytes, n, &d) : read_tensors(path, bytes, n, &d);
    cr_assert(d.errors == (how == REFUSED), "one error if it is refused, none if not");
    cr_assert(how == READ || (d.list[0].st == ERR_INPUT &&
                              strstr(d.list[0].message, path) == d.list[0].message),
              "%s", d.n > 0 ? d.list[0].message : "");
    diags_fini(&d);
    return how;
}

static void try_file(const char *path, const strbuf *b, bool cuts_show) {
    for (size_t cut = 0; cut < b->len; cut++) {
        how_read how = read_one(path, b->s, cut);
        cr_assert(!cuts_show || how == REFUSED, "%s: cut off at byte %zu", path, cut);
    }
    for (size_t bit = 0; bit < 8 * b->len && bit < 8 * FLIPPED; bit++) {
        b->s[bit / 8] ^= (char)(1 << bit % 8);
        read_one(path, b->s, b->len);
        b->s[bit / 8] ^= (char)(1 << bit % 8);
    }
}

/* cuts_show: the format says how long the file is. */
static void try_kind(const char *path, void (*make)(dice *r, strbuf *out), bool cuts_show) {
    for (uint64_t seed = 0; seed < FILES; seed++) {
        strbuf b = {0};
        make(&(dice){seed}, &b);
        try_file(path, &b, cuts_show);
        strbuf_fini(&b);
    }
}

Test(bytes, of_npy_files_cut_and_flipped) { try_kind("t.npy", make_npy, true); }
Test(bytes, of_npz_files_cut_and_flipped) { try_kind("t.npz", make_npz, true); }
Test(bytes, of_idx_files_cut_and_flipped) { try_kind("t.idx", make_idx, true); }
Test(bytes, of_csv_files_cut_and_flipped) { try_kind("t.csv", make_csv, false); }
Test(bytes, of_safetensors_files_cut_and_flipped) {
    try_kind("t.safetensors", make_safetensors, true);
}
/* A cut in the padding behind the last tensor is none: writers leave it out. */
Test(bytes, of_gguf_files_cut_and_flipped) { try_kind("t.gguf", make_gguf, false); }
