#include "report/gnuplot.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/files.h"
#include "util/mem.h"
#include "util/process.h"

enum { PICTURE_MAX = 32 << 20, SECONDS = 30 };

static const char *suffix_of(medium to) {
    return to == MEDIUM_SVG ? "svg" : to == MEDIUM_PNG ? "png" : "txt";
}

bool gnuplot_is_there(void) {
    char *file = process_find("gnuplot");
    free(file);
    return file != NULL;
}

static status missing(diags *d) {
    diag_error(d, ERR_RESOURCE, "pictures need gnuplot, which is not installed");
    diag_hint(d, "apt-get install gnuplot-nox; or another package of gnuplot 5.4 or newer");
    return ERR_RESOURCE;
}

/* The first line that is no warning. */
static char *reason(const process_end *end) {
    const char *p = end->err;
    while (*p != '\0') {
        size_t n = strcspn(p, "\n");
        char *line = mem_strndup(p, n);
        bool says = n > 0 && strstr(line, "warning") == NULL && line[strspn(line, " \t^")] != '\0';
        if (says) {
            char *safe = str_escape(line);
            free(line);
            return safe;
        }
        free(line);
        p += n + (p[n] == '\n');
    }
    return mem_strdup("it says nothing");
}

static status run_script(const figure *f, const char *dir, diags *d) {
    char *script = str_format("%s.gp", f->kind);
    /* -d: without the settings of the user, which could be anything */
    const char *const argv[] = {"gnuplot", "-d", script, NULL};
    process_end end;
    status bad = process_run(&(process){.argv = argv, .dir = dir, .timeout = SECONDS}, d, &end);
    if (!bad && end.timed_out) {
        bad = diag_error(d, ERR_RESOURCE, "gnuplot did not end within %d s", SECONDS);
    } else if (!bad && end.exit != 0) {
        char *why = reason(&end);
        bad = diag_error(d, ERR_RESOURCE, "gnuplot failed (exit %d): %s", end.exit, why);
        diag_hint(d, "gnuplot 5.4 or newer is needed");
        free(why);
    }
    process_end_free(&end);
    free(script);
    return bad;
}

static status draw_in(const figure *f, const char *dir, diags *d, char **data, size_t *n) {
    char *tsv = str_format("%s/%s.tsv", dir, f->kind), *gp = str_format("%s/%s.gp", dir, f->kind),
         *out = str_format("%s/%s.%s", dir, f->kind, suffix_of(f->c.to));
    status bad = file_write(tsv, f->tsv.s, f->tsv.len, d);
    if (!bad) bad = file_write(gp, f->gp.s, f->gp.len, d);
    if (!bad) bad = run_script(f, dir, d);
    if (!bad && !file_exists(out)) bad = diag_error(d, ERR_RESOURCE, "gnuplot drew nothing");
    if (!bad) bad = file_read(out, PICTURE_MAX, ERR_RESOURCE, d, data, n);
    unlink(tsv), unlink(gp), unlink(out);
    free(tsv), free(gp), free(out);
    return bad;
}

status gnuplot_draw(const figure *f, diags *d, char **data, size_t *n) {
    *data = NULL, *n = 0;
    if (!gnuplot_is_there()) return missing(d);
    const char *temp = getenv("TMPDIR");
    char *dir =
        str_format("%s/quantbench-plot-XXXXXX", temp != NULL && *temp == '/' ? temp : "/tmp");
    status bad = mkdtemp(dir) != NULL
                     ? draw_in(f, dir, d, data, n)
                     : diag_error(d, ERR_RESOURCE, "%s: no folder for temporary files", dir);
    rmdir(dir);
    free(dir);
    return bad;
}
