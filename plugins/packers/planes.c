/*
 * planes - two bit planes for three levels: what a popcount product reads.
 *
 * Byte layout: the mask plane, then the sign plane, each ceil(n / 8) bytes filled up
 * with zeros to a multiple of `alignment`. Bit i % 8 of byte i / 8 of a plane, low bits
 * first, is code i: mask 1 where the code is not zero, sign 1 where it is the lower
 * one. The sign of a zero and the bits behind the last code are 0.
 *
 * sum w * x for x in {-1, 1} as bits (1 for -1) is popcount(mask) - 2 popcount(mask &
 * (sign ^ x)). A chunk is a row, so every row begins at a multiple of `alignment`.
 */
#define QB_ABI_MINOR 1
#include <quantbench/plugin.h>

#include <string.h>

typedef struct planes {
    int64_t alignment;
    const qb_kernels *k;
} planes;

static const qb_param params[] = {
    QB_PARAM_INT(planes, alignment, 1, 1, 4096, "bytes",
                 "where rows and planes begin: a power of two, 64 for cache lines"),
};

static qb_status init(void *self, const qb_host *host, int32_t n_levels, int32_t zero_code,
                      qb_packer_info *info) {
    planes *p = self;
    if (n_levels != 3 || zero_code != 1)
        return host->fail(host, QB_ENOTSUP,
                          "it holds three levels with zero in the middle, the scheme has %d%s",
                          n_levels, zero_code < 0 ? " and no zero" : "");
    if ((p->alignment & (p->alignment - 1)) != 0)
        return host->fail(host, QB_EINVAL, "alignment must be a power of two");
    p->k = host->kernels;
    info->unit = 8;
    info->align = (int32_t)p->alignment;
    return QB_OK;
}

static int64_t plane_bytes(const planes *p, int64_t n) {
    return ((n + 7) / 8 + p->alignment - 1) & ~(p->alignment - 1);
}

static int64_t bound(const void *self, int64_t n) { return 2 * plane_bytes(self, n); }

static int64_t pack(const void *self, const uint8_t *code, int64_t n, uint8_t *dst) {
    const planes *p = self;
    const int64_t plane = plane_bytes(p, n), used = (n + 7) / 8;
    p->k->pack_planes(code, n, dst, dst + plane);
    memset(dst + used, 0, (size_t)(plane - used));
    memset(dst + plane + used, 0, (size_t)(plane - used));
    return 2 * plane;
}

/* Bits behind the last code and signs of zeros are 0. */
static bool clean(const uint8_t *mask, const uint8_t *sign, int64_t plane, int64_t n) {
    uint8_t wrong = n % 8 > 0 ? (uint8_t)(mask[n / 8] >> n % 8) : 0;
    for (int64_t i = 0; i < plane; i++) wrong |= (uint8_t)(sign[i] & ~mask[i]);
    for (int64_t i = (n + 7) / 8; i < plane; i++) wrong |= mask[i];
    return wrong == 0;
}

static qb_status unpack(const void *self, const uint8_t *src, int64_t src_bytes, int64_t n,
                        uint8_t *code) {
    const planes *p = self;
    const int64_t plane = plane_bytes(p, n);
    const uint8_t *mask = src, *sign = src + plane;
    if (src_bytes != 2 * plane || !clean(mask, sign, plane, n)) return QB_ECORRUPT;
    p->k->unpack_planes(mask, sign, n, code);
    return QB_OK;
}

static const qb_packer table = {
    .size = sizeof table, .init = init, .bound = bound, .pack = pack, .unpack = unpack};

QB_PACKER_PLUGIN(planes, params, table, .name = "planes", .version = "1.0.1",
                 .summary = "sign and mask bit planes for three levels, 2 bits for each code",
                 .example = "packer: {type: planes, alignment: 64}");
