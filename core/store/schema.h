/*
 * store/schema.h - schema.sql as text, and whether a database has it.
 */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "store/handle.h"

char *schema_text(void); /* free() */

/* Every table and every view of the schema is there as it was made; and, where it is to be
 * written, no trigger changes what is. What else is in it is its owner's. ERR_STORE with the
 * name. */
status schema_check(store *s, bool writes, diags *d);

/* Reads all pages, once for each process that writes (280,000 points: 40 ms): SQLite writes into
 * a damaged file before it finds the damage. */
status schema_quick_check(store *s, diags *d);

#endif
