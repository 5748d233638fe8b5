#include "util/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/mem.h"
#include "util/str.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif
#else
enum { SANITIZED = 0 };
#endif

enum { PRINTED_MAX = 4096, CPU_SECONDS = 20, LAST = -1 };

typedef struct frame {
    uint64_t nonce;
    int32_t type;
    uint32_t n;
    char data[CHILD_MESSAGE];
} frame;
enum { FRAME_HEAD = offsetof(frame, data) };

/* ---- in the child ---- */

/* A process that a plugin made with fork() is no child of ours: it ends here. */
static void only_one(const child *c) {
    if (getpid() != c->pid) _exit(0);
}

void child_doing(child *c, const char *what) {
    only_one(c);
    snprintf(c->page->doing, sizeof c->page->doing, "%s", what);
    atomic_fetch_add(&c->page->ticks, 1);
}

/* A packet is sent whole or not at all. */
void child_send(child *c, int type, const void *data, size_t n) {
    frame f = {.nonce = c->nonce, .type = type};
    only_one(c);
    f.n = (uint32_t)(n < sizeof f.data ? n : sizeof f.data);
    if (f.n > 0) memcpy(f.data, data, f.n);
    while (send(c->fd, &f, FRAME_HEAD + f.n, MSG_NOSIGNAL) < 0 && errno == EINTR) continue;
}

static void set_limit(int what, rlim_t most) {
    struct rlimit now;
    if (getrlimit(what, &now) != 0) return;
    if (now.rlim_max != RLIM_INFINITY && most > now.rlim_max) most = now.rlim_max;
    setrlimit(what, &(struct rlimit){.rlim_cur = most, .rlim_max = most});
}

static void (*before_limits)(void);

void child_before_limits(void (*hook)(void)) { before_limits = hook; }

static _Noreturn void be_child(const child_job *job, child *c, int out) {
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* it ends with us */
    setsid();
    c->pid = getpid();
    int nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, 0);
    dup2(out, 1);
    dup2(out, 2);
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXFSZ};
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) signal(fatal[i], SIG_DFL);
    if (before_limits != NULL) before_limits();
    set_limit(RLIMIT_CORE, 0);
    set_limit(RLIMIT_FSIZE, 0);
    set_limit(RLIMIT_CPU, CPU_SECONDS);
    if (job->memory > 0 && !SANITIZED) set_limit(RLIMIT_AS, (rlim_t)job->memory);
    job->body(c, job->arg);
    child_send(c, LAST, NULL, 0);
    _exit(0);
}

/* ---- in the parent ---- */

typedef struct watch {
    const child_job *job;
    child *c;
    int out;
    pid_t pid;
    strbuf printed;
    bool done, closed;
} watch;

static void take_message(watch *w) {
    static frame f;
    ssize_t got = recv(w->c->fd, &f, sizeof f - 1, 0);
    if (got < 0 && errno == EINTR) return;
    if (got <= 0) {
        w->closed = true;
        return;
    }
    if ((size_t)got < FRAME_HEAD || f.nonce != w->c->nonce || (size_t)got != FRAME_HEAD + f.n)
        return; /* not one of ours: somebody wrote to every file there is */
    f.data[f.n < sizeof f.data ? f.n : sizeof f.data - 1] = '\0';
    if (f.type == LAST)
        w->done = w->closed = true;
    else if (w->job->receive != NULL)
        w->job->receive(w->job->to, f.type, f.data, f.n);
}

static void take_printed(watch *w) {
    char block[4096];
    ssize_t got = read(w->out, block, sizeof block);
    if (got < 0 && errno == EINTR) return;
    if (got <= 0) {
        close(w->out);
        w->out = -1;
        return;
    }
    size_t room = PRINTED_MAX - w->printed.len;
    strbuf_addn(&w->printed, block, (size_t)got < room ? (size_t)got : room);
}

/* Until the child has finished, closed its end, or used up its time. */
static child_fate follow(watch *w) {
    double begun = clock_seconds(), since = begun;
    uint64_t ticks = 0;
    while (!w->closed) {
        struct pollfd fds[2] = {{w->c->fd, POLLIN, 0}, {w->out, POLLIN, 0}};
        if (poll(fds, 2, 50) < 0 && errno != EINTR) break;
        if (fds[0].revents != 0) take_message(w);
        if (w->out >= 0 && fds[1].revents != 0) take_printed(w);
        double now = clock_seconds();
        uint64_t seen = atomic_load(&w->c->page->ticks);
        if (seen != ticks) ticks = seen, since = now;
        if (w->closed) break;
        if (now - begun > w->job->all) return CHILD_SLOW;
        if (now - since > w->job->each) return CHILD_HUNG;
    }
    return w->done ? CHILD_DONE : CHILD_EXITED;
}

/* A child that closed our socket may live on: it gets a moment to die of its own. */
static int bury(watch *w, child_fate fate) {
    int how = 0;
    for (int k = 0; fate == CHILD_EXITED && k < 500; k++) {
        if (waitpid(w->pid, &how, WNOHANG) == w->pid) {
            kill(-w->pid, SIGKILL);
            return how;
        }
        usleep(1000);
    }
    kill(-w->pid, SIGKILL); /* and what it started */
    kill(w->pid, SIGKILL);
    while (waitpid(w->pid, &how, 0) < 0 && errno == EINTR) continue;
    return how;
}

static void judge(watch *w, child_end *end) {
    child_fate fate = follow(w);
    int how = bury(w, fate);
    while (w->out >= 0) { /* what is still in the pipe; other writers are dead */
        struct pollfd more = {w->out, POLLIN, 0};
        if (poll(&more, 1, 0) <= 0) break;
        take_printed(w);
    }
    *end = (child_end){.fate = fate, .code = WIFEXITED(how) ? WEXITSTATUS(how) : 0};
    if (fate == CHILD_EXITED && WIFSIGNALED(how))
        end->fate = CHILD_CRASHED, end->code = WTERMSIG(how);
    end->at = w->c->page->at;
    memcpy(end->doing, w->c->page->doing, sizeof end->doing - 1);
    memcpy(end->with, w->c->page->with, sizeof end->with - 1);
    memcpy(end->fault, w->c->page->fault, sizeof end->fault - 1);
    strbuf_add(&w->printed, "");
    end->printed = w->printed.s;
}

static status start(const child_job *job, child *c, int pair[2], int out[2], diags *d,
                    child_end *end) {
    pid_t pid = fork();
    if (pid == 0) {
        close(pair[0]);
        close(out[0]);
        c->fd = pair[1];
        be_child(job, c, out[1]);
    }
    close(pair[1]);
    close(out[1]);
    if (pid < 0) {
        status bad = diag_error(d, ERR_RESOURCE, "cannot start a process: %s", strerror(errno));
        close(out[0]);
        return bad;
    }
    c->fd = pair[0];
    watch w = {.job = job, .c = c, .out = out[0], .pid = pid};
    judge(&w, end);
    if (w.out >= 0) close(w.out);
    return OK;
}

status child_run(const child_job *job, diags *d, child_end *end) {
    int pair[2], out[2];
    *end = (child_end){0};
    child c = {0};
    if (getrandom(&c.nonce, sizeof c.nonce, 0) != sizeof c.nonce)
        return diag_error(d, ERR_RESOURCE, "no random numbers: %s", strerror(errno));
    c.page = mmap(NULL, sizeof *c.page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (c.page == MAP_FAILED)
        return diag_error(d, ERR_RESOURCE, "no shared memory: %s", strerror(errno));
    status bad = OK;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
        bad = diag_error(d, ERR_RESOURCE, "no socket: %s", strerror(errno));
    } else if (pipe2(out, O_CLOEXEC) != 0) {
        bad = diag_error(d, ERR_RESOURCE, "no pipe: %s", strerror(errno));
        close(pair[0]), close(pair[1]);
    } else {
        bad = start(job, &c, pair, out, d, end);
        close(pair[0]);
    }
    munmap(c.page, sizeof *c.page);
    return bad;
}

void child_end_free(child_end *end) {
    free(end->printed);
    end->printed = NULL;
}

/* ---- in words ---- */

const char *child_signal_name(int signal) {
    static const struct {
        int number;
        const char *name;
    } names[] = {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"},   {SIGFPE, "SIGFPE"},
                 {SIGILL, "SIGILL"},   {SIGABRT, "SIGABRT"}, {SIGKILL, "SIGKILL"},
                 {SIGTERM, "SIGTERM"}, {SIGXCPU, "SIGXCPU"}, {SIGXFSZ, "SIGXFSZ"},
                 {SIGTRAP, "SIGTRAP"}, {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"},
                 {SIGSYS, "SIGSYS"},   {SIGHUP, "SIGHUP"},   {SIGINT, "SIGINT"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == signal) return names[i].name;
    return "a signal";
}

char *child_end_text(const child_end *end, const child_job *job) {
    strbuf b = {0};
    switch (end->fate) {
    case CHILD_CRASHED: strbuf_addf(&b, "crashed (%s)", child_signal_name(end->code)); break;
    case CHILD_EXITED: strbuf_addf(&b, "exited with code %d", end->code); break;
    case CHILD_HUNG: strbuf_addf(&b, "timed out after %g s", job->each); break;
    default: strbuf_addf(&b, "took more than %g s in all, last", job->all); break;
    }
    bool call = strchr(end->doing, '(') != NULL;
    strbuf_addf(&b, " %s %s", call ? "in" : "while", end->doing);
    if (end->fate == CHILD_EXITED && !call) strbuf_add(&b, ", before the handshake");
    if (end->fate == CHILD_CRASHED && end->code == SIGXFSZ) strbuf_add(&b, ": it wrote a file");
    if (end->fault[0] != '\0') strbuf_addf(&b, ": %s", end->fault);
    return b.s;
}
