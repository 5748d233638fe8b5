#include "cli/hostile.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/files.h"

enum { LINE_BYTES = 512, CPU_SECONDS = 2, HANGS = 60, MEMORY_KIB = 256 * 1024, ARGS_MAX = 24 };

void put_file(const char *name, strbuf *b) {
    char *path = in_dir(name);
    write_bytes(path, b->s != NULL ? b->s : "", b->len);
    free(path);
    strbuf_fini(b);
    *b = (strbuf){0};
}

void put_text_file(const char *name, const char *text) {
    strbuf b = {0};
    strbuf_add(&b, text);
    put_file(name, &b);
}

/* ---- one run ---- */

typedef struct ended {
    int exit; /* -1: by a signal */
    char *out, *err;
    struct rusage use;
} ended;

static char *take_text(int fd) {
    off_t n = lseek(fd, 0, SEEK_END);
    char *text = calloc(1, (size_t)n + 1);
    cr_assert(pread(fd, text, (size_t)n, 0) == n);
    close(fd);
    return text;
}

/* Not by fork(): a copy of the test would talk to Criterion. */
static pid_t begin(const char *const *argv, int out, int err) {
    const char *all[ARGS_MAX] = {program()};
    posix_spawn_file_actions_t how;
    pid_t child = -1;
    for (int n = 0; argv[n] != NULL && n < ARGS_MAX - 2; n++) all[n + 1] = argv[n];
    posix_spawn_file_actions_init(&how);
    posix_spawn_file_actions_addopen(&how, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&how, out, 1);
    posix_spawn_file_actions_adddup2(&how, err, 2);
    posix_spawn_file_actions_addchdir_np(&how, dir);
    int bad = posix_spawn(&child, program(), &how, NULL, (char *const *)(uintptr_t)all, environ);
    posix_spawn_file_actions_destroy(&how);
    cr_assert(bad == 0);
    prlimit(child, RLIMIT_CPU, &(struct rlimit){CPU_SECONDS, CPU_SECONDS + 1}, NULL);
    return child;
}

static ended run_program(const char *const *argv) {
    int out = memfd_create("out", MFD_CLOEXEC), err = memfd_create("err", MFD_CLOEXEC), how = 0;
    ended e = {0};
    pid_t child = begin(argv, out, err), done = 0;
    for (int ms = 0; done == 0; ms++) {
        done = wait4(child, &how, WNOHANG, &e.use);
        if (done == 0) usleep(1000);
        if (ms == HANGS * 1000) kill(child, SIGKILL);
    }
    cr_assert(done == child);
    e.exit = WIFEXITED(how) ? WEXITSTATUS(how) : -1;
    e.out = take_text(out), e.err = take_text(err);
    return e;
}

static void free_ended(ended *e) {
    free(e->out);
    free(e->err);
}

/* ---- the folder ---- */

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names, sizes and times of all files; free() */
static char *look_at_folder(void) {
    char *names[256];
    int n = 0;
    DIR *all = opendir(dir);
    for (struct dirent *e; (e = readdir(all)) != NULL && n < 256;) {
        char *path = in_dir(e->d_name);
        struct stat s;
        if (e->d_name[0] != '.' && lstat(path, &s) == 0)
            names[n++] = str_format("%s %lld %lld.%09ld", e->d_name, (long long)s.st_size,
                                    (long long)s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
        free(path);
    }
    closedir(all);
    qsort(names, (size_t)n, sizeof *names, by_text);
    strbuf b = {0};
    strbuf_add(&b, "");
    for (int i = 0; i < n; i++) {
        strbuf_addf(&b, "%s\n", names[i]);
        free(names[i]);
    }
    return b.s;
}

/* ---- judging ---- */

static void judge_words(const char *row, const char *err, const char *name, const char *says) {
    const char *at = strstr(err, " error: "), *line = at;
    cr_assert(at != NULL && count_errors(err) == 1, "%s: exactly one error:\n%s", row, err);
    while (line > err && line[-1] != '\n') line--;
    size_t n = strcspn(line, "\n");
    cr_assert(n <= LINE_BYTES, "%s: a line of %zu bytes:\n%s", row, n, err);
    cr_assert(str_find_bad_utf8(err, strlen(err)) < 0, "%s: no UTF-8:\n%s", row, err);
    for (const char *s = err; *s != '\0'; s++)
        cr_assert((unsigned char)*s >= 32 || *s == '\n', "%s: a control character:\n%s", row, err);
    char *text = str_format("%.*s", (int)n, line);
    cr_assert(strstr(text, name) != NULL, "%s: names no '%s':\n%s", row, name, err);
    cr_assert(strstr(text, says) != NULL, "%s: says no '%s':\n%s", row, says, err);
    free(text);
}

int judge(const char *row, int exit, const char *name, const char *says, const char *const *argv) {
    char *before = look_at_folder();
    ended first = run_program(argv), again = run_program(argv);
    char *after = look_at_folder();
    bool fine = exit < 0 ? first.exit == 0 || first.exit == 4 : first.exit == exit;
    cr_assert(fine, "%s: %s %s: exit %d, expected %d\n%s%s", row, argv[0], argv[1], first.exit,
              exit, first.out, first.err);
    cr_assert(again.exit == first.exit && (first.exit == 0 || strcmp(first.err, again.err) == 0),
              "%s: other words:\n%s%s", row, first.err, again.err);
    cr_assert(first.use.ru_maxrss < MEMORY_KIB, "%s: %ld KiB", row, first.use.ru_maxrss);
    if (first.exit != 0) {
        judge_words(row, first.err, name, says);
        bool lists = strcmp(argv[0], "verify") == 0; /* the damage that it found */
        cr_assert(lists || *first.out == '\0', "%s: on stdout: %s", row, first.out);
        cr_assert(strcmp(before, after) == 0, "%s: the folder was\n%sand is\n%s", row, before,
                  after);
    } else {
        cr_assert(count_errors(first.err) == 0, "%s: %s", row, first.err);
    }
    int code = first.exit;
    free_ended(&first);
    free_ended(&again);
    free(before);
    free(after);
    return code;
}

void refused_tensors(const char *row, const char *name, strbuf *b, const char *says) {
    put_file(name, b);
    judge(row, 4, name, says, ARGS("inspect", name));
    judge(row, 4, name, says, ARGS("quantize", name, "--scheme", "int", "-o", "o.safetensors"));
    judge(row, 4, name, says, ARGS("export", name, "-o", "o.gguf"));
}

void refused_values(const char *row, const char *name, strbuf *b, const char *says) {
    put_file(name, b);
    judge(row, 0, name, "", ARGS("inspect", name));
    judge(row, 4, name, says, ARGS("quantize", name, "--scheme", "int", "-o", "o.safetensors"));
}

void accepted_tensors(const char *row, const char *name, strbuf *b) {
    put_file(name, b);
    judge(row, 0, name, "", ARGS("inspect", name));
}

static void write_spec(const char *keys) {
    char *text = str_format("version: 1\nkind: qat\ndata: {train: %s, test: %s}\n"
                            "model: {type: mlp, hidden: [4]}\ntrain: {epochs: 1}\n",
                            keys, keys);
    put_text_file("s.yaml", text);
    free(text);
}

void refused_data(const char *row, const char *keys, const char *name, const char *says) {
    write_spec(keys);
    judge(row, 4, name, says, ARGS("plan", "s.yaml", "--db", "r.db"));
    judge(row, 4, name, says, ARGS("run", "s.yaml", "--db", "r.db"));
}

void accepted_data(const char *row, const char *keys) {
    write_spec(keys);
    judge(row, 0, "", "", ARGS("run", "s.yaml", "--db", "r.db"));
}
