/*
 * run/interrupt.h - Ctrl-C: the first signal lets the step end and the run be
 * recorded, the second one ends the process with ERR_INTERRUPTED at once: its run is
 * recorded by the next process (run/claim.h).
 */
#ifndef RUN_INTERRUPT_H
#define RUN_INTERRUPT_H

#include <stdbool.h>

/* SIGINT, SIGTERM, SIGXCPU and, unless it is ignored (nohup), SIGHUP; from now on. */
void interrupt_watch(void);
bool interrupt_seen(void);

#endif
