/*
 * Loading, parameters and the ways of a scheme, with the plugins of tests/fixtures.
 */
#include "support/support.h"

#include <float.h>

#include "host/elf.h"
#include "host/instance.h"
#include "quant/levels.h"
#include "quant/packing.h"
#include "quant/ste.h"
#include "util/files.h"
#include "util/mem.h"

static const plugin *fixture(const char *name) {
    plugin *p;
    diags d;
    char *path = str_format("%s/tests/fixtures/%s.so", build_dir(), name);
    diags_init(&d);
    plugin_load(path, &d, &p);
    assert_fine(&d);
    free(path);
    return p;
}

static plugin_choice fixture_choice(const char *name, const char *key, const char *value) {
    plugin_choice c = params_defaults(fixture(name));
    if (key == NULL) return c;
    char *why = params_set(&c, params_find(c.plugin, key), value);
    cr_assert(why == NULL, "%s", why);
    return c;
}

/* ---- parameters ---- */

typedef struct allparams { /* as in tests/fixtures/allparams.c */
    int64_t count, wide;
    double factor, limit, heat;
    bool on;
    int32_t mode;
    const char *text;
} allparams;

static status open_scheme(instance *in, const plugin_choice *c, diags *d) {
    const qb_site site = {.size = sizeof site, .rows = 2, .cols = 2, .group = 4, .name = "w"};
    qb_scheme_info info = {.size = sizeof info};
    return instance_open_scheme(in, c, &site, &info, ERR_SPEC, NULL, d);
}

Test(params, fields_get_the_defaults_and_init_resolves_auto) {
    plugin_choice c = fixture_choice("allparams", NULL, NULL);
    instance in;
    diags d;
    diags_init(&d);
    cr_assert(c.values[1].is_auto && c.values[2].is_auto);
    cr_assert(open_scheme(&in, &c, &d) == OK);
    const allparams *s = in.self;
    cr_assert(s->count == 3 && s->limit == 1.5 && s->heat == 0.01 && s->on && s->mode == 1);
    cr_assert_str_eq(s->text, "word");
    cr_assert(!in.choice.values[1].is_auto && in.choice.values[1].i == 6);
    cr_assert(!in.choice.values[2].is_auto && in.choice.values[2].r == 0.75);
    instance_close(&in);
    diags_fini(&d);
}

Test(params, what_the_user_writes_is_checked_and_used) {
    plugin_choice c = fixture_choice("allparams", "count", "9");
    const struct {
        const char *key, *text;
        bool fine;
    } cases[] = {{"count", "1", true},      {"count", "0", false},
                 {"count", "10", false},    {"count", "3.5", false},
                 {"count", "auto", false},  {"wide", "auto", true},
                 {"wide", "7", true},       {"factor", "0", false},
                 {"factor", "3", true},     {"factor", "auto", true},
                 {"limit", "0", true},      {"limit", "2", false},
                 {"limit", "nan", false},   {"on", "false", true},
                 {"on", "no", false},       {"mode", "slow", true},
                 {"mode", "medium", false}, {"text", "anything at all", true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plugin_choice copy = c;
        char *why = params_set(&copy, params_find(c.plugin, cases[i].key), cases[i].text);
        cr_assert((why == NULL) == cases[i].fine, "%s=%s: %s", cases[i].key, cases[i].text,
                  why != NULL ? why : "accepted");
        free(why);
    }
    char *why = params_set(&c, params_find(c.plugin, "limit"), "2");
    cr_assert_str_eq(why, "limit must be a number in [0, 2), got '2'");
    free(why);
}

Test(params, a_refusal_of_init_is_the_users_error_with_the_plugins_words) {
    plugin_choice c = fixture_choice("allparams", "on", "false");
    instance in;
    diags d;
    diags_init(&d);
    cr_assert(open_scheme(&in, &c, &d) == ERR_SPEC);
    cr_assert_str_eq(d.list[0].message, "scheme 'allparams' for w: on is off, count 3");
    diags_fini(&d);
}

Test(params, live_parameters_go_from_start_to_end_unless_the_user_fixed_them) {
    plugin_choice c = fixture_choice("allparams", NULL, NULL),
                  fixed = fixture_choice("allparams", "heat", "5");
    instance in;
    diags d;
    diags_init(&d);
    cr_assert(open_scheme(&in, &c, &d) == OK);
    const allparams *s = in.self;
    params_set_live(&in.choice, in.self, 0);
    cr_assert(s->heat == 1);
    params_set_live(&in.choice, in.self, 0.5);
    assert_near(s->heat, 0.1, 1e-12, 0); /* geometric from 1 to 0.01 */
    params_set_live(&in.choice, in.self, 1);
    cr_assert(s->heat == 0.01);
    instance_close(&in);
    cr_assert(open_scheme(&in, &fixed, &d) == OK);
    s = in.self;
    params_set_live(&in.choice, in.self, 0.5);
    cr_assert(s->heat == 5);
    instance_close(&in);
    diags_fini(&d);
}

/* Post-training quantization opens a scheme and never speaks of progress. */
Test(params, without_a_training_live_parameters_hold_their_end) {
    quant_config config = {.scheme = fixture_choice("allparams", NULL, NULL)};
    quantizer q;
    diags d;
    float x[4] = {1, 2, 3, 4}, meta;
    diags_init(&d);
    cr_assert(quantizer_open(&q, &config, "w", false, 1, 4, &d) == OK);
    cr_assert(quantizer_fit(&q, x, 1, &meta, &d) == OK);
    cr_assert(meta == 0.01f, "fit() saw heat %g", (double)meta);
    quantizer_close(&q);
    diags_fini(&d);
}

/* ---- loading ---- */

static const char *load_error(const char *path) {
    static char message[512];
    plugin *p;
    diags d;
    diags_init(&d);
    cr_assert(plugin_load(path, &d, &p) == ERR_PLUGIN);
    snprintf(message, sizeof message, "%s", d.list[0].message);
    cr_assert(strstr(message, path) == message, "the message begins with the path: %s", message);
    diags_fini(&d);
    return message;
}

Test(loader, files_that_are_no_plugins_are_refused_before_dlopen) {
    char *dir = temp_dir(), *path = path_join(dir, "x.so");
    write_text(path, "");
    cr_assert(strstr(load_error(path), "not an ELF shared object"));
    write_text(path, "text");
    cr_assert(strstr(load_error(path), "not an ELF shared object"));
    cr_assert(strstr(load_error("/nonexistent.so"), "No such file"));
    cr_assert(strstr(load_error(program()), "qb_plugin_entry") ||
              strstr(load_error(program()), "cannot dynamically load"));
    remove_dir(dir);
    free(path);
    free(dir);
}

Test(loader, a_plugin_cut_off_anywhere_is_called_truncated) {
    char *so = str_format("%s/plugins/schemes/int.so", build_dir());
    char *bytes = read_text(so), *dir = temp_dir(), *path = path_join(dir, "x.so");
    size_t n;
    diags d;
    diags_init(&d);
    free(bytes);
    cr_assert(file_read(so, 1 << 24, ERR_INPUT, &d, &bytes, &n) == OK);
    for (size_t cut = 64; cut < n; cut += n / 50) {
        cr_assert(elf_check(bytes, cut) != NULL &&
                      strncmp(elf_check(bytes, cut), "truncated", 9) == 0,
                  "cut at %zu of %zu", cut, n);
        write_bytes(path, bytes, cut);
        cr_assert(strstr(load_error(path), "truncated"));
    }
    cr_assert(elf_check(bytes, n) == NULL);
    bytes[18] = (char)0xb7; /* aarch64, and for an aarch64 host nonsense is next */
    bytes[19] = 0x7f;
    cr_assert(strstr(elf_check(bytes, n), "another machine"));
    bytes[4] = 1;
    cr_assert(strstr(elf_check(bytes, n), "32-bit"));
    free(bytes);
    remove_dir(dir);
    free(path);
    free(dir);
    free(so);
    diags_fini(&d);
}

/* Compiles a plugin that differs from a good one by `change`, a C fragment. */
static const char *variant_error(const char *entry) {
    static char message[512];
    char *dir = temp_dir(), *source = path_join(dir, "v.c"), *so = path_join(dir, "v.so");
    char *text = str_format(
        "#include <quantbench/plugin.h>\n"
        "typedef struct t { int64_t a; double r; } t;\n"
        "static const float levels[] = {0, 1};\n"
        "static qb_status init(void *s, const qb_host *h, const qb_site *i, qb_scheme_info *f)\n"
        "{ (void)s; (void)h; (void)i; f->levels = levels; f->n_levels = 2; return QB_OK; }\n"
        "static void fit(const void *s, const float *x, int64_t g, int64_t n, float *m)\n"
        "{ (void)s; (void)x; (void)n; for (int64_t k = 0; k < g; k++) m[k] = 1; }\n"
        "static const qb_scheme table = {.size = sizeof table, .init = init, .fit = fit};\n%s\n",
        entry);
    write_text(source, text);
    outcome o =
        run_in(dir, "gcc -w -fPIC -shared -I '%s/core/include' v.c -o v.so 2>&1", getenv("PWD"));
    cr_assert(o.exit == 0, "%s", o.out);
    free_outcome(&o);
    plugin *p;
    diags d;
    diags_init(&d);
    status bad = plugin_load(so, &d, &p);
    snprintf(message, sizeof message, "%s", bad ? d.list[0].message : "");
    diags_fini(&d);
    remove_dir(dir);
    free(text);
    free(source);
    free(so);
    free(dir);
    return message;
}

#define ENTRY(...)                                                                                 \
    "QB_EXPORT const qb_plugin qb_plugin_entry = {.magic = QB_ABI_MAGIC, .abi_major = 1, .size = " \
    "sizeof(qb_plugin), "                                                                          \
    ".kind = QB_SCHEME, .instance_size = sizeof(t), .param_size = sizeof(qb_param), .table = "     \
    "&table, .name = \"v\", "                                                                      \
    ".version = \"1.0.0\", .summary = \"s\", " #__VA_ARGS__ "};"

Test(loader, an_entry_that_breaks_the_abi_is_refused_in_one_sentence) {
    cr_assert_str_eq(variant_error(ENTRY()), "");
    cr_assert(strstr(variant_error(""), "no symbol qb_plugin_entry"));
    cr_assert(strstr(variant_error(ENTRY(.magic = 1)), "bad magic"));
    cr_assert(strstr(variant_error(ENTRY(.abi_major = 2)), "plugin ABI 2.0, this program has 1.0"));
    cr_assert(strstr(variant_error(ENTRY(.abi_minor = 1)), "plugin ABI 1.1, this program has 1.0"));
    cr_assert(strstr(variant_error(ENTRY(.kind = 9)), "unknown kind"));
    cr_assert(strstr(variant_error(ENTRY(.name = "No/Name")), "its name"));
    cr_assert(strstr(variant_error(ENTRY(.version = "1.0")), "MAJOR.MINOR.PATCH"));
    cr_assert(strstr(variant_error(ENTRY(.summary = 0)), "no summary"));
    cr_assert(strstr(variant_error(ENTRY(.table = 0)), "no function table"));
    cr_assert(strstr(variant_error(ENTRY(.instance_size = 0)), "instance has 0 bytes"));
    cr_assert(strstr(variant_error(ENTRY(.size = 40)), "only 40 bytes"));
}

#define PARAM_TABLE(...)                                                                           \
    "static const qb_param params[] = {{.name = \"a\", .doc = \"d\", .type = QB_INT, .field_size " \
    "= 8, .max = 9, " #__VA_ARGS__ "}};\n"
#define PARAM(...) PARAM_TABLE(__VA_ARGS__) ENTRY(.params = params, .n_params = 1)
/* The same in an instance of 4 bytes, smaller than any field. */
#define PARAM_OF_4(...)                                                                            \
    PARAM_TABLE(__VA_ARGS__) ENTRY(.params = params, .n_params = 1, .instance_size = 4)

Test(loader, a_parameter_table_that_makes_no_sense_is_refused) {
    cr_assert_str_eq(variant_error(PARAM(.dflt = 3)), "");
    cr_assert(strstr(variant_error(PARAM(.name = "scheme")), "keeps this name"));
    cr_assert(strstr(variant_error(PARAM(.name = "A")), "its name is not"));
    cr_assert(strstr(variant_error(PARAM(.dflt = 10)), "out of its range"));
    cr_assert(strstr(variant_error(PARAM(.dflt = 0.5)), "not an integer"));
    cr_assert(strstr(variant_error(PARAM(.min = 10)), "range is empty"));
    cr_assert(strstr(variant_error(PARAM(.offset = 12)), "outside the instance"));
    cr_assert(strstr(variant_error(PARAM(.offset = 16)), "outside the instance"));
    cr_assert(strstr(variant_error(PARAM(.offset = 0xfffffff8u)), "outside the instance"));
    cr_assert(strstr(variant_error(PARAM_OF_4(.offset = 0)), "outside the instance"));
    cr_assert(strstr(variant_error(PARAM_OF_4(.offset = 0xfffffff8u)), "outside the instance"));
    cr_assert(strstr(variant_error(PARAM(.field_size = 4)), "wrong size"));
    cr_assert(strstr(variant_error(PARAM(.type = 7)), "unknown type"));
    cr_assert(strstr(variant_error(PARAM(.doc = "")), "no doc"));
    cr_assert(strstr(variant_error(PARAM(.type = QB_ENUM, .field_size = 4)), "no choices"));
    cr_assert(strstr(variant_error(PARAM(.flags = QB_LIVE)), "only a REAL can be live"));
    cr_assert(strstr(variant_error(PARAM(.type = QB_BOOL, .field_size = 1, .dflt = QB_AUTO)),
                     "a BOOL has no auto"));
}

Test(services, the_table_of_kernels_is_written_once_as_threads_may_be_reading_it) {
    qb_kernels *table = (qb_kernels *)(uintptr_t)services_kernels();
    table->isa = "a mark";
    cr_assert(services_kernels() == table);
    cr_assert_str_eq(table->isa, "a mark");
}

Test(registry, one_bad_file_does_not_hide_the_others_and_doubles_name_both_paths) {
    char *dir = temp_dir(), *bad = path_join(dir, "bad.so");
    char *built = path_join(getenv("PWD"), build_dir());
    write_text(bad, "no plugin");
    outcome o = run_in("/", "cp '%s/plugins/schemes/int.so' '%s/int2.so'", built, dir);
    free_outcome(&o);
    char *search = str_format("%s:%s/plugins", dir, built);
    free(built);
    setenv("QUANTBENCH_PLUGIN_PATH", search, 1);
    registry r;
    registry_scan(&r);
    cr_assert(registry_find(&r, QB_SCHEME, "int") != NULL &&
              registry_find(&r, QB_PACKER, "bits") != NULL);
    cr_assert(r.failures.n == 2, "%d failures", r.failures.n);
    cr_assert(registry_failure(&r, "bad") != NULL && registry_failure(&r, "int2") == NULL);
    const char *twice = r.failures.list[0].message;
    if (strstr(twice, "already loaded") == NULL) twice = r.failures.list[1].message;
    cr_assert(strstr(twice, "int2.so") != NULL && strstr(twice, "schemes/int.so") != NULL, "%s",
              twice);
    registry_fini(&r);
    remove_dir(dir);
    free(bad);
    free(dir);
    free(search);
}

/* Arrays without a stride and what is passed by value: as they are in minor 0. */
Test(abi, structs_that_cannot_grow_have_their_size) {
    cr_assert(sizeof(qb_meta) == 24 && offsetof(qb_meta, min) == 20);
    cr_assert(sizeof(qb_rng) == 16);
}

/* ---- the ways of a scheme ---- */

enum { N = 400 };

typedef struct work {
    quantizer q;
    float x[N], y[N], meta[2];
    uint8_t code[N];
    diags d;
} work;

static void code_with(work *w, const plugin_choice *c, rounding round) {
    quant_config config = {.scheme = *c, .round = round};
    diags_init(&w->d);
    cr_assert(quantizer_open(&w->q, &config, "w", false, 1, N, &w->d) == OK);
    for (int i = 0; i < N; i++) w->x[i] = (float)(i - 200) / 50; /* -4 .. 3.98, scale 1 */
    quantizer_fit(&w->q, w->x, 1, w->meta, &w->d);
    assert_fine(&w->d);
    quantizer_encode(&w->q, w->x, 1, w->meta, 0, w->code);
    quantizer_decode(&w->q, w->code, 1, w->meta, w->y);
}

static void done(work *w) {
    quantizer_close(&w->q);
    diags_fini(&w->d);
}

/* The code that the short way of plugin.h asks for, by search in double. */
static int short_way(const float *levels, int n, double zero, double v, rounding r) {
    int lower = 0, base = 0;
    for (int c = 1; c < n; c++) {
        if (levels[c] - zero <= v) lower = c;
        if (fabs(levels[c] - zero) <= fabs(levels[base] - zero)) base = c;
    }
    if (v <= levels[0] - zero) return 0;
    if (lower == n - 1) return n - 1;
    double a = levels[lower] - zero, b = levels[lower + 1] - zero, middle = (a + b) / 2;
    switch (r) {
    case ROUND_FLOOR: return lower;
    case ROUND_CEIL: return v > a ? lower + 1 : lower;
    case ROUND_UP: return v >= middle ? lower + 1 : lower;
    case ROUND_DOWN: return v > middle ? lower + 1 : lower;
    case ROUND_AWAY: return v > middle || (v == middle && middle > 0) ? lower + 1 : lower;
    case ROUND_STOCHASTIC: return 0.5 < (v - a) / (b - a) ? lower + 1 : lower;
    default: return v > middle || (v == middle && (lower + 1 - base) % 2 == 0) ? lower + 1 : lower;
    }
}

static void check_way(const char *way, double offset, double zero) {
    plugin_choice c = fixture_choice("shapes", "way", way);
    for (rounding r = ROUND_EVEN; r <= ROUND_STOCHASTIC; r++) {
        work w;
        code_with(&w, &c, r);
        cr_assert(w.q.kind == LEVELS_STEPS);
        const float *levels = w.q.info.levels;
        for (int i = 0; i < N; i++) {
            double v = (double)(w.x[i] - (float)offset) * (1.0f / w.meta[0]);
            int want = short_way(levels, w.q.info.n_levels, zero, v, r);
            cr_assert(w.code[i] == want, "%s, rounding %d, v %g: code %d, expected %d", way, r, v,
                      w.code[i], want);
            cr_assert(w.y[i] == (levels[want] - (float)zero) * w.meta[0] + (float)offset);
        }
        done(&w);
    }
}

Test(short_way, uneven_levels_under_every_rounding) { check_way("uneven", 0, 0); }
Test(short_way, levels_with_an_offset) { check_way("offset", 0.125, 0); }
Test(short_way, integers_with_a_zero_that_is_none) { check_way("zero", 0, 1.3f); }

Test(short_way, a_threshold_decides_between_three_levels) {
    plugin_choice c = fixture_choice("shapes", "way", "threshold");
    work w;
    code_with(&w, &c, ROUND_EVEN);
    float t = w.meta[1];
    cr_assert(w.q.kind == LEVELS_THRESHOLD && t == 2.5f);
    w.x[0] = t, w.x[1] = -t, w.x[2] = nextafterf(t, 9), w.x[3] = nextafterf(-t, -9);
    quantizer_encode(&w.q, w.x, 1, w.meta, 0, w.code);
    cr_assert(w.code[0] == 1 && w.code[1] == 1 && w.code[2] == 2 && w.code[3] == 0);
    for (int i = 4; i < N; i++) cr_assert(w.code[i] == (w.x[i] < -t ? 0 : w.x[i] <= t ? 1 : 2));
    cr_assert(quantizer_meta_bits(&w.q) == 32, "a threshold is not stored");
    done(&w);
}

Test(short_way, a_scale_stored_as_a_power_of_two_is_one) {
    plugin_choice c = fixture_choice("shapes", "way", "power");
    work w;
    code_with(&w, &c, ROUND_EVEN);
    cr_assert(w.meta[0] == 1 && quantizer_meta_bits(&w.q) == 8);
    done(&w);
    const qb_meta m = {.name = "scale", .role = QB_SCALE, .store = QB_E8M0};
    const struct {
        float from, to;
    } cases[] = {
        {1, 1}, {1.4f, 1}, {1.42f, 2}, {3, 4}, {0, 0}, {0x1p127f, 0x1p127f}, {1e-37f, 0x1p-123f}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float v = cases[i].from;
        cr_assert(stored_round(&m, SCALE_F32, &v) && v == cases[i].to, "%g became %g",
                  (double)cases[i].from, (double)v);
    }
}

Test(scheme, an_offset_too_large_for_a_half_is_a_matter_of_scale_dtype) {
    for (scale_dtype t = SCALE_F32; t <= SCALE_F16; t++) {
        quant_config config = {.scheme = fixture_choice("shapes", "way", "far"), .scale_dtype = t};
        quantizer q;
        diags d;
        float x[4] = {1, 2, 3, 4}, meta[2];
        diags_init(&d);
        cr_assert(quantizer_open(&q, &config, "fc1.weight", false, 1, 4, &d) == OK);
        cr_assert(quantizer_fit(&q, x, 1, meta, &d) == (t == SCALE_F16 ? ERR_INPUT : OK));
        if (t == SCALE_F16) {
            cr_assert_str_eq(d.list[0].message,
                             "fc1.weight: the shift of group 0, -1e+06, is too large for f16");
            cr_assert_str_eq(d.list[0].hint, "set `scale_dtype: f32`");
        }
        quantizer_close(&q);
        diags_fini(&d);
    }
}

Test(scheme, its_own_encode_and_decode_are_used) {
    plugin_choice c = fixture_choice("owncodes", NULL, NULL);
    work w;
    code_with(&w, &c, ROUND_EVEN);
    cr_assert(w.q.kind == LEVELS_OWN);
    for (int i = 0; i < N; i++) {
        double v = fmin(fmax(floor(w.x[i] / 2), -2), 2);
        cr_assert(w.code[i] == v + 2 && w.y[i] == 2 * v);
    }
    float lo, hi, step;
    quantizer_bounds(&w.q, w.meta, &lo, &hi, &step);
    cr_assert(lo == -3 && hi == 3 && step == 2);
    done(&w);
}

typedef struct owncodes { /* as in tests/fixtures/owncodes.c */
    const qb_kernels *k;
    int64_t group;
} owncodes;

Test(scheme, init_is_told_the_longest_group_that_can_come) {
    const struct {
        granularity g;
        int64_t size, group; /* of the spec, that init() is told */
    } cases[] = {{GRANULARITY_OWN, 0, 1800},    {GRANULARITY_TENSOR, 0, 1800},
                 {GRANULARITY_CHANNEL, 0, 600}, {GRANULARITY_GROUP, 0, 600},
                 {GRANULARITY_GROUP, 60, 60},   {GRANULARITY_GROUP, 1000, 600}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        quant_config config = {.scheme = fixture_choice("owncodes", NULL, NULL),
                               .granularity = cases[i].g,
                               .group_size = cases[i].size,
                               .ragged_short = true};
        quantizer q;
        diags d;
        diags_init(&d);
        cr_assert(quantizer_open(&q, &config, "w", false, 3, 600, &d) == OK);
        cr_assert(((const owncodes *)q.scheme.self)->group == cases[i].group, "case %zu: %d", i,
                  (int)((const owncodes *)q.scheme.self)->group);
        quantizer_close(&q);
        diags_fini(&d);
    }
}

Test(scheme, levels_of_a_group_shorter_than_they_are_many_are_decoded_in_pieces) {
    quant_config config = {.scheme = fixture_choice("owncodes", NULL, NULL),
                           .granularity = GRANULARITY_GROUP,
                           .group_size = 2};
    quantizer q;
    diags d;
    float meta = 1, levels[256], lo, hi, step;
    diags_init(&d);
    cr_assert(quantizer_open(&q, &config, "w", false, 1, 8, &d) == OK);
    quantizer_levels(&q, &meta, levels);
    for (int i = 0; i < 5; i++) cr_assert(levels[i] == 2.0f * (float)(i - 2));
    quantizer_bounds(&q, &meta, &lo, &hi, &step);
    cr_assert(lo == -3 && hi == 3 && step == 2);
    quantizer_close(&q);
    diags_fini(&d);
}

Test(scheme, metadata_that_is_not_finite_blames_the_plugin) {
    plugin_choice c = fixture_choice("badfit", NULL, NULL);
    quant_config config = {.scheme = c};
    quantizer q;
    diags d;
    float x[4] = {1, 2, 3, 4}, meta;
    diags_init(&d);
    cr_assert(quantizer_open(&q, &config, "fc1.weight", false, 1, 4, &d) == OK);
    cr_assert(quantizer_fit(&q, x, 1, &meta, &d) == ERR_PLUGIN);
    cr_assert(strstr(d.list[0].message, "badfit.so") && strstr(d.list[0].message, "fit()") &&
                  strstr(d.list[0].message, "fc1.weight"),
              "%s", d.list[0].message);
    quantizer_close(&q);
    diags_fini(&d);
}

/* ---- packers and estimators ---- */

Test(packer, one_that_loses_a_code_or_writes_too_much_is_blamed) {
    const uint8_t code[6] = {0, 1, 2, 0, 1, 2};
    const struct {
        const char *key, *value, *blame;
    } cases[] = {{"greedy", "true", "wrote more than its bound"},
                 {"greedy", "false", "lost a code (tensor 'fc1.weight', code 2)"},
                 {"spare", "2", "promised a fixed rate and wrote less than its bound"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        plugin_choice c = fixture_choice("lossy", cases[i].key, cases[i].value);
        packing p;
        int64_t bytes;
        diags d;
        diags_init(&d);
        cr_assert(packing_open(&p, &c, 3, 1, NULL, &d) == OK);
        cr_assert(packing_measure(&p, "fc1.weight", code, 2, 3, &d, &bytes) == ERR_PLUGIN);
        cr_assert(strstr(d.list[0].message, cases[i].blame), "%s", d.list[0].message);
        packing_close(&p);
        diags_fini(&d);
    }
}

static float shown(const char *what, uint64_t key) {
    plugin_choice c = fixture_choice("spanste", "show", what),
                  scheme = choose(QB_SCHEME, "int", "bits=3");
    quant_config config = {.scheme = scheme, .granularity = GRANULARITY_CHANNEL};
    quantizer q;
    estimator e;
    diags d;
    float x[2][5] = {{0}, {6, -1, 2, 0, 1}}, y[10], meta[2], dy[10] = {7, 7, 7, 7, 7}, dx[10];
    diags_init(&d);
    cr_assert(quantizer_open(&q, &config, "w", false, 2, 5, &d) == OK &&
              estimator_open(&e, &c, &q, NULL, &d) == OK);
    cr_assert(quantizer_fake(&q, x[0], 2, 0, meta, y, &d) == OK);
    estimator_backward(&e, &q, x[0], y, 2, meta, key, dy, dx);
    for (int i = 0; i < 5; i++)
        cr_assert(dx[i] == 7, "a group of one level passes the gradient on");
    for (int i = 6; i < 10; i++) cr_assert(dx[i] == dx[5]);
    float out = dx[5];
    estimator_forward(&e, &q, x[0], 2, meta, key, y);
    cr_assert(y[5] == 106 && y[0] == 0, "forward() gets the quantized 6, in place");
    cr_assert(y[6] == 100, "and of -1 the quantized 0");
    estimator_close(&e);
    quantizer_close(&q);
    diags_fini(&d);
    return out;
}

Test(estimator, a_span_tells_bounds_step_levels_thresholds_group_and_key) {
    cr_assert(shown("lo", 0) == -6 && shown("hi", 0) == 6);
    cr_assert(shown("step", 0) == 2 && shown("level", 0) == -6);
    cr_assert(shown("threshold", 0) == -5 && shown("group", 0) == 5);
    cr_assert(shown("key", 77) == 77);
}

typedef void (*backward_fn)(const estimator *, const quantizer *, const float *, const float *,
                            int64_t, const float *, uint64_t, const float *, float *);

/* Sees every group as if it were the first. */
static void broken_backward(const estimator *e, const quantizer *q, const float *x, const float *y,
                            int64_t rows, const float *meta, uint64_t key, const float *dy,
                            float *dx) {
    for (int64_t r = 0; r < rows; r++) {
        int64_t at = r * q->cols;
        estimator_backward(e, q, x + at, y + at, 1, meta, key, dy + at, dx + at);
    }
}

/* With spanste a gradient is where the clipping of its group starts: -|largest|. */
static bool every_group_has_its_span(int64_t rows, int64_t cols, backward_fn backward) {
    plugin_choice c = fixture_choice("spanste", "show", "lo");
    quant_config config = {.scheme = choose(QB_SCHEME, "int", "bits=2"),
                           .granularity = GRANULARITY_CHANNEL};
    float *x = mem_floats(rows * cols), *y = mem_floats(rows * cols), *meta = mem_floats(rows),
          *dx = mem_floats(rows * cols);
    quantizer q;
    estimator e;
    diags d;
    bool fine = true;
    diags_init(&d);
    fill_gauss(1, x, rows * cols, 1);
    cr_assert(quantizer_open(&q, &config, "w", false, rows, cols, &d) == OK &&
              estimator_open(&e, &c, &q, NULL, &d) == OK);
    cr_assert(quantizer_fake(&q, x, rows, 0, meta, y, &d) == OK);
    backward(&e, &q, x, y, rows, meta, 0, x, dx);
    for (int64_t r = 0; r < rows; r++) {
        float lo = 0;
        for (int64_t i = 0; i < cols; i++) lo = fminf(lo, -fabsf(x[r * cols + i]));
        for (int64_t i = 0; i < cols; i++) fine &= dx[r * cols + i] == lo;
    }
    estimator_close(&e);
    quantizer_close(&q);
    diags_fini(&d);
    free(x);
    free(y);
    free(meta);
    free(dx);
    return fine;
}

Test(estimator, a_gradient_comes_from_the_span_of_its_own_group) {
    const int64_t shapes[][2] = {{200, 33}, {3, 9000}}; /* rows in a tile; rows of pieces */
    for (int i = 0; i < 2; i++) {
        cr_assert(every_group_has_its_span(shapes[i][0], shapes[i][1], estimator_backward));
        cr_assert(!every_group_has_its_span(shapes[i][0], shapes[i][1], broken_backward));
    }
}

Test(estimator, identity_passes_the_gradient_on_in_place_and_out_of_place) {
    plugin_choice c = choose(QB_STE, "identity", ""), scheme = choose(QB_SCHEME, "bitnet158", "");
    quant_config config = {.scheme = scheme};
    static float x[9000], y[9000], dy[9000], dx[9000], meta;
    quantizer q;
    estimator e;
    diags d;
    diags_init(&d);
    fill_gauss(1, x, 9000, 1);
    fill_gauss(2, dy, 9000, 1);
    cr_assert(quantizer_open(&q, &config, "w", false, 9, 1000, &d) == OK &&
              estimator_open(&e, &c, &q, NULL, &d) == OK);
    cr_assert(quantizer_fake(&q, x, 9, 0, &meta, y, &d) == OK);
    estimator_backward(&e, &q, x, y, 9, &meta, 0, dy, dx);
    cr_assert(memcmp(dx, dy, sizeof dx) == 0);
    estimator_backward(&e, &q, x, y, 9, &meta, 0, dx, dx);
    cr_assert(memcmp(dx, dy, sizeof dx) == 0);
    estimator_close(&e);
    quantizer_close(&q);
    diags_fini(&d);
}

/* ---- services ---- */

static int float_order(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    if (x != y) return x < y ? -1 : 1;
    return (signbit(y) != 0) - (signbit(x) != 0);
}

Test(services, sorting_is_ascending_at_every_length_with_minus_zero_first) {
    for (int n = 1; n < 5000; n = n < 140 ? n + 1 : n * 3) {
        float *x = calloc((size_t)n, sizeof *x), *y = calloc((size_t)n, sizeof *y);
        fill_gauss((uint64_t)n, x, n, 1e-3f);
        for (int i = 0; i < n; i += 7) x[i] = i % 2 ? -0.0f : 0.0f;
        for (int i = 3; i < n; i += 11) x[i] = x[i - 3]; /* equal ones */
        if (n > 2) x[1] = -FLT_MAX, x[2] = FLT_MIN / 4;
        memcpy(y, x, (size_t)n * sizeof *x);
        qsort(y, (size_t)n, sizeof *y, float_order);
        services_kernels()->sort(x, n);
        cr_assert(memcmp(x, y, (size_t)n * sizeof *x) == 0, "n = %d", n);
        free(x);
        free(y);
    }
}
