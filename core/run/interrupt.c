#include "run/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "util/err.h"

static volatile sig_atomic_t seen, on_terminal;

static void say(const char *text) {
    if (write(STDERR_FILENO, text, strlen(text)) < 0) return;
}

/* Async-signal-safe. */
static void note(int number) {
    int before = errno;
    (void)number;
    if (seen) {
        say("quantbench: error: interrupted again: stopped at once\n");
        _exit(ERR_INTERRUPTED);
    }
    seen = 1;
    if (on_terminal) say("\nstopping after this step; once more stops at once\n");
    errno = before;
}

void interrupt_watch(void) {
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGXCPU};
    struct sigaction a, was;
    memset(&a, 0, sizeof a);
    a.sa_handler = note;
    a.sa_flags = SA_RESTART;
    on_terminal = isatty(STDERR_FILENO);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        bool nohup =
            signals[i] == SIGHUP && sigaction(SIGHUP, NULL, &was) == 0 && was.sa_handler == SIG_IGN;
        if (!nohup) sigaction(signals[i], &a, NULL);
    }
}

bool interrupt_seen(void) { return seen; }
