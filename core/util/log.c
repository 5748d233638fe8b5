#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "util/str.h"

static log_level in_force = LOG_NORMAL;

static char *shown_status; /* on the terminal at this moment */

void log_set_level(log_level level) { in_force = level; }

bool log_is_terminal(void) {
    static int known = -1;
    const char *term = getenv("TERM");
    if (known < 0) known = isatty(STDERR_FILENO) && (term == NULL || strcmp(term, "dumb") != 0);
    return known;
}

/* What fits in one line: a longer one could not be taken away again. */
static int terminal_columns(void) {
    struct winsize w;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0 ? w.ws_col : 80;
}

static void draw_status(void) {
    if (shown_status == NULL) return;
    const char *end = shown_status;
    for (int i = 1; *end != '\0' && i < terminal_columns(); i++) end += str_char_bytes(end);
    fprintf(stderr, "%.*s", (int)(end - shown_status), shown_status);
    fflush(stderr);
}

static void erase_status(void) {
    if (shown_status != NULL) fputs("\r\033[K", stderr);
}

void log_status(const char *line) {
    if (in_force == LOG_QUIET || !log_is_terminal()) return;
    erase_status();
    free(shown_status);
    shown_status = line != NULL ? str_escape(line) : NULL;
    draw_status();
}

__attribute__((format(printf, 2, 0))) static void say(log_level level, const char *fmt,
                                                      va_list ap) {
    if (level > in_force) return;
    char *text = str_vformat(fmt, ap);
    erase_status();
    str_print_line(stderr, "%s", text);
    draw_status();
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
