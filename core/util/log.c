#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/str.h"

static log_level in_force = LOG_NORMAL;

void log_set_level(log_level level) { in_force = level; }

__attribute__((format(printf, 2, 0))) static void say(log_level level, const char *fmt,
                                                      va_list ap) {
    if (level > in_force) return;
    char *text = str_vformat(fmt, ap);
    str_print_line(stderr, "%s", text);
    free(text);
}

void log_info(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    say(LOG_NORMAL, fmt, ap);
    va_end(ap);
}

void log_verbose(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    say(LOG_VERBOSE, fmt, ap);
    va_end(ap);
}
