#include "host/forbidden.h"

#include "host/blame.h"
#include "host/imports.h"

/* Each is called as whatever function the plugin meant, and does not return. */
#define EACH(F)                                                                                    \
    F(_exit)                                                                                       \
    F(_Exit)                                                                                       \
    F(exit)                                                                                        \
    F(quick_exit)                                                                                  \
    F(execl)                                                                                       \
    F(execle)                                                                                      \
    F(execlp)                                                                                      \
    F(execv) F(execve) F(execvp) F(execvpe) F(fexecve) F(fork) F(vfork) F(_Fork) F(daemon)         \
        F(system) F(popen) F(setsid) F(kill) F(raise) F(killpg) F(tgkill) F(pthread_kill)          \
            F(sigqueue) F(alarm) F(ualarm) F(setitimer) F(timer_create) F(setrlimit)               \
                F(setrlimit64) F(prlimit) F(prlimit64) F(prctl) F(chdir) F(fchdir) F(chroot)       \
                    F(umask) F(signal) F(sigaction) F(sigprocmask) F(pthread_sigmask)              \
                        F(sigaltstack) F(setlocale) F(uselocale) F(setenv) F(unsetenv) F(putenv)   \
                            F(clearenv) F(close) F(closefrom) F(close_range) F(dup2) F(dup3)       \
                                F(syscall)

#define DEFINE(f)                                                                                  \
    static void no_##f(void) { blame_stop(#f "()"); }
EACH(DEFINE)

#define ENTRY(f) {#f, no_##f},
static const import forbidden[] = {EACH(ENTRY)};

void forbidden_replace(const plugin *p) {
    imports_replace(p->entry.table, forbidden, (int)(sizeof forbidden / sizeof *forbidden));
}
