/*
 * Packed files: opened, their checks compared, every tensor unpacked and decoded by the plugins
 * that wrote it, and `verify`. The shipped plugins are wanted (QUANTBENCH_PLUGIN_PATH).
 */
#include "fuzz/fuzz.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "io/integrity.h"
#include "quant/packed.h"
#include "quant/packed_writer.h"
#include "run/verify_file.h"
#include "util/files.h"
#include "util/mem.h"

enum { ROWS = 3, COLS = 10, MANY_COLS = 400, FILES_MAX = 64 };

static registry all;
static strbuf made[FILES_MAX];
static int n_made;

/* ---- valid files: some schemes with some packers ---- */

static void read_back(int fd, strbuf *b) {
    char piece[4096];
    ssize_t got;
    for (off_t at = 0; (got = pread(fd, piece, sizeof piece, at)) > 0; at += got)
        strbuf_addn(b, piece, (size_t)got);
}

static void write_out(packed_writer *w, int parity, diags *d) {
    char path[32], hex[65];
    int64_t bytes;
    int fd = memfd_create("packed", 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (packed_write(w, path, parity, d, hex, &bytes) == OK) read_back(fd, &made[n_made++]);
    close(fd);
}

static void make_file(const quant_config *config, const plugin_choice *packer, int64_t cols,
                      int parity, diags *d) {
    static float x[ROWS * MANY_COLS];
    const int64_t shape[] = {ROWS, cols}, few[] = {ROWS, COLS};
    quant_packed o = {0};
    quantizer q;
    packing k = {0};
    packed_writer w = {0};
    for (int64_t i = 0; i < ROWS * cols; i++)
        x[i] = (float)(i * 37 % 19) / (i < ROWS * COLS ? 16 : 99) - 0.5f;
    if (quantizer_open(&q, config, "fc1.weight", false, ROWS, cols, d) != OK) return;
    if (packing_open(&k, packer, q.info.n_levels, q.info.zero_code, NULL, d) == OK &&
        quant_packed_open(&o, &q, &k, ROWS, true, d) == OK &&
        quant_pack(&q, &k, x, ROWS, 0, true, d, &o) == OK) {
        packed_add_tensor(&w, "fc1.weight", shape, 2, &q, &k, &o);
        packed_add_floats(&w, "fc1.bias", few, 1, x);
        if (parity != 0) packed_add_site(&w, &q);
        write_out(&w, parity, d);
    }
    packed_writer_fini(&w);
    quant_packed_close(&o);
    packing_close(&k);
    quantizer_close(&q);
}

static void make_files(void) {
    static const char *const schemes[] = {"int", "bitnet158", "binary", "nf4", "twn"},
                             *const packers[] = {"bits", "base3",  "raw",
                                                 "rle",  "sparse", "entropy"};
    static const granularity kinds[] = {GRANULARITY_TENSOR, GRANULARITY_CHANNEL, GRANULARITY_GROUP};
    registry_scan(&all);
    for (int i = 0; i < 30 * 3 && n_made < FILES_MAX; i++) {
        const plugin *scheme = registry_find(&all, QB_SCHEME, schemes[i % 5]),
                     *packer = registry_find(&all, QB_PACKER, packers[i % 6]);
        diags d;
        diags_init(&d);
        if (scheme != NULL && packer != NULL) {
            quant_config config = {.scheme = params_defaults(scheme),
                                   .granularity = kinds[i % 3],
                                   .group_size = i % 3 == 2 ? 4 : 0,
                                   .ragged_short = true,
                                   .scale_dtype = i % 2 ? SCALE_F16 : SCALE_F32};
            plugin_choice how = params_defaults(packer);
            const int64_t cols = i % 6 == 5 ? MANY_COLS : COLS; /* few codes have no entropy code */
            make_file(&config, &how, cols, i % 4 == 3 ? 1 : i % 4 == 1 ? 0 : PACKED_UNCHECKED, &d);
        }
        diags_fini(&d);
    }
    fuzz_require(n_made > 8, "the plugins write packed files");
}

/* Before the first string, whose time is limited. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc, (void)argv;
    make_files();
    return 0;
}

void target_make(dice *r, strbuf *out) {
    if (n_made == 0) make_files();
    const strbuf *b = &made[dice_roll(r, (uint32_t)n_made)];
    strbuf_addn(out, b->s, b->len);
}

/* The checks of what the payload is now. */
static void mend(strbuf *b) {
    integrity_report r;
    integrity_check((const uint8_t *)b->s, (int64_t)b->len, &r);
    if (r.found && r.g.total <= (int64_t)b->len) {
        b->len = (size_t)r.g.total;
        integrity_write(&r.g, (uint8_t *)b->s);
    }
    integrity_report_fini(&r);
}
void (*const target_mend)(strbuf *b) = mend;

/* ---- reading ---- */

static bool decode(const packed_file *p, const packed_tensor *t) {
    float *x = NULL;
    diags d;
    diags_init(&d);
    status bad = packed_floats(p, t, &all, &d, &x);
    fuzz_require(bad == OK || d.errors == 1, "one error");
    fuzz_require(bad != ERR_BUG && bad != ERR_SPEC && bad != ERR_FAILED, "the file is to blame");
    free(bad ? NULL : x);
    packed_codes c;
    if (t->plain == NULL && packed_read_codes(p, t, &all, &d, &c) == OK) packed_codes_close(&c);
    diags_fini(&d);
    return !bad;
}

static bool read_packed(tensor_file *f, diags *d) {
    packed_file p;
    if (packed_read(&p, f, d) != OK) return false;
    bool fine = true;
    for (int i = 0; i < p.n; i++) {
        fuzz_require(packed_find(&p, p.tensors[i].name) == &p.tensors[i], "names are unique");
        fine &= decode(&p, &p.tensors[i]);
    }
    for (int i = 0; i < p.n_sites; i++) {
        strbuf b = {0};
        fuzz_require(packed_find_site(&p, p.sites[i].name) != NULL, "a site has its name");
        packed_print_params(&p.sites[i].how.scheme, &b);
        strbuf_fini(&b);
    }
    packed_close(&p);
    return fine;
}

static void verify(const uint8_t *bytes, size_t n) {
    verify_result out;
    diags d;
    diags_init(&d);
    status bad = verify_file(fuzz_file(bytes, n), false, &out, &d);
    fuzz_require(bad == OK ? out.fine || (out.whole && d.warnings == 1) : d.errors == 1,
                 "fine, a warning or one error");
    verify_result_fini(&out);
    diags_fini(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    tensor_file f = {.path = mem_strdup("t.safetensors"),
                     .bytes = fuzz_copy(bytes, n),
                     .n_bytes = (int64_t)n};
    diags d;
    if (n_made == 0) make_files();
    diags_init(&d);
    bool fine = tensor_file_parse(&f, &d) == OK && read_packed(&f, &d);
    tensor_file_close(&f);
    diags_fini(&d);
    verify(bytes, n);
    fuzz_count(fine);
    return 0;
}
