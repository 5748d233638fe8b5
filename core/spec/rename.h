/*
 * spec/rename.h - model.rename: names in a file of weights to names of the model.
 *
 *   "layers.*.weight": "fc${1}.weight"     a glob; ${n}: what its n-th * or {} matched
 *   "qkv.weight[0:128]": q.weight          rows [0, 128) of the first dimension
 */
#ifndef SPEC_RENAME_H
#define SPEC_RENAME_H

#include "spec/schema.h"

typedef struct spec_rename {
    const char *from, *to; /* a glob without the slice; the name with its references */
    bool sliced;
    int64_t lo, hi; /* rows; hi -1: to the end */
    place at;       /* of the key */
} spec_rename;

/* The entries of a map, in the arena; errors at their places. Returns how many. */
int rename_read(const schema_context *c, const yaml_node *n, spec_rename **out);

#endif
