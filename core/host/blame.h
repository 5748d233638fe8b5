/*
 * host/blame.h - whose code is running: so that when the process dies, or something that a
 * plugin did is found out, the right one is named, with function and site.
 */
#ifndef HOST_BLAME_H
#define HOST_BLAME_H

#include "host/instance.h"

/* About each call of a plugin's function, on the thread that calls (host/guarded.c does). */
void blame_begin(const instance *in, const char *slot);
void blame_end(void);

/* What the plugin did in the call that runs; the first is kept until blame_check(). Any
 * thread. */
void blame_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ERR_PLUGIN if something was noted since the last time; main thread, between calls. */
status blame_check(diags *d);

/* For the whole program: a signal that a plugin causes, an exit() that it calls, and a call
 * that does not come back for BLAME_SECONDS (QUANTBENCH_PLUGIN_SECONDS sets another limit) are
 * told with its name; the process then ends with ERR_PLUGIN. */
enum { BLAME_SECONDS = 300 };
void blame_watch(void);

/* Ends the process at once: the plugin that runs on this thread called this function. */
_Noreturn void blame_stop(const char *called);

/* Does a plugin's code run on this thread? */
bool blame_in_plugin(void);

#endif
