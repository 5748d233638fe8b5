/*
 * spec/candidates.h - sensitivity.candidates: what every layer is tried with.
 */
#ifndef SPEC_CANDIDATES_H
#define SPEC_CANDIDATES_H

#include "spec/site.h"

enum { CANDIDATES_MAX = 256 };

/* The sites of a list; {scheme: int, bits: [2, 4]} is two, later keys change fastest.
 * In the arena; errors at their places. Returns how many. */
int candidates_read(const schema_context *c, const yaml_node *n, site_spec **out);

/* "int bits=4 channel": the keys of a candidate as they were given. In the arena. */
const char *candidate_label(arena *a, const site_spec *s);

#endif
