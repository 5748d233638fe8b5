#include "cli/study_args.h"

status study_args_open(study_args *s, const cli_args *a) {
    const char *settings[CLI_MAX_ARGS];
    int n = cli_values(a, "--set", settings);
    s->t = (study){0};
    status bad = registry_open(&s->r, a->d);
    return bad ? bad : runner_study(&s->t, a->words[0], settings, n, &s->r, a->d);
}

void study_args_close(study_args *s) {
    study_close(&s->t);
    registry_fini(&s->r);
}
