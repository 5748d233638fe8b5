#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "report/table.h"
#include "run/export_file.h"
#include "util/files.h"
#include "util/json.h"
#include "util/str.h"

static const char *const type_names[] = {"F32",  "F16",   "BF16",  "Q8_0",
                                         "Q4_0", "TQ1_0", "TQ2_0", NULL};
static const dtype types[] = {DTYPE_F32,  DTYPE_F16,   DTYPE_BF16, DTYPE_Q8_0,
                              DTYPE_Q4_0, DTYPE_TQ1_0, DTYPE_TQ2_0};

static void print_json(const export_result *r, void *arg) {
    (void)arg;
    json_t *o = json_object(), *shape = json_array();
    for (int i = 0; i < r->t->n_dims; i++)
        json_array_append_new(shape, json_integer(r->t->shape[i]));
    json_set_str(o, "tensor", r->t->name);
    json_object_set_new(o, "shape", shape);
    json_set_str(o, "from", r->from);
    json_set_str(o, "dtype", dtype_name(r->t->type));
    json_set_int(o, "bytes", named_tensor_bytes(r->t));
    json_print_line(o, stdout);
}

static void add_row(const export_result *r, void *arg) {
    table *t = arg;
    char *shape = tensor_shape_text(r->t->shape, r->t->n_dims);
    table_add(t, "%s", r->t->name);
    table_add(t, "%s", shape);
    table_add(t, "%s", r->from);
    table_add(t, "%s", dtype_name(r->t->type));
    table_add(t, "%lld", (long long)named_tensor_bytes(r->t));
    free(shape);
}

static int find(const char *const *names, const char *text) {
    int i = 0;
    while (strcmp(names[i], text) != 0) i++;
    return i;
}

/* --format, else the suffix of the output. */
static status read_format(const cli_args *a, const char *out, export_format *format) {
    const char *text = cli_value(a, "--format");
    status bad = cli_one_of(a, "--format", export_formats);
    if (bad) return bad;
    for (int i = 0; text == NULL && export_formats[i] != NULL; i++) {
        char *suffix = str_format(".%s", export_formats[i]);
        if (path_has_suffix(out, suffix)) text = export_formats[i];
        free(suffix);
    }
    if (text == NULL) {
        diag_error(a->d, ERR_USAGE, "%s: in which format?", out);
        diag_hint(a->d, "--format is one of safetensors, gguf, npz, npy, csv");
        return ERR_USAGE;
    }
    *format = (export_format)find(export_formats, text);
    return OK;
}

static status run(const cli_args *a) {
    static const char *const heads[] = {"tensor", "shape", "from", "to", ">bytes", NULL};
    const char *type = cli_value(a, "--type");
    export_job j = {.path = a->words[0],
                    .out = cli_value(a, "--output"),
                    .tensors = cli_value(a, "--tensor")};
    if (j.out == NULL) {
        diag_error(a->d, ERR_USAGE, "export wants -o OUT");
        diag_hint(a->d, "for example -o model.gguf");
        return ERR_USAGE;
    }
    status bad = read_format(a, j.out, &j.format);
    if (!bad) bad = cli_one_of(a, "--type", type_names);
    if (!bad) bad = cli_check_outputs(a, j.path, (const char *[]){"--output", NULL});
    if (bad) return bad;
    if (type != NULL) j.type = &types[find(type_names, type)];
    bool json = cli_has(a, "--json");
    table t;
    registry r;
    bad = registry_open(&r, a->d);
    table_open(&t, heads);
    if (!bad) bad = export_file(&j, &r, json ? print_json : add_row, &t, a->d);
    if (!json && !bad) table_print(&t, stdout);
    table_close(&t);
    registry_fini(&r);
    return bad;
}

const verb verb_export = {
    .name = "export",
    .words = "FILE",
    .min_words = 1,
    .max_words = 1,
    .summary = "write the tensors of a file in another format or type",
    .text = "FILE is a .safetensors, .gguf, .npz or .npy file; of a packed one, the decoded "
            "values are written.\n"
            "A tensor keeps its type where the format has it, else it becomes F32; integers stay "
            "integers.\n"
            "Q8_0, Q4_0 (blocks of 32 elements), TQ1_0 and TQ2_0 (ternary, blocks of 256) are "
            "types of gguf files.\n"
            "Into them go tensors whose last dimension is whole blocks, vectors only where there "
            "is no matrix;\n"
            "the others become F32. A ternary tensor with one scale keeps its values up to the "
            "rounding of the\n"
            "scale to f16 in TQ1_0 and TQ2_0.\n"
            "Metadata goes along between gguf and safetensors: numbers and arrays as JSON texts, "
            "the text gguf.types has\n"
            "their types, with which they come back; what safetensors cannot hold is left out with "
            "a warning. npz, npy\n"
            "and csv have none, and a packed file has none of the file that it was made of.\n",
    .options = {{"--output", "OUT", "the file to write (-o)"},
                {"--format", "FORMAT",
                 "safetensors, gguf, npz, npy or csv (one tensor); default: OUT's suffix"},
                {"--type", "TYPE", "F32, F16, BF16, Q8_0, Q4_0, TQ1_0 or TQ2_0"},
                {"--tensor", "GLOB", "only the tensors that match"},
                {"--json", NULL, "one JSON object for each tensor"}},
    .run = run,
};
