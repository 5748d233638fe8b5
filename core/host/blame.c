#include "host/blame.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/child.h"
#include "util/mem.h"
#include "util/str.h"

/* What a thread is in; others only look. Each stays in the list for the process's life, as
 * threads do. */
typedef struct call {
    const instance *_Atomic in; /* NULL: our own code runs */
    const char *_Atomic slot;
    _Atomic unsigned number;
    struct call *next;
    unsigned seen; /* of the watchdog, as what follows */
    int seconds;
} call;

static void watchdog_start(void);
static bool watching; /* by blame_watch() */

static call *_Atomic calls;
static _Thread_local call *mine;

/* A signal that says that the stack is used up needs another one; for the life of the thread. */
static void stack_for_signals(void) {
    enum { BYTES = 65536 };
    sigaltstack(&(stack_t){.ss_sp = mem_aligned(BYTES), .ss_size = BYTES}, NULL);
}

static void add_thread(void) {
    if (watching) stack_for_signals();
    mine = mem_calloc(1, sizeof *mine);
    mine->next = atomic_load(&calls);
    while (!atomic_compare_exchange_weak(&calls, &mine->next, mine)) {
    }
    watchdog_start();
}

/* A thread's own notes need no order among themselves. */
#define SET(field, value) atomic_store_explicit(&mine->field, value, memory_order_relaxed)
#define GET(c, field) atomic_load_explicit(&(c)->field, memory_order_relaxed)

void blame_begin(const instance *in, const char *slot) {
    if (mine == NULL) add_thread();
    SET(slot, slot);
    SET(number, GET(mine, number) + 1);
    SET(in, in);
}

void blame_end(void) { SET(in, NULL); }

/* ---- what was found out ---- */

enum { NOTHING, WRITING, NOTED };
static _Atomic int state;
static char noted[640];

static const instance *running(void) { return mine != NULL ? GET(mine, in) : NULL; }

bool blame_in_plugin(void) { return running() != NULL; }

void blame_note(const char *fmt, ...) {
    int nothing = NOTHING;
    const instance *in = running();
    if (in == NULL || !atomic_compare_exchange_strong(&state, &nothing, WRITING)) return;
    const plugin *p = in->choice.plugin;
    int n = snprintf(noted, sizeof noted, "%s: %s '%s' for %s: %s ", p->path,
                     plugin_kind_name(p->entry.kind), p->entry.name, in->site, GET(mine, slot));
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

/* These are async-signal-safe. */
static void say_bytes(const char *text, size_t n) {
    while (n > 0) {
        ssize_t got = write(STDERR_FILENO, text, n);
        if (got <= 0) return;
        text += got, n -= (size_t)got;
    }
}

static void say(const char *text) { say_bytes(text, strlen(text)); }

/* What a file or a user named: escaped, as all that reaches a terminal. */
static void say_escaped(const char *text) {
    static const char digit[] = "0123456789abcdef";
    while (*text != '\0') {
        size_t n = 0;
        for (int k; (k = str_harmless_bytes(text + n)) > 0;) n += (size_t)k;
        say_bytes(text, n);
        text += n;
        if (*text == '\0') return;
        const unsigned char byte = (unsigned char)*text++;
        say_bytes((char[]){'\\', 'x', digit[byte >> 4], digit[byte & 15]}, 4);
    }
}

static void say_who(const instance *in, const char *slot, const char *did, const char *what) {
    const plugin *p = in->choice.plugin;
    say("quantbench: error: "), say_escaped(p->path), say(": ");
    say(plugin_kind_name(p->entry.kind)), say(" '"), say(p->entry.name), say("' ");
    say(did), say(what), say(" in "), say(slot), say(" for "), say_escaped(in->site);
    say("\n  hint: `quantbench plugins check "), say_escaped(p->path), say("`\n");
}

/* Two threads may end the process at once: the second waits until the first has said who it was
 * and is gone with it. One that crashes while it says so has said enough. */
static void take_last_word(void) {
    static _Atomic int taken;
    static _Thread_local bool is_mine;
    if (is_mine) _exit(ERR_PLUGIN);
    while (atomic_exchange(&taken, 1)) pause();
    is_mine = true;
}

static void on_signal(int number) {
    take_last_word();
    const instance *in = running();
    if (in != NULL) {
        say_who(in, GET(mine, slot), "crashed with ", child_signal_name(number));
        _exit(ERR_PLUGIN);
    }
    signal(number, SIG_DFL);
    raise(number); /* our own: ends the process as it would have without us */
}

void blame_stop(const char *called) {
    take_last_word();
    const instance *in = running();
    if (in != NULL)
        say_who(in, GET(mine, slot), "called ", called);
    else
        say("quantbench: error: a thread of a plugin called "), say(called), say("\n");
    _exit(ERR_PLUGIN);
}

static void on_exit_of_plugin(void) {
    const instance *in = running();
    if (in == NULL) return;
    take_last_word();
    say_who(in, GET(mine, slot), "called ", "exit()");
    _exit(ERR_PLUGIN);
}

/* ---- calls that do not come back ---- */

static char timed_out[40]; /* in words */

static void look_at(call *c, int limit) {
    const instance *in = GET(c, in);
    unsigned number = GET(c, number);
    bool same = in != NULL && number == c->seen;
    c->seconds = same ? c->seconds + 1 : 0, c->seen = number;
    if (c->seconds < limit) return;
    take_last_word();
    say_who(in, GET(c, slot), timed_out, "");
    _exit(ERR_PLUGIN);
}

static void *watchdog(void *limit) {
    for (;;) {
        sleep(1);
        for (call *c = atomic_load(&calls); c != NULL; c = c->next)
            look_at(c, (int)(intptr_t)limit);
    }
    return NULL;
}

/* Once; without a thread to be had there is no watchdog. */
static void watchdog_start(void) {
    static _Atomic bool started;
    const char *wish = getenv("QUANTBENCH_PLUGIN_SECONDS");
    int64_t limit = BLAME_SECONDS;
    if (!watching || atomic_exchange(&started, true)) return;
    if (wish != NULL && (!str_to_int(wish, &limit) || limit < 1 || limit > 1000000))
        limit = BLAME_SECONDS;
    snprintf(timed_out, sizeof timed_out, "timed out after %d s", (int)limit);
    sigset_t all, before;
    pthread_t thread;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the main thread */
    if (pthread_create(&thread, NULL, watchdog, (void *)(intptr_t)limit) == 0)
        pthread_detach(thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void blame_watch(void) {
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    struct sigaction a = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) sigaction(fatal[i], &a, NULL);
    atexit(on_exit_of_plugin);
    watching = true;
}
