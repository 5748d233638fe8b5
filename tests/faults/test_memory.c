/*
 * No memory: each allocation of a run fails, alone or with all behind it.
 */
#include "faults/faults.h"

#include "util/str.h"

enum { INDICES = 30000, /* at most */ AGAIN = 50 /* every so often the run is finished, too */ };

/* True if the run ended well all the same. */
static bool without_allocation(int i, const char *settings, bool resumes) {
    char what[100], *all = str_format("%s FAULT_AT=%d FAULT_HOW=ENOMEM", settings, i);
    char *with = with_faults(all);
    snprintf(what, sizeof what, "allocation %d (%s)", i, settings);
    fresh();
    outcome o = judged(what, EXIT(0) | EXIT(7), "%s " RUN_TINY, with);
    bool ended_well = o.exit == 0;
    free_outcome(&o);
    check_no_temporary(what);
    check_database(what);
    if (resumes) check_resume(what);
    free(with);
    free(all);
    return ended_well;
}

/* Allocations number 0, step, 2 step, ... of a run. */
static void each_allocation(const char *settings, int tries) {
    fresh();
    int n = count_calls(settings, RUN_TINY), tried = 0, ended_well = 0;
    cr_assert(n <= INDICES, "%d allocations", n);
    int step = n / tries > 0 ? n / tries : 1;
    for (int i = step > 1 ? n % step : 0; i < n; i += step, tried++)
        ended_well += without_allocation(i, settings, tried % AGAIN == 0);
    all_kept("%d of %d allocations failed (%s), the run ended well after %d of them", tried, n,
             settings, ended_well);
}

/* Among the first ones, where the loader of plugins has words of its own for it. */
Test(memory, that_is_missing_while_plugins_are_loaded_is_exit_7, .init = setup_tiny,
     .fini = teardown_tiny, .timeout = 20000) {
    enum { FIRST = 600 };
    for (int i = 200; i < FIRST; i++) without_allocation(i, "FAULT_CALLS=alloc", false);
    all_kept("allocations 200 to %d failed", FIRST);
}

Test(memory, that_is_missing_once_is_exit_7, .init = setup_tiny, .fini = teardown_tiny,
     .timeout = 20000) {
    each_allocation("FAULT_CALLS=alloc", sized(75, INDICES));
}

Test(memory, that_is_missing_from_then_on_is_exit_7, .init = setup_tiny, .fini = teardown_tiny,
     .timeout = 20000) {
    each_allocation("FAULT_CALLS=alloc FAULT_AND_ON=1", sized(75, INDICES));
}
