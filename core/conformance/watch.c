#include "conformance/watch.h"

#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <threads.h>
#include <unistd.h>

#include "conformance/guard.h"
#include "host/imports.h"

/* ---- the functions that are seen ---- */

static _Thread_local const char *allocated, *printed, *started;
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

/* There is none to be had: what it would do beside the checks could not be told from them. */
static int seen_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*body)(void *),
                               void *arg) {
    (void)t, (void)a, (void)body, (void)arg;
    started = "pthread_create()";
    return EAGAIN;
}
static int seen_thrd_create(thrd_t *t, thrd_start_t body, void *arg) {
    (void)t, (void)body, (void)arg;
    started = "thrd_create()";
    return thrd_error;
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

static const import seen[] = {
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
    SEEN(pthread_create),
    SEEN(thrd_create),
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

const char *watch_started(void) {
    const char *which = started;
    started = NULL;
    return which;
}

bool watch_touched(void) {
    bool was = touched;
    touched = false;
    return was;
}

/* ---- the plugin's static variables ---- */

static struct {
    uint8_t *start;
    size_t bytes;
} data_of[8];
static int n_data;

static void note_data(uint8_t *from, size_t bytes) {
    if (n_data == sizeof data_of / sizeof *data_of) return;
    data_of[n_data].start = from;
    data_of[n_data++].bytes = bytes;
    guard_static(from, bytes);
}

void watch_plugin(const void *inside) {
    imports_replace(inside, seen, (int)(sizeof seen / sizeof *seen));
    imports_data(inside, note_data);
}

void watch_protect(bool on) {
    for (int i = 0; i < n_data; i++)
        mprotect(data_of[i].start, data_of[i].bytes, on ? PROT_READ : PROT_READ | PROT_WRITE);
}
