#include "spec/tree.h"

#include <string.h>

#include "util/str.h"

static void append(arena *a, yaml_node *map, yaml_node *key, yaml_node *value) {
    yaml_node **items = arena_alloc(a, (size_t)(map->n + 1) * sizeof *items);
    yaml_node **keys = arena_alloc(a, (size_t)(map->n + 1) * sizeof *keys);
    for (int i = 0; i < map->n; i++) items[i] = map->items[i], keys[i] = map->keys[i];
    items[map->n] = value, keys[map->n] = key;
    map->items = items, map->keys = keys;
    map->n++;
}

yaml_node *tree_copy_map(arena *a, const yaml_node *map) {
    yaml_node *copy = arena_alloc(a, sizeof *copy);
    *copy = *map;
    copy->items = arena_alloc(a, (size_t)(map->n + 1) * sizeof *copy->items);
    copy->keys = arena_alloc(a, (size_t)(map->n + 1) * sizeof *copy->keys);
    for (int i = 0; i < map->n; i++) copy->items[i] = map->items[i], copy->keys[i] = map->keys[i];
    return copy;
}

static int find(const yaml_node *map, const char *key, size_t n) {
    for (int i = 0; map->kind == YAML_MAP && i < map->n; i++)
        if (strlen(map->keys[i]->text) == n && strncmp(map->keys[i]->text, key, n) == 0) return i;
    return -1;
}

const yaml_node *tree_get(const yaml_node *root, const char *path) {
    for (const yaml_node *n = root;;) {
        size_t len = strcspn(path, ".");
        int i = find(n, path, len);
        if (i < 0) return NULL;
        n = n->items[i];
        if (path[len] == '\0') return n;
        path += len + 1;
    }
}

static void put(arena *a, yaml_node *map, const char *key, size_t n, const place *at,
                yaml_node *value) {
    int i = find(map, key, n);
    if (i >= 0) {
        map->items[i] = value;
        return;
    }
    yaml_node *name = arena_alloc(a, sizeof *name);
    *name = (yaml_node){.kind = YAML_SCALAR, .at = *at, .text = arena_strndup(a, key, n)};
    append(a, map, name, value);
}

size_t tree_set(arena *a, yaml_node *root, const char *path, const place *at, yaml_node *value) {
    const char *whole = path;
    for (yaml_node *map = root;;) {
        size_t n = strcspn(path, ".");
        if (path[n] == '\0') {
            put(a, map, path, n, at, value);
            return 0;
        }
        int i = find(map, path, n);
        bool absent = i < 0 || yaml_is_null(map->items[i]);
        if (!absent && map->items[i]->kind != YAML_MAP) return (size_t)(path - whole) + n;
        const yaml_node empty = {.kind = YAML_MAP, .at = value->at};
        yaml_node *own = tree_copy_map(a, absent ? &empty : map->items[i]);
        put(a, map, path, n, at, own);
        map = own;
        path += n + 1;
    }
}

void tree_remove(arena *a, yaml_node *root, const char *path) {
    if (tree_get(root, path) == NULL) return;
    for (yaml_node *map = root;;) {
        size_t n = strcspn(path, ".");
        int i = find(map, path, n);
        if (path[n] == '\0') {
            map->n--;
            for (; i < map->n; i++)
                map->items[i] = map->items[i + 1], map->keys[i] = map->keys[i + 1];
            return;
        }
        map->items[i] = tree_copy_map(a, map->items[i]);
        map = map->items[i];
        path += n + 1;
    }
}

static bool names_another(const yaml_node *base, const yaml_node *over) {
    static const char *const tags[] = {"type", "scheme", "format"};
    for (int i = 0; i < 3; i++) {
        const yaml_node *x = yaml_get(base, tags[i]), *y = yaml_get(over, tags[i]);
        if (x != NULL && y != NULL && x->kind == YAML_SCALAR && y->kind == YAML_SCALAR &&
            strcmp(x->text, y->text) != 0)
            return true;
    }
    return false;
}

yaml_node *tree_merge(arena *a, const yaml_node *base, const yaml_node *over) {
    if (base->kind != YAML_MAP || over->kind != YAML_MAP || names_another(base, over))
        return (yaml_node *)(uintptr_t)over;
    yaml_node *out = tree_copy_map(a, base);
    out->at = over->at;
    for (int i = 0; i < over->n; i++) {
        int k = find(out, over->keys[i]->text, strlen(over->keys[i]->text));
        if (k < 0) {
            append(a, out, over->keys[i], over->items[i]);
        } else {
            out->items[k] = tree_merge(a, out->items[k], over->items[i]);
            out->keys[k] = over->keys[i];
        }
    }
    return out;
}

void tree_print_quoted(const char *text, strbuf *b) {
    strbuf_add(b, "\"");
    for (const char *s = text; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\')
            strbuf_addf(b, "\\%c", *s);
        else if ((unsigned char)*s < 0x20)
            strbuf_addf(b, "\\x%02x", (unsigned char)*s);
        else
            strbuf_addn(b, s, 1);
    }
    strbuf_add(b, "\"");
}

/* Plain where YAML reads the same text back, else in double quotes. */
static void print_scalar(const yaml_node *n, strbuf *b) {
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/+-";
    bool fine = *n->text != '\0' && strspn(n->text, plain) == strlen(n->text) &&
                strcmp(n->text, "-") != 0 && strncmp(n->text, "---", 3) != 0;
    if (fine && (!n->quoted || strcmp(n->text, "null") != 0)) {
        strbuf_add(b, n->text);
        return;
    }
    if (yaml_is_null(n)) {
        strbuf_add(b, "~");
        return;
    }
    tree_print_quoted(n->text, b);
}

void tree_print(const yaml_node *n, strbuf *b) {
    if (n->kind == YAML_SCALAR) {
        print_scalar(n, b);
        return;
    }
    strbuf_add(b, n->kind == YAML_MAP ? "{" : "[");
    for (int i = 0; i < n->n; i++) {
        if (i > 0) strbuf_add(b, ", ");
        if (n->kind == YAML_MAP) {
            print_scalar(n->keys[i], b);
            strbuf_add(b, ": ");
        }
        tree_print(n->items[i], b);
    }
    strbuf_add(b, n->kind == YAML_MAP ? "}" : "]");
}

bool tree_equal(const yaml_node *x, const yaml_node *y) {
    if (x->kind != y->kind || x->n != y->n) return false;
    if (x->kind == YAML_SCALAR) return strcmp(x->text, y->text) == 0;
    for (int i = 0; i < x->n; i++) {
        if (x->kind == YAML_MAP && strcmp(x->keys[i]->text, y->keys[i]->text) != 0) return false;
        if (!tree_equal(x->items[i], y->items[i])) return false;
    }
    return true;
}
