#include "host/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/plugin_file.h"
#include "host/surroundings.h"
#include "util/child.h"
#include "util/mem.h"
#include "util/str.h"

enum { SECONDS = 5, ALL_SECONDS = 60 };

typedef struct batch {
    const plugin_image *images;
    int first, end;
    char **trouble;
} batch;

/* A message: image `at` did this to its surroundings. */
typedef struct finding {
    int at;
    char text[120];
} finding;

static void tell_changes(child *c, int at, const char *which) {
    const char *changed = surroundings_changed(true);
    if (changed == NULL) return;
    finding f = {.at = at};
    snprintf(f.text, sizeof f.text, "a %s changes %s", which, changed);
    child_send(c, 0, &f, sizeof f);
}

static void receive(void *to, int type, const char *data, size_t n) {
    const batch *b = to;
    finding f;
    (void)type;
    if (n != sizeof f) return;
    memcpy(&f, data, sizeof f);
    f.text[sizeof f.text - 1] = '\0';
    if (f.at < b->first || f.at >= b->end || b->trouble[f.at] != NULL) return;
    b->trouble[f.at] = mem_strdup(f.text);
}

/* In the child. The copy of the image keeps the parent's from being taken. */
static void load_one(child *c, const plugin_image *image, int at) {
    plugin_image m = *image;
    plugin *p;
    diags d;
    c->page->at = at;
    child_doing(c, "loading");
    m.path = mem_strdup(m.path);
    diags_init(&d);
    surroundings_note();
    status bad = plugin_load_image(&m, &d, &p);
    tell_changes(c, at, "constructor");
    if (!bad) {
        plugin_touch(p);
        child_doing(c, "unloading");
        plugin_unload(p);
        tell_changes(c, at, "destructor");
    }
    diags_fini(&d);
}

static void load_all(child *c, void *arg) {
    const batch *b = arg;
    for (int i = b->first; i < b->end; i++)
        if (b->images[i].fd >= 0) load_one(c, &b->images[i], i);
}

typedef struct batch_end {
    bool fine;
    bool hung;    /* while the image `at` was loaded */
    bool untried; /* there was no child */
    int at;
    char *why; /* NULL if fine */
} batch_end;

/* Loads [first, end) in one child. `at` is what the child wrote down, where a plugin can write,
 * too: what is none of ours is not believed. */
static batch_end load_batch(batch b) {
    child_job job = {.body = load_all,
                     .arg = &b,
                     .receive = receive,
                     .to = &b,
                     .each = SECONDS,
                     .all = ALL_SECONDS,
                     .memory = (int64_t)1 << 30};
    child_end end;
    diags d;
    diags_init(&d);
    bool started = child_run(&job, &d, &end) == OK, fine = started && end.fate == CHILD_DONE;
    batch_end e = {.fine = fine, .untried = !started, .at = end.at};
    e.hung = started && end.fate == CHILD_HUNG && end.at >= b.first && end.at < b.end;
    e.why = fine      ? NULL
            : started ? child_end_text(&end, &job)
                      : str_format("could not be tried: %s", d.list[0].message);
    child_end_free(&end);
    diags_fini(&d);
    return e;
}

static void replace(char **text, char *by) {
    free(*text);
    *text = by;
}

/* Who hangs is who is being loaded. Who crashes may suffer from another that was loaded
 * before: then each has to do it alone. */
void probe_images(const plugin_image *images, int n, char *trouble[], bool untried[]) {
    int first = 0;
    bool hung = true;
    for (int i = 0; i < n; i++) trouble[i] = NULL, untried[i] = false;
    while (first < n && hung) {
        batch_end e = load_batch((batch){images, first, n, trouble});
        if (e.fine) return;
        hung = e.hung;
        if (hung)
            replace(&trouble[e.at], e.why), first = e.at + 1;
        else
            free(e.why);
    }
    for (int i = first; i < n; i++) {
        if (images[i].fd < 0) continue;
        batch_end e = load_batch((batch){images, i, i + 1, trouble});
        if (!e.fine) replace(&trouble[i], e.why);
        untried[i] = e.untried;
    }
}
