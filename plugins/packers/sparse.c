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
#include <quantbench/plugin.h>

#include <string.h>

enum { BITMAP = 0, GAPS = 1 };

typedef struct sparse {
    int64_t block_size;
    int32_t n_levels, zero, width;
} sparse;

static const qb_param params[] = {
    QB_PARAM_INT(sparse, block_size, 65536, 64, 1 << 24, "codes", "codes that are packed together"),
};

static qb_status init(void *self, const qb_host *host, int32_t n_levels, int32_t zero_code,
                      qb_packer_info *info) {
    sparse *p = self;
    if (zero_code < 0)
        return host->fail(host, QB_ENOTSUP, "it leaves out zeros, and the scheme has no zero");
    p->n_levels = n_levels, p->zero = zero_code;
    while (1 << p->width < n_levels - 1) p->width++;
    info->chunk = p->block_size;
    info->fixed_rate = false;
    return QB_OK;
}

static int64_t value_bytes(const sparse *p, int64_t nonzero) {
    return (nonzero * p->width + 7) / 8;
}

static int64_t bound(const void *self, int64_t n) { return 1 + (n + 7) / 8 + value_bytes(self, n); }

static int64_t varint_bytes(int64_t v) {
    int64_t bytes = 1;
    while (v >>= 7) bytes++;
    return bytes;
}

/* What the gaps of these codes take without their number; *nonzero: how many. */
static int64_t gap_bytes(const sparse *p, const uint8_t *code, int64_t n, int64_t *nonzero) {
    int64_t bytes = 0, last = -1;
    *nonzero = 0;
    for (int64_t i = 0; i < n; i++) {
        if (code[i] == p->zero) continue;
        bytes += (i - last - 1) / 255 + 1;
        last = i;
        ++*nonzero;
    }
    return bytes;
}

static int way_of(const sparse *p, const uint8_t *code, int64_t n) {
    int64_t nonzero = 0, gaps;
    for (int64_t i = 0; i < n; i++) nonzero += code[i] != p->zero;
    if (nonzero >= (n + 7) / 8) return BITMAP; /* a gap has a byte at least */
    gaps = gap_bytes(p, code, n, &nonzero);
    return varint_bytes(nonzero) + gaps < (n + 7) / 8 ? GAPS : BITMAP;
}

/* ---- writing ---- */

static uint8_t *put_bitmap(const sparse *p, const uint8_t *code, int64_t n, uint8_t *to) {
    memset(to, 0, (size_t)((n + 7) / 8));
    for (int64_t i = 0; i < n; i++) to[i / 8] |= (uint8_t)((code[i] != p->zero) << i % 8);
    return to + (n + 7) / 8;
}

static uint8_t *put_gaps(const sparse *p, const uint8_t *code, int64_t n, uint8_t *to) {
    int64_t nonzero, last = -1;
    gap_bytes(p, code, n, &nonzero);
    for (; nonzero > 127; nonzero >>= 7) *to++ = (uint8_t)(nonzero | 128);
    *to++ = (uint8_t)nonzero;
    for (int64_t i = 0; i < n; i++) {
        if (code[i] == p->zero) continue;
        int64_t gap = i - last - 1;
        for (; gap >= 255; gap -= 255) *to++ = 255;
        *to++ = (uint8_t)gap;
        last = i;
    }
    return to;
}

static uint8_t *put_values(const sparse *p, const uint8_t *code, int64_t n, uint8_t *to) {
    uint64_t pending = 0;
    int have = 0;
    for (int64_t i = 0; i < n; i++) {
        const int is = code[i], value = p->n_levels - 1 - is - (is < p->zero);
        const int width = (is != p->zero) * p->width; /* no branch: it would be a coin toss */
        pending |= (uint64_t)(value & ((1 << width) - 1)) << have;
        have += width;
        if (have < 32) continue;
        for (int k = 0; k < 4; k++, pending >>= 8) *to++ = (uint8_t)pending;
        have -= 32;
    }
    for (; have > 0; have -= 8, pending >>= 8) *to++ = (uint8_t)pending;
    return to;
}

static int64_t pack(const void *self, const uint8_t *code, int64_t n, uint8_t *dst) {
    const sparse *p = self;
    dst[0] = (uint8_t)way_of(p, code, n);
    uint8_t *to = dst[0] == GAPS ? put_gaps(p, code, n, dst + 1) : put_bitmap(p, code, n, dst + 1);
    return put_values(p, code, n, to) - dst;
}

/* ---- reading: the places first, as any code that is not zero ---- */

/* Where the values begin, or NULL. */
static const uint8_t *get_bitmap(const sparse *p, const uint8_t *from, const uint8_t *end,
                                 int64_t n, uint8_t *code, int64_t *nonzero) {
    const int step = p->zero == 0 ? 1 : -p->zero; /* to a code that is not zero */
    if ((n + 7) / 8 > end - from) return NULL;
    if (n % 8 > 0 && from[n / 8] >> n % 8 != 0) return NULL;
    *nonzero = 0;
    for (int64_t i = 0; i < n; i++) {
        int set = from[i / 8] >> i % 8 & 1;
        code[i] = (uint8_t)(p->zero + set * step);
        *nonzero += set;
    }
    return from + (n + 7) / 8;
}

static const uint8_t *get_gaps(const sparse *p, const uint8_t *from, const uint8_t *end, int64_t n,
                               uint8_t *code, int64_t *nonzero) {
    int64_t at = -1, count = 0;
    for (int shift = 0;; shift += 7) {
        if (from == end || shift > 35 || (shift > 0 && *from == 0)) return NULL;
        count |= (int64_t)(*from & 127) << shift;
        if (*from++ < 128) break;
    }
    memset(code, p->zero, (size_t)n);
    for (int64_t i = 0; i < count; i++) {
        for (; from < end && *from == 255; from++) at += 255;
        if (from == end) return NULL;
        at += *from++ + 1;
        if (at >= n) return NULL;
        code[at] = p->zero == 0;
    }
    *nonzero = count;
    return from;
}

static qb_status get_values(const sparse *p, const uint8_t *from, const uint8_t *end, int64_t n,
                            uint8_t *code) {
    uint64_t pending = 0;
    int have = 0, below = 0;
    for (int64_t i = 0; i < n; i++) {
        if (have < 8)
            for (; have <= 48 && from < end; have += 8) pending |= (uint64_t)*from++ << have;
        const int is_value = code[i] != p->zero;
        const int width = is_value * p->width;
        int level = p->n_levels - 1 - (int)(pending & ((1u << width) - 1));
        level -= level <= p->zero;
        below |= level; /* negative from the first that is */
        code[i] = (uint8_t)(p->zero + is_value * (level - p->zero));
        pending >>= width, have -= width;
    }
    return pending == 0 && below >= 0 ? QB_OK : QB_ECORRUPT;
}

static qb_status unpack(const void *self, const uint8_t *src, int64_t src_bytes, int64_t n,
                        uint8_t *code) {
    const sparse *p = self;
    const uint8_t *end = src + src_bytes, *values;
    int64_t nonzero;
    if (src_bytes < 1 || src[0] > GAPS) return QB_ECORRUPT;
    values = src[0] == GAPS ? get_gaps(p, src + 1, end, n, code, &nonzero)
                            : get_bitmap(p, src + 1, end, n, code, &nonzero);
    if (values == NULL || end - values != value_bytes(p, nonzero)) return QB_ECORRUPT;
    if (way_of(p, code, n) != src[0]) return QB_ECORRUPT;
    return get_values(p, values, end, n, code);
}

static const qb_packer table = {
    .size = sizeof table, .init = init, .bound = bound, .pack = pack, .unpack = unpack};

QB_PACKER_PLUGIN(sparse, params, table, .name = "sparse", .version = "1.0.0",
                 .summary = "the codes that are not zero: a bitmap or gaps, whichever is shorter",
                 .example = "packer: sparse");
