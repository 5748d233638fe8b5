#include "util/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/str.h"

/* Adds what stands in the pipe; false at its end. */
static bool drain(int fd, strbuf *b) {
    char block[4096];
    ssize_t n = read(fd, block, sizeof block);
    if (n > 0) strbuf_addn(b, block, (size_t)n);
    return n > 0 || (n < 0 && errno == EINTR);
}

/* Both pipes in turn, so that neither fills up. */
static void collect(int out_fd, int err_fd, strbuf *out, strbuf *err) {
    struct pollfd fds[] = {{.fd = out_fd, .events = POLLIN}, {.fd = err_fd, .events = POLLIN}};
    strbuf *to[] = {out, err};
    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR) return;
        for (int i = 0; i < 2; i++)
            if (fds[i].fd >= 0 && fds[i].revents != 0 && !drain(fds[i].fd, to[i])) fds[i].fd = -1;
    }
}

static int spawn(const char *path, const char *const *argv, int out_fd, int err_fd, pid_t *pid) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err_fd, STDERR_FILENO);
    int error = posix_spawn(pid, path, &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static void wait_for(pid_t pid, process_result *r) {
    int st = 0;
    while (waitpid(pid, &st, 0) < 0 && errno == EINTR) {
    }
    r->exit = WIFEXITED(st) ? WEXITSTATUS(st) : -1;
    r->signal = WIFSIGNALED(st) ? WTERMSIG(st) : 0;
}

status process_run(const char *path, const char *const *argv, diags *d, process_result *r) {
    int out[2], err[2];
    pid_t pid;
    *r = (process_result){.exit = -1};
    if (pipe2(out, O_CLOEXEC) != 0)
        return diag_error(d, ERR_RESOURCE, "no pipe to %s: %s", path, strerror(errno));
    if (pipe2(err, O_CLOEXEC) != 0) {
        diag_error(d, ERR_RESOURCE, "no pipe to %s: %s", path, strerror(errno));
        close(out[0]), close(out[1]);
        return ERR_RESOURCE;
    }
    int error = spawn(path, argv, out[1], err[1], &pid);
    close(out[1]), close(err[1]);
    if (error == 0) {
        strbuf said = {0}, wrong = {0};
        strbuf_add(&said, ""), strbuf_add(&wrong, "");
        collect(out[0], err[0], &said, &wrong);
        wait_for(pid, r);
        r->out = said.s, r->err = wrong.s;
    }
    close(out[0]), close(err[0]);
    if (error == 0) return OK;
    return diag_error(d, ERR_RESOURCE, "%s cannot be started: %s", path, strerror(error));
}

void process_free(process_result *r) {
    free(r->out);
    free(r->err);
    *r = (process_result){0};
}
