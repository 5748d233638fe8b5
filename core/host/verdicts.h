/*
 * host/verdicts.h - what became of plugin files that were loaded in a child first: kept in
 * $XDG_CACHE_HOME/quantbench/plugins (else ~/.cache), so that only new files are tried and
 * one that crashed is not tried again before it changes.
 *
 * A file is known by path, size, time of change and SHA-256. Where the cache cannot be
 * read or written, every file is new: slower, never wrong.
 */
#ifndef HOST_VERDICTS_H
#define HOST_VERDICTS_H

#include <stdbool.h>

#include "host/image.h"

typedef struct verdict {
    char *line;          /* what it begins with identifies the file */
    const char *trouble; /* in the line: "" if it loaded */
} verdict;

typedef struct verdicts {
    char *path; /* NULL: there is no place for it */
    verdict *list;
    int n;
    bool changed;
} verdicts;

void verdicts_read(verdicts *v);
/* NULL: the file is new. "": it loaded. Else what happened when it was loaded. */
const char *verdicts_find(const verdicts *v, const plugin_image *m);
void verdicts_add(verdicts *v, const plugin_image *m, const char *trouble);
/* Forgets a file, whatever its content; was there a bad verdict? */
bool verdicts_forget(verdicts *v, const char *path);
/* Writes what changed and frees everything. */
void verdicts_close(verdicts *v);

#endif
