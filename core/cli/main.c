/*
 * cli/main.c - quantbench. Finds the verb, parses its words, runs it, prints what
 * went wrong; the only file that ends the process.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "run/environment.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/parallel.h"
#include "util/suggest.h"

static void out_of_memory(size_t bytes) {
    (void)bytes;
    static const char text[] = "quantbench: error: out of memory\n";
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0) errno = 0;
    _exit(ERR_RESOURCE);
}

static status unknown_verb(const char *name, diags *d) {
    const char *names[32];
    for (int i = 0; i < cli_n_verbs; i++) names[i] = cli_verbs[i]->name;
    const char *near = suggest_nearest(name, names, cli_n_verbs);
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
    if (threads > 0) parallel_set_threads((int)threads);
    const char *level = cli_value(a, "--simd"), *wish = getenv("QUANTBENCH_SIMD");
    if (level == NULL && wish != NULL && *wish != '\0') level = wish;
    if (level != NULL) bad = environment_force_simd(level, a->d);
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

/* What was printed must have arrived, else the exit code says so. */
static status close_stdout(status st, diags *d) {
    bool bad = ferror(stdout) != 0;
    bad |= fclose(stdout) != 0;
    if (bad && st == OK) st = diag_error(d, ERR_RESOURCE, "standard output cannot be written");
    return st;
}

int main(int argc, char **argv) {
    parallel_startup(argv);
    mem_on_failure(out_of_memory);
    environment_set_command(argc, argv);
    diags d;
    diags_init(&d);
    status st = run(argc, argv, &d);
    st = close_stdout(st, &d);
    diags_print(&d, stderr);
    diags_fini(&d);
    return (int)st;
}
