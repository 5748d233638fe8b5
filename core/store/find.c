/*
 * store/find.c - runs, experiments and metrics by the names that users type.
 */
#include <stdlib.h>
#include <string.h>

#include "store/handle.h"
#include "util/mem.h"
#include "util/str.h"
#include "util/suggest.h"

bool store_find_done(store *s, const char *cache_key, char uid[STORE_UID]) {
    store_rows *r =
        store_select(s, "SELECT uid FROM run WHERE cache_key = ? AND status = 'done' ORDER BY id",
                     "t", cache_key);
    bool found = store_next(r);
    if (found) snprintf(uid, STORE_UID, "%s", store_text(r, 0));
    store_rows_end(r);
    return found;
}

static status no_run(store *s, const char *selector, diags *d) {
    status bad = store_status(s, d);
    if (bad) return bad;
    diag_error(d, ERR_STORE, "%s: no run '%s'", s->path, selector);
    diag_hint(d, "`quantbench ls` lists them; @last is the newest");
    return ERR_STORE;
}

status store_find_run(store *s, const char *selector, diags *d, int64_t *run) {
    store_rows *r;
    int64_t back = 1;
    if (*selector == '\0') return no_run(s, selector, d); /* not the beginning of every uid */
    bool counted = selector[0] == '@' && (strcmp(selector, "@last") == 0 ||
                                          (str_to_int(selector + 1, &back) && back >= 1));
    if (counted) {
        r = store_select(s, "SELECT id FROM run ORDER BY id DESC LIMIT 1 OFFSET ?", "i", back - 1);
    } else {
        r = store_select(s,
                         "SELECT id FROM run WHERE substr(uid, 1, length(?1)) = ?1 ORDER BY uid = "
                         "?1 DESC LIMIT 2",
                         "t", selector);
    }
    bool found = store_next(r);
    if (found) *run = store_int(r, 0);
    bool several = found && !counted && strlen(selector) < STORE_UID - 1 && store_next(r);
    store_rows_end(r);
    if (several)
        return diag_error(d, ERR_STORE, "'%s' is the beginning of several runs; write more letters",
                          selector);
    if (found) return OK;
    *run = store_select_int(
        s,
        "SELECT r.id FROM run r JOIN experiment e ON e.id = r.experiment WHERE e.name = ?"
        " ORDER BY r.id DESC LIMIT 1",
        selector);
    return *run >= 0 ? OK : no_run(s, selector, d);
}

char *store_nearest(store *s, const char *word, const char *sql, const char *text) {
    char **names = NULL;
    int n = 0, same = -1;
    store_rows *r = text != NULL ? store_select(s, sql, "t", text) : store_select(s, sql, "");
    while (store_next(r)) {
        if (strcmp(store_text(r, 0), word) == 0) same = n;
        names = mem_realloc(names, (size_t)(n + 1) * sizeof *names);
        names[n++] = mem_strdup(store_text(r, 0));
    }
    store_rows_end(r);
    const char *near =
        same >= 0 ? names[same] : suggest_nearest(word, (const char *const *)names, n);
    char *own = near != NULL ? mem_strdup(near) : NULL;
    for (int i = 0; i < n; i++) free(names[i]);
    free(names);
    return own;
}

/* Whether `name` is among the rows of sql, which have one name each. */
static status find_name(store *s, const char *what, const char *name, const char *sql, diags *d) {
    char *near = store_nearest(s, name, sql, NULL);
    status bad = store_status(s, d);
    if (!bad && (near == NULL || strcmp(near, name) != 0)) {
        bad = diag_error(d, ERR_STORE, "%s: no %s '%s'", s->path, what, name);
        if (near != NULL) diag_hint(d, "did you mean '%s'?", near);
    }
    free(near);
    return bad;
}

status store_find_experiment(store *s, const char *name, diags *d) {
    return find_name(s, "experiment", name, "SELECT DISTINCT name FROM experiment", d);
}

status store_find_metric(store *s, const char *name, diags *d) {
    return find_name(s, "metric", name, "SELECT name FROM metric_def", d);
}
