#include <string.h>

#include "cli/cli.h"
#include "report/table.h"
#include "run/bench_kernels.h"
#include "run/bench_train.h"
#include "run/environment.h"
#include "util/json.h"

/* ---- bench train ---- */

static void print_json(const bench_train_row *row, void *arg) {
    const environment *e = arg;
    json_t *o = json_object(), *phases = json_object();
    json_set_str(o, "network", row->name);
    json_set_int(o, "params", row->params);
    json_set_int(o, "batch", row->batch);
    json_set_int(o, "threads", e->threads);
    json_set_str(o, "simd", e->simd);
    json_set_int(o, "steps", row->steps);
    json_set_real(o, "samples_per_second", row->samples_per_second);
    json_set_real(o, "samples_per_second_overall", row->overall);
    json_set_real(o, "ms_per_step", row->ms_median);
    json_set_real(o, "ms_mad", row->ms_mad);
    for (int i = 0; i < STEP_PHASES; i++)
        json_set_real(phases, trainer_phase_name[i], row->phase_ms[i]);
    json_object_set_new(o, "phases_ms", phases);
    json_set_str(o, "cpu", e->cpu);
    json_set_str(o, "blas", e->blas);
    json_print_line(o, stdout);
}

static void add_row(const bench_train_row *row, void *arg) {
    table *t = arg;
    table_add(t, "%s", row->name);
    table_add(t, "%lld", (long long)row->batch);
    table_add(t, "%lld", (long long)row->steps);
    table_add(t, "%.0f", row->samples_per_second);
    table_add(t, "%.0f", row->overall);
    table_add_real(t, row->ms_median, 3);
    table_add_real(t, row->ms_mad, 3);
    for (int i = 0; i < STEP_PHASES; i++) table_add_real(t, row->phase_ms[i], 3);
}

static status run_train(const cli_args *a) {
    static const char *const heads[] = {"network",   ">batch",   ">steps",    ">samples/s",
                                        ">overall",  ">ms/step", ">+-",       ">data",
                                        ">quantize", ">forward", ">backward", ">optimizer",
                                        NULL};
    const char *settings[CLI_MAX_ARGS];
    int n = cli_values(a, "--set", settings);
    int64_t seconds;
    status bad = cli_int(a, "--seconds", 1, 3600, 5, &seconds);
    if (bad) return bad;
    environment e;
    table t;
    registry r;
    environment_read(&e);
    registry_scan(&r);
    table_open(&t, heads);
    bool json = cli_has(a, "--json");
    bad = bench_train(a->n_words > 1 ? a->words[1] : NULL, settings, n, (double)seconds, &r,
                      json ? print_json : add_row, json ? (void *)&e : (void *)&t, a->d);
    if (!json && !bad) {
        printf("%s, %d threads, %s kernels\n%s\n", e.cpu, e.threads, e.simd, e.blas);
        table_print(&t, stdout);
        printf("samples/s: batch / median step; overall: slow steps included; the phases are mean "
               "ms of a step\n");
    }
    table_close(&t);
    registry_fini(&r);
    return bad;
}

/* ---- bench kernels ---- */

static void print_kernel_json(const bench_kernels_row *row, void *arg) {
    const environment *e = arg;
    json_t *o = json_object();
    json_set_str(o, "kernel", row->kernel);
    json_set_str(o, "level", row->level);
    json_set_int(o, "bytes", row->bytes);
    json_set_real(o, "gb_per_second", row->gb_per_second);
    json_set_real(o, "us_median", row->us_median);
    json_set_real(o, "us_mad", row->us_mad);
    json_set_real(o, "ratio_to_scalar", row->ratio_to_scalar);
    json_set_str(o, "cpu", e->cpu);
    json_print_line(o, stdout);
}

static void add_kernel(const bench_kernels_row *row, void *arg) {
    table *t = arg;
    table_add(t, "%s", row->kernel);
    table_add(t, "%s", row->level);
    table_add_real(t, row->gb_per_second, 2);
    table_add_real(t, row->us_median, 2);
    table_add_real(t, row->us_mad, 2);
    table_add_real(t, row->ratio_to_scalar, 2);
}

static status run_kernels(const cli_args *a) {
    static const char *const heads[] = {"kernel",           "level", ">GB/s", ">us", ">+-",
                                        ">ratio to scalar", NULL};
    int64_t samples;
    status bad =
        cli_int(a, "--samples", BENCH_SAMPLES_MIN, BENCH_SAMPLES_MAX, BENCH_SAMPLES_MIN, &samples);
    if (bad) return bad;
    environment e;
    table t;
    environment_read(&e);
    table_open(&t, heads);
    bool json = cli_has(a, "--json");
    bad =
        bench_kernels(a->n_words > 1 ? a->words[1] : NULL, (int)samples,
                      json ? print_kernel_json : add_kernel, json ? (void *)&e : (void *)&t, a->d);
    if (!json && !bad) {
        printf("%s, 1 thread, 1 MiB read and written by a call, %d samples\n", e.cpu, (int)samples);
        table_print(&t, stdout);
        printf("GB/s: bytes read and written / median; +-: median absolute deviation\n");
    }
    table_close(&t);
    return bad;
}

static status run(const cli_args *a) {
    if (strcmp(a->words[0], "train") == 0) return run_train(a);
    if (strcmp(a->words[0], "kernels") == 0) return run_kernels(a);
    diag_error(a->d, ERR_USAGE, "bench wants train or kernels, got '%s'", a->words[0]);
    diag_hint(a->d, "`quantbench help bench`");
    return ERR_USAGE;
}

const verb verb_bench = {
    .name = "bench",
    .words = "train [SPEC] | kernels [NAME]",
    .min_words = 1,
    .max_words = 2,
    .summary = "measure training speed, or the kernels at every SIMD level",
    .text =
        "train: samples a second, and where the time of a step goes. SPEC is of kind qat, without\n"
        "a sweep; nothing is recorded.\n"
        "Without SPEC: an MLP 784-512-512-10 at batch 128 on 60,000 glyphs that are drawn "
        "before the clock\n"
        "starts, in float and as bitnet158 with int8 activations, measured in turns within one "
        "process.\n"
        "In the clock: gathering the batch, quantizers, forward, backward, optimizer.\n"
        "\n"
        "kernels: every kernel, or NAME, at every level that the CPU has, on one thread, in 1 MiB "
        "(L2);\n"
        "the levels take turns.\n",
    .options = {{"--seconds", "N", "how long to measure each network, default 5"},
                {"--set", "KEY=VALUE", "override a value of SPEC; may be repeated"},
                {"--samples", "N", "of kernels: 31..1000 samples of each, default 31"},
                {"--json", NULL, "one JSON object for each row"}},
    .run = run,
};
