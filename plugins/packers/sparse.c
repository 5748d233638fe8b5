/*
 * sparse - where the codes that are not zero stand, and which they are.
 *
 * Byte layout: the way, 0 or 1; the places; the values.
 *   way 0, bitmap: ceil(n / 8) bytes, bit i % 8 of byte i / 8 is 1 where code i is not
 *     zero; the bits behind the last code are 0.
 *   way 1, gaps: how many there are as a varint (7 bits in a byte, the low ones first,
 *     bit 7: more follow); then for each the zeros before it, in bytes: 255 is 255 zeros
 *     and more to come, another byte ends the gap.
 *   values: w bits each, low bits first, 0 behind the last. They number the other codes
 *     from the highest down, so of three levels 1 is the negative one. w is what
 *     n_levels - 1 values need.
 * The way that takes fewer bytes; the bitmap if both take as many.
 */
#define QB_ABI_MINOR 1
#include <quantbench/plugin.h>

enum { BITMAP = 0, GAPS = 1 };

typedef struct sparse {
    int64_t block_size;
    const qb_kernels *k;
    int32_t n_levels, zero;
} sparse;

static const qb_param params[] = {
    QB_PARAM_INT(sparse, block_size, 65536, 64, 1 << 24, "codes", "codes that are packed together"),
};

static qb_status init(void *self, const qb_host *host, int32_t n_levels, int32_t zero_code,
                      qb_packer_info *info) {
    sparse *p = self;
    if (zero_code < 0)
        return host->fail(host, QB_ENOTSUP, "it leaves out zeros, and the scheme has no zero");
    p->k = host->kernels;
    p->n_levels = n_levels, p->zero = zero_code;
    info->chunk = p->block_size;
    info->fixed_rate = false;
    return QB_OK;
}

static int64_t bound(const void *self, int64_t n) {
    const sparse *p = self;
    int width = 0;
    while (1 << width < p->n_levels - 1) width++;
    return 1 + (n + 7) / 8 + (n * width + 7) / 8;
}

/* Bytes of the gaps, written unless dst is NULL; -1 where the bitmap takes no more. */
static int64_t shorter_gaps(const sparse *p, const uint8_t *code, int64_t n, uint8_t *dst) {
    int64_t bitmap = p->k->pack_bitmap(code, n, p->n_levels, p->zero, NULL);
    return p->k->pack_gaps(code, n, p->n_levels, p->zero, bitmap - 1, dst);
}

static int64_t pack(const void *self, const uint8_t *code, int64_t n, uint8_t *dst) {
    const sparse *p = self;
    int64_t bytes = shorter_gaps(p, code, n, dst + 1);
    dst[0] = bytes >= 0 ? GAPS : BITMAP;
    if (bytes < 0) bytes = p->k->pack_bitmap(code, n, p->n_levels, p->zero, dst + 1);
    return 1 + bytes;
}

static qb_status unpack(const void *self, const uint8_t *src, int64_t src_bytes, int64_t n,
                        uint8_t *code) {
    const sparse *p = self;
    if (src_bytes < 1 || src[0] > GAPS) return QB_ECORRUPT;
    qb_status st = src[0] == GAPS
                       ? p->k->unpack_gaps(src + 1, src_bytes - 1, n, p->n_levels, p->zero, code)
                       : p->k->unpack_bitmap(src + 1, src_bytes - 1, n, p->n_levels, p->zero, code);
    if (st != QB_OK) return st;
    int way = shorter_gaps(p, code, n, NULL) >= 0 ? GAPS : BITMAP;
    return way == src[0] ? QB_OK : QB_ECORRUPT;
}

static const qb_packer table = {
    .size = sizeof table, .init = init, .bound = bound, .pack = pack, .unpack = unpack};

QB_PACKER_PLUGIN(sparse, params, table, .name = "sparse", .version = "1.0.1",
                 .summary = "the codes that are not zero: a bitmap or gaps, whichever is shorter",
                 .example = "packer: sparse");
