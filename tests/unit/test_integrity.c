/*
 * CRC32C and Reed-Solomon against published and worked values; every flipped bit is
 * found; what can be restored comes back bit for bit and the rest is refused.
 */
#include "support/support.h"

#include "io/integrity.h"
#include "util/mem.h"

/* ---- helpers ---- */

static uint64_t state;

static uint64_t next(void) { /* xorshift64 */
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return state;
}

static void fill(uint64_t seed, uint8_t *x, int64_t n) {
    state = seed * 2 + 1;
    for (int64_t i = 0; i < n; i++) x[i] = (uint8_t)(next() >> 32);
}

/* A file of random bytes with its area. */
static uint8_t *make_file(int64_t payload, int parity, integrity *g) {
    *g = integrity_of(payload, parity);
    uint8_t *file = mem_aligned((size_t)g->total);
    memset(file, 0xEE, (size_t)g->total);
    fill((uint64_t)payload + (uint64_t)parity, file, payload);
    integrity_write(g, file);
    return file;
}

static void assert_found(const uint8_t *file, int64_t n, bool fine) {
    integrity_report r;
    integrity_check(file, n, &r);
    cr_assert(r.found && integrity_fine(&r) == fine);
    integrity_report_fini(&r);
}

/* Restores a damaged copy and compares; false: it is refused. */
static bool restores(const uint8_t *damaged, int64_t n, const uint8_t *file, int64_t total) {
    integrity_report r;
    integrity_check(damaged, n, &r);
    uint8_t *image = integrity_restore(damaged, &r);
    if (image != NULL)
        cr_assert(r.g.total == total && memcmp(image, file, (size_t)total) == 0, "other bytes");
    free(image);
    integrity_report_fini(&r);
    return image != NULL;
}

static const int64_t sizes[] = {1,        700,        4095,           4096,           4097,
                                9 * 4096, 128 * 4096, 128 * 4096 + 1, 300 * 4096 + 5, 1100 * 4096};
enum { SIZES = sizeof sizes / sizeof *sizes };

/* ---- the codes ---- */

Test(integrity, crc32c_is_that_of_rfc_3720) {
    uint8_t zeros[32] = {0}, ones[32], up[32];
    for (int i = 0; i < 32; i++) ones[i] = 0xFF, up[i] = (uint8_t)i;
    cr_assert(crc32c("123456789", 9) == 0xE3069283 && crc32c("", 0) == 0);
    cr_assert(crc32c(zeros, 32) == 0x8A9136AA && crc32c(ones, 32) == 0x62A8AB43);
    cr_assert(crc32c(up, 32) == 0x46DD794E);
}

Test(integrity, parity_is_that_of_the_worked_example) {
    uint8_t x[6] = {0x12, 0x34, 0x56, 0x78, 0, 0}, *block[6];
    for (int i = 0; i < 6; i++) block[i] = &x[i];
    erasure_encode(block, 4, block + 4, 2, 1);
    cr_assert(x[4] == 0x67 && x[5] == 0x9D, "%02X %02X", x[4], x[5]);
}

Test(integrity, every_loss_of_up_to_four_of_twenty_blocks_comes_back) {
    enum { N = 16, P = 4, BYTES = 40 };
    uint8_t kept[N + P][BYTES], x[N + P][BYTES], *block[N + P];
    int restored = 0, refused = 0;
    fill(3, kept[0], N * BYTES);
    for (int i = 0; i < N + P; i++) block[i] = kept[i];
    erasure_encode(block, N, block + N, P, BYTES);
    for (int i = 0; i < N + P; i++) block[i] = x[i];
    for (uint32_t set = 0; set < 1u << (N + P); set++) {
        int n = __builtin_popcount(set);
        if (n > P + 1 || (n == P + 1 && set % 16 != 5)) continue;
        bool lost[N + P];
        memcpy(x, kept, sizeof x);
        for (int i = 0; i < N + P; i++) {
            lost[i] = set >> i & 1;
            if (lost[i]) memset(x[i], (int)set & 255, BYTES);
        }
        bool fine = erasure_restore(block, lost, N, P, BYTES);
        cr_assert(fine == (n <= P) && (!fine || memcmp(x, kept, N * BYTES) == 0), "set %x", set);
        restored += fine, refused += !fine;
    }
    cr_assert(restored == 1 + 20 + 190 + 1140 + 4845 && refused > 500);
}

/* ---- the area, as core/quant/README.md has it ---- */

static uint64_t number(const uint8_t *p, int bytes) {
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) v |= (uint64_t)p[i] << (8 * i);
    return v;
}

Test(integrity, the_area_is_as_it_is_documented) {
    integrity g;
    uint8_t *file = make_file(10186, 2, &g);
    /* record, parity, record, parity, record; 3 + 2 CRCs of 4 bytes and a footer of 64 */
    enum { RECORD = 5 * 4 + 64 };
    cr_assert(g.total == 10186 + 2 * 4096 + 3 * RECORD);
    const uint8_t *record = file + 10186, *parity = record + RECORD, *footer = record + 20;
    cr_assert(number(footer, 8) == (uint64_t)g.total && number(footer + 8, 8) == 10186);
    cr_assert(number(footer + 16, 8) == 20 && number(footer + 24, 4) == 4096);
    cr_assert(number(footer + 28, 4) == 1 && number(footer + 32, 4) == 2);
    cr_assert(number(footer + 36, 4) == 3 && number(footer + 40, 4) == 0);
    cr_assert(number(footer + 44, 4) == 0 && number(footer + 48, 4) == 1);
    uint8_t sums[8];
    uint32_t a = crc32c(record, 20), b = crc32c(footer, 52);
    memcpy(sums, &a, 4), memcpy(sums + 4, &b, 4); /* little endian, as every target is */
    cr_assert(number(footer + 52, 4) == crc32c(sums, 8));
    cr_assert(memcmp(footer + 56, "\x93QBCRC\r\xF7", 8) == 0);
    cr_assert(memcmp(file + g.total - 8, "\x93QBCRC\r\xF7", 8) == 0, "it ends with the magic");
    for (int i = 0; i < 2; i++)
        cr_assert(number(record + 4 * i, 4) == crc32c(file + 4096 * i, 4096));
    cr_assert(number(record + 8, 4) == crc32c(file + 8192, 10186 - 8192), "a short block");
    cr_assert(number(record + 12, 4) == crc32c(parity, 4096));
    cr_assert(number(record + 16, 4) == crc32c(parity + 4096 + RECORD, 4096));
    free(file);
}

Test(integrity, equal_payloads_have_equal_areas_whatever_was_there_before) {
    for (int i = 0; i < SIZES; i++) {
        integrity g;
        uint8_t *a = make_file(sizes[i], 3, &g), *b = mem_aligned((size_t)g.total);
        memset(b, 0x11, (size_t)g.total);
        memcpy(b, a, (size_t)sizes[i]);
        integrity_write(&g, b);
        cr_assert(memcmp(a, b, (size_t)g.total) == 0);
        assert_found(a, g.total, true);
        free(a);
        free(b);
    }
}

/* ---- damage ---- */

/* A changed byte lies in the one block that is named; only behind the payload, and only where
 * there is parity, the payload is proven whole nevertheless. */
static void assert_named(const uint8_t *file, int64_t n, int64_t at, int parity) {
    integrity_report r;
    integrity_check(file, n, &r);
    cr_assert(!integrity_fine(&r), "byte %lld", (long long)at);
    if (r.found) {
        cr_assert(r.n == 1 && r.list[0].offset <= at && at < r.list[0].offset + r.list[0].bytes,
                  "byte %lld", (long long)at);
        cr_assert(r.beyond == (parity == 0));
        cr_assert(integrity_payload_fine(&r) == (parity > 0 && at >= r.g.payload));
    } else {
        cr_assert(parity == 0, "byte %lld: nothing is found", (long long)at);
        cr_assert(!integrity_payload_fine(&r));
    }
    integrity_report_fini(&r);
}

Test(integrity, every_flipped_bit_is_found_and_its_block_named) {
    for (int parity = 0; parity < 3; parity++) {
        integrity g;
        uint8_t *file = make_file(5000, parity, &g);
        for (int64_t i = 0; i < g.total * 8; i++) {
            file[i / 8] ^= (uint8_t)(1 << i % 8);
            assert_named(file, g.total, i / 8, parity);
            file[i / 8] ^= (uint8_t)(1 << i % 8);
        }
        assert_found(file, g.total, true);
        free(file);
    }
}

Test(integrity, every_changed_byte_comes_back_where_there_is_parity) {
    integrity g;
    uint8_t *file = make_file(5000, 1, &g), *x = mem_aligned((size_t)g.total);
    memcpy(x, file, (size_t)g.total);
    for (int64_t i = 0; i < g.total; i++) {
        x[i] ^= (uint8_t)(1 + i % 255);
        cr_assert(restores(x, g.total, file, g.total), "byte %lld", (long long)i);
        x[i] = file[i];
    }
    free(x);
    free(file);
}

/* Every block of a file of this geometry, by position: its first byte is changed to see
 * what is named. */
static damaged_block *list_blocks(const integrity *g, int64_t *n) {
    integrity_report r;
    uint8_t *x = make_file(g->payload, g->parity, &(integrity){0});
    damaged_block *list =
        mem_calloc((size_t)(g->blocks + g->stripes * g->parity) + 200, sizeof *list);
    *n = 0;
    for (int64_t at = 0; at < g->total;) {
        x[at] ^= 1;
        integrity_check(x, g->total, &r);
        x[at] ^= 1;
        cr_assert(r.found && r.n == 1 && r.list[0].offset == at, "the blocks leave no gap");
        list[*n] = r.list[0];
        at += list[(*n)++].bytes;
        integrity_report_fini(&r);
    }
    free(x);
    return list;
}

/* Damages up to `most` blocks of each stripe and of the records, in all `most` of one. */
static void damage(uint8_t *x, const integrity *g, const damaged_block *list, int64_t n, int most) {
    int *left = mem_calloc((size_t)g->stripes + 1, sizeof *left);
    for (int64_t s = 0; s <= g->stripes; s++) left[s] = (int)(next() % (uint64_t)(most + 1));
    left[next() % (uint64_t)(g->stripes + 1)] = most;
    for (int64_t tries = 0; tries < 40 * n; tries++) {
        const damaged_block *b = &list[next() % (uint64_t)n];
        if (left[b->stripe + 1] == 0) continue;
        int64_t at = b->offset + (int64_t)(next() % (uint64_t)b->bytes);
        if (x[at] == 0xA5) continue; /* it has been damaged */
        memset(x + b->offset, 0xA5, (size_t)b->bytes);
        left[b->stripe + 1]--;
    }
    free(left);
}

Test(integrity, any_k_blocks_of_every_stripe_and_of_the_records_come_back) {
    const int parities[] = {1, 2, 5, 32};
    for (int i = 0; i < SIZES * 4; i++) {
        integrity g;
        int64_t n;
        uint8_t *file = make_file(sizes[i / 4], parities[i % 4], &g),
                *x = mem_aligned((size_t)g.total);
        if (g.total > 2000000 && i % 4 == 3) { /* the same again */
            free(file);
            free(x);
            continue;
        }
        damaged_block *list = list_blocks(&g, &n);
        cr_assert(n == g.blocks + g.stripes * g.parity + g.records + g.parity);
        for (int k = 0; k < 4; k++) {
            memcpy(x, file, (size_t)g.total);
            damage(x, &g, list, n, g.parity);
            cr_assert(restores(x, g.total, file, g.total), "%lld bytes, parity %d",
                      (long long)g.payload, g.parity);
        }
        free(list);
        free(file);
        free(x);
    }
}

Test(integrity, one_block_more_than_the_parity_is_refused_and_counted) {
    for (int i = 3; i < SIZES; i++) {
        integrity g;
        integrity_report r;
        uint8_t *file = make_file(sizes[i], 2, &g);
        int64_t s = g.stripes - 1, need = 3;
        for (int64_t b = s; b < g.blocks && need > 0; b += g.stripes, need--)
            file[b * INTEGRITY_BLOCK] ^= 1;
        if (need == 0) {
            integrity_check(file, g.total, &r);
            cr_assert(r.n == 3 && r.beyond == 1 && r.worst == s && r.worst_lost == 3);
            cr_assert(integrity_restore(file, &r) == NULL);
            integrity_report_fini(&r);
        }
        free(file);
    }
}

Test(integrity, lost_records_are_beyond_repair_only_where_they_were_all_needed) {
    integrity g;
    int64_t n;
    uint8_t *file = make_file(2500 * INTEGRITY_BLOCK, 1, &g), *x = mem_aligned((size_t)g.total);
    damaged_block *list = list_blocks(&g, &n);
    cr_assert(g.records >= 3, "the table has several pieces");
    for (int lost = 1; lost <= 2; lost++) {
        memcpy(x, file, (size_t)g.total);
        for (int64_t i = 0, left = lost; i < n && left > 0; i++)
            if (list[i].kind == BLOCK_RECORD) x[list[i].offset + 3] ^= 8, left--;
        integrity_report r;
        integrity_check(x, g.total, &r);
        cr_assert(r.found && r.n == lost && r.beyond == (lost == 2) &&
                  (r.beyond == 0 || r.worst == -1));
        cr_assert(integrity_payload_fine(&r) == (lost == 1));
        integrity_report_fini(&r);
        cr_assert(restores(x, g.total, file, g.total) == (lost == 1));
    }
    free(list);
    free(file);
    free(x);
}

Test(integrity, a_burst_over_neighbouring_blocks_is_spread_over_the_stripes) {
    integrity g;
    uint8_t *file = make_file(1100 * INTEGRITY_BLOCK, 2, &g), *x = mem_aligned((size_t)g.total);
    int64_t burst = 2 * g.stripes * INTEGRITY_BLOCK;
    for (int64_t at = 0; at + burst <= g.payload; at += 97 * INTEGRITY_BLOCK) {
        memcpy(x, file, (size_t)g.total);
        memset(x + at, 0, (size_t)burst);
        cr_assert(restores(x, g.total, file, g.total));
    }
    free(file);
    free(x);
}

Test(integrity, parity_of_two_mends_any_one_sector_of_the_file) {
    for (int i = 0; i < SIZES - 1; i++) {
        integrity g;
        uint8_t *file = make_file(sizes[i], 2, &g), *x = mem_aligned((size_t)g.total);
        for (int64_t at = 0; at < g.total; at += INTEGRITY_BLOCK) {
            int64_t n = g.total - at < INTEGRITY_BLOCK ? g.total - at : INTEGRITY_BLOCK;
            memcpy(x, file, (size_t)g.total);
            memset(x + at, 0, (size_t)n);
            cr_assert(restores(x, g.total, file, g.total), "%lld of %lld", (long long)at,
                      (long long)g.payload);
        }
        free(file);
        free(x);
    }
}

/* ---- other lengths ---- */

Test(integrity, every_cut_and_every_addition_is_seen) {
    integrity g;
    uint8_t *file = make_file(5000, 2, &g), *x = mem_aligned((size_t)g.total + 5000);
    int cuts_restored = 0;
    memcpy(x, file, (size_t)g.total);
    for (int64_t n = 0; n < g.total; n++) {
        integrity_report r;
        integrity_check(x, n, &r);
        cr_assert(!integrity_fine(&r), "cut to %lld", (long long)n);
        integrity_report_fini(&r);
        cuts_restored += restores(x, n, file, g.total);
    }
    cr_assert(cuts_restored > INTEGRITY_BLOCK, "the last block of parity and records may go");
    for (int64_t more = 1; more < 5000; more += 7) {
        fill((uint64_t)more, x + g.total, more);
        assert_found(x, g.total + more, false);
        cr_assert(restores(x, g.total + more, file, g.total));
    }
    free(file);
    free(x);
}

/* ---- lies ---- */

/* Writes a footer of any content that has the right CRC. */
static void forge(uint8_t *file, int64_t n, int64_t piece, const uint64_t v[9]) {
    static const int at[] = {0, 8, 16, 24, 28, 32, 36, 40, 48},
                     bytes[] = {8, 8, 8, 4, 4, 4, 4, 4, 4};
    uint8_t *footer = file + n - 64, sums[8];
    memset(footer, 0, 64);
    for (int i = 0; i < 9; i++)
        for (int k = 0; k < bytes[i]; k++) footer[at[i] + k] = (uint8_t)(v[i] >> (8 * k));
    uint32_t a = piece <= n - 64 ? crc32c(footer - piece, piece) : 0, b = crc32c(footer, 52);
    memcpy(sums, &a, 4), memcpy(sums + 4, &b, 4);
    a = crc32c(sums, 8);
    memcpy(footer + 52, &a, 4);
    memcpy(footer + 56, "\x93QBCRC\r\xF7", 8);
}

Test(integrity, a_footer_that_lies_is_not_believed) {
    integrity g;
    uint8_t *file = make_file(10186, 2, &g), *x = mem_aligned((size_t)g.total);
    const uint64_t edges[] = {0,
                              1,
                              2,
                              4,
                              100,
                              4096,
                              UINT32_MAX,
                              INT64_MAX,
                              UINT64_MAX,
                              (uint64_t)1 << 62,
                              (uint64_t)1 << 40,
                              10186,
                              33};
    for (int i = 0; i < 200000; i++) {
        uint64_t v[9] = {(uint64_t)g.total, 10186, 20, 4096, 1, 2, 3, 2, 1};
        memcpy(x, file, (size_t)g.total);
        for (int k = 0; k < 1 + i % 3; k++)
            v[next() % 9] = next() % 2 ? edges[next() % 13] : next() % 40000;
        int64_t n = next() % 2 ? g.total : 64 + (int64_t)(next() % (uint64_t)(g.total - 64));
        forge(x, n, v[2] < 40000 ? (int64_t)v[2] : 20, v);
        integrity_report r;
        integrity_check(x, n, &r);
        bool lied = n < g.total || memcmp(x, file, (size_t)n) != 0;
        cr_assert(integrity_fine(&r) == !lied);
        uint8_t *image = integrity_restore(x, &r);
        cr_assert(image == NULL || memcmp(image, file, (size_t)g.total) == 0);
        free(image);
        integrity_report_fini(&r);
    }
    free(file);
    free(x);
}

/* The table says what a block was: one that comes back as something else is no repair. */
Test(integrity, what_was_restored_must_have_the_crc_that_the_table_has) {
    enum { RECORD = 5 * 4 + 64 };
    integrity g;
    uint8_t *file = make_file(10186, 2, &g);
    const uint64_t footer[9] = {(uint64_t)g.total, 10186, 20, 4096, 1, 2, 3, 0, 1};
    file[g.payload] ^= 1; /* of the CRC of block 0, which is fine */
    forge(file, g.payload + RECORD, 20, footer);
    integrity_report r;
    integrity_check(file, g.total, &r);
    cr_assert(r.found && r.n == 1 && r.beyond == 0);
    cr_assert(r.list[0].kind == BLOCK_PAYLOAD && r.list[0].index == 0);
    cr_assert(integrity_restore(file, &r) == NULL);
    integrity_report_fini(&r);
    free(file);
}
