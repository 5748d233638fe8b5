/*
 * run/gate.h - what must hold at the end of a study (`verify` of its spec).
 */
#ifndef RUN_GATE_H
#define RUN_GATE_H

#include "plan/study.h"
#include "store/store.h"

/* ERR_FAILED where the mean accuracy of a baseline is under verify.baseline_accuracy.
 * rows: of the study's runs, -1 for none. */
status gate_check(const study *t, store *s, const int64_t *rows, diags *d);

#endif
