#include "spec/extends.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "spec/tree.h"
#include "util/mem.h"

/* The files that are being read, each extended by the one before. */
typedef struct chain {
    char real[EXTENDS_MAX_DEPTH][PATH_MAX];
    const char *path[EXTENDS_MAX_DEPTH]; /* as it was named */
    int n;
} chain;

static status resolve(const schema_context *c, yaml_node **root, strbuf *sources, chain *open);

static status refuse(const schema_context *c, const yaml_node *name, const char *path,
                     const char *why) {
    return diag_error_at(c->d, ERR_SPEC, &name->at, "extends '%s' (%s): %s", name->text, path, why);
}

/* The files from the i-th on extend one another, back to it. */
static status refuse_circle(const schema_context *c, const yaml_node *name, const chain *open,
                            int i) {
    const char *all = "";
    for (int k = i; k < open->n; k++) all = arena_format(c->a, "%s%s -> ", all, open->path[k]);
    diag_error_at(c->d, ERR_SPEC, &name->at, "the files extend one another in a circle: %s%s", all,
                  open->path[i]);
    diag_hint(c->d, "remove one of these `extends`");
    return ERR_SPEC;
}

static status read_base(const schema_context *c, const yaml_node *name, strbuf *sources,
                        chain *open, yaml_node **root) {
    if (name->kind != YAML_SCALAR || *name->text == '\0') {
        diag_error_at(c->d, ERR_SPEC, &name->at,
                      "extends must be a file or a list of files, got %s",
                      yaml_kind_name(name->kind));
        diag_hint(c->d, "extends: base.yaml");
        return ERR_SPEC;
    }
    const char *path = schema_find_file(c, name), *text;
    if (path == NULL) return ERR_INPUT;
    char real[PATH_MAX];
    if (realpath(path, real) == NULL) return refuse(c, name, path, "it cannot be read");
    for (int i = 0; i < open->n; i++)
        if (strcmp(open->real[i], real) == 0) return refuse_circle(c, name, open, i);
    if (open->n == EXTENDS_MAX_DEPTH)
        return refuse(c, name, path, "more than 16 files extend one another");
    status bad = yaml_read(c->a, path, c->d, root, &text);
    if (*root == NULL || (*root)->kind != YAML_MAP)
        return bad ? bad : refuse(c, name, path, "it is not a mapping");
    strbuf_addf(sources, "\n# ---- %s\n%s", path, text);
    strcpy(open->real[open->n], real);
    open->path[open->n++] = path;
    status deeper = resolve(c, root, sources, open);
    open->n--;
    return bad ? bad : deeper;
}

static status resolve(const schema_context *c, yaml_node **root, strbuf *sources, chain *open) {
    const yaml_node *names = yaml_get(*root, "extends");
    if (names == NULL) return OK;
    yaml_node *own = tree_copy_map(c->a, *root), *merged = NULL;
    tree_remove(c->a, own, "extends");
    status first = OK;
    for (int i = 0; i < (names->kind == YAML_LIST ? names->n : 1); i++) {
        yaml_node *base = NULL;
        status bad =
            read_base(c, names->kind == YAML_LIST ? names->items[i] : names, sources, open, &base);
        if (bad && !first) first = bad;
        if (base == NULL || base->kind != YAML_MAP) continue;
        merged = merged != NULL ? tree_merge(c->a, merged, base) : base;
    }
    *root = merged != NULL ? tree_merge(c->a, merged, own) : own;
    return first;
}

status extends_resolve(const schema_context *c, const char *path, yaml_node **root,
                       strbuf *sources) {
    chain *open = mem_calloc(1, sizeof *open);
    if (realpath(path, open->real[0]) != NULL) open->path[0] = path, open->n = 1;
    status bad = resolve(c, root, sources, open);
    free(open);
    return bad;
}
