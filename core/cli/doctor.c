#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "cli/cli.h"
#include "host/registry.h"
#include "report/table.h"
#include "run/environment.h"
#include "store/store.h"
#include "util/files.h"
#include "util/json.h"
#include "util/mem.h"
#include "util/process.h"
#include "util/str.h"

/* missing: something cannot be done; broken: nothing can be relied on. */
typedef enum health { FINE, MISSING, BROKEN } health;
static const char *const health_names[] = {"ok", "missing", "broken"};

typedef struct doctor {
    const cli_args *a;
    table t;
    int found[3];
} doctor;

/* One line of the answer; remedy: a command or a sentence, NULL for none. */
static void say(doctor *o, health h, const char *what, const char *remedy, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
static void say(doctor *o, health h, const char *what, const char *remedy, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *text = str_vformat(fmt, ap);
    va_end(ap);
    o->found[h]++;
    if (cli_has(o->a, "--json")) {
        json_t *line = json_object();
        json_set_str(line, "what", what);
        json_set_str(line, "state", health_names[h]);
        json_set_str(line, "text", text);
        json_set_str(line, "remedy", remedy);
        json_print_line(line, stdout);
    } else {
        table_add_text(&o->t, health_names[h]);
        table_add_text(&o->t, what);
        table_add(&o->t, "%s%s%s", text, remedy != NULL ? "; " : "", remedy != NULL ? remedy : "");
    }
    free(text);
}

static double gib(double bytes) { return bytes / (double)(1 << 30); }

/* ---- the machine ---- */

static void check_machine(doctor *o) {
    environment e;
    environment_read(&e);
    say(o, FINE, "program", NULL, "quantbench %s (%s)", e.version, e.git_commit);
    say(o, FINE, "cpu", NULL, "%s, %d threads, %.1f GiB of memory", e.cpu, e.threads,
        gib((double)environment_memory_bytes()));
    say(o, FINE, "kernels", NULL, "%s in force; this build has %s", e.simd,
        environment_simd_levels());
    say(o, FINE, "products", NULL, "%s", e.blas);
}

/* ---- what the program needs beside itself ---- */

static void check_plugins(doctor *o) {
    registry r;
    int kinds[4] = {0};
    registry_scan(&r);
    for (int i = 0; i < r.n; i++) kinds[r.plugins[i]->entry.kind]++;
    if (r.n == 0)
        say(o, BROKEN, "plugins", "`make` builds them; QUANTBENCH_PLUGIN_PATH adds folders",
            "none found");
    else
        say(o, FINE, "plugins", NULL, "%d schemes, %d packers, %d estimators", kinds[QB_SCHEME],
            kinds[QB_PACKER], kinds[QB_STE]);
    for (int i = 0; i < r.failures.n; i++)
        say(o, BROKEN, "plugins", "repair or remove it", "%s", r.failures.list[i].message);
    registry_fini(&r);
}

static void check_gnuplot(doctor *o) {
    const char *const argv[] = {"gnuplot", "--version", NULL};
    static const char *const remedy = "apt-get install gnuplot-nox";
    process_end end;
    diags quiet;
    diags_init(&quiet);
    int major = 0, minor = 0;
    status bad = process_run(&(process){.argv = argv, .timeout = 10}, &quiet, &end);
    if (bad) {
        say(o, MISSING, "gnuplot", remedy,
            "not found: `plot` and the pictures of `report` need it");
    } else if (end.exit != 0 || sscanf(end.out, "gnuplot %d.%d", &major, &minor) != 2 ||
               major * 100 + minor < 504) {
        say(o, MISSING, "gnuplot", remedy, "5.4 or newer is needed");
    } else {
        say(o, FINE, "gnuplot", NULL, "%d.%d", major, minor);
    }
    if (!bad) process_end_free(&end);
    diags_fini(&quiet);
}

/* ---- where results and data are ---- */

static void check_database(doctor *o) {
    diags d;
    diags_init(&d);
    char *path;
    store *s = NULL;
    cli_args own = *o->a;
    own.d = &d;
    status bad = cli_db_path(&own, false, &path);
    bool there = !bad && file_exists(path);
    if (there) bad = store_open(path, true, &d, &s);
    char *folder = bad ? NULL : path_dir(path);
    struct statvfs fs;
    if (bad)
        say(o, BROKEN, "database", d.list[0].hint, "%s", d.list[0].message);
    else if (dir_exists(folder) && access(folder, W_OK) != 0)
        say(o, BROKEN, "database", "name another with --db or QUANTBENCH_DB", "%s: %s", folder,
            strerror(errno));
    else if (statvfs(dir_exists(folder) ? folder : ".", &fs) == 0)
        say(o, FINE, "database", NULL, "%s%s, %.1f GiB free", path, there ? "" : " (not there yet)",
            gib((double)fs.f_bavail * (double)fs.f_frsize));
    store_close(s);
    free(folder);
    free(path);
    diags_fini(&d);
}

static void check_data(doctor *o) {
    static const char *const remedy = "the glyphs are in the program; MNIST needs mnist/ there";
    const char *dir = getenv("QUANTBENCH_DATA");
    if (dir == NULL || *dir == '\0')
        say(o, FINE, "data", remedy, "QUANTBENCH_DATA is not set");
    else if (!dir_exists(dir))
        say(o, BROKEN, "data", "set QUANTBENCH_DATA to a folder", "%s: no such folder", dir);
    else {
        char *mnist = path_join(dir, "mnist");
        say(o, FINE, "data", NULL, "%s, with%s mnist/", dir, dir_exists(mnist) ? "" : "out");
        free(mnist);
    }
}

static status run(const cli_args *a) {
    static const char *const heads[] = {"state", "what", "", NULL};
    doctor o = {.a = a};
    table_open(&o.t, heads);
    check_machine(&o);
    check_plugins(&o);
    check_gnuplot(&o);
    check_database(&o);
    check_data(&o);
    if (!cli_has(a, "--json")) table_print(&o.t, stdout);
    table_close(&o.t);
    if (o.found[BROKEN] == 0) return OK;
    diag_error(a->d, ERR_RESOURCE, "%d of the above %s broken", o.found[BROKEN],
               o.found[BROKEN] == 1 ? "is" : "are");
    diag_hint(a->d, "each line says what helps");
    return ERR_RESOURCE;
}

const verb verb_doctor = {
    .name = "doctor",
    .words = "",
    .summary = "what this machine has, what is missing and what helps",
    .text = "ok: it is there. missing: the program works without it, but for what the line says.\n"
            "broken: exit code 7.\n",
    .options = {{"--db", "FILE", "the results database to look at"},
                {"--json", NULL, "one JSON object a line"}},
    .run = run,
};
