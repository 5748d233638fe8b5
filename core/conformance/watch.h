/*
 * conformance/watch.h - what a plugin may not do behind the host's back: allocate, print,
 * start threads, change its surroundings (host/surroundings.h) or its own static variables.
 *
 * Calls of the C library are seen by changing the addresses that the loader wrote into the
 * plugin's table (host/imports.h).
 */
#ifndef CONFORMANCE_WATCH_H
#define CONFORMANCE_WATCH_H

#include <stdbool.h>

/* Finds the object that holds this address, and changes its table. */
void watch_plugin(const void *inside);

/* The function that the plugin called since the last time, NULL: none. Only calls on this
 * thread. */
const char *watch_allocated(void);
const char *watch_printed(void);
const char *watch_started(void); /* a thread; it did not get one */
/* Did it call what can change the state of the process? */
bool watch_touched(void);

/* Nothing may write to the static variables of the plugin until it is false again. */
void watch_protect(bool on);

#endif
