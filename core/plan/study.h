/*
 * plan/study.h - all that a spec asks for: the points of its sweep, each with its own
 * typed spec and plan, the float twins that they are compared with, and the runs.
 * Pure data; nothing is trained and nothing is written. A spec without a sweep is a
 * study of one point.
 */
#ifndef PLAN_STUDY_H
#define PLAN_STUDY_H

#include "plan/plan.h"
#include "spec/sweep.h"

enum { STUDY_MAX_RUNS = 100000 };

typedef struct study_point {
    spec s;
    plan p;
    const char *label;    /* among the points; "" without a sweep */
    const setting *swept; /* what makes it this point */
    int n_swept;
    bool is_baseline; /* the twin of another point */
    int baseline;     /* index of the twin; -1: none */
} study_point;

typedef struct study_run {
    int point;
    uint64_t seed;
    char cache_key[HASH_HEX];
} study_run;

typedef struct study {
    spec base; /* the tree before the axes are set */
    sweep sweep;
    dataset_catalog data;
    study_point *points; /* baselines first */
    int n_points;
    study_run *runs; /* seed by seed: an interrupted study has whole comparisons */
    int n_runs;
} study;

/* Reads, expands, types and plans. All errors go to d. numeric_version (core/run) is
 * part of the cache keys. study_close() always. */
status study_open(study *t, const char *path, const char *const *settings, int n_settings,
                  const registry *r, int numeric_version, diags *d);
/* The same for a text in memory. */
status study_open_text(study *t, const char *name, const char *text, const registry *r,
                       int numeric_version, diags *d);
void study_close(study *t);

#endif
