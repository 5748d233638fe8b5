#include "support/support.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/files.h"
#include "util/mem.h"
#include "util/rng.h"
#include "util/str.h"

/* ---- files and programs ---- */

const char *build_dir(void) {
    const char *dir = getenv("QUANTBENCH_BUILD");
    return dir != NULL ? dir : "build";
}

const char *program(void) {
    static char path[PATH_MAX];
    char *relative = str_format("%s/quantbench", build_dir());
    cr_assert(realpath(relative, path) != NULL, "%s is not built", relative);
    free(relative);
    char *folder = path_dir(path), *cache = path_join(folder, "tests/cache");
    setenv("XDG_CACHE_HOME", cache, 0); /* else verdicts on plugins would go into a test's HOME */
    free(folder);
    free(cache);
    return path;
}

char *temp_dir(void) {
    char *path = mem_strdup("/tmp/quantbench-test-XXXXXX");
    cr_assert(mkdtemp(path) != NULL);
    return path;
}

void remove_dir(const char *path) {
    outcome o = run_in("/", "rm -rf '%s'", path);
    free_outcome(&o);
}

char *read_text(const char *path) {
    char *text;
    size_t n;
    diags d;
    diags_init(&d);
    status bad = file_read(path, 1 << 30, ERR_INPUT, &d, &text, &n);
    diags_fini(&d);
    return bad ? NULL : text;
}

void write_bytes(const char *path, const void *bytes, size_t n) {
    FILE *f = fopen(path, "wb");
    cr_assert(f != NULL && fwrite(bytes, 1, n, f) == n && fclose(f) == 0, "%s", path);
}

void write_text(const char *path, const char *text) { write_bytes(path, text, strlen(text)); }

bool files_equal(const char *a, const char *b) {
    char x[65], y[65];
    diags d;
    diags_init(&d);
    status bad = file_hash(a, ERR_INPUT, &d, x);
    if (!bad) bad = file_hash(b, ERR_INPUT, &d, y);
    diags_fini(&d);
    return !bad && strcmp(x, y) == 0;
}

static char *slurp(FILE *f) {
    strbuf b = {0};
    char block[4096];
    rewind(f);
    strbuf_add(&b, "");
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;) strbuf_addn(&b, block, n);
    fclose(f);
    return b.s;
}

outcome run_in(const char *dir, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *command = str_vformat(fmt, ap);
    va_end(ap);
    FILE *out = tmpfile(), *err = tmpfile();
    cr_assert(out != NULL && err != NULL);
    setenv("Q", program(), 1);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (chdir(dir) != 0) _exit(126);
        dup2(fileno(out), STDOUT_FILENO);
        dup2(fileno(err), STDERR_FILENO);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    int st = 0;
    waitpid(pid, &st, 0);
    free(command);
    return (outcome){.exit = WIFEXITED(st) ? WEXITSTATUS(st) : 256 + WTERMSIG(st),
                     .out = slurp(out),
                     .err = slurp(err)};
}

void free_outcome(outcome *o) {
    free(o->out);
    free(o->err);
}

/* ---- vectors ---- */

static const json_t *vector_of(const char *group, const char *key) {
    static json_t *all;
    if (all == NULL) all = json_load_file("tests/golden/vectors.json", 0, NULL);
    const json_t *v = json_object_get(json_object_get(all, group), key);
    cr_assert(v != NULL, "tests/golden/vectors.json has no %s.%s", group, key);
    return v;
}

double vector_real(const char *group, const char *key) {
    return json_number_value(vector_of(group, key));
}

const char *vector_text(const char *group, const char *key) {
    return json_string_value(vector_of(group, key));
}

static int flatten(const json_t *v, double *out, int n, int max) {
    if (!json_is_array(v)) {
        cr_assert(n < max);
        out[n] = json_number_value(v);
        return n + 1;
    }
    for (size_t i = 0; i < json_array_size(v); i++) n = flatten(json_array_get(v, i), out, n, max);
    return n;
}

int vector_list(const char *group, const char *key, double *out, int max) {
    return flatten(vector_of(group, key), out, 0, max);
}

/* ---- data ---- */

void fill_uniform(uint64_t seed, float *x, int64_t n, float lo, float hi) {
    for (int64_t i = 0; i < n; i++) x[i] = lo + (hi - lo) * rng_uniform(seed, (uint64_t)i);
}

void fill_gauss(uint64_t seed, float *x, int64_t n, float sigma) {
    for (int64_t i = 0; i < n; i++) {
        double u = ((double)rng_u32(seed, (uint64_t)(2 * i)) + 0.5) * 0x1p-32;
        double v = ((double)rng_u32(seed, (uint64_t)(2 * i + 1)) + 0.5) * 0x1p-32;
        x[i] = (float)(sigma * sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
    }
}

bool near(double a, double b, double relative, double absolute) {
    if (a == b) return true;
    return fabs(a - b) <= relative * fabs(b) + absolute;
}

/* ---- plugins ---- */

const registry *plugins(void) {
    static registry r;
    if (r.n > 0) return &r;
    char path[PATH_MAX];
    char *relative = str_format("%s/plugins", build_dir());
    cr_assert(realpath(relative, path) != NULL);
    free(relative);
    setenv("QUANTBENCH_PLUGIN_PATH", path, 1);
    registry_scan(&r);
    cr_assert(r.n > 0, "no plugins in %s", path);
    return &r;
}

plugin_choice choose(qb_kind kind, const char *name, const char *settings) {
    const plugin *p = registry_find(plugins(), kind, name);
    cr_assert(p != NULL, "no plugin %s", name);
    plugin_choice c = params_defaults(p);
    char *copy = mem_strdup(settings), *save = NULL;
    for (char *s = strtok_r(copy, " ", &save); s != NULL; s = strtok_r(NULL, " ", &save)) {
        char *equals = strchr(s, '=');
        *equals = '\0';
        int i = params_find(p, s);
        cr_assert(i >= 0, "%s has no parameter %s", name, s);
        char *why = params_set(&c, i, equals + 1);
        cr_assert(why == NULL, "%s", why);
    }
    free(copy);
    return c;
}

void assert_fine(diags *d) {
    if (d->errors > 0) diags_print(d, stderr);
    cr_assert(d->errors == 0);
}
