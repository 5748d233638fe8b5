/*
 * tests/plugins/fixture.h - the plugins of tests/fixtures.
 */
#ifndef TESTS_PLUGINS_FIXTURE_H
#define TESTS_PLUGINS_FIXTURE_H

#include "support/support.h"

const plugin *fixture(const char *name);

/* With its default parameters but for one; key NULL: all defaults. */
plugin_choice fixture_choice(const char *name, const char *key, const char *value);

#endif
