/*
 * raw - one byte for each code, as it is: what the others are measured against.
 *
 * Byte layout: byte i is code i.
 */
#define QB_ABI_MINOR 1
#include <quantbench/plugin.h>

#include <string.h>

typedef struct raw {
    int64_t alignment;
    const qb_kernels *k;
    int32_t n_levels;
} raw;

static const qb_param params[] = {
    QB_PARAM_INT(raw, alignment, 1, 1, 4096, "bytes",
                 "where a row begins: a power of two, 64 for cache lines"),
};

static qb_status init(void *self, const qb_host *host, int32_t n_levels, int32_t zero_code,
                      qb_packer_info *info) {
    raw *p = self;
    (void)zero_code;
    if ((p->alignment & (p->alignment - 1)) != 0)
        return host->fail(host, QB_EINVAL, "alignment must be a power of two");
    p->k = host->kernels;
    p->n_levels = n_levels;
    info->align = (int32_t)p->alignment;
    return QB_OK;
}

static int64_t bound(const void *self, int64_t n) {
    (void)self;
    return n;
}

static int64_t pack(const void *self, const uint8_t *code, int64_t n, uint8_t *dst) {
    memcpy(dst, code, (size_t)n);
    return bound(self, n);
}

static qb_status unpack(const void *self, const uint8_t *src, int64_t src_bytes, int64_t n,
                        uint8_t *code) {
    const raw *p = self;
    if (src_bytes != bound(self, n)) return QB_ECORRUPT;
    memcpy(code, src, (size_t)n);
    return p->k->largest_code(code, n) < p->n_levels ? QB_OK : QB_ECORRUPT;
}

static const qb_packer table = {
    .size = sizeof table, .init = init, .bound = bound, .pack = pack, .unpack = unpack};

QB_PACKER_PLUGIN(raw, params, table, .name = "raw", .version = "1.1.0",
                 .summary = "one byte for each code", .example = "packer: raw");
