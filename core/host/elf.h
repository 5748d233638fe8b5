/*
 * host/elf.h - is this file a shared object that can be loaded here?
 *
 * dlopen() of a truncated file dies of SIGBUS, and of one for another machine it
 * says "No such file": so we read the headers ourselves first.
 */
#ifndef HOST_ELF_H
#define HOST_ELF_H

#include <stddef.h>

/* NULL if the bytes are a complete 64-bit shared object for this machine, else what is
 * wrong; free(). */
char *elf_check(const void *bytes, size_t n);

/* The symbols that it exports: how many, -1 where it does not say (no section headers).
 * The first `most` names are borrowed from the bytes, which elf_check() has passed. */
int elf_exports(const void *bytes, size_t n, const char *names[], int most);

#endif
