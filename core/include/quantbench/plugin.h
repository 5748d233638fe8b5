// clang-format off: the layout of this header is part of its text
/*
 * quantbench/plugin.h - the plugin ABI of quantbench.
 *
 * The only header of the project that a plugin may include. Read it top to
 * bottom: it is the whole contract.
 *
 *   scheme   floats -> level indices + metadata, and back
 *   packer   level indices -> bytes, and back, without loss
 *   ste      dL/dy of the quantized value -> dL/dx of the latent value
 *
 * Words
 *   group    n consecutive floats that share metadata: a tensor, a row, `group`
 *            columns of a row, or a 2-D block that the host has gathered.
 *   tile     `groups` groups of n, one after the other. meta: [groups][n_meta].
 *   code     a level index in [0, n_levels), one uint8_t per element; a higher
 *            code never decodes to a lower value.
 *   site     one place of the model: the weights of a layer, one activation.
 *
 * Rules that hold everywhere, so they are written once
 *   Threads  `void *self`: the host calls it alone, on the main thread.
 *            `const void *self`: many threads at once, on disjoint buffers.
 *            Write nothing but the output buffers. Start no thread.
 *   Failure  Only init() can fail, and unpack() on corrupt bytes.
 *   Memory   The host owns every buffer and the instance (zeroed, 64-byte
 *            aligned). No malloc, free, exit, setlocale, fesetround.
 *   Inputs   x is finite (the host checks). n, groups >= 1. Buffers do not
 *            overlap unless the function says so. No alignment is promised.
 *   Cuts     Results for a group depend on nothing outside it. Elementwise
 *            functions may be given any piece of a group (then groups is 1); no
 *            call has an n above site.group. decode() is also given codes that
 *            encode() did not choose, to learn the levels.
 *   Strings  UTF-8, static storage, never freed.
 */
#ifndef QB_PLUGIN_H
#define QB_PLUGIN_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __FAST_MATH__
#error "plugins are compiled without -ffast-math: it changes results"
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- version ------------------------------------------------------------
 *
 * A host loads a plugin when the majors are equal and the plugin's minor is
 * not newer than the host's. A minor only appends: fields at the end of
 * structs, functions at the end of tables, values at the end of enums. What
 * minor n added is declared only if QB_ABI_MINOR >= n; you compile against
 * minor 0 unless you define QB_ABI_MINOR before the #include. `size` is
 * sizeof the struct as its writer knew it; the reader uses what lies inside.
 */
#define QB_ABI_MAGIC 0x31504251u /* "QBP1", little endian */
#define QB_ABI_MAJOR 1
#define QB_ABI_MINOR_LATEST 1
#ifndef QB_ABI_MINOR
#define QB_ABI_MINOR 0
#endif
#if QB_ABI_MINOR > QB_ABI_MINOR_LATEST
#error "this quantbench/plugin.h is older than the QB_ABI_MINOR you asked for"
#endif

#if defined(__GNUC__)
#define QB_EXPORT __attribute__((visibility("default")))
#define QB_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define QB_EXPORT
#define QB_PRINTF(fmt, args)
#endif

typedef int32_t qb_status;
enum {
    QB_OK = 0,
    QB_EINVAL = -1,  /* a parameter, or a combination of them, is wrong      */
    QB_ENOTSUP = -2, /* right, but this plugin cannot do it                  */
    QB_ENOMEM = -3,
    QB_ECORRUPT = -4, /* bytes that no pack() could have written              */
};

/* ---- parameters -----------------------------------------------------------
 *
 * A parameter is a field of your instance struct. Before init() the host has
 * written every field: the checked value from the YAML file, or the default.
 * A default of QB_AUTO (INT, REAL, ENUM) lets the user write `auto`: the field
 * then holds INT64_MIN, NAN or -1 and init() replaces it; the host reads it
 * back and records what was used.
 *
 * A live parameter may change between steps (never during a call): read the
 * field where you need it, derive nothing from it in init(). Its default goes
 * from dflt to dflt_end over the training; a number in the YAML file fixes it.
 * Everywhere else (init(), evaluation, without a training) it holds its end.
 */
typedef int32_t qb_param_type;
enum { QB_INT = 1, QB_REAL = 2, QB_BOOL = 3, QB_ENUM = 4, QB_STR = 5 };

enum { QB_LIVE = 1u << 0, QB_GEOMETRIC = 1u << 1 /* live: not linear */ };
#define QB_AUTO ((double)NAN)

typedef struct qb_param { /* filled by the macros below, in this order */
    const char *name;     /* YAML key, [a-z][a-z0-9_]*, none of the
                             keys that the spec keeps for itself     */
    const char *doc;      /* one sentence, no full stop              */
    const char *unit;     /* "bits", "step", "" for none             */
    qb_param_type type;
    uint32_t flags;
    uint32_t offset; /* of the field in the instance struct     */
    uint32_t field_size;
    double dflt;                /* ENUM: index in choices                  */
    double dflt_end;            /* live only                               */
    double min, max;            /* INT and REAL                            */
    const char *ends;           /* REAL: "[]", "(]", "[)" or "()"          */
    const char *const *choices; /* ENUM: NULL-terminated                   */
    const char *dflt_str;       /* STR                                     */
} qb_param;

/* T is the instance struct, f the field. A field of the wrong type does not
 * compile. INT: int64_t, REAL: double, BOOL: bool, ENUM: int32_t,
 * STR: const char * (lives as long as the instance). */
#if defined(__cplusplus) || __STDC_VERSION__ < 201112L
#define QB_TYPED_(T, f, want, tag) tag
#else
#define QB_TYPED_(T, f, want, tag) _Generic(((T *)0)->f, want : tag)
#endif
#define QB_P_(T, f, want, tag, fl, u, text)                                                        \
    .name = #f, .doc = text, .unit = u, .type = QB_TYPED_(T, f, want, tag), .flags = fl,           \
    .offset = offsetof(T, f), .field_size = sizeof(((T *)0)->f)
#define QB_PARAM_INT(T, f, def, lo, hi, u, text)                                                   \
    { QB_P_(T, f, int64_t, QB_INT, 0, u, text), .dflt = def, .min = lo, .max = hi }
#define QB_PARAM_REAL(T, f, def, lo, hi, brackets, u, text)                                        \
    {                                                                                              \
        QB_P_(T, f, double, QB_REAL, 0, u, text), .dflt = def, .min = lo, .max = hi,               \
                                                  .ends = brackets                                 \
    }
#define QB_PARAM_LIVE(T, f, from, to, fl, lo, hi, brackets, u, text)                               \
    {                                                                                              \
        QB_P_(T, f, double, QB_REAL, QB_LIVE | (fl), u, text),                                     \
            .dflt = from, .dflt_end = to, .min = lo, .max = hi, .ends = brackets                   \
    }
#define QB_PARAM_BOOL(T, f, def, text)                                                             \
    { QB_P_(T, f, bool, QB_BOOL, 0, "", text), .dflt = def, .max = 1 }
#define QB_PARAM_ENUM(T, f, def, names, text)                                                      \
    { QB_P_(T, f, int32_t, QB_ENUM, 0, "", text), .dflt = def, .choices = names }
#define QB_PARAM_STR(T, f, def, text)                                                              \
    { QB_P_(T, f, const char *, QB_STR, 0, "", text), .dflt_str = def }

/* ---- randomness -----------------------------------------------------------
 *
 * Element i of a piece uses counter `offset + i` of `key`, so the numbers do
 * not depend on cuts, threads or instruction set. Forward and backward of one
 * step get the same key. key 0 means evaluation: be deterministic; uniform()
 * is then 0.5 everywhere.
 */
typedef struct qb_rng {
    uint64_t key;    /* from (experiment seed, site, step)                    */
    uint64_t offset; /* of the piece's first element, counted through the
                        groups of the site in order                           */
} qb_rng;

typedef struct qb_bin { /* of a histogram: the sum of its magnitudes and their number */
    double sum, count;
} qb_bin;

/* ---- what the host offers --------------------------------------------------
 *
 * Kernels give the same bits on every instruction set and number of threads,
 * on which the host may spread a large reduction. x and y may be the same
 * buffer. Reductions write one result per group of a tile; absmax and sum_abs take a NaN for
 * an infinity, which their result then is, the others want finite numbers.
 */
typedef struct qb_kernels {
    uint32_t size;
    const char *isa;

    void (*absmax)(const float *x, int64_t groups, int64_t n, float *out);
    void (*minmax)(const float *x, int64_t groups, int64_t n, float *lo, float *hi);
    void (*sum)(const float *x, int64_t groups, int64_t n, double *out);
    void (*sum_abs)(const float *x, int64_t groups, int64_t n, double *out);
    void (*sum_sq)(const float *x, int64_t groups, int64_t n, double *out);
    /* sum and number of |x_i| > t[group] */
    void (*sum_abs_above)(const float *x, int64_t groups, int64_t n, const float *t, double *sum,
                          int64_t *count);
    double (*dot)(const float *x, const float *y, int64_t n);
    void (*sort)(float *x, int64_t n); /* ascending, in place               */

    void (*exp)(const float *x, int64_t n, float *y);
    void (*log)(const float *x, int64_t n, float *y);
    void (*tanh)(const float *x, int64_t n, float *y);
    void (*uniform)(qb_rng rng, int64_t n, float *u); /* [0, 1), 24 bits    */

    /* code_i = the nearest of n_levels ascending levels, ties to the lower   */
    void (*encode_levels)(const float *x, int64_t n, const float *levels, int32_t n_levels,
                          uint8_t *code);
    void (*decode_levels)(const uint8_t *code, int64_t n, const float *levels, int32_t n_levels,
                          float *y);

    /* Low bits first; base 3 is five codes in a byte, ceil(v * 256 / 243).   */
    void (*pack_bits)(const uint8_t *code, int64_t n, int32_t bits, uint8_t *dst);
    void (*unpack_bits)(const uint8_t *src, int64_t n, int32_t bits, uint8_t *code);
    void (*pack_base3)(const uint8_t *code, int64_t n, uint8_t *dst);
    qb_status (*unpack_base3)(const uint8_t *src, int64_t n, uint8_t *code);

#if QB_ABI_MINOR >= 1
    /* 1.1: what packers share. */
    /* adds to counts[code] */
    void (*count_codes)(const uint8_t *code, int64_t n, int64_t counts[256]);
    /* 0 for none */
    uint8_t (*largest_code)(const uint8_t *code, int64_t n);
    /* Codes 0..2 as two planes of ceil(n / 8) bytes, bit i % 8 of byte i / 8: mask, where a
     * code is not 1, and sign, where it is 0; the bits behind the last code are 0.      */
    void (*pack_planes)(const uint8_t *code, int64_t n, uint8_t *mask, uint8_t *sign);
    void (*unpack_planes)(const uint8_t *mask, const uint8_t *sign, int64_t n, uint8_t *code);
    /* Forms of a block. pack: how many bytes it takes; with a limit, -1 where that is more
     * than `limit`; dst NULL: its size alone. unpack: exactly these bytes, which pack wrote,
     * or QB_ECORRUPT. n_levels codes of which `zero` is left out, at least 0.
     *   bitmap  a bit for each code, 1 where it is not zero, in ceil(n / 8) bytes; values
     *   gaps    how many are not zero, as a varint; the zeros before each in bytes, 255:
     *           255 zeros and more to come; values
     *   values  the others numbered from the highest code down, in as many bits as n_levels
     *           - 1 need, low bits first
     *   runs    codes 0..2: tokens, bits 7..6 the code of a run, 3 for codes as they are,
     *           which follow in base 3; bits 5..0 their number less 1. Runs of 4 to 64.   */
    int64_t (*pack_bitmap)(const uint8_t *code, int64_t n, int32_t n_levels, int32_t zero,
                           uint8_t *dst);
    qb_status (*unpack_bitmap)(const uint8_t *src, int64_t src_bytes, int64_t n, int32_t n_levels,
                               int32_t zero, uint8_t *code);
    int64_t (*pack_gaps)(const uint8_t *code, int64_t n, int32_t n_levels, int32_t zero,
                         int64_t limit, uint8_t *dst);
    qb_status (*unpack_gaps)(const uint8_t *src, int64_t src_bytes, int64_t n, int32_t n_levels,
                             int32_t zero, uint8_t *code);
    int64_t (*pack_runs)(const uint8_t *code, int64_t n, int64_t limit, uint8_t *dst);
    qb_status (*unpack_runs)(const uint8_t *src, int64_t src_bytes, int64_t n, uint8_t *code);
    /* 1.1: what schemes with levels of their own share; one scale a group.   */
    /* code = how many of the ascending steps are <= x * inv, inv = scale >= FLT_MIN ?
     * 1 / scale : 0; n_steps <= 255                                           */
    void (*encode_steps)(const float *x, int64_t groups, int64_t n, const float *scale,
                         const float *steps, int32_t n_steps, uint8_t *code);
    /* y = levels[code] * scale; a code beyond the last reads the last; 2..256 levels */
    void (*decode_scaled)(const uint8_t *code, int64_t groups, int64_t n, const float *scale,
                          const float *levels, int32_t n_levels, float *y);
    /* 1.1: what estimators share. dx = lo <= x <= hi ? dy : 0; dx may be dy  */
    void (*pass_inside)(const float *x, const float *dy, int64_t n, float lo, float hi, float *dx);
    /* dx = dy * S'(x); dx may be dy. S is a staircase whose steps at the ascending t_j are
     * each a tanh: S'(x) = sum of peak_j / cosh^2((x - t_j) / width), where steps that are
     * more than 10 widths away are left out                                  */
    void (*soft_steps)(const float *x, const float *dy, int64_t n, const float *t,
                       const double *peak, int32_t n_steps, double width, float *dx);
    /* 1.1: what is had without sorting. Of each group the magnitude with `rank` others before
     * it in ascending order, how many are less than it, the largest of those (0: none);
     * 0 <= rank < n                                                          */
    void (*select_abs)(const float *x, int64_t groups, int64_t n, int64_t rank, float *at,
                       float *below, int64_t *less);
    /* Adds |x_i| to bin b: the whole part of |x_i| * per_unit, at most n_bins - 1.    */
    void (*bin_abs)(const float *x, int64_t n, float per_unit, int32_t n_bins, qb_bin *bins);
    /* 1.1: entropy coding by 16 interleaved states (rANS), of which code i is that of state
     * i % 16. f: of each code in 32768ths, their sum is 32768, and those of `code` are above 0.
     * A state x is in [2^16, 2^32), words are two bytes, low first. Encode, from the last code:
     * if x >= f 2^17, its low 16 bits are a word, x = floor(x / 2^16); then x = floor(x / f)
     * 2^15 + x mod f + c, c the sum of f below the code. Decode is the way back.
     * encode: the bytes of the words, which end at `end` (NULL: are only counted), or -1 where
     * they need more than room >= 0, of which all may be written. decode: the bytes that were read,
     * or -1 where it needs more; and -1 for another sum of f.                   */
    int64_t (*rans_encode)(const uint8_t *code, int64_t n, const uint16_t f[256],
                           uint32_t state[16], uint8_t *end, int64_t room);
    int64_t (*rans_decode)(const uint8_t *words, int64_t bytes, const uint16_t f[256],
                           uint32_t state[16], int64_t n, uint8_t *code);
#endif
} qb_kernels;

typedef struct qb_host { /* one for each instance; valid as long as it */
    uint32_t size;
    uint16_t abi_major, abi_minor;
    void *impl; /* for the host */
    const qb_kernels *kernels;

    /* Set the message and return `st`: return host->fail(host, QB_EINVAL,
     * "bits %d needs ...", bits). The host adds plugin, site, file:line.
     * With QB_OK it is a warning. [init] */
    qb_status (*fail)(const struct qb_host *host, qb_status st, const char *fmt, ...)
        QB_PRINTF(3, 4);

    /* Ask in init() for a thread-local buffer, take it in any later call:
     * uninitialised, 64-byte aligned, yours until that call returns. */
    qb_status (*reserve_scratch)(const struct qb_host *host, size_t bytes);
    void *(*scratch)(const struct qb_host *host);
} qb_host;

typedef struct qb_site {
    uint32_t size;
    bool activation;
    int64_t rows, cols; /* activations: most tokens of a batch, features  */
    int64_t group;      /* most elements that one group can have          */
    const char *name;   /* "blk.0.q.weight"                               */
} qb_site;

/* ---- scheme ----------------------------------------------------------------*/

enum { /* what a number of metadata means */
       QB_OTHER = 0,
       QB_SCALE = 1,     /* >= 0                                                 */
       QB_ZERO = 2,      /* in level units; an integer if stored as U8           */
       QB_OFFSET = 3,    /* in units of x                                        */
       QB_THRESHOLD = 4, /* of three levels: |x| <= threshold is the middle one  */
};
enum {                 /* how a packed file stores it; the host rounds to that right after fit */
       QB_AS_SPEC = 0, /* f32, f16, bf16, power of two, double quantization    */
       QB_F32 = 1,
       QB_U8 = 2,         /* an integer 0..255                                    */
       QB_E8M0 = 3,       /* a power of two                                       */
       QB_NOT_STORED = 4, /* only encode needs it                                 */
};
typedef struct qb_meta { /* in arrays without a stride: never grows in a major */
    const char *name;    /* "scale": in tables, telemetry and files             */
    int32_t role;
    int32_t store;
    bool learn; /* a parameter: fit() only starts it, the optimizer moves
                   it, a checkpoint keeps it. The others are refitted. */
    float min;  /* learn: the host keeps it >= min                     */
} qb_meta;

enum {                   /* how the host picks between two levels */
       QB_NEAREST = 0,   /* ties: even distance from the level nearest zero (the
                            upper of two such): for integers, ties to even      */
       QB_TIES_AWAY = 1, /* from zero                                           */
       QB_TIES_UP = 2,
       QB_TIES_DOWN = 3,
       QB_FLOOR = 4,
       QB_CEIL = 5,
       QB_STOCHASTIC = 6, /* up with probability distance / gap                  */
};

enum {
    QB_BY_RANGE = 1u << 0,       /* fit() depends on min x and max x alone    */
    QB_NOT_IDEMPOTENT = 1u << 1, /* encode(decode(c)) may differ from c       */
    /* 1.1: fit() bears x with a NaN or an infinity and gives such a group metadata that is
     * not finite. The host then looks for them only after such metadata: one pass over x less */
    QB_SHOWS_NONFINITE = 1u << 2,
};

typedef struct qb_scheme_info { /* preset by the host, changed by init() */
    uint32_t size;
    uint32_t flags;      /* preset 0                                     */
    int32_t n_levels;    /* 2..256; no preset                            */
    int32_t zero_code;   /* the code that decodes to exactly 0, -1 for none;
                            the host finds it when `levels` is set       */
    int32_t round;       /* preset: what the spec says                   */
    int32_t n_meta;      /* 0..256; preset 1                             */
    const qb_meta *meta; /* preset: one {"scale", QB_SCALE, QB_AS_SPEC}  */
    float grad_scale;    /* on learned metadata; preset 1               */
    int64_t group;       /* granularity when the spec names none: 0 the
                            tensor (preset), -1 a row, else columns      */

    /* The short way: most schemes differ only in how they choose the scale.
     * Point at n_levels ascending numbers, leave encode and decode NULL, and
     * the host computes, in SIMD and in packed integer products,
     *     decode: y = (levels[code] - zero) * scale + offset
     *     encode: the code whose levels[code] - zero `round` picks for
     *             (x - offset) * inv; inv = scale >= FLT_MIN ? 1 / scale : 0;
     *             ties count from the level whose levels[code] - zero is nearest
     *             0, so an integer zero gives round(v) + zero; or, with a
     *             threshold t, 0, 1, 2 for x < -t, |x| <= t, x > t
     *     gradient of learned metadata: as in LSQ (level - v inside the range,
     *             level outside; offset 0 inside, 1 outside)
     * where absent roles are zero 0, offset 0, scale 1. */
    const float *levels;
} qb_scheme_info;

typedef struct qb_scheme {
    uint32_t size;

    /* Check the parameters together, resolve `auto`, fill *info. */
    qb_status (*init)(void *self, const qb_host *host, const qb_site *site, qb_scheme_info *info);

    /* Whole groups. An all-zero group must give metadata under which every
     * code decodes to a finite value. Calibrated ranges: the host passes the
     * data clipped to the range, or {lo, hi} if the scheme is QB_BY_RANGE. */
    void (*fit)(const void *self, const float *x, int64_t groups, int64_t n, float *meta);

    /* Both or neither; neither needs info.levels. */
    void (*encode)(const void *self, const float *meta, const float *x, int64_t groups, int64_t n,
                   qb_rng rng, uint8_t *code);
    void (*decode)(const void *self, const float *meta, const uint8_t *code, int64_t groups,
                   int64_t n, float *y);

    /* Optional, one group: where clipping starts. NULL: the outer levels. */
    void (*bounds)(const void *self, const float *meta, float *lo, float *hi);

    /* Optional, a piece of one group: dmeta[j] += sum_i dy_i * dy_i/dmeta_j.
     * The host adds the pieces in a fixed order and applies grad_scale. */
    void (*grad_meta)(const void *self, const float *meta, const float *x, const float *dy,
                      int64_t n, double *dmeta);
} qb_scheme;

/* ---- packer ----------------------------------------------------------------*/

typedef struct qb_packer_info { /* preset by the host, changed by init() */
    uint32_t size;
    int32_t unit;    /* codes per indivisible unit; preset 1              */
    int64_t chunk;   /* best codes per pack(): 0 = a row; preset 0        */
    int32_t align;   /* of a chunk's first byte, a power of two; preset 1 */
    bool fixed_rate; /* pack() always writes bound(n) bytes, which the
                        host checks; preset true                      */
} qb_packer_info;

typedef struct qb_packer {
    uint32_t size;

    /* QB_ENOTSUP when these codes cannot be stored. zero_code may be -1. */
    qb_status (*init)(void *self, const qb_host *host, int32_t n_levels, int32_t zero_code,
                      qb_packer_info *info);
    /* The most bytes that any n codes need. */
    int64_t (*bound)(const void *self, int64_t n);
    /* Writes at most bound(n) bytes and returns how many. The result stands
     * alone: it can be unpacked without any other chunk. */
    int64_t (*pack)(const void *self, const uint8_t *code, int64_t n, uint8_t *dst);
    /* Exactly n codes, or QB_ECORRUPT. Reads no byte past src[src_bytes - 1]
     * and writes none past code[n - 1], whatever the bytes say. */
    qb_status (*unpack)(const void *self, const uint8_t *src, int64_t src_bytes, int64_t n,
                        uint8_t *code);
} qb_packer;

/* ---- straight-through estimator ---------------------------------------------*/

enum { QB_LEARN_NO = 0, QB_LEARN_SCALE = 1, QB_LEARN_LOG2_SCALE = 2 };

typedef struct qb_ste_info { /* preset 0 by the host, changed by init() */
    uint32_t size;
    int32_t learn; /* make the scheme's scale a parameter (LSQ, TQT)   */
    bool wants_levels;
    int32_t n_stat;  /* 0..8 sums over the group, see stats()            */
    int32_t n_state; /* 0..8 numbers that live as long as the site and are
                        kept in checkpoints; they start as 0             */
} qb_ste_info;

typedef struct qb_ste_span { /* a piece of one group */
    uint32_t size;
    int64_t n;
    const float *x;          /* latent values                                 */
    const float *y;          /* their quantized values                        */
    const float *dy;         /* dL/dy; NULL in forward()                      */
    float lo, hi;            /* where clipping starts, lo <= hi               */
    float step;              /* > 0: median gap of two levels (a group with none
                                is not passed: there dx = dy)                 */
    const float *levels;     /* [n_levels] decoded, if wanted                 */
    const float *thresholds; /* [n_levels - 1] between them, if wanted       */
    int32_t n_levels;
    int64_t group;      /* elements of the whole group                   */
    const double *stat; /* [n_stat] of the whole group, in backward()    */
    const float *state; /* [n_state] of the site                         */
    qb_rng rng;
} qb_ste_span;

typedef struct qb_ste_step { /* of one site, after all its backward() */
    uint32_t size;
    int64_t step, n;    /* n: elements of the site                       */
    int64_t flips;      /* codes that differ from the step before        */
    const double *stat; /* [n_stat], added over the groups               */
} qb_ste_step;

typedef struct qb_ste {
    uint32_t size;
    qb_status (*init)(void *self, const qb_host *host, const qb_site *site, qb_ste_info *info);
    /* Write (do not add) dL/dx to dx[n]. dx may be s->dy. */
    void (*backward)(const void *self, const qb_ste_span *s, float *dx);
    /* Optional: replaces y in the forward pass while training. y may be s->y. */
    void (*forward)(const void *self, const qb_ste_span *s, float *y);
    /* Optional, before backward(): add this piece's sums to stat[n_stat]. */
    void (*stats)(const void *self, const qb_ste_span *s, double *stat);
    /* Optional, once a step: new state from what was seen. */
    void (*update)(const void *self, const qb_ste_step *t, float *state);
} qb_ste;

/* ---- the one exported symbol -------------------------------------------------*/

typedef int32_t qb_kind;
enum { QB_SCHEME = 1, QB_PACKER = 2, QB_STE = 3 };

typedef struct qb_plugin {
    /* Down to `kind` nothing ever moves, in any major. */
    uint32_t magic;
    uint16_t abi_major, abi_minor;
    uint32_t size;
    qb_kind kind;
    uint32_t instance_size;
    uint32_t param_size; /* sizeof(qb_param), the stride of params     */
    uint32_t n_params;
    const qb_param *params;
    const void *table;   /* qb_scheme, qb_packer or qb_ste                */
    const char *name;    /* unique in its kind, [a-z][a-z0-9_]{0,31}      */
    const char *version; /* MAJOR.MINOR.PATCH; recorded with every run    */
    const char *summary; /* one line                                      */
    const char *example; /* YAML, as a user would write it; may be NULL   */
    const char *doc;     /* paragraphs, may be NULL                       */
    const char *cite;    /* where the method comes from, may be NULL      */
} qb_plugin;

#define QB_PLUGIN_(k, tt, T, n, ps, tab, ...)                                                      \
    QB_EXPORT extern const qb_plugin qb_plugin_entry;                                              \
    const qb_plugin qb_plugin_entry = {.magic = QB_ABI_MAGIC,                                      \
                                       .abi_major = QB_ABI_MAJOR,                                  \
                                       .abi_minor = QB_ABI_MINOR,                                  \
                                       .size = sizeof(qb_plugin),                                  \
                                       .kind = k,                                                  \
                                       .instance_size = sizeof(T),                                 \
                                       .param_size = sizeof(qb_param),                             \
                                       .n_params = n,                                              \
                                       .params = ps,                                               \
                                       .table = 0 ? (const tt *)0 : &(tab),                        \
                                       __VA_ARGS__}
#define QB_COUNT_(a) (sizeof(a) / sizeof((a)[0]))
/* QB_SCHEME_PLUGIN(instance struct, parameter array, table, .name = ...) with
 * name, version, summary, example, doc, cite in this order. Without
 * parameters: QB_PLUGIN_(QB_STE, qb_ste, T, 0, NULL, table, .name = ...). */
#define QB_SCHEME_PLUGIN(T, ps, tab, ...)                                                          \
    QB_PLUGIN_(QB_SCHEME, qb_scheme, T, QB_COUNT_(ps), ps, tab, __VA_ARGS__)
#define QB_PACKER_PLUGIN(T, ps, tab, ...)                                                          \
    QB_PLUGIN_(QB_PACKER, qb_packer, T, QB_COUNT_(ps), ps, tab, __VA_ARGS__)
#define QB_STE_PLUGIN(T, ps, tab, ...)                                                             \
    QB_PLUGIN_(QB_STE, qb_ste, T, QB_COUNT_(ps), ps, tab, __VA_ARGS__)

#ifdef __cplusplus
}
#endif
#endif /* QB_PLUGIN_H */
