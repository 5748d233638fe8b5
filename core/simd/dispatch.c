#include "simd/kernels.h"

#include <stddef.h>
#include <string.h>

/* Best first. A level joins this list with the file that implements it. */
static const kernels *const levels[] = {&kernels_scalar};
enum { N_LEVELS = sizeof levels / sizeof *levels };

static const kernels *in_force;

const kernels *simd_kernels(void) { return in_force != NULL ? in_force : levels[0]; }

status simd_force(const char *level, diags *d) {
    for (int i = 0; i < N_LEVELS; i++)
        if (strcmp(levels[i]->level, level) == 0) {
            in_force = levels[i];
            return OK;
        }
    diag_error(d, ERR_USAGE, "unknown SIMD level '%s'", level);
    diag_hint(d, "this build has the level: scalar");
    return ERR_USAGE;
}
