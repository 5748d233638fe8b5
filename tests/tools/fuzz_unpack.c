/*
 * fuzz_unpack [STRINGS [LEVEL]]: each unpacker at every SIMD level of this CPU gets so many
 * strings (default 10^6): one of four is whole, two have some bytes replaced, one is random;
 * at least 10 % must decode. What is decoded must pack to the same bytes again. Buffers have
 * exactly the size that may be touched, so the sanitizers see every byte outside: `make
 * fuzz-unpack` builds with them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quant/packing.h"
#include "simd/kernels.h"

enum { MOST = 3000, FORMS_MAX = 6 };

typedef struct form {
    const char *settings; /* "name=value", or "" */
    int levels, zero;     /* levels 0: no more   */
} form;

static const struct {
    const char *name;
    form forms[FORMS_MAX];
} packers[] = {
    {"raw", {{"", 3, 1}, {"", 256, 0}}},
    {"bits", {{"", 2, -1}, {"", 3, 1}, {"", 7, 3}, {"", 16, 7}, {"", 17, 8}}},
    {"base3", {{"", 3, 1}, {"", 2, -1}}},
    {"planes", {{"", 3, 1}, {"alignment=64", 3, 1}}},
    {"rle", {{"", 3, 1}, {"", 2, -1}}},
    {"sparse", {{"", 3, 1}, {"", 2, 0}, {"", 4, 2}, {"", 15, 7}, {"", 256, 128}}},
    {"hybrid",
     {{"block_size=64", 3, 1},
      {"", 3, 1},
      {"", 3, -1},
      {"compression_level=1", 3, 1},
      {"block_size=64", 7, 3}}},
    {"entropy", {{"", 3, 1}, {"", 2, -1}, {"", 4, 2}, {"", 8, 4}, {"", 15, 7}, {"", 256, 128}}},
};
enum { PACKERS = sizeof packers / sizeof *packers };

/* The entropy code of fewer is longer than their bits. */
static int64_t most_codes(const char *name) { return strcmp(name, "entropy") == 0 ? MOST : 400; }

/* Number i of a key, quickly (the finalizer of SplitMix64): most of the time is this. */
static uint32_t number(uint64_t key, uint64_t i) {
    uint64_t z = (key * 1000003 + i + 1) * 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (uint32_t)(z >> 32);
}

static void draw(uint64_t key, const form *f, uint8_t *code, int64_t n) {
    uint32_t share = number(key, 1), at = f->zero < 0 ? 0 : (uint32_t)f->zero;
    for (int64_t i = 0; i < n; i++) {
        uint32_t r = number(key, (uint64_t)(2 * i + 3));
        bool is_zero = number(key, (uint64_t)(2 * i + 2)) < share;
        code[i] = (uint8_t)(is_zero ? at : r % (uint32_t)f->levels);
        if (key % 5 == 0 && i > 0 && r >> 29 != 0) code[i] = code[i - 1]; /* runs */
    }
}

static int64_t make_string(const packing *k, const form *f, uint64_t at, int64_t n, uint8_t *to) {
    const int64_t most = k->table->bound(k->in.self, n);
    int64_t length = number(1, at) % (uint64_t)(most + 5);
    if (at % 4 == 3) {
        for (int64_t i = 0; i < length; i++) to[i] = (uint8_t)number(at, (uint64_t)i);
        return length;
    }
    uint8_t code[MOST];
    draw(at, f, code, n);
    length = k->table->pack(k->in.self, code, n, to);
    for (uint32_t i = 0; i < at % 4 * 2 && length > 0; i++)
        to[number(at, 900 + i) % (uint64_t)length] = (uint8_t)number(at, 950 + i);
    return length;
}

/* 1: decoded, 0: refused, -1: wrong. */
static int try_string(const packing *k, const uint8_t *bytes, int64_t length, int64_t n) {
    uint8_t *src = malloc((size_t)length + (length == 0)), *code = malloc((size_t)n + (n == 0));
    uint8_t *again = malloc((size_t)k->table->bound(k->in.self, n) + 1);
    int result = 0;
    memcpy(src, bytes, (size_t)length);
    if (k->table->unpack(k->in.self, src, length, n, code) == QB_OK) {
        result = 1;
        for (int64_t i = 0; i < n; i++)
            if (code[i] >= k->n_levels) result = -1;
        if (result == 1 && (k->table->pack(k->in.self, code, n, again) != length ||
                            memcmp(again, src, (size_t)length) != 0))
            result = -1;
    }
    free(src);
    free(code);
    free(again);
    return result;
}

/* Strings that decode, -1 after one that decodes wrongly. */
static int64_t fuzz(const packing *k, const form *f, int64_t most, uint64_t strings) {
    int64_t decoded = 0;
    for (uint64_t at = 0; at < strings; at++) {
        uint8_t bytes[4 * MOST];
        int64_t n = number(3, at) % (uint64_t)most, length = make_string(k, f, at, n, bytes);
        int got = try_string(k, bytes, length, n);
        if (got < 0) {
            printf("wrong: string %llu of %s, %d levels, '%s'\n", (unsigned long long)at,
                   k->in.choice.plugin->entry.name, f->levels, f->settings);
            return -1;
        }
        decoded += got;
    }
    return decoded;
}

static bool open_form(packing *k, const registry *r, const char *name, const form *f, diags *d) {
    const plugin *p = registry_find(r, QB_PACKER, name);
    if (p == NULL) return false;
    plugin_choice c = params_defaults(p);
    const char *is = strchr(f->settings, '=');
    if (is != NULL) {
        char *key = str_format("%.*s", (int)(is - f->settings), f->settings);
        char *why = params_set(&c, params_find(p, key), is + 1);
        free(key);
        free(why);
        if (why != NULL) return false;
    }
    return packing_open(k, &c, f->levels, f->zero, NULL, d) == OK;
}

static bool fuzz_packer(const registry *r, int which, uint64_t strings, diags *d) {
    int64_t decoded = 0, n_forms = 0;
    while (n_forms < FORMS_MAX && packers[which].forms[n_forms].levels > 0) n_forms++;
    uint64_t each = (strings + (uint64_t)n_forms - 1) / (uint64_t)n_forms;
    for (int64_t i = 0; i < n_forms; i++) {
        const form *f = &packers[which].forms[i];
        packing k;
        if (!open_form(&k, r, packers[which].name, f, d)) return false;
        int64_t got = fuzz(&k, f, most_codes(packers[which].name), each);
        packing_close(&k);
        if (got < 0) return false;
        decoded += got;
    }
    double share = 100.0 * (double)decoded / (double)(each * (uint64_t)n_forms);
    printf("  %-8s %llu strings, %.1f %% decoded\n", packers[which].name,
           (unsigned long long)(each * (uint64_t)n_forms), share);
    fflush(stdout);
    return share >= 10;
}

int main(int argc, char **argv) {
    uint64_t strings = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    registry r;
    diags d;
    int bad = 0;
    diags_init(&d);
    registry_scan(&r);
    for (int i = 0; simd_level_name(i) != NULL; i++) {
        const char *name = simd_level_name(i);
        if (simd_level(i, simd_features()) == NULL || (argc > 2 && strcmp(argv[2], name) != 0))
            continue;
        simd_force("LEVEL", name, &d);
        printf("%s\n", name);
        for (int p = 0; p < PACKERS; p++) bad += !fuzz_packer(&r, p, strings, &d);
    }
    registry_fini(&r);
    diags_print(&d, stderr);
    diags_fini(&d);
    printf(bad == 0 ? "fuzz-unpack: no finding\n" : "fuzz-unpack: %d findings\n", bad);
    return bad > 0;
}
