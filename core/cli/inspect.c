#include "cli/cli.h"
#include "report/table.h"
#include "run/inspect_file.h"
#include "util/json.h"
#include "util/mem.h"

#include <stdlib.h>

static void print_json(const inspect_result *r, void *arg) {
    (void)arg;
    const tensor_entry *t = r->t;
    json_t *o = json_object(), *shape = json_array();
    for (int i = 0; i < t->n_dims; i++) json_array_append_new(shape, json_integer(t->shape[i]));
    json_set_str(o, "tensor", t->name);
    json_set_str(o, "dtype", dtype_name(t->type));
    json_object_set_new(o, "shape", shape);
    json_set_int(o, "n", t->n);
    json_set_int(o, "bytes", t->n * dtype_bytes(t->type));
    json_set_real(o, "min", r->min);
    json_set_real(o, "max", r->max);
    json_set_real(o, "mean", r->mean);
    json_set_real(o, "std", r->std);
    json_set_int(o, "zeros", r->zeros);
    json_set_int(o, "non_finite", r->non_finite);
    json_print_line(o, stdout);
}

static void add_row(const inspect_result *r, void *arg) {
    table *t = arg;
    char *shape = tensor_shape_text(r->t->shape, r->t->n_dims);
    table_add(t, "%s", r->t->name);
    table_add(t, "%s", dtype_name(r->t->type));
    table_add(t, "%s", shape);
    table_add(t, "%lld", (long long)r->t->n);
    table_add(t, "%.5g", r->min);
    table_add(t, "%.5g", r->max);
    table_add(t, "%.5g", r->mean);
    table_add(t, "%.5g", r->std);
    table_add(t, "%lld", (long long)r->zeros);
    table_add(t, "%lld", (long long)r->non_finite);
    free(shape);
}

static status run(const cli_args *a) {
    static const char *const heads[] = {"tensor", "dtype", "shape",  ">elements",   ">min", ">max",
                                        ">mean",  ">std",  ">zeros", ">non-finite", NULL};
    bool json = cli_has(a, "--json");
    table t;
    table_open(&t, heads);
    status bad = inspect_file(a->words[0], json ? print_json : add_row, &t, a->d);
    if (!json && !bad) table_print(&t, stdout);
    table_close(&t);
    return bad;
}

const verb verb_inspect = {
    .name = "inspect",
    .words = "FILE",
    .min_words = 1,
    .max_words = 1,
    .summary = "list the tensors of a .safetensors, .npz or .npy file with their ranges",
    .options = {{"--json", NULL, "one JSON object for each tensor"}},
    .run = run,
};
