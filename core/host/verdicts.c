#include "host/verdicts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "util/files.h"
#include "util/mem.h"
#include "util/str.h"

/* Files that are no more are never asked for again: the oldest go. */
enum { KEPT = 500, SIZE_MAX_CACHE = 1 << 20 };
static const char HEAD[] = "quantbench plugins 2\n";

static char *cache_path(void) {
    const char *dir = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (dir != NULL && *dir == '/') return str_format("%s/quantbench/plugins", dir);
    if (home == NULL || *home != '/') return NULL;
    return str_format("%s/.cache/quantbench/plugins", home);
}

static void add_line(verdicts *v, char *line, size_t id) { /* takes line */
    v->list = mem_realloc(v->list, (size_t)(v->n + 1) * sizeof *v->list);
    v->list[v->n++] = (verdict){.line = line, .trouble = line + id};
}

/* Lines of five fields with tabs between them: SHA-256, size, time, path, trouble. What
 * is not like that is left out. */
static void parse(verdicts *v, char *text) {
    if (strncmp(text, HEAD, strlen(HEAD)) != 0) return;
    char *save = NULL;
    for (char *line = strtok_r(text + strlen(HEAD), "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        const char *field = line;
        for (int k = 0; k < 4 && field != NULL; k++) {
            field = strchr(field, '\t');
            if (field != NULL) field++;
        }
        if (field != NULL) add_line(v, mem_strdup(line), (size_t)(field - line));
    }
}

void verdicts_read(verdicts *v) {
    *v = (verdicts){.path = cache_path()};
    if (v->path == NULL || !file_exists(v->path)) return;
    char *text;
    size_t n;
    diags d;
    diags_init(&d);
    if (file_read(v->path, SIZE_MAX_CACHE, ERR_RESOURCE, &d, &text, &n) == OK) {
        if (strlen(text) == n) parse(v, text);
        free(text);
    }
    diags_fini(&d);
}

static char *identity(const plugin_image *m) {
    char *real = path_real(m->path);
    char *id = str_format("%s\t%" PRId64 "\t%" PRId64 "\t%s\t", m->sha256, m->size, m->mtime_ns,
                          real != NULL ? real : m->path);
    free(real);
    return id;
}

const char *verdicts_find(const verdicts *v, const plugin_image *m) {
    char *id = identity(m);
    const char *found = NULL;
    for (int i = v->n - 1; i >= 0 && found == NULL; i--) /* the last word counts */
        if (strncmp(v->list[i].line, id, strlen(id)) == 0) found = v->list[i].trouble;
    free(id);
    return found;
}

void verdicts_add(verdicts *v, const plugin_image *m, const char *trouble) {
    char *id = identity(m), *clean = str_escape(trouble);
    size_t n = strlen(id);
    if (strchr(m->path, '\n') == NULL && strchr(m->path, '\t') == NULL) {
        add_line(v, str_format("%s%s", id, clean), n);
        v->changed = true;
    }
    free(id);
    free(clean);
}

bool verdicts_forget(verdicts *v, const char *path) {
    char *real = path_real(path), *field = str_format("\t%s\t", real != NULL ? real : path);
    bool bad = false;
    int kept = 0;
    for (int i = 0; i < v->n; i++) {
        const char *at = strstr(v->list[i].line, field);
        if (at != NULL && at + strlen(field) == v->list[i].trouble) {
            bad |= *v->list[i].trouble != '\0';
            free(v->list[i].line);
        } else {
            v->list[kept++] = v->list[i];
        }
    }
    v->changed |= kept < v->n;
    v->n = kept;
    free(real);
    free(field);
    return bad;
}

static void write(const verdicts *v) {
    diags d;
    strbuf b = {0};
    strbuf_add(&b, HEAD);
    for (int i = v->n > KEPT ? v->n - KEPT : 0; i < v->n; i++)
        strbuf_addf(&b, "%s\n", v->list[i].line);
    char *dir = path_dir(v->path);
    diags_init(&d);
    if (dir_make(dir, &d) == OK) file_write(v->path, b.s, b.len, &d);
    diags_fini(&d); /* a folder that cannot be written: the next start tries them again */
    free(dir);
    strbuf_fini(&b);
}

void verdicts_close(verdicts *v) {
    if (v->changed && v->path != NULL) write(v);
    for (int i = 0; i < v->n; i++) free(v->list[i].line);
    free(v->list);
    free(v->path);
    *v = (verdicts){0};
}
