#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/mem.h"

void fuzz_require(bool fine, const char *what) {
    if (fine) return;
    fprintf(stderr, "not so: %s\n", what);
    abort();
}

char *fuzz_copy(const uint8_t *bytes, size_t n) {
    char *copy = malloc(n > 0 ? n : 1);
    if (n > 0) memcpy(copy, bytes, n);
    return copy;
}

const char *fuzz_file(const uint8_t *bytes, size_t n) {
    static char path[32];
    static int fd = -1;
    if (fd < 0) fd = memfd_create("fuzz", 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    fuzz_require(ftruncate(fd, 0) == 0 && pwrite(fd, bytes, n, 0) == (ssize_t)n, "there is memory");
    return path;
}

static void check_entry(const tensor_file *f, const tensor_entry *t) {
    int64_t bytes = tensor_entry_bytes(t), n, at = t->data - (const uint8_t *)f->bytes;
    fuzz_require(t->n_dims >= 0 && t->n_dims <= TENSOR_MAX_DIMS, "at most 8 dimensions");
    fuzz_require(tensor_count(t->shape, t->n_dims, &n) && n == t->n, "n is the product");
    fuzz_require(at >= 0 && bytes >= 0 && at + bytes <= f->n_bytes, "the data is in the file");
    fuzz_require(tensor_file_find(f, t->name) == t, "names are unique");
    uint8_t *copy = malloc(bytes > 0 ? (size_t)bytes : 1);
    tensor_entry_copy(t, copy);
    free(copy);
    double sum = 0;
    for (int64_t i = 0; dtype_is_known(t->type) && i < t->n; i++) sum += tensor_entry_at(t, i);
    float *x;
    bool rounded = false;
    diags d;
    diags_init(&d);
    status bad = tensor_entry_floats(f, t, &d, &x, &rounded);
    fuzz_require(bad == OK || (bad == ERR_INPUT && d.errors == 1), "floats or one error");
    fuzz_require(bad != OK || sum - sum == 0, "floats are finite");
    if (bad == OK) free(x);
    diags_fini(&d);
}

void fuzz_check_tensors(const tensor_file *f) {
    for (int i = 0; i < f->n; i++) check_entry(f, &f->tensors[i]);
}

int fuzz_tensors(const char *path, status (*parse)(tensor_file *f, diags *d), const uint8_t *bytes,
                 size_t n) {
    tensor_file f = {.path = mem_strdup(path), .bytes = fuzz_copy(bytes, n), .n_bytes = (int64_t)n};
    diags d;
    diags_init(&d);
    status bad = parse(&f, &d);
    fuzz_require(bad == OK ? d.errors == 0 : d.errors == 1, "one error, or none");
    fuzz_require(bad == OK || bad == ERR_INPUT, "the file is to blame");
    if (!bad) fuzz_check_tensors(&f);
    fuzz_count(!bad);
    tensor_file_close(&f);
    diags_fini(&d);
    return 0;
}
