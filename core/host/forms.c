#include "host/forms.h"

#include <string.h>

#include "simd/kernels.h"

/* Codes are worked on in tiles that stay in L1; a bit each in TILE_BITS bytes. */
enum { TILE = 4096, TILE_BITS = TILE / 8, WORD = 64 };

static int64_t tile_at(int64_t i, int64_t n) { return n - i < TILE ? n - i : TILE; }
static int64_t bytes_of_bits(int64_t n) { return (n + 7) / 8; }

static int64_t ones(uint64_t v) {
    v -= v >> 1 & 0x5555555555555555;
    v = (v & 0x3333333333333333) + (v >> 2 & 0x3333333333333333);
    v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0f;
    return (int64_t)(v * 0x0101010101010101 >> 56);
}

static int64_t ones_of(const uint8_t *bits, int64_t bytes) {
    int64_t sum = 0;
    for (int64_t i = 0; i < bytes; i += 8) {
        uint64_t v = 0;
        memcpy(&v, bits + i, bytes - i < 8 ? (size_t)(bytes - i) : 8);
        sum += ones(v);
    }
    return sum;
}

/* The unused high bits of the last of n bits are 0. */
static bool ends_clean(const uint8_t *bits, int64_t n) {
    return n % 8 == 0 || bits[n / 8] >> n % 8 == 0;
}

/* ---- values of the codes that are not zero, numbered from the highest down ---- */

static int32_t value_width(int32_t n_levels) {
    int32_t width = 0;
    while (1 << width < n_levels - 1) width++;
    return width;
}

static int64_t value_bytes(int64_t nonzero, int32_t n_levels) {
    return bytes_of_bits(nonzero * value_width(n_levels));
}

static void put_values(const uint8_t *code, int64_t n, int32_t n_levels, int32_t zero,
                       uint8_t *to) {
    const kernels *k = simd_kernels();
    const int32_t width = value_width(n_levels);
    const uint8_t top = (uint8_t)(n_levels - 1), z = (uint8_t)zero; /* bytes: 16 in a register */
    uint8_t v[TILE + 8];
    int64_t have = 0; /* below 8 between two tiles: whole bytes are written */
    for (int64_t i = 0; i < n && width > 0; i += TILE) {
        int64_t old = have;
        have += k->gather_other(code + i, tile_at(i, n), (uint8_t)zero, v + have);
        for (int64_t j = old; j < have; j++) v[j] = (uint8_t)((uint8_t)(top - v[j]) - (v[j] < z));
        int64_t whole = i + TILE < n ? have & ~(int64_t)7 : have;
        k->pack_bits(v, whole, width, to);
        to += bytes_of_bits(whole * width);
        memmove(v, v + whole, (size_t)(have - whole));
        have -= whole;
    }
}

typedef struct value_reader {
    const uint8_t *from;
    int64_t at; /* the next value */
    int32_t n_levels, zero, width;
    bool fine;
    uint8_t code[TILE + 8];
} value_reader;

static value_reader values_at(const uint8_t *from, int32_t n_levels, int32_t zero) {
    return (value_reader){.from = from,
                          .n_levels = n_levels,
                          .zero = zero,
                          .width = value_width(n_levels),
                          .fine = true};
}

/* The next m <= TILE values as codes; valid until the next call. */
static const uint8_t *next_codes(value_reader *r, int64_t m) {
    const int64_t first = r->at & ~(int64_t)7, skip = r->at - first;
    const uint8_t top = (uint8_t)(r->n_levels - 1), zero = (uint8_t)r->zero;
    uint8_t *v = r->code;
    if (r->width > 0)
        simd_kernels()->unpack_bits(r->from + first * r->width / 8, skip + m, r->width, v);
    else
        memset(v, 0, (size_t)(skip + m));
    r->fine = r->fine && (m == 0 || simd_kernels()->largest_code(v + skip, m) < top);
    for (int64_t i = skip; i < skip + m; i++) {
        uint8_t level = (uint8_t)(top - v[i]);
        v[i] = (uint8_t)(level - (level <= zero));
    }
    r->at += m;
    return v + skip;
}

/* The codes of a tile whose places are `bits`. */
static void put_codes(value_reader *r, const uint8_t *bits, int64_t n, uint8_t *code) {
    const uint8_t *from = next_codes(r, ones_of(bits, bytes_of_bits(n)));
    simd_kernels()->scatter_other(from, bits, n, (uint8_t)r->zero, code);
}

/* ---- bitmap ---- */

int64_t form_pack_bitmap(const uint8_t *code, int64_t n, int32_t n_levels, int32_t zero,
                         uint8_t *dst) {
    const kernels *k = simd_kernels();
    uint8_t bits[TILE_BITS];
    int64_t nonzero = 0;
    for (int64_t i = 0; i < n; i += TILE)
        nonzero +=
            k->mark_other(code + i, tile_at(i, n), (uint8_t)zero, dst == NULL ? bits : dst + i / 8);
    if (dst != NULL) put_values(code, n, n_levels, zero, dst + bytes_of_bits(n));
    return bytes_of_bits(n) + value_bytes(nonzero, n_levels);
}

qb_status form_unpack_bitmap(const uint8_t *src, int64_t bytes, int64_t n, int32_t n_levels,
                             int32_t zero, uint8_t *code) {
    const int64_t places = bytes_of_bits(n);
    if (places > bytes || !ends_clean(src, n)) return QB_ECORRUPT;
    const int64_t nonzero = ones_of(src, places);
    value_reader r = values_at(src + places, n_levels, zero);
    if (bytes - places != value_bytes(nonzero, n_levels) || !ends_clean(r.from, nonzero * r.width))
        return QB_ECORRUPT;
    for (int64_t i = 0; i < n; i += TILE) put_codes(&r, src + i / 8, tile_at(i, n), code + i);
    return r.fine ? QB_OK : QB_ECORRUPT;
}

/* ---- gaps ---- */

static int64_t varint_bytes(int64_t v) {
    int64_t bytes = 1;
    while (v >>= 7) bytes++;
    return bytes;
}

/* Bytes of the gaps; they are written unless `to` is NULL. */
static int64_t put_gaps(const uint8_t *code, int64_t n, int32_t zero, uint8_t *to) {
    uint8_t bits[TILE_BITS];
    int64_t bytes = 0, last = -1;
    for (int64_t i = 0; i < n; i += TILE) {
        memset(bits, 0, sizeof bits);
        simd_kernels()->mark_other(code + i, tile_at(i, n), (uint8_t)zero, bits);
        for (int64_t w = 0; w < TILE / WORD; w++) {
            uint64_t word;
            for (memcpy(&word, bits + 8 * w, sizeof word); word != 0; word &= word - 1) {
                int64_t at = i + WORD * w + __builtin_ctzll(word), gap = at - last - 1;
                last = at;
                for (; gap >= 255; gap -= 255, bytes++)
                    if (to != NULL) to[bytes] = 255;
                if (to != NULL) to[bytes] = (uint8_t)gap;
                bytes++;
            }
        }
    }
    return bytes;
}

int64_t form_pack_gaps(const uint8_t *code, int64_t n, int32_t n_levels, int32_t zero,
                       int64_t limit, uint8_t *dst) {
    uint8_t bits[TILE_BITS];
    int64_t nonzero = 0;
    for (int64_t i = 0; i < n; i += TILE)
        nonzero += simd_kernels()->mark_other(code + i, tile_at(i, n), (uint8_t)zero, bits);
    int64_t bytes = varint_bytes(nonzero) + value_bytes(nonzero, n_levels);
    if (bytes + nonzero > limit) return -1; /* a gap has a byte at least */
    bytes += put_gaps(code, n, zero, NULL);
    if (bytes > limit) return -1;
    if (dst == NULL) return bytes;
    for (int64_t v = nonzero;; v >>= 7) {
        *dst++ = (uint8_t)(v > 127 ? v | 128 : v);
        if (v <= 127) break;
    }
    put_values(code, n, n_levels, zero, dst + put_gaps(code, n, zero, dst));
    return bytes;
}

/* Where the gaps end, NULL if they leave the n codes or the bytes. */
static const uint8_t *gaps_end(const uint8_t *from, const uint8_t *end, int64_t count, int64_t n) {
    int64_t at = -1;
    for (int64_t i = 0; i < count; i++) {
        for (; from < end && *from == 255; from++) at += 255;
        if (from == end) return NULL;
        at += *from++ + 1;
        if (at >= n) return NULL;
    }
    return from;
}

static const uint8_t *get_count(const uint8_t *from, const uint8_t *end, int64_t *count) {
    *count = 0;
    for (int shift = 0;; shift += 7) {
        if (from == end || shift > 35 || (shift > 0 && *from == 0)) return NULL;
        *count |= (int64_t)(*from & 127) << shift;
        if (*from++ < 128) return from;
    }
}

qb_status form_unpack_gaps(const uint8_t *src, int64_t bytes, int64_t n, int32_t n_levels,
                           int32_t zero, uint8_t *code) {
    const uint8_t *end = src + bytes, *gap, *values;
    int64_t count, at = -1, next = 0;
    if ((gap = get_count(src, end, &count)) == NULL) return QB_ECORRUPT;
    if ((values = gaps_end(gap, end, count, n)) == NULL) return QB_ECORRUPT;
    value_reader r = values_at(values, n_levels, zero);
    if (end - values != value_bytes(count, n_levels) || !ends_clean(values, count * r.width))
        return QB_ECORRUPT;
    for (int64_t i = 0; i < n; i += TILE) {
        uint8_t bits[TILE_BITS] = {0};
        for (;; next++) { /* place `next` is in this tile, or waits in `at` */
            for (; gap < values && *gap == 255; gap++) at += 255;
            if (next == count || at + *gap + 1 >= i + TILE) break;
            at += *gap++ + 1;
            bits[(at - i) / 8] |= (uint8_t)(1 << (at - i) % 8);
        }
        put_codes(&r, bits, tile_at(i, n), code + i);
    }
    return r.fine ? QB_OK : QB_ECORRUPT;
}

/* ---- runs ---- */

enum { LONGEST = 64, RUN = 4, AS_IS = 3, AHEAD = 128 };

/* Where runs end in the codes from `base` on, looked up as far as is needed. */
typedef struct run_ends {
    const uint8_t *code;
    int64_t n, base;
    uint8_t ends[(TILE + AHEAD) / 8 + 16];
} run_ends;

static void look_from(run_ends *r, int64_t i) {
    int64_t here = r->n - i < TILE + AHEAD ? r->n - i : TILE + AHEAD;
    memset(r->ends, 0, sizeof r->ends);
    simd_kernels()->mark_ends(r->code + i, here, r->ends);
    r->base = i;
}

static run_ends runs_of(const uint8_t *code, int64_t n) {
    run_ends r = {.code = code, .n = n};
    look_from(&r, 0);
    return r;
}

/* Bit k: a run ends with code i + k. */
static uint64_t ends_from(const run_ends *r, int64_t i) {
    const uint8_t *p = r->ends + (i - r->base) / 8;
    const int shift = (int)((i - r->base) % 8);
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return shift == 0 ? v : v >> shift | (uint64_t)p[8] << (64 - shift);
}

static int64_t lowest(uint64_t v) { return v == 0 ? LONGEST : __builtin_ctzll(v); }

/* The token that begins at code i; *count: its codes. */
static uint8_t token_at(run_ends *r, int64_t i, int64_t *count) {
    if (i >= r->base + TILE) look_from(r, i);
    const uint64_t ends = ends_from(r, i);
    const int64_t run = lowest(ends) + 1;
    *count = run < LONGEST ? run : LONGEST;
    if (run >= RUN) return (uint8_t)(r->code[i] << 6 | (*count - 1));
    /* a run of 4 begins where none ends with the first three codes */
    *count = lowest(~(ends | ends_from(r, i + 1) | ends_from(r, i + 2)));
    if (*count > r->n - i) *count = r->n - i;
    return (uint8_t)(AS_IS << 6 | (*count - 1));
}

int64_t form_pack_runs(const uint8_t *code, int64_t n, int64_t limit, uint8_t *dst) {
    run_ends r = runs_of(code, n);
    int64_t bytes = 0;
    for (int64_t i = 0, count; i < n; i += count) {
        uint8_t token = token_at(&r, i, &count);
        int64_t more = token >> 6 == AS_IS ? (count + 4) / 5 : 0;
        if (bytes + 1 + more > limit) return -1;
        if (dst != NULL) dst[bytes] = token;
        if (dst != NULL && more > 0) simd_kernels()->pack_base3(code + i, count, dst + bytes + 1);
        bytes += 1 + more;
    }
    return bytes;
}

/* Whether form_pack_runs() would have cut the codes like that. */
static bool cut_alike(const uint8_t *src, const uint8_t *code, int64_t n) {
    run_ends r = runs_of(code, n);
    for (int64_t i = 0, count; i < n; i += count) {
        if (token_at(&r, i, &count) != *src) return false;
        src += 1 + (*src >> 6 == AS_IS ? (count + 4) / 5 : 0);
    }
    return true;
}

qb_status form_unpack_runs(const uint8_t *src, int64_t bytes, int64_t n, uint8_t *code) {
    int64_t in = 0, out = 0;
    while (in < bytes) {
        int64_t count = (src[in] & 63) + 1, what = src[in] >> 6;
        in++;
        if (count > n - out) return QB_ECORRUPT;
        if (what == AS_IS) {
            int64_t packed = (count + 4) / 5;
            if (packed > bytes - in ||
                simd_kernels()->unpack_base3(src + in, count, code + out) >= 0)
                return QB_ECORRUPT;
            in += packed;
        } else {
            memset(code + out, (int)what, (size_t)count);
        }
        out += count;
    }
    return out == n && cut_alike(src, code, n) ? QB_OK : QB_ECORRUPT;
}
