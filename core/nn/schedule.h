/*
 * nn/schedule.h - a number that changes over the training.
 */
#ifndef NN_SCHEDULE_H
#define NN_SCHEDULE_H

#include <stdint.h>

typedef enum schedule_type { SCHEDULE_CONSTANT = 0, SCHEDULE_COSINE } schedule_type;

typedef struct schedule {
    schedule_type type;
    int64_t warmup; /* steps of a linear rise from 0 */
    double final;   /* cosine: the value after the last step */
} schedule;

/* The value at `step` of `steps`, from `base`. Cosine: Loshchilov, Hutter 2016,
 * arXiv:1608.03983, one half wave after the warm-up. */
double schedule_value(const schedule *s, double base, int64_t step, int64_t steps);

#endif
