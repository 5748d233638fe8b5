#include "conformance/conformance.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "conformance/cases.h"
#include "conformance/watch.h"
#include "host/elf.h"
#include "host/probe.h"
#include "host/surroundings.h"
#include "util/clock.h"
#include "util/hash.h"
#include "util/mem.h"
#include "util/parallel.h"

enum { LOADING = -1, EACH_SECONDS = 5, ALL_SECONDS = 45, CRASHES_MAX = 3 };

typedef struct work_order {
    plugin_image *image;
    const check_options *o;
    int from; /* the first check */
    check_report *r;
} work_order;

/* ---- in the child ---- */

/* A plugin has one name for the host; another could be taken for that of a library. */
static void check_exports(checker *k, const plugin_image *m) {
    const char *names[8];
    void *bytes = image_map(m);
    if (bytes == NULL) return;
    int n = elf_exports(bytes, (size_t)m->size, names, 8);
    for (int i = 0; i < n && i < 8; i++)
        if (strcmp(names[i], "qb_plugin_entry") != 0)
            checker_fail(k,
                         "it exports %d symbols, also %s: declare it static or compile with "
                         "-fvisibility=hidden",
                         n, names[i]);
    munmap(bytes, (size_t)m->size);
}

static void tell_plugin(child *c, const plugin *p) {
    strbuf b = {0};
    const char *kind = plugin_kind_name(p->entry.kind);
    strbuf_addn(&b, kind, strlen(kind) + 1);
    strbuf_addn(&b, p->entry.name, strlen(p->entry.name) + 1);
    strbuf_addn(&b, p->entry.version, strlen(p->entry.version) + 1);
    child_send(c, MESSAGE_PLUGIN, b.s, b.len);
    strbuf_fini(&b);
}

/* The plugin, loaded with everything watched; NULL: said why not. */
static const plugin *load(checker *k, plugin_image *m) {
    plugin *p;
    diags d;
    plugin_image copy = *m;
    copy.path = mem_strdup(m->path);
    diags_init(&d);
    k->slot = "loading";
    k->c->page->at = LOADING;
    surroundings_note();
    child_doing(k->c, "loading");
    status bad = plugin_load_image(&copy, &d, &p);
    const char *changed = surroundings_changed(true);
    if (bad) {
        const char *text = d.list[0].message; /* "PATH: what is wrong" */
        size_t n = strlen(m->path);
        checker_fail(k, "%s", strncmp(text, m->path, n) == 0 ? text + n + 2 : text);
        return NULL;
    }
    plugin_touch(p);
    k->p = p;
    tell_plugin(k->c, p);
    if (changed != NULL) checker_fail(k, "a constructor changes %s", changed);
    return p;
}

static void open_guards(checker *k) {
    const size_t floats = 4 * GROUP_MAX, bytes = GROUP_MAX + 1;
    guard_open(&k->self, "its instance", k->p->entry.instance_size);
    guard_open(&k->x, "x", floats);
    guard_open(&k->meta, "meta", (size_t)256 * GROUPS_MAX * sizeof(float));
    guard_open(&k->code, "code", bytes);
    guard_open(&k->back, "code", bytes);
    guard_open(&k->y, "y", floats);
    guard_open(&k->dy, "dy", floats);
    guard_open(&k->dx, k->p->entry.kind == QB_STE ? "dx" : "y", floats);
    guard_open(&k->src, "the packed bytes", (size_t)8 << 20);
    guard_open(&k->stat, "stat", 256 * sizeof(double));
    guard_open(&k->state, "state", 64);
}

static void tell_check(checker *k, int type, const char *name) {
    char text[96];
    int n = snprintf(text, sizeof text, "%s", name) + 1;
    n += snprintf(text + n, sizeof text - (size_t)n, "%" PRIu64, k->cases) + 1;
    child_send(k->c, type, text, (size_t)n);
}

static uint64_t seed_of(uint64_t seed, const char *name) {
    return data_key(seed, digest(0, name, strlen(name)), 0) | 1;
}

static void run_check(checker *k, const check_entry *e, const check_options *o) {
    k->now = e;
    k->failed = false;
    k->cases = 0;
    k->calls = 0;
    k->seed = seed_of(o->seed, e->name);
    k->setting_text[0] = k->c->page->with[0] = '\0';
    tell_check(k, MESSAGE_CHECK, e->name);
    e->run(k);
    const char *changed = surroundings_changed(true);
    if (changed != NULL) checker_fail(k, "something changed %s during this check", changed);
    tell_check(k, k->failed ? MESSAGE_CHECK : MESSAGE_PASSED, k->failed ? "" : e->name);
}

static void work_off(child *c, void *arg) {
    const work_order *w = arg;
    checker *k = mem_calloc(1, sizeof *k);
    k->c = c;
    k->settings = w->o->settings;
    guard_watch(c);
    parallel_set_threads(1);
    bool loading = w->from == LOADING && (w->o->only == NULL || strcmp(w->o->only, "load") == 0);
    if (loading) tell_check(k, MESSAGE_CHECK, "load");
    if (load(k, w->image) == NULL) return;
    if (loading && !k->failed) check_exports(k, w->image);
    if (loading && !k->failed) tell_check(k, MESSAGE_PASSED, "load");
    open_guards(k);
    watch_plugin(k->p->entry.table);
    const check_entry *e = check_entries(k->p->entry.kind);
    for (int i = 0; e[i].name != NULL; i++) {
        c->page->at = i;
        if (i < w->from || (w->o->only != NULL && strcmp(w->o->only, e[i].name) != 0)) continue;
        run_check(k, &e[i], w->o);
    }
}

/* ---- in the parent ---- */

static check_finding *add_finding(check_report *r, const char *check) {
    r->findings = mem_realloc(r->findings, (size_t)(r->n + 1) * sizeof *r->findings);
    r->findings[r->n] = (check_finding){.check = mem_strdup(check)};
    return &r->findings[r->n++];
}

/* Of a check that could not say it itself; takes message. */
static void add_failure(check_report *r, const char *check, const char *slot, const char *with,
                        char *message) {
    check_finding *f = add_finding(r, check);
    f->slot = mem_strdup(slot);
    f->with = mem_strdup(with);
    f->message = message;
    r->failed++;
}

/* The check that is running is the last that was named. */
static char running[32];

static void set_text(char **to, const char *text) {
    free(*to);
    *to = mem_strdup(text);
}

/* Texts one behind the other, each with its NUL; "" behind the last. */
static const char *next(const char *text, const char *end) {
    const char *at = text + strlen(text) + 1;
    return at < end ? at : end;
}

static void receive(void *to, int type, const char *data, size_t n) {
    check_report *r = to;
    const char *end = data + n, *second = next(data, end), *third = next(second, end);
    switch (type) {
    case MESSAGE_PLUGIN:
        set_text(&r->kind, data);
        set_text(&r->name, second);
        set_text(&r->version, third);
        break;
    case MESSAGE_CHECK:
        r->cases += atoll(second);
        if (*data == '\0') break; /* it ended, with a failure */
        snprintf(running, sizeof running, "%s", data);
        r->checks++;
        break;
    case MESSAGE_PASSED: r->cases += atoll(second); break;
    default: {
        check_finding *f = add_finding(r, running);
        f->slot = mem_strdup(data);
        f->with = mem_strdup(second);
        f->message = mem_strdup(third);
        f->warning = type == MESSAGE_WARNING;
        r->failed += !f->warning;
    }
    }
}

/* How the child ended is what the check that ran has to say. */
static void blame_end(check_report *r, const child_end *end, const child_job *job) {
    add_failure(r, running, end->doing, end->with, child_end_text(end, job));
}

/* What it does while it is unloaded, when it could be loaded. */
static void try_unloading(check_report *r, const plugin_image *m) {
    char *trouble;
    bool untried;
    for (int i = 0; i < r->n; i++)
        if (strcmp(r->findings[i].check, "load") == 0) return;
    probe_images(m, 1, &trouble, &untried);
    if (trouble != NULL) add_failure(r, "load", "unloading", "", trouble);
}

static int count_checks(const check_report *r) {
    int n = 0;
    for (qb_kind kind = QB_SCHEME; kind <= QB_STE; kind++)
        if (r->kind != NULL && strcmp(r->kind, plugin_kind_name(kind)) == 0)
            while (check_entries(kind)[n].name != NULL) n++;
    return n;
}

/* The check that the child was at. A plugin can write there, too: what is no check of its kind,
 * or one that was done, is loading, behind which nothing is tried. */
static int check_of(const child_end *end, const work_order *w) {
    return end->at >= w->from && end->at < count_checks(w->r) ? end->at : LOADING;
}

/* A crash ends one check, the others have a child of their own; after a crash while
 * loading, a hang, or a few crashes there is no point in going on. */
static status run_all(work_order *w, diags *d) {
    check_report *r = w->r;
    for (int crashes = 0; crashes < CRASHES_MAX; crashes++) {
        child_job job = {.body = work_off,
                         .arg = w,
                         .receive = receive,
                         .to = r,
                         .each = EACH_SECONDS,
                         .all = ALL_SECONDS,
                         .memory = (int64_t)1 << 30};
        child_end end;
        status bad = child_run(&job, d, &end);
        if (bad) return bad;
        child_fate fate = end.fate;
        if (fate != CHILD_DONE) blame_end(r, &end, &job);
        w->from = check_of(&end, w) + 1;
        child_end_free(&end);
        if (fate == CHILD_DONE || fate == CHILD_HUNG || fate == CHILD_SLOW || w->from == 0) break;
        if (w->o->only != NULL) return OK;
    }
    int all = count_checks(r) + 1; /* and loading */
    r->not_run = w->o->only == NULL && r->kind != NULL && all > r->checks ? all - r->checks : 0;
    return OK;
}

status conformance_check(const char *path, const check_options *o, diags *d, check_report *r) {
    plugin_image m;
    double begun = clock_seconds();
    diags own;
    *r = (check_report){.path = mem_strdup(path)};
    snprintf(running, sizeof running, "load");
    diags_init(&own);
    status bad = image_open(&m, path, &own);
    if (bad) { /* what is wrong with the file itself */
        const char *text = own.list[0].message;
        receive(r, MESSAGE_CHECK,
                "load\0"
                "0",
                7);
        if (strncmp(text, path, strlen(path)) == 0) text += strlen(path) + 2;
        add_failure(r, "load", "loading", "", mem_strdup(text));
        bad = OK;
    } else {
        bad = run_all(&(work_order){.image = &m, .o = o, .from = LOADING, .r = r}, d);
        if (!bad && (o->only == NULL || strcmp(o->only, "load") == 0)) try_unloading(r, &m);
        image_close(&m);
    }
    diags_fini(&own);
    r->seconds = clock_seconds() - begun;
    return bad;
}

void conformance_free(check_report *r) {
    for (int i = 0; i < r->n; i++) {
        free(r->findings[i].check);
        free(r->findings[i].slot);
        free(r->findings[i].with);
        free(r->findings[i].message);
    }
    free(r->findings);
    free(r->path);
    free(r->kind);
    free(r->name);
    free(r->version);
    *r = (check_report){0};
}

/* The path in the way that a shell reads as one word. */
static void add_quoted(strbuf *b, const char *path) {
    bool plain = strspn(path, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                              "_-./+,=@") == strlen(path);
    strbuf_add(b, plain ? "" : "'");
    for (const char *s = path; *s != '\0'; s++)
        if (*s == '\'')
            strbuf_add(b, "'\\''");
        else
            strbuf_addn(b, s, 1);
    strbuf_add(b, plain ? "" : "'");
}

char *conformance_command(const check_report *r, const check_finding *f, const check_options *o) {
    strbuf b = {0};
    strbuf_add(&b, "quantbench plugins check ");
    add_quoted(&b, r->path);
    strbuf_addf(&b, " --case %s --seed %" PRIu64, f->check, o->seed);
    strbuf_addf(&b, " --settings %d", o->settings);
    return b.s;
}

const char **conformance_names(int *n) {
    const char **names = mem_calloc(64, sizeof *names);
    *n = 0;
    names[(*n)++] = "load";
    for (qb_kind kind = QB_SCHEME; kind <= QB_STE; kind++)
        for (const check_entry *e = check_entries(kind); e->name != NULL; e++) {
            bool known = false;
            for (int i = 0; i < *n; i++) known |= strcmp(names[i], e->name) == 0;
            if (!known) names[(*n)++] = e->name;
        }
    return names;
}
