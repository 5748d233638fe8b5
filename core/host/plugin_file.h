/*
 * host/plugin_file.h - one loaded plugin: the checked copy of what its file
 * exports. Loading runs no plugin function.
 */
#ifndef HOST_PLUGIN_FILE_H
#define HOST_PLUGIN_FILE_H

#include <quantbench/plugin.h>

#include "host/image.h"
#include "util/err.h"
#include "util/hash.h"

enum { PLUGIN_MAX_PARAMS = 32, PLUGIN_MAX_NAME = 32 };

typedef union plugin_table { /* by the kind of the plugin */
    qb_scheme scheme;
    qb_packer packer;
    qb_ste ste;
} plugin_table;

typedef struct plugin {
    qb_plugin entry; /* fields beyond the plugin's size are 0; strings are the file's */
    qb_param params[PLUGIN_MAX_PARAMS];
    int n_params;
    union { /* the plugin's functions; those beyond its table are NULL */
        qb_scheme scheme;
        qb_packer packer;
        qb_ste ste;
    };
    plugin_table guarded; /* the same with guards about them: host/guarded.h */
    char *path;
    char sha256[HASH_HEX];
    void *handle; /* of dlopen() */
} plugin;

/* "scheme", "packer", "ste"; NULL for another number. */
const char *plugin_kind_name(qb_kind kind);

/* Loads the file for the life of the process. Errors are ERR_PLUGIN and say the
 * path. plugin_free(), never the code behind it. */
status plugin_load(const char *path, diags *d, plugin **p);
/* The same of a file that is open; takes it. */
status plugin_load_image(plugin_image *m, diags *d, plugin **p);
void plugin_free(plugin *p);
/* Removes its code too, which runs its destructors: in a child. */
void plugin_unload(plugin *p);

/* Reads all that the tables of a plugin point at: in a child (host/probe.h), where a
 * pointer into nowhere harms nobody. How many letters that is. */
size_t plugin_touch(const plugin *p);

#endif
