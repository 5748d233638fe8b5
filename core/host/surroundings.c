#include "host/surroundings.h"

#include <fenv.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SIGNALS = 65, LIMITS = RLIMIT_NLIMITS, FILES = 3 };

static struct {
    fenv_t fenv;
    int rounding;
    unsigned control;
    char locale[128], folder[PATH_MAX];
    locale_t of_thread;
    mode_t mask;
    struct sigaction handlers[SIGNALS];
    sigset_t blocked;
    struct rlimit limits[LIMITS];
    uint64_t variables;
    struct stat files[FILES]; /* st_ino 0: closed */
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

static sigset_t blocked_now(void) {
    sigset_t s;
    sigemptyset(&s);
    pthread_sigmask(SIG_SETMASK, NULL, &s);
    return s;
}

static struct rlimit limit_of(int what) {
    struct rlimit r = {0};
    getrlimit(what, &r);
    return r;
}

static struct stat file_of(int fd) {
    struct stat s;
    return fstat(fd, &s) == 0 ? s : (struct stat){0};
}

/* Of names and values, FNV-1a. */
static uint64_t variables_now(void) {
    uint64_t h = 14695981039346656037u;
    for (char **v = environ; v != NULL && *v != NULL; v++)
        for (const char *s = *v;; s++) {
            h = (h ^ (unsigned char)*s) * 1099511628211u;
            if (*s == '\0') break;
        }
    return h;
}

void surroundings_note(void) {
    const char *now = setlocale(LC_ALL, NULL);
    fegetenv(&before.fenv);
    before.rounding = fegetround();
    before.control = control_word();
    snprintf(before.locale, sizeof before.locale, "%s", now != NULL ? now : "C");
    before.of_thread = uselocale((locale_t)0);
    if (getcwd(before.folder, sizeof before.folder) == NULL) before.folder[0] = '\0';
    before.mask = mask_now();
    for (int s = 1; s < SIGNALS; s++) before.handlers[s] = handler_of(s);
    before.blocked = blocked_now();
    for (int i = 0; i < LIMITS; i++) before.limits[i] = limit_of(i);
    before.variables = variables_now();
    for (int i = 0; i < FILES; i++) before.files[i] = file_of(i);
}

static const char *changed_signals(void) {
    sigset_t now = blocked_now();
    for (int s = 1; s < SIGNALS; s++)
        if (handler_of(s).sa_handler != before.handlers[s].sa_handler) {
            sigaction(s, &before.handlers[s], NULL);
            return "the handler of a signal";
        }
    for (int s = 1; s < SIGNALS; s++)
        if (sigismember(&now, s) != sigismember(&before.blocked, s)) {
            pthread_sigmask(SIG_SETMASK, &before.blocked, NULL);
            return "which signals are blocked";
        }
    struct itimerval timer;
    if (getitimer(ITIMER_REAL, &timer) == 0 &&
        (timer.it_value.tv_sec > 0 || timer.it_value.tv_usec > 0)) {
        setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
        return "the timer of the process";
    }
    return NULL;
}

static const char *changed_process(void) {
    for (int i = 0; i < LIMITS; i++) {
        struct rlimit now = limit_of(i);
        if (now.rlim_cur == before.limits[i].rlim_cur && now.rlim_max == before.limits[i].rlim_max)
            continue;
        setrlimit(i, &before.limits[i]); /* a hard one stays */
        before.limits[i] = limit_of(i);
        return "a limit of the process";
    }
    for (int i = 0; i < FILES; i++) {
        struct stat now = file_of(i);
        if (now.st_ino == before.files[i].st_ino && now.st_dev == before.files[i].st_dev) continue;
        before.files[i] = now;
        return i == 0 ? "standard input" : i == 1 ? "standard output" : "standard error";
    }
    if (variables_now() != before.variables) {
        before.variables = variables_now();
        return "the environment variables";
    }
    siginfo_t child;
    if (waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) == 0) {
        while (waitpid(-1, NULL, WNOHANG) > 0) continue;
        return "which processes there are";
    }
    return NULL;
}

static const char *changed_slow(void) {
    char folder[PATH_MAX];
    const char *now = setlocale(LC_ALL, NULL);
    if (now != NULL && strcmp(now, before.locale) != 0) {
        setlocale(LC_ALL, before.locale);
        return "the locale";
    }
    if (uselocale((locale_t)0) != before.of_thread) {
        uselocale(before.of_thread);
        return "the locale of the thread";
    }
    if (before.folder[0] != '\0' && getcwd(folder, sizeof folder) != NULL &&
        strcmp(folder, before.folder) != 0)
        return chdir(before.folder) == 0 ? "the working folder" : "the working folder for good";
    if (mask_now() != before.mask) {
        umask(before.mask);
        return "the umask";
    }
    const char *signals = changed_signals();
    return signals != NULL ? signals : changed_process();
}

const char *surroundings_changed(bool all) {
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
