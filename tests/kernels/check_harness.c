#include "kernels/check.h"

#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/rng.h"

enum { POISON = 0xA5, MARGIN = 64, ROOM = 3 << 20 };

static const char *const data_names[DATA_KINDS] = {"uniform", "dyadic", "ties",
                                                   "extreme", "zeros",  "equal"};
const char *check_data_name(check_data d) { return data_names[d]; }

/* ---- buffers between unmapped pages ---- */

static int64_t page_bytes(void) { return sysconf(_SC_PAGESIZE); }

static int guard = PROT_NONE;
void check_free_reads(void) { guard = PROT_READ; }

static uint8_t *new_map(void) {
    int64_t page = page_bytes();
    uint8_t *p = mmap(NULL, (size_t)(ROOM + 2 * page), guard, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED || mprotect(p + page, ROOM, PROT_READ | PROT_WRITE) != 0) abort();
    return p + page;
}

static void *take(check_buffer *b, const check_case *c, int64_t count, int64_t size) {
    if (b->map == NULL) b->map = new_map();
    b->bytes = count * size;
    b->begin = c->at == AT_END ? b->map + ROOM - b->bytes : b->map + c->at * size;
    return b->begin;
}

void *check_in(check_call *c, int64_t count, int64_t size) {
    return take(&c->buffers[c->n_in++], c->c, count, size);
}

/* From the margin before it to the margin behind it, as far as there is memory. */
static void around(const check_buffer *b, uint8_t **from, uint8_t **to) {
    *from = b->begin - b->map < MARGIN ? b->map : b->begin - MARGIN;
    *to = b->begin + b->bytes + MARGIN;
    if (*to > b->map + ROOM) *to = b->map + ROOM;
}

static void *take_poisoned(check_buffer *b, const check_case *c, int64_t count, int64_t size) {
    void *p = take(b, c, count, size);
    uint8_t *from, *to;
    around(b, &from, &to);
    memset(from, POISON, (size_t)(to - from));
    return p;
}

void *check_out(check_call *c, int64_t count, int64_t size) {
    return take_poisoned(&c->buffers[CHECK_BUFFERS + c->n_out++], c->c, count, size);
}

void *check_room(check_call *c, int64_t count, int64_t size) {
    return take_poisoned(&c->buffers[2 * CHECK_BUFFERS], c->c, count, size);
}

uint32_t check_draw(check_call *c) {
    /* one block of Philox gives four numbers; drawn one by one this is slow, but simple */
    static uint64_t seed = UINT64_MAX, block = UINT64_MAX;
    static uint32_t four[4];
    if (seed != c->c->seed || block != c->drawn / 4) {
        seed = c->c->seed, block = c->drawn / 4;
        rng_block(seed * 2 + 1, block, four);
    }
    return four[c->drawn++ % 4];
}

/* ---- one case ---- */

static sigjmp_buf outside;
static void jump_out(int signal) { siglongjmp(outside, signal); }

static bool call(int which, check_call *c) {
    struct sigaction catch = {.sa_handler = jump_out}, segv, bus;
    volatile bool fine = false;
    sigemptyset(&catch.sa_mask);
    sigaction(SIGSEGV, &catch, &segv);
    sigaction(SIGBUS, &catch, &bus);
    if (sigsetjmp(outside, 1) == 0) {
        check_kernels[which].inputs->run(c);
        fine = true;
    }
    sigaction(SIGSEGV, &segv, NULL);
    sigaction(SIGBUS, &bus, NULL);
    return fine;
}

static bool is_poison(const uint8_t *p, const uint8_t *end) {
    while (p < end && *p == POISON) p++;
    return p == end;
}

static bool is_alone(const check_buffer *b, const char *what, int j, char *why, size_t size) {
    uint8_t *from, *to;
    around(b, &from, &to);
    bool before = !is_poison(from, b->begin);
    if (!before && is_poison(b->begin + b->bytes, to)) return true;
    snprintf(why, size, "writes %s %s %d", before ? "before" : "behind", what, j);
    return false;
}

/* A buffer of output j against that of scalar.c; both were poisoned alike. */
static bool same_output(const check_buffer *a, const check_buffer *b, int j, char *why,
                        size_t size) {
    if (!is_alone(b, "output", j, why, size)) return false;
    if (memcmp(a->begin, b->begin, (size_t)b->bytes) == 0) return true;
    for (int64_t i = 0; i < b->bytes; i++)
        if (a->begin[i] != b->begin[i]) {
            snprintf(why, size, "byte %lld of output %d is %02x, scalar says %02x", (long long)i, j,
                     b->begin[i], a->begin[i]);
            return false;
        }
    return true;
}

bool check_one(int which, const kernels *k, const check_case *c, char *why, size_t size) {
    static check_buffer first[2 * CHECK_BUFFERS + 1], second[2 * CHECK_BUFFERS + 1];
    check_call a = {.c = c, .k = &kernels_scalar, .buffers = first},
               b = {.c = c, .k = k, .buffers = second};
    if (!call(which, &a)) {
        snprintf(why, size, "the scalar kernel reads or writes outside of its buffers");
        return false;
    }
    if (!call(which, &b)) {
        snprintf(why, size, "reads or writes outside of its buffers");
        return false;
    }
    for (int j = 0; j < b.n_in; j++)
        if (memcmp(first[j].begin, second[j].begin, (size_t)first[j].bytes) != 0) {
            snprintf(why, size, "changes input %d", j);
            return false;
        }
    for (int j = CHECK_BUFFERS; j < CHECK_BUFFERS + b.n_out; j++)
        if (!same_output(&first[j], &second[j], j - CHECK_BUFFERS, why, size)) return false;
    const check_buffer *room = &second[2 * CHECK_BUFFERS];
    return room->map == NULL || is_alone(room, "room", 0, why, size);
}

/* ---- all cases ---- */

typedef struct search {
    int which;
    const kernels *k;
    const check_plan *plan;
    check_count count;
} search;

static bool holds(search *s, const check_case *c) {
    char why[128];
    s->count.cases++;
    if (check_one(s->which, s->k, c, why, sizeof why)) return true;
    s->count.failures++;
    if (s->plan->report)
        printf("%s %s: n = %lld, offset %d, %s: %s\n  again: %s %s %s %d %lld %d %s %llu\n",
               s->k->level, check_kernels[s->which].name, (long long)c->n, c->at,
               check_data_name(c->data), why, s->plan->again, s->k->level,
               check_kernels[s->which].name, c->variant, (long long)c->n, c->at,
               check_data_name(c->data), (unsigned long long)c->seed);
    return false;
}

static bool holds_at_size(search *s, int64_t n) {
    const check_generator *inputs = check_kernels[s->which].inputs;
    if (n == 0 && !inputs->may_be_empty) return true;
    bool large = n > 5000;
    for (int v = 0; v < inputs->variants; v++)
        for (int at = AT_END; at <= (large ? AT_END : AT_LAST);
             at += at == AT_END ? 1 : s->plan->at_step)
            for (int d = 0; d < DATA_KINDS; d++) {
                check_case c = {v, n, at, (check_data)d,
                                (uint64_t)(n * 1000 + at * 50 + d * 7 + v) + 1000};
                if (!holds(s, &c)) return false;
            }
    return true;
}

check_count check_all(int which, const kernels *k, const check_plan *plan) {
    static const int64_t around_4096[] = {4097, 4089, 4095, 4096, 4103},
                         blocks[] = {65537, 65535, 65536, 2 * 65536 + 33};
    const int n_4096 = plan->few_large ? 1 : 5, n_blocks = plan->few_large ? 1 : 4;
    search s = {which, k, plan, {0}};
    bool fine = true;
    for (int64_t n = 0; fine && n <= plan->n_small; n++) fine = holds_at_size(&s, n);
    for (int i = 0; fine && i < n_4096; i++) fine = holds_at_size(&s, around_4096[i]);
    for (int i = 0; fine && check_kernels[which].inputs->blocks && i < n_blocks; i++)
        fine = holds_at_size(&s, blocks[i]);
    for (int64_t i = 0; fine && i < plan->n_random; i++) {
        uint32_t r[4];
        rng_block(77, (uint64_t)i, r);
        check_case c = {(int)(r[2] % (uint32_t)check_kernels[which].inputs->variants),
                        1 + (int64_t)(r[0] % 5000), (int)(r[1] % 17) - 1, DATA_EXTREME,
                        (uint64_t)i};
        fine = holds(&s, &c);
    }
    return s.count;
}

bool check_catches(const broken_kernel *b, const check_plan *plan) {
    kernels k = kernels_scalar;
    check_plan quiet = *plan;
    int which = 0;
    quiet.report = false;
    k.level = "broken";
    b->put(&k);
    while (strcmp(check_kernels[which].name, b->kernel) != 0) which++;
    return check_all(which, &k, &quiet).failures > 0;
}
