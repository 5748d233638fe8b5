#include "conformance/watch.h"

#include <elf.h>
#include <fcntl.h>
#include <fenv.h>
#include <limits.h>
#include <link.h>
#include <locale.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "conformance/guard.h"

#if defined(__x86_64__)
enum { JUMP_SLOT = R_X86_64_JUMP_SLOT, GLOB_DAT = R_X86_64_GLOB_DAT };
#elif defined(__aarch64__)
enum { JUMP_SLOT = R_AARCH64_JUMP_SLOT, GLOB_DAT = R_AARCH64_GLOB_DAT };
#endif

/* ---- the functions that are seen ---- */

static _Thread_local const char *allocated, *printed;
static _Thread_local bool touched;

static void *seen_malloc(size_t n) {
    allocated = "malloc()";
    return malloc(n);
}
static void *seen_calloc(size_t n, size_t size) {
    allocated = "calloc()";
    return calloc(n, size);
}
static void *seen_realloc(void *p, size_t n) {
    allocated = "realloc()";
    return realloc(p, n);
}
static void *seen_reallocarray(void *p, size_t n, size_t size) {
    allocated = "reallocarray()";
    return reallocarray(p, n, size);
}
static void seen_free(void *p) {
    allocated = "free()";
    free(p);
}
static int seen_posix_memalign(void **p, size_t align, size_t n) {
    allocated = "posix_memalign()";
    return posix_memalign(p, align, n);
}
static void *seen_aligned_alloc(size_t align, size_t n) {
    allocated = "aligned_alloc()";
    return aligned_alloc(align, n);
}
static char *seen_strdup(const char *s) {
    allocated = "strdup()";
    return strdup(s);
}

static int seen_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int seen_printf(const char *fmt, ...) {
    va_list ap;
    printed = "printf()";
    va_start(ap, fmt);
    int n = vprintf(fmt, ap);
    va_end(ap);
    return n;
}
static int seen_fprintf(FILE *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int seen_fprintf(FILE *f, const char *fmt, ...) {
    va_list ap;
    printed = "fprintf()";
    va_start(ap, fmt);
    int n = vfprintf(f, fmt, ap);
    va_end(ap);
    return n;
}
static int seen_printf_chk(int flag, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int seen_printf_chk(int flag, const char *fmt, ...) {
    va_list ap;
    (void)flag;
    printed = "printf()";
    va_start(ap, fmt);
    int n = vprintf(fmt, ap);
    va_end(ap);
    return n;
}
static int seen_puts(const char *s) {
    printed = "puts()";
    return puts(s);
}
static int seen_putchar(int c) {
    printed = "putchar()";
    return putchar(c);
}
static int seen_fputs(const char *s, FILE *f) {
    printed = "fputs()";
    return fputs(s, f);
}
static size_t seen_fwrite(const void *p, size_t size, size_t n, FILE *f) {
    printed = "fwrite()";
    return fwrite(p, size, n, f);
}
static ssize_t seen_write(int fd, const void *p, size_t n) {
    printed = "write()";
    return write(fd, p, n);
}

static int seen_chdir(const char *path) {
    touched = true;
    return chdir(path);
}
static char *seen_setlocale(int category, const char *locale) {
    touched = true;
    return setlocale(category, locale);
}
static mode_t seen_umask(mode_t mask) {
    touched = true;
    return umask(mask);
}
static sighandler_t seen_signal(int number, sighandler_t handler) {
    touched = true;
    return signal(number, handler);
}
static int seen_sigaction(int number, const struct sigaction *a, struct sigaction *old) {
    touched = true;
    return sigaction(number, a, old);
}
/* At once: destructors would write to the static variables, and be blamed. */
static void seen_exit(int code) { _exit(code); }

static const struct {
    const char *name;
    void (*to)(void);
} seen[] = {
#define SEEN(f)                                                                                    \
    { #f, (void (*)(void))seen_##f }
    SEEN(malloc),
    SEEN(calloc),
    SEEN(realloc),
    SEEN(reallocarray),
    SEEN(free),
    SEEN(posix_memalign),
    SEEN(aligned_alloc),
    SEEN(strdup),
    SEEN(printf),
    SEEN(fprintf),
    SEEN(puts),
    SEEN(putchar),
    SEEN(fputs),
    SEEN(fwrite),
    SEEN(write),
    SEEN(chdir),
    SEEN(setlocale),
    SEEN(umask),
    SEEN(signal),
    SEEN(sigaction),
    SEEN(exit),
    {"__sysv_signal", (void (*)(void))seen_signal},
    {"__printf_chk", (void (*)(void))seen_printf_chk},
    {"__strdup", (void (*)(void))seen_strdup},
};

const char *watch_allocated(void) {
    const char *which = allocated;
    allocated = NULL;
    return which;
}

const char *watch_printed(void) {
    const char *which = printed;
    printed = NULL;
    return which;
}

bool watch_touched(void) {
    bool was = touched;
    touched = false;
    return was;
}

/* ---- changing the plugin's table ---- */

static struct {
    uint8_t *start;
    size_t bytes;
} data_of[8];
static int n_data;

/* Entries of the dynamic section are addresses already where the loader could write it. */
static const void *at_base(uintptr_t base, uint64_t v) {
    return (const void *)(v >= base ? v : base + v);
}

static void change(uintptr_t base, const Elf64_Rela *rela, size_t bytes, const Elf64_Sym *symbols,
                   const char *strings) {
    size_t p = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < bytes / sizeof *rela; i++) {
        uint32_t type = (uint32_t)ELF64_R_TYPE(rela[i].r_info);
        if (type != JUMP_SLOT && type != GLOB_DAT) continue;
        const char *name = strings + symbols[ELF64_R_SYM(rela[i].r_info)].st_name;
        for (size_t k = 0; k < sizeof seen / sizeof *seen; k++) {
            if (strcmp(name, seen[k].name) != 0) continue;
            uint8_t *slot = (uint8_t *)(base + rela[i].r_offset); /* may be read-only by now */
            uint8_t *first = slot - (uintptr_t)slot % p;
            if (mprotect(first, (size_t)(slot - first) + sizeof(void *), PROT_READ | PROT_WRITE) ==
                0)
                memcpy(slot, &seen[k].to, sizeof(void *));
        }
    }
}

static void change_table(uintptr_t base, const Elf64_Dyn *d) {
    const Elf64_Rela *jump = NULL, *rela = NULL;
    const Elf64_Sym *symbols = NULL;
    const char *strings = NULL;
    size_t jump_bytes = 0, rela_bytes = 0;
    for (; d->d_tag != DT_NULL; d++) {
        const void *p = at_base(base, d->d_un.d_ptr);
        if (d->d_tag == DT_JMPREL) jump = p;
        if (d->d_tag == DT_RELA) rela = p;
        if (d->d_tag == DT_SYMTAB) symbols = p;
        if (d->d_tag == DT_STRTAB) strings = p;
        if (d->d_tag == DT_PLTRELSZ) jump_bytes = d->d_un.d_val;
        if (d->d_tag == DT_RELASZ) rela_bytes = d->d_un.d_val;
    }
    if (symbols == NULL || strings == NULL) return;
    if (jump != NULL) change(base, jump, jump_bytes, symbols, strings);
    if (rela != NULL) change(base, rela, rela_bytes, symbols, strings);
}

static void note_data(uintptr_t base, const Elf64_Phdr *h) {
    uintptr_t p = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = (base + h->p_vaddr) & ~(p - 1);
    uintptr_t to = (base + h->p_vaddr + h->p_memsz + p - 1) & ~(p - 1);
    if (n_data == sizeof data_of / sizeof *data_of) return;
    data_of[n_data].start = (uint8_t *)from;
    data_of[n_data++].bytes = to - from;
    guard_static((uint8_t *)from, to - from);
}

static int visit(struct dl_phdr_info *o, size_t size, void *inside) {
    (void)size;
    const Elf64_Dyn *dynamic = NULL;
    bool ours = false;
    for (int i = 0; i < o->dlpi_phnum; i++) {
        const Elf64_Phdr *h = &o->dlpi_phdr[i];
        uintptr_t from = o->dlpi_addr + h->p_vaddr;
        ours |= h->p_type == PT_LOAD && (uintptr_t)inside >= from &&
                (uintptr_t)inside < from + h->p_memsz;
        if (h->p_type == PT_DYNAMIC) dynamic = (const Elf64_Dyn *)from;
    }
    if (!ours) return 0;
    if (dynamic != NULL) change_table(o->dlpi_addr, dynamic);
    for (int i = 0; i < o->dlpi_phnum; i++)
        if (o->dlpi_phdr[i].p_type == PT_LOAD && (o->dlpi_phdr[i].p_flags & PF_W))
            note_data(o->dlpi_addr, &o->dlpi_phdr[i]);
    return 1;
}

void watch_plugin(const void *inside) {
    union {
        const void *in;
        void *out;
    } u = {inside};
    dl_iterate_phdr(visit, u.out);
}

void watch_protect(bool on) {
    for (int i = 0; i < n_data; i++)
        mprotect(data_of[i].start, data_of[i].bytes, on ? PROT_READ : PROT_READ | PROT_WRITE);
}

/* ---- the state of the process ---- */

enum { SIGNALS = 32 };

static struct {
    fenv_t fenv;
    int rounding;
    unsigned control;
    char locale[128], folder[PATH_MAX];
    mode_t mask;
    struct sigaction handlers[SIGNALS];
} before;

/* What is no exception flag: those are raised by any arithmetic. */
static unsigned control_word(void) {
#if defined(__x86_64__)
    unsigned v;
    __asm__ volatile("stmxcsr %0" : "=m"(v));
    return v & ~0x3fu;
#else
    uint64_t v;
    __asm__ volatile("mrs %0, fpcr" : "=r"(v));
    return (unsigned)v;
#endif
}

static struct sigaction handler_of(int s) {
    struct sigaction a;
    return sigaction(s, NULL, &a) == 0 ? a : (struct sigaction){0};
}

static mode_t mask_now(void) {
    mode_t m = umask(022);
    umask(m);
    return m;
}

void watch_begin(void) {
    const char *now = setlocale(LC_ALL, NULL);
    fegetenv(&before.fenv);
    before.rounding = fegetround();
    before.control = control_word();
    snprintf(before.locale, sizeof before.locale, "%s", now != NULL ? now : "C");
    if (getcwd(before.folder, sizeof before.folder) == NULL) before.folder[0] = '\0';
    before.mask = mask_now();
    for (int s = 1; s < SIGNALS; s++) before.handlers[s] = handler_of(s);
}

static const char *changed_slow(void) {
    char folder[PATH_MAX];
    const char *now = setlocale(LC_ALL, NULL);
    if (now != NULL && strcmp(now, before.locale) != 0) {
        setlocale(LC_ALL, before.locale);
        return "the locale";
    }
    if (before.folder[0] != '\0' && getcwd(folder, sizeof folder) != NULL &&
        strcmp(folder, before.folder) != 0)
        return chdir(before.folder) == 0 ? "the working folder" : "the working folder for good";
    if (mask_now() != before.mask) {
        umask(before.mask);
        return "the umask";
    }
    for (int s = 1; s < SIGNALS; s++)
        if (handler_of(s).sa_handler != before.handlers[s].sa_handler) {
            sigaction(s, &before.handlers[s], NULL);
            return "the handler of a signal";
        }
    return NULL;
}

const char *watch_changed(bool all) {
    if (fegetround() != before.rounding) {
        fesetenv(&before.fenv);
        return "the rounding mode of floating-point numbers";
    }
    if (control_word() != before.control) {
        fesetenv(&before.fenv);
        return "the floating-point environment (subnormal numbers or traps)";
    }
    return all ? changed_slow() : NULL;
}
