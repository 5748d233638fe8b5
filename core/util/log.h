/*
 * util/log.h - what the program says while it works, on stderr. Data goes to
 * stdout, errors go through diags.
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include <stdbool.h>

typedef enum log_level { LOG_QUIET = 0, LOG_NORMAL = 1, LOG_VERBOSE = 2 } log_level;

void log_set_level(log_level level);
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* A line that is rewritten in place, below what log_info() says; NULL takes it away.
 * Nothing where stderr is no terminal. */
void log_status(const char *line);
bool log_is_terminal(void);
void log_verbose(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
