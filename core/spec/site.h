/*
 * spec/site.h - what a spec says of one kind of site (weights, activations):
 * keys that merge rule by rule, and the quantizer configuration they mean.
 */
#ifndef SPEC_SITE_H
#define SPEC_SITE_H

#include "host/params.h"
#include "host/registry.h"
#include "spec/schema.h"

typedef enum site_granularity {
    SITE_OWN = 0,
    SITE_TENSOR,
    SITE_CHANNEL,
    SITE_GROUP,
    SITE_TOKEN
} site_granularity;

/* The keys given so far; later ones win. Borrowed from the tree. */
typedef struct site_spec {
    const yaml_node **keys, **values;
    int n;
    bool given; /* be it without a key: {} */
    place at;   /* of what was given first */
} site_spec;

/* The host's keys of s as a map of their own. */
yaml_node site_host_keys(arena *a, const site_spec *s, const place *at);

/* Typed. */
typedef struct site_config {
    plugin_choice scheme; /* plugin NULL: float */
    place at;             /* of the scheme's name */
    place group_at;       /* of group_size, else as at */
    int granularity;      /* site_granularity */
    int64_t group_size;   /* 0: the scheme's own */
    int ragged;           /* 0 error, 1 short */
    int scale_dtype;      /* 0 f32, 1 f16 */
    int round;            /* as in plugin.h: even, away, up, down, floor, ceil, stochastic */
} site_config;

/* The keys of a node: a map, or a bare scheme name. */
site_spec site_keys(const schema_context *c, const yaml_node *n, const char *where);

bool site_has_key(const site_spec *s, const char *key);
const char *site_text(const site_spec *s, const char *key); /* of a scalar; NULL */
bool site_is_host_key(const char *key);                     /* not a parameter of the scheme */
bool site_is_for_activations(const char *key);              /* a host's key that weights lack */

/* base with over's keys on top; another scheme drops the old one's parameters. */
site_spec site_merge(arena *a, const site_spec *base, const site_spec *over);

/* Types and checks the keys; errors at their places. `where`: "quant.weights". */
site_config site_resolve(const schema_context *c, const registry *r, const site_spec *s,
                         const char *where, bool activations);

/* A plugin by bare name or as a map {type, parameters}: ste and packer. plugin
 * NULL after an error, or for `none` of nothing. */
plugin_choice plugin_resolve(const schema_context *c, const registry *r, qb_kind kind,
                             const yaml_node *n, const char *where);

enum { SITE_MAX_KEYS = 16 };

/* The host's own keys of a site (language.c), beside the scheme's parameters. */
typedef struct site_values {
    int granularity, ragged, scale_dtype, round, dynamic;
    int64_t group_size;
} site_values;

#endif
