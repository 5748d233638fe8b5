/*
 * host/trust.h - may this file be loaded? Loading a plugin is running a program, so
 * nobody else may be able to put one into its place.
 *
 * The file and the folders above it belong to root or to the user, and only their owner
 * can write there. A folder that all may write to but where only owners may remove (root's
 * /tmp) is accepted above the folder of the plugin, not as that folder. Writing by a
 * group is accepted if the group is the user's own and has no other member (where umask
 * is 002 every file is like that), except for root. Folders that the program itself lies
 * in are not asked: who can write there can as well replace the program.
 */
#ifndef HOST_TRUST_H
#define HOST_TRUST_H

#include <sys/stat.h>

/* NULL, or why not; free(). `path` is absolute and free of symbolic links. */
char *trust_folder(const char *path);
char *trust_file(const struct stat *s);

#endif
