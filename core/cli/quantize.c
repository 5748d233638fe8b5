
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "report/table.h"
#include "run/export_file.h"
#include "run/quantize_file.h"
#include "util/files.h"
#include "util/json.h"

static json_t *params_json(const plugin_choice *c) {
    json_t *o = json_object();
    for (int i = 0; i < c->plugin->n_params; i++) {
        const char *name = c->plugin->params[i].name;
        const param_value *v = &c->values[i];
        strbuf text = {0};
        if (c->plugin->params[i].type == QB_INT && !v->is_auto)
            json_set_int(o, name, v->i);
        else if (c->plugin->params[i].type == QB_REAL && !v->is_auto)
            json_set_real(o, name, v->r);
        else if (c->plugin->params[i].type == QB_BOOL)
            json_set_bool(o, name, v->b);
        else {
            params_print(c, i, &text);
            json_set_str(o, name, text.s);
        }
        strbuf_fini(&text);
    }
    return o;
}

static void print_json(const quantize_result *r, void *arg) {
    (void)arg;
    const tensor_metrics *m = r->m;
    json_t *o = json_object(), *shape = json_array();
    for (int i = 0; i < r->n_dims; i++) json_array_append_new(shape, json_integer(r->shape[i]));
    json_set_str(o, "tensor", r->tensor);
    json_object_set_new(o, "shape", shape);
    json_set_int(o, "n", m->n);
    json_set_str(o, "scheme", r->q->scheme.choice.plugin->entry.name);
    json_object_set_new(o, "params", params_json(&r->q->scheme.choice));
    json_set_str(o, "granularity", granularity_name(r->q->config.granularity));
    json_set_int(o, "group_size", r->q->config.group_size);
    json_set_str(o, "scale_dtype", scale_dtype_name(r->q->config.scale_dtype));
    json_set_int(o, "n_groups", r->n_groups);
    json_set_int(o, "n_levels", r->q->info.n_levels);
    json_set_real(o, "mse", m->mse);
    json_set_real(o, "mae", m->mae);
    json_set_real(o, "max_abs_error", m->max_abs_error);
    json_set_real(o, "sqnr_db", m->sqnr_db);
    json_set_real(o, "cosine", m->cosine);
    json_set_real(o, "sparsity", m->sparsity);
    json_set_real(o, "code_entropy_bits", m->code_entropy);
    json_set_real(o, "nominal_bits", m->nominal_bits);
    json_set_real(o, "bits_per_weight", m->bits_per_weight);
    json_set_str(o, "packer", r->packer);
    json_set_int(o, "packed_bytes", m->packed_bytes);
    json_set_real(o, "compression_vs_f32", m->vs_f32);
    json_set_real(o, "compression_vs_i8", m->vs_i8);
    json_set_str(o, "codes_sha256", r->codes_sha256);
    json_print_line(o, stdout);
}

static void add_row(const quantize_result *r, void *arg) {
    table *t = arg;
    const tensor_metrics *m = r->m;
    table_add(t, "%s", r->tensor);
    table_add(t, "%lld", (long long)m->n);
    table_add(t, "%lld", (long long)r->n_groups);
    table_add(t, "%.4g", m->mse);
    table_add_real(t, m->sqnr_db, 2);
    table_add_real(t, m->cosine, 5);
    table_add_real(t, m->sparsity, 4);
    table_add_real(t, m->code_entropy, 3);
    table_add_real(t, m->bits_per_weight, 4);
    table_add_real(t, m->vs_f32, 2);
    table_add(t, "%s", r->packer);
}

/* Would the file have a name that says another format than the one that is written? */
static status check_suffix(const cli_args *a, const char *option, const char *format) {
    const char *out = cli_value(a, option), *other = NULL;
    for (int i = 0; out != NULL && export_formats[i] != NULL; i++) {
        char *suffix = str_format(".%s", export_formats[i]);
        if (path_has_suffix(out, suffix)) other = export_formats[i];
        free(suffix);
    }
    if (other == NULL || strcmp(other, format) == 0) return OK;
    diag_error(a->d, ERR_USAGE, "%s %s: it is written as %s, not as %s", option, out, format,
               other);
    if (strcmp(option, "--output") == 0)
        diag_hint(a->d, "-o OUT.safetensors; `quantbench export` makes other formats of it");
    else
        diag_hint(a->d, "%s F.npy", option);
    return ERR_USAGE;
}

static status check_outputs(const cli_args *a) {
    static const char *const outputs[] = {"--output", "--codes", "--meta", "--dequant", NULL};
    status bad = cli_check_outputs(a, a->words[0], outputs);
    for (int i = 0; outputs[i] != NULL && !bad; i++)
        bad = check_suffix(a, outputs[i], i == 0 ? "safetensors" : "npy");
    return bad;
}

static status run(const cli_args *a) {
    static const char *const heads[] = {"tensor",   ">elements", ">groups",   ">mse",
                                        ">SQNR dB", ">cosine",   ">sparsity", ">entropy",
                                        ">bits/w",  ">vs f32",   "packer",    NULL};
    const char *settings[CLI_MAX_ARGS], *packer_settings[CLI_MAX_ARGS];
    int n = cli_values(a, "--set", settings);
    int n_packer = cli_values(a, "--packer-set", packer_settings);
    if (!cli_has(a, "--scheme")) {
        diag_error(a->d, ERR_USAGE, "quantize wants --scheme NAME");
        diag_hint(a->d, "`quantbench plugins list` has the schemes");
        return ERR_USAGE;
    }
    if (n_packer > 0 && !cli_has(a, "--packer")) {
        diag_error(a->d, ERR_USAGE, "--packer-set %s: of which packer?", packer_settings[0]);
        diag_hint(a->d, "it goes with --packer NAME (`quantbench plugins list`)");
        return ERR_USAGE;
    }
    quantize_job j = {.path = a->words[0],
                      .tensors = cli_value(a, "--tensor"),
                      .scheme = cli_value(a, "--scheme"),
                      .packer = cli_value(a, "--packer"),
                      .settings = settings,
                      .n_settings = n,
                      .packer_settings = packer_settings,
                      .n_packer_settings = n_packer,
                      .codes_path = cli_value(a, "--codes"),
                      .meta_path = cli_value(a, "--meta"),
                      .dequant_path = cli_value(a, "--dequant"),
                      .packed_path = cli_value(a, "--output")};
    bool json = cli_has(a, "--json");
    int64_t parity;
    status bad = check_outputs(a);
    if (!bad) bad = cli_int(a, "--parity", 0, INTEGRITY_MAX_PARITY, INTEGRITY_PARITY, &parity);
    if (bad) return bad;
    if (cli_has(a, "--parity") && j.packed_path == NULL)
        return diag_error(a->d, ERR_USAGE, "--parity is of the packed file: it goes with -o");
    j.parity = (int)parity;
    table t;
    registry r;
    bad = registry_open(&r, a->d);
    table_open(&t, heads);
    if (!bad) bad = quantize_file(&j, &r, json ? print_json : add_row, &t, a->d);
    if (!json && !bad && t.cells > 0) table_print(&t, stdout);
    table_close(&t);
    registry_fini(&r);
    return bad;
}

const verb verb_quantize = {
    .name = "quantize",
    .words = "FILE",
    .min_words = 1,
    .max_words = 1,
    .summary =
        "quantize the tensors of a .safetensors, .gguf, .npz or .npy file and measure the error",
    .text =
        "A tensor is (R, C): R its first dimension, C the product of the others. --set takes "
        "any key of a\n"
        "spec's `weights:` map: --set bits=4 --set granularity=group --set group_size=128 "
        "--set scale_dtype=f16\n"
        "The parameters of a packer are set by --packer-set: --packer planes --packer-set alignment=64\n"
        "A packed file has codes, metadata and all that decoding needs; its format, in that of "
        "safetensors, is in\n"
        "core/quant/README.md. Texts and metadata that stand beside the tensors of FILE are left "
        "out.\n",
    .options = {{"--scheme", "NAME", "the scheme (`quantbench plugins list`)"},
                {"--set", "KEY=VALUE",
                 "a parameter of the scheme or a key of the site; may be repeated"},
                {"--tensor", "GLOB", "only the tensors that match"},
                {"--packer", "NAME", "or a preset; default base3 for three levels, else bits"},
                {"--packer-set", "KEY=VALUE", "a parameter of that packer; may be repeated"},
                {"--codes", "F.npy", "write the level indices (uint8, the tensor's shape)"},
                {"--meta", "F.npy", "write the stored metadata (float32, groups x metadata)"},
                {"--dequant", "F.npy", "write the dequantized tensor (float32)"},
                {"--output", "OUT.safetensors", "write the tensors as a packed file (-o)"},
                {"--parity", "K",
                 "damaged blocks of a stripe of it that can be restored, 0..32; "
                 "default 2"},
                {"--json", NULL, "one JSON object for each tensor"}},
    .run = run,
};
