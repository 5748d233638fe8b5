#include "host/blame.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/child.h"

static _Thread_local struct {
    const instance *in; /* NULL: our own code runs */
    const char *slot;
} now;

void blame_begin(const instance *in, const char *slot) { now.in = in, now.slot = slot; }
void blame_end(void) { now.in = NULL; }

/* ---- what was found out ---- */

enum { NOTHING, WRITING, NOTED };
static _Atomic int state;
static char noted[640];

void blame_note(const char *fmt, ...) {
    int nothing = NOTHING;
    if (now.in == NULL || !atomic_compare_exchange_strong(&state, &nothing, WRITING)) return;
    const plugin *p = now.in->choice.plugin;
    int n = snprintf(noted, sizeof noted, "%s: %s '%s' for %s: %s ", p->path,
                     plugin_kind_name(p->entry.kind), p->entry.name, now.in->site, now.slot);
    if (n < (int)sizeof noted) {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(noted + n, sizeof noted - (size_t)n, fmt, ap);
        va_end(ap);
    }
    atomic_store(&state, NOTED);
}

status blame_check(diags *d) {
    if (atomic_load(&state) != NOTED) return OK;
    diag_error(d, ERR_PLUGIN, "%s", noted);
    diag_hint(d, "`quantbench plugins check` says more about a plugin");
    atomic_store(&state, NOTHING);
    return ERR_PLUGIN;
}

/* ---- the end of the process ---- */

/* Async-signal-safe. */
static void say(const char *text) {
    size_t n = strlen(text);
    while (n > 0) {
        ssize_t got = write(STDERR_FILENO, text, n);
        if (got <= 0) return;
        text += got, n -= (size_t)got;
    }
}

static void say_who(const char *did, const char *what) {
    const plugin *p = now.in->choice.plugin;
    say("quantbench: error: "), say(p->path), say(": ");
    say(plugin_kind_name(p->entry.kind)), say(" '"), say(p->entry.name), say("' ");
    say(did), say(what), say(" in "), say(now.slot), say(" for "), say(now.in->site);
    say("\n  hint: `quantbench plugins check "), say(p->path), say("`\n");
}

/* Two threads may crash at once: the second waits until the first has said who it was. */
static void on_signal(int number) {
    static _Atomic int dying;
    while (atomic_exchange(&dying, 1)) pause();
    if (now.in != NULL) say_who("crashed with ", child_signal_name(number));
    now.in = NULL;
    signal(number, SIG_DFL);
    raise(number); /* ends the process as it would have without us */
}

static void on_exit_of_plugin(void) {
    if (now.in == NULL) return;
    say_who("called ", "exit()");
    _exit(ERR_PLUGIN);
}

void blame_watch(void) {
    static char stack[65536];
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) sigaction(fatal[i], &a, NULL);
    atexit(on_exit_of_plugin);
}
