/*
 * host/registry.h - which plugins there are.
 *
 * Searched, in this order: the folders of QUANTBENCH_PLUGIN_PATH, `plugins`
 * beside the program (as built), ../lib/quantbench/plugins (as installed) and
 * quantbench/plugins in the user's data folder; of each also its subfolders
 * schemes, packers and ste. A file that does not load does not stop the others: a file that
 * was not seen before is loaded in a child first (host/probe.h, host/verdicts.h), and what
 * others could have changed is refused (host/trust.h).
 */
#ifndef HOST_REGISTRY_H
#define HOST_REGISTRY_H

#include "host/plugin_file.h"

typedef struct registry {
    plugin **plugins; /* by kind, then name */
    int n;
    diags failures; /* of files that did not load */
    char **failed;  /* their paths */
    int n_failed;
    char **dirs; /* searched */
    int n_dirs;
} registry;

void registry_scan(registry *r);
/* The same, and ERR_RESOURCE where a file could not be looked at for want of memory, files or
 * processes: what is installed cannot be known then. registry_fini() in any case. */
status registry_open(registry *r, diags *d);
void registry_fini(registry *r);

/* NULL if there is none. */
const plugin *registry_find(const registry *r, qb_kind kind, const char *name);

/* Why `name` is not there although a file of that name is: the message of its
 * failure, or NULL. */
const char *registry_failure(const registry *r, const char *name);

/* The names of a kind, sorted: an array of *n, free() the array. */
const char **registry_names(const registry *r, qb_kind kind, int *n);

#endif
