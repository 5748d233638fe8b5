/*
 * host/imports.h - which functions of the C library a loaded plugin calls: the addresses that
 * the loader wrote into its table are changed (x86-64 and aarch64).
 */
#ifndef HOST_IMPORTS_H
#define HOST_IMPORTS_H

#include <stddef.h>
#include <stdint.h>

typedef struct import {
    const char *name;
    void (*to)(void); /* of the type of what it stands for */
} import;

/* The object that holds the address `inside` calls these instead, as far as it calls them. */
void imports_replace(const void *inside, const import *list, int n);

/* Its writable memory, whole pages. */
void imports_data(const void *inside, void (*each)(uint8_t *start, size_t bytes));

#endif
