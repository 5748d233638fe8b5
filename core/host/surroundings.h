/*
 * host/surroundings.h - what of the process is no plugin's business: the floating-point
 * environment, the locale, the working folder, the umask, signals, timers, limits, the
 * environment variables, the standard files, other processes.
 */
#ifndef HOST_SURROUNDINGS_H
#define HOST_SURROUNDINGS_H

#include <stdbool.h>

/* Remembers what it is; for the whole process, as what it is about. */
void surroundings_note(void);
/* What changed since, in words ("the rounding mode"); NULL: nothing. It is set back where that
 * can be done. `all`: also what is slow to ask for. */
const char *surroundings_changed(bool all);

#endif
