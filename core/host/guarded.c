#include "host/guarded.h"

#include <fenv.h>
#include <inttypes.h>
#include <string.h>

#include "host/blame.h"

static const instance *instance_of(const void *self) {
    const instance *in;
    memcpy(&in, (const char *)self - GUARDED_HEAD, sizeof in);
    return in;
}

void guarded_set(void *self, instance *in) {
    memcpy((char *)self - GUARDED_HEAD, &in, sizeof(const instance *));
}

static const plugin *begin(const void *self, const char *slot) {
    const instance *in = instance_of(self);
    blame_begin(in, slot);
    return in->choice.plugin;
}

/* Nothing here ever changes the control register, so it is what the processor starts with. */
bool guarded_reset_fenv(void) {
#if defined(__x86_64__)
    enum { FLAGS = 0x3f, DEFAULT = 0x1f80 };
    unsigned control;
    __asm__ volatile("stmxcsr %0" : "=m"(control));
    if ((control & ~(unsigned)FLAGS) == DEFAULT) return false;
#else
    if (fegetround() == FE_TONEAREST) return false;
#endif
    fesetenv(FE_DFL_ENV);
    return true;
}

static void end(void) {
    if (guarded_reset_fenv()) blame_note("changed the floating-point environment");
    blame_end();
}

/* ---- what a call writes, between edges ---- */

static const char edge[] = "an edge that no plugin has any business with. an edge that none ";
_Static_assert(sizeof edge == GUARDED_EDGE + 1, "and a zero");

void guarded_edges(uint8_t *p, int64_t n) {
    memcpy(p - GUARDED_EDGE, edge, GUARDED_EDGE);
    memcpy(p + n, edge, GUARDED_EDGE);
}

static bool is_whole(const uint8_t *p) { return memcmp(p, edge, GUARDED_EDGE) == 0; }

void guarded_check_edges(const uint8_t *p, int64_t n, const char *what) {
    if (!is_whole(p - GUARDED_EDGE)) blame_note("wrote before %s", what);
    if (!is_whole(p + n)) blame_note("wrote behind %s", what);
}

/* One for each thread, as no call is within another; a piece of a tensor fits. */
enum { FRAME = 16384 };
static _Thread_local _Alignas(64) uint8_t frame[GUARDED_EDGE + FRAME + GUARDED_EDGE];

/* Where a call is to write its bytes: too many for the frame go at once where they belong. */
static void *frame_begin(void *to, size_t bytes) {
    if (bytes > FRAME) return to;
    guarded_edges(frame + GUARDED_EDGE, (int64_t)bytes);
    return frame + GUARDED_EDGE;
}

static void frame_end(void *to, size_t bytes, const char *what) {
    if (bytes > FRAME) return;
    guarded_check_edges(frame + GUARDED_EDGE, (int64_t)bytes, what);
    memcpy(to, frame + GUARDED_EDGE, bytes);
}

/* ---- schemes ---- */

static qb_status scheme_init(void *self, const qb_host *host, const qb_site *site,
                             qb_scheme_info *info) {
    qb_status st = begin(self, "init()")->scheme.init(self, host, site, info);
    ((instance *)host->impl)->n_levels = info->n_levels;
    ((instance *)host->impl)->n_meta = info->n_meta;
    end();
    return st;
}

static void scheme_fit(const void *self, const float *x, int64_t groups, int64_t n, float *meta) {
    const plugin *t = begin(self, "fit()");
    size_t bytes = (size_t)(groups * instance_of(self)->n_meta) * sizeof *meta;
    float *own = frame_begin(meta, bytes);
    t->scheme.fit(self, x, groups, n, own);
    frame_end(meta, bytes, "its metadata");
    end();
}

/* A code that is no level would be an index outside of a table: it becomes 0. */
static void scheme_encode(const void *self, const float *meta, const float *x, int64_t groups,
                          int64_t n, qb_rng rng, uint8_t *code) {
    int levels = instance_of(self)->n_levels;
    uint8_t highest = 0;
    uint8_t *own = frame_begin(code, (size_t)(groups * n));
    begin(self, "encode()")->scheme.encode(self, meta, x, groups, n, rng, own);
    frame_end(code, (size_t)(groups * n), "its codes");
    for (int64_t i = 0; i < groups * n; i++) highest = code[i] > highest ? code[i] : highest;
    if (highest >= levels) {
        blame_note("gave the code %d, there are %d levels", highest, levels);
        for (int64_t i = 0; i < groups * n; i++) code[i] = code[i] < levels ? code[i] : 0;
    }
    end();
}

/* Values are many and would be copied: one call in so many has a frame, the first among them. */
static void scheme_decode(const void *self, const float *meta, const uint8_t *code, int64_t groups,
                          int64_t n, float *y) {
    enum { EACH = 16 };
    static _Thread_local unsigned calls;
    const bool framed = calls++ % EACH == 0;
    const size_t bytes = (size_t)(groups * n) * sizeof *y;
    float *own = framed ? frame_begin(y, bytes) : y;
    begin(self, "decode()")->scheme.decode(self, meta, code, groups, n, own);
    if (framed) frame_end(y, bytes, "its values");
    end();
}

static void scheme_bounds(const void *self, const float *meta, float *lo, float *hi) {
    begin(self, "bounds()")->scheme.bounds(self, meta, lo, hi);
    end();
}

static void scheme_grad_meta(const void *self, const float *meta, const float *x, const float *dy,
                             int64_t n, double *dmeta) {
    begin(self, "grad_meta()")->scheme.grad_meta(self, meta, x, dy, n, dmeta);
    end();
}

/* ---- packers ---- */

static qb_status packer_init(void *self, const qb_host *host, int32_t n_levels, int32_t zero_code,
                             qb_packer_info *info) {
    qb_status st = begin(self, "init()")->packer.init(self, host, n_levels, zero_code, info);
    ((instance *)host->impl)->n_levels = n_levels;
    end();
    return st;
}

/* A promise that no packer needs is noted, and taken for the most that one may make. */
static int64_t packer_bound(const void *self, int64_t n) {
    int64_t bytes = begin(self, "bound()")->packer.bound(self, n), most = 64 * n + 65536;
    if (bytes < 0 || bytes > most)
        blame_note("said %" PRId64 " bytes for %" PRId64 " codes", bytes, n);
    end();
    return bytes < 0 || bytes > most ? most : bytes;
}

static int64_t packer_pack(const void *self, const uint8_t *code, int64_t n, uint8_t *dst) {
    int64_t bytes = begin(self, "pack()")->packer.pack(self, code, n, dst);
    end();
    return bytes;
}

static qb_status packer_unpack(const void *self, const uint8_t *src, int64_t src_bytes, int64_t n,
                               uint8_t *code) {
    qb_status st = begin(self, "unpack()")->packer.unpack(self, src, src_bytes, n, code);
    end();
    return st;
}

/* ---- estimators ---- */

static qb_status ste_init(void *self, const qb_host *host, const qb_site *site, qb_ste_info *info) {
    qb_status st = begin(self, "init()")->ste.init(self, host, site, info);
    end();
    return st;
}

static void ste_backward(const void *self, const qb_ste_span *s, float *dx) {
    begin(self, "backward()")->ste.backward(self, s, dx);
    end();
}

static void ste_forward(const void *self, const qb_ste_span *s, float *y) {
    begin(self, "forward()")->ste.forward(self, s, y);
    end();
}

static void ste_stats(const void *self, const qb_ste_span *s, double *stat) {
    begin(self, "stats()")->ste.stats(self, s, stat);
    end();
}

static void ste_update(const void *self, const qb_ste_step *t, float *state) {
    begin(self, "update()")->ste.update(self, t, state);
    end();
}

/* ---- the tables ---- */

#define GUARD(kind, slot) p->guarded.kind.slot = p->kind.slot != NULL ? kind##_##slot : NULL

void guarded_table(plugin *p) {
    switch (p->entry.kind) {
    case QB_SCHEME:
        GUARD(scheme, init);
        GUARD(scheme, fit);
        GUARD(scheme, encode);
        GUARD(scheme, decode);
        GUARD(scheme, bounds);
        GUARD(scheme, grad_meta);
        return;
    case QB_PACKER:
        GUARD(packer, init);
        GUARD(packer, bound);
        GUARD(packer, pack);
        GUARD(packer, unpack);
        return;
    default:
        GUARD(ste, init);
        GUARD(ste, backward);
        GUARD(ste, forward);
        GUARD(ste, stats);
        GUARD(ste, update);
    }
}
