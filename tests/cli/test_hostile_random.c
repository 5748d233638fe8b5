/*
 * Hostile files that nobody thought of: valid ones of every kind that a seed draws, then changed
 * where formats have integers, lengths and ends; and what is no file. Each is refused in one
 * line or read, in time and in memory.
 */
#include "cli/hostile.h"

#include <sys/stat.h>
#include <unistd.h>

enum { EACH = 40 };

static const struct {
    const char *name;
    void (*make)(dice *r, strbuf *out);
    const char *keys; /* of a data set; NULL: a file of tensors */
} kinds[] = {
    {"t.npy", make_npy, NULL},
    {"t.npz", make_npz, NULL},
    {"t.safetensors", make_safetensors, NULL},
    {"t.gguf", make_gguf, NULL},
    {"t.idx", make_idx, "{format: idx, images: t.idx, labels: t.idx}"},
    {"t.csv", make_csv, "{format: csv, path: t.csv}"},
    {"t.npz", make_npz, "{format: npz, path: t.npz}"},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

/* A changed file; how often it was read. */
static int try_one(int kind, uint64_t seed) {
    dice r = {seed};
    strbuf b = {0};
    kinds[kind].make(&r, &b);
    for (uint32_t changes = 1 + dice_roll(&r, 3); changes > 0; changes--) change_bytes(&r, &b);
    put_file(kinds[kind].name, &b);
    char *row = str_format("%s, seed %llu", kinds[kind].name, (unsigned long long)seed);
    int code = kinds[kind].keys != NULL
                   ? judge(row, -1, "t.", "", ARGS("plan", "s.yaml"))
                   : judge(row, -1, kinds[kind].name, "", ARGS("inspect", kinds[kind].name));
    free(row);
    return code == 0;
}

static void try_kind(int kind) {
    int read = 0;
    if (kinds[kind].keys != NULL) {
        char *text = str_format("version: 1\nkind: qat\ndata: {train: %s, test: %s}\n"
                                "model: {type: mlp, hidden: [4]}\n",
                                kinds[kind].keys, kinds[kind].keys);
        put_text_file("s.yaml", text);
        free(text);
    }
    for (uint64_t seed = 0; seed < EACH; seed++) read += try_one(kind, seed);
    cr_assert(read < EACH, "%s: every changed file was read", kinds[kind].name);
}

Test(hostile_random, npy, .init = setup, .fini = teardown) { try_kind(0); }
Test(hostile_random, npz, .init = setup, .fini = teardown) { try_kind(1); }
Test(hostile_random, safetensors, .init = setup, .fini = teardown) { try_kind(2); }
Test(hostile_random, gguf, .init = setup, .fini = teardown) { try_kind(3); }
Test(hostile_random, idx, .init = setup, .fini = teardown) { try_kind(4); }
Test(hostile_random, csv, .init = setup, .fini = teardown) { try_kind(5); }
Test(hostile_random, npz_of_samples, .init = setup, .fini = teardown) { try_kind(6); }

/* A changed packed file: refused, or with parity (which is what most of its bytes are) warned of.
 */
static void judge_packed(bool same, bool parity) {
    int code = judge("packed",
                     same     ? 0
                     : parity ? -1
                              : 4,
                     "t.safetensors", "", ARGS("verify", "t.safetensors"));
    judge("packed", same ? 0 : -1, "t.safetensors", "", ARGS("inspect", "t.safetensors"));
    if (same || code != 0) return;
    char *both = expect_both(0, "$Q inspect t.safetensors; $Q verify t.safetensors");
    char *one = strstr(both, " warning: t.safetensors: parity damaged: ");
    cr_assert(one != NULL && strstr(one + 1, " warning: t.safetensors: parity damaged: "), "%s",
              both);
    free(both);
}

/* Packed files with one byte changed, with parity and without. */
Test(hostile_random, packed, .init = setup, .fini = teardown) {
    strbuf b = {0};
    const float x[64] = {1, -2, 3};
    const char *parity[] = {"0", "2"};
    safetensors_file(&b, "{\"w\":{\"dtype\":\"F32\",\"shape\":[4,16],\"data_offsets\":[0,256]}}", x,
                     256);
    put_file("w.safetensors", &b);
    for (int i = 0; i < 2; i++) {
        free(expect(0, "$Q quantize w.safetensors --scheme int --parity %s -o p.safetensors",
                    parity[i]));
        char *path = in_dir("p.safetensors");
        tensor_file f = open_tensors("p.safetensors");
        tensor_file_close(&f);
        FILE *in = fopen(path, "rb");
        char bytes[1 << 16];
        size_t n = fread(bytes, 1, sizeof bytes, in);
        fclose(in);
        for (uint64_t seed = 0; seed < EACH; seed++) {
            dice r = {seed};
            strbuf_addn(&b, bytes, n);
            change_bytes(&r, &b);
            bool same = b.len == n && memcmp(b.s, bytes, n) == 0;
            put_file("t.safetensors", &b);
            judge_packed(same, i == 1);
        }
        free(path);
    }
}

/* ---- no files at all ---- */

static void no_file(const char *name, const char *says) {
    judge(name, 4, name, says, ARGS("inspect", name));
    judge(name, 4, name, says, ARGS("quantize", name, "--scheme", "int"));
    judge(name, 4, name, says, ARGS("export", name, "-o", "o.npz"));
    judge(name, 4, name, says, ARGS("verify", name));
    judge(name, 4, name, says, ARGS("eval", name, "--data", "{format: glyphs}"));
}

/* Both files of the data set are this one. */
static void no_data(const char *format, const char *name, const char *says) {
    bool pair = strcmp(format, "idx") == 0 || strcmp(format, "npy") == 0;
    char *keys = pair ? str_format("{format: %s, images: %s, labels: %s}", format, name, name)
                      : str_format("{format: %s, path: %s}", format, name);
    refused_data(format, keys, name, says);
    free(keys);
}

Test(hostile_places, folders_fifos_and_devices_are_no_files, .init = setup, .fini = teardown) {
    const char *suffixes[] = {"npy", "npz", "safetensors", "gguf"},
               *formats[] = {"idx", "npy", "npz", "csv"};
    for (int i = 0; i < 4; i++) {
        char *what[] = {str_format("folder.%s", suffixes[i]), str_format("fifo.%s", suffixes[i]),
                        str_format("device.%s", suffixes[i]), str_format("none.%s", suffixes[i])};
        char *folder = in_dir(what[0]), *fifo = in_dir(what[1]), *device = in_dir(what[2]);
        cr_assert(mkdir(folder, 0777) == 0 && mkfifo(fifo, 0666) == 0 &&
                  symlink("/dev/zero", device) == 0);
        for (int k = 0; k < 4; k++) no_file(what[k], k < 3 ? "not a regular file" : "No such file");
        for (int k = 0; k < 3; k++) no_data(formats[i], what[k], "not a regular file");
        for (int k = 0; k < 4; k++) free(what[k]);
        free(folder), free(fifo), free(device);
    }
    char *loop = in_dir("loop.npy");
    cr_assert(symlink("loop.npy", loop) == 0);
    free(loop);
    no_file("loop.npy", "Too many levels of symbolic links");
    put_text_file("t.txt", "1 2 3\n");
    judge("suffix", 4, "t.txt", "unknown kind of tensor file", ARGS("inspect", "t.txt"));
}

/* Four GiB of nothing behind a beginning that is wrong: not read. */
Test(hostile_places, large_files_are_not_read_for_a_header_that_lies, .init = setup,
     .fini = teardown) {
    const struct {
        const char *name, *begins, *says;
        size_t n;
    } files[] = {{"t.npy", "\x93NUMPY\1\0\4\0oops", "malformed header", 14},
                 {"t.npy", "\x93NUMPY\2\0\0\0\0\1{", "at most 1048576 are read", 13},
                 {"t.safetensors", "\2\0\0\0\0\0\0\0[]", "does not begin with '{'", 10},
                 {"t.gguf", "oops", "not a GGUF file (bad magic): 'oops'", 4},
                 {"t.gguf", "GGUF\7\0\0", "GGUF version 7, known are 2 and 3", 7},
                 {"t.gguf", "GGUF\3\0\0\0\1\0\0\0\0\0\0\1", "72057594037927937 tensors", 16},
                 {"t.npz", "PK\3\4", "not an NPZ file", 4},
                 {"t.csv", "x,y\n1,2\n", "a NUL character at byte 8", 8},
                 {"t.idx", "oops", "bad magic: it begins with 0x6f", 4},
                 {"t.idx", "\0\0\x08\1\0\0\1\0", "4294967032 bytes behind the last", 8},
                 {"t.idx", "\0\0\x0e\1\xff\xff\xff\xff", "its shape wants", 8}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        strbuf b = {0};
        strbuf_addn(&b, files[i].begins, files[i].n);
        put_file(files[i].name, &b);
        char *path = in_dir(files[i].name);
        cr_assert(truncate(path, (off_t)4 << 30) == 0);
        free(path);
        if (strcmp(files[i].name, "t.csv") == 0)
            refused_data("sparse", "{format: csv, path: t.csv}", files[i].name, files[i].says);
        else if (strcmp(files[i].name, "t.idx") == 0)
            refused_data("sparse", "{format: idx, images: t.idx, labels: t.idx}", files[i].name,
                         files[i].says);
        else
            judge("sparse", 4, files[i].name, files[i].says, ARGS("inspect", files[i].name));
    }
}
