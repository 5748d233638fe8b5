/*
 * host/image.h - the file of a plugin, read and checked, before any of its code runs.
 *
 * What is loaded is what was checked: the bytes are read once, hashed, and kept in memory
 * under a file descriptor that dlopen() gets. A file that is changed afterwards, also one
 * that is cut off while a run uses it, changes nothing.
 */
#ifndef HOST_IMAGE_H
#define HOST_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "util/err.h"
#include "util/hash.h"

typedef struct plugin_image {
    char *path; /* as it was named */
    int fd;     /* of the copy in memory */
    int64_t size, mtime_ns;
    char sha256[HASH_HEX];
} plugin_image;

/* Errors are ERR_PLUGIN and say the path: what host/trust.h refuses, what is no shared
 * object for this machine; ERR_RESOURCE if it could not be read for want of anything. */
status image_open(plugin_image *m, const char *path, diags *d);
/* Closes the copy unless it was loaded. */
void image_close(plugin_image *m);

/* Its bytes; munmap(). NULL without memory. */
void *image_map(const plugin_image *m);

/* dlopen() of the copy: the handle, or NULL and what is wrong in *why; free(). The
 * descriptor then stays open for the life of the process: the loader knows files by name,
 * and a number that is used again would be the wrong one. */
void *image_load(plugin_image *m, char **why);

#endif
