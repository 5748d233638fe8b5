/*
 * spec/field.h - one field of a table (spec/schema.h): what may stand there in words, a
 * scalar or list read from YAML, and printed as a user would write it. For spec/ alone;
 * maps and variants are schema.c's.
 */
#ifndef SPEC_FIELD_H
#define SPEC_FIELD_H

#include "spec/schema.h"

int field_count_choices(const char *const *choices);
int field_find_choice(const char *const *choices, const char *text); /* -1: none of them */

/* The dotted path of a key below `where`; in the arena or key itself. */
const char *field_path(const schema_context *c, const char *where, const char *key);

/* Does this kind of experiment have the key? */
bool field_is_legal(const schema_context *c, const field *f);

/* What may stand at the field, in words: "an integer in [1, 8]". */
void field_print_domain(const field *f, strbuf *out);

/* The names of a set, bit i for names[i]: "qat, ptq". */
void field_print_set(const char *const *names, unsigned set, strbuf *out);

/* Reports that n is nothing that may stand there. */
void field_wrong(const schema_context *c, const field *f, const yaml_node *n, const char *where);

/* Hints at the decimal digits of a number in another notation: 010, 0x10, 0o10, 1:30. */
void field_suggest_decimal(const schema_context *c, const char *text);

/* Hints at the choice that n may mean. */
void field_suggest(const schema_context *c, const field *f, const yaml_node *n);

/* Sets the scalar or list at `to` from n; after an error, which goes to c->d, a scalar
 * is as it was. */
void field_parse(const schema_context *c, const field *f, const yaml_node *n, const char *where,
                 void *to);

/* The scalar or list that stands at `at`, as a user would write it. */
void field_print(const field *f, const void *at, strbuf *out);

#endif
