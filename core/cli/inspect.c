#include "cli/cli.h"
#include "report/table.h"
#include "run/inspect_file.h"
#include "util/json.h"

#include <stdlib.h>

static json_t *shape_json(const int64_t *dims, int n) {
    json_t *shape = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(shape, json_integer(dims[i]));
    return shape;
}

static void print_json(const inspect_result *r, void *arg) {
    (void)arg;
    const tensor_entry *t = r->t;
    json_t *o = json_object();
    json_set_str(o, "tensor", t->name);
    json_set_str(o, "dtype", dtype_name(t->type));
    json_object_set_new(o, "shape", shape_json(t->shape, t->n_dims));
    json_set_int(o, "n", t->n);
    json_set_int(o, "bytes", tensor_entry_bytes(t));
    json_set_real(o, "min", r->min);
    json_set_real(o, "max", r->max);
    json_set_real(o, "mean", r->mean);
    json_set_real(o, "std", r->std);
    if (r->known) {
        json_set_int(o, "zeros", r->zeros);
        json_set_int(o, "non_finite", r->non_finite);
    }
    json_print_line(o, stdout);
}

/* Piece by piece: the vocabulary of a language model is a long list. */
static void print_value_json(const char *key, const char *type, const char *text,
                             const gguf_value *v, void *arg) {
    (void)arg;
    fputs("{\"metadata\":", stdout);
    json_print(json_of_str(key), stdout);
    fputs(",\"type\":", stdout);
    json_print(json_of_str(type), stdout);
    fputs(",\"value\":", stdout);
    if (v != NULL)
        gguf_value_print(v, stdout);
    else
        json_print(json_of_str(text), stdout);
    fputs("}\n", stdout);
}

typedef struct tables {
    table tensors, packed;
    int n_values;
} tables;

static void count_value(const char *key, const char *type, const char *text, const gguf_value *v,
                        void *arg) {
    (void)key, (void)type, (void)text, (void)v;
    ((tables *)arg)->n_values++;
}

static void add_range(table *t, bool known, double v) {
    if (known)
        table_add(t, "%.5g", v);
    else
        table_add(t, "-");
}

static void add_count(table *t, bool known, int64_t n) {
    if (known)
        table_add(t, "%lld", (long long)n);
    else
        table_add(t, "-");
}

static void add_row(const inspect_result *r, void *arg) {
    table *t = &((tables *)arg)->tensors;
    char *shape = tensor_shape_text(r->t->shape, r->t->n_dims);
    table_add(t, "%s", r->t->name);
    table_add(t, "%s", dtype_name(r->t->type));
    table_add(t, "%s", shape);
    table_add(t, "%lld", (long long)r->t->n);
    add_range(t, r->known, r->min);
    add_range(t, r->known, r->max);
    add_range(t, r->known, r->mean);
    add_range(t, r->known, r->std);
    add_count(t, r->known, r->zeros);
    add_count(t, r->known, r->non_finite);
    free(shape);
}

/* ---- packed files ---- */

static void print_packed_json(const inspect_packed *r, void *arg) {
    (void)arg;
    json_t *o = json_object();
    json_set_str(o, "tensor", r->name);
    json_set_str(o, "kind", r->shape == NULL ? "activation" : r->scheme ? "packed" : "float");
    if (r->shape != NULL) {
        json_object_set_new(o, "shape", shape_json(r->shape, r->n_dims));
        json_set_int(o, "n", r->n);
        json_set_int(o, "bytes", r->bytes);
        json_set_real(o, "bits_per_weight", r->bits_per_element);
    }
    if (r->scheme != NULL) {
        json_set_str(o, "scheme", r->scheme);
        json_set_str(o, "params", r->params);
        json_set_str(o, "granularity", r->granularity);
        json_set_int(o, "group_size", r->group_size);
        json_set_str(o, "scale_dtype", r->scale_dtype);
        json_set_int(o, "n_levels", r->n_levels);
    }
    if (r->packer != NULL) {
        json_set_int(o, "n_groups", r->n_groups);
        json_set_str(o, "packer", r->packer);
    }
    json_print_line(o, stdout);
}

static void add_packed_row(const inspect_packed *r, void *arg) {
    table *t = &((tables *)arg)->packed;
    char *shape = r->shape != NULL ? tensor_shape_text(r->shape, r->n_dims) : NULL;
    bool quantized = r->scheme != NULL;
    table_add(t, "%s", r->name);
    table_add(t, "%s", shape != NULL ? shape : "-");
    table_add(t, "%s%s%s", quantized ? r->scheme : "float", quantized && *r->params ? " " : "",
              quantized ? r->params : "");
    if (quantized && r->group_size > 0)
        table_add(t, "%s %lld", r->granularity, (long long)r->group_size);
    else
        table_add(t, "%s", quantized ? r->granularity : "-");
    table_add(t, "%s", quantized ? r->scale_dtype : "-");
    add_count(t, quantized, r->n_levels);
    add_count(t, r->packer != NULL, r->n_groups);
    table_add(t, "%s", r->packer != NULL ? r->packer : "-");
    add_count(t, r->shape != NULL, r->bytes);
    table_add_real(t, r->bits_per_element, 4);
    free(shape);
}

static void print_model(const char *line, void *arg) {
    (void)arg;
    printf("packed model: %s\n", line);
}

static void no_model(const char *line, void *arg) { (void)line, (void)arg; }

static status run(const cli_args *a) {
    static const char *const heads[] = {"tensor", "dtype", "shape",  ">elements",   ">min", ">max",
                                        ">mean",  ">std",  ">zeros", ">non-finite", NULL};
    static const char *const packed_heads[] = {"tensor", "shape",   "scheme",  "granularity",
                                               "scales", ">levels", ">groups", "packer",
                                               ">bytes", ">bits/w", NULL};
    bool json = cli_has(a, "--json");
    tables t = {0};
    table_open(&t.tensors, heads);
    table_open(&t.packed, packed_heads);
    inspect_visitor v = {.tensor = json ? print_json : add_row,
                         .packed = json ? print_packed_json : add_packed_row,
                         .model = json ? no_model : print_model,
                         .value = json ? print_value_json : count_value,
                         .arg = &t};
    status bad = inspect_file(a->words[0], &v, a->d);
    if (!json && !bad) table_print(t.packed.cells > 0 ? &t.packed : &t.tensors, stdout);
    if (!bad && t.n_values > 0)
        printf("beside them: %d metadata value%s (--json prints them)\n", t.n_values,
               t.n_values > 1 ? "s" : "");
    table_close(&t.tensors);
    table_close(&t.packed);
    return bad;
}

const verb verb_inspect = {
    .name = "inspect",
    .words = "FILE",
    .min_words = 1,
    .max_words = 1,
    .summary = "list the tensors of a .safetensors, .gguf, .npz or .npy file with their ranges",
    .text = "Of a packed file: how each tensor and each activation is quantized, and the bits a "
            "weight takes;\n"
            "its plugins need not be installed for that.\n"
            "Shapes are in C order, also of .gguf files, which name them the other way round. Of "
            "block types,\n"
            "Q8_0, Q4_0, TQ1_0 and TQ2_0 have values here; others are listed without ranges.\n",
    .options = {{"--json", NULL, "one JSON object for each metadata value and each tensor"}},
    .run = run,
};
