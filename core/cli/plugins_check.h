/*
 * cli/plugins_check.h - `quantbench plugins check`.
 */
#ifndef CLI_PLUGINS_CHECK_H
#define CLI_PLUGINS_CHECK_H

#include "cli/cli.h"

enum { CHECK_SETTINGS = 64 };

/* The files or names behind `check`; without one all plugins that are found. */
status plugins_check(const cli_args *a);

#endif
