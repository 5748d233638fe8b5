/*
 * spec/language.h - the spec language as one table: every key with its type, range,
 * default and meaning. A new key is a line in language.c and a field in spec.h.
 */
#ifndef SPEC_LANGUAGE_H
#define SPEC_LANGUAGE_H

#include "spec/schema.h"

/* The top level; fills a `spec` (spec.h). */
extern const schema spec_schema;

/* The kinds by spec_kind: name, and in one clause what sets each apart. */
extern const char *const spec_kinds[];
extern const char *const spec_kind_notes[];

/* By spec_score; also the method in the store's table sensitivity. */
extern const char *const spec_scores[];
extern const char *const spec_compare_metrics[];

/* One key, `data`: the keys of data.test; fills a `spec_split` (spec.h). */
extern const schema eval_schema;

/* The host's keys of quant.weights and quant.activations; fills a `site_values`
 * (site.h). */
extern const schema site_schema;

#endif
