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
 * A lower compression_level leaves out forms, so that less has to be tried.
 */
#define QB_ABI_MINOR 1
#include <quantbench/plugin.h>

enum { BITS = 0, BASE3 = 1, BITMAP = 2, GAPS = 3, RUNS = 4, FORMS = 5 };
enum { COUNT_BYTES = 4, HEAD_BYTES = 3, BLOCKS = 256 /* of a chunk */ };

typedef struct hybrid {
    int64_t block_size, compression_level;
    const qb_kernels *k;
    int32_t n_levels, zero, width;
} hybrid;

static const qb_param params[] = {
    QB_PARAM_INT(hybrid, block_size, 4096, 64, 32768, "codes", "codes that share a form"),
    QB_PARAM_INT(hybrid, compression_level, 2, 0, 2, "",
                 "forms that are tried: 0 bits and base 3, 1 bitmap and gaps too, 2 runs too"),
};

static qb_status init(void *self, const qb_host *host, int32_t n_levels, int32_t zero_code,
                      qb_packer_info *info) {
    hybrid *p = self;
    p->k = host->kernels;
    p->n_levels = n_levels, p->zero = zero_code;
    p->width = n_levels <= 2 ? 1 : n_levels <= 4 ? 2 : n_levels <= 8 ? 3 : n_levels <= 16 ? 4 : 8;
    info->chunk = p->block_size * BLOCKS;
    info->fixed_rate = false;
    return QB_OK;
}

/* ---- what each form takes ---- */

static int64_t bits_bytes(const hybrid *p, int64_t n) { return (n * p->width + 7) / 8; }

static int64_t bound(const void *self, int64_t n) {
    const hybrid *p = self;
    int64_t size = p->block_size, whole = n / size, rest = n % size;
    int64_t bytes = COUNT_BYTES + whole * (HEAD_BYTES + bits_bytes(p, size));
    return rest > 0 ? bytes + HEAD_BYTES + bits_bytes(p, rest) : bytes;
}

static bool is_tried(const hybrid *p, int form) {
    if (form == RUNS) return p->compression_level >= 2 && p->n_levels <= 3;
    if (form == BITMAP || form == GAPS) return p->compression_level >= 1 && p->zero >= 0;
    return form == BITS || p->n_levels <= 3;
}

/* The shortest form, of equal ones the first, and its bytes. */
static int form_of(const hybrid *p, const uint8_t *code, int64_t n, int64_t *bytes) {
    const qb_kernels *k = p->k;
    int best = BITS;
    int64_t least = bits_bytes(p, n), cost;
    for (int f = BASE3; f < FORMS; f++) {
        if (!is_tried(p, f)) continue;
        cost = f == BASE3    ? (n + 4) / 5
               : f == BITMAP ? k->pack_bitmap(code, n, p->n_levels, p->zero, NULL)
               : f == GAPS   ? k->pack_gaps(code, n, p->n_levels, p->zero, least - 1, NULL)
                             : k->pack_runs(code, n, least - 1, NULL);
        if (cost >= 0 && cost < least) least = cost, best = f;
    }
    *bytes = least;
    return best;
}

/* ---- writing ---- */

static uint8_t *put_block(const hybrid *p, const uint8_t *code, int64_t n, uint8_t *to) {
    int64_t bytes;
    int form = form_of(p, code, n, &bytes);
    to[0] = (uint8_t)form, to[1] = (uint8_t)bytes, to[2] = (uint8_t)(bytes >> 8);
    to += HEAD_BYTES;
    if (form == BITS) p->k->pack_bits(code, n, p->width, to);
    if (form == BASE3) p->k->pack_base3(code, n, to);
    if (form == BITMAP) p->k->pack_bitmap(code, n, p->n_levels, p->zero, to);
    if (form == GAPS) p->k->pack_gaps(code, n, p->n_levels, p->zero, bytes, to);
    if (form == RUNS) p->k->pack_runs(code, n, bytes, to);
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

static bool get_block(const hybrid *p, int form, const uint8_t *from, int64_t bytes, int64_t n,
                      uint8_t *code) {
    const qb_kernels *k = p->k;
    int64_t shortest;
    bool fine = false;
    if (form >= FORMS || !is_tried(p, form)) return false;
    if (form == BITS) fine = get_bits(p, from, bytes, n, code);
    if (form == BASE3) fine = bytes == (n + 4) / 5 && k->unpack_base3(from, n, code) == QB_OK;
    if (form == BITMAP)
        fine = k->unpack_bitmap(from, bytes, n, p->n_levels, p->zero, code) == QB_OK;
    if (form == GAPS) fine = k->unpack_gaps(from, bytes, n, p->n_levels, p->zero, code) == QB_OK;
    if (form == RUNS) fine = k->unpack_runs(from, bytes, n, code) == QB_OK;
    if (!fine) return false;
    return p->k->largest_code(code, n) < p->n_levels && form_of(p, code, n, &shortest) == form;
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

QB_PACKER_PLUGIN(hybrid, params, table, .name = "hybrid", .version = "1.1.0",
                 .summary = "each block as bits, base 3, bitmap, gaps or runs: the shortest",
                 .example = "packer: {type: hybrid, block_size: 1024}");
