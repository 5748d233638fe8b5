/*
 * base3 - five codes of three levels in a byte: 1.6 bits for each.
 *
 * Byte layout: v is the number that five codes write in base 3, the first the
 * most significant; the byte is ceil(v * 256 / 243), so that digit k comes out as
 * (byte * 3^k mod 256) * 3 >> 8, without a division (the trick of ggml's TQ1_0).
 * A short last byte is filled with code 1.
 */
#define QB_ABI_MINOR 1
#include <quantbench/plugin.h>

typedef struct base3 {
    int64_t alignment;
    const qb_kernels *k;
    int32_t n_levels;
} base3;

static const qb_param params[] = {
    QB_PARAM_INT(base3, alignment, 1, 1, 4096, "bytes",
                 "where a row begins: a power of two, 64 for cache lines"),
};

static qb_status init(void *self, const qb_host *host, int32_t n_levels, int32_t zero_code,
                      qb_packer_info *info) {
    base3 *p = self;
    (void)zero_code;
    if (n_levels > 3)
        return host->fail(host, QB_ENOTSUP, "it holds at most three levels, the scheme has %d",
                          n_levels);
    if ((p->alignment & (p->alignment - 1)) != 0)
        return host->fail(host, QB_EINVAL, "alignment must be a power of two");
    p->k = host->kernels;
    p->n_levels = n_levels;
    info->unit = 5;
    info->align = (int32_t)p->alignment;
    return QB_OK;
}

static int64_t bound(const void *self, int64_t n) {
    (void)self;
    return (n + 4) / 5;
}

static int64_t pack(const void *self, const uint8_t *code, int64_t n, uint8_t *dst) {
    const base3 *p = self;
    p->k->pack_base3(code, n, dst);
    return bound(self, n);
}

static qb_status unpack(const void *self, const uint8_t *src, int64_t src_bytes, int64_t n,
                        uint8_t *code) {
    const base3 *p = self;
    if (src_bytes != bound(self, n) || p->k->unpack_base3(src, n, code) != QB_OK)
        return QB_ECORRUPT;
    if (p->n_levels == 3) return QB_OK;
    return p->k->largest_code(code, n) < p->n_levels ? QB_OK : QB_ECORRUPT;
}

static const qb_packer table = {
    .size = sizeof table, .init = init, .bound = bound, .pack = pack, .unpack = unpack};

QB_PACKER_PLUGIN(base3, params, table, .name = "base3", .version = "1.1.0",
                 .summary = "five codes of three levels in a byte, 1.6 bits for each",
                 .example = "packer: base3");
