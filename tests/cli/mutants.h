/*
 * tests/cli/mutants.h - a spec with one mistake: which keys and values a spec has, as the
 * tables of the language know them, and the spec printed with one of them changed.
 */
#ifndef TESTS_CLI_MUTANTS_H
#define TESTS_CLI_MUTANTS_H

#include "host/registry.h"
#include "spec/schema.h"

enum { MUTANT_MAX_NAMES = 64 };

/* Names that are legal at one place. */
typedef struct name_set {
    const char *v[MUTANT_MAX_NAMES];
    int n;
} name_set;

typedef enum value_kind {
    VALUE_FREE,   /* any text, or a path  */
    VALUE_NAME,   /* one of `choices`     */
    VALUE_NUMBER, /* also a moment        */
    VALUE_MAP,    /* a mapping is wanted, or a name that stands for one */
    VALUE_LIST,   /* a list is wanted     */
    VALUE_TREE,   /* one or the other is fine */
} value_kind;

/* A mapping of the spec. */
typedef struct level {
    const yaml_node *map;
    const struct level *up; /* NULL at the top */
    name_set keys;          /* legal here; n 0: dotted keys, or names of axes */
    bool free;              /* every key is */
} level;

/* A key with its value, or an item of a list. */
typedef struct target {
    const level *in;        /* the mapping that it is in, also by way of a list */
    const yaml_node *owner; /* in->map, or the list                             */
    int i;                  /* index in owner                                   */
    bool required;          /* the key                                          */
    value_kind kind;
    name_set choices; /* of a VALUE_NAME */
} target;

typedef struct target_list {
    target v[1024];
    int n;
} target_list;

/* Everything that can be changed in a spec, or in a part of one for a kind of experiment. */
void targets_find(arena *a, const registry *r, const yaml_node *root, unsigned kind,
                  target_list *out);

typedef enum mutation { SAME, OTHER_KEY, OTHER_VALUE, WITHOUT, MOVED_UP } mutation;

/* Where the mistake stands in the text: columns [from, to] of a line. */
typedef struct stretch {
    int line, from, to;
} stretch;

/* The spec with one change; text: the new key or value. free() */
char *mutant_print(const yaml_node *root, mutation m, const target *t, const char *text,
                   stretch *where);

#endif
