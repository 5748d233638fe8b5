#include "run/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "util/log.h"
#include "util/str.h"

enum { BAR = 20 };
static const double REDRAW_SECONDS = 0.1, LINE_SECONDS = 30;

static struct {
    int runs, made;
    const char *name;
    double opened, begun, said;
} now;

void progress_open(int runs) {
    memset(&now, 0, sizeof now);
    now.runs = runs;
    now.opened = clock_seconds();
}

void progress_close(void) { log_status(NULL); }

void progress_skip(void) { now.runs--; }

void progress_begin(const char *name) {
    now.name = name;
    now.begun = now.said = clock_seconds();
}

void progress_end(void) {
    now.made++;
    log_status(NULL);
}

/* From what was made so far, this run's part included. */
static double seconds_left(double fraction) {
    double done = now.made + fraction;
    return done > 0 ? (clock_seconds() - now.opened) / done * (now.runs - done) : 0;
}

static void add_bar(strbuf *b, double fraction) {
    int full = (int)(fraction * BAR + 0.5);
    for (int i = 0; i < BAR; i++) strbuf_add(b, i < full ? "\xe2\x96\x88" : "\xe2\x96\x91");
}

char *progress_line(int64_t done, int64_t of, double samples_per_second, bool bar) {
    double fraction = of > 0 ? (double)done / (double)of : 0;
    char speed[32], left[32];
    strbuf line = {0};
    str_thousands(speed, (int64_t)samples_per_second);
    str_duration(left, seconds_left(fraction));
    strbuf_addf(&line, "[%d/%d] %s  ", now.made + 1, now.runs, now.name);
    if (bar) add_bar(&line, fraction);
    strbuf_addf(&line, " %3.0f %%  %s samples/s  %s left", 100 * fraction, speed, left);
    return line.s;
}

void progress_step(int64_t done, int64_t of, double samples_per_second) {
    double time = clock_seconds();
    bool terminal = log_is_terminal();
    if (time - now.said < (terminal ? REDRAW_SECONDS : LINE_SECONDS)) return;
    now.said = time;
    char *line = progress_line(done, of, samples_per_second, terminal);
    if (terminal)
        log_status(line);
    else
        log_info("%s", line);
    free(line);
}
