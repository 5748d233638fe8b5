/*
 * Loading plugins and their parameters, with the plugins of tests/fixtures.
 */
#include "plugins/fixture.h"

#include <unistd.h>

#include "host/elf.h"
#include "host/instance.h"
#include "quant/quantizer.h"
#include "util/files.h"
#include "util/mem.h"

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
    cr_assert(strstr(load_error(program()), "a program (PIE), not a shared object"));
    remove_dir(dir);
    free(path);
    free(dir);
}

static bool elf_says(const char *bytes, size_t n, const char *begin) {
    char *why = elf_check(bytes, n);
    bool said = begin != NULL ? why != NULL && strncmp(why, begin, strlen(begin)) == 0 : !why;
    free(why);
    return said;
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
        cr_assert(elf_says(bytes, cut, "truncated"), "cut at %zu of %zu", cut, n);
        write_bytes(path, bytes, cut);
        cr_assert(strstr(load_error(path), "truncated"));
    }
    cr_assert(elf_says(bytes, n, NULL));
    bytes[18] = (char)0xb7; /* aarch64, and for an aarch64 host nonsense is next */
    bytes[19] = 0x7f;
    cr_assert(elf_says(bytes, n, "built for another machine"));
    bytes[4] = 1;
    cr_assert(elf_says(bytes, n, "a 32-bit object"));
    free(bytes);
    remove_dir(dir);
    free(path);
    free(dir);
    free(so);
    diags_fini(&d);
}

Test(loader, a_file_that_is_cut_off_afterwards_does_not_matter) {
    char *dir = temp_dir(), *path = path_join(dir, "x.so");
    outcome o = run_in(".", "cp '%s/plugins/schemes/int.so' '%s'", build_dir(), path);
    free_outcome(&o);
    plugin *p;
    instance in;
    diags d;
    diags_init(&d);
    cr_assert(plugin_load(path, &d, &p) == OK && truncate(path, 0) == 0);
    plugin_choice c = params_defaults(p);
    cr_assert(open_scheme(&in, &c, &d) == OK);
    const float x[2] = {1, -127};
    float meta;
    p->scheme.fit(in.self, x, 1, 2, &meta);
    cr_assert(meta == 1);
    instance_close(&in);
    diags_fini(&d);
    remove_dir(dir);
    free(path);
    free(dir);
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
    cr_assert(strstr(variant_error(ENTRY(.abi_major = 2)), "plugin ABI 2.0, this program has 1.1"));
    cr_assert(strstr(variant_error(ENTRY(.abi_minor = 2)), "plugin ABI 1.2, this program has 1.1"));
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
