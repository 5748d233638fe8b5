/*
 * cli/study_args.h - the study that the words and options of a verb name.
 */
#ifndef CLI_STUDY_ARGS_H
#define CLI_STUDY_ARGS_H

#include "cli/cli.h"
#include "run/runner.h"

typedef struct study_args {
    registry r;
    study t;
} study_args;

/* The spec of the first word with the --set options. study_args_close() always. */
status study_args_open(study_args *s, const cli_args *a);
void study_args_close(study_args *s);

#define STUDY_SET_OPTION                                                                           \
    { "--set", "KEY=VALUE", "override a value of the spec, a list makes an axis; may be repeated" }

#endif
