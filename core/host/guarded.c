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

/* ---- schemes ---- */

static qb_status scheme_init(void *self, const qb_host *host, const qb_site *site,
                             qb_scheme_info *info) {
    qb_status st = begin(self, "init()")->scheme.init(self, host, site, info);
    ((instance *)host->impl)->n_levels = info->n_levels;
    ((instance *)host->impl)->n_meta = info->n_meta;
    end();
    return st;
}

/* Few groups have their metadata between canaries first. */
static void scheme_fit(const void *self, const float *x, int64_t groups, int64_t n, float *meta) {
    enum { FEW = 1024, EDGE = 4 };
    static const uint32_t canary[EDGE] = {0x7fc0ab1e, 0x7fc0ab1e, 0x7fc0ab1e, 0x7fc0ab1e};
    const plugin *t = begin(self, "fit()");
    int64_t all = groups * instance_of(self)->n_meta;
    if (all > FEW) {
        t->scheme.fit(self, x, groups, n, meta);
        end();
        return;
    }
    float own[FEW + 2 * EDGE];
    memcpy(own, canary, sizeof canary);
    memcpy(own + EDGE + all, canary, sizeof canary);
    t->scheme.fit(self, x, groups, n, own + EDGE);
    if (memcmp(own, canary, sizeof canary) != 0) blame_note("wrote before its metadata");
    if (memcmp(own + EDGE + all, canary, sizeof canary) != 0)
        blame_note("wrote behind its metadata (%" PRId64 " numbers)", all);
    memcpy(meta, own + EDGE, (size_t)all * sizeof *meta);
    end();
}

/* A code that is no level would be an index outside of a table: it becomes 0. */
static void scheme_encode(const void *self, const float *meta, const float *x, int64_t groups,
                          int64_t n, qb_rng rng, uint8_t *code) {
    int levels = instance_of(self)->n_levels;
    uint8_t highest = 0;
    begin(self, "encode()")->scheme.encode(self, meta, x, groups, n, rng, code);
    for (int64_t i = 0; i < groups * n; i++) highest = code[i] > highest ? code[i] : highest;
    if (highest >= levels) {
        blame_note("gave the code %d, there are %d levels", highest, levels);
        for (int64_t i = 0; i < groups * n; i++) code[i] = code[i] < levels ? code[i] : 0;
    }
    end();
}

static void scheme_decode(const void *self, const float *meta, const uint8_t *code, int64_t groups,
                          int64_t n, float *y) {
    begin(self, "decode()")->scheme.decode(self, meta, code, groups, n, y);
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

static int64_t packer_bound(const void *self, int64_t n) {
    int64_t most = begin(self, "bound()")->packer.bound(self, n);
    end();
    return most;
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
