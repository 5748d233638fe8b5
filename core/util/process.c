#include "util/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/files.h"
#include "util/mem.h"
#include "util/str.h"

enum { OUTPUT_MAX = 8 << 20 };

extern char **environ;

char *process_find(const char *name) {
    if (strchr(name, '/') != NULL) return access(name, X_OK) == 0 ? mem_strdup(name) : NULL;
    const char *path = getenv("PATH");
    if (path == NULL || *path == '\0') path = "/usr/local/bin:/usr/bin:/bin";
    for (size_t n; *path != '\0'; path += n + (path[n] == ':')) {
        n = strcspn(path, ":");
        if (*path != '/') continue; /* the current folder holds data, not programs */
        char *dir = mem_strndup(path, n), *file = path_join(dir, name);
        bool found = access(file, X_OK) == 0 && !dir_exists(file);
        free(dir);
        if (found) return file;
        free(file);
    }
    return NULL;
}

/* Ours with LC_ALL=C in front; the strings are borrowed. */
static char **make_environment(void) {
    size_t n = 0, at = 0;
    while (environ[n] != NULL) n++;
    char **e = mem_calloc(n + 2, sizeof *e);
    static char locale[] = "LC_ALL=C";
    e[at++] = locale;
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "LC_ALL=", 7) != 0) e[at++] = environ[i];
    return e;
}

/* After fork() of a program with threads: async-signal-safe calls only. */
static void become(const char *file, const process *p, char **environment, int pipes[2][2]) {
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* it ends with us */
    signal(SIGPIPE, SIG_DFL);         /* main.c ignores them */
    signal(SIGXFSZ, SIG_DFL);
    int nothing = open("/dev/null", O_RDONLY);
    bool fine = nothing >= 0 && dup2(nothing, 0) >= 0 && dup2(pipes[0][1], 1) >= 0 &&
                dup2(pipes[1][1], 2) >= 0 && (p->dir == NULL || chdir(p->dir) == 0);
    close_range(3, ~0u, 0);
    if (fine) execve(file, (char *const *)(uintptr_t)p->argv, environment);
    _exit(127);
}

/* Reads both pipes to their ends; false when the time is over first. *error: errno of a pipe that
 * cannot be read. */
static bool collect(const int from[2], strbuf out[2], double until, int *error) {
    struct pollfd fds[2] = {{from[0], POLLIN, 0}, {from[1], POLLIN, 0}};
    char block[1 << 14];
    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        double left = until - clock_seconds();
        if (left <= 0) return false;
        if (poll(fds, 2, (int)(left * 1000) + 1) < 0 && errno != EINTR) return false;
        for (int i = 0; i < 2; i++) {
            if (fds[i].fd < 0 || fds[i].revents == 0) continue;
            ssize_t got = read(fds[i].fd, block, sizeof block);
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) *error = errno;
            if (got <= 0) fds[i].fd = -1;
            size_t room = OUTPUT_MAX - out[i].len;
            if (got > 0) strbuf_addn(&out[i], block, (size_t)got < room ? (size_t)got : room);
        }
    }
    return true;
}

/* The pipes are closed, but the program may still live: waits until the time is over. */
static bool await(pid_t pid, double until, int *how) {
    for (;;) {
        pid_t got = waitpid(pid, how, WNOHANG);
        if (got == pid) return true;
        if (got < 0 && errno != EINTR) return true;
        if (clock_seconds() > until) return false;
        usleep(2000);
    }
}

static int supervise(pid_t pid, const int from[2], const process *p, process_end *end) {
    double until = clock_seconds() + p->timeout;
    strbuf out[2] = {{0}, {0}};
    int how = 0, error = 0;
    strbuf_add(&out[0], "");
    strbuf_add(&out[1], "");
    end->timed_out = !collect(from, out, until, &error) || !await(pid, until, &how);
    if (end->timed_out) {
        kill(pid, SIGKILL);
        while (waitpid(pid, &how, 0) < 0 && errno == EINTR) continue;
    }
    end->exit = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
    end->out = out[0].s;
    end->err = out[1].s;
    return error;
}

status process_run(const process *p, diags *d, process_end *end) {
    *end = (process_end){0};
    int pipes[2][2];
    char *file = process_find(p->argv[0]);
    if (file == NULL) return diag_error(d, ERR_RESOURCE, "there is no program '%s'", p->argv[0]);
    if (pipe2(pipes[0], O_CLOEXEC) != 0) {
        free(file);
        return diag_error(d, ERR_RESOURCE, "no pipe: %s", strerror(errno));
    }
    status bad = OK;
    if (pipe2(pipes[1], O_CLOEXEC) != 0) {
        bad = diag_error(d, ERR_RESOURCE, "no pipe: %s", strerror(errno));
        close(pipes[0][0]), close(pipes[0][1]);
        free(file);
        return bad;
    }
    char **environment = make_environment();
    pid_t pid = fork();
    if (pid == 0) become(file, p, environment, pipes);
    if (pid < 0) bad = diag_error(d, ERR_RESOURCE, "%s: %s", file, strerror(errno));
    close(pipes[0][1]), close(pipes[1][1]);
    int error = bad ? 0 : supervise(pid, (const int[2]){pipes[0][0], pipes[1][0]}, p, end);
    if (error != 0) {
        bad =
            diag_error(d, ERR_RESOURCE, "what %s prints cannot be read: %s", file, strerror(error));
        process_end_free(end);
    }
    close(pipes[0][0]), close(pipes[1][0]);
    free(environment);
    free(file);
    return bad;
}

void process_end_free(process_end *end) {
    free(end->out);
    free(end->err);
    *end = (process_end){0};
}
