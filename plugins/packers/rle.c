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
#define QB_ABI_MINOR 1
#include <quantbench/plugin.h>

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

static int64_t pack(const void *self, const uint8_t *code, int64_t n, uint8_t *dst) {
    const rle *p = self;
    return p->k->pack_runs(code, n, INT64_MAX, dst);
}

static qb_status unpack(const void *self, const uint8_t *src, int64_t src_bytes, int64_t n,
                        uint8_t *code) {
    const rle *p = self;
    if (p->k->unpack_runs(src, src_bytes, n, code) != QB_OK) return QB_ECORRUPT;
    return p->k->largest_code(code, n) < p->n_levels ? QB_OK : QB_ECORRUPT;
}

static const qb_packer table = {
    .size = sizeof table, .init = init, .bound = bound, .pack = pack, .unpack = unpack};

QB_PACKER_PLUGIN(rle, params, table, .name = "rle", .version = "1.0.1",
                 .summary = "runs of equal codes, for up to three levels",
                 .example = "packer: rle");
