#include "conformance/cases.h"

#include <stdatomic.h>
#include <string.h>

#include "util/parallel.h"

const check_entry *check_entries(qb_kind kind) {
    return kind == QB_SCHEME ? scheme_checks : kind == QB_PACKER ? packer_checks : ste_checks;
}

static work work_of(const checker *k) {
    qb_kind kind = k->p->entry.kind;
    return kind == QB_SCHEME ? scheme_work : kind == QB_PACKER ? packer_work : ste_work;
}

/* The functions that the work of the kind calls, for messages. */
static const char *slots_of(const checker *k) {
    const plugin *p = k->p;
    if (p->entry.kind == QB_PACKER) return "pack() and unpack()";
    if (p->entry.kind == QB_STE)
        return p->ste.forward != NULL ? "backward() and forward()" : "backward()";
    return p->scheme.encode != NULL ? "fit(), encode() and decode()" : "fit()";
}

uint64_t digest(uint64_t h, const void *bytes, size_t n) {
    const uint8_t *p = bytes;
    if (h == 0) h = 14695981039346656037u;
    for (size_t i = 0; i < n; i++) h = (h ^ p[i]) * 1099511628211u;
    return h;
}

void for_each_setting(checker *k, void (*each)(subject *s, bool few)) {
    setting set;
    subject s;
    int opened = 0;
    for (int i = 0; setting_make(k, i, &set) && !k->failed; i++) {
        checker_case(k, "opening");
        if (!subject_open(&s, k, &set, i % 2 ? GUARD_START : GUARD_END, false)) continue;
        opened++;
        each(&s, !setting_is_default(i));
        if (!subject_scratch_intact(&s))
            checker_fail_once(k, "scratch", "it wrote behind the %zu bytes of its scratch memory",
                              s.scratch_bytes);
        subject_close(&s);
    }
    if (opened == 0) checker_fail(k, "init() refuses every setting, so nothing can be checked");
}

/* ---- init ---- */

void check_init(checker *k) {
    setting set;
    subject s;
    bool defaults = false, first = true;
    int packers = k->p->entry.kind == QB_PACKER ? 22 : 1;
    for (int i = 0; setting_make(k, i, &set) && !k->failed; i++)
        for (int edge = 0; edge < 2 && !k->failed; edge++) {
            checker_case(k, "instance at the %s of its memory", edge == 0 ? "end" : "start");
            if (!subject_open(&s, k, &set, (guard_edge)edge, false)) continue;
            defaults |= i < packers;
            first = false;
            subject_close(&s);
        }
    k->slot = "init()";
    if (!defaults && !k->failed)
        checker_fail(k, "it refuses its own defaults%s%s", first ? ": " : "", first ? s.said : "");
}

/* ---- the same again ---- */

enum { WORKS = 24 };

static void repeat(subject *s, bool few) {
    checker *k = s->k;
    work w = work_of(k);
    int n = few ? 4 : WORKS;
    uint64_t forth[WORKS];
    call_begin(k, slots_of(k));
    for (int i = 0; i < n; i++) forth[i] = w(s, k->seed, i);
    for (int i = n - 1; i >= 0 && !k->failed; i--) {
        checker_case(k, "piece of work %d of %d, again in the other order", i, n);
        if (w(s, k->seed, i) != forth[i])
            checker_fail(k, "the same input gives another output the second time");
    }
    CALL_END(k, NULL);
}

void check_repeat(checker *k) { for_each_setting(k, repeat); }

/* ---- two instances ---- */

/* A, then B with other parameters, then A again. */
static void beside(checker *k, subject *a, const setting *other) {
    work w = work_of(k);
    subject b;
    uint64_t before[4];
    call_begin(k, slots_of(k));
    for (int i = 0; i < 4; i++) before[i] = w(a, k->seed, i);
    CALL_END(k, NULL);
    if (k->failed || !subject_open(&b, k, other, GUARD_END, true)) return;
    call_begin(k, slots_of(k));
    for (int i = 0; i < 4; i++) w(&b, k->seed, i);
    CALL_END(k, NULL);
    checker_case(k, "beside a second instance with these parameters");
    call_begin(k, slots_of(k));
    for (int i = 0; i < 4 && !k->failed; i++)
        if (w(a, k->seed, i) != before[i])
            checker_fail(k, "another instance changes what this one computes: they share state");
    CALL_END(k, NULL);
    subject_close(&b);
}

static bool open_first(checker *k, subject *s, guard_edge edge) {
    setting set;
    for (int i = 0; setting_make(k, i, &set) && !k->failed; i++) {
        checker_case(k, "opening");
        if (subject_open(s, k, &set, edge, false)) return true;
    }
    return false;
}

void check_instances(checker *k) {
    subject a;
    setting other;
    if (!open_first(k, &a, GUARD_END)) return;
    for (int i = 0; setting_make(k, i, &other) && !k->failed; i++) beside(k, &a, &other);
    subject_close(&a);
}

/* ---- threads ---- */

enum { THREADS = 8, TASKS = 64 };

typedef struct crowd {
    const subject *s;
    work w;
    uint64_t seed;
    uint64_t alone[TASKS];
    _Atomic int wrong;
} crowd;

static void crowd_task(int64_t i, void *arg) {
    crowd *c = arg;
    if (c->w(c->s, c->seed, (int)i) != c->alone[i]) atomic_store(&c->wrong, (int)i + 1);
}

void check_threads(checker *k) {
    subject s;
    parallel_set_threads(THREADS); /* before init(): each has its scratch memory */
    if (open_first(k, &s, GUARD_END)) {
        crowd c = {.s = &s, .w = work_of(k), .seed = k->seed};
        call_begin(k, slots_of(k));
        for (int i = 0; i < TASKS; i++) c.alone[i] = c.w(&s, k->seed, i);
        for (int round = 0; round < 4 && !k->failed; round++) {
            checker_case(k, "%d threads on one instance, round %d", THREADS, round);
            parallel_for(TASKS, crowd_task, &c);
            if (atomic_load(&c.wrong))
                checker_fail(k,
                             "8 threads on one instance give another result than one (piece of "
                             "work %d)",
                             atomic_load(&c.wrong) - 1);
        }
        CALL_END(k, NULL);
        if (!subject_scratch_intact(&s)) checker_fail(k, "it wrote behind its scratch memory");
        subject_close(&s);
    }
    parallel_set_threads(1);
}
