/*
 * Packers behind core/quant/packing.h: what they promise is checked.
 */
#include "plugins/fixture.h"

#include "quant/packing.h"

Test(packers, every_code_comes_back_and_foreign_bytes_are_refused) {
    const struct {
        const char *name;
        int levels;
        int64_t bytes; /* of 17 codes */
    } cases[] = {{"bits", 2, 3},   {"bits", 3, 5},    {"bits", 4, 5},  {"bits", 5, 7},
                 {"bits", 8, 7},   {"bits", 9, 9},    {"bits", 15, 9}, {"bits", 16, 9},
                 {"bits", 17, 17}, {"bits", 256, 17}, {"base3", 3, 4}, {"base3", 2, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        diags d;
        packing k;
        plugin_choice c = choose(QB_PACKER, cases[i].name, "");
        uint8_t code[64], bytes[64], back[64];
        int64_t total;
        diags_init(&d);
        cr_assert(packing_open(&k, &c, cases[i].levels, -1, NULL, &d) == OK);
        for (int j = 0; j < 64; j++) code[j] = (uint8_t)((j * 7 + 3) % cases[i].levels);
        cr_assert(packing_bound(&k, 1, 17) == cases[i].bytes);
        cr_assert(packing_measure(&k, "w", code, 3, 17, &d, &total) == OK &&
                  total == 3 * cases[i].bytes);
        cr_assert(k.table->pack(k.in.self, code, 17, bytes) == cases[i].bytes);
        cr_assert(k.table->unpack(k.in.self, bytes, cases[i].bytes, 17, back) == QB_OK &&
                  memcmp(code, back, 17) == 0);
        cr_assert(k.table->unpack(k.in.self, bytes, cases[i].bytes - 1, 17, back) == QB_ECORRUPT);
        for (int64_t b = 0; b < cases[i].bytes; b++)
            for (int flip = 1; flip < 256; flip++) {
                bytes[b] ^= (uint8_t)flip;
                qb_status st = k.table->unpack(k.in.self, bytes, cases[i].bytes, 17, back);
                for (int j = 0; j < 17 && st == QB_OK; j++) cr_assert(back[j] < cases[i].levels);
                cr_assert(st == QB_OK || st == QB_ECORRUPT);
                bytes[b] ^= (uint8_t)flip;
            }
        packing_close(&k);
        diags_fini(&d);
    }
}

Test(packers, base3_refuses_four_levels_with_a_reason) {
    diags d;
    packing k;
    plugin_choice c = choose(QB_PACKER, "base3", "");
    diags_init(&d);
    cr_assert(packing_open(&k, &c, 4, 0, NULL, &d) == ERR_SPEC);
    cr_assert(strstr(d.list[0].message, "at most three levels, the scheme has 4") != NULL);
    diags_fini(&d);
}

Test(packer, one_that_loses_a_code_or_writes_too_much_is_blamed) {
    const uint8_t code[6] = {0, 1, 2, 0, 1, 2};
    const struct {
        const char *key, *value, *blame;
    } cases[] = {{"greedy", "true", "wrote more than its bound"},
                 {"greedy", "false", "lost a code (tensor 'fc1.weight', code 2)"},
                 {"spare", "2", "promised a fixed rate and wrote less than its bound"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plugin_choice c = fixture_choice("lossy", cases[i].key, cases[i].value);
        packing p;
        int64_t bytes;
        diags d;
        diags_init(&d);
        cr_assert(packing_open(&p, &c, 3, 1, NULL, &d) == OK);
        cr_assert(packing_measure(&p, "fc1.weight", code, 2, 3, &d, &bytes) == ERR_PLUGIN);
        cr_assert(strstr(d.list[0].message, cases[i].blame), "%s", d.list[0].message);
        packing_close(&p);
        diags_fini(&d);
    }
}

/* Chunks of variable length have a table of their lengths at the end. */
Test(packing, a_byte_between_the_last_chunk_and_the_lengths_is_refused) {
    enum { N = 200, LENGTHS = 4 * 4 }; /* four chunks */
    plugin_choice c = choose(QB_PACKER, "rle", "block_size=64");
    uint8_t code[N], back[N], *bytes, more[4 * N];
    int64_t n, at;
    packing p;
    diags d;
    diags_init(&d);
    for (int i = 0; i < N; i++) code[i] = (uint8_t)(i / 10 % 3);
    cr_assert(packing_open(&p, &c, 3, 1, NULL, &d) == OK);
    cr_assert(packing_pack(&p, "w", code, 1, N, &d, &bytes, &n) == OK);
    cr_assert(packing_unpack(&p, bytes, n, 1, N, back, &at) == NULL);
    cr_assert(memcmp(code, back, N) == 0);
    memcpy(more, bytes, (size_t)n - LENGTHS);
    more[n - LENGTHS] = 0;
    memcpy(more + n - LENGTHS + 1, bytes + n - LENGTHS, LENGTHS);
    const char *why = packing_unpack(&p, more, n + 1, 1, N, back, &at);
    cr_assert_str_eq(why, "there is something behind the last chunk");
    free(bytes);
    packing_close(&p);
    diags_fini(&d);
}

/* ---- one way to write given codes ---- */

static qb_status unpack(const packing *p, const uint8_t *bytes, int64_t length, int64_t n) {
    uint8_t code[256];
    return p->table->unpack(p->in.self, bytes, length, n, code);
}

/* How many there are, 1, as a number of two bytes, the second of which is 0. */
Test(packing, a_number_of_gaps_with_more_bytes_than_it_needs_is_refused) {
    const struct {
        const char *name;
        int at; /* of the number */
    } cases[] = {{"sparse", 1}, {"hybrid", 7}};
    for (int i = 0; i < 2; i++) {
        plugin_choice c = choose(QB_PACKER, cases[i].name, "");
        uint8_t code[200], bytes[300], longer[300];
        int at = cases[i].at;
        packing p;
        diags d;
        diags_init(&d);
        cr_assert(packing_open(&p, &c, 3, 1, NULL, &d) == OK);
        memset(code, 1, sizeof code), code[5] = 0;
        int64_t n = p.table->pack(p.in.self, code, 200, bytes);
        cr_assert(n == at + 3 && bytes[at] == 1 && bytes[at + 1] == 5, "one gap of 5");
        cr_assert(unpack(&p, bytes, n, 200) == QB_OK);
        memcpy(longer, bytes, (size_t)at);
        longer[at] = 0x81, longer[at + 1] = 0;
        memcpy(longer + at + 2, bytes + at + 1, 2);
        if (i == 1) longer[5]++; /* the bytes of the block */
        cr_assert(unpack(&p, longer, n + 1, 200) == QB_ECORRUPT, "%s", cases[i].name);
        packing_close(&p);
        diags_fini(&d);
    }
}

Test(packing, sparse_takes_the_bitmap_where_the_gaps_take_as_many_bytes) {
    plugin_choice c = choose(QB_PACKER, "sparse", "");
    uint8_t code[16], bytes[32];
    packing p;
    diags d;
    diags_init(&d);
    cr_assert(packing_open(&p, &c, 3, 1, NULL, &d) == OK);
    memset(code, 1, sizeof code), code[3] = 2;
    cr_assert(p.table->pack(p.in.self, code, 16, bytes) == 4 && bytes[0] == 0);
    cr_assert(bytes[1] == 1 << 3 && bytes[2] == 0 && bytes[3] == 0);
    packing_close(&p);
    diags_fini(&d);
}
