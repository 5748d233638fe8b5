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

/* Edges before and behind n bytes that a function may write, GUARDED_EDGE bytes each; and,
 * between blame_begin() and blame_end(), what it did to them ("wrote behind its codes"). */
enum { GUARDED_EDGE = 64 };
void guarded_edges(uint8_t *p, int64_t n);
void guarded_check_edges(const uint8_t *p, int64_t n, const char *what);

/* The bytes before an instance, where its guards find it: 64, so that it stays aligned. */
enum { GUARDED_HEAD = 64 };
void guarded_set(void *self, instance *in);

#endif
