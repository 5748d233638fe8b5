/*
 * spec/schema.h - the closed, typed form of a YAML map, as data: one table says
 * which keys there are, what may stand there, the default and what it means. The
 * tables check a file, fill a struct, print the reference (`quantbench help spec`)
 * and the canonical text that a configuration is hashed from.
 */
#ifndef SPEC_SCHEMA_H
#define SPEC_SCHEMA_H

#include <stdint.h>

#include "spec/yaml.h"
#include "util/str.h"

typedef enum field_type {
    FIELD_INT,     /* int64_t; min, max                                      */
    FIELD_SEED,    /* uint64_t                                               */
    FIELD_REAL,    /* double; min, max, ends                                 */
    FIELD_TEXT,    /* const char *                                           */
    FIELD_NAME,    /* const char *, [A-Za-z0-9._-]{1,64}                     */
    FIELD_PATH,    /* const char *: where the file was found                 */
    FIELD_ENUM,    /* int: index in choices                                  */
    FIELD_ENUMS,   /* unsigned: a list of choices, bit i for choice i        */
    FIELD_POINT,   /* schedule_point                                         */
    FIELD_INTS,    /* int_list; min, max of each                             */
    FIELD_REALS,   /* real_pair: exactly two; min, max, ends                 */
    FIELD_MAP,     /* a struct; schema                                       */
    FIELD_VARIANT, /* a struct; int discriminator first, -1: not given       */
    FIELD_NODE,    /* const yaml_node *: checked elsewhere; `ends` says what */
} field_type;

/* A moment of the training. */
typedef struct schedule_point {
    enum { POINT_STEPS, POINT_EPOCHS, POINT_FRACTION } unit;
    double value;
} schedule_point;

enum { INT_LIST_MAX = 64 };

typedef struct int_list {
    int n;
    int64_t v[INT_LIST_MAX];
} int_list;

typedef struct real_pair {
    double v[2];
} real_pair;

typedef struct schema schema;

typedef struct field {
    const char *key;
    const char *doc;
    field_type type;
    size_t offset;
    const char *dflt; /* as a user would write it; NULL: none */
    double min, max;
    const char *ends;           /* "[]" if NULL */
    const char *const *choices; /* ENUM, ENUMS, VARIANT; NULL-terminated */
    const schema *map;          /* MAP: one; VARIANT: one for each choice */
    const char *tag;            /* VARIANT, NODE: the key that a bare name stands for, "type" */
    bool list;                  /* NODE: a list is wanted */
    int list_max;               /* INTS */
    bool required;
    unsigned kinds;        /* kinds of experiment that have the key, a bit each; 0: all */
    unsigned required_for; /* kinds that cannot do without it */
    bool not_identity;     /* has no part in config_key */
} field;

struct schema {
    const field *fields;
    int n;
};

/* A file that a spec names; in the arena. */
typedef struct found_file {
    const char *path;
    const struct found_file *next;
} found_file;

typedef struct schema_context {
    arena *a;
    diags *d;
    const char *file;         /* paths are looked up beside it, then in $QUANTBENCH_DATA */
    const schema *top;        /* the whole language, to say where a misplaced key belongs */
    unsigned kind;            /* of the experiment, one bit; 0: unknown, every key is fine */
    const found_file **found; /* gets each file that is found; NULL: nobody asks */
    const char *const *kinds, *const *kind_notes; /* by bit: name, what sets the kind apart */
} schema_context;

/* Fills base from map (NULL: all defaults). Errors go to c->d; what is wrong keeps
 * its default. `where` is the dotted path of the map, "" at the top. */
void schema_parse(const schema_context *c, const schema *s, const yaml_node *map, const char *where,
                  void *base);

/* Sets one field of base to its default, by way of the same parsers. */
void schema_default(const schema_context *c, const field *f, void *base);

/* The field at a dotted path, in any variant; NULL if there is none. */
const field *schema_find(const schema *s, const char *path);

/* The file that n names: looked up beside the file in which it is written (a path of
 * --set: in the current folder), then in $QUANTBENCH_DATA. In the arena; NULL and an
 * ERR_INPUT if it is not there. */
const char *schema_find_file(const schema_context *c, const yaml_node *n);

/* Reports key as unknown in a map that knows these names. */
void schema_unknown_key(const schema_context *c, const yaml_node *key, const char *where,
                        const char *const *known, int n_known);

/* Reports key as one of other kinds of experiment. */
void schema_other_kind(const schema_context *c, const yaml_node *key, const char *where,
                       unsigned kinds);

/* One value of a filled struct, as a user would write it. */
typedef struct schema_value {
    const char *key; /* dotted path */
    const char *value;
    const yaml_node *given; /* NULL: the default stood */
    bool is_default;        /* has the default's value */
    bool no_default;        /* nothing stands where it is not given */
    bool not_identity;
    bool moves; /* from one value to another over the training, which no spec can write */
} schema_value;

typedef void (*schema_visit_fn)(const schema_value *v, void *arg);

/* Visits every scalar and list of a struct that schema_parse() filled from map (may be
 * NULL), in the order of the tables; a FIELD_NODE that was given as one line of YAML. */
void schema_walk(const schema_context *c, const schema *s, const void *base, const yaml_node *map,
                 const char *where, schema_visit_fn visit, void *arg);

/* The reference: every key with its domain, default and meaning. */
void schema_print_reference(const schema *s, const char *const *kinds, int indent, strbuf *out);

#endif
