#include "host/registry.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "host/forbidden.h"
#include "host/probe.h"
#include "host/trust.h"
#include "host/verdicts.h"
#include "util/files.h"
#include "util/mem.h"
#include "util/str.h"

static void add_dir(registry *r, char *dir) { /* takes dir */
    char *real = path_real(dir);
    free(dir);
    if (real == NULL) return; /* a folder of the list need not exist */
    for (int i = 0; i < r->n_dirs; i++)
        if (strcmp(r->dirs[i], real) == 0) {
            free(real);
            return;
        }
    r->dirs = mem_realloc(r->dirs, (size_t)(r->n_dirs + 1) * sizeof *r->dirs);
    r->dirs[r->n_dirs++] = real;
}

static void add_root(registry *r, char *root) { /* takes root */
    static const char *const kinds[] = {"schemes", "packers", "ste"};
    for (int i = 0; i < 3; i++) add_dir(r, path_join(root, kinds[i]));
    add_dir(r, root);
}

static void find_dirs(registry *r) {
    const char *path = getenv("QUANTBENCH_PLUGIN_PATH");
    while (path != NULL && *path != '\0') {
        size_t n = strcspn(path, ":");
        if (n > 0) add_root(r, mem_strndup(path, n));
        path += n + (path[n] == ':');
    }
    char *program = path_of_program();
    add_root(r, path_join(program, "plugins"));
    add_root(r, path_join(program, "../lib/quantbench/plugins"));
    free(program);
    char *data = path_of_user_data();
    if (data != NULL) add_root(r, path_join(data, "plugins"));
    free(data);
}

static int same_kind_and_name(const plugin *a, const plugin *b) {
    return a->entry.kind == b->entry.kind && strcmp(a->entry.name, b->entry.name) == 0;
}

static void add_failed(registry *r, const char *path) {
    r->failed = mem_realloc(r->failed, (size_t)(r->n_failed + 1) * sizeof *r->failed);
    r->failed[r->n_failed++] = mem_strdup(path);
}

static void add_plugin(registry *r, plugin *p) {
    for (int i = 0; i < r->n; i++) {
        if (!same_kind_and_name(r->plugins[i], p)) continue;
        diag_error(&r->failures, ERR_PLUGIN, "%s: the %s '%s' is already loaded from %s", p->path,
                   plugin_kind_name(p->entry.kind), p->entry.name, r->plugins[i]->path);
        add_failed(r, p->path);
        plugin_free(p);
        return;
    }
    r->plugins = mem_realloc(r->plugins, (size_t)(r->n + 1) * sizeof *r->plugins);
    r->plugins[r->n++] = p;
}

static int is_shared_object(const struct dirent *e) { return path_has_suffix(e->d_name, ".so"); }

/* ---- from files to plugins ---- */

typedef struct candidates {
    plugin_image *images;
    int n;
} candidates;

static void collect_dir(registry *r, const char *dir, candidates *c) {
    struct dirent **entries;
    int n = scandir(dir, &entries, is_shared_object, alphasort);
    if (n < 0 && errno != ENOENT && errno != ENOTDIR && errno != EACCES)
        diag_error(&r->failures, ERR_RESOURCE, "%s: %s", dir, strerror(errno));
    char *why = n > 0 ? trust_folder(dir) : NULL;
    if (why != NULL) diag_error(&r->failures, ERR_PLUGIN, "%s: %s", dir, why);
    for (int i = 0; i < n; i++) {
        char *path = path_join(dir, entries[i]->d_name);
        plugin_image m;
        if (why == NULL && image_open(&m, path, &r->failures) == OK) {
            c->images = mem_realloc(c->images, (size_t)(c->n + 1) * sizeof *c->images);
            c->images[c->n++] = m;
        } else if (why == NULL) {
            add_failed(r, path);
        }
        free(path);
        free(entries[i]);
    }
    if (n >= 0) free(entries);
    free(why);
}

/* What is known of one candidate before it is loaded. */
typedef struct fate {
    char *trouble; /* NULL: none */
    bool known;    /* from the cache */
    bool untried;
} fate;

/* Tries the files that are new in a child; what it comes to is remembered, unless there was
 * none: then the machine was in trouble, not the plugin. */
static void try_new(const candidates *c, verdicts *v, fate *fates) {
    plugin_image *new = mem_calloc((size_t)c->n + 1, sizeof *new);
    char **trouble = mem_calloc((size_t)c->n + 1, sizeof *trouble);
    bool *untried = mem_calloc((size_t)c->n + 1, sizeof *untried);
    int n = 0;
    for (int i = 0; i < c->n; i++)
        if (!fates[i].known) new[n++] = c->images[i];
    if (n > 0) probe_images(new, n, trouble, untried);
    for (int i = 0, k = 0; i < c->n; i++) {
        if (fates[i].known) continue;
        fates[i].trouble = trouble[k], fates[i].untried = untried[k++];
        if (!fates[i].untried)
            verdicts_add(v, &c->images[i], fates[i].trouble != NULL ? fates[i].trouble : "");
    }
    free(new);
    free(trouble);
    free(untried);
}

static void load(registry *r, plugin_image *m, const fate *f) {
    plugin *p;
    char *path = mem_strdup(m->path);
    if (f->trouble != NULL) {
        diag_error(&r->failures, f->untried ? ERR_RESOURCE : ERR_PLUGIN, "%s: %s%s", path,
                   f->trouble,
                   f->known ? " when it was first seen, and has not changed since; `quantbench "
                              "plugins check --retry` tries it again"
                            : "");
        image_close(m);
        add_failed(r, path);
    } else if (plugin_load_image(m, &r->failures, &p) == OK) {
        forbidden_replace(p);
        add_plugin(r, p);
    } else {
        add_failed(r, path);
    }
    free(path);
}

static void load_all(registry *r, candidates *c) {
    verdicts v;
    verdicts_read(&v);
    fate *fates = mem_calloc((size_t)c->n + 1, sizeof *fates);
    for (int i = 0; i < c->n; i++) {
        const char *found = verdicts_find(&v, &c->images[i]);
        fates[i].known = found != NULL;
        if (found != NULL && *found != '\0') fates[i].trouble = mem_strdup(found);
    }
    try_new(c, &v, fates);
    for (int i = 0; i < c->n; i++) {
        load(r, &c->images[i], &fates[i]);
        free(fates[i].trouble);
    }
    free(fates);
    verdicts_close(&v);
}

static int by_kind_and_name(const void *a, const void *b) {
    const plugin *x = *(plugin *const *)a, *y = *(plugin *const *)b;
    if (x->entry.kind != y->entry.kind) return x->entry.kind - y->entry.kind;
    return strcmp(x->entry.name, y->entry.name);
}

void registry_scan(registry *r) {
    *r = (registry){0};
    diags_init(&r->failures);
    find_dirs(r);
    candidates c = {0};
    for (int i = 0; i < r->n_dirs; i++) collect_dir(r, r->dirs[i], &c);
    load_all(r, &c);
    free(c.images);
    if (r->n > 1) qsort(r->plugins, (size_t)r->n, sizeof *r->plugins, by_kind_and_name);
}

status registry_open(registry *r, diags *d) {
    registry_scan(r);
    for (int i = 0; i < r->failures.n; i++)
        if (r->failures.list[i].st == ERR_RESOURCE)
            return diag_error(d, ERR_RESOURCE, "%s", r->failures.list[i].message);
    return OK;
}

void registry_fini(registry *r) {
    for (int i = 0; i < r->n; i++) plugin_free(r->plugins[i]);
    for (int i = 0; i < r->n_dirs; i++) free(r->dirs[i]);
    for (int i = 0; i < r->n_failed; i++) free(r->failed[i]);
    free(r->failed);
    free(r->plugins);
    free(r->dirs);
    diags_fini(&r->failures);
    *r = (registry){0};
}

const plugin *registry_find(const registry *r, qb_kind kind, const char *name) {
    for (int i = 0; i < r->n; i++)
        if (r->plugins[i]->entry.kind == kind && strcmp(r->plugins[i]->entry.name, name) == 0)
            return r->plugins[i];
    return NULL;
}

/* Is the message about a folder that was refused, and has that a file of this name? */
static bool lies_there(const char *message, const char *name) {
    const char *end = strstr(message, ": refused: the folder ");
    if (end == NULL) return false;
    char *dir = mem_strndup(message, (size_t)(end - message));
    char *file = str_format("%s/%s.so", dir, name);
    bool there = file_exists(file);
    free(dir);
    free(file);
    return there;
}

const char *registry_failure(const registry *r, const char *name) {
    char *file = str_format("/%s.so: ", name);
    const char *found = NULL;
    for (int i = 0; i < r->failures.n && found == NULL; i++)
        if (strstr(r->failures.list[i].message, file) != NULL) found = r->failures.list[i].message;
    free(file);
    for (int i = 0; i < r->failures.n && found == NULL; i++)
        if (lies_there(r->failures.list[i].message, name)) found = r->failures.list[i].message;
    return found;
}

const char **registry_names(const registry *r, qb_kind kind, int *n) {
    const char **names = mem_calloc((size_t)r->n + 1, sizeof *names);
    *n = 0;
    for (int i = 0; i < r->n; i++)
        if (r->plugins[i]->entry.kind == kind) names[(*n)++] = r->plugins[i]->entry.name;
    return names;
}
