/*
 * raw - one byte for each code, as it is: what the others are measured against.
 *
 * Byte layout: byte i is code i.
 */
#include <quantbench/plugin.h>

#include <string.h>

typedef struct raw {
    int32_t n_levels;
} raw;

static qb_status init(void *self, const qb_host *host, int32_t n_levels, int32_t zero_code,
                      qb_packer_info *info) {
    raw *p = self;
    (void)host, (void)zero_code, (void)info;
    p->n_levels = n_levels;
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
    uint8_t largest = 0;
    for (int64_t i = 0; i < n; i++) {
        code[i] = src[i];
        largest = code[i] > largest ? code[i] : largest;
    }
    return largest < p->n_levels ? QB_OK : QB_ECORRUPT;
}

static const qb_packer table = {
    .size = sizeof table, .init = init, .bound = bound, .pack = pack, .unpack = unpack};

QB_PLUGIN_(QB_PACKER, qb_packer, raw, 0, NULL, table, .name = "raw", .version = "1.0.0",
           .summary = "one byte for each code", .example = "packer: raw");
