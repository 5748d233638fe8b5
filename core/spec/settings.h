/*
 * spec/settings.h - values that come to a spec from elsewhere: --set, the axes of a
 * sweep, its baseline. They know the language: a bare name becomes a mapping where
 * a key is set below it, another scheme or type drops what belonged to the old one.
 */
#ifndef SPEC_SETTINGS_H
#define SPEC_SETTINGS_H

#include "spec/schema.h"

typedef struct setting {
    const char *path; /* "quant.weights.bits" */
    place at;         /* of the key */
    yaml_node *value;
} setting;

/* Puts the value into the tree; an error where something is in the way. */
status setting_put(const schema_context *c, yaml_node *root, const setting *s);

/* The value at a path; of "quant.weights.scheme" also where `weights: NAME` stands. */
const yaml_node *setting_get(const yaml_node *root, const char *path);

/* Reports the values of a list that stand in it twice. */
status setting_unique(const schema_context *c, const char *path, const yaml_node *list);

/* All values that `value` at `path` means: lists that stand where one value is wanted
 * become alternatives, several of them their product, the first one slowest. In
 * the arena; an error beyond `max`. */
status setting_alternatives(const schema_context *c, const char *path, yaml_node *value, int max,
                            yaml_node ***out, int *n);

/* Puts what --set says, "PATH=VALUE" each, into the tree: several values where one is
 * wanted are an axis of the sweep. One that is wrong is left out, so that the errors of
 * the others and of the file are found too; the first is returned. root NULL: the settings
 * are only checked. */
status settings_apply(const schema_context *c, yaml_node *root, const char *const *settings, int n);

#endif
