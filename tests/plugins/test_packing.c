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
