#include "run/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "commit.h" /* made by the Makefile: GIT_COMMIT */
#include "nn/gemm.h"
#include "simd/kernels.h"
#include "util/parallel.h"
#include "util/str.h"

/* Copies what follows "key" and a colon in a file of /proc. */
static void read_proc(const char *path, const char *key, char *out, size_t n) {
    char line[256];
    FILE *f = fopen(path, "r");
    snprintf(out, n, "unknown");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        const char *colon = strchr(line, ':');
        if (colon == NULL || strncmp(line, key, strlen(key)) != 0) continue;
        snprintf(out, n, "%s", colon + 1 + strspn(colon + 1, " \t"));
        out[strcspn(out, "\n")] = '\0';
        break;
    }
    if (f != NULL) fclose(f);
}

void environment_read(environment *e) {
    *e = (environment){.version = QUANTBENCH_VERSION,
                       .git_commit = GIT_COMMIT,
                       .simd = simd_kernels()->level,
                       .threads = parallel_threads()};
    read_proc("/proc/cpuinfo", "model name", e->cpu, sizeof e->cpu);
    gemm_describe(e->blas);
}

status environment_force_simd(const char *from, const char *level, diags *d) {
    return simd_force(from, level, d);
}

const char *environment_simd_levels(void) {
    static char list[128];
    size_t n = 0;
    for (int i = 0; simd_level_name(i) != NULL && n < sizeof list; i++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", i > 0 ? ", " : "",
                              simd_level_name(i));
    return list;
}

int64_t environment_memory_bytes(void) {
    return (int64_t)sysconf(_SC_PHYS_PAGES) * (int64_t)sysconf(_SC_PAGESIZE);
}

static int64_t own_bytes(const char *what) {
    char text[64];
    long long kib = 0;
    read_proc("/proc/self/status", what, text, sizeof text);
    return sscanf(text, "%lld", &kib) == 1 ? kib * 1024 : 0;
}

void environment_fit_threads(void) {
    enum { OF_A_THREAD = 200 << 20 }; /* a buffer of OpenBLAS, a heap of malloc(), a stack */
    struct rlimit r;
    if (getrlimit(RLIMIT_AS, &r) != 0 || r.rlim_cur >= (rlim_t)INT64_MAX) return;
    int64_t most = ((int64_t)r.rlim_cur - own_bytes("VmSize")) / 4 * 3 / OF_A_THREAD;
    if (most < PARALLEL_MAX_THREADS) parallel_limit_threads(most < 1 ? 1 : (int)most);
}

int64_t environment_memory_left(bool *limited) {
    int64_t machine = environment_memory_bytes(), left = machine;
    struct rlimit r;
    if (getrlimit(RLIMIT_AS, &r) == 0 && r.rlim_cur < (rlim_t)INT64_MAX)
        left = (int64_t)r.rlim_cur - own_bytes("VmSize") - gemm_buffer_bytes();
    *limited = left < machine;
    return *limited ? left > 0 ? left : 0 : machine;
}

int64_t environment_peak_bytes(void) { return own_bytes("VmHWM"); }

static char *command;

/* A word that a shell reads as it stands is left so. */
static void add_word(strbuf *b, const char *word) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_@%+=:,./-";
    if (*word != '\0' && word[strspn(word, plain)] == '\0') {
        strbuf_add(b, word);
        return;
    }
    strbuf_add(b, "'");
    for (; *word != '\0'; word++) {
        if (*word == '\'')
            strbuf_add(b, "'\\''");
        else
            strbuf_addn(b, word, 1);
    }
    strbuf_add(b, "'");
}

void environment_set_command(int argc, char **argv) {
    strbuf b = {0};
    static const char *const foreign[] = {"LD_PRELOAD", "LD_LIBRARY_PATH"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        const char *libraries = getenv(foreign[i]); /* other code than ours made the results */
        if (libraries == NULL || *libraries == '\0') continue;
        strbuf_addf(&b, "%s=", foreign[i]);
        add_word(&b, libraries);
        strbuf_add(&b, " ");
    }
    strbuf_add(&b, "quantbench");
    for (int i = 1; i < argc; i++) {
        strbuf_add(&b, " ");
        add_word(&b, argv[i]);
    }
    free(command);
    command = b.s;
}

const char *environment_command(void) { return command; }
