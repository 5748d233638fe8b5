#include "host/probe.h"

#include <stdlib.h>

#include "host/plugin_file.h"
#include "util/child.h"
#include "util/mem.h"
#include "util/str.h"

enum { SECONDS = 5, ALL_SECONDS = 60 };

typedef struct batch {
    const plugin_image *images;
    int first, end;
} batch;

/* In the child. The copy of the image keeps the parent's from being taken. */
static void load_all(child *c, void *arg) {
    const batch *b = arg;
    for (int i = b->first; i < b->end; i++) {
        if (b->images[i].fd < 0) continue;
        plugin_image m = b->images[i];
        plugin *p;
        diags d;
        c->page->at = i;
        child_doing(c, "loading");
        m.path = mem_strdup(m.path);
        diags_init(&d);
        if (plugin_load_image(&m, &d, &p) == OK) plugin_touch(p);
        diags_fini(&d);
    }
}

/* Loads [first, end) in one child; true if all went well, else *at is where it ended. */
static bool load_batch(batch b, int *at, bool *hung, char **why) {
    child_job job = {.body = load_all,
                     .arg = &b,
                     .each = SECONDS,
                     .all = ALL_SECONDS,
                     .memory = (int64_t)1 << 30};
    child_end end;
    diags d;
    diags_init(&d);
    bool started = child_run(&job, &d, &end) == OK, fine = started && end.fate == CHILD_DONE;
    *at = end.at, *hung = end.fate == CHILD_HUNG;
    *why = fine      ? NULL
           : started ? child_end_text(&end, &job)
                     : str_format("could not be tried: %s", d.list[0].message);
    child_end_free(&end);
    diags_fini(&d);
    return fine;
}

/* Who hangs is who is being loaded. Who crashes may suffer from another that was loaded
 * before: then each has to do it alone. */
void probe_images(const plugin_image *images, int n, char *trouble[]) {
    int first = 0, at;
    bool hung = true;
    char *why;
    for (int i = 0; i < n; i++) trouble[i] = NULL;
    while (first < n && hung) {
        if (load_batch((batch){images, first, n}, &at, &hung, &why)) return;
        if (hung)
            trouble[at] = why, first = at + 1;
        else
            free(why);
    }
    for (int i = first; i < n; i++)
        if (images[i].fd >= 0 && !load_batch((batch){images, i, i + 1}, &at, &hung, &trouble[i]) &&
            trouble[i] == NULL)
            trouble[i] = mem_strdup("could not be tried");
}
