/*
 * simd/vnni.c - packed products with AVX512_VNNI: vpdpbusd adds four products of unsigned codes
 * and signed x to each of 16 sums, and nothing saturates.
 *
 * Few rows of x: W is read as it is packed (planes, as in vector_linear.inc). A code is masked
 * out of its byte and not shifted; each place in the byte has sums of its own, which are
 * shifted at the end, exactly. In base 3, t_n = byte * 3^n mod 256, a digit is
 * (3 t_n - t_(n+1)) / 256: so the sums of t_n x_n and t_(n+1) x_n suffice. Where bytes and
 * codes do not fit so well (3 bits, base 3 in groups) four rows are unpacked into a tile in L1.
 * Many rows: linear_panels.inc.
 */
#include "simd/kernels.h"

#include <immintrin.h>
#include <stdbool.h>

#include "simd/cpu.h"
#include "simd/linear.h"

/* Also those that vnni.c leaves to what it stands on. */
#define INLINE static inline __attribute__((always_inline))

/* gcc 12 copies the accumulators of the intrinsic. */
#define DOT(acc, code, x) __asm__("vpdpbusd %2, %1, %0" : "+v"(acc) : "v"(code), "v"(x))

INLINE __m512i add(__m512i x, __m512i y) { return _mm512_add_epi32(x, y); }
INLINE __m512i three_times(__m512i x) { return _mm512_add_epi8(_mm512_add_epi8(x, x), x); }
INLINE __m512i bytes_of(int v) { return _mm512_set1_epi8((char)v); }
INLINE __m512i load(const void *p) { return _mm512_loadu_si512(p); }

/* ---- row by row: what neither planes nor panels take ---- */

static int32_t linear_dot(const uint8_t *code, const int8_t *x, int64_t n) {
    __m512i acc[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                      _mm512_setzero_si512()};
    int64_t k = 0;
    for (; k + 256 <= n; k += 256)
        for (int i = 0; i < 4; i++) DOT(acc[i], load(code + k + 64 * i), load(x + k + 64 * i));
    for (; k < n; k += 64) {
        __mmask64 m = n - k >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << (n - k)) - 1;
        DOT(acc[0], _mm512_maskz_loadu_epi8(m, code + k), _mm512_maskz_loadu_epi8(m, x + k));
    }
    return _mm512_reduce_add_epi32(add(add(acc[0], acc[1]), add(acc[2], acc[3])));
}

/* Both give the same codes. */
static const kernels *unpackers(void) {
    const uint32_t wanted = CPU_VBMI | CPU_VBMI2;
    return (simd_features() & wanted) == wanted ? &kernels_avx512_vbmi : &kernels_avx512;
}

#define LINEAR_CODES (*unpackers())
#define LINEAR_DOT(code, x, n, form) linear_dot(code, x, n)
#include "simd/linear_rows.inc"

/* ---- few rows of x ---- */

/* AHEAD: as many times the rows at work are prefetched rows ahead. */
enum { PLACES = 4, FEW = 4, STRIP = 64, AHEAD = 3 };

/* 64 bytes of `rows` rows of W against their planes of `tokens` rows of x, `stride` apart. */
INLINE void planar_block(int32_t form, int rows, int tokens, const __m512i *w, const int8_t *x,
                         int64_t stride, __m512i (*acc)[PLACES]) {
    const int planes = linear_planes(form), places = planes < PLACES ? planes : PLACES;
    for (int p = 0; p < planes; p++)
        for (int r = 0; r < rows; r++) {
            __m512i c = w[r];
            if (p >= places) c = _mm512_srli_epi16(c, places);
            if (form != 8)
                c = _mm512_and_si512(c, bytes_of(((1 << form) - 1) << p % places * form));
            for (int t = 0; t < tokens; t++)
                DOT(acc[r * tokens + t][p % places], c, load(x + t * stride + 64 * p));
        }
}

INLINE void trits_block(int rows, int tokens, const __m512i *w, const int8_t *x, int64_t stride,
                        __m512i (*acc)[PLACES]) {
    __m512i c[FEW];
    for (int r = 0; r < rows; r++) c[r] = w[r];
    for (int p = 0; p < 5; p++)
        for (int r = 0; r < rows; r++) {
            for (int t = 0; t < tokens; t++)
                DOT(acc[r * tokens + t][0], c[r], load(x + t * stride + 64 * p));
            c[r] = three_times(c[r]);
            for (int t = 0; t < tokens; t++)
                DOT(acc[r * tokens + t][1], c[r], load(x + t * stride + 64 * p));
        }
}

/* The places of the bytes together, shifted to where they belong. */
INLINE __m512i together(int32_t form, const __m512i acc[PLACES]) {
    const int planes = linear_planes(form), places = planes < PLACES ? planes : PLACES;
    __m512i s = acc[0];
    if (form == LINEAR_BASE3) {
        s = _mm512_sub_epi32(add(add(s, s), s), acc[1]);
        return _mm512_srai_epi32(s, 8);
    }
    for (int p = 1; p < places; p++) s = add(s, _mm512_srai_epi32(acc[p], (unsigned)(p * form)));
    return s;
}

/* Four vectors to the totals of their pieces of four sums, that is of 16 bytes of a row: piece
 * i of the vectors a, b, c, d is in the four numbers of piece i. */
INLINE __m512i piece_totals(__m512i a, __m512i b, __m512i c, __m512i d) {
    __m512i ab = add(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b)),
            cd = add(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    return add(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
}

INLINE __m128i four_totals(__m512i a, __m512i b, __m512i c, __m512i d) {
    __m512i s = piece_totals(a, b, c, d);
    __m256i h = _mm256_add_epi32(_mm512_castsi512_si256(s), _mm512_extracti64x4_epi64(s, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(h), _mm256_extracti128_si256(h, 1));
}

INLINE void clear(__m512i (*acc)[PLACES], int n) {
    for (int i = 0; i < n; i++)
        for (int p = 0; p < PLACES; p++) acc[i][p] = _mm512_setzero_si512();
}

/* 64 bytes of rows of W, row_bytes apart; what lies behind `bytes` is 0. */
INLINE void block_load(const uint8_t *row, int64_t row_bytes, int64_t at, int64_t bytes, int rows,
                       __m512i *c) {
    const int64_t rows_ahead = AHEAD * rows * row_bytes,
                  ahead = rows_ahead > 2048 ? rows_ahead : 2048;
    for (int r = 0; r < rows; r++) {
        const uint8_t *from = row + r * row_bytes + at;
        linear_prefetch(from, ahead);
        if (bytes - at >= 64)
            c[r] = load(from);
        else
            c[r] = _mm512_maskz_loadu_epi8(((__mmask64)1 << (bytes - at)) - 1, from);
    }
}

INLINE void block(int32_t form, int rows, int tokens, const __m512i *c, const int8_t *x,
                  int64_t stride, __m512i (*acc)[PLACES]) {
    if (form == LINEAR_BASE3)
        trits_block(rows, tokens, c, x, stride, acc);
    else
        planar_block(form, rows, tokens, c, x, stride, acc);
}

/* Four rows, unpacked: 1920 codes are whole bytes of every form and whole registers. */
enum { TILE_COLS = 1920 };

static bool is_tiled(const linear_weights *w) {
    return w->form == 3 || (w->form == LINEAR_BASE3 && w->groups > 1);
}
/* The form of what is multiplied: that of W, or codes in bytes. */
INLINE int32_t form_at_work(int32_t form, bool tiled) { return tiled ? 8 : form; }

/* Codes [first, first + n) of rows from r on; first is a multiple of LINEAR_WHOLE. */
static void unpack_tile(const linear_weights *w, int64_t r, int rows, int64_t first, int64_t n,
                        uint8_t *tile) {
    const int64_t at = linear_row_bytes(w->form, first), bytes = linear_row_bytes(w->form, n);
    for (int i = 0; i < rows; i++) {
        const uint8_t *row = w->bytes + (r + i) * w->row_bytes + at;
        linear_prefetch_bytes(row, AHEAD * rows * w->row_bytes, bytes);
        linear_codes(w, r + i, first, n, tile + i * TILE_COLS);
    }
}

/* s (rows x tokens = 1 or 4) = the sums of rows of W from r on with rows of x. */
INLINE void planar_sums(const linear_weights *w, int64_t r, int32_t form, const int8_t *x,
                        int64_t stride, int rows, int tokens, int32_t *s) {
    const bool tiled = form == 3;
    const int64_t bytes = tiled ? w->cols : linear_row_bytes(form, w->cols),
                  part = tiled ? TILE_COLS : bytes;
    __m512i acc[FEW][PLACES], c[FEW];
    uint8_t tile[FEW * TILE_COLS];
    form = form_at_work(form, tiled);
    clear(acc, rows * tokens);
    for (int64_t first = 0; first < bytes; first += part) {
        const uint8_t *row = tiled ? tile : w->bytes + r * w->row_bytes;
        const int64_t n = linear_least(part, bytes - first),
                      pitch = tiled ? TILE_COLS : w->row_bytes;
        if (tiled) unpack_tile(w, r, rows, first, n, tile);
        for (int64_t at = 0; at < n; at += 64, x += 64 * linear_planes(form)) {
            block_load(row, pitch, at, n, rows, c);
            block(form, rows, tokens, c, x, stride, acc);
        }
    }
    if (rows * tokens == 1)
        s[0] = _mm512_reduce_add_epi32(together(form, acc[0]));
    else
        _mm_storeu_si128((__m128i *)s, four_totals(together(form, acc[0]), together(form, acc[1]),
                                                   together(form, acc[2]), together(form, acc[3])));
}

/* Rows [from, from + n) of W, n <= STRIP, by row t of x; s: their sums of code * x. */
static void strip_done(const linear_job *j, int64_t from, int64_t n, int64_t t, const int32_t *s) {
    const linear_weights *w = j->w;
    const int32_t zero = linear_zero(j->x, t), sum = j->sum[t], step = w->step;
    const int32_t *shift = w->shift + from, *code_sum = w->code_sum + from;
    int32_t v[STRIP];
    for (int64_t i = 0; i < n; i++)
        v[i] = linear_integer(step, shift[i], code_sum[i], s[i], zero, sum);
    if (j->sums != NULL) {
        memcpy(j->sums + t * w->rows + from, v, (size_t)n * sizeof *v);
        return;
    }
    float y[STRIP], x_scale = j->x->scale[t];
    for (int64_t i = 0; i < n; i++) y[i] = (float)v[i] * w->scale[from + i];
    for (int64_t i = 0; w->offset != NULL && i < n; i++) y[i] += (float)sum * w->offset[from + i];
    for (int64_t i = 0; i < n; i++) y[i] *= x_scale;
    for (int64_t i = 0; w->bias != NULL && i < n; i++) y[i] += w->bias[from + i];
    memcpy(j->y + t * w->rows + from, y, (size_t)n * sizeof *y);
}

/* The strip by one row of x, four rows of W at a time; or by four, row by row. */
INLINE void planar_strip(const linear_job *j, const int8_t *planes, int32_t form, int64_t from,
                         int64_t n) {
    const linear_weights *w = j->w;
    const int32_t codes = form_at_work(form, form == 3);
    const int64_t stride = linear_up(linear_row_bytes(codes, w->cols), 64) * linear_planes(codes);
    for (int64_t t = 0, tokens; t < j->x->n; t += tokens) {
        const int8_t *x = planes + t * stride;
        int32_t s[FEW][STRIP], four[FEW];
        int64_t i = 0;
        tokens = j->x->n - t >= FEW ? FEW : 1;
        for (; tokens == FEW && i < n; i++) {
            planar_sums(w, from + i, form, x, stride, 1, FEW, four);
            for (int k = 0; k < FEW; k++) s[k][i] = four[k];
        }
        for (; i + FEW <= n; i += FEW) planar_sums(w, from + i, form, x, stride, FEW, 1, &s[0][i]);
        for (; i < n; i++) planar_sums(w, from + i, form, x, stride, 1, 1, &s[0][i]);
        for (int64_t k = 0; k < tokens; k++) strip_done(j, from, n, t + k, s[k]);
    }
}

/* ---- few rows of x and groups that are a number of pieces of 16 bytes ---- */

enum { PIECE = 16, MOST_PIECES = 64, BATCH = 16 }; /* of a group; groups at a time */

/* Groups at a time; those of a tile begin with a byte. 0: none. */
static int64_t batch_of(const linear_weights *w) {
    if (!is_tiled(w)) return BATCH;
    int64_t n = linear_least(BATCH, TILE_COLS / w->group);
    return w->form == LINEAR_BASE3 && w->group % 5 != 0 ? n / 5 * 5 : n;
}

static bool has_pieces(const linear_weights *w) {
    int64_t bits = w->group * form_at_work(w->form, is_tiled(w));
    return bits % (8 * PIECE) == 0 && bits <= 8 * PIECE * MOST_PIECES && batch_of(w) > 0;
}

/* s (pieces, 4): the bytes [at, bytes) of four rows, `pitch` apart, by as many of a row of x. */
INLINE void piece_sums(const uint8_t *row, int64_t pitch, int64_t at, int64_t bytes, int32_t form,
                       const int8_t *x, int32_t *s) {
    __m512i acc[FEW][PLACES], c[FEW];
    for (; at < bytes; at += 64, x += 64 * linear_planes(form), s += 4 * FEW) {
        clear(acc, FEW);
        block_load(row, pitch, at, bytes, FEW, c);
        planar_block(form, FEW, 1, c, x, 0, acc);
        _mm512_storeu_si512(s, piece_totals(together(form, acc[0]), together(form, acc[1]),
                                            together(form, acc[2]), together(form, acc[3])));
    }
}

/* The groups [first, first + n) of row r and row t of x; s: their sums of code * x. Exact
 * sums go where they belong, or terms (n) are what the groups add to the output. */
static void groups_done(const linear_job *j, int64_t r, int64_t first, int64_t n, int64_t t,
                        const int32_t *s, float *term) {
    const linear_weights *w = j->w;
    const int64_t where = r * w->groups + first;
    const int32_t step = w->step, zero = linear_zero(j->x, t);
    const int32_t *shift = w->shift + where, *code_sum = w->code_sum + where,
                  *sum = j->sum + t * w->groups + first;
    int32_t v[BATCH];
    for (int64_t g = 0; g < n; g++)
        v[g] = linear_integer(step, shift[g], code_sum[g], s[g], zero, sum[g]);
    if (j->sums != NULL) {
        memcpy(j->sums + (t * w->rows + r) * w->groups + first, v, (size_t)n * sizeof *v);
        return;
    }
    for (int64_t g = 0; g < n; g++) term[g] = (float)v[g] * w->scale[where + g];
    for (int64_t g = 0; w->offset != NULL && g < n; g++)
        term[g] += (float)sum[g] * w->offset[where + g];
}

/* Four rows of W from r on. */
INLINE void pieces_rows(const linear_job *j, const int8_t *planes, int32_t form, bool tiled,
                        int64_t r) {
    const linear_weights *w = j->w;
    const int64_t bytes = linear_row_bytes(form, w->cols), pieces = w->group * form / 8 / PIECE,
                  stride = linear_up(bytes, 64) * linear_planes(form), batch = batch_of(w);
    uint8_t tile[FEW * TILE_COLS];
    for (int64_t t = 0; t < j->x->n; t++) {
        float total[FEW] = {0}, term[FEW][BATCH] = {{0}};
        for (int64_t g = 0; g < w->groups; g += batch) {
            int32_t s[BATCH * MOST_PIECES * FEW], of_group[FEW][BATCH];
            int64_t n = linear_least(batch, w->groups - g), from = g * pieces * PIECE,
                    to = linear_least(from + n * pieces * PIECE, bytes);
            const int8_t *x = planes + t * stride + from * linear_planes(form);
            if (tiled) {
                unpack_tile(w, r, FEW, from, to - from, tile);
                piece_sums(tile, TILE_COLS, 0, to - from, form, x, s);
            } else {
                piece_sums(w->bytes + r * w->row_bytes, w->row_bytes, from, to, form, x, s);
            }
            for (int64_t k = 0, p = 0; k < n; k++) {
                int64_t last = linear_least((k + 1) * pieces, (to - from + PIECE - 1) / PIECE);
                __m128i sum = _mm_setzero_si128();
                for (; p < last; p++)
                    sum = _mm_add_epi32(sum, _mm_loadu_si128((const __m128i *)(s + p * FEW)));
                of_group[0][k] = _mm_extract_epi32(sum, 0);
                of_group[1][k] = _mm_extract_epi32(sum, 1);
                of_group[2][k] = _mm_extract_epi32(sum, 2);
                of_group[3][k] = _mm_extract_epi32(sum, 3);
            }
            for (int i = 0; i < FEW; i++) groups_done(j, r + i, g, n, t, of_group[i], term[i]);
            for (int64_t k = 0; k < n; k++) /* four chains of additions, side by side */
                for (int i = 0; i < FEW; i++)
                    total[i] = g + k == 0 ? term[i][k] : total[i] + term[i][k];
        }
        for (int i = 0; i < FEW; i++) linear_finish(j, r + i, t, total[i]);
    }
}

static void pieces_run(const linear_job *j, const void *room) {
    const int8_t *planes = (const int8_t *)room + linear_sums_bytes(j->w, j->x);
    linear_job rest = *j;
    for (; rest.from + FEW <= j->to; rest.from += FEW) switch (j->w->form) {
        case 1: pieces_rows(j, planes, 1, false, rest.from); break;
        case 2: pieces_rows(j, planes, 2, false, rest.from); break;
        case 4: pieces_rows(j, planes, 4, false, rest.from); break;
        case 8: pieces_rows(j, planes, 8, false, rest.from); break;
        default: pieces_rows(j, planes, 8, true, rest.from);
        }
    linear_by_rows(&rest);
}

static void planar_run(const linear_job *j, const void *room) {
    const int8_t *planes = (const int8_t *)room + linear_sums_bytes(j->w, j->x);
    for (int64_t r = j->from; r < j->to; r += STRIP) {
        int64_t n = linear_least(STRIP, j->to - r);
        switch (j->w->form) {
        case 1: planar_strip(j, planes, 1, r, n); break;
        case 2: planar_strip(j, planes, 2, r, n); break;
        case 3: planar_strip(j, planes, 3, r, n); break;
        case 4: planar_strip(j, planes, 4, r, n); break;
        case 8: planar_strip(j, planes, 8, r, n); break;
        default: planar_strip(j, planes, LINEAR_BASE3, r, n);
        }
    }
}

/* ---- many rows of x ---- */

enum { PANEL_ROWS = 12, PANEL_COLS = 1280, PANEL_UNIT = 4, PANEL_TOKENS = 128 };
#define PANEL_CODES (*unpackers())

static void panel_product(const uint8_t *tile, const int8_t *panel, const int8_t *next, int64_t k,
                          int32_t *s);
#include "simd/linear_panels.inc"

INLINE __m512i four_codes(const uint8_t *p) {
    int32_t v;
    memcpy(&v, p, sizeof v);
    return _mm512_set1_epi32(v);
}

INLINE void panel_sums(const uint8_t *tile, const int8_t *const panel[2], int panels, int64_t n,
                       int32_t *s) {
    __m512i acc[PANEL_ROWS][2], x[2];
    for (int i = 0; i < PANEL_ROWS; i++)
        for (int c = 0; c < panels; c++) acc[i][c] = load(s + i * PANEL_TOKENS + c * LINEAR_PANEL);
    for (int64_t k = 0; k < n; k += 4) {
        for (int c = 0; c < panels; c++) x[c] = load(panel[c] + k * LINEAR_PANEL);
        for (int i = 0; i < PANEL_ROWS; i++) {
            __m512i code = four_codes(tile + i * PANEL_COLS + k);
            for (int c = 0; c < panels; c++) DOT(acc[i][c], code, x[c]);
        }
    }
    for (int i = 0; i < PANEL_ROWS; i++)
        for (int c = 0; c < panels; c++)
            _mm512_storeu_si512(s + i * PANEL_TOKENS + c * LINEAR_PANEL, acc[i][c]);
}

static void panel_product(const uint8_t *tile, const int8_t *panel, const int8_t *next, int64_t k,
                          int32_t *s) {
    const int8_t *const panels[2] = {panel, next};
    if (next != NULL)
        panel_sums(tile, panels, 2, k, s);
    else
        panel_sums(tile, panels, 1, k, s);
}

/* ---- which way ---- */

/* A panel costs what 16 rows do. */
enum { PANELS_FROM = 12 };

static bool takes_panels(const linear_input *x) { return x->n >= PANELS_FROM; }
static bool takes_planes(const linear_weights *w) { return w->groups == 1 || has_pieces(w); }

static void vnni_linear_arrange(const linear_weights *w, const linear_input *x, void *room) {
    if (takes_panels(x)) {
        panel_arrange(w, x, room);
        return;
    }
    linear_input_sums(w, x, room);
    if (takes_planes(w))
        linear_into_planes(w, form_at_work(w->form, is_tiled(w)), x,
                           (int8_t *)room + linear_sums_bytes(w, x));
}

static void run(const linear_job *j, const void *room) {
    if (takes_panels(j->x))
        panel_run(j, room);
    else if (takes_planes(j->w) && j->w->groups == 1)
        planar_run(j, room);
    else if (takes_planes(j->w))
        pieces_run(j, room);
    else
        linear_by_rows(j);
}

LINEAR_KERNELS(vnni_linear_sums, vnni_linear_product, run)

const kernels kernels_vnni = {.level = "vnni",
                              .linear_arrange = vnni_linear_arrange,
                              .linear_sums = vnni_linear_sums,
                              .linear_product = vnni_linear_product};
