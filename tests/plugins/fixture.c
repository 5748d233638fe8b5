#include "plugins/fixture.h"

#include "util/str.h"

const plugin *fixture(const char *name) {
    plugin *p;
    diags d;
    char *path = str_format("%s/tests/fixtures/%s.so", build_dir(), name);
    diags_init(&d);
    plugin_load(path, &d, &p);
    assert_fine(&d);
    free(path);
    return p;
}

plugin_choice fixture_choice(const char *name, const char *key, const char *value) {
    plugin_choice c = params_defaults(fixture(name));
    if (key == NULL) return c;
    char *why = params_set(&c, params_find(c.plugin, key), value);
    cr_assert(why == NULL, "%s", why);
    return c;
}
