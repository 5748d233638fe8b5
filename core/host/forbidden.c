#include "host/forbidden.h"

#include "host/blame.h"
#include "host/imports.h"

/* Each is called as whatever function the plugin meant, and does not return. */
#define FORBIDDEN(f)                                                                               \
    static void no_##f(void) { blame_stop(#f "()"); }
#include "host/forbidden.def"
#undef FORBIDDEN

#define FORBIDDEN(f) {#f, no_##f},
static const import forbidden[] = {
#include "host/forbidden.def"
};

void forbidden_replace(const plugin *p) {
    imports_replace(p->entry.table, forbidden, (int)(sizeof forbidden / sizeof *forbidden));
}
