#include "host/trust.h"

#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/files.h"
#include "util/mem.h"
#include "util/str.h"

/* The user's private group: theirs, and nobody else is a member. */
static bool is_private_group(gid_t group) {
    static gid_t known;
    static int verdict = -1; /* one group is asked for again and again */
    if (verdict >= 0 && known == group) return verdict;
    struct passwd *user = geteuid() != 0 ? getpwuid(geteuid()) : NULL;
    known = group, verdict = 0;
    if (user == NULL || user->pw_gid != group) return false;
    char *name = mem_strdup(user->pw_name);
    struct group *g = getgrgid(group);
    verdict = g != NULL && strcmp(g->gr_name, name) == 0;
    for (char **m = g != NULL ? g->gr_mem : NULL; m != NULL && *m != NULL; m++)
        verdict &= strcmp(*m, name) == 0;
    free(name);
    return verdict;
}

static char *check(const struct stat *s, const char *what) {
    unsigned mode = (unsigned)s->st_mode & 07777;
    if (s->st_uid != 0 && s->st_uid != geteuid())
        return str_format("refused: %s belongs to user %u, neither to root nor to you", what,
                          (unsigned)s->st_uid);
    if (s->st_mode & S_IWOTH)
        return str_format("refused: %s is world-writable (mode %04o); chmod o-w", what, mode);
    if ((s->st_mode & S_IWGRP) && !is_private_group(s->st_gid))
        return str_format("refused: %s is group-writable (mode %04o); chmod g-w", what, mode);
    return NULL;
}

char *trust_file(const struct stat *s) { return check(s, "the file"); }

/* Does the program lie in the folder or below it? */
static bool holds_program(const char *folder) {
    static char *program;
    if (program == NULL) {
        char *dir = path_of_program();
        program = path_real(dir);
        free(dir);
    }
    size_t n = strlen(folder);
    if (program == NULL) return false;
    return strcmp(folder, "/") == 0 ||
           (strncmp(program, folder, n) == 0 && (program[n] == '/' || program[n] == '\0'));
}

char *trust_folder(const char *path) {
    char *at = mem_strdup(path), *why = NULL;
    for (bool above = false; why == NULL && !holds_program(at); above = true) {
        struct stat s;
        if (stat(at, &s) != 0) {
            why = str_format("refused: the folder %s cannot be looked at", at);
            break;
        }
        bool sticky = above && s.st_uid == 0 && (s.st_mode & S_ISVTX);
        char *what = str_format("the folder %s", at);
        if (!sticky) why = check(&s, what);
        free(what);
        char *slash = strrchr(at, '/');
        if (slash == NULL) break;
        slash[slash == at] = '\0'; /* the root keeps its slash */
    }
    free(at);
    return why;
}
