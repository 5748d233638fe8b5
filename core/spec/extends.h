/*
 * spec/extends.h - `extends: FILE` or a list of files: what a spec builds on.
 */
#ifndef SPEC_EXTENDS_H
#define SPEC_EXTENDS_H

#include "spec/schema.h"

enum { EXTENDS_MAX_DEPTH = 16 };

/* Replaces *root, read from `path`, by its merge with the files that it extends (the
 * later one on top, the spec itself on top of all); the key is gone afterwards. The
 * texts of those files are appended to sources. Errors name both files. */
status extends_resolve(const schema_context *c, const char *path, yaml_node **root,
                       strbuf *sources);

#endif
