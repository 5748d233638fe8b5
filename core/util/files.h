/*
 * util/files.h - paths, whole files in, whole files out.
 */
#ifndef UTIL_FILES_H
#define UTIL_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

/* open() with the mode of results (0644), begun again where a signal interrupts it. */
int file_open(const char *path, int flags);

/* Reads all of a regular file of at most max_bytes into a buffer of its own
 * size + 1, NUL-terminated. Errors get the status `st`. free(*data) */
status file_read(const char *path, int64_t max_bytes, status st, diags *d, char **data, size_t *n);

/* The first n bytes of a regular file that is larger than `limit`, so that a look at them can spare
 * reading it; *data NULL: it is not that large. *size: of the file. free(*data) */
status file_head(const char *path, int64_t limit, size_t n, status st, diags *d, char **data,
                 int64_t *size);
/* The same of its last n bytes. */
status file_tail(const char *path, int64_t limit, size_t n, status st, diags *d, char **data);

/* A file that is written piece by piece and is there whole or not at all: temporary
 * file in the same folder, fsync, rename, fsync of the folder. Symbolic links are
 * followed and stay. What exists and is no regular file (/dev/stdout, /dev/null, a
 * FIFO that somebody reads) is written into as it is. Errors are ERR_RESOURCE. */
typedef struct file_out {
    char *path;   /* as the user named it                 */
    char *target; /* what it leads to                     */
    char *temp;   /* NULL: written into the target itself */
    int fd;
} file_out;
status file_out_open(file_out *f, const char *path, diags *d);
status file_out_add(file_out *f, const void *data, size_t n, diags *d);
status file_out_commit(file_out *f, diags *d); /* closes, also on failure */
void file_out_abort(file_out *f);

/* The same for what is whole in memory. */
status file_write(const char *path, const void *data, size_t n, diags *d);

bool file_exists(const char *path);
/* Do both lead to one regular file, or, where there is none yet, would they make the same one? */
bool file_same(const char *a, const char *b);
bool dir_exists(const char *path);
/* Creates the folder and its parents, and flushes to disk that they are there. */
status dir_make(const char *path, diags *d);

char *path_join(const char *dir, const char *name); /* name if it is absolute; free() */
/* How `path` is named from the folder `from`; absolute where one of them cannot be
 * resolved. free() */
char *path_relative(const char *from, const char *path);
/* realpath(); NULL if it leads nowhere. free() */
char *path_real(const char *path);
char *path_dir(const char *path);        /* "." if there is none; free() */
const char *path_base(const char *path); /* behind the last slash */
bool path_has_suffix(const char *path, const char *suffix);
/* The user's folder of our data: $XDG_DATA_HOME/quantbench, else
 * ~/.local/share/quantbench; NULL without an absolute HOME. It need not exist. free() */
char *path_of_user_data(void);
/* The folder of the running program; free() */
char *path_of_program(void);

/* SHA-256 of a file's content. */
status file_hash(const char *path, status st, diags *d, char hex[65]);

#endif
