#include "conformance/cases.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/rng.h"

enum { PACKED_MAX = 8 << 20 };

/* ---- one call of each function ---- */

/* -1: it broke a rule. */
static int64_t bound(subject *s, int64_t n) {
    checker *k = s->k;
    call_begin(k, "bound()");
    int64_t most = k->p->packer.bound(s->r, n);
    if (!CALL_END(k, NULL)) return -1;
    if (most >= 0 && most <= PACKED_MAX && most <= 64 * n + 65536) return most;
    checker_fail(k, "it says %" PRId64 " bytes for %" PRId64 " codes", most, n);
    return -1;
}

/* k->code, n codes, to k->src; the bytes that were written, or -1. */
static int64_t pack(subject *s, int64_t n, guard_edge edge, uint8_t poison) {
    checker *k = s->k;
    int64_t most = bound(s, n);
    if (most < 0) return -1;
    guard_place(&k->src, (size_t)most, 1, edge, poison);
    call_begin(k, "pack()");
    int64_t got = k->p->packer.pack(s->r, k->code.r, n, k->src.w);
    if (!CALL_END(k, &k->src)) return -1;
    if (got < 0 || got > most)
        checker_fail(k, "it returned %" PRId64 " bytes, bound() says at most %" PRId64, got, most);
    else if (s->packer.fixed_rate && got != most)
        checker_fail(k,
                     "it wrote %" PRId64 " bytes; a packer of fixed rate writes bound(), %" PRId64,
                     got, most);
    for (int64_t i = got; i < most && !k->failed; i++)
        if (k->src.r[i] != poison)
            checker_fail(k, "it returned %" PRId64 " bytes and wrote byte %" PRId64, got, i);
    return k->failed ? -1 : got;
}

/* `bytes` of k->src back to k->back. The bytes must end where they are told to. */
static bool unpack(subject *s, int64_t bytes, int64_t n, guard_edge edge, uint8_t poison,
                   qb_status *st) {
    checker *k = s->k;
    guard_place(&k->back, (size_t)n, 1, edge, poison);
    call_begin(k, "unpack()");
    *st = k->p->packer.unpack(s->r, k->src.r, bytes, n, k->back.w);
    return CALL_END(k, &k->back);
}

static void place_codes(subject *s, int kind, int64_t n, guard_edge edge) {
    checker *k = s->k;
    guard_place(&k->code, (size_t)n, 1, edge, 0);
    data_codes(kind, k->seed + (uint64_t)n, k->code.w, n, s->set.n_levels, s->set.zero_code);
}

/* Packed bytes at the edge that unpack() is to be watched at. */
static void place_packed(checker *k, const uint8_t *bytes, int64_t n, guard_edge edge) {
    guard_place(&k->src, (size_t)n, 1, edge, 0);
    if (n > 0) memcpy(k->src.w, bytes, (size_t)n);
}

/* ---- there and back ---- */

static void roundtrip(subject *s, int kind, int64_t n, guard_edge edge) {
    checker *k = s->k;
    qb_status st;
    checker_case(k, "n %" PRId64 ", codes %s", n, code_names[kind]);
    place_codes(s, kind, n, edge);
    int64_t got = pack(s, n, edge, 0xa7);
    if (got < 0) return;
    uint8_t *bytes = mem_aligned((size_t)got + 1);
    memcpy(bytes, k->src.r, (size_t)got);
    if (pack(s, n, edge, 0x58) != got || memcmp(bytes, k->src.r, (size_t)got) != 0)
        checker_fail(k, "the bytes are not the same the second time, or not all are written");
    place_packed(k, bytes, got, edge);
    if (!k->failed && unpack(s, got, n, edge, 0xee, &st)) {
        if (st != QB_OK) checker_fail(k, "it returns %d for what pack() wrote", (int)st);
        for (int64_t i = 0; i < n && !k->failed; i++)
            if (k->back.r[i] != k->code.r[i])
                checker_fail(k, "code %" PRId64 " was %d and comes back as %d", i, k->code.r[i],
                             k->back.r[i]);
    }
    free(bytes);
}

static int64_t longest(const subject *s) {
    return s->packer.chunk > 0 && s->packer.chunk < GROUP_MAX ? s->packer.chunk : GROUP_MAX;
}

static void roundtrips(subject *s, bool few) {
    int64_t dense = 3 * (int64_t)s->packer.unit + 1, most = longest(s);
    if (few && dense > 17) dense = 17;
    if (dense > 200) dense = 200;
    for (int64_t n = 0; n <= dense && n <= most; n++)
        for (int kind = 0; kind < CODE_KINDS && !s->k->failed; kind += few ? 2 : 1)
            roundtrip(s, kind, n, (guard_edge)((n + kind) % 2));
    for (int i = 0; i < (few ? data_n_small : data_n_sizes); i++)
        for (int kind = 0; kind < CODE_KINDS && !s->k->failed; kind++)
            if (data_sizes[i] <= most)
                roundtrip(s, kind, data_sizes[i], (guard_edge)((i + kind) % 2));
    for (int kind = 0; kind < CODE_KINDS && !few && most == GROUP_MAX && !s->k->failed; kind += 4)
        roundtrip(s, kind, GROUP_MAX, GUARD_END);
}

static void check_roundtrip(checker *k) { for_each_setting(k, roundtrips); }

/* ---- damage ---- */

/* Corrupt, or codes that there are. */
static void expect_sane(subject *s, int64_t bytes, int64_t n, guard_edge edge) {
    checker *k = s->k;
    qb_status st;
    if (!unpack(s, bytes, n, edge, 0, &st)) return;
    if (st != QB_OK && st != QB_ECORRUPT)
        checker_fail(k, "it returns %d, not QB_OK or QB_ECORRUPT", (int)st);
    for (int64_t i = 0; i < n && st == QB_OK && !k->failed; i++)
        if (k->back.r[i] >= s->set.n_levels)
            checker_fail(k, "it returns QB_OK and code %" PRId64 " is %d, there are %d levels", i,
                         k->back.r[i], s->set.n_levels);
}

static void flip(subject *s, const uint8_t *bytes, int64_t got, int64_t n, bool few) {
    checker *k = s->k;
    int64_t step = few || got > 300 ? 1 + got / 40 : 1;
    for (int64_t i = 0; i < got && !k->failed; i += step)
        for (int how = 0; how < 3 && !k->failed; how++) {
            uint8_t with = how == 0   ? 1
                           : how == 1 ? 0x80
                                      : (uint8_t)(1 + rng_u32(k->seed, (uint64_t)i) % 255);
            checker_case(k, "n %" PRId64 ", byte %" PRId64 " of %" PRId64 " xor 0x%02x", n, i, got,
                         with);
            place_packed(k, bytes, got, (guard_edge)(how % 2));
            k->src.w[i] ^= with;
            expect_sane(s, got, n, (guard_edge)(how % 2));
        }
}

static void cut_off(subject *s, const uint8_t *bytes, int64_t got, int64_t n, bool few) {
    checker *k = s->k;
    int64_t step = few || got > 300 ? 1 + got / 40 : 1;
    for (int64_t len = 0; len < got && !k->failed; len += step) {
        checker_case(k, "n %" PRId64 ", %" PRId64 " of %" PRId64 " bytes", n, len, got);
        place_packed(k, bytes, len, GUARD_END);
        expect_sane(s, len, n, GUARD_END);
    }
    if (k->failed) return;
    checker_case(k, "n %" PRId64 ", one byte more than its %" PRId64, n, got);
    guard_place(&k->src, (size_t)got + 1, 1, GUARD_END, 0);
    memcpy(k->src.w, bytes, (size_t)got);
    expect_sane(s, got + 1, n, GUARD_END);
    checker_case(k, "n %" PRId64 ", the bytes of %" PRId64 " codes", n + 1, n);
    place_packed(k, bytes, got, GUARD_END);
    if (!k->failed && n < longest(s)) expect_sane(s, got, n + 1, GUARD_START);
}

static void noise(subject *s, int64_t n, int times) {
    checker *k = s->k;
    int64_t most = bound(s, n);
    for (int t = 0; t < times && most >= 0 && !k->failed; t++) {
        uint64_t key = data_key(k->seed, 0x401e, (uint64_t)(t + n));
        int64_t len = t % 2 ? most : (int64_t)(rng_u32(key, 0) % (uint32_t)(most + 3));
        checker_case(k, "n %" PRId64 ", %" PRId64 " random bytes, number %d", n, len, t);
        guard_place(&k->src, (size_t)len, 1, GUARD_END, 0);
        for (int64_t i = 0; i < len; i++) k->src.w[i] = (uint8_t)rng_u32(key, (uint64_t)i + 1);
        expect_sane(s, len, n, GUARD_END);
    }
}

static void damage(subject *s, bool few) {
    static const int64_t sizes[] = {7, 33, 1, 128, 0};
    checker *k = s->k;
    for (int i = 0; i < (few ? 2 : 5) && !k->failed; i++) {
        int64_t n = sizes[i] < longest(s) ? sizes[i] : longest(s);
        int kind = i == 3 ? 4 : 0;
        checker_case(k, "n %" PRId64 ", codes %s", n, code_names[kind]);
        place_codes(s, kind, n, GUARD_END);
        int64_t got = pack(s, n, GUARD_END, 0);
        if (got < 0) return;
        uint8_t *bytes = mem_aligned((size_t)got + 1);
        memcpy(bytes, k->src.r, (size_t)got);
        flip(s, bytes, got, n, few);
        cut_off(s, bytes, got, n, few);
        if (!k->failed) noise(s, n, few ? 8 : 40);
        free(bytes);
    }
}

static void check_damage(checker *k) { for_each_setting(k, damage); }

/* ---- for the checks of all kinds ---- */

uint64_t packer_work(const subject *s, uint64_t seed, int i) {
    const qb_packer *f = &s->k->p->packer;
    int64_t n = data_sizes[i % (data_n_sizes - 1)], most;
    if (n > longest(s)) n = longest(s);
    most = f->bound(s->r, n);
    uint64_t h = digest(0, &most, sizeof most);
    if (most < 0 || most > PACKED_MAX) return h;
    uint8_t *code = mem_aligned((size_t)n), *bytes = mem_aligned((size_t)most + 1);
    memset(bytes, 0, (size_t)most + 1);
    data_codes(i % CODE_KINDS, seed + (uint64_t)i, code, n, s->set.n_levels, s->set.zero_code);
    int64_t got = f->pack(s->r, code, n, bytes);
    h = digest(h, &got, sizeof got);
    if (got >= 0 && got <= most) {
        h = digest(h, bytes, (size_t)got);
        memset(code, 0, (size_t)n);
        qb_status st = f->unpack(s->r, bytes, got, n, code);
        h = digest(digest(h, &st, sizeof st), code, (size_t)n);
    }
    free(code), free(bytes);
    return h;
}

const check_entry packer_checks[] = {
    CHECK_INIT,
    {"roundtrip", "codes come back, in at most bound() bytes", check_roundtrip},
    {"damage",
     "changed, cut off or random bytes are refused or give codes; nothing is touched "
     "outside",
     check_damage},
    CHECKS_OF_ALL,
};
