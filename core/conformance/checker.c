#include "conformance/checker.h"

#include <float.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "conformance/conformance.h"
#include "conformance/watch.h"
#include "host/surroundings.h"
#include "quant/packing.h"
#include "util/mem.h"
#include "util/parallel.h"
#include "util/rng.h"

/* ---- what is said ---- */

void checker_case(checker *k, const char *fmt, ...) {
    char *to = k->c->page->with;
    size_t n = (size_t)snprintf(to, sizeof k->c->page->with, "%s%s", k->setting_text,
                                *k->setting_text != '\0' ? "; " : "");
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(to + n, sizeof k->c->page->with - n, fmt, ap);
    va_end(ap);
    k->cases++;
}

/* slot, case and message, NUL between them */
static void say(checker *k, int type, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));
static void say(checker *k, int type, const char *fmt, va_list ap) {
    strbuf b = {0};
    char *message = str_vformat(fmt, ap);
    strbuf_addn(&b, k->slot, strlen(k->slot) + 1);
    strbuf_addn(&b, k->c->page->with, strlen(k->c->page->with) + 1);
    strbuf_addn(&b, message, strlen(message) + 1);
    child_send(k->c, type, b.s, b.len);
    strbuf_fini(&b);
    free(message);
}

void checker_fail(checker *k, const char *fmt, ...) {
    if (k->failed) return;
    k->failed = true;
    va_list ap;
    va_start(ap, fmt);
    say(k, MESSAGE_FAILURE, fmt, ap);
    va_end(ap);
}

static bool is_news(checker *k, const char *rule) {
    const size_t n = sizeof k->known[0].what - 1;
    for (int i = 0; i < k->n_known; i++)
        if (strcmp(k->known[i].slot, k->slot) == 0 && strncmp(k->known[i].what, rule, n) == 0)
            return false;
    if (k->n_known == (int)(sizeof k->known / sizeof *k->known)) return false;
    snprintf(k->known[k->n_known].slot, sizeof k->known[0].slot, "%s", k->slot);
    snprintf(k->known[k->n_known++].what, sizeof k->known[0].what, "%s", rule);
    return true;
}

void checker_warn(checker *k, const char *fmt, ...) {
    va_list ap;
    if (!is_news(k, fmt)) return;
    va_start(ap, fmt);
    say(k, MESSAGE_WARNING, fmt, ap);
    va_end(ap);
}

void checker_fail_once(checker *k, const char *rule, const char *fmt, ...) {
    va_list ap;
    if (k->failed || !is_news(k, rule)) return;
    k->failed = true;
    va_start(ap, fmt);
    say(k, MESSAGE_FAILURE, fmt, ap);
    va_end(ap);
}

/* ---- calls ---- */

enum { ALWAYS = 100, SOMETIMES = 64 }; /* how often the slow comparison is made */

void call_begin(checker *k, const char *slot) {
    k->slot = slot;
    child_doing(k->c, slot);
    watch_allocated();
    if (strcmp(slot, "init()") != 0) watch_protect(true);
}

static void check_margins(checker *k, const guard *g) {
    int64_t at;
    if (!guard_broken(g, &at)) return;
    if (at < 0)
        checker_fail_once(k, g->name,
                          "it wrote outside of %s: byte %" PRId64 " before its start, "
                          "it has %zu bytes",
                          g->name, -at, g->n);
    else
        checker_fail_once(k, g->name,
                          "it wrote outside of %s: byte %" PRId64 " behind its end, "
                          "it has %zu bytes",
                          g->name, at - (int64_t)g->n + 1, g->n);
}

bool call_end(checker *k, guard *const *outputs) {
    bool was = k->failed, init = strcmp(k->slot, "init()") == 0;
    int before = k->n_known;
    const char *called = watch_allocated(), *printed = watch_printed();
    const char *started = watch_started();
    if (!init) watch_protect(false);
    if (called != NULL && init)
        checker_warn(k, "it allocates memory in init(), which nobody frees");
    else if (called != NULL)
        checker_fail_once(k, "memory", "it calls %s: after init() no memory is allocated or freed",
                          called);
    if (printed != NULL) checker_warn(k, "it prints, in the middle of what the program prints");
    if (started != NULL)
        checker_fail_once(k, "thread", "it calls %s: a plugin starts no thread", started);
    bool all = watch_touched() || k->calls < ALWAYS || k->calls % SOMETIMES == 0;
    const char *changed = surroundings_changed(all);
    k->calls++;
    if (changed != NULL) checker_fail_once(k, changed, "it changes %s", changed);
    for (; *outputs != NULL; outputs++) check_margins(k, *outputs);
    return k->failed == was && k->n_known == before;
}

/* ---- instances ---- */

enum { SCRATCH_CANARIES = 64, SCRATCH_CANARY = 0xc5, ALIGN = 64 };
static const qb_meta one_scale = {.name = "scale", .role = QB_SCALE, .store = QB_AS_SPEC};

static qb_status subject_fail(const qb_host *host, qb_status st, const char *fmt, ...)
    QB_PRINTF(3, 4);
static qb_status subject_fail(const qb_host *host, qb_status st, const char *fmt, ...) {
    subject *s = host->impl;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s->said, sizeof s->said, fmt, ap);
    va_end(ap);
    return st;
}

static size_t scratch_stride(const subject *s) { return s->scratch_bytes + SCRATCH_CANARIES; }

static qb_status subject_reserve(const qb_host *host, size_t bytes) {
    subject *s = host->impl;
    size_t each = (bytes + 63) & ~(size_t)63;
    if (each < bytes || each > (size_t)64 << 20) return QB_ENOMEM;
    size_t all = (each + SCRATCH_CANARIES) * (size_t)parallel_threads();
    free(s->scratch);
    s->scratch_bytes = each;
    s->scratch = mem_try_aligned(all);
    if (s->scratch == NULL) return QB_ENOMEM;
    memset(s->scratch, SCRATCH_CANARY, all);
    return QB_OK;
}

static void *subject_scratch(const qb_host *host) {
    const subject *s = host->impl;
    return s->scratch + scratch_stride(s) * (size_t)parallel_thread();
}

bool subject_scratch_intact(const subject *s) {
    for (int t = 0; s->scratch != NULL && t < parallel_threads(); t++)
        for (size_t i = 0; i < SCRATCH_CANARIES; i++)
            if ((uint8_t)s->scratch[scratch_stride(s) * (size_t)t + s->scratch_bytes + i] !=
                SCRATCH_CANARY)
                return false;
    return true;
}

static void place_self(subject *s, guard_edge edge, bool own) {
    size_t bytes = s->k->p->entry.instance_size;
    if (own) {
        s->w = mem_aligned(bytes);
        s->r = s->w;
        memset(s->w, 0, bytes);
        return;
    }
    guard_place(&s->k->self, bytes, ALIGN, edge, 0);
    s->w = s->k->self.w, s->r = s->k->self.r;
}

/* What init() fills in, with canaries behind. */
typedef union info_room {
    qb_scheme_info scheme;
    qb_packer_info packer;
    qb_ste_info ste;
    uint8_t bytes[256 + SCRATCH_CANARIES];
} info_room;

static qb_status call_init(subject *s, const qb_site *site) {
    const plugin *p = s->k->p;
    qb_kind kind = p->entry.kind;
    info_room room;
    qb_host host;
    void *info = kind == QB_SCHEME   ? (void *)&s->q.info
                 : kind == QB_PACKER ? (void *)&s->packer
                                     : (void *)&s->ste;
    size_t n = kind == QB_SCHEME   ? sizeof room.scheme
               : kind == QB_PACKER ? sizeof room.packer
                                   : sizeof room.ste;
    memset(&room, SCRATCH_CANARY, sizeof room);
    memcpy(&room, info, n);
    memcpy(&host, &s->host, sizeof host);
    qb_status st = kind == QB_SCHEME   ? p->scheme.init(s->w, &s->host, site, &room.scheme)
                   : kind == QB_PACKER ? p->packer.init(s->w, &s->host, s->set.n_levels,
                                                        s->set.zero_code, &room.packer)
                                       : p->ste.init(s->w, &s->host, site, &room.ste);
    memcpy(info, &room, n);
    for (size_t i = n; i < sizeof room; i++)
        if (room.bytes[i] != SCRATCH_CANARY)
            checker_fail_once(s->k, "info", "it wrote behind its info, which has %zu bytes", n);
    if (memcmp(&host, &s->host, sizeof host) != 0)
        checker_fail_once(s->k, "host", "it changes the functions of its host");
    return st;
}

static void preset(subject *s) {
    const setting *set = &s->set;
    s->q.info = (qb_scheme_info){.size = sizeof s->q.info,
                                 .zero_code = -1,
                                 .n_meta = 1,
                                 .round = (int32_t)set->round,
                                 .meta = &one_scale,
                                 .grad_scale = 1};
    s->packer = instance_packer_info;
    s->ste = (qb_ste_info){.size = sizeof s->ste};
    s->host = (qb_host){.size = sizeof s->host,
                        .abi_major = QB_ABI_MAJOR,
                        .abi_minor = QB_ABI_MINOR_LATEST,
                        .impl = s,
                        .kernels = services_kernels(),
                        .fail = subject_fail,
                        .reserve_scratch = subject_reserve,
                        .scratch = subject_scratch};
}

/* Does what init() filled in make sense? */
static const char *check_info(subject *s) {
    const plugin *p = s->k->p;
    if (p->entry.kind == QB_SCHEME) {
        s->q.table = &p->scheme;
        s->q.scheme.choice.plugin = p;
        s->q.scheme.self = s->w;
        return levels_prepare(&s->q);
    }
    if (p->entry.kind == QB_PACKER) return packing_check_info(&s->packer);
    if (s->ste.learn < QB_LEARN_NO || s->ste.learn > QB_LEARN_LOG2_SCALE)
        return "learn is out of range";
    return s->ste.n_stat >= 0 && s->ste.n_stat <= 8 && s->ste.n_state >= 0 && s->ste.n_state <= 8
               ? NULL
               : "n_stat or n_state is not in 0..8";
}

bool subject_open(subject *s, checker *k, const setting *set, guard_edge edge, bool own) {
    *s = (subject){.k = k, .set = *set, .group = GROUP_MAX};
    const qb_site site = {.size = sizeof site,
                          .activation = set->activation,
                          .rows = 5,
                          .cols = s->group,
                          .group = s->group,
                          .name = "check.weight"};
    preset(s);
    place_self(s, edge, own);
    s->set.choice.plugin = k->p;
    params_fill(&s->set.choice, s->w);
    params_set_live(&s->set.choice, s->w, set->progress);
    call_begin(k, "init()");
    s->got = call_init(s, &site);
    bool fine = own ? CALL_END(k, NULL) : CALL_END(k, &k->self);
    if (s->got == QB_OK) {
        const char *why = check_info(s);
        if (why == NULL) return fine;
        checker_fail(k, "%s", why);
    } else if (s->got != QB_EINVAL && s->got != QB_ENOTSUP && s->got != QB_ENOMEM) {
        checker_fail(k, "it returned %d, which is no qb_status of init()", (int)s->got);
    } else if (s->said[0] == '\0' && s->got != QB_ENOMEM) {
        checker_fail_once(k, "refusal", "it refused without a message (host->fail)");
    }
    subject_close(s);
    return false;
}

void subject_close(subject *s) {
    if (s->w != s->k->self.w) free(s->w);
    free(s->scratch);
    s->w = NULL, s->scratch = NULL;
}

/* ---- settings ---- */

static void draw_value(const qb_param *p, param_value *v, uint64_t key) {
    uint32_t how = rng_u32(key, 0) % 4;
    double u = rng_uniform(key, 1), lo = p->min, hi = p->max;
    v->given = true, v->is_auto = false;
    if (p->type == QB_BOOL) v->b = u < 0.5;
    if (p->type == QB_ENUM) {
        int n = 0;
        while (p->choices[n] != NULL) n++;
        v->e = (int32_t)(u * n);
    }
    if (p->type == QB_INT)
        v->i = (int64_t)(how == 0 ? lo : how == 1 ? hi : lo + floor(u * fmin(hi - lo + 1, 300)));
    if (p->type == QB_REAL) {
        lo = fmax(lo, -1e6), hi = fmin(hi, 1e6);
        v->r = lo + (hi - lo) * (how == 0 ? u * u * u : u);
        if (v->r <= lo) v->r = lo + (hi - lo) * 0x1p-20; /* the end may be open */
        if (v->r >= hi) v->r = lo + (hi - lo) * (1 - 0x1p-20);
    }
}

/* The lowest or highest value that the range holds. */
static void end_value(const qb_param *p, bool high, param_value *v) {
    const char *ends = p->ends != NULL ? p->ends : "[]";
    v->given = true, v->is_auto = false;
    if (p->type == QB_INT) v->i = (int64_t)(high ? p->max : p->min);
    if (p->type == QB_BOOL) v->b = high;
    if (p->type == QB_REAL) {
        v->r = high ? p->max : p->min;
        if (!high && ends[0] == '(') v->r = nextafter(v->r, INFINITY);
        if (high && ends[1] == ')') v->r = nextafter(v->r, -INFINITY);
    }
}

/* Which end of which parameter number i is; choices of an ENUM one after the other. */
static bool extreme(const plugin *p, int i, plugin_choice *c) {
    for (int k = 0; k < p->n_params; k++) {
        const qb_param *q = &p->params[k];
        int n = q->type == QB_STR ? 0 : 2;
        if (q->type == QB_ENUM)
            for (n = 0; q->choices[n] != NULL;) n++;
        if (i >= n) {
            i -= n;
            continue;
        }
        if (q->type == QB_ENUM)
            c->values[k].given = true, c->values[k].is_auto = false, c->values[k].e = i;
        else
            end_value(q, i == 1, &c->values[k]);
        return true;
    }
    return false;
}

static int n_extremes(const plugin *p) {
    plugin_choice scrap = params_defaults(p);
    int n = 0;
    while (extreme(p, n, &scrap)) n++;
    return n;
}

static void describe(checker *k, const setting *set) {
    static const char *const rounds[] = {"even",  "away", "up",        "down",
                                         "floor", "ceil", "stochastic"};
    strbuf b = {0};
    strbuf_add(&b, "");
    for (int i = 0; i < k->p->n_params; i++) {
        if (!set->choice.values[i].given) continue;
        strbuf_addf(&b, "%s%s=", b.len > 0 ? " " : "", k->p->params[i].name);
        params_print(&set->choice, i, &b);
    }
    const char *gap = b.len > 0 ? " " : "";
    if (k->p->entry.kind == QB_PACKER)
        strbuf_addf(&b, "%sn_levels %d zero_code %d", gap, set->n_levels, set->zero_code);
    else if (set->activation)
        strbuf_addf(&b, "%sactivation", gap);
    if (k->p->entry.kind == QB_SCHEME && set->round != ROUND_EVEN)
        strbuf_addf(&b, " round=%s", rounds[set->round]);
    if (k->p->entry.kind == QB_STE && set->progress != 1)
        strbuf_addf(&b, " at %.3g", set->progress);
    snprintf(k->setting_text, sizeof k->setting_text, "%s", b.s + (b.s[0] == ' '));
    strbuf_fini(&b);
}

bool setting_is_default(int i) { return i == 0; }

static const int32_t level_counts[] = {3, 2, 16, 256, 4, 5, 8, 9, 17, 64, 255};

bool setting_make(checker *k, int i, setting *set) {
    int ends = n_extremes(k->p), packers = k->p->entry.kind == QB_PACKER ? 22 : 1;
    uint64_t key = data_key(k->seed, 0x5e7, (uint64_t)i);
    *set = (setting){.choice = params_defaults(k->p), .progress = 1, .zero_code = -1};
    set->n_levels = level_counts[rng_u32(key, 5) % 11];
    if (i < packers) { /* defaults, for packers of all numbers of levels */
        set->n_levels = level_counts[i / 2];
        set->zero_code = i % 2 == 0 ? -1 : set->n_levels / 2;
    } else if (i < packers + ends) {
        extreme(k->p, i - packers, &set->choice);
        set->n_levels = level_counts[i % 3];
        set->zero_code = set->n_levels / 2;
    } else if (i < packers + ends + k->settings) {
        for (int q = 0; q < k->p->n_params; q++)
            if (k->p->params[q].type != QB_STR && rng_u32(key, 10 + (uint64_t)q) % 3 > 0)
                draw_value(&k->p->params[q], &set->choice.values[q], data_key(key, 7, (uint64_t)q));
        set->round = rng_u32(key, 2) % 3 == 0 ? (rounding)(rng_u32(key, 3) % 7) : ROUND_EVEN;
        set->activation = rng_u32(key, 4) % 2;
        set->progress = rng_u32(key, 6) % 2 ? rng_uniform(key, 9) : 1;
        set->zero_code = rng_u32(key, 8) % 2 ? set->n_levels / 2 : -1;
    } else {
        return false;
    }
    describe(k, set);
    return true;
}

/* ---- data ---- */

const char *const data_names[DATA_KINDS] = {"normal",         "all zero",  "constant",
                                            "one outlier",    "subnormal", "ties",
                                            "wide exponents", "negative",  "one sign",
                                            "minus zeros",    "huge",      "smallest floats"};
const char *const code_names[CODE_KINDS] = {"random", "all the lowest", "all the highest", "runs",
                                            "mostly zero"};
const int64_t data_sizes[] = {7, 1, 33, 128, 2, 3, 16, 31, 1000, 4097, 20011};
const int64_t data_groups[][2] = {{3, 7}, {9, 33}, {GROUPS_MAX, 16}, {1, GROUP_MAX}};
const int data_n_groups = sizeof data_groups / sizeof *data_groups;
const int data_n_sizes = sizeof data_sizes / sizeof *data_sizes, data_n_small = 4;

uint64_t data_key(uint64_t seed, uint64_t a, uint64_t b) { return rng_key(seed, RNG_TENSOR, a, b); }

/* About normal: the sum of four uniform numbers. */
static float normal(uint64_t key, uint64_t i) {
    float sum = -2;
    for (uint64_t k = 0; k < 4; k++) sum += rng_uniform(key, 4 * i + k);
    return 1.7320508f * sum;
}

void data_fill(int kind, uint64_t seed, float *x, int64_t groups, int64_t n) {
    uint64_t key = data_key(seed, 0xda7a, (uint64_t)kind);
    for (int64_t i = 0; i < groups * n; i++) {
        float v = normal(key, (uint64_t)i);
        switch (kind) {
        case 1: x[i] = 0; break;
        case 2: x[i] = 0.375f; break;
        case 3: x[i] = i % n == n / 2 ? 1000 : v * 0.01f; break;
        case 4: x[i] = v * 0x1p-130f; break;
        case 5: x[i] = rintf(v * 4) / 8; break; /* halves and quarters of a step */
        case 6: x[i] = ldexpf(v, (int)(rng_u32(key, (uint64_t)i) % 61) - 30); break;
        case 7: x[i] = -fabsf(v) - 0.5f; break;
        case 8: x[i] = fabsf(v); break;
        case 9: x[i] = i % 3 ? -0.0f : v; break;
        case 10: x[i] = v * 0x1p124f; break; /* up to 7e37, so that a range of two is a float */
        case 11: x[i] = copysignf(i % 2 ? FLT_TRUE_MIN : FLT_MIN, v); break;
        default: x[i] = v; break;
        }
    }
}

void data_codes(int kind, uint64_t seed, uint8_t *code, int64_t n, int32_t n_levels,
                int32_t zero_code) {
    uint64_t key = data_key(seed, 0xc0de, (uint64_t)kind);
    int32_t often = zero_code >= 0 ? zero_code : 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t r = (int32_t)(rng_u32(key, (uint64_t)i) % (uint32_t)n_levels);
        uint32_t run = rng_u32(key, (uint64_t)(i / 37) + (1u << 28));
        bool rare = rng_u32(key, (uint64_t)i + (1u << 29)) % 8 == 0;
        code[i] = (uint8_t)(kind == 1   ? 0
                            : kind == 2 ? n_levels - 1
                            : kind == 3 ? (int32_t)(run % (uint32_t)n_levels)
                            : kind == 4 ? (rare ? r : often)
                                        : r);
    }
}
