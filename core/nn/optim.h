/*
 * nn/optim.h - optimizers. One step is elementwise in float; what is common to
 * all elements (bias corrections) is computed in double.
 */
#ifndef NN_OPTIM_H
#define NN_OPTIM_H

#include "nn/tape.h"

typedef enum optim_type { OPTIM_SGD = 0, OPTIM_MOMENTUM, OPTIM_ADAMW } optim_type;

typedef struct optim_config {
    optim_type type;
    double lr;
    double momentum;          /* momentum: v = momentum v + g, w -= lr v */
    double beta1, beta2, eps; /* adamw                                  */
    double weight_decay;      /* adamw: decoupled; the others: added to the gradient.
                                 Parameters that do not decay (biases) are left out */
} optim_config;

typedef struct optim {
    optim_config config;
    tape_value **params;
    int n;
    float **m, **v; /* moments, as the parameters; v NULL without AdamW */
    int64_t steps;  /* taken */
    arena buffers;
} optim;

/* params is copied; its values are borrowed. */
void optim_open(optim *o, const optim_config *c, tape_value *const *params, int n);
void optim_close(optim *o);

/* w -= update(grad); lr of this step.
 *   momentum  Polyak 1964, as PyTorch has it
 *   adamw     Loshchilov, Hutter 2017, arXiv:1711.05101; bias-corrected moments of
 *             Kingma, Ba 2014, arXiv:1412.6980, eps outside the root */
void optim_step(optim *o, double lr);

#endif
