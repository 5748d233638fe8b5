/*
 * `quantbench verify`: damage of a packed file is named, repaired bit for bit or left
 * alone, and nothing reads a file whose header or data is damaged.
 */
#include "cli/command.h"

#include <sys/stat.h>
#include <unistd.h>

#include "io/safetensors.h"
#include "util/files.h"
#include "util/hash.h"
#include "util/mem.h"
#include "util/str.h"

/* ---- helpers ---- */

/* m.safetensors, the packed model of a run; o.safetensors, the same, stays as it is. */
static void make_model(const char *settings) {
    write_file("s.yaml", SMALL);
    free(expect(0, "$Q run s.yaml --db r.db -q %s", settings));
    free(expect(0, "cp runs/*/model.packed.safetensors m.safetensors; cp m.safetensors "
                   "o.safetensors; cp runs/*/weights.safetensors w.safetensors"));
}

static char *load(const char *name, size_t *n) {
    char *path = in_dir(name), *bytes;
    diags d;
    diags_init(&d);
    cr_assert(file_read(path, 1 << 24, ERR_INPUT, &d, &bytes, n) == OK);
    diags_fini(&d);
    free(path);
    return bytes;
}

static void save(const char *name, const char *bytes, size_t n) {
    char *path = in_dir(name);
    write_bytes(path, bytes, n);
    free(path);
}

/* Changes one bit of m.safetensors. */
static void flip(int64_t at) {
    size_t n;
    char *bytes = load("m.safetensors", &n);
    cr_assert(at >= 0 && (size_t)at < n);
    bytes[at] = (char)(bytes[at] ^ 1 << at % 8);
    save("m.safetensors", bytes, n);
    free(bytes);
}

static int64_t file_bytes(const char *name) {
    size_t n;
    free(load(name, &n));
    return (int64_t)n;
}

static json_t *verify(int code, const char *options) {
    char *out = expect(code, "$Q verify m.safetensors --json %s", options);
    json_t *o = json_line(out, 0);
    free(out);
    return o;
}

static void is_original(bool same) {
    free(expect(same ? 0 : 1, "cmp -s m.safetensors o.safetensors"));
}

/* Where the bytes of a tensor begin, by the file's own header. */
static int64_t offset_of(const char *tensor) {
    size_t n;
    uint64_t length;
    char *bytes = load("o.safetensors", &n);
    memcpy(&length, bytes, 8);
    json_t *o = json_loadb(bytes + 8, length, 0, NULL);
    const json_t *range = json_object_get(json_object_get(o, tensor), "data_offsets");
    cr_assert(range != NULL, "%s", tensor);
    int64_t at = 8 + (int64_t)length + json_integer_value(json_array_get(range, 0));
    json_decref(o);
    free(bytes);
    return at;
}

/* ---- damage of one place ---- */

/* One flipped bit is named with its tensor and offset, and repaired; of parity and records it is
 * a warning. */
static void one_place(int64_t at, const char *kind, const char *tensor) {
    bool data = strcmp(kind, "data") == 0;
    flip(at);
    json_t *o = verify(data ? 4 : 0, "");
    const json_t *list = json_object_get(o, "damaged"), *b = json_array_get(list, 0);
    cr_assert_str_eq(text_of(o, "status"), data ? "damaged" : "parity damaged");
    cr_assert(json_array_size(list) == 1 && real_of(b, "first_byte") == (double)at &&
                  real_of(b, "last_byte") == (double)at,
              "byte %lld", (long long)at);
    cr_assert_str_eq(text_of(b, "kind"), kind);
    const json_t *names = json_object_get(b, "tensors");
    cr_assert(json_array_size(names) == 1);
    cr_assert_str_eq(json_string_value(json_array_get(names, 0)), tensor);
    json_decref(o);
    is_original(false);
    o = verify(0, "--repair");
    cr_assert_str_eq(text_of(o, "status"), "repaired");
    json_decref(o);
    is_original(true);
}

Test(verify, names_and_repairs_one_bit_wherever_it_is, .init = setup, .fini = teardown) {
    make_model("");
    int64_t area = offset_of("__integrity__");
    json_t *o = verify(0, "");
    cr_assert_str_eq(text_of(o, "status"), "fine");
    cr_assert(real_of(o, "parity") == 2 && json_array_size(json_object_get(o, "damaged")) == 0);
    int64_t total = (int64_t)real_of(o, "bytes");
    json_decref(o);
    for (int i = 0; i < 9; i++) one_place(i, "data", "header"); /* the length and the '{' */
    one_place(300, "data", "header");
    one_place(offset_of("fc1.weight.codes"), "data", "fc1.weight.codes");
    one_place(offset_of("fc1.weight.scale") + 3, "data", "fc1.weight.scale");
    one_place(offset_of("fc2.weight.codes") + 9, "data", "fc2.weight.codes");
    one_place(area, "record", "__integrity__");
    one_place(area + 2000, "parity", "__integrity__");
    for (int i = 1; i < 64; i += 7) one_place(total - i, "record", "__integrity__");
}

/* ---- reading ---- */

Test(verify, nothing_reads_a_file_of_damaged_data, .init = setup, .fini = teardown) {
    static const char *const readers[] = {"$Q eval m.safetensors --data '{format: glyphs, n: 10}'",
                                          "$Q inspect m.safetensors",
                                          "$Q quantize m.safetensors --scheme int"};
    make_model("");
    const int64_t places[] = {3, 100, offset_of("fc1.weight.codes") + 77};
    for (int k = 0; k < 3; k++) {
        flip(places[k]);
        for (int i = 0; i < 3; i++) {
            outcome o = run("%s", readers[i]);
            cr_assert(o.exit == 4 && strstr(o.err, "the file is damaged: 1 of its blocks") &&
                          strstr(o.err, "`quantbench verify m.safetensors`"),
                      "%s: exit %d\n%s", readers[i], o.exit, o.err);
            free_outcome(&o);
        }
        flip(places[k]);
    }
    free(expect(0, "%s", readers[0]));
}

/* Row G05. */
Test(verify, readers_go_on_with_one_warning_where_only_parity_or_checks_are_damaged, .init = setup,
     .fini = teardown) {
    static const char *const readers[] = {
        "$Q eval m.safetensors --data '{format: glyphs, n: 10}' | grep -v seconds",
        "$Q inspect m.safetensors", "$Q export m.safetensors -o e.npz && cat e.npz"};
    make_model("");
    const int64_t area = offset_of("__integrity__"), places[] = {area + 10, area + 2000};
    for (int i = 0; i < 3; i++) {
        char *whole = expect(0, "%s", readers[i]);
        for (int k = 0; k < 2; k++) {
            flip(places[k]);
            outcome o = run("%s", readers[i]);
            char *warning = strstr(o.err, " warning: m.safetensors: parity damaged: ");
            cr_assert(o.exit == 0 && warning != NULL && strstr(warning + 1, " warning: ") == NULL &&
                          strstr(o.err, "`quantbench verify --repair m.safetensors`"),
                      "%s: exit %d\n%s", readers[i], o.exit, o.err);
            cr_assert_str_eq(o.out, whole);
            free_outcome(&o);
            flip(places[k]);
        }
        free(whole);
    }
    flip(places[1]);
    char *both = expect_both(0, "$Q verify m.safetensors");
    cr_assert(strstr(both, "m.safetensors: parity damaged; ") && strstr(both, " warning: "));
    free(both);
    flip(offset_of("fc1.weight.scale")); /* with the data's: damage like any other */
    refused(4, "2 damaged blocks", "$Q verify m.safetensors");
    refused(4, "the file is damaged: 2 of its blocks", "$Q inspect m.safetensors");
}

/* The only record is lost, and the table of CRCs with it. */
Test(verify, data_that_nothing_proves_whole_is_refused, .init = setup, .fini = teardown) {
    make_model("--set output.save.parity=0");
    flip(offset_of("__integrity__") + 1);
    refused(4, "its checks, from byte ", "$Q verify m.safetensors");
    refused(4, "its checks are lost", "$Q inspect m.safetensors");
}

/* ---- limits ---- */

/* Changes a bit in `n` blocks. */
static void damage_blocks(int n) {
    for (int i = 0; i < n; i++) flip(4096 * i + 5);
}

Test(verify, repairs_as_many_blocks_as_there_is_parity_and_leaves_the_file_alone_beyond,
     .init = setup, .fini = teardown) {
    make_model("--set 'model.hidden=[120]'");
    damage_blocks(2);
    free(expect(0, "$Q verify m.safetensors --repair | grep -q '^m.safetensors: repaired'"));
    is_original(true);
    damage_blocks(3);
    free(expect(0, "cp -p m.safetensors d.safetensors; ls -i m.safetensors > before"));
    outcome o = run("$Q verify m.safetensors --repair");
    cr_assert(o.exit == 4 &&
                  strstr(o.err, "beyond repair: 3 blocks of stripe 0 are damaged, its parity "
                                "restores 2") &&
                  strstr(o.err, "the file is left as it is") && strstr(o.out, "block at byte 8192"),
              "exit %d\n%s%s", o.exit, o.out, o.err);
    free_outcome(&o);
    o = run("$Q verify m.safetensors");
    cr_assert(o.exit == 4 && strstr(o.err, "are damaged") && !strstr(o.err, "left as it is"));
    free_outcome(&o);
    json_t *r = verify(4, "--repair");
    cr_assert_str_eq(text_of(r, "status"), "beyond repair");
    cr_assert(json_array_size(json_object_get(r, "damaged")) == 3);
    json_decref(r);
    free(expect(0, "cmp m.safetensors d.safetensors && ls -i m.safetensors | cmp - before"));
}

/* All names of the only entry. */
static void check_names(const json_t *o, const char *const *names) {
    const json_t *list =
        json_object_get(json_array_get(json_object_get(o, "damaged"), 0), "tensors");
    size_t n = 0;
    for (; names[n] != NULL; n++)
        cr_assert_str_eq(json_string_value(json_array_get(list, n)), names[n]);
    cr_assert(json_array_size(list) == n);
}

Test(verify, tensors_that_a_cut_file_lacks_are_named, .init = setup, .fini = teardown) {
    static const char *const lost[] = {"fc2.weight.codes", "fc2.weight.scale", "__integrity__",
                                       NULL};
    make_model("");
    int64_t at = offset_of("fc2.weight.codes") + 1;
    free(expect(0, "head -c %lld o.safetensors > m.safetensors", (long long)at));
    json_t *o = verify(4, "");
    const json_t *b = json_array_get(json_object_get(o, "damaged"), 0);
    cr_assert_str_eq(text_of(b, "kind"), "missing");
    cr_assert(real_of(b, "offset") == (double)at);
    cr_assert(real_of(b, "bytes") == (double)(file_bytes("o.safetensors") - at));
    check_names(o, lost);
    json_decref(o);
}

Test(verify, a_header_that_cannot_be_read_does_not_hide_that_tensors_share_its_block, .init = setup,
     .fini = teardown) {
    static const char *const lost[] = {"header", "unknown tensors", NULL};
    make_model("--set output.save.parity=0");
    flip(8);
    json_t *o = verify(4, "");
    check_names(o, lost);
    json_decref(o);
}

Test(verify, without_parity_damage_is_found_and_not_repaired, .init = setup, .fini = teardown) {
    make_model("--set output.save.parity=0");
    json_t *o = verify(0, "");
    cr_assert(real_of(o, "parity") == 0 && real_of(o, "integrity_bytes") < 100);
    json_decref(o);
    flip(50);
    outcome r = run("$Q verify m.safetensors --repair");
    cr_assert(r.exit == 4 && strstr(r.err, "1 block of stripe 0 is damaged, its parity restores 0"),
              "%s", r.err);
    free_outcome(&r);
    free(expect(0, "$Q quantize w.safetensors --tensor fc2.weight --scheme int -o s.safetensors -q"
                   " && $Q verify s.safetensors | grep -q ' 1 block of 4096 in 1 stripe, '"));
    flip(50);
    is_original(true);
    flip(offset_of("__integrity__") + 1);
    o = verify(4, "--repair");
    const json_t *b = json_array_get(json_object_get(o, "damaged"), 0);
    cr_assert(real_of(b, "offset") == (double)offset_of("__integrity__"));
    cr_assert_str_eq(text_of(b, "kind"), "record");
    json_decref(o);
}

Test(verify, a_cut_or_longer_file_is_found_and_restored_where_it_can_be, .init = setup,
     .fini = teardown) {
    make_model("");
    free(expect(0, "head -c -3000 o.safetensors > m.safetensors"));
    refused(4, " bytes, it was written with ", "$Q verify m.safetensors");
    free(expect(0, "$Q verify --repair m.safetensors"));
    is_original(true);
    free(expect(0, "(cat o.safetensors; echo more) > m.safetensors; $Q verify --repair "
                   "m.safetensors"));
    is_original(true);
    free(expect(0, "head -c 5000 o.safetensors > m.safetensors"));
    json_t *o = verify(4, "--repair");
    cr_assert_str_eq(text_of(o, "status"), "beyond repair");
    json_decref(o);
    char *says = str_format("it is too short: it has 5000 bytes, its header says %lld\n",
                            (long long)file_bytes("o.safetensors"));
    refused(4, says, "$Q verify m.safetensors --repair");
    free(says);
    free(expect(0, "head -c 20 o.safetensors > m.safetensors"));
    refused(4, "it is too short: it has 20 bytes, its header says ", "$Q verify m.safetensors");
    refused(4, " or more", "$Q verify m.safetensors");
    free(expect(4, "$Q verify m.safetensors > out"));
    free(expect(0,
                "grep -q '^missing: [0-9]* bytes from byte 20 on: header, unknown tensors$' out"));
    free(expect(0, "head -c 5 o.safetensors > m.safetensors"));
    refused(4, "it has 5 bytes, the length of its header would have 8", "$Q verify m.safetensors");
    free(expect(4, "$Q inspect m.safetensors"));
    free(expect(4, ": > e.safetensors; $Q verify e.safetensors"));
    free(expect(4, "$Q verify missing.safetensors"));
}

/* ---- files ---- */

Test(verify, repair_keeps_mode_and_link, .init = setup, .fini = teardown) {
    make_model("");
    flip(1000);
    free(expect(0, "chmod 640 m.safetensors; ln -s m.safetensors l.safetensors; $Q verify "
                   "l.safetensors --repair; test -L l.safetensors; test $(stat -c %%a "
                   "m.safetensors) = 640"));
    is_original(true);
    free(expect(0, "ls -i m.safetensors > before; $Q verify m.safetensors --repair; ls -i "
                   "m.safetensors | cmp - before"));
}

Test(verify, files_without_checks_are_read_and_said_to_have_none, .init = setup, .fini = teardown) {
    make_model("");
    outcome o = run("$Q verify w.safetensors");
    cr_assert(o.exit == 4 && strstr(o.err, "no checks were found in it") &&
                  strstr(o.err, "quantize -o"),
              "%s", o.err);
    free_outcome(&o);
    free(expect(0, "$Q inspect w.safetensors"));
}

Test(verify, parity_is_no_part_of_a_runs_identity, .init = setup, .fini = teardown) {
    make_model("--set output.save.parity=5");
    json_t *o = verify(0, "");
    cr_assert(real_of(o, "parity") == 5);
    json_decref(o);
    outcome r = run("$Q run s.yaml --db r.db");
    cr_assert(r.exit == 0 && strstr(r.err, "done before"), "%s", r.err);
    free_outcome(&r);
    free(expect(3, "$Q check s.yaml --set output.save.parity=33"));
}

Test(verify, quantize_writes_the_parity_it_is_told, .init = setup, .fini = teardown) {
    make_model("");
    for (int k = 0; k < 4; k++) {
        free(expect(0, "$Q quantize w.safetensors --scheme int -o m.safetensors --parity %d", k));
        json_t *o = verify(0, "");
        cr_assert(real_of(o, "parity") == k);
        json_decref(o);
    }
    free(expect(0, "$Q quantize w.safetensors --scheme int -o m.safetensors"));
    json_t *o = verify(0, "");
    cr_assert(real_of(o, "parity") == 2);
    json_decref(o);
    free(expect(2, "$Q quantize w.safetensors --scheme int -o x.safetensors --parity 33"));
    free(expect(2, "$Q quantize w.safetensors --scheme int --parity 3"));
}

Test(verify, names_of_the_file_are_shown_escaped, .init = setup, .fini = teardown) {
    static float w[32 * 32];
    named_floats t = {.name = "e\x1b[31mW\nx: error: y", .n_dims = 2, .shape = {32, 32}, .data = w};
    char *path = in_dir("w.safetensors"), hex[HASH_HEX];
    int64_t bytes;
    diags d;
    diags_init(&d);
    fill_gauss(1, w, 32 * 32, 1);
    cr_assert(safetensors_write(path, &t, 1, &d, hex, &bytes) == OK);
    free(expect(0, "$Q quantize w.safetensors --scheme int -o m.safetensors"));
    size_t n;
    uint64_t header;
    char *text = load("m.safetensors", &n);
    memcpy(&header, text, sizeof header);
    flip(8 + (int64_t)header + 100);
    char *out = expect(4, "m=$(printf 'm\\033[1m'); mv m.safetensors \"$m\"; $Q verify \"$m\"");
    cr_assert(strchr(out, 0x1b) == NULL && strstr(out, ": e\\x1b[31mW\\x0ax: error: y") != NULL &&
                  strstr(out, "\nm\\x1b[1m: damaged; ") != NULL,
              "%s", out);
    diags_fini(&d);
    free(text);
    free(path);
    free(out);
}
