/*
 * Packed files: what is written decodes to the quantizer's own bits, for every scheme
 * and packer that is installed and those of tests/fixtures; damage is refused.
 */
#include "support/support.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "io/integrity.h"
#include "quant/packed.h"
#include "quant/packed_writer.h"
#include "util/files.h"
#include "util/mem.h"

/* ---- helpers ---- */

enum { R = 10, C = 70, N = R * C };

static char *dir;
static registry all; /* the shipped plugins and the fixtures */

static void setup(void) {
    char here[PATH_MAX];
    cr_assert(realpath(build_dir(), here) != NULL);
    char *path = str_format("%s/plugins:%s/tests/fixtures", here, here);
    setenv("QUANTBENCH_PLUGIN_PATH", path, 1);
    registry_scan(&all);
    free(path);
    dir = temp_dir();
}

static void teardown(void) {
    remove_dir(dir);
    free(dir);
    registry_fini(&all);
}

static plugin_choice pick(qb_kind kind, const char *name, const char *settings) {
    const plugin *p = registry_find(&all, kind, name);
    cr_assert(p != NULL, "no plugin %s", name);
    plugin_choice c = params_defaults(p);
    char *copy = mem_strdup(settings), *save = NULL;
    for (char *s = strtok_r(copy, " ", &save); s != NULL; s = strtok_r(NULL, " ", &save)) {
        char *equals = strchr(s, '=');
        *equals = '\0';
        char *why = params_set(&c, params_find(p, s), equals + 1);
        cr_assert(why == NULL, "%s", why);
    }
    free(copy);
    return c;
}

typedef struct written {
    char *path;
    int parity; /* + 1; 0: without checks, so that damage reaches the reader itself */
    float y[N]; /* decoded by the quantizer itself */
    int64_t stored;
} written;

/* Quantizes a tensor, packs it with a float neighbour and writes both. False: the
 * scheme, the packer or the scales refuse. */
static bool write_packed(const quant_config *config, const plugin_choice *packer, written *w) {
    static float x[N];
    const int64_t shape[] = {R, C / 10, 10}, floats[] = {3};
    quant_packed o = {0};
    quantizer q;
    packing k = {0};
    packed_writer out = {0};
    diags d;
    diags_init(&d);
    fill_gauss(5, x, N, 0.05f);
    bool opened = quantizer_open(&q, config, "w", false, R, C, &d) == OK;
    bool fine = opened &&
                packing_open(&k, packer, q.info.n_levels, q.info.zero_code, NULL, &d) == OK &&
                quant_packed_open(&o, &q, &k, R, true, &d) == OK &&
                quant_pack(&q, &k, x, R, 0, true, &d, &o) == OK;
    if (fine) {
        char hex[65];
        int64_t bytes;
        quantizer_decode(&q, o.code, R, o.meta, w->y);
        w->stored = o.n_bytes + quantizer_groups(&q, R) * quantizer_meta_bits(&q) / 8;
        packed_add_tensor(&out, "w", shape, 3, &q, &k, &o);
        packed_add_floats(&out, "b", floats, 1, x);
        cr_assert(packed_write(&out, w->path, w->parity - 1, &d, hex, &bytes) == OK);
    }
    quant_packed_close(&o);
    packed_writer_fini(&out);
    packing_close(&k);
    if (opened) quantizer_close(&q);
    diags_fini(&d);
    return fine;
}

static status open_path(packed_file *p, const char *path, diags *d) {
    tensor_file f;
    status bad = tensor_file_open(&f, path, d);
    return bad ? bad : packed_read(p, &f, d);
}

/* Reads it back and compares bits. */
static void check_read(const written *w, const char *what) {
    packed_file p;
    diags d;
    diags_init(&d);
    cr_assert(open_path(&p, w->path, &d) == OK, "%s: %s", what, d.n ? d.list[0].message : "");
    const packed_tensor *t = packed_find(&p, "w"), *b = packed_find(&p, "b");
    cr_assert(p.n == 2 && t != NULL && b != NULL && b->plain != NULL && b->n == 3);
    cr_assert(t->plain == NULL && t->n_dims == 3 && t->rows == R && t->cols == C && t->n == N);
    cr_assert(t->bytes == w->stored, "%s: %lld bytes, measured were %lld", what,
              (long long)t->bytes, (long long)w->stored);
    float *x = NULL;
    status bad = packed_floats(&p, t, &all, &d, &x);
    cr_assert(bad == OK, "%s: %s", what, d.n ? d.list[0].message : "");
    cr_assert(memcmp(x, w->y, sizeof w->y) == 0, "%s: other bits", what);
    free(x);
    packed_close(&p);
    diags_fini(&d);
}

static quant_config config_of(const char *scheme, const char *settings, int how) {
    static const granularity kinds[] = {GRANULARITY_OWN, GRANULARITY_TENSOR, GRANULARITY_CHANNEL,
                                        GRANULARITY_GROUP};
    return (quant_config){.scheme = pick(QB_SCHEME, scheme, settings),
                          .granularity = kinds[how / 2],
                          .group_size = how / 2 == 3 ? 32 : 0, /* 70 = 32 + 32 + 6 */
                          .ragged_short = true,
                          .scale_dtype = how % 2 ? SCALE_F16 : SCALE_F32};
}
enum { WAYS = 8 };

/* ---- there and back ---- */

Test(packed, every_scheme_and_packer_decode_to_the_quantizers_own_bits, .init = setup,
     .fini = teardown) {
    static const char *const more[][2] = {{"int", "bits=2"},
                                          {"int", "bits=3"},
                                          {"int", "bits=4"},
                                          {"int", "bits=8"},
                                          {"int", "bits=4 symmetric=false"},
                                          {"int", "bits=8 narrow_range=false"},
                                          {"shapes", "way=uneven"},
                                          {"shapes", "way=offset"},
                                          {"shapes", "way=zero"},
                                          {"shapes", "way=threshold"},
                                          {"shapes", "way=power"},
                                          {"owncodes", ""}};
    enum { MORE = sizeof more / sizeof *more };
    int n_schemes, n_packers, written_files = 0;
    const char **schemes = registry_names(&all, QB_SCHEME, &n_schemes);
    const char **packers = registry_names(&all, QB_PACKER, &n_packers);
    written w = {.path = path_join(dir, "x.safetensors")};
    for (int s = 0; s < n_schemes + MORE; s++) {
        const char *scheme = s < n_schemes ? schemes[s] : more[s - n_schemes][0];
        const char *settings = s < n_schemes ? "" : more[s - n_schemes][1];
        if (strcmp(scheme, "forgetful") == 0) continue; /* which is made to differ */
        for (int i = 0; i < n_packers * WAYS; i++) {
            plugin_choice packer = pick(QB_PACKER, packers[i / WAYS], "");
            quant_config config = config_of(scheme, settings, i % WAYS);
            if (!write_packed(&config, &packer, &w)) continue;
            char *what =
                str_format("%s %s %s way %d", scheme, settings, packers[i / WAYS], i % WAYS);
            check_read(&w, what);
            free(what);
            written_files++;
        }
    }
    /* int five ways, bitnet158 and five of shapes in bits and runlength, some in base3 */
    cr_assert(written_files >= 12 * 2 * WAYS, "only %d files", written_files);
    free(w.path);
    free(schemes);
    free(packers);
}

Test(packed, chunks_that_are_no_rows_and_of_any_length_come_back, .init = setup, .fini = teardown) {
    written w = {.path = path_join(dir, "x.safetensors")};
    const char *const chunks[] = {"chunk=1", "chunk=7", "chunk=100", "chunk=700", "chunk=1000"};
    quant_config config = config_of("bitnet158", "", 0);
    for (int i = 0; i < 5; i++) {
        plugin_choice packer = pick(QB_PACKER, "runlength", chunks[i]);
        cr_assert(write_packed(&config, &packer, &w));
        check_read(&w, chunks[i]);
    }
    free(w.path);
}

Test(packed, stored_forms_come_back_as_they_were_rounded) {
    const float values[] = {0, 1, 0.75f, 3e-5f, 1e-38f, 65504, 200, 255, 0x1p-127f, 0x1p127f};
    const int forms[] = {QB_AS_SPEC, QB_F32, QB_U8, QB_E8M0};
    const int roles[] = {QB_SCALE, QB_OTHER};
    int kept = 0;
    for (int i = 0; i < 10 * 4 * 2 * 2; i++) {
        qb_meta m = {"m", roles[i / 40 % 2], forms[i / 10 % 4], false, 0};
        scale_dtype t = i / 80 ? SCALE_F16 : SCALE_F32;
        float v = values[i % 10];
        uint8_t bytes[4];
        if (!stored_round(&m, t, &v)) continue;
        stored_put(&m, t, v, bytes);
        float back = stored_get(&m, t, bytes);
        cr_assert(memcmp(&back, &v, sizeof v) == 0, "%g came back as %g", v, back);
        kept++;
    }
    cr_assert(kept > 100);
}

/* ---- damage ---- */

static written checked_sample(const char *name, const char *scheme, const char *packer,
                              int parity) {
    written w = {.path = path_join(dir, name), .parity = parity + 1};
    quant_config config = config_of(scheme, "", 4);
    plugin_choice c = pick(QB_PACKER, packer, "");
    cr_assert(write_packed(&config, &c, &w));
    return w;
}

static written sample(const char *name, const char *scheme, const char *packer) {
    return checked_sample(name, scheme, packer, PACKED_UNCHECKED);
}

/* Opens a packed file and decodes all of it. */
static status read_path(const char *path, diags *d) {
    packed_file p;
    status bad = open_path(&p, path, d);
    if (bad) return bad;
    for (int i = 0; i < p.n && !bad; i++) {
        float *x;
        bad = packed_floats(&p, &p.tensors[i], &all, d, &x);
        if (!bad) free(x);
    }
    packed_close(&p);
    return bad;
}

/* The same of bytes. */
static status read_bytes(const char *bytes, size_t n, diags *d) {
    char *path = path_join(dir, "damaged.safetensors");
    write_bytes(path, bytes, n);
    status bad = read_path(path, d);
    free(path);
    return bad;
}

static char *bytes_of(const written *w, size_t *n) {
    char *bytes;
    diags d;
    diags_init(&d);
    cr_assert(file_read(w->path, 1 << 20, ERR_INPUT, &d, &bytes, n) == OK);
    diags_fini(&d);
    return bytes;
}

Test(packed, no_flip_or_truncation_does_more_than_an_error, .init = setup, .fini = teardown) {
    static const char *const packers[] = {"base3", "bits", "entropy", "runlength"};
    for (int k = 0; k < 4; k++) {
        written w = sample("x.safetensors", "bitnet158", packers[k]);
        size_t n;
        char *bytes = bytes_of(&w, &n);
        for (size_t i = 0; i < n * 8; i++) {
            diags d;
            diags_init(&d);
            bytes[i / 8] = (char)(bytes[i / 8] ^ 1 << i % 8);
            status st = read_bytes(bytes, n, &d);
            bytes[i / 8] = (char)(bytes[i / 8] ^ 1 << i % 8);
            cr_assert(st == OK || ((st == ERR_INPUT || st == ERR_PLUGIN) && d.errors == 1 &&
                                   strchr(d.list[0].message, '\n') == NULL),
                      "bit %zu: status %d, %d errors", i, st, d.errors);
            diags_fini(&d);
        }
        for (size_t i = 0; i < n; i++) {
            diags d;
            diags_init(&d);
            cr_assert(read_bytes(bytes, i, &d) == ERR_INPUT && d.errors == 1, "cut to %zu", i);
            diags_fini(&d);
        }
        free(bytes);
        free(w.path);
    }
}

typedef struct damage {
    const char *from, *to; /* texts of one length */
    status st;
    const char *message, *hint;
} damage;

Test(packed, what_is_wrong_is_said_in_one_line, .init = setup, .fini = teardown) {
    static const damage cases[] = {
        {"\"bitnet158\\\"", "\"bitnet999\\\"", ERR_PLUGIN,
         "'w' was written by scheme 'bitnet999' 1.0.0, which is not installed",
         "bitnet999.so 1.0.0 in QUANTBENCH_PLUGIN_PATH"},
        {"scheme_version\\\":\\\"1", "scheme_version\\\":\\\"7", ERR_PLUGIN,
         "scheme 'bitnet158' 7.0.0, installed is 1.0.0", "bitnet158.so 7.0.0"},
        {"\"base3\\\"", "\"base9\\\"", ERR_PLUGIN, "packer 'base9' 1.1.0, which is not installed",
         "base9.so"},
        {"\"version\":\"1\"", "\"version\":\"9\"", ERR_INPUT, "version 9 of the format", NULL},
        {"\"version\":\"1\"", "\"version\":\"x\"", ERR_INPUT, "has no version", NULL},
        {"quantbench.packed", "quantbench.peckad", ERR_INPUT, "not a packed file", NULL},
        {"[10,7,10]", "[10,9,10]", ERR_INPUT, "'w': its codes have the wrong size", NULL},
        {"[10,7,10]", "[10,7,-1]", ERR_INPUT, "'w': bad dimension in shape", NULL},
        {"[10,7,10]", "[11,7,10]", ERR_INPUT,
         "'w': one of its metadata has the wrong type or shape", NULL},
        {"n_levels\\\":3", "n_levels\\\":4", ERR_INPUT,
         "'w' has 4 levels and the zero code 1, scheme 'bitnet158' makes 3 and 1", NULL},
        {"zero_code\\\":1", "zero_code\\\":3", ERR_INPUT,
         "'zero_code' must be an integer in [-1, 2]", NULL},
        {"\\\"round\\\"", "\\\"ruond\\\"", ERR_INPUT, "'w': 'round' is missing", NULL},
        {"\\\"even\\\"", "\\\"evil\\\"", ERR_INPUT, "'round' has an unknown value", NULL},
        {"channel\\\"", "chan\\\"   ", ERR_INPUT, "'granularity' has an unknown value", NULL},
        {"group_size\\\":0", "group_size\\\":8", ERR_INPUT, "do not fit together", NULL},
        {"scale\\\":\\\"f32", "scale\\\":\\\"f23", ERR_INPUT, "wrong type or shape", NULL},
        {"scale\\\":\\\"f32", "scalf\\\":\\\"f32", ERR_INPUT, "one of its metadata is missing",
         NULL},
        {"\"w.codes\"", "\"w.kodes\"", ERR_INPUT, "'w': its codes are missing", NULL},
        {"\"b\":", "\"w\":", ERR_INPUT, "'w': it is there twice", NULL},
    };
    written w = sample("x.safetensors", "bitnet158", "base3");
    size_t n;
    char *bytes = bytes_of(&w, &n);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const damage *c = &cases[i];
        size_t length = strlen(c->from);
        char *copy = mem_strndup(bytes, n), *at = memmem(copy, n, c->from, length);
        cr_assert(at != NULL && strlen(c->to) == length, "case %zu", i);
        memcpy(at, c->to, length);
        diags d;
        diags_init(&d);
        status st = read_bytes(copy, n, &d);
        cr_assert(st == c->st && strstr(d.list[0].message, c->message) != NULL,
                  "case %zu: status %d: %s", i, st, d.n ? d.list[0].message : "");
        cr_assert(strstr(d.list[0].message, "damaged.safetensors") != NULL);
        cr_assert(c->hint == NULL || strstr(d.list[0].hint, c->hint) != NULL, "%s", d.list[0].hint);
        diags_fini(&d);
        free(copy);
    }
    free(bytes);
    free(w.path);
}

/* Bytes of a tensor in a file that was read whole. */
static char *data_of(const written *w, char *bytes, const char *name) {
    tensor_file f;
    diags d;
    diags_init(&d);
    cr_assert(tensor_file_open(&f, w->path, &d) == OK);
    ptrdiff_t at = tensor_file_find(&f, name)->data - (const uint8_t *)f.bytes;
    tensor_file_close(&f);
    diags_fini(&d);
    return bytes + at;
}

static void expect_refusal(const char *bytes, size_t n, const char *message) {
    diags d;
    diags_init(&d);
    cr_assert(read_bytes(bytes, n, &d) == ERR_INPUT && strstr(d.list[0].message, message) != NULL,
              "%s", d.n ? d.list[0].message : "accepted");
    diags_fini(&d);
}

Test(packed, codes_and_metadata_that_nobody_wrote_are_refused, .init = setup, .fini = teardown) {
    size_t n;
    written w = sample("x.safetensors", "bitnet158", "bits");
    char *bytes = bytes_of(&w, &n), *code = data_of(&w, bytes, "w.codes"), kept = *code;
    *code = (char)0xff; /* code 3 of three levels, in two bits */
    expect_refusal(bytes, n, "'w': its packer says that the codes are damaged (code 0)");
    *code = kept;
    const float scales[] = {-1, NAN, INFINITY, 1e-40f};
    for (int i = 0; i < 4; i++) {
        char *scale = data_of(&w, bytes, "w.scale"), was[4];
        memcpy(was, scale, 4);
        memcpy(scale, &scales[i], 4);
        expect_refusal(bytes, n, "'w': a number of its metadata is none that can be stored");
        memcpy(scale, was, 4);
    }
    free(bytes);
    free(w.path);
    w = sample("x.safetensors", "bitnet158", "runlength");
    bytes = bytes_of(&w, &n), code = data_of(&w, bytes, "w.codes");
    code[0] = 3; /* the packer does not know the levels: the reader does */
    expect_refusal(bytes, n, "'w': a code is none of its levels (code 0)");
    free(bytes);
    free(w.path);
}

/* ---- checked files ---- */

Test(packed, checks_change_nothing_that_is_read, .init = setup, .fini = teardown) {
    for (int parity = 0; parity < 4; parity++) {
        written w = checked_sample("x.safetensors", "bitnet158", "base3", parity),
                again = checked_sample("y.safetensors", "bitnet158", "base3", parity);
        check_read(&w, "checked");
        cr_assert(files_equal(w.path, again.path), "equal content gives equal bytes");
        free(w.path);
        free(again.path);
    }
}

/* Puts bytes into a file that is there: 10 times as fast as a new one. */
static void put_bytes(const written *w, const char *bytes, size_t n, size_t at) {
    int fd = open(w->path, O_WRONLY | O_CLOEXEC);
    cr_assert(fd >= 0 && pwrite(fd, bytes, n, (off_t)at) == (ssize_t)n);
    close(fd);
}

/* Bytes of header and data; the checks are behind them. */
static size_t payload_of(const char *bytes, size_t n) {
    integrity_report r;
    integrity_check((const uint8_t *)bytes, (int64_t)n, &r);
    cr_assert(integrity_fine(&r));
    size_t payload = (size_t)r.g.payload;
    integrity_report_fini(&r);
    return payload;
}

/* Bits of the checks do not go unsaid: with parity they are a warning. Then every 13th bit: all are
 * flipped in memory by test_integrity.c. */
static void flip_every_bit(int parity) {
    written w = checked_sample("x.safetensors", "bitnet158", "base3", parity);
    size_t n;
    char *bytes = bytes_of(&w, &n);
    size_t payload = payload_of(bytes, n);
    for (size_t i = 0; i < n * 8; i += parity == 0 ? 1 : 13) {
        diags d;
        diags_init(&d);
        char flipped = (char)(bytes[i / 8] ^ 1 << i % 8);
        put_bytes(&w, &flipped, 1, i / 8);
        status st = read_path(w.path, &d);
        put_bytes(&w, &bytes[i / 8], 1, i / 8);
        bool warned = parity > 0 && i / 8 >= payload;
        cr_assert(warned ? st == OK && d.errors == 0 && d.warnings == 1
                         : st == ERR_INPUT && d.errors == 1,
                  "parity %d, bit %zu: status %d", parity, i, st);
        diags_fini(&d);
    }
    free(bytes);
    check_read(&w, "as it was");
    free(w.path);
}

Test(packed, every_flipped_bit_is_refused_before_it_is_read_or_warned_of_behind_the_data,
     .init = setup, .fini = teardown) {
    flip_every_bit(0);
    flip_every_bit(1);
}

/* 1 to 16 random bytes of the file are set to random values, n times. */
static void change_bytes(const written *w, int cases) {
    uint64_t state = 88172645463325252u;
    size_t n;
    char *bytes = bytes_of(w, &n), *copy = mem_aligned(n);
    size_t payload = payload_of(bytes, n);
    for (int k = 0; k < cases; k++) {
        memcpy(copy, bytes, n);
        for (int i = 0; i <= k % 16; i++) {
            state ^= state << 13, state ^= state >> 7, state ^= state << 17;
            copy[(state >> 20) % n] = (char)(state >> 8);
        }
        diags d;
        diags_init(&d);
        put_bytes(w, copy, n, 0);
        status st = read_path(w->path, &d);
        bool same = memcmp(copy, bytes, n) == 0;
        cr_assert(st == OK ? memcmp(copy, bytes, payload) == 0 && d.warnings == !same
                           : st == ERR_INPUT && !same,
                  "case %d: status %d", k, st);
        diags_fini(&d);
    }
    free(bytes);
    free(copy);
}

Test(packed, no_random_change_of_a_checked_file_gives_another_tensor, .init = setup,
     .fini = teardown) {
    static const struct {
        const char *scheme, *packer;
        int parity;
    } files[] = {{"bitnet158", "base3", 0},
                 {"bitnet158", "runlength", 1},
                 {"int", "bits", 2},
                 {"int", "runlength", 0}};
    for (int i = 0; i < 4; i++) {
        written w =
            checked_sample("x.safetensors", files[i].scheme, files[i].packer, files[i].parity);
        change_bytes(&w, 2500);
        free(w.path);
    }
}

Test(packed, a_file_whose_checks_are_not_where_it_says_is_refused, .init = setup,
     .fini = teardown) {
    written w = checked_sample("x.safetensors", "bitnet158", "base3", 0);
    size_t n;
    char *bytes = bytes_of(&w, &n), *name = memmem(bytes, n, "__integrity__", 13);
    cr_assert(name != NULL);
    memset(bytes + n - 8, 0, 8); /* the only record */
    expect_refusal(bytes, n, "its checks are lost");
    memcpy(name, "__intogrity__", 13);
    expect_refusal(bytes, n, "it belongs to no quantized tensor and is not F32");
    free(bytes);
    free(w.path);
}

Test(packed, the_name_of_the_checks_is_kept_for_them, .init = setup, .fini = teardown) {
    packed_writer w = {0};
    const float x[2] = {1, 2};
    const int64_t shape[] = {2};
    char hex[65], *path = path_join(dir, "x.safetensors");
    int64_t bytes;
    diags d;
    diags_init(&d);
    packed_add_floats(&w, "__integrity__", shape, 1, x);
    cr_assert(packed_write(&w, path, 0, &d, hex, &bytes) == ERR_INPUT && !file_exists(path));
    packed_writer_fini(&w);
    diags_fini(&d);
    free(path);
}
