#include "conformance/guard.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

enum { CANARIES = 256, STATICS_MAX = 8 };

static size_t page(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static guard *all[GUARDS_MAX];
static int n_all;
static struct {
    uint8_t *start;
    size_t bytes;
} statics[STATICS_MAX];
static int n_statics;

static _Noreturn void no_memory(void) {
    static const char text[] = "no memory for the buffers of the check\n";
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0) abort();
    abort();
}

void guard_open(guard *g, const char *name, size_t cap) {
    size_t p = page(), bytes = (cap + CANARIES + p - 1) / p * p;
    *g = (guard){.name = name, .cap = bytes};
    g->base_w = mmap(NULL, bytes + 2 * p, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g->base_r = mmap(NULL, bytes + 2 * p, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g->base_w == MAP_FAILED || g->base_r == MAP_FAILED || n_all == GUARDS_MAX) no_memory();
    g->base_w += p, g->base_r += p;
    /* one piece of shared memory, mapped twice: mremap() of 0 bytes is the second time */
    void *w = mmap(g->base_w, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED,
                   -1, 0);
    if (w == MAP_FAILED) no_memory();
    void *r = mremap(w, 0, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, g->base_r);
    if (r == MAP_FAILED || mprotect(r, bytes, PROT_READ) != 0) no_memory();
    all[n_all++] = g;
}

/* The canaries on both sides, as far as there is room: [*from, *to) about the buffer. */
static void margins(const guard *g, size_t *before, size_t *behind) {
    size_t at = (size_t)(g->w - g->base_w), rest = g->cap - at - g->n;
    *before = at < CANARIES ? at : CANARIES;
    *behind = rest < CANARIES ? rest : CANARIES;
}

void guard_place(guard *g, size_t n, size_t align, guard_edge edge, uint8_t poison) {
    size_t at = edge == GUARD_START ? 0 : (g->cap - n) & ~(align - 1), before, behind;
    g->n = n, g->w = g->base_w + at, g->r = g->base_r + at;
    g->canary = (uint8_t)(poison ^ 0x5a);
    margins(g, &before, &behind);
    memset(g->w - before, g->canary, before);
    memset(g->w, poison, n);
    memset(g->w + n, g->canary, behind);
}

bool guard_broken(const guard *g, int64_t *at) {
    size_t before, behind;
    margins(g, &before, &behind);
    for (size_t i = 0; i < behind; i++)
        if (g->w[g->n + i] != g->canary) {
            *at = (int64_t)(g->n + i);
            return true;
        }
    for (size_t i = 1; i <= before; i++)
        if (g->w[-(ptrdiff_t)i] != g->canary) {
            *at = -(int64_t)i;
            return true;
        }
    return false;
}

void guard_static(void *start, size_t bytes) {
    if (n_statics < STATICS_MAX)
        statics[n_statics].start = start, statics[n_statics++].bytes = bytes;
}

/* ---- the handler: async-signal-safe, it writes into the shared page ---- */

static child *watched;

static void put(char **to, const char *end, const char *text) {
    while (*text != '\0' && *to < end) *(*to)++ = *text++;
}

static void put_number(char **to, const char *end, uint64_t v) {
    char digits[24];
    int n = 0;
    do digits[n++] = (char)('0' + v % 10);
    while ((v /= 10) > 0);
    while (n > 0 && *to < end) *(*to)++ = digits[--n];
}

/* "wrote 3 bytes behind the end of meta, which has 12" */
static bool describe(const guard *g, const uint8_t *base, const uint8_t *start,
                     const uint8_t *address, const char *did, char **to, const char *end) {
    size_t p = page();
    if (address < base - p || address >= base + g->cap + p) return false;
    if (address >= start && address < start + g->n) {
        put(to, end, did), put(to, end, " to "), put(to, end, g->name);
        put(to, end, ", which is const");
        return true;
    }
    bool behind = address >= start + g->n;
    put(to, end, did), put(to, end, " outside of "), put(to, end, g->name), put(to, end, ": byte ");
    put_number(to, end,
               behind ? (uint64_t)(address - start) - g->n + 1 : (uint64_t)(start - address));
    put(to, end, behind ? " behind its end" : " before its start");
    put(to, end, ", it has "), put_number(to, end, g->n), put(to, end, " bytes");
    return true;
}

static const char *what_it_did(const ucontext_t *u) {
#if defined(__x86_64__)
    return u->uc_mcontext.gregs[REG_ERR] & 2 ? "it wrote" : "it read";
#else
    (void)u;
    return "a read or write";
#endif
}

static void explain(const siginfo_t *info, const ucontext_t *u) {
    const uint8_t *address = info->si_addr;
    const char *did = what_it_did(u);
    char *to = watched->page->fault, *end = to + sizeof watched->page->fault - 1;
    bool found = false;
    for (int i = 0; i < n_all && !found; i++) {
        const guard *g = all[i];
        if (g->w == NULL) continue;
        found = describe(g, g->base_w, g->w, address, did, &to, end) ||
                describe(g, g->base_r, g->r, address, did, &to, end);
    }
    for (int i = 0; i < n_statics && !found; i++)
        if (address >= statics[i].start && address < statics[i].start + statics[i].bytes) {
            put(&to, end, "it wrote to a static variable: instances and threads share it");
            found = true;
        }
    if (!found && (uintptr_t)address < 65536) put(&to, end, "through a NULL pointer");
    *to = '\0';
}

static void on_fault(int signal_number, siginfo_t *info, void *context) {
    if (watched->page->fault[0] == '\0') explain(info, context);
    signal(signal_number, SIG_DFL); /* the access is tried again and ends the process */
}

void guard_watch(child *c) {
    static char stack[65536];
    watched = c;
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaction(SIGSEGV, &a, NULL);
    sigaction(SIGBUS, &a, NULL);
}
