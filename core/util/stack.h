/*
 * util/stack.h - as much stack as the program is written for, whatever RLIMIT_STACK says.
 */
#ifndef UTIL_STACK_H
#define UTIL_STACK_H

/* Calls f(arg) on this thread, where the limit is small on a stack of its own. Returns what f
 * does, or -1 if there is no memory for it. */
int stack_call(int (*f)(void *arg), void *arg);

/* RLIMIT_STACK is smaller than what we use. */
int stack_is_small(void);

#endif
