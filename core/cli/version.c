#include "cli/cli.h"
#include "host/plugin_file.h"
#include "run/environment.h"
#include "run/numeric_version.h"
#include "store/store.h"
#include "util/json.h"

static status run(const cli_args *a) {
    environment e;
    environment_read(&e);
    if (!cli_has(a, "--json")) {
        printf("quantbench %s (%s)\nplugin ABI %d.%d, database schema %d, numeric version %d\n",
               e.version, e.git_commit, QB_ABI_MAJOR, QB_ABI_MINOR_LATEST, STORE_SCHEMA,
               NUMERIC_VERSION);
        printf("%s kernels; this build has %s\n", e.simd, environment_simd_levels());
        return OK;
    }
    json_t *o = json_object();
    json_set_str(o, "version", e.version);
    json_set_str(o, "git_commit", e.git_commit);
    json_set_int(o, "abi_major", QB_ABI_MAJOR);
    json_set_int(o, "abi_minor", QB_ABI_MINOR_LATEST);
    json_set_int(o, "schema", STORE_SCHEMA);
    json_set_int(o, "numeric_version", NUMERIC_VERSION);
    json_set_str(o, "simd", e.simd);
    json_print_line(o, stdout);
    return OK;
}

const verb verb_version = {
    .name = "version",
    .words = "",
    .summary = "the version of the program, its plugin ABI, database schema and kernels",
    .options = {{"--json", NULL, "one JSON object"}},
    .run = run,
};
