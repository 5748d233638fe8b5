/*
 * spec/tree.h - changing a tree of YAML nodes: keys by dotted path, merging.
 *
 * Trees share nodes (aliases, the points of a sweep), so nothing that another tree
 * may hold is written to: the maps on the way to a change are copied. Only the
 * root is changed in place; tree_copy_map() gives a root of one's own.
 */
#ifndef SPEC_TREE_H
#define SPEC_TREE_H

#include "spec/yaml.h"
#include "util/str.h"

/* A map with the same children, and room for one more. */
yaml_node *tree_copy_map(arena *a, const yaml_node *map);

/* The value at "a.b.c", NULL if there is none. */
const yaml_node *tree_get(const yaml_node *root, const char *path);

/* Puts `value` at the path, making maps on the way. New keys get the place `at`. 0, or
 * the length of the part of the path where a scalar or list is in the way. */
size_t tree_set(arena *a, yaml_node *root, const char *path, const place *at, yaml_node *value);

/* Takes the key at the path away; nothing if it is not there. */
void tree_remove(arena *a, yaml_node *root, const char *path);

/* `over` on top of `base`: maps merge, all else is replaced, and so is a map by one
 * that names another `type`, `scheme` or `format`. */
yaml_node *tree_merge(arena *a, const yaml_node *base, const yaml_node *over);

/* The node as one line of YAML; append to b. */
void tree_print(const yaml_node *n, strbuf *b);

/* A text as a scalar in double quotes, whatever is in it; append to b. */
void tree_print_quoted(const char *text, strbuf *b);

/* As written to a file: equal text, equal kind, equal children in equal order. */
bool tree_equal(const yaml_node *x, const yaml_node *y);

#endif
