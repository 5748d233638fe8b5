/*
 * @NAME@ - a packer: each code in as few bits as the number of levels needs.
 *
 * It works as it is. A packer turns codes (0 .. n_levels - 1, a byte each) into bytes and
 * back without loss; say here how the bytes are laid out. The whole contract is one header,
 * <quantbench/plugin.h>. `make check` tries to break what you wrote.
 */
#include <quantbench/plugin.h>

/* One instance for each tensor; the host zeroes it before init(). */
typedef struct my_packer {
    int32_t width; /* bits of a code: 1, 2, 4 or 8 */
    int32_t n_levels;
} my_packer;

/* Refuse what cannot be held with
 *     return host->fail(host, QB_ENOTSUP, "why");
 * zero_code is the code of the number 0, -1 if there is none. */
static qb_status init(void *self, const qb_host *host, int32_t n_levels, int32_t zero_code,
                      qb_packer_info *info) {
    my_packer *p = self;
    (void)host, (void)zero_code;
    p->n_levels = n_levels;
    p->width = n_levels <= 2 ? 1 : n_levels <= 4 ? 2 : n_levels <= 16 ? 4 : 8;
    info->unit = 8 / p->width; /* codes of one byte */
    return QB_OK;
}

/* The most bytes that n codes need. info->fixed_rate is preset to true: always so many. */
static int64_t bound(const void *self, int64_t n) {
    const my_packer *p = self;
    return (n * p->width + 7) / 8;
}

/* Writes at most bound(n) bytes and returns how many. n can be 0. */
static int64_t pack(const void *self, const uint8_t *code, int64_t n, uint8_t *dst) {
    const my_packer *p = self;
    int64_t bytes = bound(self, n), each = 8 / p->width;
    for (int64_t b = 0; b < bytes; b++) {
        unsigned byte = 0;
        for (int64_t k = 0; k < each && b * each + k < n; k++)
            byte |= (unsigned)code[b * each + k] << (k * p->width);
        dst[b] = (uint8_t)byte;
    }
    return bytes;
}

/* The bytes may be damaged: check lengths before reading, codes before returning. */
static qb_status unpack(const void *self, const uint8_t *src, int64_t src_bytes, int64_t n,
                        uint8_t *code) {
    const my_packer *p = self;
    int64_t each = 8 / p->width;
    unsigned mask = (1u << p->width) - 1;
    if (src_bytes != bound(self, n)) return QB_ECORRUPT;
    for (int64_t i = 0; i < n; i++) {
        unsigned c = src[i / each] >> (i % each * p->width) & mask;
        if (c >= (unsigned)p->n_levels) return QB_ECORRUPT;
        code[i] = (uint8_t)c;
    }
    return QB_OK;
}

static const qb_packer table = {
    .size = sizeof table, .init = init, .bound = bound, .pack = pack, .unpack = unpack};

/* Without parameters; with them: a table as in a scheme, and QB_PACKER_PLUGIN. */
QB_PLUGIN_(QB_PACKER, qb_packer, my_packer, 0, NULL, table, .name = "@NAME@", .version = "0.1.0",
           .summary = "1, 2, 4 or 8 bits for each code", .example = "packer: @NAME@");
