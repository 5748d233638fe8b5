#include <string.h>

#include "cli/study_args.h"
#include "spec/tree.h"

/* Prints dotted keys as nested YAML: what the last key and this one share stands above
 * already. */
typedef struct printer {
    bool all;       /* also what is a default */
    bool seed_axis; /* `repeats` beside it is an error */
    char last[512];
} printer;

static void print_origin(const schema_value *v) {
    if (v->given == NULL)
        printf("  # default\n");
    else if (strcmp(v->given->at.file, "--set") == 0)
        printf("  # --set\n");
    else
        printf("  # %s:%d\n", v->given->at.file, v->given->at.line);
}

/* The mappings on the way to the key that are not open yet; its depth. */
static int open_maps(const printer *p, const char *key) {
    int depth = 0;
    size_t same = 0; /* the bytes that both share in whole parts */
    for (size_t i = 0; key[i] != '\0' && key[i] == p->last[i]; i++)
        if (key[i] == '.') same = i + 1;
    for (const char *part = key;; depth++) {
        size_t n = strcspn(part, ".");
        if (part[n] == '\0') return depth;
        if ((size_t)(part - key) >= same) printf("%*s%.*s:\n", 2 * depth, "", (int)n, part);
        part += n + 1;
    }
}

/* Lists and mappings are printed as they are, text so that YAML reads it back. */
static void print_value(const schema_value *v) {
    bool flow = strchr("[{", v->value[0]) != NULL && v->value[0] != '\0';
    strbuf b = {0};
    if (flow) {
        strbuf_add(&b, v->value);
    } else {
        yaml_node n = {.kind = YAML_SCALAR, .text = v->value, .quoted = true};
        tree_print(&n, &b);
    }
    fputs(b.s, stdout);
    strbuf_fini(&b);
}

static void print_one(const schema_value *v, void *arg) {
    printer *p = arg;
    if (!p->all && v->given == NULL) return;
    bool absent = v->given == NULL && (v->value[0] == '\0' || v->no_default);
    if (absent) return; /* neither given nor a default: nothing to write */
    if (v->given == NULL && p->seed_axis && strcmp(v->key, "repeats") == 0) return;
    int depth = open_maps(p, v->key);
    const char *dot = strrchr(v->key, '.');
    printf("%*s%s%s: ", 2 * depth, "", v->moves ? "# " : "", dot != NULL ? dot + 1 : v->key);
    print_value(v);
    print_origin(v);
    snprintf(p->last, sizeof p->last, "%s", v->key);
}

static status run(const cli_args *a) {
    study_args s;
    status bad = study_args_open(&s, a);
    if (!bad) {
        spec base;
        spec_fork(&base, &s.t.base, s.t.base.root);
        bad = spec_check(&base, &s.r, a->d);
        printer p = {.all = cli_has(a, "--resolved"), .seed_axis = s.t.sweep.n_seeds > 0};
        if (!bad) spec_walk(&base, print_one, &p);
        spec_close(&base);
    }
    study_args_close(&s);
    return bad;
}

const verb verb_show = {
    .name = "show",
    .words = "SPEC",
    .min_words = 1,
    .max_words = 1,
    .summary = "print a spec as it is after `extends` and --set, with where each value comes from",
    .text =
        "The output is a spec itself. Of a sweep it is the part that all points share, with the\n"
        "axes below `sweep`. A parameter that moves over the training unless it is given, such as "
        "the\n"
        "temperature of ste tanh, is a comment.\n",
    .options = {{"--resolved", NULL, "also what was not given, with its default"},
                STUDY_SET_OPTION},
    .run = run,
};
