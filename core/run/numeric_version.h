#ifndef RUN_NUMERIC_VERSION_H
#define RUN_NUMERIC_VERSION_H

/* Part of every cache_key. Raised by each commit that may change any result or a
 * default, so that runs of before and after are never taken for one another. */
enum { NUMERIC_VERSION = 4 };

#endif
