/*
 * bits - codes in 1, 2, 3, 4 or 8 bits, the fewest that hold n_levels.
 *
 * Byte layout: code i stands in the bits [i * b, (i + 1) * b) of the bytes, low
 * bits first, so 3 bits are 8 codes in 3 bytes; the unused high bits of the last
 * byte are 0.
 */
#define QB_ABI_MINOR 1
#include <quantbench/plugin.h>

typedef struct bits {
    int64_t alignment;
    const qb_kernels *k;
    int32_t width, n_levels;
} bits;

static const qb_param params[] = {
    QB_PARAM_INT(bits, alignment, 1, 1, 4096, "bytes",
                 "where a row begins: a power of two, 64 for cache lines"),
};

static qb_status init(void *self, const qb_host *host, int32_t n_levels, int32_t zero_code,
                      qb_packer_info *info) {
    bits *p = self;
    (void)zero_code;
    if ((p->alignment & (p->alignment - 1)) != 0)
        return host->fail(host, QB_EINVAL, "alignment must be a power of two");
    p->k = host->kernels;
    p->n_levels = n_levels;
    p->width = n_levels <= 2 ? 1 : n_levels <= 4 ? 2 : n_levels <= 8 ? 3 : n_levels <= 16 ? 4 : 8;
    info->unit = p->width == 3 ? 8 : 8 / p->width;
    info->align = (int32_t)p->alignment;
    return QB_OK;
}

static int64_t bound(const void *self, int64_t n) {
    const bits *p = self;
    return (n * p->width + 7) / 8;
}

static int64_t pack(const void *self, const uint8_t *code, int64_t n, uint8_t *dst) {
    const bits *p = self;
    p->k->pack_bits(code, n, p->width, dst);
    return bound(self, n);
}

static qb_status unpack(const void *self, const uint8_t *src, int64_t src_bytes, int64_t n,
                        uint8_t *code) {
    const bits *p = self;
    if (src_bytes != bound(self, n)) return QB_ECORRUPT;
    int used = (int)(n * p->width % 8);
    if (used > 0 && src[src_bytes - 1] >> used != 0) return QB_ECORRUPT;
    p->k->unpack_bits(src, n, p->width, code);
    if (p->n_levels == 1 << p->width) return QB_OK;
    return p->k->largest_code(code, n) < p->n_levels ? QB_OK : QB_ECORRUPT;
}

static const qb_packer table = {
    .size = sizeof table, .init = init, .bound = bound, .pack = pack, .unpack = unpack};

QB_PACKER_PLUGIN(bits, params, table, .name = "bits", .version = "1.2.0",
                 .summary = "1, 2, 3, 4 or 8 bits for each code, the fewest that hold the levels",
                 .example = "packer: bits");
