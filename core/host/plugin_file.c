#include "host/plugin_file.h"

#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/guarded.h"
#include "host/params.h"
#include "util/files.h"
#include "util/mem.h"
#include "util/str.h"

enum { LARGEST_INSTANCE = 64 << 20 };

const char *plugin_kind_name(qb_kind kind) {
    static const char *const name[] = {NULL, "scheme", "packer", "ste"};
    return kind >= QB_SCHEME && kind <= QB_STE ? name[kind] : NULL;
}

/* MAJOR.MINOR.PATCH */
static bool is_version(const char *s) {
    if (s == NULL || strlen(s) > 32) return false;
    for (int part = 0; part < 3; part++) {
        if (!isdigit((unsigned char)*s)) return false;
        while (isdigit((unsigned char)*s)) s++;
        if (part < 2 && *s++ != '.') return false;
    }
    return *s == '\0';
}

/* What is wrong with the entry, before anything behind its pointers is used. */
static char *check_entry(const qb_plugin *e) {
    if (e->magic != QB_ABI_MAGIC) return str_format("qb_plugin_entry is not a plugin's: bad magic");
    if (e->abi_major != QB_ABI_MAJOR || e->abi_minor > QB_ABI_MINOR_LATEST)
        return str_format("plugin ABI %d.%d, this program has %d.%d; build it with the header of "
                          "this program",
                          e->abi_major, e->abi_minor, QB_ABI_MAJOR, QB_ABI_MINOR_LATEST);
    if (plugin_kind_name(e->kind) == NULL) return str_format("unknown kind of plugin %d", e->kind);
    if (e->size < offsetof(qb_plugin, example))
        return str_format("its entry has only %u bytes", e->size);
    if (!params_is_name(e->name))
        return str_format("its name is not [a-z][a-z0-9_]* of at most 32 letters");
    if (!is_version(e->version)) return str_format("its version is not MAJOR.MINOR.PATCH");
    if (e->summary == NULL || *e->summary == '\0') return str_format("it has no summary");
    if (!params_is_text(e->summary) || strchr(e->summary, '\n') != NULL)
        return str_format("its summary is not one line of UTF-8 without control characters");
    if (!params_is_text(e->cite) || !params_is_text(e->example) || !params_is_text(e->doc))
        return str_format("its cite, example or doc is not UTF-8 without control characters");
    if (e->table == NULL) return str_format("it has no function table");
    if (e->instance_size == 0 || e->instance_size > LARGEST_INSTANCE)
        return str_format("its instance has %u bytes", e->instance_size);
    if (e->n_params > PLUGIN_MAX_PARAMS)
        return str_format("it has %u parameters, at most %d are allowed", e->n_params,
                          PLUGIN_MAX_PARAMS);
    if (e->n_params > 0 && (e->params == NULL || e->param_size < offsetof(qb_param, dflt_str)))
        return str_format("its parameter table cannot be read");
    return NULL;
}

/* The plugin's table may be shorter than ours (older) or longer (newer). */
static void copy_sized(void *to, size_t to_bytes, const void *from) {
    uint32_t size;
    memcpy(&size, from, sizeof size);
    memcpy(to, from, size < to_bytes ? size : to_bytes);
}

static char *copy_table(plugin *p) {
    switch (p->entry.kind) {
    case QB_SCHEME:
        copy_sized(&p->scheme, sizeof p->scheme, p->entry.table);
        if (p->scheme.init == NULL || p->scheme.fit == NULL)
            return str_format("a scheme needs init() and fit()");
        if ((p->scheme.encode == NULL) != (p->scheme.decode == NULL))
            return str_format("encode() and decode() come together or not at all");
        return NULL;
    case QB_PACKER:
        copy_sized(&p->packer, sizeof p->packer, p->entry.table);
        if (!p->packer.init || !p->packer.bound || !p->packer.pack || !p->packer.unpack)
            return str_format("a packer needs init(), bound(), pack() and unpack()");
        return NULL;
    default:
        copy_sized(&p->ste, sizeof p->ste, p->entry.table);
        if (p->ste.init == NULL || p->ste.backward == NULL)
            return str_format("a straight-through estimator needs init() and backward()");
        return NULL;
    }
}

static char *copy_params(plugin *p) {
    const char *from = (const char *)p->entry.params;
    size_t stride = p->entry.param_size;
    p->n_params = (int)p->entry.n_params;
    for (int i = 0; i < p->n_params; i++) {
        size_t bytes = stride < sizeof(qb_param) ? stride : sizeof(qb_param);
        memcpy(&p->params[i], from + (size_t)i * stride, bytes);
        char *why = params_check_declaration(p, i);
        if (why != NULL) return why;
    }
    return NULL;
}

static char *read_entry(void *handle, plugin *p) {
    const qb_plugin *entry = dlsym(handle, "qb_plugin_entry");
    if (entry == NULL)
        return str_format("no symbol qb_plugin_entry (use QB_SCHEME_PLUGIN, QB_PACKER_PLUGIN or "
                          "QB_STE_PLUGIN)");
    size_t bytes = entry->size < sizeof p->entry ? entry->size : sizeof p->entry;
    if (bytes < offsetof(qb_plugin, instance_size)) bytes = offsetof(qb_plugin, instance_size);
    memcpy(&p->entry, entry, bytes);
    char *why = check_entry(&p->entry);
    if (why == NULL) why = copy_table(p);
    if (why == NULL) why = copy_params(p);
    if (why == NULL) guarded_table(p);
    return why;
}

static char *open_and_read(plugin_image *m, plugin *p) {
    char *why;
    void *handle = image_load(m, &why);
    if (guarded_reset_fenv() && handle != NULL)
        return str_format("a constructor changes the floating-point environment");
    p->handle = handle;
    return handle == NULL ? why : read_entry(handle, p);
    /* the code stays loaded: a refused plugin is not called again */
}

/* Does the loader lack memory or files? It says so with the words of errno behind its own, or
 * alone that it cannot create or allocate something; of static TLS a plugin wants too much. Names
 * of symbols and of libraries stand in its messages, too, and may be any; the copy that it loads is
 * there and was checked, and another library that it wants is named before "cannot open". */
static bool says_starved(const char *why) {
    static const int wants[] = {ENOMEM, EMFILE, ENFILE, EAGAIN, EIO};
    if (strstr(why, "undefined symbol: ") != NULL || strstr(why, "static TLS") != NULL)
        return false;
    for (size_t i = 0; i < sizeof wants / sizeof *wants; i++) {
        char *end = str_format(": %s", strerror(wants[i]));
        bool is = path_has_suffix(why, end);
        free(end);
        if (is) return true;
    }
    static const char *const begins[] = {"out of memory", "cannot open shared object file",
                                         "cannot create ", "cannot allocate ", "cannot extend "};
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        if (strncmp(why, begins[i], strlen(begins[i])) == 0) return true;
    return false;
}

status plugin_load_image(plugin_image *m, diags *d, plugin **out) {
    plugin *p = mem_calloc(1, sizeof *p);
    p->path = mem_strdup(m->path);
    memcpy(p->sha256, m->sha256, sizeof p->sha256);
    char *why = open_and_read(m, p);
    image_close(m);
    if (why == NULL) {
        *out = p;
        return OK;
    }
    status bad =
        diag_error(d, says_starved(why) ? ERR_RESOURCE : ERR_PLUGIN, "%s: %s", p->path, why);
    free(why);
    plugin_free(p);
    return bad;
}

status plugin_load(const char *path, diags *d, plugin **out) {
    plugin_image m;
    status bad = image_open(&m, path, d);
    return bad ? bad : plugin_load_image(&m, d, out);
}

void plugin_free(plugin *p) {
    free(p->path);
    free(p);
}

void plugin_unload(plugin *p) {
    dlclose(p->handle);
    plugin_free(p);
}

size_t plugin_touch(const plugin *p) {
    size_t seen = 0;
    const char *const texts[] = {p->entry.name,    p->entry.version, p->entry.summary,
                                 p->entry.example, p->entry.doc,     p->entry.cite};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i] != NULL) seen += strlen(texts[i]);
    for (int i = 0; i < p->n_params; i++) {
        const qb_param *q = &p->params[i];
        seen += strlen(q->name) + strlen(q->doc) + (q->unit != NULL ? strlen(q->unit) : 0);
        if (q->dflt_str != NULL) seen += strlen(q->dflt_str);
        for (int c = 0; q->choices != NULL && q->choices[c] != NULL; c++)
            seen += strlen(q->choices[c]);
    }
    return seen;
}
