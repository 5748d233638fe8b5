/*
 * run/interrupt.h - Ctrl-C: the first signal lets the step end and the run be
 * recorded, the second one ends the process.
 */
#ifndef RUN_INTERRUPT_H
#define RUN_INTERRUPT_H

#include <stdbool.h>

void interrupt_watch(void); /* SIGINT and SIGTERM, from now on */
bool interrupt_seen(void);

#endif
