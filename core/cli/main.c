/*
 * cli/main.c - quantbench. Finds the verb, parses its words, runs it, prints what
 * went wrong; the only file that ends the process.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli.h"
#include "host/blame.h"
#include "run/environment.h"
#include "util/child.h"
#include "util/json.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/parallel.h"
#include "util/stack.h"
#include "util/suggest.h"

static void out_of_memory(size_t bytes) {
    (void)bytes;
    static const char text[] = "quantbench: error: out of memory\n";
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0) errno = 0;
    _exit(ERR_RESOURCE);
}

/* Libraries that find no memory or no thread (libgomp) end the process themselves, with exit
 * code 1, which is the code of our own mistakes. */
static pid_t main_process; /* a child ends as it likes */
static void ended_by_a_library(void) {
    static const char text[] =
        "quantbench: error: a library found no memory or no thread to go on\n";
    if (getpid() != main_process) return;
    while (blame_in_plugin()) pause(); /* two threads in exit(): the other one says so */
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0) errno = 0;
    _exit(ERR_RESOURCE);
}

/* Descriptors 0 to 2 are there, so that no file of ours becomes one of them and is printed
 * into; what was closed can be neither read nor written. */
static void hold_standard_files(void) {
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
            _exit(ERR_RESOURCE);
}

static status unknown_verb(const char *name, diags *d) {
    const char *names[32];
    int n = 0;
    for (; n < cli_n_verbs; n++) names[n] = cli_verbs[n]->name;
    names[n++] = "--help", names[n++] = "--version";
    const char *near = suggest_nearest(name, names, n);
    diag_error(d, ERR_USAGE, "unknown verb '%s'", name);
    if (near != NULL)
        diag_hint(d, "did you mean '%s'? (`quantbench help`)", near);
    else
        diag_hint(d, "`quantbench help` lists them");
    return ERR_USAGE;
}

static status apply_common(const cli_args *a) {
    int64_t threads;
    status bad = cli_int(a, "--threads", 1, PARALLEL_MAX_THREADS, 0, &threads);
    if (bad) return bad;
    environment_fit_threads();
    if (threads > 0) parallel_set_threads((int)threads);
    const char *level = cli_value(a, "--simd"), *wish = getenv("QUANTBENCH_SIMD");
    if (level != NULL)
        bad = environment_force_simd("--simd", level, a->d);
    else if (wish != NULL && *wish != '\0')
        bad = environment_force_simd("QUANTBENCH_SIMD", wish, a->d);
    if (cli_has(a, "--quiet") && cli_has(a, "--verbose"))
        return diag_error(a->d, ERR_USAGE, "--quiet and --verbose exclude one another");
    if (cli_has(a, "--quiet")) log_set_level(LOG_QUIET);
    if (cli_has(a, "--verbose")) log_set_level(LOG_VERBOSE);
    return bad;
}

static status run(int argc, char **argv, diags *d) {
    if (argc < 2) {
        cli_print_verbs(stderr);
        return ERR_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) name = "help";
    if (strcmp(name, "--version") == 0) name = "version";
    const verb *v = cli_find_verb(name);
    if (v == NULL) return unknown_verb(name, d);
    cli_args *a = mem_calloc(1, sizeof *a);
    status bad = cli_parse(a, v, argc - 2, argv + 2, d);
    if (!bad && cli_has(a, "--help")) {
        cli_print_help(v, stdout);
    } else {
        if (!bad) bad = apply_common(a);
        if (!bad) bad = v->run(a);
    }
    free(a);
    return bad;
}

/* Has the reader of a pipe seen enough? */
static bool reader_is_gone(void) {
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    struct stat s;
    return fstat(out.fd, &s) == 0 && (S_ISFIFO(s.st_mode) || S_ISSOCK(s.st_mode)) &&
           poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLHUP)) != 0;
}

/* What was printed must have arrived, else the exit code says so; `| head` has what it
 * wanted. */
static status close_stdout(status st, diags *d) {
    bool bad = ferror(stdout) != 0, gone = reader_is_gone();
    errno = 0;
    bad |= fclose(stdout) != 0;
    if (!bad || st != OK || gone || errno == EPIPE) return st;
    return diag_error(d, ERR_RESOURCE, "standard output cannot be written%s%s",
                      errno != 0 ? ": " : "", errno != 0 ? strerror(errno) : "");
}

/* Each plugin holds a file. A soft limit is only there to be raised. */
static status check_files(diags *d) {
    enum { NEEDED = 64, WANTED = 1024 };
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur >= WANTED) return OK;
    r.rlim_cur = r.rlim_max < WANTED ? r.rlim_max : WANTED;
    if (r.rlim_cur < NEEDED)
        return diag_error(d, ERR_RESOURCE, "%d open files are needed, the limit (ulimit -n) is %d",
                          NEEDED, (int)r.rlim_cur);
    setrlimit(RLIMIT_NOFILE, &r);
    return OK;
}

/* By /proc the program finds its plugins, loads them from memory and starts itself. */
static status check_proc(diags *d) {
    if (access("/proc/self/exe", F_OK) == 0) return OK;
    diag_error(d, ERR_RESOURCE, "/proc is not there: %s", strerror(errno));
    diag_hint(d, "mount -t proc proc /proc");
    return ERR_RESOURCE;
}

typedef struct words {
    int n;
    char **list;
} words;

static int whole_program(void *arg) {
    const words *w = arg;
    diags d;
    diags_init(&d);
    status st = check_files(&d);
    if (!st) st = check_proc(&d);
    if (!st) st = run(w->n, w->list, &d);
    st = close_stdout(st, &d);
    diags_print(&d, stderr);
    diags_fini(&d);
    return (int)st;
}

int main(int argc, char **argv) {
    hold_standard_files();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that grows too large is an error of its write() */
    parallel_startup(argv);
    mem_on_failure(out_of_memory);
    child_before_limits(parallel_in_child);
    json_startup();
    main_process = getpid();
    atexit(ended_by_a_library);
    blame_watch(); /* its word on exit() comes first */
    environment_set_command(argc, argv);
    int st = stack_call(whole_program, &(words){argc, argv});
    if (st < 0) out_of_memory(0);
    fflush(NULL);
    _exit(st); /* exit() would run what plugins left to be run at the end */
}
