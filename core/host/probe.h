/*
 * host/probe.h - loading a plugin where it can do no harm: a file that was not seen yet is
 * loaded and unloaded in a child process first, all new files in one. If that dies they are
 * loaded one by one, each in a child of its own, so that the right one is blamed.
 */
#ifndef HOST_PROBE_H
#define HOST_PROBE_H

#include "host/image.h"

/* trouble[i]: NULL if image i loads without a crash, a hang or an exit and leaves the process
 * as it was (host/surroundings.h); else what happened ("crashed (SIGABRT) while loading"), free().
 * untried[i]: there was no process to do it in, which says nothing of the image.
 * Images may be closed already (fd < 0). A plugin that is refused for what it declares loads: who
 * loads it next says why. */
void probe_images(const plugin_image *images, int n, char *trouble[], bool untried[]);

#endif
