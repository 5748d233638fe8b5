/*
 * run/trainer.h - one network on its way through the training of a plan.
 */
#ifndef RUN_TRAINER_H
#define RUN_TRAINER_H

#include "plan/plan.h"

/* Where the time of a step goes. */
typedef enum trainer_phase {
    STEP_DATA = 0,
    STEP_QUANTIZE,
    STEP_FORWARD,
    STEP_BACKWARD,
    STEP_OPTIMIZER,
    STEP_PHASES
} trainer_phase;

extern const char *const trainer_phase_name[STEP_PHASES];

typedef struct trainer {
    const plan *p;
    const dataset *train;
    uint64_t seed;
    int64_t step; /* taken so far */
    model m;
    optim o;
    int64_t *order; /* of the samples in this epoch */
    int64_t order_epoch;
    int32_t *label; /* of the batch */
    double own_seconds[STEP_PHASES];
} trainer;

/* plan and data are borrowed. */
status trainer_open(trainer *t, const plan *p, const dataset *train, uint64_t seed, diags *d);
void trainer_close(trainer *t);

/* One step. loss_sum: over the batch's *n samples. A loss that is not finite is
 * ERR_FAILED, as is a NaN or infinity at a quantizer. */
status trainer_step(trainer *t, double *loss_sum, int64_t *n, diags *d);

/* Learning rate of the step to come. */
double trainer_lr(const trainer *t);

/* After the last step: ERR_FAILED, naming it, if a weight is not finite. */
status trainer_check_weights(const trainer *t, diags *d);

/* Seconds spent in each phase since trainer_open(). */
void trainer_seconds(const trainer *t, double seconds[STEP_PHASES]);

#endif
