/*
 * hybrid - each block in the form that is the shortest for it.
 *
 * Byte layout: how many codes, 4 bytes; then for every block_size codes, the last block
 * has the rest: the form, 1 byte; the length of what follows, 2 bytes; the bytes. All
 * little endian. The forms, for those that fit the levels, and among equally short ones
 * the first:
 *   0  as the packer bits writes the block
 *   1  as base3 does: up to three levels
 *   2  bitmap and values, 3  gaps and values: as sparse does behind its first byte (its
 *      way 0 and 1), where the scheme has a zero
 *   4  as rle does: up to three levels
 */
#include <quantbench/plugin.h>

#include <string.h>

enum { BITS = 0, BASE3 = 1, BITMAP = 2, GAPS = 3, RUNS = 4, FORMS = 5 };
enum { COUNT_BYTES = 4, HEAD_BYTES = 3, BLOCKS = 256 /* of a chunk */ };
enum { LONGEST = 64, RUN = 4, AS_IS = 3 };

typedef struct hybrid {
    int64_t block_size;
    const qb_kernels *k;
    int32_t n_levels, zero, width, value_width;
} hybrid;

static const qb_param params[] = {
    QB_PARAM_INT(hybrid, block_size, 4096, 64, 32768, "codes", "codes that share a form"),
};

static qb_status init(void *self, const qb_host *host, int32_t n_levels, int32_t zero_code,
                      qb_packer_info *info) {
    hybrid *p = self;
    p->k = host->kernels;
    p->n_levels = n_levels, p->zero = zero_code;
    p->width = n_levels <= 2 ? 1 : n_levels <= 4 ? 2 : n_levels <= 8 ? 3 : n_levels <= 16 ? 4 : 8;
    while (1 << p->value_width < n_levels - 1) p->value_width++;
    info->chunk = p->block_size * BLOCKS;
    info->fixed_rate = false;
    return QB_OK;
}

/* ---- what each form takes ---- */

static int64_t bits_bytes(const hybrid *p, int64_t n) { return (n * p->width + 7) / 8; }

static int64_t value_bytes(const hybrid *p, int64_t nonzero) {
    return (nonzero * p->value_width + 7) / 8;
}

static int64_t bound(const void *self, int64_t n) {
    const hybrid *p = self;
    int64_t size = p->block_size, whole = n / size, rest = n % size;
    int64_t bytes = COUNT_BYTES + whole * (HEAD_BYTES + bits_bytes(p, size));
    return rest > 0 ? bytes + HEAD_BYTES + bits_bytes(p, rest) : bytes;
}

static int64_t varint_bytes(int64_t v) {
    int64_t bytes = 1;
    while (v >>= 7) bytes++;
    return bytes;
}

static void sparse_bytes(const hybrid *p, const uint8_t *code, int64_t n, int64_t *cost) {
    int64_t gaps = 0, last = -1, nonzero = 0;
    for (int64_t i = 0; i < n; i++) nonzero += code[i] != p->zero;
    cost[BITMAP] = (n + 7) / 8 + value_bytes(p, nonzero);
    if (nonzero >= (n + 7) / 8) return; /* a gap has a byte at least */
    for (int64_t i = 0; i < n; i++) {
        if (code[i] == p->zero) continue;
        gaps += (i - last - 1) / 255 + 1;
        last = i;
    }
    cost[GAPS] = varint_bytes(nonzero) + gaps + value_bytes(p, nonzero);
}

static int64_t run_at(const uint8_t *code, int64_t n) {
    int64_t k = 1;
    while (k < n && k < LONGEST && code[k] == code[0]) k++;
    return k;
}

static uint8_t token_at(const uint8_t *code, int64_t n, int64_t *count) {
    int64_t run = run_at(code, n), k = 0;
    *count = run;
    if (run >= RUN) return (uint8_t)(code[0] << 6 | (run - 1));
    for (; run < RUN && k < n && k < LONGEST; run = k < n ? run_at(code + k, n - k) : 0) k += run;
    *count = k < LONGEST ? k : LONGEST;
    return (uint8_t)(AS_IS << 6 | (*count - 1));
}

static int64_t runs_bytes(const uint8_t *code, int64_t n) {
    int64_t bytes = 0;
    for (int64_t i = 0, count; i < n; i += count)
        bytes += token_at(code + i, n - i, &count) >> 6 == AS_IS ? 1 + (count + 4) / 5 : 1;
    return bytes;
}

/* No more than runs_bytes(), in less time: what is not in a run takes a fifth of a byte
 * and a 64th of a token; a run of k has k - 3 fours and takes 1, more than 3 of those. */
static int64_t runs_at_least(const uint8_t *code, int64_t n) {
    int32_t fours = 0;
    for (int64_t i = 0; i + RUN <= n; i++) {
        const uint8_t *c = code + i;
        fours += (c[0] == c[1]) & (c[1] == c[2]) & (c[2] == c[3]);
    }
    return (n - fours) * 69 / 320;
}

static int form_of(const hybrid *p, const uint8_t *code, int64_t n, int64_t *bytes) {
    int64_t cost[FORMS] = {bits_bytes(p, n), INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
    int best = BITS;
    if (p->n_levels <= 3) cost[BASE3] = (n + 4) / 5;
    if (p->zero >= 0) sparse_bytes(p, code, n, cost);
    for (int f = 1; f < RUNS; f++)
        if (cost[f] < cost[best]) best = f;
    if (p->n_levels <= 3 && runs_at_least(code, n) < cost[best]) {
        cost[RUNS] = runs_bytes(code, n);
        if (cost[RUNS] < cost[best]) best = RUNS;
    }
    *bytes = cost[best];
    return best;
}

/* ---- writing ---- */

static uint8_t *put_values(const hybrid *p, const uint8_t *code, int64_t n, uint8_t *to) {
    uint64_t pending = 0;
    int have = 0;
    for (int64_t i = 0; i < n; i++) {
        const int is = code[i], value = p->n_levels - 1 - is - (is < p->zero);
        const int width = (is != p->zero) * p->value_width; /* no branch: it would be a coin toss */
        pending |= (uint64_t)(value & ((1 << width) - 1)) << have;
        have += width;
        if (have < 32) continue;
        for (int k = 0; k < 4; k++, pending >>= 8) *to++ = (uint8_t)pending;
        have -= 32;
    }
    for (; have > 0; have -= 8, pending >>= 8) *to++ = (uint8_t)pending;
    return to;
}

static uint8_t *put_bitmap(const hybrid *p, const uint8_t *code, int64_t n, uint8_t *to) {
    memset(to, 0, (size_t)((n + 7) / 8));
    for (int64_t i = 0; i < n; i++) to[i / 8] |= (uint8_t)((code[i] != p->zero) << i % 8);
    return to + (n + 7) / 8;
}

static uint8_t *put_gaps(const hybrid *p, const uint8_t *code, int64_t n, uint8_t *to) {
    int64_t nonzero = 0, last = -1;
    for (int64_t i = 0; i < n; i++) nonzero += code[i] != p->zero;
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

static void put_runs(const hybrid *p, const uint8_t *code, int64_t n, uint8_t *to) {
    for (int64_t i = 0, count; i < n; i += count) {
        *to = token_at(code + i, n - i, &count);
        if (*to++ >> 6 != AS_IS) continue;
        p->k->pack_base3(code + i, count, to);
        to += (count + 4) / 5;
    }
}

static uint8_t *put_block(const hybrid *p, const uint8_t *code, int64_t n, uint8_t *to) {
    int64_t bytes;
    int form = form_of(p, code, n, &bytes);
    to[0] = (uint8_t)form, to[1] = (uint8_t)bytes, to[2] = (uint8_t)(bytes >> 8);
    to += HEAD_BYTES;
    if (form == BITS) p->k->pack_bits(code, n, p->width, to);
    if (form == BASE3) p->k->pack_base3(code, n, to);
    if (form == BITMAP) put_values(p, code, n, put_bitmap(p, code, n, to));
    if (form == GAPS) put_values(p, code, n, put_gaps(p, code, n, to));
    if (form == RUNS) put_runs(p, code, n, to);
    return to + bytes;
}

static int64_t pack(const void *self, const uint8_t *code, int64_t n, uint8_t *dst) {
    const hybrid *p = self;
    uint8_t *to = dst + COUNT_BYTES;
    for (int i = 0; i < COUNT_BYTES; i++) dst[i] = (uint8_t)(n >> 8 * i);
    for (int64_t i = 0; i < n; i += p->block_size)
        to = put_block(p, code + i, n - i < p->block_size ? n - i : p->block_size, to);
    return to - dst;
}

/* ---- reading: true, or the bytes are damaged ---- */

static bool get_bits(const hybrid *p, const uint8_t *from, int64_t bytes, int64_t n,
                     uint8_t *code) {
    int used = (int)(n * p->width % 8);
    if (bytes != bits_bytes(p, n) || (used > 0 && from[bytes - 1] >> used != 0)) return false;
    p->k->unpack_bits(from, n, p->width, code);
    return true;
}

static bool get_values(const hybrid *p, const uint8_t *from, const uint8_t *end, int64_t nonzero,
                       int64_t n, uint8_t *code) {
    if (end - from != value_bytes(p, nonzero)) return false;
    uint64_t pending = 0;
    int have = 0, below = 0;
    for (int64_t i = 0; i < n; i++) {
        if (have < 8)
            for (; have <= 48 && from < end; have += 8) pending |= (uint64_t)*from++ << have;
        const int is_value = code[i] != p->zero;
        const int width = is_value * p->value_width;
        int level = p->n_levels - 1 - (int)(pending & ((1u << width) - 1));
        level -= level <= p->zero;
        below |= level; /* negative from the first that is */
        code[i] = (uint8_t)(p->zero + is_value * (level - p->zero));
        pending >>= width, have -= width;
    }
    return pending == 0 && below >= 0;
}

static bool get_bitmap(const hybrid *p, const uint8_t *from, int64_t bytes, int64_t n,
                       uint8_t *code) {
    const int step = p->zero == 0 ? 1 : -p->zero; /* to a code that is not zero */
    int64_t places = (n + 7) / 8, nonzero = 0;
    if (places > bytes || (n % 8 > 0 && from[n / 8] >> n % 8 != 0)) return false;
    for (int64_t i = 0; i < n; i++) {
        int set = from[i / 8] >> i % 8 & 1;
        code[i] = (uint8_t)(p->zero + set * step);
        nonzero += set;
    }
    return get_values(p, from + places, from + bytes, nonzero, n, code);
}

static bool get_gaps(const hybrid *p, const uint8_t *from, int64_t bytes, int64_t n,
                     uint8_t *code) {
    const uint8_t *end = from + bytes;
    int64_t at = -1, count = 0;
    for (int shift = 0;; shift += 7) {
        if (from == end || shift > 14 || (shift > 0 && *from == 0)) return false;
        count |= (int64_t)(*from & 127) << shift;
        if (*from++ < 128) break;
    }
    memset(code, p->zero, (size_t)n);
    for (int64_t i = 0; i < count; i++) {
        for (; from < end && *from == 255; from++) at += 255;
        if (from == end) return false;
        at += *from++ + 1;
        if (at >= n) return false;
        code[at] = p->zero == 0;
    }
    return get_values(p, from, end, count, n, code);
}

static bool get_runs(const hybrid *p, const uint8_t *from, int64_t bytes, int64_t n,
                     uint8_t *code) {
    const uint8_t *end = from + bytes, *first = from;
    int64_t out = 0;
    while (from < end) {
        int64_t count = (*from & 63) + 1, what = *from >> 6, as_is = (count + 4) / 5;
        from++;
        if (count > n - out) return false;
        if (what != AS_IS) {
            memset(code + out, (int)what, (size_t)count);
        } else {
            if (as_is > end - from || p->k->unpack_base3(from, count, code + out) != QB_OK)
                return false;
            from += as_is;
        }
        out += count;
    }
    if (out != n) return false;
    for (int64_t i = 0, count; i < n; i += count) { /* cut as put_runs() does */
        if (token_at(code + i, n - i, &count) != *first) return false;
        first += 1 + (*first >> 6 == AS_IS ? (count + 4) / 5 : 0);
    }
    return true;
}

static bool get_block(const hybrid *p, int form, const uint8_t *from, int64_t bytes, int64_t n,
                      uint8_t *code) {
    int64_t shortest;
    bool fine = false;
    if ((form == BASE3 || form == RUNS) && p->n_levels > 3) return false;
    if ((form == BITMAP || form == GAPS) && p->zero < 0) return false;
    if (form == BITS) fine = get_bits(p, from, bytes, n, code);
    if (form == BASE3) fine = bytes == (n + 4) / 5 && p->k->unpack_base3(from, n, code) == QB_OK;
    if (form == BITMAP) fine = get_bitmap(p, from, bytes, n, code);
    if (form == GAPS) fine = get_gaps(p, from, bytes, n, code);
    if (form == RUNS) fine = get_runs(p, from, bytes, n, code);
    for (int64_t i = 0; i < n && fine; i++) fine = code[i] < p->n_levels;
    return fine && form_of(p, code, n, &shortest) == form;
}

static qb_status unpack(const void *self, const uint8_t *src, int64_t src_bytes, int64_t n,
                        uint8_t *code) {
    const hybrid *p = self;
    int64_t count = 0, at = COUNT_BYTES;
    if (src_bytes < COUNT_BYTES) return QB_ECORRUPT;
    for (int i = 0; i < COUNT_BYTES; i++) count |= (int64_t)src[i] << 8 * i;
    if (count != n) return QB_ECORRUPT;
    for (int64_t i = 0; i < n; i += p->block_size) {
        int64_t here = n - i < p->block_size ? n - i : p->block_size;
        if (src_bytes - at < HEAD_BYTES) return QB_ECORRUPT;
        int form = src[at];
        int64_t bytes = src[at + 1] | src[at + 2] << 8;
        at += HEAD_BYTES;
        if (bytes > src_bytes - at || !get_block(p, form, src + at, bytes, here, code + i))
            return QB_ECORRUPT;
        at += bytes;
    }
    return at == src_bytes ? QB_OK : QB_ECORRUPT;
}

static const qb_packer table = {
    .size = sizeof table, .init = init, .bound = bound, .pack = pack, .unpack = unpack};

QB_PACKER_PLUGIN(hybrid, params, table, .name = "hybrid", .version = "1.0.0",
                 .summary = "each block as bits, base 3, bitmap, gaps or runs: the shortest",
                 .example = "packer: {type: hybrid, block_size: 1024}");
