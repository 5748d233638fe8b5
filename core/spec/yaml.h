/*
 * spec/yaml.h - a YAML text as a tree whose every node knows where it stands.
 *
 * libyaml parses; what it accepts in silence (duplicate keys, several documents,
 * tags, cycles, undefined or redefined anchors, any depth, any size) is refused
 * here. Scalars stay text: the schema types them, nothing is guessed.
 */
#ifndef SPEC_YAML_H
#define SPEC_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/arena.h"
#include "util/err.h"

enum {
    YAML_MAX_BYTES = 1 << 20,
    YAML_MAX_DEPTH = 64,
    YAML_MAX_NODES = 10000, /* after aliases are expanded */
    YAML_MAX_ANCHORS = 1000,
};

typedef enum yaml_kind { YAML_SCALAR, YAML_MAP, YAML_LIST } yaml_kind;

typedef struct yaml_node {
    yaml_kind kind;
    place at;
    const char *text; /* scalar */
    uint32_t hash;    /* of the text; parsing alone uses it */
    bool quoted;      /* scalar in quotes or a block: never null */
    int n;            /* children of a list, pairs of a map */
    struct yaml_node **items;
    struct yaml_node **keys; /* map: scalars; items[i] is the value of keys[i] */
} yaml_node;

/* A text and its lines, for the places of nodes. Lives in the arena. */
typedef struct yaml_text {
    const char *name; /* the file, or "--set" */
    const char *bytes;
    size_t n;
    const char *const *lines; /* NUL-terminated copies */
    int n_lines;
} yaml_text;

/* Parses one document. Errors are ERR_SPEC with a place. Everything is in the
 * arena; name and bytes are copied. */
status yaml_parse(arena *a, const char *name, const char *bytes, size_t n, diags *d,
                  yaml_node **root);

/* Reads and parses a file; *source is its text. */
status yaml_read(arena *a, const char *path, diags *d, yaml_node **root, const char **source);

/* "key.path=value" of --set or another option: the path and the value as a tree, with places in
 * a text that is called as the option. */
status yaml_parse_setting(arena *a, const char *option, const char *setting, diags *d,
                          const char **path, yaml_node **value);

/* The value of a key, NULL if the map has none. */
yaml_node *yaml_get(const yaml_node *map, const char *key);

/* An empty value, `~` or `null`. */
bool yaml_is_null(const yaml_node *n);

/* "a mapping", "a list", "text" */
const char *yaml_kind_name(yaml_kind k);

#endif
