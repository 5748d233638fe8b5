/*
 * The shipped packers: golden bytes by hand from the layout in each packer's header
 * comment, there and back for every form, sizes against closed forms and the entropy,
 * damage. What unpack() reads and writes stands in buffers of exactly that size, so a
 * build with -fsanitize=address sees every byte outside.
 */
#include "support/support.h"

#include "host/presets.h"
#include "quant/packing.h"
#include "util/mem.h"
#include "util/parallel.h"
#include "util/rng.h"

/* ---- helpers ---- */

typedef struct opened {
    packing k;
    diags d;
} opened;

/* Plugins keep the address of their qb_host, so it must not move. */
static opened *open_packer(const char *name, const char *settings, int levels, int zero) {
    opened *o = mem_calloc(1, sizeof *o);
    plugin_choice c = choose(QB_PACKER, name, settings);
    diags_init(&o->d);
    status bad = packing_open(&o->k, &c, levels, zero, NULL, &o->d);
    cr_assert(bad == OK, "%s %s, %d levels: %s", name, settings, levels,
              o->d.n ? o->d.list[0].message : "");
    return o;
}

static void close_packer(opened *o) {
    packing_close(&o->k);
    diags_fini(&o->d);
    free(o);
}

static int64_t pack_raw(const opened *o, const uint8_t *code, int64_t n, uint8_t *to) {
    return o->k.table->pack(o->k.in.self, code, n, to);
}

static uint8_t *copy_of(const void *from, int64_t n) {
    uint8_t *to = malloc((size_t)n + (n == 0));
    memcpy(to, from, (size_t)n);
    return to;
}

/* Of exactly these bytes into exactly n codes; *code: free(), NULL if they are refused.
 * No code is none of the levels. */
static bool unpack_exact(const opened *o, const uint8_t *bytes, int64_t length, int64_t n,
                         uint8_t **code) {
    uint8_t *src = copy_of(bytes, length), *to = malloc((size_t)n + (n == 0));
    qb_status st = o->k.table->unpack(o->k.in.self, src, length, n, to);
    cr_assert(st == QB_OK || st == QB_ECORRUPT);
    for (int64_t i = 0; i < n && st == QB_OK; i++) cr_assert(to[i] < o->k.n_levels);
    free(src);
    if (st != QB_OK) free(to);
    *code = st == QB_OK ? to : NULL;
    return st == QB_OK;
}

/* Packs into exactly its bound and checks that the codes come back; returns the bytes,
 * free(). */
static uint8_t *there_and_back(const opened *o, const uint8_t *code, int64_t n, int64_t *length) {
    int64_t limit = o->k.table->bound(o->k.in.self, n);
    uint8_t *bytes = malloc((size_t)limit + 1), *source = copy_of(code, n), *back;
    const char *name = o->k.in.choice.plugin->entry.name;
    bytes[limit] = 0xCD;
    *length = pack_raw(o, source, n, bytes);
    cr_assert(*length >= 0 && *length <= limit && bytes[limit] == 0xCD, "%s: %lld of %lld bytes",
              name, (long long)*length, (long long)limit);
    cr_assert(!o->k.info.fixed_rate || *length == limit);
    cr_assert(unpack_exact(o, bytes, *length, n, &back), "%s refuses its own %lld codes", name,
              (long long)n);
    cr_assert(memcmp(back, code, (size_t)n) == 0, "%s loses one of %lld codes", name, (long long)n);
    free(source);
    free(back);
    return bytes;
}

/* Zeros with probability `sparsity`, the other levels with equal ones. */
static void draw(uint64_t key, double sparsity, int levels, int zero, uint8_t *code, int64_t n) {
    int at = zero < 0 ? 0 : zero;
    for (int64_t i = 0; i < n; i++) {
        uint32_t r = rng_u32(key, (uint64_t)(2 * i + 1)) % (uint32_t)(levels - 1);
        bool is_zero = rng_u32(key, (uint64_t)(2 * i)) < sparsity * 0x1p32;
        code[i] = (uint8_t)(is_zero ? at : r < (uint32_t)at ? (int)r : (int)r + 1);
    }
}

typedef struct kind {
    const char *name, *settings;
    int levels, zero;
} kind;

/* Every packer with what it can hold. */
static const kind kinds[] = {{"raw", "", 2, -1},
                             {"raw", "", 3, 1},
                             {"raw", "", 256, 0},
                             {"bits", "", 2, -1},
                             {"bits", "", 3, 1},
                             {"bits", "", 4, -1},
                             {"bits", "", 5, 2},
                             {"bits", "", 7, 3},
                             {"bits", "", 8, 4},
                             {"bits", "", 9, -1},
                             {"bits", "", 16, 7},
                             {"bits", "", 17, 8},
                             {"bits", "", 256, 128},
                             {"bits", "alignment=64", 3, 1},
                             {"base3", "", 2, -1},
                             {"base3", "", 3, 1},
                             {"planes", "", 3, 1},
                             {"planes", "alignment=4", 3, 1},
                             {"planes", "alignment=64", 3, 1},
                             {"rle", "", 2, -1},
                             {"rle", "", 3, 1},
                             {"sparse", "", 2, 0},
                             {"sparse", "", 2, 1},
                             {"sparse", "", 3, 0},
                             {"sparse", "", 3, 1},
                             {"sparse", "", 3, 2},
                             {"sparse", "", 4, 2},
                             {"sparse", "", 15, 7},
                             {"sparse", "", 256, 128},
                             {"hybrid", "block_size=64", 2, -1},
                             {"hybrid", "block_size=64", 2, 0},
                             {"hybrid", "block_size=100", 3, 1},
                             {"hybrid", "", 3, 1},
                             {"hybrid", "", 3, -1},
                             {"hybrid", "block_size=64", 4, -1},
                             {"hybrid", "block_size=64", 7, 3},
                             {"hybrid", "block_size=32768", 256, 128},
                             {"hybrid", "compression_level=0", 3, 1},
                             {"hybrid", "compression_level=1 block_size=64", 3, 1},
                             {"entropy", "", 2, -1},
                             {"entropy", "", 3, 1},
                             {"entropy", "", 15, 7},
                             {"entropy", "", 256, 128}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static const double sparsities[] = {0, 0.1, 1.0 / 3, 0.5, 0.8, 0.95, 0.99, 1};
enum { SPARSITIES = sizeof sparsities / sizeof *sparsities };

/* ---- golden bytes ---- */

static void check_golden(const kind *k, const uint8_t *code, int64_t n, const char *hex) {
    opened *o = open_packer(k->name, k->settings, k->levels, k->zero);
    int64_t length;
    uint8_t *bytes = there_and_back(o, code, n, &length);
    strbuf got = {0};
    for (int64_t i = 0; i < length; i++) strbuf_addf(&got, "%s%02X", i ? " " : "", bytes[i]);
    cr_assert_str_eq(got.s, hex, "%s %s", k->name, k->settings);
    strbuf_fini(&got);
    free(bytes);
    close_packer(o);
}

Test(packers, write_the_golden_bytes) {
    static const uint8_t eight[] = {2, 1, 0, 2, 0, 0, 1, 1}; /* 1 0 -1 1 -1 -1 0 0 */
    static const uint8_t five[] = {2, 4, 0, 2, 1, 3}, up[] = {0, 1, 2, 3, 4, 5, 6, 7, 7};
    static const uint8_t one[] = {1, 0, 0, 1, 1, 1, 0, 1}, four[] = {0, 7, 8, 15};
    static const uint8_t digits[] = {2, 1, 0, 2, 2, 0};
    check_golden(&(kind){"raw", "", 3, 1}, eight, 8, "02 01 00 02 00 00 01 01");
    check_golden(&(kind){"bits", "", 2, -1}, one, 8, "B9");        /* methods H.10 */
    check_golden(&(kind){"bits", "", 3, 1}, eight, 8, "86 50");    /* H.2 */
    check_golden(&(kind){"bits", "", 16, 8}, four, 4, "70 F8");    /* H.10 */
    check_golden(&(kind){"bits", "", 8, 4}, up, 9, "88 C6 FA 07"); /* octal 76543210, and 7 */
    check_golden(&(kind){"bits", "", 17, 8}, five, 6, "02 04 00 02 01 03");
    check_golden(&(kind){"base3", "", 3, 1}, digits, 6, "D0 2B"); /* H.3; -1 0 0 0 0 */
    check_golden(&(kind){"planes", "", 3, 1}, eight, 8, "3D 34");
    check_golden(&(kind){"planes", "alignment=4", 3, 1}, eight, 7, "3D 00 00 00 34 00 00 00");
    check_golden(&(kind){"sparse", "", 3, 1}, eight, 8, "00 3D 1A"); /* H.6 */
    check_golden(&(kind){"sparse", "", 5, 2}, five, 6, "00 36 6C");
    check_golden(&(kind){"sparse", "", 2, 1}, one, 8, "00 46"); /* no value is needed */
}

Test(packers, write_the_golden_runs_and_gaps) {
    double trits[64];
    uint8_t code[400];
    int n = vector_list("H_rle", "trits", trits, 64);
    cr_assert(n == 25);
    for (int i = 0; i < n; i++) code[i] = (uint8_t)(trits[i] + 1);
    check_golden(&(kind){"rle", "", 3, 1}, code, n, "4B C2 CC 84 C0 2B 43"); /* H.5 */
    memset(code, 1, sizeof code);
    check_golden(&(kind){"rle", "", 3, 1}, code, 131, "7F 7F C2 80"); /* 64 + 64 + 3 as they are */
    code[3] = 2, code[304] = code[305] = 0;
    check_golden(&(kind){"sparse", "", 3, 1}, code, 311, "01 03 03 FF 2D 00 06"); /* H.7 */
    code[305] = 1, code[304] = 1, code[259] = 0; /* 255 zeros, and none more */
    check_golden(&(kind){"sparse", "", 3, 1}, code, 311, "01 02 03 FF 00 02");
}

/* The forms of the blocks: a tie of gaps and runs, and bits, which come before base 3. */
Test(packers, write_the_golden_blocks) {
    uint8_t code[400];
    memset(code, 1, sizeof code);
    for (int i = 64; i < 70; i++) code[i] = i % 2 ? 0 : 2;
    check_golden(&(kind){"hybrid", "block_size=64", 3, 1}, code, 70,
                 "46 00 00 00 03 01 00 00 00 02 00 22 02");
    memset(code, 2, 64);
    check_golden(&(kind){"hybrid", "block_size=64", 3, 1}, code, 64, "40 00 00 00 04 01 00 BF");
    for (int i = 0; i < 65; i++) code[i] = (uint8_t)(i % 3);
    check_golden(&(kind){"hybrid", "block_size=65", 3, 1}, code, 65,
                 "41 00 00 00 01 0D 00 31 BB 94 31 BB 94 31 BB 94 31 BB 94 31");
}

/* From another program, with integers of any size, by the text of the layout alone. */
Test(packers, write_the_golden_entropy_code) {
    uint8_t code[500];
    memset(code, 1, sizeof code);
    check_golden(&(kind){"entropy", "", 3, 1}, code, 400,
                 "01 A8 AA AA AA 01 00 00 01 00 00 00 01 00 00 00 01 00 00 00 01 00 00 00 "
                 "01 00 00 00 01 00 00 00 01 00 00 00 01 00 00 00 01 00 00 00 01 00 00 00 "
                 "01 00 00 00 01 00 00 00 01 00 00 00 01 00 00 00 01 00 00 00 01 00");
    check_golden(&(kind){"entropy", "", 3, 1}, code, 5, "00 55 01");
    code[3] = 2, code[77] = 0, code[150] = 2;
    check_golden(&(kind){"entropy", "", 3, 1}, code, 400,
                 "01 AE 9B BB EA FF 07 0E 38 01 00 0E 38 01 00 0E 38 01 00 C0 FF F1 00 0E "
                 "38 01 00 0E 38 01 00 1E 62 F2 00 0E 38 01 00 0E 38 01 00 0E 38 01 00 0E "
                 "38 01 00 0E 38 01 00 0E 38 01 00 E6 DD E3 01 0E 38 01 00 0E 38 01 00");
    for (int i = 0; i < 500; i++) code[i] = (uint8_t)(i % 3 == 0 ? i * i % 11 % 4 : 1);
    check_golden(&(kind){"entropy", "", 4, -1}, code, 500,
                 "01 BF FA 6F EF EA FA 1E 0A 0A F5 01 92 64 FE 01 72 26 0A 02 0D 54 1F 02 "
                 "CD A7 EF 01 AE 16 1A 00 AF FD 6C 01 19 8E 2C 00 D9 AD 2B 00 B5 0A C5 01 "
                 "12 99 15 00 72 F7 8D 01 54 28 90 01 AF E1 74 01 0B F6 6F 01 D5 F1 69 01 "
                 "D7 67 BA DC 21 52 CC 10 89 82 48 BA F3 AF 82 BD 6D 5D A6 A6 0A 2C 49 B7 "
                 "86 C7 8A E9 A8 B5 77 26");
}

/* ---- there and back ---- */

Test(packers, every_packer_gives_back_every_length_at_every_sparsity) {
    enum { MOST = 200 };
    uint8_t code[MOST];
    for (int i = 0; i < KINDS; i++) {
        const kind *k = &kinds[i];
        opened *o = open_packer(k->name, k->settings, k->levels, k->zero);
        for (int s = 0; s < SPARSITIES; s++)
            for (int64_t n = 0, length; n <= MOST; n++) {
                draw((uint64_t)(1000 * s + n), sparsities[s], k->levels, k->zero, code, n);
                free(there_and_back(o, code, n, &length));
            }
        close_packer(o);
    }
}

Test(packers, every_packer_gives_back_large_tensors) {
    enum { N = 150001 };
    uint8_t *code = mem_aligned(N);
    for (int i = 0; i < KINDS; i++) {
        const kind *k = &kinds[i];
        opened *o = open_packer(k->name, k->settings, k->levels, k->zero);
        for (int s = 0; s < SPARSITIES; s++) {
            int64_t length;
            draw((uint64_t)(7 + s), sparsities[s], k->levels, k->zero, code, N);
            free(there_and_back(o, code, N, &length));
        }
        close_packer(o);
    }
    free(code);
}

/* Every string of three levels: no bound is exceeded, and what rle says of its worst
 * case is reached. */
Test(packers, no_code_takes_more_than_the_bound) {
    static const char *const names[] = {"bits",   "base3",  "planes", "rle",
                                        "sparse", "hybrid", "entropy"};
    for (int p = 0; p < 7; p++) {
        opened *o = open_packer(names[p], "", 3, 1);
        int64_t length, worst = 0;
        uint8_t code[100];
        for (int64_t n = 1, all = 3; n <= 8; n++, all *= 3)
            for (int64_t v = 0; v < all; v++) {
                int64_t rest = v;
                for (int64_t i = 0; i < n; i++, rest /= 3) code[i] = (uint8_t)(rest % 3);
                free(there_and_back(o, code, n, &length));
            }
        for (int64_t n = 1; n <= 100; n++)
            for (int from = 0; from < 5; from++) {
                for (int64_t i = 0; i < n; i++) code[i] = (i + from) % 5 == 0 ? 2 : 1;
                free(there_and_back(o, code, n, &length));
                worst = length > worst ? length : worst;
            }
        cr_assert(strcmp(names[p], "rle") != 0 || worst == 60);
        close_packer(o);
    }
}

Test(packers, blocks_that_are_no_rows_come_back_through_the_container) {
    enum { R = 70, C = 100 };
    static const kind cut[] = {{"rle", "block_size=64", 3, 1},
                               {"sparse", "block_size=999", 3, 1},
                               {"hybrid", "block_size=64", 3, 1},
                               {"entropy", "block_size=1024", 3, 1},
                               {"planes", "alignment=64", 3, 1}};
    uint8_t code[R * C], back[R * C];
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        opened *o = open_packer(cut[i].name, cut[i].settings, 3, 1);
        uint8_t *bytes;
        int64_t length, at;
        draw(3, 0.7, 3, 1, code, R * C);
        cr_assert(packing_pack(&o->k, "w", code, R, C, &o->d, &bytes, &length) == OK);
        cr_assert(length <= packing_bound(&o->k, R, C));
        cr_assert(packing_check_size(&o->k, R, C, length) == NULL);
        cr_assert(packing_unpack(&o->k, bytes, length, R, C, back, &at) == NULL);
        cr_assert(memcmp(code, back, sizeof code) == 0);
        cr_assert(strcmp(cut[i].name, "planes") != 0 || length == R * 2 * 64);
        free(bytes);
        close_packer(o);
    }
}

/* ---- sizes ---- */

static double entropy_of(const uint8_t *code, int64_t n) {
    double count[256] = {0}, h = 0;
    for (int64_t i = 0; i < n; i++) count[code[i]]++;
    for (int c = 0; c < 256; c++)
        if (count[c] > 0) h -= count[c] * log2(count[c] / (double)n);
    return h / 8; /* bytes */
}

static void check_entropy(const uint8_t *code, int64_t n, int levels, int zero, const char *what) {
    opened *o = open_packer("entropy", "", levels, zero);
    int64_t bytes;
    double limit = entropy_of(code, n);
    cr_assert(packing_measure(&o->k, "w", code, 1, n, &o->d, &bytes) == OK);
    cr_assert((double)bytes <= 1.01 * limit && (double)bytes >= limit,
              "%s: %lld bytes, %.0f are %s", what, (long long)bytes, limit, "the entropy");
    close_packer(o);
}

Test(packers, entropy_is_within_one_percent_of_the_entropy_tables_included) {
    static const int64_t sizes[] = {1000000, 1 << 20, (1 << 20) + 3};
    uint8_t *code = mem_aligned((1 << 20) + 3);
    char what[64];
    for (int s = 0; s <= 99; s += s % 90 == 0 ? 1 : s == 91 ? 4 : s == 95 ? 4 : 10) {
        for (int k = 0; k < 3; k++) {
            draw((uint64_t)s, s / 100.0, 3, 1, code, sizes[k]);
            snprintf(what, sizeof what, "sparsity %d %%", s);
            if (k == 1 || s % 20 == 0 || s == 99) check_entropy(code, sizes[k], 3, 1, what);
        }
    }
    for (int s = 0; s < 4; s++) { /* 256 levels: one of many sizes for each */
        draw(5, (double[]){0, 0.5, 0.9, 0.99}[s], 256, 128, code, 1 << 20);
        if (s > 0) check_entropy(code, 1 << 20, 256, 128, "256 levels");
    }
    for (int64_t i = 0; i < 1 << 20; i++) { /* a bell: sums of four bytes */
        uint32_t r = rng_u32(9, (uint64_t)i);
        code[i] = (uint8_t)(((r & 255) + (r >> 8 & 255) + (r >> 16 & 255) + (r >> 24)) / 4);
    }
    check_entropy(code, 1 << 20, 256, 128, "a bell");
    free(code);
}

/* The host gives no more than a block; who calls pack() may. */
Test(packers, entropy_packs_more_than_a_block_at_once) {
    enum { N = 5000 };
    opened *o = open_packer("entropy", "block_size=1024", 3, 1);
    uint8_t code[N];
    int64_t length;
    for (int s = 0; s < SPARSITIES; s++) {
        draw((uint64_t)s, sparsities[s], 3, 1, code, N);
        free(there_and_back(o, code, N, &length));
        cr_assert((double)length < entropy_of(code, N) + 80 || sparsities[s] < 0.5);
    }
    close_packer(o);
}

/* Stretches of very different sparsity. */
static void draw_stretches(uint8_t *code, int64_t n) {
    for (int64_t i = 0; i < n; i += 5000) {
        int64_t here = n - i < 5000 ? n - i : 5000;
        draw((uint64_t)i, sparsities[i / 5000 % SPARSITIES], 3, 1, code + i, here);
        if (i / 5000 % 5 == 4) memset(code + i, i / 25000 % 3, (size_t)here / 2);
    }
}

Test(packers, hybrid_costs_at_most_three_bytes_a_block_over_the_best_of_its_forms) {
    enum { N = 200000, BLOCK = 1000 };
    static const char *const forms[] = {"bits", "base3", "sparse", "rle"};
    uint8_t *code = mem_aligned(N), *bytes;
    int64_t all, single, least = 0, sum[4] = {0};
    draw_stretches(code, N);
    opened *h = open_packer("hybrid", "block_size=1000", 3, 1);
    free(there_and_back(h, code, N, &all));
    opened *o[4];
    for (int f = 0; f < 4; f++) o[f] = open_packer(forms[f], "", 3, 1);
    for (int64_t i = 0; i < N; i += BLOCK) {
        int64_t best = INT64_MAX;
        for (int f = 0; f < 4; f++) {
            bytes = there_and_back(o[f], code + i, BLOCK, &single);
            if (f == 2) single--; /* the byte that names the way: hybrid's own does */
            sum[f] += single;
            best = single < best ? single : best;
            free(bytes);
        }
        least += best;
    }
    cr_assert(all == 4 + N / BLOCK * 3 + least, "%lld bytes", (long long)all);
    for (int f = 0; f < 4; f++) cr_assert(all < sum[f], "%s is shorter", forms[f]);
    for (int f = 0; f < 4; f++) close_packer(o[f]);
    close_packer(h);
    free(code);
}

Test(packers, sparse_takes_the_shorter_of_bitmap_and_gaps) {
    enum { N = 8000 };
    uint8_t code[N];
    opened *o = open_packer("sparse", "", 3, 1);
    bool seen[2] = {false, false};
    for (int s = 0; s <= 100; s++) {
        int64_t nonzero = 0, gaps = 0, last = -1, length;
        draw((uint64_t)s, s / 100.0, 3, 1, code, N);
        for (int64_t i = 0; i < N; i++) {
            if (code[i] == 1) continue;
            gaps += 1 + (i - last - 1) / 255, last = i, nonzero++;
        }
        gaps += nonzero < 128 ? 1 : 2;
        uint8_t *bytes = there_and_back(o, code, N, &length);
        cr_assert(length == 1 + (gaps < N / 8 ? gaps : N / 8) + (nonzero + 7) / 8);
        cr_assert(bytes[0] == (gaps < N / 8));
        seen[bytes[0]] = true;
        free(bytes);
    }
    cr_assert(seen[0] && seen[1]);
    close_packer(o);
}

Test(packers, hybrid_is_never_longer_at_a_higher_compression_level) {
    enum { N = 100000 };
    uint8_t *code = mem_aligned(N);
    int64_t bytes[3];
    draw_stretches(code, N);
    for (int level = 0; level < 3; level++) {
        char settings[32];
        snprintf(settings, sizeof settings, "compression_level=%d", level);
        opened *o = open_packer("hybrid", settings, 3, 1);
        free(there_and_back(o, code, N, &bytes[level]));
        close_packer(o);
    }
    cr_assert(bytes[0] > bytes[1] && bytes[1] > bytes[2]);
    cr_assert(bytes[0] == 4 + (N + 4095) / 4096 * 3 + N / 4096 * 820 + (N % 4096 + 4) / 5);
    free(code);
}

Test(packers, rows_begin_at_a_multiple_of_the_alignment) {
    static const struct {
        const char *name;
        int64_t row;
    } of[] = {{"raw", 7}, {"bits", 2}, {"base3", 2}};
    uint8_t code[3 * 7], *bytes;
    int64_t length;
    draw(1, 0.3, 3, 1, code, sizeof code);
    for (int i = 0; i < 3; i++) {
        opened *o = open_packer(of[i].name, "alignment=32", 3, 1),
               *one = open_packer(of[i].name, "", 3, 1);
        uint8_t row[32] = {0};
        cr_assert(packing_pack(&o->k, "w", code, 3, 7, &o->d, &bytes, &length) == OK &&
                  length == 96);
        for (int r = 0; r < 3; r++) {
            cr_assert(pack_raw(one, code + 7 * r, 7, row) == of[i].row);
            cr_assert(memcmp(bytes + 32 * r, row, 32) == 0, "%s", of[i].name);
        }
        free(bytes);
        close_packer(o);
        close_packer(one);
    }
}

/* Many chunks, so many tasks. */
Test(packers, the_bytes_and_the_first_fault_do_not_depend_on_the_threads) {
    enum { R = 3000, C = 100 };
    static const kind of[] = {{"base3", "", 3, 1},
                              {"rle", "block_size=999", 3, 1},
                              {"hybrid", "block_size=64", 3, 1},
                              {"entropy", "block_size=1024", 3, 1}};
    uint8_t *code = mem_aligned(R * C), *back = mem_aligned(R * C), *bytes[2];
    int64_t length[2], at[2];
    draw(5, 0.6, 3, 1, code, R * C);
    for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
        for (int t = 0; t < 2; t++) {
            parallel_set_threads(t == 0 ? 1 : 4);
            opened *o = open_packer(of[i].name, of[i].settings, 3, 1);
            cr_assert(packing_pack(&o->k, "w", code, R, C, &o->d, &bytes[t], &length[t]) == OK);
            cr_assert(packing_unpack(&o->k, bytes[t], length[t], R, C, back, &at[t]) == NULL);
            cr_assert(memcmp(code, back, R * C) == 0);
            if (t == 1)
                cr_assert(length[0] == length[1] &&
                              memcmp(bytes[0], bytes[1], (size_t)length[0]) == 0,
                          "%s", of[i].name);
            uint8_t *wrong = copy_of(bytes[t], length[t]);
            for (int64_t k = length[t] / 3; k < length[t] / 2; k++)
                wrong[k] = (uint8_t)rng_u32(6, (uint64_t)k);
            cr_assert(packing_unpack(&o->k, wrong, length[t], R, C, back, &at[t]) != NULL);
            free(wrong);
            close_packer(o);
        }
        cr_assert(at[0] == at[1] && at[0] > 0 && at[0] < R * C / 2, "%s: %lld and %lld", of[i].name,
                  (long long)at[0], (long long)at[1]);
        free(bytes[0]);
        free(bytes[1]);
    }
    parallel_set_threads(1);
    free(code);
    free(back);
}

Test(packers, a_preset_is_its_packer_with_its_parameters) {
    const registry *r = plugins();
    for (int i = 0; i < n_packer_presets; i++) {
        plugin_choice c = preset_choice(&packer_presets[i], plugins());
        cr_assert(c.plugin == registry_find(r, QB_PACKER, packer_presets[i].packer));
        cr_assert(preset_find(packer_presets[i].name) == &packer_presets[i]);
        cr_assert(registry_find(r, QB_PACKER, packer_presets[i].name) == NULL);
    }
    plugin_choice c = preset_choice(preset_find("balanced"), r);
    cr_assert(c.values[params_find(c.plugin, "compression_level")].i == 1);
    cr_assert(preset_find("fastest") == NULL);
}

/* The order that the presets promise, where there is something to gain. */
Test(packers, the_presets_take_fewer_bytes_in_their_order) {
    enum { N = 1 << 20 };
    uint8_t *code = mem_aligned(N);
    int64_t bytes[3];
    draw(9, 0.6, 3, 1, code, N);
    for (int i = 0; i < 3; i++) {
        plugin_choice c = preset_choice(&packer_presets[i], plugins());
        packing k;
        diags d;
        diags_init(&d);
        cr_assert(packing_open(&k, &c, 3, 1, NULL, &d) == OK);
        cr_assert(packing_measure(&k, "w", code, 1, N, &d, &bytes[i]) == OK);
        packing_close(&k);
        diags_fini(&d);
    }
    cr_assert(bytes[0] > bytes[1] && bytes[1] > bytes[2]);
    free(code);
}

/* ---- refusals ---- */

Test(packers, what_cannot_be_held_is_refused_with_a_reason) {
    static const struct {
        kind k;
        const char *message;
    } cases[] = {
        {{"base3", "", 4, 1}, "at most three levels, the scheme has 4"},
        {{"rle", "", 4, 1}, "at most three levels, the scheme has 4"},
        {{"sparse", "", 3, -1}, "leaves out zeros, and the scheme has no zero"},
        {{"planes", "", 3, -1}, "zero in the middle, the scheme has 3 and no zero"},
        {{"planes", "", 3, 0}, "three levels with zero in the middle"},
        {{"planes", "", 2, -1}, "three levels with zero in the middle, the scheme has 2"},
        {{"planes", "alignment=48", 3, 1}, "alignment must be a power of two"},
        {{"bits", "alignment=3", 3, 1}, "alignment must be a power of two"},
        {{"base3", "alignment=3", 3, 1}, "alignment must be a power of two"},
        {{"raw", "alignment=3", 3, 1}, "alignment must be a power of two"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const kind *k = &cases[i].k;
        diags d;
        packing p;
        plugin_choice c = choose(QB_PACKER, k->name, k->settings);
        diags_init(&d);
        cr_assert(packing_open(&p, &c, k->levels, k->zero, NULL, &d) == ERR_SPEC);
        cr_assert(strstr(d.list[0].message, cases[i].message) != NULL, "%s", d.list[0].message);
        diags_fini(&d);
    }
}

/* ---- damage ---- */

/* Bytes that are read are those that pack() writes for the codes that they give. */
static bool read_or_refused(const opened *o, const uint8_t *bytes, int64_t length, int64_t n) {
    uint8_t *code;
    if (!unpack_exact(o, bytes, length, n, &code)) return false;
    uint8_t *again = malloc((size_t)o->k.table->bound(o->k.in.self, n) + 1);
    int64_t got = pack_raw(o, code, n, again);
    cr_assert(got == length && memcmp(again, bytes, (size_t)length) == 0, "%s: %lld of %lld bytes",
              o->k.in.choice.plugin->entry.name, (long long)got, (long long)length);
    free(again);
    free(code);
    return true;
}

static void damage(const opened *o, const uint8_t *bytes, int64_t length, int64_t n) {
    const char *name = o->k.in.choice.plugin->entry.name;
    uint8_t *longer = malloc((size_t)length + 1), *code;
    memcpy(longer, bytes, (size_t)length);
    for (int64_t cut = 0; cut < length; cut++)
        cr_assert(!unpack_exact(o, bytes, cut, n, &code), "%s: cut to %lld", name, (long long)cut);
    for (int more = 0; more < 256; more++) {
        longer[length] = (uint8_t)more;
        cr_assert(!unpack_exact(o, longer, length + 1, n, &code), "%s: one byte more", name);
    }
    for (int64_t bit = 0; bit < 8 * length; bit++) {
        longer[bit / 8] ^= (uint8_t)(1 << bit % 8);
        read_or_refused(o, longer, length, n);
        longer[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    free(longer);
}

Test(packers, no_cut_is_read_and_no_flip_gives_codes_of_other_bytes) {
    static const int64_t lengths[] = {1, 2, 7, 8, 9, 33, 64, 65, 130, 300};
    uint8_t code[300];
    for (int i = 0; i < KINDS; i++) {
        const kind *k = &kinds[i];
        opened *o = open_packer(k->name, k->settings, k->levels, k->zero);
        for (int s = 0; s < SPARSITIES; s += 2)
            for (int l = 0; l < 10; l++) {
                int64_t n = lengths[l], length;
                draw((uint64_t)(100 * l + s), sparsities[s], k->levels, k->zero, code, n);
                uint8_t *bytes = there_and_back(o, code, n, &length);
                damage(o, bytes, length, n);
                free(bytes);
            }
        close_packer(o);
    }
}

/* One of four strings is whole, two have some bytes replaced, one is random. */
static int64_t fuzz_string(const opened *o, const kind *k, uint64_t at, int64_t n, uint8_t *bytes,
                           int64_t most) {
    uint8_t code[256];
    int64_t length = rng_u32(1, at) % (uint32_t)most;
    if (at % 4 == 3) {
        for (int64_t i = 0; i < length; i++) bytes[i] = (uint8_t)rng_u32(at, (uint64_t)i);
        return length;
    }
    draw(at, sparsities[rng_u32(2, at) % SPARSITIES], k->levels, k->zero, code, n);
    length = pack_raw(o, code, n, bytes);
    for (uint32_t i = 0; i < at % 4 * 2 && length > 0; i++)
        bytes[rng_u32(at, 900 + i) % (uint32_t)length] = (uint8_t)rng_u32(at, 950 + i);
    return length;
}

Test(packers, random_strings_are_refused_or_are_what_their_codes_pack_to) {
    enum { MOST = 1200 };
    const char *more = getenv("QUANTBENCH_FUZZ"); /* strings for each of the 43 kinds */
    uint64_t each = more != NULL ? strtoull(more, NULL, 10) : 2500;
    uint8_t *bytes = mem_aligned(MOST);
    for (int i = 0; i < KINDS; i++) {
        const kind *k = &kinds[i];
        opened *o = open_packer(k->name, k->settings, k->levels, k->zero);
        uint64_t decoded = 0;
        for (uint64_t at = 0; at < each; at++) {
            int64_t n = rng_u32(3, at) % 256, limit = o->k.table->bound(o->k.in.self, n);
            cr_assert(limit < MOST);
            int64_t length = fuzz_string(o, k, at, n, bytes, limit + 5);
            decoded += read_or_refused(o, bytes, length, n);
        }
        cr_assert(decoded >= each / 10, "%s: only %llu decode", k->name,
                  (unsigned long long)decoded);
        close_packer(o);
    }
    free(bytes);
}
