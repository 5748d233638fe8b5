/* A spec's text: as a file, and behind `--set key=`. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "spec/yaml.h"

void target_make(dice *r, strbuf *out) { make_yaml(r, out); }
void (*const target_mend)(strbuf *b) = NULL;

/* Every node stands somewhere in the text, and no text has a NUL. */
static void check(const yaml_node *n, int depth) {
    fuzz_require(depth <= 2 * YAML_MAX_DEPTH, "the tree ends");
    fuzz_require(n->at.line >= 1 && n->at.col >= 1, "a node has a place");
    if (n->kind == YAML_SCALAR) fuzz_require(n->text != NULL, "a value has a text");
    for (int i = 0; i < n->n; i++) {
        if (n->kind == YAML_MAP) {
            fuzz_require(n->keys[i]->kind == YAML_SCALAR, "keys are texts");
            fuzz_require(yaml_get(n, n->keys[i]->text) == n->items[i], "keys are unique");
        }
        check(n->items[i], depth + 1);
    }
}

static bool parse(const char *text, size_t n, bool setting) {
    arena a = {0};
    yaml_node *root;
    diags d;
    const char *path;
    diags_init(&d);
    status bad = setting ? yaml_parse_setting(&a, "--set", text, &d, &path, &root)
                         : yaml_parse(&a, "t.yaml", text, n, &d, &root);
    fuzz_require(bad == OK ? d.errors == 0 : d.errors > 0, "errors exactly where it fails");
    fuzz_require(bad == OK || bad == ERR_SPEC || (setting && bad == ERR_USAGE), "exit 3");
    if (!bad && root != NULL) check(root, 0);
    if (!bad && root != NULL) yaml_is_null(root), yaml_kind_name(root->kind);
    diags_fini(&d);
    arena_fini(&a);
    return !bad;
}

static void read_file(const uint8_t *bytes, size_t n) {
    arena a = {0};
    yaml_node *root;
    const char *source;
    diags d;
    diags_init(&d);
    if (yaml_read(&a, fuzz_file(bytes, n), &d, &root, &source) == OK && root != NULL)
        check(root, 0);
    diags_fini(&d);
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    char *copy = fuzz_copy(bytes, n);
    bool decoded = parse(copy, n, false);
    if (n % 16 == 0) read_file(bytes, n);
    free(copy);
    if (n < 4096 && memchr(bytes, '\0', n) == NULL) {
        char *text = str_format("a.b=%.*s", (int)n, (const char *)bytes);
        parse(text + (n % 7 == 0) * 4, 0, true);
        free(text);
    }
    fuzz_count(decoded);
    return 0;
}
