/*
 * host/guarded.h - the functions of a plugin as the host calls them: each says whose code
 * runs (host/blame.h), and what is cheap to find out about a call is found out: codes that
 * are no levels, writes beside the metadata, another rounding mode.
 */
#ifndef HOST_GUARDED_H
#define HOST_GUARDED_H

#include "host/instance.h"

/* Fills p->guarded, whose functions take instances of host/instance.h alone. */
void guarded_table(plugin *p);

/* Was the floating-point environment (rounding, subnormal numbers) another one? Then it is
 * set back. */
bool guarded_reset_fenv(void);

/* The bytes before an instance, where its guards find it: 64, so that it stays aligned. */
enum { GUARDED_HEAD = 64 };
void guarded_set(void *self, instance *in);

#endif
