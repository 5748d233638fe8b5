/*
 * rle - runs of equal codes, for up to three levels.
 *
 * Byte layout: tokens. Bits 7..6 of a token are the code of a run, or 3 for codes as
 * they are; bits 5..0 are how many, less 1. Behind a 3 follow the codes, five in a byte
 * as the packer base3 writes them. From left to right: a run of at least 4 equal codes
 * is a run, of at most 64; what stands before the next such run is written as it is, at
 * most 64 at a time. There is one way to write given codes, and no other is read.
 *
 * The most it takes is 3 bytes for 5 codes: one code as it is and a run of four.
 */
#include <quantbench/plugin.h>

#include <string.h>

enum { LONGEST = 64, RUN = 4, AS_IS = 3 };

typedef struct rle {
    int64_t block_size;
    const qb_kernels *k;
    int32_t n_levels;
} rle;

static const qb_param params[] = {
    QB_PARAM_INT(rle, block_size, 65536, 64, 1 << 24, "codes", "codes that are packed together"),
};

static qb_status init(void *self, const qb_host *host, int32_t n_levels, int32_t zero_code,
                      qb_packer_info *info) {
    rle *p = self;
    (void)zero_code;
    if (n_levels > 3)
        return host->fail(host, QB_ENOTSUP, "it holds at most three levels, the scheme has %d",
                          n_levels);
    p->k = host->kernels;
    p->n_levels = n_levels;
    info->chunk = p->block_size;
    info->fixed_rate = false;
    return QB_OK;
}

static int64_t bound(const void *self, int64_t n) {
    (void)self;
    return n / 5 * 3 + (n % 5 > 0 ? 2 : 0);
}

static int64_t run_at(const uint8_t *code, int64_t n) {
    int64_t k = 1;
    while (k < n && k < LONGEST && code[k] == code[0]) k++;
    return k;
}

/* The token that begins here; *count: its codes. */
static uint8_t token_at(const uint8_t *code, int64_t n, int64_t *count) {
    int64_t run = run_at(code, n), k = 0;
    *count = run;
    if (run >= RUN) return (uint8_t)(code[0] << 6 | (run - 1));
    for (; run < RUN && k < n && k < LONGEST; run = k < n ? run_at(code + k, n - k) : 0) k += run;
    *count = k < LONGEST ? k : LONGEST;
    return (uint8_t)(AS_IS << 6 | (*count - 1));
}

static int64_t pack(const void *self, const uint8_t *code, int64_t n, uint8_t *dst) {
    const rle *p = self;
    uint8_t *to = dst;
    for (int64_t i = 0, count; i < n; i += count) {
        *to = token_at(code + i, n - i, &count);
        if (*to++ >> 6 != AS_IS) continue;
        p->k->pack_base3(code + i, count, to);
        to += (count + 4) / 5;
    }
    return to - dst;
}

/* Whether pack() would have cut the codes like that. */
static bool ours(const uint8_t *src, const uint8_t *code, int64_t n) {
    for (int64_t i = 0, count; i < n; i += count) {
        if (token_at(code + i, n - i, &count) != *src) return false;
        src += 1 + (*src >> 6 == AS_IS ? (count + 4) / 5 : 0);
    }
    return true;
}

static qb_status unpack(const void *self, const uint8_t *src, int64_t src_bytes, int64_t n,
                        uint8_t *code) {
    const rle *p = self;
    int64_t in = 0, out = 0;
    while (in < src_bytes) {
        int64_t count = (src[in] & 63) + 1, what = src[in] >> 6;
        in++;
        if (count > n - out) return QB_ECORRUPT;
        if (what != AS_IS) {
            memset(code + out, (int)what, (size_t)count);
        } else {
            int64_t bytes = (count + 4) / 5;
            if (bytes > src_bytes - in || p->k->unpack_base3(src + in, count, code + out) != QB_OK)
                return QB_ECORRUPT;
            in += bytes;
        }
        out += count;
    }
    for (int64_t i = 0; i < out; i++)
        if (code[i] >= p->n_levels) return QB_ECORRUPT;
    return out == n && ours(src, code, n) ? QB_OK : QB_ECORRUPT;
}

static const qb_packer table = {
    .size = sizeof table, .init = init, .bound = bound, .pack = pack, .unpack = unpack};

QB_PACKER_PLUGIN(rle, params, table, .name = "rle", .version = "1.0.0",
                 .summary = "runs of equal codes, for up to three levels",
                 .example = "packer: rle");
