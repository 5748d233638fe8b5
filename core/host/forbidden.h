/*
 * host/forbidden.h - functions of the C library that end, leave or change the process, or start
 * a thread: a plugin that calls one during a run ends it, with its name (exit code 5).
 */
#ifndef HOST_FORBIDDEN_H
#define HOST_FORBIDDEN_H

#include "host/plugin_file.h"

/* From now on; once for each plugin, before its first call. */
void forbidden_replace(const plugin *p);

#endif
