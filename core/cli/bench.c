#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "run/bench_ceilings.h"
#include "run/bench_kernels.h"
#include "run/bench_linear.h"
#include "run/bench_packers.h"
#include "run/bench_record.h"
#include "run/bench_schemes.h"
#include "run/bench_train.h"
#include "run/environment.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/parallel.h"
#include "util/str.h"
#include "util/suggest.h"

/* What one command shares. */
typedef struct session {
    const cli_args *a;
    rows_format format;
    bench_options o;
    double seconds; /* of train */
    environment e;
    store *s; /* NULL: nothing is recorded */
    const char *part;
    row_column columns[32];
    int n_columns;
    row_printer out; /* opened by the first row */
    bool is_open;
    bench_record record;
} session;

static row_printer *printer(session *b) {
    if (!b->is_open) rows_open(&b->out, b->format, b->columns, b->n_columns, stdout);
    b->is_open = true;
    return &b->out;
}

/* ---- rows that all parts but train print ---- */

/* Columns that a part has for people; programs get all. */
enum {
    SHAPE = 1,
    PLACE = 2,
    THREADS = 4,
    SCALAR = 8,
    SGEMM = 16,
    BITS = 32,
    LEVEL = 64,
    CEIL = 128,
    PLAIN = 256
};

static const struct {
    row_column column;
    int shown; /* to people: always, if any of these, or never */
} columns[] = {
    {{"part", NULL, 0, false}, 0},
    {{"op", "operation", 0, false}, 0},
    {{"shape", "of", 0, false}, SHAPE},
    {{"isa", "level", 0, false}, LEVEL},
    {{"threads", "threads", 0, false}, THREADS},
    {{"place", "in", 0, false}, PLACE},
    {{"bits_per_weight", "bits", 3, false}, BITS},
    {{"median", "median", 2, false}, 0},
    {{"mad", "+-", 2, false}, 0},
    {{"unit", "unit", 0, false}, 0},
    {{"ratio_scalar", "x scalar", 2, false}, SCALAR},
    {{"ratio_plain", "x plain", 2, false}, PLAIN},
    {{"ratio_sgemm", "x SGEMM", 2, false}, SGEMM},
    {{"ceiling", "ceiling", 1, false}, CEIL},
    {{"share_of_ceiling", "of it", 0, true}, CEIL},
    {{"samples", "samples", 0, false}, 0},
    {{"samples_taken", NULL, 0, false}, 0},
    {{"why", NULL, 0, false}, 0},
    {{"cpu", NULL, 0, false}, 0},
};
enum { N_COLUMNS = sizeof columns / sizeof *columns };

static void visit(const bench_row *row, void *arg) {
    session *b = arg;
    row_printer *out = printer(b);
    bench_record_add(&b->record, row);
    rows_text(out, b->part);
    rows_text(out, row->op);
    rows_text(out, row->shape);
    rows_text(out, row->isa);
    rows_int(out, row->threads);
    rows_text(out, row->place);
    rows_real(out, row->bits);
    rows_real(out, row->median);
    rows_real(out, row->mad);
    rows_text(out, row->unit);
    rows_real(out, row->ratio_scalar);
    rows_real(out, row->ratio_plain);
    rows_real(out, row->ratio_sgemm);
    rows_real(out, row->ceiling);
    rows_real(out, row->median / row->ceiling);
    if (rows_is_human(out))
        rows_note(out, "%d/%d", row->clean, row->total);
    else
        rows_int(out, row->clean);
    rows_int(out, row->total);
    rows_text(out, row->why);
    rows_text(out, b->e.cpu);
    if (!rows_is_human(out)) fflush(out->out);
}

static void print_slow(const session *b) {
    bool any = false;
    for (int i = 0; i < b->record.n; i++) {
        const bench_row *row = &b->record.rows[i];
        bool is_best = strcmp(row->isa, b->e.simd) == 0;
        if (!is_best || !(row->median < BENCH_SLOW * row->ceiling)) continue;
        if (!any) printf("\nunder %.0f %% of the ceiling:\n", 100 * BENCH_SLOW);
        any = true;
        printf("- %s%s%s in %s, %.0f %%: %s\n", row->op, *row->shape != '\0' ? " of " : "",
               row->shape, row->place, 100 * row->median / row->ceiling,
               row->why != NULL ? row->why : "the reason is not known");
    }
}

/* A machine that others use may leave too few samples, or none. */
static void warn_of_few_samples(const session *b) {
    int few = 0, none = 0;
    for (int i = 0; i < b->record.n; i++) {
        few += b->record.rows[i].clean < b->o.samples;
        none += b->record.rows[i].clean == 0;
    }
    if (few > 0)
        log_info("warning: %d of %d rows of bench %s have fewer than %d samples that count, %d "
                 "none: others use this machine",
                 few, b->record.n, b->part, b->o.samples, none);
}

/* ---- train: columns of its own ---- */

static void print_train_json(const bench_train_row *row, const environment *e) {
    json_t *o = json_object(), *phases = json_object();
    json_set_str(o, "part", "train");
    json_set_str(o, "network", row->name);
    json_set_int(o, "params", row->params);
    json_set_int(o, "batch", row->batch);
    json_set_int(o, "threads", e->threads);
    json_set_str(o, "simd", e->simd);
    json_set_int(o, "steps", row->steps);
    json_set_real(o, "samples_per_second", row->samples_per_second);
    json_set_real(o, "samples_per_second_overall", row->overall);
    json_set_real(o, "ratio_scalar", row->ratio_scalar);
    json_set_real(o, "ms_per_step", row->ms_median);
    json_set_real(o, "ms_mad", row->ms_mad);
    for (int i = 0; i < STEP_PHASES; i++)
        json_set_real(phases, trainer_phase_name[i], row->phase_ms[i]);
    json_object_set_new(o, "phases_ms", phases);
    json_set_str(o, "cpu", e->cpu);
    json_set_str(o, "blas", e->blas);
    json_print_line(o, stdout);
}

static const row_column train_columns[] = {
    {"network", "network", 0, false},
    {"batch", "batch", 0, false},
    {"steps", "steps", 0, false},
    {"samples_per_second", "samples/s", 0, false},
    {"samples_per_second_overall", "overall", 0, false},
    {"ratio_scalar", "x scalar", 2, false},
    {"ms_per_step", "ms/step", 3, false},
    {"ms_mad", "+-", 3, false},
    {"ms_data", "data", 3, false},
    {"ms_quantize", "quantize", 3, false},
    {"ms_forward", "forward", 3, false},
    {"ms_backward", "backward", 3, false},
    {"ms_optimizer", "optimizer", 3, false},
};
enum { N_TRAIN_COLUMNS = sizeof train_columns / sizeof *train_columns };

static void visit_train(const bench_train_row *row, void *arg) {
    session *b = arg;
    char *shape =
        str_format("%lld parameters, batch %lld", (long long)row->params, (long long)row->batch);
    bench_row r = bench_row_of(row->name, shape, "", "samples/s");
    r.median = row->samples_per_second, r.mad = r.median * row->ms_mad / row->ms_median;
    r.clean = r.total = (int)row->steps, r.ratio_scalar = row->ratio_scalar;
    bench_record_add(&b->record, &r);
    free(shape);
    if (b->format == ROWS_JSON) {
        print_train_json(row, &b->e);
        return;
    }
    row_printer *out = printer(b);
    rows_text(out, row->name);
    rows_int(out, row->batch);
    rows_int(out, row->steps);
    rows_real(out, row->samples_per_second);
    rows_real(out, row->overall);
    rows_real(out, row->ratio_scalar);
    rows_real(out, row->ms_median);
    rows_real(out, row->ms_mad);
    for (int i = 0; i < STEP_PHASES; i++) rows_real(out, row->phase_ms[i]);
}

static status run_train(session *b) {
    const char *settings[CLI_MAX_ARGS];
    int n = cli_values(b->a, "--set", settings);
    return bench_train(b->o.only, settings, n, b->seconds, b->o.plugins, visit_train, b, b->a->d);
}

/* ---- the parts ---- */

static status run_ceilings(session *b) { return bench_ceilings(&b->o, b->a->d); }
static status run_packers(session *b) { return bench_packers(&b->o, b->a->d); }
static status run_schemes(session *b) { return bench_schemes(&b->o, b->a->d); }
static status run_linear(session *b) { return bench_linear(&b->o, b->a->d); }
static status run_kernels(session *b) { return bench_kernels(&b->o, b->a->d); }

static const struct part {
    const char *name;
    status (*run)(session *b);
    int shown;
    bool all_threads; /* else one */
    bool takes_name;
    const char *note; /* for people, behind the table */
} parts[] = {
    {"ceilings", run_ceilings, SHAPE | PLACE, false, false, "GB/s: bytes read and written"},
    {"kernels", run_kernels, LEVEL | PLACE | SCALAR | PLAIN | CEIL, false, true,
     "GB/s: bytes read and written; scalar: as the compiler vectorizes it; plain: without\n"
     "vectors"},
    {"packers", run_packers, SHAPE | PLACE | BITS | SCALAR | CEIL, false, true,
     "codes packed or unpacked, 10^9 in a second; bits: of a code, packed"},
    {"schemes", run_schemes, SHAPE | PLACE | BITS | SCALAR | CEIL, false, true,
     "GB/s: of floats; quantize: fit, encode, pack; dequantize: unpack, decode; metrics: all in\n"
     "one pass, of floats and codes; bits: of a weight, scales included"},
    {"linear", run_linear, SHAPE | THREADS | BITS | SCALAR | SGEMM | CEIL, true, false,
     "GOP/s: a multiply and an add are two; quantizing the activations is not in the clock;\n"
     "scalar: its time for one row of x, times the rows"},
    {"train", run_train, 0, true, true,
     "samples/s: batch / median step; overall: slow steps included; the phases are mean ms of a "
     "step"},
};
enum { N_PARTS = sizeof parts / sizeof *parts };

static bool is_train(const struct part *p) { return p->run == run_train; }

static void print_head(const session *b, const struct part *p) {
    printf("%s: %s, %d thread%s", p->name, b->e.cpu, b->e.threads, b->e.threads == 1 ? "" : "s");
    if ((p->shown & PLACE) != 0 && b->o.places[BENCH_L2])
        printf("; L2: %lld KiB read and written",
               (long long)bench_place_of(BENCH_L2).call_bytes >> 10);
    if (p->all_threads) printf(", %s kernels\n%s", b->e.simd, b->e.blas);
    printf("\n%s", b->format == ROWS_MARKDOWN ? "\n" : "");
}

static char *settings_text(const session *b) {
    strbuf t = {0};
    strbuf_addf(&t, "part=%s\nsamples=%d\nsimd=%s\nthreads=%d\n", b->part, b->o.samples, b->e.simd,
                b->e.threads);
    for (int p = 0; p < BENCH_PLACES; p++)
        if (b->o.places[p]) strbuf_addf(&t, "place=%s\n", bench_place_of(p).name);
    if (b->o.only != NULL) strbuf_addf(&t, "only=%s\n", b->o.only);
    return t.s;
}

static status record(const session *b) {
    char *settings = settings_text(b);
    status bad = bench_record_store(&b->record, b->s, b->part, settings, b->a->d);
    free(settings);
    return bad;
}

/* The columns of a part: programs get all. */
static void choose_columns(session *b, const struct part *p) {
    b->n_columns = is_train(p) ? N_TRAIN_COLUMNS : N_COLUMNS;
    for (int i = 0; i < b->n_columns; i++) {
        b->columns[i] = is_train(p) ? train_columns[i] : columns[i].column;
        if (!is_train(p) && columns[i].shown != 0 && (columns[i].shown & p->shown) == 0)
            b->columns[i].head = NULL;
    }
}

static status run_part(session *b, const struct part *p) {
    int threads = parallel_threads();
    if (!p->all_threads) parallel_set_threads(1);
    environment_read(&b->e);
    b->part = p->name, b->record = bench_record_begin(), b->is_open = false;
    choose_columns(b, p);
    status bad = p->run(b);
    bool human = b->is_open && rows_is_human(&b->out);
    if (human) print_head(b, p);
    if (b->is_open) rows_close(&b->out);
    if (human) printf("%s%s\n", b->format == ROWS_MARKDOWN ? "\n" : "", p->note);
    if (human && (p->shown & PLAIN)) print_slow(b);
    if (!is_train(p)) warn_of_few_samples(b);
    if (!bad && b->s != NULL) bad = record(b);
    bench_record_free(&b->record);
    parallel_set_threads(threads);
    return bad;
}

/* ---- the command ---- */

static status find_part(const cli_args *a, const struct part **p) {
    const char *names[N_PARTS];
    strbuf all = {0};
    for (int i = 0; i < N_PARTS; i++) {
        names[i] = parts[i].name;
        strbuf_addf(&all, "%s%s", i > 0 ? ", " : "", names[i]);
        if (strcmp(names[i], a->words[0]) == 0) *p = &parts[i];
    }
    if (*p == NULL) {
        const char *near = suggest_nearest(a->words[0], names, N_PARTS);
        diag_error(a->d, ERR_USAGE, "bench measures %s, not '%s'", all.s, a->words[0]);
        if (near != NULL)
            diag_hint(a->d, "did you mean '%s'?", near);
        else
            diag_hint(a->d, "`quantbench help bench`");
    }
    strbuf_fini(&all);
    if (*p != NULL && a->n_words > 1 && !(*p)->takes_name)
        return diag_error(a->d, ERR_USAGE, "bench %s takes no name", (*p)->name);
    return *p != NULL ? OK : ERR_USAGE;
}

/* Options that only some parts have; p NULL: all parts are measured. */
static status check_options(const cli_args *a, const struct part *p) {
    if (p == NULL && cli_has(a, "--set"))
        return diag_error(a->d, ERR_USAGE, "--set is of `bench train SPEC`");
    if (p == NULL) return OK;
    const struct {
        const char *option;
        bool applies;
    } options[] = {{"--place", (p->shown & PLACE) != 0},
                   {"--samples", !is_train(p)},
                   {"--seconds", is_train(p)},
                   {"--set", is_train(p)}};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (!options[i].applies && cli_has(a, options[i].option)) {
            diag_error(a->d, ERR_USAGE, "bench %s has no %s", p->name, options[i].option);
            diag_hint(a->d, "`quantbench help bench`");
            return ERR_USAGE;
        }
    return OK;
}

static status read_options(session *b) {
    static const char *const names[] = {"L2", "DRAM", NULL};
    const cli_args *a = b->a;
    const char *where = cli_value(a, "--place");
    bool all_parts = a->n_words == 0;
    int64_t samples, seconds;
    status bad = cli_format(a, &b->format);
    if (!bad) bad = cli_one_of(a, "--place", names);
    if (!bad)
        bad = cli_int(a, "--samples", BENCH_SAMPLES_MIN, BENCH_SAMPLES_MAX, BENCH_SAMPLES_MIN,
                      &samples);
    if (!bad) bad = cli_int(a, "--seconds", 1, 3600, all_parts ? 2 : 5, &seconds);
    if (bad) return bad;
    b->o.samples = (int)samples, b->seconds = (double)seconds;
    b->o.only = a->n_words > 1 ? a->words[1] : NULL;
    for (int p = 0; p < BENCH_PLACES; p++)
        b->o.places[p] = where != NULL ? strcmp(where, bench_place_of(p).name) == 0
                                       : p == BENCH_L2 || !all_parts;
    return OK;
}

static status open_store(session *b) {
    char *path = NULL;
    if (!cli_has(b->a, "--db")) return OK;
    status bad = cli_db_path(b->a, true, &path);
    if (!bad) bad = store_open(path, false, b->a->d, &b->s);
    free(path);
    return bad;
}

static status run(const cli_args *a) {
    const struct part *one = NULL;
    session *b = mem_calloc(1, sizeof *b);
    registry plugins;
    *b = (session){.a = a, .o = {.visit = visit, .arg = b, .plugins = &plugins}};
    status bad = a->n_words > 0 ? find_part(a, &one) : OK;
    if (!bad) bad = check_options(a, one);
    if (!bad) bad = read_options(b);
    if (!bad) bad = open_store(b);
    status starved = registry_open(&plugins, a->d);
    if (!bad) bad = starved;
    for (int i = 0; i < N_PARTS && !bad; i++) {
        if (one != NULL && one != &parts[i]) continue;
        if (one == NULL && i > 0 && b->format != ROWS_JSON) printf("\n");
        bad = run_part(b, &parts[i]);
    }
    registry_fini(&plugins);
    store_close(b->s);
    free(b);
    return bad;
}

const verb verb_bench = {
    .name = "bench",
    .words = "[PART [NAME]]",
    .min_words = 0,
    .max_words = 2,
    .summary = "measure speed, beside what the machine can do at most",
    .text =
        "parts\n"
        "  ceilings         what this machine can do: bytes read, written, copied; operations\n"
        "  kernels [NAME]   each kernel at each SIMD level up to that in force; those that are\n"
        "                   under 40 % of their ceiling at the best level with the reason\n"
        "  packers [NAME]   each packer: codes packed and unpacked\n"
        "  schemes [NAME]   tensors to packed bytes and back, through scheme and packer\n"
        "  linear           products of packed weights, 4096 x 4096, with 1 to 512 rows of int8, on\n"
        "                   1 and all threads, beside OpenBLAS on floats\n"
        "  train [SPEC]     training: samples a second, and where the time of a step goes\n"
        "Without PART: all of them, in L2 alone, in about two minutes.\n"
        "\n"
        "A row is the median of 31 samples, +- its median absolute deviation. What is compared\n"
        "takes turns, ceilings included. A sample counts if its thread had the CPU for 97.5 % of\n"
        "the time: `samples` are those that count, of all. Where others use the machine there may\n"
        "be fewer, which a warning says, or none: then the row has no number. `x scalar`: how many\n"
        "times faster than with the kernels of level scalar (5 samples). L2: source and destination\n"
        "are 1 MiB, or half of an L2 of less than 2 MiB; DRAM: buffers of 64M floats, 0.9 GB in\n"
        "all. One thread but for linear and train.\n"
        "\n"
        "train: SPEC is of kind qat, without a sweep. Without SPEC: an MLP 784-512-512-10 at batch\n"
        "128 on 60,000 glyphs that are drawn before the clock starts, in float and as bitnet158\n"
        "with int8 activations, measured in turns. In the clock: gathering the batch, quantizers,\n"
        "forward, backward, optimizer.\n"
        "\n"
        "With --db the rows are kept in its table bench: `quantbench plot bench` draws them.\n",
    .options = {{"--place", "PLACE", "L2 or DRAM, default both; without PART: L2"},
                {"--samples", "N", "31..1000 samples that count, default 31"},
                {"--seconds", "N", "how long to train each network, default 5; without PART: 2"},
                {"--set", "KEY=VALUE", "train: override a value of SPEC; may be repeated"},
                {"--db", "FILE", "keep the rows in this results database"},
                CLI_FORMAT_OPTION,
                {"--json", NULL, "short for --format json"}},
    .run = run,
};
