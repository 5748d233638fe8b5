/*
 * bench_store - what listing and recording cost: `make bench-store`.
 *
 * Builds a database of 2,800 runs with 280,000 points through the store, as the runner
 * does, and prints medians of: `ls` in this process and as a whole command, statistics
 * over all runs, a point, the other rows of a run; and the last two as a share of a
 * training of the glyphs. A benchmark and no test: nothing depends on its numbers.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "report/compare.h"
#include "report/query.h"
#include "report/runs.h"
#include "store/query.h"
#include "util/clock.h"
#include "util/files.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/summary.h"

enum { RUNS = 2800, SEEDS = 5, POINTS = 100, LAYERS = 3, REPEATS = 21 };

static diags d;
static char dir[] = "/tmp/quantbench-bench-XXXXXX";

static void remove_dir(void) {
    char *command = str_format("rm -rf '%s'", dir);
    if (system(command) != 0) fprintf(stderr, "bench_store: %s is left\n", dir);
    free(command);
}

static void need(bool fine, const char *what) {
    if (fine) return;
    diags_print(&d, stderr);
    fprintf(stderr, "bench_store: %s failed\n", what);
    exit(1);
}

/* ---- the database ---- */

static void add_params(store *s, int64_t run, int config) {
    static const char *const keys[] = {"data.batch",
                                       "data.test.format",
                                       "data.test.n",
                                       "data.train.format",
                                       "data.train.n",
                                       "kind",
                                       "model.hidden",
                                       "model.norm",
                                       "model.type",
                                       "name",
                                       "optimizer.type",
                                       "optimizer.weight_decay",
                                       "schedule.lr.type",
                                       "train.epochs",
                                       "repeats",
                                       "seed",
                                       "quant.weights.scheme"};
    char value[32];
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        store_param(s, run, keys[i], "value", "value", false);
    snprintf(value, sizeof value, "%d", 2 + config % 7);
    store_param(s, run, "quant.weights.bits", value, value, true);
    snprintf(value, sizeof value, "0.%03d", config / 7);
    store_param(s, run, "optimizer.lr", value, value, true);
}

static void add_layers(store *s, int64_t run, double bits) {
    static const char *const names[] = {"mse",
                                        "mae",
                                        "max_abs_error",
                                        "sqnr_db",
                                        "cosine",
                                        "sparsity",
                                        "code_entropy",
                                        "nominal_bits",
                                        "bits_per_weight",
                                        "packed_bytes",
                                        "compression_vs_f32"};
    for (int l = 0; l < LAYERS; l++) {
        char name[16];
        snprintf(name, sizeof name, "fc%d", l + 1);
        store_layer(s, run, l, name, "linear", "(512, 512)", 262144, 262144);
        store_quantizer q = {.site = "weight",
                             .scheme = "int",
                             .params = "bits=4 symmetric=true",
                             .granularity = "channel",
                             .ste = "identity",
                             .packer = "bits",
                             .n_levels = 15,
                             .n_groups = 512,
                             .packed_bytes = 131072,
                             .bits_per_weight = bits};
        store_quantizer_row(s, run, l, &q);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            store_layer_metric(s, run, l, "weight", names[i], 1.0 / (double)(i + 3));
    }
}

typedef struct config_name {
    char key[80], label[64];
} config_name;

static config_name name_of(int config) {
    config_name n;
    snprintf(n.key, sizeof n.key, "%064d", config);
    snprintf(n.label, sizeof n.label, "int bits=%d lr=0.%03d", 2 + config % 7, config / 7);
    return n;
}

/* The sweep that all runs are points of. */
static int64_t begin_sweep(store *s) {
    store_begin(s);
    int64_t sweep = store_sweep(s, "study", "qat", "{}", "accuracy");
    for (int config = 0; config < RUNS / SEEDS; config++) {
        config_name n = name_of(config);
        store_sweep_point(s, sweep, config, n.key, n.label, NULL);
    }
    need(store_commit(s, &d) == OK, "the sweep");
    return sweep;
}

static int64_t begin_run(store *s, int64_t sweep, int i) {
    const store_environment e = {"0.1.0", "0123456789ab", "cpu", "scalar", "blas", 2};
    int config = i / SEEDS;
    config_name n = name_of(config);
    char cache_key[80], uid[STORE_UID], sha[80];
    snprintf(cache_key, sizeof cache_key, "%064d", i);
    snprintf(sha, sizeof sha, "%064d", config);
    store_run r = {.experiment = "study",
                   .kind = "qat",
                   .spec_source = "version: 1",
                   .spec_resolved = "version=1",
                   .spec_sha256 = sha,
                   .config_key = n.key,
                   .cache_key = cache_key,
                   .label = n.label,
                   .sweep = sweep,
                   .seed = (uint64_t)(i % SEEDS),
                   .environment = &e};
    store_begin(s);
    int64_t run = store_run_begin(s, &r, uid);
    add_params(s, run, config);
    store_plugin(s, run, "scheme", "int", "1.0.0", "1.0", "sha");
    store_plugin(s, run, "packer", "bits", "1.0.0", "1.0", "sha");
    store_input(s, run, "train", "hash", "glyphs");
    store_input(s, run, "test", "hash", "glyphs");
    need(store_commit(s, &d) == OK, "a run");
    return run;
}

static void end_run(store *s, int64_t run, int i) {
    double bits = 2 + i / SEEDS % 7 + 0.01;
    store_begin(s);
    add_layers(s, run, bits);
    store_final(s, run, "accuracy", "test", 0.9 + (i * 37 % 100) / 1000.0, 10000);
    store_final(s, run, "loss", "test", 0.1 + (i * 53 % 100) / 1000.0, 10000);
    store_final(s, run, "loss", "train", 0.1, 60000);
    store_final(s, run, "bits_per_weight", "model", bits, 0);
    store_final(s, run, "packed_bytes", "model", 131072, 0);
    store_final(s, run, "samples_per_second", "train", 50000, 0);
    store_artifact(s, run, "weights", "runs/x/weights.safetensors", "sha", 1000000);
    store_run_end(s, run, "done", 12.5, 20, 100000000, NULL);
    need(store_commit(s, &d) == OK, "the end of a run");
}

typedef struct cost {
    double point, run; /* seconds of one */
} cost;

static cost build(const char *path) {
    store *s;
    double points = 0, start = clock_seconds();
    need(store_open(path, false, &d, &s) == OK, "opening");
    int64_t sweep = begin_sweep(s);
    for (int i = 0; i < RUNS; i++) {
        int64_t run = begin_run(s, sweep, i);
        double before = clock_seconds();
        for (int k = 0; k < POINTS; k++)
            need(store_metric(s, run, -1, k, k / 20.0, "loss", "train", 1.0 / (k + 1), &d) == OK,
                 "a point");
        need(store_flush(s, &d) == OK, "points");
        points += clock_seconds() - before;
        end_run(s, run, i);
    }
    store_close(s);
    double all = clock_seconds() - start;
    return (cost){points / RUNS / POINTS, (all - points) / RUNS};
}

/* ---- medians ---- */

typedef void (*job_fn)(const void *arg);

static void measure(const char *what, job_fn job, const void *arg) {
    double t[REPEATS];
    job(arg); /* the page cache is warm after it */
    for (int i = 0; i < REPEATS; i++) {
        double start = clock_seconds();
        job(arg);
        t[i] = 1000 * (clock_seconds() - start);
    }
    double median = summary_median(t, REPEATS); /* which sorts */
    printf("%-46s %8.2f ms  (%.2f to %.2f)\n", what, median, t[0], t[REPEATS - 1]);
}

typedef struct job {
    const char *path, *program;
    const char *const *words; /* of a command */
    FILE *nowhere;
} job;

static void list(const void *arg) {
    const job *j = arg;
    const report_filter all = {0};
    store *s;
    need(store_open(j->path, true, &d, &s) == OK, "opening");
    need(report_list(s, &all, ROWS_TABLE, j->nowhere, &d) == OK, "listing");
    store_close(s);
}

static void compare(const void *arg) {
    const job *j = arg;
    store *s;
    need(store_open(j->path, true, &d, &s) == OK, "opening");
    store_guard(s, 60, NULL);
    need(compare_print(s, j->words, 1, NULL, ROWS_TABLE, j->nowhere, &d) == OK, "comparing");
    store_close(s);
}

static void query(const void *arg) {
    const job *j = arg;
    const query_options none = {.bucket = 0.1};
    store *s;
    need(store_open(j->path, true, &d, &s) == OK, "opening");
    store_guard(s, 60, NULL);
    need(query_named(s, query_find(j->words[0]), NULL, 0, &none, ROWS_TABLE, j->nowhere, &d) == OK,
         "a query");
    store_close(s);
}

static void command(const void *arg) {
    const job *j = arg;
    int code = 0;
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_WRONLY);
        dup2(null, STDOUT_FILENO);
        execv(j->program, (char *const *)(uintptr_t)j->words);
        _exit(127);
    }
    waitpid(pid, &code, 0);
    need(pid > 0 && code == 0, "a command");
}

/* ---- a training beside it ---- */

static void share(const char *program, cost c) {
    char *db = path_join(dir, "training.db");
    const char *words[] = {program, "run",       "experiments/glyphs_float.yaml",
                           "--set", "repeats=1", "--db",
                           db,      "-q",        NULL};
    const job j = {.program = program, .words = words};
    store *s;
    command(&j);
    need(store_open(db, true, &d, &s) == OK, "opening");
    store_rows *r =
        store_select(s, "SELECT seconds, (SELECT count(*) FROM metric_point) FROM run", "");
    need(store_next(r), "the run");
    double seconds = store_real(r, 0), points = store_real(r, 1);
    store_rows_end(r);
    store_close(s);
    printf("recording, of a training of %.2f s with %.0f points: %.2f %%\n", seconds, points,
           100 * (points * c.point + c.run) / seconds);
    free(db);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: bench_store QUANTBENCH (from the top folder)\n");
        return 2;
    }
    diags_init(&d);
    need(mkdtemp(dir) != NULL, "a folder");
    atexit(remove_dir);
    char *path = path_join(dir, "bench.db");
    const char *ls[] = {argv[1], "ls", "--db", path, NULL}, *version[] = {argv[1], "version", NULL},
               *study[] = {"study"}, *best[] = {"best-per-bits"}, *marginals[] = {"marginals"};
    job j = {.path = path, .program = argv[1], .nowhere = fopen("/dev/null", "w")};
    cost c = build(path);
    printf("%d runs with %d points each; medians of %d\n", RUNS, POINTS, REPEATS);
    measure("ls, all runs, in process", list, &j);
    j.words = ls;
    measure("ls, all runs, the whole command", command, &j);
    j.words = version;
    measure("version, the whole command", command, &j);
    j.words = study;
    measure("compare, all configurations, in process", compare, &j);
    j.words = best;
    measure("query best-per-bits, in process", query, &j);
    j.words = marginals;
    measure("query marginals, in process", query, &j);
    printf("a point %.2f us, the other rows of a run %.2f ms\n", 1e6 * c.point, 1e3 * c.run);
    share(argv[1], c);
    fclose(j.nowhere);
    free(path);
    return 0;
}
