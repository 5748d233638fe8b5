/*
 * entropy - order-0 entropy coding by rANS: what the codes' frequencies allow.
 *
 * Byte layout: the way, 0 or 1.
 *   way 0, where it is not longer than way 1: b bits for each code, the fewest that hold
 *     n_levels, low bits first, 0 behind the last.
 *   way 1: the frequencies of all levels but the last in 65536ths, in half bytes, the low
 *     half first: 3 bits of the number, the low ones first, and bit 3: more follow; a last
 *     half byte that is not needed is 0. Then two states, 8 bytes each, and words of 4
 *     bytes; all little endian. Code i is read from state i % 2:
 *         slot = state mod 65536; the code is the level with c <= slot < c + f, where f is
 *         its frequency and c the sum of those below;
 *         state = f * floor(state / 65536) + slot - c; below 2^31 it takes the next word:
 *         state = state * 2^32 + word.
 *     Both states end at 2^31. The writer goes backwards from there.
 *
 * Frequencies are count * 65536 / n, rounded down but at least 1; while their sum is too
 * large the largest one gives 1, while it is too small the level whose count / frequency is
 * largest gets 1; of equal ones the lowest level. No other table is read.
 *
 * Duda, Asymmetric numeral systems, arXiv:1311.2540. Over the entropy a block costs 17
 * bytes and its table, so it is long.
 */
#define QB_ABI_MINOR 1
#include <quantbench/plugin.h>

#include <string.h>

enum { PLAIN = 0, CODED = 1, LOG = 16, ONE = 1 << LOG, STATES = 2, LEVELS = 256, FEW = 4 };
#define LOW ((uint64_t)1 << 31) /* a state is in [LOW, LOW * 2^32) */

typedef struct entropy {
    int64_t block_size;
    const qb_host *host;
    int32_t n_levels, width;
} entropy;

typedef struct model {
    uint32_t f[LEVELS], c[LEVELS];
} model;

static const qb_param params[] = {
    QB_PARAM_INT(entropy, block_size, 1 << 20, 1024, 1 << 24, "codes",
                 "codes that share a table and are packed together"),
};

static int64_t plain_bytes(const entropy *p, int64_t n) { return (n * p->width + 7) / 8; }

/* unpack() has a table there, pack() the words of a block. */
static size_t scratch_bytes(const entropy *p) {
    int64_t words = plain_bytes(p, p->block_size);
    return (size_t)(words > ONE ? words : ONE);
}

static qb_status init(void *self, const qb_host *host, int32_t n_levels, int32_t zero_code,
                      qb_packer_info *info) {
    entropy *p = self;
    (void)zero_code;
    p->host = host;
    p->n_levels = n_levels;
    for (p->width = 1; 1 << p->width < n_levels;) p->width++;
    info->chunk = p->block_size;
    info->fixed_rate = false;
    return host->reserve_scratch(host, scratch_bytes(p));
}

static int64_t bound(const void *self, int64_t n) { return 1 + plain_bytes(self, n); }

/* ---- the table ---- */

static int largest(const uint32_t *f, int levels) {
    int best = 0;
    for (int i = 1; i < levels; i++)
        if (f[i] > f[best]) best = i;
    return best;
}

static int most_wanting(const uint32_t *f, const int64_t *count, int levels) {
    int best = -1;
    for (int i = 0; i < levels; i++)
        if (count[i] > 0 && (best < 0 || count[i] * f[best] > count[best] * f[i])) best = i;
    return best;
}

static void frequencies(const entropy *p, const uint8_t *code, int64_t n, uint32_t *f) {
    int64_t count[LEVELS] = {0}, sum = 0;
    p->host->kernels->count_codes(code, n, count);
    for (int i = 0; i < p->n_levels; i++) {
        f[i] = (uint32_t)(count[i] * ONE / n);
        if (f[i] == 0 && count[i] > 0) f[i] = 1;
        sum += f[i];
    }
    for (; sum > ONE; sum--) f[largest(f, p->n_levels)]--;
    for (; sum < ONE; sum++) f[most_wanting(f, count, p->n_levels)]++;
}

static void add_up(const entropy *p, model *m) {
    uint32_t sum = 0;
    for (int i = 0; i < p->n_levels; i++) m->c[i] = sum, sum += m->f[i];
}

/* Half byte `at`, of bytes that were 0. */
static void put_half(uint8_t *to, int64_t at, uint32_t v) {
    to[at / 2] |= (uint8_t)(v << at % 2 * 4);
}

/* Returns the bytes. */
static int64_t put_table(const entropy *p, const model *m, uint8_t *to) {
    int64_t at = 0;
    for (int i = 0; i < p->n_levels - 1; i++) {
        uint32_t v = m->f[i];
        for (; v > 7; v >>= 3) put_half(to, at++, v % 8 + 8);
        put_half(to, at++, v);
    }
    return (at + 1) / 2;
}

/* The table from the bytes; returns where they end, NULL if they are none. */
static const uint8_t *get_table(const entropy *p, const uint8_t *from, const uint8_t *end,
                                model *m) {
    const int64_t halves = 2 * (end - from);
    int64_t at = 0;
    uint32_t left = ONE, half;
    for (int i = 0; i < p->n_levels - 1; i++) {
        uint32_t v = 0;
        int shift = 0;
        do {
            if (at == halves || shift > LOG) return NULL;
            half = from[at / 2] >> at % 2 * 4 & 15;
            v |= half % 8 << shift;
            at++, shift += 3;
        } while (half > 7);
        if (v > left || (shift > 3 && half == 0)) return NULL;
        m->f[i] = v, left -= v;
    }
    if (at % 2 == 1 && from[at / 2] > 15) return NULL;
    m->f[p->n_levels - 1] = left;
    add_up(p, m);
    return from + (at + 1) / 2;
}

/* ---- words ---- */

static void put_le(uint8_t *to, uint64_t v, int bytes) {
    for (int i = 0; i < bytes; i++) to[i] = (uint8_t)(v >> 8 * i);
}

static uint64_t get_le(const uint8_t *from, int bytes) {
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) v |= (uint64_t)from[i] << 8 * i;
    return v;
}

/* The high half of a product. */
static uint64_t multiply_high(uint64_t a, uint64_t b) {
#ifdef __SIZEOF_INT128__
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)((wide)a * b >> 64);
#else
    uint64_t low = (a & UINT32_MAX) * (b & UINT32_MAX), ab = (a >> 32) * (b & UINT32_MAX),
             ba = (a & UINT32_MAX) * (b >> 32);
    uint64_t middle = (low >> 32) + (ab & UINT32_MAX) + (ba & UINT32_MAX);
    return (a >> 32) * (b >> 32) + (ab >> 32) + (ba >> 32) + (middle >> 32);
#endif
}

/* A symbol as the writer wants it: no division by f where each code would wait for it. */
typedef struct symbol {
    uint64_t most, inverse; /* of a state that takes it without a word; (2^64 - 1) / f */
    uint32_t f, c;
} symbol;

/* Words are written downwards from `at`, into so many bytes. */
typedef struct writer {
    uint8_t *at; /* NULL: they are only counted */
    int64_t room;
} writer;

static inline bool put_code(const symbol *y, uint64_t *state, writer *w) {
    uint64_t x = *state;
    if (x >= y->most) {
        if (w->room < 4) return false;
        w->room -= 4;
        if (w->at != NULL) put_le(w->at -= 4, x & UINT32_MAX, 4);
        x >>= 32;
    }
    /* the quotient or 1 less, as x is below 2^63 */
    uint64_t q = multiply_high(x, y->inverse), more = x - q * y->f >= y->f;
    q += more;
    *state = x + y->c + q * (ONE - y->f); /* (q << LOG) + x - q f + c */
    return true;
}

/* Bytes of the words, which end at `end` unless that is NULL; -1 if they do not fit. */
static int64_t encode(const model *m, const uint8_t *code, int64_t n, int64_t room, uint8_t *end,
                      uint64_t *state) {
    symbol of[LEVELS];
    for (int i = 0; i < LEVELS; i++)
        if (m->f[i] > 0) /* no code is any other */
            of[i] = (symbol){m->f[i] * (LOW >> LOG << 32), UINT64_MAX / m->f[i], m->f[i], m->c[i]};
    uint64_t even = LOW, odd = LOW;
    writer w = {.at = end, .room = room};
    int64_t i = n;
    if (i % 2 == 1 && !put_code(&of[code[--i]], &even, &w)) return -1;
    for (; i > 0; i -= 2)
        if (!put_code(&of[code[i - 1]], &odd, &w) || !put_code(&of[code[i - 2]], &even, &w))
            return -1;
    state[0] = even, state[1] = odd;
    return room - w.room;
}

/* All of way 1 to dst, or its size alone if dst is NULL; -1 where way 0 is not longer. The
 * words come from the last to the first, and how many there are is known afterwards: they
 * are put together beside dst, of which nothing is used that is not returned. Codes of more
 * than a block are counted first. */
static int64_t put_coded(const entropy *p, const uint8_t *code, int64_t n, uint8_t *dst) {
    const int64_t limit = plain_bytes(p, n);
    uint8_t table_bytes[3 * LEVELS] = {0};
    uint64_t state[STATES];
    model m = {{0}, {0}};
    if (n == 0) return -1;
    frequencies(p, code, n, m.f);
    add_up(p, &m);
    const int64_t table_size = put_table(p, &m, table_bytes), head = 1 + table_size + 8 * STATES;
    const bool beside = dst != NULL && n <= p->block_size;
    uint8_t *end = beside ? (uint8_t *)p->host->scratch(p->host) + limit : NULL;
    int64_t words = encode(&m, code, n, limit - head, end, state);
    if (head > limit || words < 0) return -1;
    if (dst == NULL) return head + words;
    if (beside)
        memcpy(dst + head, end - words, (size_t)words);
    else
        encode(&m, code, n, limit - head, dst + head + words, state);
    dst[0] = CODED;
    memcpy(dst + 1, table_bytes, (size_t)table_size);
    for (int s = 0; s < STATES; s++) put_le(dst + head - 8 * (STATES - s), state[s], 8);
    return head + words;
}

static int64_t pack(const void *self, const uint8_t *code, int64_t n, uint8_t *dst) {
    const entropy *p = self;
    int64_t bytes = put_coded(p, code, n, dst);
    if (bytes >= 0) return bytes;
    dst[0] = PLAIN;
    p->host->kernels->pack_bits(code, n, p->width, dst + 1);
    return bound(p, n);
}

static qb_status unpack_plain(const entropy *p, const uint8_t *src, int64_t n, uint8_t *code) {
    int used = (int)(n * p->width % 8);
    if (used > 0 && src[plain_bytes(p, n) - 1] >> used != 0) return QB_ECORRUPT;
    p->host->kernels->unpack_bits(src, n, p->width, code);
    if (p->host->kernels->largest_code(code, n) >= p->n_levels) return QB_ECORRUPT;
    return put_coded(p, code, n, NULL) < 0 ? QB_OK : QB_ECORRUPT;
}

typedef struct reader {
    const uint8_t *at, *end;
} reader;

/* x without its code, and with the next word where it needs one. */
static inline bool next_state(uint64_t *state, uint64_t x, reader *r) {
    if (x < LOW) {
        if (r->at == r->end) return false;
        x = x << 32 | get_le(r->at, 4);
        r->at += 4;
    }
    *state = x;
    return true;
}

/* Up to four levels: compared, not looked up in a table that does not stay in L1. */
static inline bool code_of_few(const model *m, uint64_t *state, reader *r, uint8_t *code) {
    const uint32_t slot = *state & (ONE - 1);
    const uint32_t is = (slot >= m->c[1]) + (uint32_t)(slot >= m->c[2]) + (slot >= m->c[3]);
    *code = (uint8_t)is;
    return next_state(state, m->f[is] * (*state >> LOG) + slot - m->c[is], r);
}

static inline bool code_of_many(const model *m, const uint8_t *level, uint64_t *state, reader *r,
                                uint8_t *code) {
    const uint32_t slot = *state & (ONE - 1);
    const uint8_t is = *code = level[slot];
    return next_state(state, m->f[is] * (*state >> LOG) + slot - m->c[is], r);
}

/* Two codes at a time, the states in registers. */
#define READ_CODES(even_code, odd_code)                                                            \
    do {                                                                                           \
        for (; i + 2 <= n; i += 2)                                                                 \
            if (!(even_code) || !(odd_code)) return false;                                         \
        if (i < n && !(even_code)) return false;                                                   \
    } while (0)

/* Exactly the words of r. */
static bool decode(const entropy *p, const model *m, reader *r, const uint64_t *state, int64_t n,
                   uint8_t *code) {
    uint64_t even = state[0], odd = state[1];
    int64_t i = 0;
    if (p->n_levels <= FEW) {
        model few = *m;
        for (int k = p->n_levels; k < FEW; k++) few.c[k] = ONE, few.f[k] = 0;
        READ_CODES(code_of_few(&few, &even, r, &code[i]), code_of_few(&few, &odd, r, &code[i + 1]));
    } else {
        uint8_t *level = p->host->scratch(p->host); /* of each slot */
        for (int k = 0; k < p->n_levels; k++) memset(level + m->c[k], k, m->f[k]);
        READ_CODES(code_of_many(m, level, &even, r, &code[i]),
                   code_of_many(m, level, &odd, r, &code[i + 1]));
    }
    return r->at == r->end && even == LOW && odd == LOW;
}

static qb_status unpack(const void *self, const uint8_t *src, int64_t src_bytes, int64_t n,
                        uint8_t *code) {
    const entropy *p = self;
    model m;
    uint64_t state[STATES];
    uint32_t f[LEVELS];
    if (src_bytes < 1 || src_bytes > bound(p, n) || src[0] > CODED) return QB_ECORRUPT;
    if (src[0] == PLAIN)
        return src_bytes == bound(p, n) ? unpack_plain(p, src + 1, n, code) : QB_ECORRUPT;
    const uint8_t *end = src + src_bytes, *from = get_table(p, src + 1, end, &m);
    if (n == 0 || src_bytes == bound(p, n) || from == NULL || end - from < 8 * STATES ||
        (end - from) % 4 != 0)
        return QB_ECORRUPT;
    for (int s = 0; s < STATES; s++, from += 8) {
        state[s] = get_le(from, 8);
        if (state[s] < LOW || state[s] >= LOW << 32) return QB_ECORRUPT;
    }
    reader r = {from, end};
    if (!decode(p, &m, &r, state, n, code)) return QB_ECORRUPT;
    frequencies(p, code, n, f);
    return memcmp(f, m.f, (size_t)p->n_levels * sizeof *f) == 0 ? QB_OK : QB_ECORRUPT;
}

static const qb_packer table = {
    .size = sizeof table, .init = init, .bound = bound, .pack = pack, .unpack = unpack};

QB_PACKER_PLUGIN(
    entropy, params, table, .name = "entropy", .version = "1.0.1",
    .summary = "order-0 entropy coding (rANS), within 1 % of the entropy in large tensors",
    .example = "packer: entropy", .cite = "Duda 2013, Asymmetric numeral systems, arXiv:1311.2540");
