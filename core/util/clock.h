/*
 * util/clock.h - time for people and for measurements.
 */
#ifndef UTIL_CLOCK_H
#define UTIL_CLOCK_H

double clock_seconds(void);        /* monotonic, for differences */
double clock_cpu_seconds(void);    /* of this process, all threads */
double clock_thread_seconds(void); /* of CPU, of this thread alone */
void clock_utc_now(char out[32]);  /* 2026-11-21T08:15:00Z */

#endif
